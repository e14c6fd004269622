package hmacsign_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// redirecting is a server that records the Authorization headers it gets by path
// and answers some paths with a redirect.
type redirecting struct {
	*httptest.Server
	to   map[string]string
	seen map[string]string
}

func newRedirecting(t *testing.T, tls bool) *redirecting {
	r := &redirecting{to: map[string]string{}, seen: map[string]string{}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.seen[req.URL.Path] = req.Header.Get("Authorization")
		if to := r.to[req.URL.Path]; to != "" {
			http.Redirect(w, req, to, http.StatusTemporaryRedirect)
		}
	})
	if r.Server = httptest.NewUnstartedServer(handler); tls {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

// Another host must not choose what is signed: neither for itself, nor by
// sending the client back.
func TestRedirects(t *testing.T) {
	ours, hostile := newRedirecting(t, false), newRedirecting(t, false)
	get := func(url string, opts ...SignerOption) {
		client := &http.Client{Transport: newSigner(t, "hmac-sm3", opts...).Transport(nil)}
		resp, err := client.Get(url)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		resp.Body.Close()
	}
	ours.to["/moved"] = "/here"
	get(ours.URL + "/moved")
	require.NotEmpty(t, ours.seen["/here"], "the same host")

	ours.to["/elsewhere"] = hostile.URL + "/loot"
	get(ours.URL + "/elsewhere")
	require.Contains(t, hostile.seen, "/loot")
	require.Empty(t, hostile.seen["/loot"])

	hostile.to["/back"] = ours.URL + "/admin/delete"
	get(hostile.URL + "/back")
	require.Contains(t, ours.seen, "/admin/delete")
	require.Empty(t, ours.seen["/admin/delete"])

	ours.to["/there"] = hostile.URL + "/and-back"
	hostile.to["/and-back"] = ours.URL + "/admin/again"
	get(ours.URL + "/there")
	require.Contains(t, ours.seen, "/admin/again")
	require.Empty(t, ours.seen["/admin/again"], "it went through another host")

	get(ours.URL+"/elsewhere", SignRedirects())
	require.NotEmpty(t, hostile.seen["/loot"])
}

// From http to https of one host is how servers send their clients on; back is
// not, nor is another port.
func TestRedirectsBetweenSchemes(t *testing.T) {
	for _, c := range []struct {
		from, to string
		signed   bool
	}{
		{"http://api.example.com/a", "https://api.example.com/a", true},
		{"http://api.example.com:80/a", "https://API.example.com:443/a", true},
		{"https://api.example.com/a", "http://api.example.com/a", false},
		{"http://api.example.com/a", "http://api.example.com:8080/a", false},
		{"http://api.example.com/a", "http://example.com/a", false},
		{"http://api.example.com:443/a", "https://api.example.com/a", false},
		{"http://api.example.com/a", "https://api.example.com:80/a", false},
		{"http://example.com/a", "http://api.example.com/a", false},
	} {
		req := newRequest(t, "GET", c.to, "")
		req.Response = &http.Response{Request: newRequest(t, "GET", c.from, "")}
		var signed bool
		_, err := newSigner(t, "hmac-sm3").Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
			signed = r.Header.Get("Authorization") != ""
			return &http.Response{Body: http.NoBody}, nil
		})).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, c.signed, signed, "%s to %s", c.from, c.to)
	}
	lost := newRequest(t, "GET", "http://h/a", "")
	lost.Response = new(http.Response) // nobody knows from where
	_, err := newSigner(t, "hmac-sm3").Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		require.Empty(t, r.Header.Get("Authorization"))
		return &http.Response{Body: http.NoBody}, nil
	})).RoundTrip(lost)
	require.NoError(t, err)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// once is a body that can be read until it is closed.
type once struct {
	io.Reader
	closed bool
}

func (o *once) Read(p []byte) (int, error) {
	if o.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return o.Reader.Read(p)
}

func (o *once) Close() error { o.closed = true; return nil }

// A body that is not signed is read when it is sent, so it is closed then and
// not before; a refused one is closed too.
func TestTransportClosesTheBodyWhenItWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		scheme Scheme
		header string
		fails  bool
	}{"keypair": {TencentKeyPair, "", false}, "unsigned payload": {HuaweiSDK, "UNSIGNED-PAYLOAD", false}, "signed": {HuaweiSDK, "", false}, "wrong digest": {HuaweiSDK, "00", true}} {
		s, err := NewSigner(c.scheme, "hmac-sm3", Credential{testID, Secret(testSecret)})
		require.NoError(t, err)
		var got string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = string(body)
		}))
		body := &once{Reader: strings.NewReader("hello")}
		req, err := http.NewRequest("POST", server.URL, body)
		require.NoError(t, err)
		if c.header != "" {
			req.Header.Set("X-Sdk-Content-Sm3", c.header)
		}
		resp, err := (&http.Client{Transport: s.Transport(nil)}).Do(req)
		if c.fails {
			require.ErrorIs(t, err, ErrBodyDigest)
		} else {
			require.NoError(t, err, name)
			resp.Body.Close()
			require.Equal(t, "hello", got, name)
		}
		require.True(t, body.closed, name)
		server.Close()
	}
}
