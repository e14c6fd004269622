package hmacsign

import (
	"errors"
	"math"
	"sync/atomic"
)

// A Budget bounds what the requests of a process make it hold together, however
// many there are: in memory what was read of bodies and what is computed from
// them, on disk the bodies that wait in temporary files. Whoever needs more than
// is left gets [ErrBusy]. It is safe for concurrent use; one budget may serve
// any number of signers and verifiers.
type Budget struct{ memory, disk account }

// The bounds of the budget that verifiers share which were given none, see
// [WithBudget].
const (
	DefaultMaxBuffered       = 256 << 20 // bytes of memory
	DefaultMaxBufferedOnDisk = 4 << 30   // bytes of temporary files
)

var (
	defaultBudget = &Budget{account{limit: DefaultMaxBuffered}, account{limit: DefaultMaxBufferedOnDisk}}
	noBudget      = &Budget{account{limit: math.MaxInt64}, account{limit: math.MaxInt64}}
)

// NewBudget returns a budget of so many bytes of memory, at least one, and of
// disk, which may be none: then no body past 64 KiB is taken. It fails for less.
func NewBudget(memory, disk int64) (*Budget, error) {
	if memory < 1 || disk < 0 {
		return nil, errors.New("hmacsign: NewBudget: give it at least one byte of memory and no less than none of disk")
	}
	return &Budget{account{limit: memory}, account{limit: disk}}, nil
}

// Held tells how many bytes of memory and of disk are in use.
func (b *Budget) Held() (memory, disk int64) { return b.memory.used.Load(), b.disk.used.Load() }

// Reserve takes bytes of memory for what a server itself holds of a request, or
// fails with [ErrBusy]. Release gives them back.
func (b *Budget) Reserve(bytes int64) error { return b.memory.take(bytes) }

// Release gives back what Reserve took.
func (b *Budget) Release(bytes int64) { b.memory.give(bytes) }

type account struct {
	limit int64
	used  atomic.Int64
}

func (a *account) take(n int64) error {
	if n > a.limit-a.used.Load() { // does not overflow; a first look keeps the sum from growing past the limit by much
		return errBusy
	}
	if a.used.Add(n) > a.limit {
		a.used.Add(-n)
		return errBusy
	}
	return nil
}

func (a *account) give(n int64) { a.used.Add(-n) }

var errBusy = refuse(ErrBusy, "budget_used")
