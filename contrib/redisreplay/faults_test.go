//go:build unix

package redisreplay

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
)

const limit = 100 * time.Millisecond

// A load asks about new requests and about each of them again, and keeps count of
// how often each was accepted.
type load struct {
	accepted [2000]atomic.Int32
	done     atomic.Int32
	errors   atomic.Int32
	slowest  atomic.Int64 // of those that failed
	all      sync.WaitGroup
}

func startLoad(stores ...*Store) *load {
	l := new(load)
	var next atomic.Int32
	for range 8 {
		l.all.Go(func() {
			for n := next.Add(1) - 1; int(n) < len(l.accepted); n = next.Add(1) - 1 {
				for _, s := range stores {
					l.ask(s, int(n))
				}
				l.done.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	return l
}

func (l *load) ask(s *Store, n int) {
	start := time.Now()
	was, err := seen(s, n)
	took := int64(time.Since(start))
	switch {
	case err != nil:
		l.errors.Add(1)
		for most := l.slowest.Load(); took > most && !l.slowest.CompareAndSwap(most, took); most = l.slowest.Load() {
		}
	case !was:
		l.accepted[n].Add(1)
	}
}

// wait waits for so many requests.
func (l *load) wait(t *testing.T, n int) {
	require.Eventually(t, func() bool { return int(l.done.Load()) >= n }, hangGuard, time.Millisecond)
}

// check ends the load and holds what was accepted against what Redis has.
func (l *load) check(t *testing.T, what string, redis *redistest.Server) {
	l.all.Wait()
	total, unrecorded, twice := 0, 0, 0
	for n := range l.accepted {
		switch count := l.accepted[n].Load(); {
		case count == 0:
			continue
		case count > 1:
			twice++
		}
		total++
		key := id(n)
		if redis.Do("EXISTS", "hmacsign:"+string(key[:])) != "1" {
			unrecorded++
		}
	}
	t.Logf("%s: accepted %d of %d, more than once %d, unrecorded %d, errors %d, the slowest error after %v", what, total, len(l.accepted), twice, unrecorded, l.errors.Load(), time.Duration(l.slowest.Load()))
	require.Zero(t, twice, "accepted more than once")
	require.Zero(t, unrecorded, "accepted and not recorded")
	require.Positive(t, total)
	require.Less(t, time.Duration(l.slowest.Load()), limit+2*time.Second, "an error took far longer than the limit")
}

// serving waits until requests are recorded again and returns how long that took.
func serving(t *testing.T, s *Store, n int) time.Duration {
	start := time.Now()
	require.Eventually(t, func() bool {
		_, err := seen(s, n)
		return err == nil
	}, hangGuard, time.Millisecond)
	return time.Since(start)
}

func TestPausedInMidLoad(t *testing.T) {
	redis := redistest.Start(t)
	a, b := open(t, redis.URL(), WithTimeout(limit)), open(t, redis.URL(), WithTimeout(limit))
	l := startLoad(a, b)
	l.wait(t, 300)
	redis.Pause()
	_, err := seen(a, -1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Error(t, b.Ready(t.Context()))
	time.Sleep(500 * time.Millisecond)
	redis.Resume()
	t.Logf("serving again after %v", serving(t, a, -2))
	l.check(t, "paused", redis)
	require.Positive(t, l.errors.Load())
}

// More wait than the driver's queue holds, for longer than the driver's patience.
func TestPausedForLong(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL(), WithTimeout(limit))
	redis.Pause()
	start := time.Now()
	var all sync.WaitGroup
	var slowest atomic.Int64
	before, most := runtime.NumGoroutine(), 0
	for n := range 3000 {
		all.Go(func() {
			start := time.Now()
			if _, err := seen(s, n); err == nil {
				t.Error("a request passed")
			}
			for took, most := int64(time.Since(start)), slowest.Load(); took > most && !slowest.CompareAndSwap(most, took); most = slowest.Load() {
			}
		})
	}
	for range 20 {
		most = max(most, runtime.NumGoroutine())
		time.Sleep(5 * time.Millisecond)
	}
	all.Wait()
	t.Logf("3000 errors, the slowest after %v, with %d goroutines", time.Duration(slowest.Load()), most)
	require.Less(t, most, before+3000+maxPending+100, "what waits for Redis is not bounded")
	require.Less(t, time.Since(start), hangGuard)
	time.Sleep(2500 * time.Millisecond)
	_, err := seen(s, -1)
	require.Error(t, err)
	redis.Resume()
	t.Logf("serving again after %v", serving(t, s, -2))
}

func TestKilledInMidLoad(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	a, b := open(t, redis.URL(), WithTimeout(limit)), open(t, redis.URL(), WithTimeout(limit))
	l := startLoad(a, b)
	l.wait(t, 300)
	redis.Kill()
	_, err := seen(a, -1)
	require.Error(t, err)
	time.Sleep(100 * time.Millisecond)
	redis.Restart()
	t.Logf("serving again after %v, %v", serving(t, a, -2), serving(t, b, -3))
	l.check(t, "killed", redis)
	require.Positive(t, l.errors.Load())
}

// A connection that is lost costs no request: the token tells the second try from
// a replay.
func TestCutConnections(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	s := open(t, proxy.URL(), WithTimeout(time.Second))
	for n := range 50 {
		was, err := seen(s, n)
		require.NoError(t, err)
		require.False(t, was, "our own first try was taken for a replay")
		proxy.Cut()
	}
	for n := range 50 {
		was, err := seen(s, n)
		require.NoError(t, err)
		require.True(t, was)
	}
}

// The command was carried out, and its answer was lost with the connection.
func TestAnswerLost(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	s, err := New(t.Context(), rueidis.ClientOption{InitAddress: []string{proxy.Addr()}, PipelineMultiplex: -1}, WithTimeout(hangGuard))
	require.NoError(t, err)
	defer s.Close()
	for n := range 20 {
		proxy.HoldAnswers(true)
		result := make(chan error, 1)
		go func() {
			was, err := seen(s, n)
			if err == nil && was {
				err = context.Canceled // told apart below
			}
			result <- err
		}()
		key := id(n)
		redis.WaitFor("has the record", func() bool { return redis.Do("EXISTS", "hmacsign:"+string(key[:])) == "1" })
		proxy.HoldAnswers(false)
		proxy.Cut()
		require.NoError(t, <-result)
	}
}

func TestOutOfMemory(t *testing.T) {
	redis := redistest.Start(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
	s := open(t, redis.URL())
	accepted, full := 0, false
	for n := 0; n < 100_000 && !full; n++ {
		was, err := seen(s, n)
		if full = err != nil; full {
			require.ErrorContains(t, err, "OOM")
			break
		}
		require.False(t, was)
		accepted++
	}
	require.True(t, full, "the memory was never full")
	for n := range accepted { // none was dropped
		was, err := seen(s, n)
		if err == nil { // with OOM a replay is an error too
			require.True(t, was)
		}
	}
	redis.Do("CONFIG", "SET", "maxmemory", "0")
	for n := range accepted {
		was, err := seen(s, n)
		require.NoError(t, err)
		require.True(t, was)
	}
	was, err := seen(s, accepted)
	require.NoError(t, err)
	require.False(t, was, "what was refused was recorded")
}

func TestEvictionRefused(t *testing.T) {
	redis := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	_, err := Open(t.Context(), redis.URL())
	require.ErrorContains(t, err, `maxmemory-policy "allkeys-lru"`)
	require.ErrorContains(t, err, "AllowEviction")
	s := open(t, redis.URL(), AllowEviction())
	_, err = seen(s, 1)
	require.NoError(t, err)

	redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	s = open(t, redis.URL())
	require.NoError(t, s.Ready(t.Context()))
	redis.Do("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
	require.ErrorContains(t, s.Ready(t.Context()), "volatile-ttl")
	_, err = seen(s, 2)
	require.ErrorContains(t, err, "volatile-ttl", "a request passed on a Redis that may forget it")
	redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	require.NoError(t, s.Ready(t.Context()))
	_, err = seen(s, 2)
	require.NoError(t, err)
}

// The watch finds a change without being asked.
func TestEvictionNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the watch waits")
	}
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	require.Eventually(t, func() bool {
		_, err := seen(s, 1)
		return err != nil
	}, checkEvery+hangGuard, 50*time.Millisecond)
}

// A service may forbid CONFIG: then INFO tells, or nothing does.
func TestPolicyAskedOtherwise(t *testing.T) {
	for _, renamed := range []string{"", "other-"} {
		rename := func(command string) []string {
			if renamed == "" {
				return []string{"--rename-command", command, ""}
			}
			return []string{"--rename-command", command, renamed + command}
		}
		redis := redistest.Start(t, append(rename("CONFIG"), "--maxmemory-policy", "allkeys-lru")...)
		_, err := Open(t.Context(), redis.URL())
		require.ErrorContains(t, err, `"allkeys-lru"`)
		redis = redistest.Start(t, rename("CONFIG")...)
		open(t, redis.URL())
		redis = redistest.Start(t, append(rename("CONFIG"), rename("INFO")...)...)
		_, err = Open(t.Context(), redis.URL())
		require.ErrorContains(t, err, "AllowEviction")
		open(t, redis.URL(), AllowEviction())
	}
}

func TestReplicaIsRefused(t *testing.T) {
	redis := redistest.Start(t)
	replica := redis.Replica()
	_, err := Open(t.Context(), replica.URL())
	require.ErrorContains(t, err, `"replica"`)

	// One that became a replica later.
	other := redistest.Start(t)
	s := open(t, other.URL())
	other.Do("REPLICAOF", "127.0.0.1", portOf(redis))
	_, err = seen(s, 1)
	require.ErrorContains(t, err, "READONLY")
	require.Error(t, s.Ready(t.Context()))
}

func portOf(redis *redistest.Server) string { return redis.Addr()[len("127.0.0.1:"):] }

// A replica that is promoted before it had the record forgets it: the replay
// passes, which the README says. With WithReplicas the first copy was refused.
func TestPromotedBeforeTheRecord(t *testing.T) {
	redis := redistest.Start(t)
	replica := redis.Replica()
	link := redistest.NewProxy(t, redis.Addr())
	replica.Do("REPLICAOF", "127.0.0.1", strings.TrimPrefix(link.Addr(), "127.0.0.1:"))
	replica.WaitFor("is in step", func() bool { return strings.Contains(replica.Do("INFO", "replication"), "master_link_status:up") })
	plain := open(t, redis.URL())
	careful := open(t, redis.URL(), WithReplicas(1), WithTimeout(time.Second))
	ask := func(s *Store, n int) bool {
		was, err := seen(s, n)
		require.NoError(t, err)
		return was
	}
	require.Eventually(t, func() bool { _, err := seen(careful, 0); return err == nil }, hangGuard, time.Millisecond)
	require.False(t, ask(careful, 1))
	require.True(t, ask(careful, 1))

	link.HoldAnswers(true) // the replica gets nothing more
	require.False(t, ask(plain, 2))
	_, err := seen(careful, 3)
	require.ErrorContains(t, err, "0 of 1 replicas confirmed")
	require.True(t, ask(careful, 3), "it may have been recorded: at most once")
	redis.Kill()
	link.Cut()
	replica.Promote()

	after := open(t, replica.URL())
	require.True(t, ask(after, 1), "what a replica confirmed was forgotten")
	require.False(t, ask(after, 2), "the README says that this is forgotten")
	require.False(t, ask(after, 3), "refused by then, so this is the first that passes")
}

func TestReplicasUnderLoad(t *testing.T) {
	redis := redistest.Start(t)
	replica := redis.Replica()
	stores := []*Store{open(t, redis.URL(), WithReplicas(1)), open(t, redis.URL(), WithReplicas(1))}
	for round := range 50 {
		fresh, failed := race(stores, 32, round)
		require.Equal(t, 1, fresh)
		require.Zero(t, failed)
	}
	require.Equal(t, "50", replica.Do("DBSIZE"))
}

// Whoever waits for a slow Redis gets no second chance to pass.
func TestDelay(t *testing.T) {
	redis := redistest.Start(t)
	proxies := []*redistest.Proxy{redistest.NewProxy(t, redis.Addr()), redistest.NewProxy(t, redis.Addr())}
	stores := []*Store{open(t, proxies[0].URL(), WithTimeout(limit)), open(t, proxies[1].URL(), WithTimeout(limit))}
	for _, p := range proxies {
		p.SetDelay(50 * time.Millisecond)
	}
	accepted, none := 0, 0
	for round := range 20 {
		fresh, _ := race(stores, 32, round)
		require.LessOrEqual(t, fresh, 1)
		accepted += fresh
		if fresh == 0 {
			none++
		}
	}
	t.Logf("50 ms of delay: 20 rounds of 32 copies, accepted %d, none accepted %d, replays accepted 0", accepted, none)
	require.Positive(t, accepted)

	// Slower than the limit: nothing passes. A connection is made all the same, and
	// is there when Redis is quick again.
	for _, p := range proxies {
		p.SetDelay(150 * time.Millisecond)
		p.Cut()
	}
	for n := 100; n < 105; n++ {
		_, err := seen(stores[0], n)
		require.Error(t, err)
	}
	for _, p := range proxies {
		p.SetDelay(60 * time.Millisecond)
	}
	t.Logf("serving again after %v", serving(t, stores[0], 200))
}

// A connection that takes longer than a request may wait is there for the next.
func TestSlowConnection(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	s := open(t, proxy.URL(), WithTimeout(limit))
	proxy.SetDelay(70 * time.Millisecond) // twice for a connection and a request
	proxy.Cut()
	serving(t, s, 1)
}

func TestClientGone(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	redis.Pause()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() {
		_, err := s.Seen(ctx, id(1), now, now.Add(time.Minute))
		result <- err
	}()
	time.Sleep(20 * time.Millisecond)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	redis.Resume()
	_, err := seen(s, 2)
	require.NoError(t, err, "it took others' connection with it")

	_, err = s.Seen(ctx, id(3), now, now.Add(time.Minute))
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenWithoutRedis(t *testing.T) {
	_, err := Open(t.Context(), "redis://127.0.0.1:"+freePort(t))
	require.ErrorContains(t, err, "refused")

	redis := redistest.Start(t)
	redis.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, redis.URL())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Close ends, whatever Redis does.
func TestCloseWhilePaused(t *testing.T) {
	redis := redistest.Start(t)
	s, err := New(t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}}, WithTimeout(limit))
	require.NoError(t, err)
	redis.Pause()
	_, err = seen(s, 1)
	require.Error(t, err)
	ended := make(chan bool)
	go func() {
		s.Close()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(hangGuard):
		t.Fatal("Close does not end")
	}
}
