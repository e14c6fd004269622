package redisreplay

import "time"

// ClockMargin is how much longer than a request is valid it is remembered, because
// no two clocks agree: gateways whose clocks differ by more, less the time limit,
// can accept a request twice. Redis' own clock does not matter.
const ClockMargin = time.Minute

// MaxLifetime bounds what a request's expiry can make Redis hold. A verifier whose
// window is longer gets an error.
const MaxLifetime = 7 * 24 * time.Hour

// An Option changes what a [Store] does.
type Option func(*settings)

type settings struct {
	timeout       time.Duration
	replicas      int
	prefix        string
	allowEviction bool
	flushDelay    time.Duration
	observe       func(took time.Duration, err error)
}

// DefaultTimeout is what is not said with [WithTimeout].
const DefaultTimeout = 100 * time.Millisecond

func defaults(opts []Option) settings {
	s := settings{timeout: DefaultTimeout, prefix: "hmacsign:", observe: func(time.Duration, error) {}}
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

// WithTimeout limits all of [Store.Seen], connecting and waiting for others
// included. Without it the limit is 100 ms.
func WithTimeout(limit time.Duration) Option { return func(s *settings) { s.timeout = limit } }

// WithReplicas asks for so many replicas of a request's record (WAIT) before the
// request is accepted; with fewer it is refused with an error. Each request then
// takes a connection for as long as that lasts.
func WithReplicas(n int) Option { return func(s *settings) { s.replicas = n } }

// WithPrefix sets what the keys in Redis begin with. Without it that is hmacsign:.
// Gateways that are to share what they have seen need the same.
func WithPrefix(prefix string) Option { return func(s *settings) { s.prefix = prefix } }

// AllowEviction accepts a Redis that may drop keys when its memory is full, or that
// does not tell: a request that is dropped can be replayed.
func AllowEviction() Option { return func(s *settings) { s.allowEviction = true } }

// WithFlushDelay lets requests wait for each other up to so long, to be sent
// together. At 20 µs one connection carries about half as many again under full
// load, and each request takes that much longer. Without it they are sent at once,
// together with those that wait anyway.
func WithFlushDelay(delay time.Duration) Option { return func(s *settings) { s.flushDelay = delay } }

// WithObserver calls observe after each request that Redis was asked about, with
// the time that it took and the error if there was one. It must be quick and safe
// for concurrent use.
func WithObserver(observe func(took time.Duration, err error)) Option {
	return func(s *settings) { s.observe = observe }
}
