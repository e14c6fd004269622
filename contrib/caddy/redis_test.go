package hmacsigncaddy

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// Requests recorded in Redis are refused by a Caddy that never saw them, and none
// passes while Redis does not answer.
func TestReplayInRedis(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("needs redis-server (apt-get install redis-server)")
	}
	redis, up := redistest.Start(t), startUpstream(t)
	t.Setenv("HMACSIGN_TEST_REDIS", redis.URL())
	site := fmt.Sprintf(`{{addr}} {
		hmacsign {
			keys {{keys}}
			replay_guard redis {env.HMACSIGN_TEST_REDIS}
		}
		reverse_proxy %s
	}`, up.address())
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithSignedHeaders("X-N", "Host"))
	text := func(n string) string {
		return wireText(t, signed(t, signer, "GET", "http://gateway/a", "", http.Header{"X-N": {n}}))
	}
	first, second := text("1"), text("2")
	t.Run("one", func(t *testing.T) {
		s := startCaddy(t, site)
		status, body := send(s.addr, first)
		require.Equal(t, 200, status, body)
		status, body = send(s.addr, first)
		require.Equal(t, 401, status)
		require.Contains(t, body, `"reason":"replayed"`)
	})
	s := startCaddy(t, site)
	status, body := send(s.addr, first)
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"replayed"`)
	status, body = send(s.addr, second)
	require.Equal(t, 200, status, body)
	require.Len(t, up.arrived(), 2)

	redis.Kill()
	status, body = send(s.addr, text("3"))
	require.Equal(t, 503, status)
	require.Contains(t, body, `"reason":"unavailable"`)
	require.Empty(t, up.arrived())
	require.Contains(t, s.logged(), `"level":"error"`)
	redis.Restart()
	require.Eventually(t, func() bool {
		status, _ := send(s.addr, text(fmt.Sprint(time.Now().UnixNano())))
		return status == 200
	}, 30*time.Second, 50*time.Millisecond)
	require.False(t, strings.Contains(s.logged(), testSecret))
}
