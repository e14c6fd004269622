package hmacsigncaddy

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// What a handler with a short window has accepted, one with a longer window does not
// accept again when the short one's time is over.
func TestReplayWindows(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, strings.ReplaceAll(`{{addr}} {
		@short header X-Route short
		handle @short {
			hmacsign {
				keys {{keys}}
				replay_guard 1000
				window 1s
			}
			reverse_proxy UPSTREAM
		}
		handle {
			hmacsign {
				keys {{keys}}
				replay_guard 1000
			}
			reverse_proxy UPSTREAM
		}
	}`, "UPSTREAM", up.address()))
	date := time.Now().Truncate(time.Second).Add(time.Second)
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithClock(func() time.Time { return date }))
	request := func(path, route string) string {
		req := signed(t, signer, "GET", "http://"+s.addr+path, "", http.Header{})
		req.Header.Set("X-Route", route)
		return wireText(t, req)
	}
	status, _ := send(s.addr, request("/a", "short"))
	require.Equal(t, 200, status)
	time.Sleep(time.Until(date.Add(1100 * time.Millisecond)))
	status, body := send(s.addr, request("/a", "short"))
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"expired"`)
	status, body = send(s.addr, request("/a", "long"))
	require.Equal(t, 401, status, "it was accepted once more")
	require.Contains(t, body, `"reason":"replayed"`)
	status, _ = send(s.addr, request("/b", "long"))
	require.Equal(t, 200, status)
}

// A window that a new configuration makes longer is not for requests that may have been
// accepted, and forgotten, under the one before.
func TestReplayWindowGrows(t *testing.T) {
	const size = 77 // no other test has it
	var ids byte
	start := time.Now()
	join := func(window time.Duration) func(id byte, dated, after time.Duration) bool {
		s, err := memoryStore(size, window)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.leave()) })
		return func(id byte, dated, after time.Duration) bool {
			seen, err := s.Seen(context.Background(), [16]byte{id}, start.Add(after), start.Add(dated).Add(window))
			require.NoError(t, err)
			return seen
		}
	}
	fresh := func() byte { ids++; return ids }
	short := join(time.Minute)
	early, ahead := fresh(), fresh()
	require.False(t, short(early, 0, 0))
	require.False(t, short(ahead, 50*time.Second, 0), "its date is in the future")

	long := join(10 * time.Minute)
	require.True(t, long(early, 0, 30*time.Second))
	require.False(t, long(fresh(), 0, 30*time.Second))
	require.False(t, short(fresh(), 0, 59*time.Second))
	require.True(t, long(early, 0, 2*time.Minute), "forgotten")
	require.True(t, long(ahead, 50*time.Second, 2*time.Minute), "forgotten")
	longest := join(20 * time.Minute)
	require.True(t, longest(early, 0, 2*time.Minute))
	later := fresh()
	dated := 11 * time.Minute
	require.False(t, longest(later, dated, dated))
	require.True(t, longest(later, dated, dated+19*time.Minute))
	require.False(t, longest(fresh(), dated, dated+19*time.Minute), "what comes late is not refused for ever")
}
