package hmacsign_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// What is left unread of a refused body must not be taken for the next request
// of the connection, whether the middleware or a handler of its own verifies.
func TestRefusedBodyIsNotTheNextRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("needs two seconds, for connections that linger")
	}
	const unread = 1<<20 + 300<<10 // more than net/http reads away
	filler := strings.Repeat("x", 1<<20+256<<10+1)
	body := filler + "GET /SMUGGLED HTTP/1.1\r\nHost: evil\r\n\r\n"
	body += strings.Repeat("x", unread-len(body))
	for name, c := range map[string]struct {
		budget  *Budget
		chunked bool
		status  string
	}{
		"too large": {newBudget(t, 1<<30, 1<<30), true, "413"}, "busy in memory": {newBudget(t, 1, 0), false, "503"},
		"busy on disk": {newBudget(t, 1<<30, 100_000), false, "503"}, "declared too large": {newBudget(t, 1<<30, 1<<30), false, "413"},
	} {
		limit := int64(1 << 20)
		if strings.HasPrefix(name, "busy") {
			limit = 10 << 20
		}
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
		require.NoError(t, err)
		v, err := NewVerifier(keys, WithBudget(c.budget), WithMaxBody(limit))
		require.NoError(t, err)
		direct := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { r.Body.Close() }()
			if _, err := v.Verify(r); err != nil {
				w.WriteHeader(err.(*VerifyError).Status())
			}
		})
		accepted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
		for way, handler := range map[string]http.Handler{"middleware": v.Middleware(accepted), "handler": direct} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel() // each waits for the server to linger
				var mu sync.Mutex
				var seen []string
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					seen = append(seen, r.Method+" "+r.URL.Path)
					mu.Unlock()
					handler.ServeHTTP(w, r)
				}))
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				require.NoError(t, err)
				require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
				framing, sent := fmt.Sprintf("Content-Length: %d", len(body)), body
				if c.chunked {
					framing, sent = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				}
				go fmt.Fprintf(conn, "POST /a HTTP/1.1\r\nHost: h\r\nX-Date: %s\r\nContent-Type: text/plain\r\n%s\r\n"+
					"Authorization: hmac id=\"test-key\", algorithm=\"hmac-sm3\", headers=\"x-date\", signature=\"AAAA\"\r\n\r\n%s", time.Now().UTC().Format(http.TimeFormat), framing, sent)
				answer, _ := io.ReadAll(bufio.NewReader(conn)) // until the server closes it, or resets it
				conn.Close()
				server.Close()
				require.Equal(t, []string{"POST /a"}, seen, "%s, %s", name, way)
				if len(answer) > 0 {
					require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status), "%s, %s: %.100s", name, way, answer)
					require.Contains(t, string(answer), "Connection: close", "%s, %s", name, way)
				}
			})
		}
	}
}
