package hmacsigncaddy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// stores are the replay stores in use, by what they are. A configuration that is
// loaded takes over those of the one before: what was accepted under that must not
// be accepted again.
var stores = caddy.NewUsagePool()

// sharedStore is a handler's share in a store.
type sharedStore struct {
	*store
	key    any
	window time.Duration
}

// Seen implements [hmacsign.ReplayStore].
func (s *sharedStore) Seen(ctx context.Context, id [16]byte, now, expires time.Time) (bool, error) {
	date := expires.Add(-s.window)
	longest, forgotten := s.since(date)
	if now.After(forgotten) {
		return true, nil
	}
	return s.ReplayStore.Seen(ctx, id, now, date.Add(longest))
}

func (s *sharedStore) leave() error {
	_, err := stores.Delete(s.key)
	return err
}

// store is what handlers share, with windows of their own: what one of them accepts is
// remembered for as long as any other would accept it.
type store struct {
	hmacsign.ReplayStore
	caddy.Destructor
	mu      sync.Mutex
	longest time.Duration // of the windows
	used    bool
	// What was recorded before the longest window was this long is dated before
	// grown, and forgotten after the time of shorter.
	grown   time.Time
	shorter time.Duration
}

// admit makes room for a handler with this window.
func (s *store) admit(window time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used && window > s.longest {
		if s.shorter == 0 {
			s.shorter = s.longest
		}
		s.grown = time.Now().Add(s.longest)
	}
	s.longest = max(s.longest, window)
}

// since tells the longest window, and when a request of this date, which is recorded
// now, may have been forgotten.
func (s *store) since(date time.Time) (longest time.Duration, forgotten time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = true
	if date.Before(s.grown) {
		return s.longest, date.Add(s.shorter)
	}
	return s.longest, date.Add(s.longest)
}

// memoryKey is the key of a store in memory: the number that it has room for.
type memoryKey int

type memory struct{}

func (memory) Destruct() error { return nil }

func memoryStore(requests int, window time.Duration) (*sharedStore, error) {
	return share(memoryKey(requests), window, func() (caddy.Destructor, error) {
		replays, err := hmacsign.NewMemoryReplayStore(requests)
		return &store{ReplayStore: replays, Destructor: memory{}}, err
	})
}

// redisKey is the key of a store in Redis: its URL.
type redisKey string

type redis struct{ *redisreplay.Store }

func (r redis) Destruct() error {
	r.Close()
	return nil
}

func redisStore(ctx context.Context, url string, window time.Duration) (*sharedStore, error) {
	url, err := caddy.NewReplacer().ReplaceOrErr(url, true, true)
	if err != nil {
		return nil, fmt.Errorf("hmacsign: replay_guard redis: %w", err)
	}
	return share(redisKey(url), window, func() (caddy.Destructor, error) {
		replays, err := redisreplay.Open(ctx, url)
		return &store{ReplayStore: replays, Destructor: redis{replays}}, err
	})
}

func share(key any, window time.Duration, open caddy.Constructor) (*sharedStore, error) {
	shared, _, err := stores.LoadOrNew(key, open)
	if err != nil {
		return nil, err
	}
	s := &sharedStore{shared.(*store), key, window}
	s.admit(window)
	return s, nil
}
