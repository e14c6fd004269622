package redisreplay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/gmhmac/hmacsign/hmacsign"
)

var _ hmacsign.ReplayStore = (*Store)(nil)

const (
	startTime   = 5 * time.Second // for Open, unless its context ends before
	connectTime = time.Second     // for a connection, with its greeting
	checkTime   = time.Second     // for asking all nodes how they are set
	checkEvery  = 5 * time.Second
	closeTime   = 3 * time.Second
	// maxPending bounds what waits for a Redis that does not answer.
	maxPending = 1024
)

// A Store is a [hmacsign.ReplayStore] on Redis. It is safe for concurrent use.
type Store struct {
	settings
	client  rueidis.Client
	secrets []string
	pending chan struct{}
	unfit   atomic.Pointer[unfitError] // what the last check found
	stop    context.CancelFunc
	closed  sync.Once
	stopped chan struct{}
}

// Open connects to the Redis at a URL and checks that it is fit to remember
// requests:
//
//	redis://user:password@host:6379/0          rediss:// with TLS
//	unix://user:password@/path/to/socket?db=0  redis+unix:// is the same
//	redis://sentinel1:26379?addr=sentinel2:26379&master_set=NAME
//	redis://node1:6379?addr=node2:6379         a cluster is recognised
//
// It fails when Redis cannot be reached within five seconds, or before that when
// ctx ends: a wrong address or password is to be seen at once. A Redis that is lost
// later makes requests fail until it is back.
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	opt, err := rueidis.ParseURL(strings.Replace(url, "redis+unix://", "unix://", 1))
	if err != nil { // it has the URL's pieces, and the password may be one
		return nil, errors.New("redisreplay: this is no URL of a Redis: write redis://user:password@host:6379/0, rediss:// for TLS, or unix:///path/to/socket, " +
			"with the password's special characters as %XX")
	}
	return New(ctx, opt, opts...)
}

// New is [Open] with all that the driver can be told: several addresses, Sentinel,
// certificates, credentials that change. What would break the store's promises is
// set here: the driver repeats nothing and caches nothing.
func New(ctx context.Context, opt rueidis.ClientOption, opts ...Option) (*Store, error) {
	s := &Store{settings: defaults(opts), pending: make(chan struct{}, maxPending), stopped: make(chan struct{})}
	if s.timeout <= 0 || s.replicas < 0 {
		return nil, errors.New("redisreplay: use a time limit of more than 0, and 0 or more replicas")
	}
	s.secrets = []string{opt.Password, opt.Sentinel.Password}
	s.prepare(&opt)
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	client, err := within(ctx, func() (rueidis.Client, error) { return rueidis.NewClient(opt) }, func(late rueidis.Client) {
		if late != nil {
			late.Close()
		}
	})
	if err != nil {
		return nil, s.explain(fmt.Errorf("connecting to Redis: %w", err))
	}
	s.client = client
	if err := s.check(ctx); err != nil {
		client.Close()
		return nil, s.explain(err)
	}
	ctx, s.stop = context.WithCancel(context.Background())
	go s.watch(ctx)
	return s, nil
}

// prepare sets what the store needs of the driver, and what was left open.
func (s *Store) prepare(opt *rueidis.ClientOption) {
	opt.DisableRetry, opt.DisableCache = true, true
	opt.DialCtxFn = checked(opt)
	if s.flushDelay > 0 {
		opt.MaxFlushDelay = s.flushDelay
	}
	if opt.ClientSetInfo == nil {
		opt.ClientSetInfo = rueidis.DisableClientSetInfo // it needs a right of its own
	}
	setDefault(&opt.Dialer.Timeout, connectTime)
	setDefault(&opt.Dialer.KeepAlive, time.Second)
	setDefault(&opt.Sentinel.Dialer.Timeout, connectTime)
	setDefault(&opt.Sentinel.Dialer.KeepAlive, time.Second)
	setDefault(&opt.Sentinel.TopologyRefreshInterval, time.Second)
	setDefault(&opt.ConnWriteTimeout, max(time.Second, 2*s.timeout))
	setDefault(&opt.ClusterOption.MaxMovedRedirections, 3)
	// The driver's own buffers are made for large values: half a megabyte each.
	setDefault(&opt.ReadBufferEachConn, 32<<10)
	setDefault(&opt.WriteBufferEachConn, 32<<10)
}

func setDefault[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}

// Seen implements [hmacsign.ReplayStore].
func (s *Store) Seen(ctx context.Context, id [16]byte, now, expires time.Time) (bool, error) {
	lifetime := expires.Sub(now)
	switch {
	case lifetime < 0:
		return true, nil // it may have been forgotten since its time was taken
	case lifetime > MaxLifetime:
		return false, fmt.Errorf("redisreplay: a request is valid for %v more: use a window of at most %v", lifetime, MaxLifetime)
	}
	start := time.Now()
	seen, err := s.ask(ctx, string(id[:]), lifetime+ClockMargin)
	s.observe(time.Since(start), err)
	return seen, err
}

