package sqlkeys

import "time"

// WithReload sets how often the keys are read although the revision is the same.
func WithReload(d time.Duration) Option { return func(o *options) { o.reloadEvery = d } }

// WithClock sets the clock.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }
