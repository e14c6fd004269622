package sqlkeys

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The queries that a store asks unless it is told others, of the tables in the folder
// schema.
const (
	KeysQuery     = "SELECT id, secret, previous_secret, schemes, algorithms, scopes FROM hmacsign_keys"
	RevisionQuery = "SELECT revision FROM hmacsign_revision"
)

// An Option sets how a [Store] works.
type Option func(*options)

type options struct {
	keysQuery, revisionQuery string
	interval, timeout        time.Duration
	staleLimit, reloadEvery  time.Duration
	decrypt                  func(ctx context.Context, id string, stored []byte) ([]byte, error)
	report                   func(error)
	now                      func() time.Time
}

// What is not said with [WithInterval] and [WithStaleLimit].
const (
	DefaultInterval   = time.Second
	DefaultStaleLimit = time.Hour
)

func defaults() options {
	return options{
		keysQuery: KeysQuery, revisionQuery: RevisionQuery,
		interval: DefaultInterval, timeout: 5 * time.Second, staleLimit: DefaultStaleLimit, reloadEvery: time.Minute,
		report: func(error) {}, now: time.Now,
	}
}

func (o *options) check() error {
	switch {
	case o.keysQuery == "" || o.revisionQuery == "":
		return errors.New("sqlkeys: WithQueries: a query is empty")
	case o.interval <= 0:
		return errors.New("sqlkeys: WithInterval: use more than 0")
	case o.timeout <= 0:
		return errors.New("sqlkeys: WithTimeout: use more than 0")
	case o.staleLimit <= o.interval:
		return fmt.Errorf("sqlkeys: WithStaleLimit: use more than the interval, which is %v: with less the keys are stale between two polls", o.interval)
	}
	return nil
}

// WithQueries sets the two queries, in place of [KeysQuery] and [RevisionQuery].
//
// The keys query gives one row for each key, with exactly these columns: id, secret,
// previous_secret, schemes, algorithms, scopes. The secrets are bytes or text,
// previous_secret may be NULL. The last three are JSON arrays as text, with NULL for
// all; as in a keys file, an empty array is an error.
//
// The revision query gives one row with one value, which becomes another one with
// every change of the keys, in the transaction that changes them, and never becomes
// one again that it was. A time of the last change does not do: it is that of a
// transaction's start, and a deleted row has none.
func WithQueries(keys, revision string) Option {
	return func(o *options) { o.keysQuery, o.revisionQuery = keys, revision }
}

// WithInterval sets how often the revision is asked for: once a second unless it is
// set.
func WithInterval(d time.Duration) Option { return func(o *options) { o.interval = d } }

// WithTimeout sets how long one poll may ask the database, and then again how long it
// may decrypt what has changed: 5 seconds unless it is set. It does not limit Open.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithStaleLimit sets how long the keys are used on while the database cannot be
// asked: 1 hour unless it is set. Beyond it every request is refused with 503. It is
// also how long a revoked key can be of use to someone who keeps this process from
// its database. It must be more than the interval.
func WithStaleLimit(d time.Duration) Option { return func(o *options) { o.staleLimit = d } }

// WithDecrypt sets what makes secrets of the stored bytes. It is called for each
// secret of a row that is new or has changed, one after the other. It should bind a
// secret to the id, so that nobody can put one key's secret into another's row, and
// it should end when ctx does. The bytes that it gets and returns are cleared; its
// errors are not shown, since they may hold a secret, nor are its panics. It is tried
// again, at first soon and at last once a minute.
func WithDecrypt(decrypt func(ctx context.Context, id string, stored []byte) ([]byte, error)) Option {
	return func(o *options) { o.decrypt = decrypt }
}

// WithReport sets what is told of changes: nil for keys that are in use now, an error
// for a database that could not be asked and for rows that cannot be used, once
// until it is another. The error holds neither secrets nor the DSN. Polling waits
// for it, requests do not.
func WithReport(report func(error)) Option {
	return func(o *options) {
		if report != nil {
			o.report = report
		}
	}
}
