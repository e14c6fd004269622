package wire

import (
	"bufio"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var absoluteForm = regexp.MustCompile(`(?is)^https?://[^/?]*(.*)$`)

// originForm is the target that a server of its own reads in a request line's;
// false if it has no path.
func originForm(target string) (string, bool) {
	if strings.HasPrefix(target, "/") {
		return target, true
	}
	m := absoluteForm.FindStringSubmatch(target)
	if m == nil {
		return "", false
	}
	if !strings.HasPrefix(m[1], "/") {
		return "/" + m[1], true
	}
	return m[1], true
}

// sent is the URL with which a client sends these bytes, as the proxy makes it;
// nil where net/http has none.
func sent(path, query string, asked bool) *url.URL {
	if !strings.HasPrefix(path, "//") {
		if asked {
			path += "?" + query
		}
		return &url.URL{Scheme: "http", Host: "h", Opaque: path}
	}
	decoded, err := url.PathUnescape(path)
	u := &url.URL{Scheme: "http", Host: "h", Path: decoded, RawPath: path, RawQuery: query, ForceQuery: asked}
	if err != nil || u.EscapedPath() != path {
		return nil
	}
	return u
}

// Whatever target net/http's server takes, Target gives its bytes, and they can
// be sent on.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/", "*", "/a?b=c", "/?", "/??", "/a?b?", "/a;b?c;d", "/a|b\"<>{}^`\\[]", "/%2f%2F/%3B", "//", "//a/b?", "//a|b", "/../a", "/a#b", "/\xff\xe4",
		"http://h", "http://h?", "http://h?a", "HTTPS://u@h:1/a?b", "http://h//a", "http:///a", "http:/a", "http:a", "ftp://h/a", "h:80", "/http://h/a", "/a://b",
		"http://[::1]:80/%", "/%zz", "?a", "", "/a b", "/\x01",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		in, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil || in.RequestURI != target {
			return
		}
		want, hasPath := originForm(target)
		path, query, ok := Target(in)
		require.Equal(t, hasPath, ok)
		if !ok {
			return
		}
		wantPath, wantQuery, asked := strings.Cut(want, "?")
		require.Equal(t, []string{wantPath, wantQuery}, []string{path, query})

		out := &http.Request{Method: "GET", Host: "h", Header: http.Header{}, URL: sent(path, query, asked)}
		if out.URL == nil {
			return
		}
		var line strings.Builder
		require.NoError(t, out.Write(&line))
		require.True(t, strings.HasPrefix(line.String(), "GET "+want+" HTTP/1.1\r\n"), "%q", line.String())
		path, query, ok = Target(out)
		require.True(t, ok)
		require.Equal(t, []string{wantPath, wantQuery}, []string{path, query})
	})
}
