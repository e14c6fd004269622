//go:build unix

package redistest

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServer(t *testing.T) {
	s := Start(t, "--appendonly", "yes", "--requirepass", "a-password")
	require.Equal(t, "OK", s.Do("SET", "a", "1"))
	require.Equal(t, "1", s.Do("GET", "a"))
	require.Contains(t, s.URL(), "a-password")
	r := s.Replica()
	require.Equal(t, "1", r.Do("GET", "a"))
	_, err := r.Try("SET", "b", "1")
	require.ErrorContains(t, err, "READONLY")
	s.Pause()
	conn, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err, "the system accepts")
	conn.Write([]byte("PING\r\n"))
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "a stopped server answered")
	s.Resume()
	conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	s.Stop()
	_, err = s.Try("PING")
	require.Error(t, err)
	s.Restart()
	require.Equal(t, "1", s.Do("GET", "a"), "from the append-only file")
	s.Kill()
	r.Promote()
	require.Equal(t, "OK", r.Do("SET", "b", "1"))
}

func TestProxyDelaysAndCuts(t *testing.T) {
	s := Start(t)
	p := NewProxy(t, s.Addr())
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	conn.SetDeadline(time.Now().Add(patience))
	ask := func() time.Duration {
		start := time.Now()
		_, err := conn.Write([]byte("PING\r\n"))
		require.NoError(t, err)
		answer := make([]byte, 7)
		_, err = conn.Read(answer)
		require.NoError(t, err)
		require.Equal(t, "+PONG\r\n", string(answer))
		return time.Since(start)
	}
	ask()
	p.SetDelay(60 * time.Millisecond)
	require.GreaterOrEqual(t, ask(), 60*time.Millisecond)
	p.Cut()
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
}

func TestSentinelAndCluster(t *testing.T) {
	master := Start(t)
	replica := master.Replica()
	s := Sentinel(t, "main", master)
	require.Contains(t, s.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"), strings.TrimPrefix(master.Addr(), "127.0.0.1:"))
	require.NotEqual(t, master.Addr(), replica.Addr())
	for _, node := range Cluster(t, 3) {
		require.Contains(t, node.Do("CLUSTER", "INFO"), "cluster_known_nodes:3")
	}
}
