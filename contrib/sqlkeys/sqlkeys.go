package sqlkeys

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A Store is a [hmacsign.KeyStore] of the keys in a database, made by [Open]. It is
// safe for concurrent use.
type Store struct {
	options
	db     *sql.DB
	held   atomic.Pointer[snapshot]
	closed atomic.Bool
	cancel context.CancelFunc
	ended  chan struct{} // closed when the goroutine that polls has ended

	// Of the goroutine that polls.
	reloadAt time.Time     // when the keys are read although the revision is the same
	retry    time.Duration // how long after secrets that could not be decrypted, or 0
}

// A snapshot is all keys at one revision. It does not change: each poll makes
// another one, if need be of the same entries.
type snapshot struct {
	entries  map[string]*entry
	keys     int // entries that can be used
	revision string
	loaded   time.Time // when the entries were read
	checked  time.Time // when the database was last asked and had no others
	err      error     // of the last poll, or of rows that cannot be used
	faults   error     // of rows that cannot be used
}

var _ hmacsign.KeyStore = (*Store)(nil)

// Open reads the keys and follows them until [Store.Close]. The first reading may
// take as long as ctx lets it. Rows that cannot be used are reported, see
// [WithReport]; if all are, as with a wrong key for [WithDecrypt], Open fails. The
// store does not close db.
func Open(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlkeys: the database is nil: open one with database/sql")
	}
	s := &Store{db: db, ended: make(chan struct{}), options: defaults()}
	for _, opt := range opts {
		opt(&s.options)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	first, _, err := s.load(ctx, &snapshot{}, math.MaxInt64)
	switch {
	case err != nil:
		return nil, err
	case first.keys == 0 && first.faults != nil:
		return nil, fmt.Errorf("%w; no key can be used", first.faults)
	}
	s.held.Store(first)
	if first.faults != nil {
		s.report(first.faults)
	}
	ctx, s.cancel = context.WithCancel(context.Background())
	go s.follow(ctx)
	return s, nil
}

// Close ends the goroutine that polls and waits for it. From then on Key fails.
func (s *Store) Close() error {
	s.inUse()
	s.closed.Store(true)
	s.cancel()
	<-s.ended
	return nil
}

// Key implements [hmacsign.KeyStore]. It asks no database. An error other than
// [hmacsign.ErrUnknownKey] says that the key's row cannot be used, that the database
// could not be asked for longer than [WithStaleLimit], or that the store is closed.
func (s *Store) Key(_ context.Context, id string) (*hmacsign.Key, error) {
	held, err := s.current()
	if err != nil {
		return nil, err
	}
	if e, ok := held.entries[id]; ok {
		return e.key, e.fault
	}
	return nil, hmacsign.ErrUnknownKey
}

// Ready fails if every request would be refused: there are no keys, the snapshot is
// older than the stale limit, or the store is closed. It asks no database.
func (s *Store) Ready(context.Context) error {
	held, err := s.current()
	if err == nil && held.keys == 0 {
		err = errors.New("sqlkeys: the database has no keys that can be used: add one")
	}
	return err
}

// Len is the number of keys that can be used.
func (s *Store) Len() int { return s.inUse().keys }

// LoadedAt is when the keys in use were read.
func (s *Store) LoadedAt() time.Time { return s.inUse().loaded }

// CheckedAt is when the database was last asked and had no other keys than those in
// use. A revocation made later may not have taken effect.
func (s *Store) CheckedAt() time.Time { return s.inUse().checked }

// Err is why the database could not be asked when it was last tried, or which rows
// cannot be used, or nil.
func (s *Store) Err() error { return s.inUse().err }

// inUse panics unless the store can be used.
func (s *Store) inUse() *snapshot {
	if s == nil || s.held.Load() == nil {
		panic("sqlkeys: a Store was used that Open did not make: a nil or a zero one")
	}
	return s.held.Load()
}

// current is what is in use, unless it must not be any more.
func (s *Store) current() (*snapshot, error) {
	held := s.inUse()
	if s.closed.Load() {
		return nil, errors.New("sqlkeys: the store is closed")
	}
	if age := s.now().Sub(held.checked); age > s.staleLimit {
		return nil, fmt.Errorf("sqlkeys: the keys are %v old, more than the stale limit: the database cannot be asked", age.Round(time.Second))
	}
	return held, nil
}

// follow polls until ctx ends. An error is reported once, not at each poll, and so
// is its end.
func (s *Store) follow(ctx context.Context) {
	defer close(s.ended)
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := s.held.Load()
		now, changed, err := s.load(ctx, before, s.timeout)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			same := *before
			same.err = err
			now = &same
		}
		s.held.Store(now)
		if changed || text(now.err) != text(before.err) {
			s.report(now.err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
