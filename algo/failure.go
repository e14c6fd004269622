package algo

// A Failure is what [Key.Sum], [Key.Verify] and the streams of a backend panic
// with when the backend's library reports an error although it passed its
// self-test, for example because a license ran out. There is no MAC then, and
// returning a wrong or empty one would be worse. Backends create it; input
// never causes it. Package hmacsign turns it into an error.
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
