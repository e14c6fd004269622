//go:build unix

package redisreplay

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
)

// BenchmarkSeen asks about new requests, one at a time and 64 at once.
func BenchmarkSeen(b *testing.B) {
	redis := redistest.Start(b)
	var next atomic.Int64
	for name, s := range map[string]*Store{
		"pipelined":   open(b, redis.URL()),
		"flush-20us":  open(b, redis.URL(), WithFlushDelay(20*time.Microsecond)),
		"unpipelined": unpipelined(b, redis.Addr()),
	} {
		for _, atOnce := range []int{1, 64} {
			b.Run(name+"/at-once="+strconv.Itoa(atOnce), func(b *testing.B) {
				redis.Do("FLUSHALL")
				b.ReportAllocs()
				var all sync.WaitGroup
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				for range atOnce {
					all.Go(func() {
						for left.Add(-1) >= 0 {
							if was, err := seen(s, int(next.Add(1))); was || err != nil {
								b.Error(was, err)
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}

// What the README says of a key's memory.
func TestMemory(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	used := func() int {
		n, err := strconv.Atoi(infoField(redis.Do("INFO", "memory"), "used_memory"))
		require.NoError(t, err)
		return n
	}
	const keys = 1 << 16
	before := used()
	var all sync.WaitGroup
	for worker := range 64 {
		all.Go(func() {
			for n := worker; n < keys; n += 64 {
				var id [16]byte
				copy(id[:], strings.Repeat("x", 16))
				id[8], id[9], id[10] = byte(n), byte(n>>8), byte(n>>16)
				if was, err := s.Seen(context.Background(), id, now, now.Add(5*time.Minute)); was || err != nil {
					t.Error(was, err)
				}
			}
		})
	}
	all.Wait()
	perKey := float64(used()-before) / keys
	t.Logf("%.0f B/key", perKey)
	require.Less(t, perKey, 170.0, "the README says less")
}
