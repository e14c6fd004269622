package hmacsigncaddy

import (
	"context"
	"fmt"

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
	hmacsign.ReplayStore
	key any
}

func (s *sharedStore) leave() error {
	_, err := stores.Delete(s.key)
	return err
}

// memoryKey is the key of a store in memory: the number that it has room for.
type memoryKey int

type memory struct{ *hmacsign.MemoryReplayStore }

func (memory) Destruct() error { return nil }

func memoryStore(requests int) (*sharedStore, error) {
	return share(memoryKey(requests), func() (caddy.Destructor, error) {
		store, err := hmacsign.NewMemoryReplayStore(requests)
		return memory{store}, err
	})
}

// redisKey is the key of a store in Redis: its URL.
type redisKey string

type redis struct{ *redisreplay.Store }

func (r redis) Destruct() error {
	r.Close()
	return nil
}

func redisStore(ctx context.Context, url string) (*sharedStore, error) {
	url, err := caddy.NewReplacer().ReplaceOrErr(url, true, true)
	if err != nil {
		return nil, fmt.Errorf("hmacsign: replay_guard redis: %w", err)
	}
	return share(redisKey(url), func() (caddy.Destructor, error) {
		store, err := redisreplay.Open(ctx, url)
		return redis{store}, err
	})
}

func share(key any, open caddy.Constructor) (*sharedStore, error) {
	store, _, err := stores.LoadOrNew(key, open)
	if err != nil {
		return nil, err
	}
	return &sharedStore{store.(hmacsign.ReplayStore), key}, nil
}
