package httptext

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// oddRequests are sent to addr with targets and bodies that senders are apt to change.
func oddRequests(addr string) (all []*Request) {
	for _, target := range []string{"/", "/a?b=c", "/?", "/a//b/../c?", "//a/b?c", "/%zz%2f?%zz", "/a|b\"<>^`{}[]\\?c|d", "/李?李", "/a#b?c#d", "*", "/it's?$HOME"} {
		all = append(all, &Request{Method: "GET", Scheme: "http", Host: addr, Target: target, Header: []hmacsign.HeaderField{{Name: "Accept", Value: "*/*"}}})
	}
	for _, body := range []string{"a=1", "it's", "a\nb\n", "\x00\xff%\\\r\n-", "-a", strings.Repeat("a", 100<<10)} {
		all = append(all, &Request{Method: "POST", Scheme: "http", Host: addr, Target: "/a", Body: []byte(body), Header: []hmacsign.HeaderField{{Name: "X-a", Value: "it's \"$HOME\""}, {Name: "X-a", Value: "2"}, {Name: "Empty"}}})
	}
	return append(all, &Request{Method: "HEAD", Scheme: "http", Host: addr, Target: "/a"},
		&Request{Method: "POST", Scheme: "http", Host: addr, Target: "/a", Header: []hmacsign.HeaderField{{Name: "User-Agent", Value: "u"}, {Name: "Transfer-Encoding", Value: "chunked"}}, Body: []byte("a=1")},
		&Request{Method: "PUT", Scheme: "http", Host: "other:81", address: addr, Target: "/a"})
}

// sorted has the headers in an order that does not depend on the sender.
func sorted(r Request, without ...string) Request {
	r.Header = slices.DeleteFunc(slices.Clone(r.Header), func(f hmacsign.HeaderField) bool { return slices.Contains(without, f.Name) })
	if len(r.Header) == 0 {
		r.Header = nil
	}
	for i := range r.Header {
		r.Header[i].Name = http.CanonicalHeaderKey(r.Header[i].Name)
	}
	slices.SortStableFunc(r.Header, func(a, b hmacsign.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// net/http sends the bytes of a request, and Raw writes those that it sends.
func TestHTTPSends(t *testing.T) {
	addr, wire := recorder(t)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	for _, r := range oddRequests(addr) {
		req, err := r.HTTP()
		if strings.HasPrefix(r.Target, "//") && err != nil {
			continue
		}
		require.NoError(t, err, r.Target)
		resp, err := client.Do(req)
		require.NoError(t, err, r.Target)
		require.NoError(t, resp.Body.Close())
		sent := parsed(t, string(<-wire))
		require.Equal(t, sorted(same(r), "Connection"), sorted(same(sent), "Connection"))

		back, err := FromHTTP(req)
		require.NoError(t, err)
		require.Equal(t, sorted(same(r)), sorted(same(back)))
		require.Equal(t, r.address, back.address)
		var written bytes.Buffer
		req.Body, err = req.GetBody()
		require.NoError(t, err)
		require.NoError(t, req.Write(&written))
		require.Equal(t, written.String(), string(back.Raw()))
	}
	_, err := (&Request{Method: "GET", Target: "/"}).HTTP()
	require.ErrorIs(t, err, ErrUnsupported)
	_, err = (&Request{Method: "GET", Host: "h", Target: "//%zz"}).HTTP()
	require.ErrorIs(t, err, ErrUnsupported)
}

// The command that is written sends the request, with the real curl.
func TestCurlSends(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("this test needs curl")
	}
	addr, wire := recorder(t)
	for _, r := range oddRequests(addr) {
		command := r.Curl()
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		require.NoError(t, err, "%.999s: %s", command, out)
		raw := <-wire
		sent := parsed(t, string(raw))
		without := "User-Agent"
		if len(r.values(without)) > 0 {
			without = ""
		}
		require.Equal(t, sorted(same(r)), sorted(same(sent), without, "Expect"), "%.999s", command)
	}
}

// A request that net/http's server has is judged as its text is.
func TestWireIsWhatServersGet(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "k", Secret: hmacsign.Secret("a-secret-of-some-length")})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	for _, s := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.TencentKeyPair, hmacsign.HuaweiSDK} {
		signer, err := hmacsign.NewSigner(s, "hmac-sm3", hmacsign.Credential{KeyID: "k", Secret: hmacsign.Secret("a-secret-of-some-length")})
		require.NoError(t, err)
		r := &Request{Method: "POST", Host: "h", Target: "/a//b?c=%20", Body: []byte("abc"), Header: []hmacsign.HeaderField{{Name: "content-type", Value: "text/plain"}}}
		req, err := r.HTTP()
		require.NoError(t, err)
		require.NoError(t, signer.Sign(req))
		signed, err := FromHTTP(req)
		require.NoError(t, err)
		raw := string(signed.Raw())
		for _, c := range []struct{ old, new string }{
			{"", ""}, {"abc", "abd"}, {"abc", "ab"}, {"abc", "abcd"}, {"Length: 3", "Length: 2"}, {"Length: 3", "Length: 0"}, {"Length: 3", "Length: 4"}, {"/a//b", "/a/b"},
			{"Host: h", "Host: i"}, {" /a//b", " http://h/a//b"}, {" /a//b", " https://i/a//b"},
		} {
			text := strings.Replace(raw, c.old, c.new, 1)
			req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
			require.NoError(t, err)
			_, want := v.Verify(req)
			_, got := v.VerifyWire(t.Context(), parsed(t, text).Wire())
			require.Equal(t, outcome(want), outcome(got), "%s: %q", s.Name(), text)
			io.Copy(io.Discard, req.Body)
		}
	}
}
