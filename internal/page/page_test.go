package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/page"
)

const onePage = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><p>page</p>`

// asked is the answer to a request for a host.
func asked(t *testing.T, method, host, path string) (*http.Response, string) {
	t.Helper()
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		page.Handler([]byte(onePage), address).ServeHTTP(w, req)
	}))
	defer server.Close()
	address = server.Listener.Addr().String()
	req, err := http.NewRequest(method, server.URL+path, nil)
	require.NoError(t, err)
	if req.Host = host; host == "" {
		req.Host = address
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestHandler(t *testing.T) {
	resp, body := asked(t, "GET", "", "/")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, onePage, body)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "sandbox allow-scripts allow-forms; frame-ancestors 'none'; default-src 'none'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		require.Equal(t, []string{want}, resp.Header.Values(name))
	}
	resp, body = asked(t, "HEAD", "", "/")
	require.Equal(t, []any{200, int64(len(onePage)), ""}, []any{resp.StatusCode, resp.ContentLength, body})
	for _, c := range []struct {
		method, host, path string
		status             int
	}{
		{"GET", "attacker.example", "/", 421}, {"GET", "127.0.0.1", "/", 421}, {"GET", "localhost:1", "/", 421},
		{"GET", "", "/favicon.ico", 404}, {"GET", "", "/index.html", 404},
		{"POST", "", "/", 405}, {"OPTIONS", "", "/", 405},
	} {
		resp, body := asked(t, c.method, c.host, c.path)
		require.Equal(t, c.status, resp.StatusCode, c)
		require.NotContains(t, body, "<p>", c)
		require.NotEmpty(t, resp.Header.Get("Content-Security-Policy"), c)
	}
}
