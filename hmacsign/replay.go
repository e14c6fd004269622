package hmacsign

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A ReplayStore remembers accepted requests until they would be refused for
// their age. It must be safe for concurrent use.
type ReplayStore interface {
	// Seen reports whether id was recorded before and has not expired, and
	// records it until expires if not, in one step. An error makes the verifier
	// answer that it is unavailable: no request passes unrecorded. The first four
	// bytes of an id are the same for all requests of a key, so that a store can
	// keep one key from taking all its room.
	Seen(ctx context.Context, id [16]byte, now, expires time.Time) (bool, error)
}

// replayID identifies a signature of a key. Of hashes, because what is recorded
// has a fixed size.
func replayID(name string, c *scheme.Claim) (id [16]byte) {
	h := sha256.New()
	for _, part := range [...]string{name, c.KeyID, string(c.Signature)} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	key := sha256.Sum256([]byte(c.KeyID))
	copy(id[:4], key[:])
	copy(id[4:], h.Sum(nil))
	return id
}

// ErrReplayStoreFull: a [MemoryReplayStore] has no room for another request of
// this key.
var ErrReplayStoreFull = errors.New("replay store is full: give it more room")

// MemoryReplayStore keeps requests in the memory of one process, which is set
// aside when it is made: about 150 bytes for each request that it has room for.
// Full of requests that have not expired it refuses the next
// ([ErrReplayStoreFull]) rather than forget one. Only requests with a right
// signature are recorded, so no stranger can fill it, and a key can hold only as
// many as are free besides, so no key can fill it for the others.
type MemoryReplayStore struct{ shards [replayShards]replayShard }

const replayShards = 64

type replayShard struct {
	mu      sync.Mutex
	expires map[[16]byte]int64 // Unix microseconds, which no window overflows
	order   [][16]byte         // a ring, oldest at first
	first   int
	used    int
	held    map[[4]byte]int // by key
	latest  int64           // Unix microseconds: the largest time seen
}

// NewMemoryReplayStore makes room for so many requests of one key, and as many of
// all others: give it the most that are accepted within twice the verifier's
// window.
func NewMemoryReplayStore(requests int) (*MemoryReplayStore, error) {
	if requests < 1 {
		return nil, fmt.Errorf("hmacsign: a replay store for %d requests: give it room for at least 1", requests)
	}
	// Requests spread over the shards by chance: eight standard deviations above
	// the mean there is room for what it was made for, whatever the chance.
	mean := float64(requests) / replayShards
	share := 2 * (int(mean+8*math.Sqrt(mean)) + 8)
	s := new(MemoryReplayStore)
	for i := range s.shards {
		s.shards[i].expires = make(map[[16]byte]int64, share)
		s.shards[i].order = make([][16]byte, share)
		s.shards[i].held = make(map[[4]byte]int)
	}
	return s, nil
}

// Seen implements [ReplayStore].
func (s *MemoryReplayStore) Seen(_ context.Context, id [16]byte, now, expires time.Time) (bool, error) {
	shard := &s.shards[id[len(id)-1]%replayShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.latest = max(shard.latest, now.UnixMicro())
	if expires.UnixMicro() < shard.latest {
		return true, nil // it may have been forgotten since its time was taken
	}
	shard.forget(now.UnixMicro())
	if until, ok := shard.expires[id]; ok && until >= now.UnixMicro() {
		return true, nil
	} else if ok { // expired, but not yet at the head of the ring
		shard.expires[id] = expires.UnixMicro()
		return false, nil
	}
	key := [4]byte(id[:4])
	if free := len(shard.order) - shard.used; shard.held[key] >= free {
		return false, ErrReplayStoreFull
	}
	shard.order[(shard.first+shard.used)%len(shard.order)] = id
	shard.used++
	shard.held[key]++
	shard.expires[id] = expires.UnixMicro()
	return false, nil
}

// forget drops the oldest requests as far as they have expired. Dates differ by
// less than twice the window, so none stays much longer than it must.
func (s *replayShard) forget(now int64) {
	for s.used > 0 && s.expires[s.order[s.first]] < now {
		id := s.order[s.first]
		delete(s.expires, id)
		if key := [4]byte(id[:4]); s.held[key] > 1 {
			s.held[key]--
		} else {
			delete(s.held, key)
		}
		s.first = (s.first + 1) % len(s.order)
		s.used--
	}
}
