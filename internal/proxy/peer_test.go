package proxy

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy in front that comes through a unix socket has no address by which it
// could be trusted: the socket's own permissions say who it is.
func TestForwardTrustsTheSocket(t *testing.T) {
	u := newUpstream(t)
	for _, trusted := range []bool{false, true} {
		socket := filepath.Join(t.TempDir(), "data")
		p := startServe(t, u.URL, func(s *settings) { s.Listen, s.TrustUnix = "unix:"+socket, trusted })
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}
		req := request(t, "GET", "http://h/a", nil)
		req.Header.Set("X-Forwarded-For", "192.0.2.7")
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("X-Request-Id", "told")
		require.NoError(t, testSigner(t).Sign(req))
		status, _ := do(t, transport, req)
		require.Equal(t, 200, status)
		got := u.last().header
		if trusted {
			require.Equal(t, []string{"192.0.2.7", "https", "told"}, []string{got.Get("X-Forwarded-For"), got.Get("X-Forwarded-Proto"), got.Get("X-Request-Id")})
			require.Contains(t, p.logs.String(), `"client":"192.0.2.7"`)
		} else {
			require.Empty(t, got.Get("X-Forwarded-For"))
			require.Equal(t, "http", got.Get("X-Forwarded-Proto"))
			require.NotEqual(t, "told", got.Get("X-Request-Id"))
		}
		transport.CloseIdleConnections()
	}
}

// What an upgrade needs goes through where signed headers alone are forwarded:
// nobody can sign what a browser makes up.
func TestForwardSignedUpgrade(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, func(s *settings) { s.ForwardSigned, s.AllowUpgrade = true, "websocket" })
	for _, upgrade := range []bool{true, false} {
		req := request(t, "GET", p.url+"/a", nil)
		require.NoError(t, testSigner(t).Sign(req))
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		req.Header.Set("X-Unsigned", "x")
		if upgrade {
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "websocket")
		}
		status, _ := do(t, nil, req) // the upstream does not switch
		require.Equal(t, 200, status)
		got := u.last().header
		require.Equal(t, upgrade, got.Get("Sec-WebSocket-Key") != "")
		require.Empty(t, got.Get("X-Unsigned"))
	}
}