// ask asks Redis within the limit.
func (s *Store) ask(ctx context.Context, id string, lifetime time.Duration) (bool, error) {
	if unfit := s.unfit.Load(); unfit != nil {
		return false, s.explain(unfit)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case s.pending <- struct{}{}:
	case <-ctx.Done():
		return false, s.explain(ctx.Err())
	}
	seen, err := within(ctx, func() (bool, error) {
		defer func() { <-s.pending }()
		return s.record(outlasting{ctx, time.Now().Add(max(s.timeout, connectTime))}, id, lifetime)
	}, func(bool) {})
	if err != nil {
		return false, s.explain(err)
	}
	return seen, nil
}

// outlasting is a context that ends as it does, but lets the driver read an answer
// for longer: what comes late is taken from the connection, which need not be
// closed.
type outlasting struct {
	context.Context
	until time.Time
}

func (o outlasting) Deadline() (time.Time, bool) { return o.until, true }

// tokenSize makes a token and its header fill what Redis' allocator gives for it.
const tokenSize = 12

// record records an id or reports that it was recorded before.
func (s *Store) record(ctx context.Context, id string, lifetime time.Duration) (seen bool, err error) {
	var random [tokenSize]byte
	rand.Read(random[:]) // never fails
	token := string(random[:])
	answer, err := s.set(ctx, id, token, lifetime)
	for try := 1; isLost(err) && try < maxTries && ctx.Err() == nil && s.replicas == 0; try++ {
		// Whether it was carried out is not known, but the token will tell.
		// With replicas it would not: WAIT is for what this connection wrote.
		answer, err = s.set(ctx, id, token, lifetime)
	}
	switch {
	case rueidis.IsRedisNil(err):
		return false, nil
	case err != nil:
		return false, err
	case answer == token && s.replicas == 0:
		return false, nil
	case answer == token || len(answer) != tokenSize:
		return false, errors.New("this key has a value that is none of this store's: use a prefix that nothing else does (WithPrefix)")
	}
	return true, nil
}

// maxTries is one more than the connections that the driver keeps to a Redis: after
// a restart all of them are dead, and each tells so only when it is used.
const maxTries = 5

// isLost is for the end of a connection that there was.
func isLost(err error) bool {
	var op *net.OpError
	return isBroken(err) && !(errors.As(err, &op) && op.Op == "dial")
}

// isBroken is for what is no answer of Redis, such as an end of the connection.
func isBroken(err error) bool {
	_, isAnswer := rueidis.IsRedisErr(err)
	return err != nil && !isAnswer && !rueidis.IsRedisNil(err)
}

// set is the command, and with replicas the one that waits for them on the same
// connection.
func (s *Store) set(ctx context.Context, id, token string, lifetime time.Duration) (was string, err error) {
	set := s.client.B().Set().Key(s.prefix + id).Value(token).Nx().Get().PxMilliseconds(lifetime.Milliseconds()).Build()
	if s.replicas == 0 {
		return s.client.Do(ctx, set).ToString()
	}
	wait := s.client.B().Wait().Numreplicas(int64(s.replicas)).Timeout(max(1, s.timeout.Milliseconds()*3/4)).Build()
	s.client.Dedicated(func(client rueidis.DedicatedClient) error {
		answers := client.DoMulti(ctx, set, wait)
		if was, err = answers[0].ToString(); !rueidis.IsRedisNil(err) {
			return nil // seen before, or not recorded
		}
		copies, waitErr := answers[1].AsInt64()
		switch {
		case waitErr != nil:
			err = fmt.Errorf("asking for replicas: %w", waitErr) // also for a null, which alone says that it is recorded
		case copies < int64(s.replicas):
			err = fmt.Errorf("%d of %d replicas confirmed in time", copies, s.replicas)
		}
		return nil
	})
	return was, err
}

// probeLifetime is how long Redis keeps what Ready records.
const probeLifetime = time.Second

// Ready reports why requests cannot be recorded, or nil: whether Redis is still set so
// that it forgets nothing, and records an id that no request has. Of a cluster that is
// one node's word.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return s.explain(err)
	}
	var id [16]byte
	rand.Read(id[:])
	_, err := s.ask(ctx, string(id[:]), probeLifetime)
	return err
}

// Close ends all connections. Requests after it get an error.
func (s *Store) Close() {
	s.closed.Do(func() {
		s.stop()
		<-s.stopped
		// The driver waits for what is still to be answered, which may be for ever.
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		within(ctx, func() (struct{}, error) { s.client.Close(); return struct{}{}, nil }, func(struct{}) {})
	})
}

// within runs f until ctx ends. f may go on after that, and late gets its result.
func within[T any](ctx context.Context, f func() (T, error), late func(T)) (result T, err error) {
	type answer struct {
		result T
		err    error
	}
	answers := make(chan answer) // taken by the one that waits, or by nobody
	go func() {
		var a answer
		defer func() {
			if fault := recover(); fault != nil { // of the driver, over an answer that it did not expect
				a = answer{err: errNotRedis}
			}
			select {
			case answers <- a:
			case <-ctx.Done():
				late(a.result)
			}
		}()
		a.result, a.err = f()
	}()
	select {
	case a := <-answers:
		return a.result, a.err
	case <-ctx.Done():
		return result, ctx.Err()
	}
}
