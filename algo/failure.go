package algo

import (
	"fmt"
	"hash"
	"runtime"
)

// A Failure is what [Key.Sum], [Key.Verify] and the streams of a backend panic
// with when the backend fails although it passed its self-test: its library
// reports an error, for example because a license ran out, it panics itself, gives
// no MAC or one of zeros, or computes a known answer wrongly. There is no MAC
// then, and returning a wrong or empty one would be worse. From then on the
// backend is unavailable, until [SelfTest] passes. Backends create it to report
// an error of their library; input does not cause it, but for a message beyond what
// the library can take (128 GiB). [Key.VerifyErr] and package hmacsign turn it into
// an error.
type Failure struct {
	Backend string
	Err     error
}

// Error is one line.
func (f *Failure) Error() string { return "algo: backend " + f.Backend + " failed: " + f.Err.Error() }

// Unwrap makes a Failure an [ErrBackendUnavailable] too.
func (f *Failure) Unwrap() []error { return []error{ErrBackendUnavailable, f.Err} }

// CatchFailure, deferred, turns a panicking Failure into *err and lets other
// panics go on.
func CatchFailure(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Failure:
		*err = r
	default:
		panic(r)
	}
}

// asFailure is what a backend panicked with, whatever it was.
func asFailure(backend string, cause any) *Failure {
	switch r := cause.(type) {
	case *Failure:
		if r != nil && r.Err != nil {
			return r
		}
	case runtime.Error:
		return &Failure{backend, fmt.Errorf("panic: %w", r)}
	case string: // Go's FIPS 140 mode explains itself so
		return &Failure{backend, fmt.Errorf("panic: %.200s", r)}
	}
	return &Failure{backend, fmt.Errorf("panic with a %T", cause)}
}

func failure(backend, format string, args ...any) *Failure {
	return &Failure{backend, fmt.Errorf(format, args...)}
}

// mustHash refuses the nil of a faulty backend, in words.
func mustHash(h hash.Hash) hash.Hash {
	if h == nil {
		panic("no hash came from NewHash or NewMAC")
	}
	return h
}
