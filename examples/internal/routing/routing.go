// Package routing tests that a server verifies requests and then routes them by the path
// that was signed.
package routing

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// Verifier is for the server under test.
func Verifier(t *testing.T) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	return verifier
}

// Test asks the server at addr, which has POST /files/ and one segment, the name, and
// "another route" at POST /files/a/b.
func Test(t *testing.T, addr string) {
	t.Run("routes", func(t *testing.T) {
		for _, scheme := range hmacsign.Schemes() {
			for target, want := range map[string]string{
				"/files/a":         `200 app-1 writes text to "a"`,
				"/files/a%20b?c=d": `200 app-1 writes text to "a b"`,
				"/files/%E6%9D%8E": `200 app-1 writes text to "李"`,
				"/files/a+b":       `200 app-1 writes text to "a+b"`, // a plus is one in a path
				"/files/%41":       `200 app-1 writes text to "A"`,
				"/files/a%2Fb":     `200 app-1 writes text to "a/b"`,
				"/files/a%252Fb":   `200 app-1 writes text to "a%2Fb"`,
				"/files/%2e%2e":    `200 app-1 writes text to ".."`,
				"/files/a/b":       "200 another route",
				"/files/b/../a/b":  "404",
				"/files//a":        "404",
				"/files/./a":       "404",
				"/files/a/":        "404",
				"//files/a":        "404",
				"/./files/a":       "404",
				"/x/../files/a":    "404",
				"/files%2Fa":       "404",
				"/%66iles/a":       "404",
				"/":                "404",
			} {
				status, body := send(t, addr, signed(t, scheme, target))
				got := fmt.Sprint(status, " ", body)
				if status == http.StatusNotFound {
					got = "404" // in the router's own words
				}
				require.Equal(t, want, got, "%s %s", scheme.Name(), target)
			}
		}
	})
	t.Run("the body that was verified is the one that arrives", func(t *testing.T) {
		request := signed(t, hmacsign.TencentApp, "/files/a")
		const length = "Content-Length: 4\r\n"
		framed := func(with, body string) string {
			require.Contains(t, request, length)
			return strings.TrimSuffix(strings.Replace(request, length, with, 1), "text") + body
		}
		const chunked, accepted = "Transfer-Encoding: chunked\r\n", `200 app-1 writes text to "a"`
		for what, test := range map[string]struct{ request, want string }{
			"chunks":                 {framed(chunked, "2\r\nte\r\n2\r\nxt\r\n0\r\n\r\n"), accepted},
			"method override":        {framed(length+"X-HTTP-Method-Override: DELETE\r\n", "text"), accepted},
			"other chunks":           {framed(chunked, "2\r\nte\r\n2\r\nst\r\n0\r\n\r\n"), "401"},
			"more behind its length": {framed(length, "textual"), accepted},
			"a shorter length":       {framed("Content-Length: 3\r\n", "text"), "401"},
			"two lengths":            {framed(length+"Content-Length: 3\r\n", "text"), "4"},
			"length and chunks":      {framed("Content-Length: 3\r\n"+chunked, "4\r\ntest\r\n0\r\n\r\n"), "4"},
		} {
			status, body := send(t, addr, test.request)
			require.True(t, strings.HasPrefix(fmt.Sprint(status, " ", body), test.want), "%s: %d %s", what, status, body)
		}
	})
	t.Run("refused", func(t *testing.T) {
		request := signed(t, hmacsign.TencentApp, "/files/a%2Fb?c=d")
		status, body := send(t, addr, request)
		require.Equal(t, http.StatusOK, status, body)
		for what, changed := range map[string]string{
			"another route":     strings.Replace(request, "/a%2Fb", "/a/b", 1),
			"another name":      strings.Replace(request, "/a%2Fb", "/a%252Fb", 1),
			"a slash more":      strings.Replace(request, "/files", "//files", 1),
			"a dot":             strings.Replace(request, "/files", "/./files", 1),
			"query":             strings.Replace(request, "?c=d", "?c=e", 1),
			"method":            strings.Replace(request, "POST", "PUT", 1),
			"body":              strings.Replace(request, "\r\n\r\ntext", "\r\n\r\ntest", 1),
			"date":              strings.Replace(request, "X-Date: ", "X-Date: Thu, 11 Mar 2021 08:29:58 GMT\r\nX-Was: ", 1),
			"two types":         strings.Replace(request, "Content-Type", "Content-Type: text/html\r\nContent-Type", 1),
			"two signatures":    strings.Replace(request, "Authorization", "Authorization: x\r\nAuthorization", 1),
			"two dates":         strings.Replace(request, "X-Date", "X-Date: x\r\nX-Date", 1),
			"unsigned":          strings.Replace(request, "Authorization", "X-Authorization", 1),
			"unsigned, nowhere": "GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		} {
			require.NotEqual(t, request, changed)
			status, body := send(t, addr, changed)
			require.Equal(t, http.StatusUnauthorized, status, what)
			require.Contains(t, body, `"reason":`, what)
		}
	})
}

// signed is a request as it goes over the wire.
func signed(t *testing.T, scheme hmacsign.Scheme, target string) string {
	signer, err := hmacsign.NewSigner(scheme, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	require.NoError(t, err)
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	req, err := http.NewRequest("POST", "http://h", strings.NewReader("text"))
	require.NoError(t, err)
	u.Scheme, u.Host, req.URL = "http", "h", u
	req.Header.Set("Content-Type", "text/plain")
	require.NoError(t, signer.Sign(req))
	var text strings.Builder
	fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n", target)
	require.NoError(t, req.Header.Write(&text))
	return text.String() + "\r\ntext"
}

// send sends a request as it is, and returns the status and the body of the answer.
func send(t *testing.T, addr, request string) (int, string) {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
