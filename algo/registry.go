package algo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"strings"
	"sync"
)

// A Backend is one implementation of one algorithm, as a package hands it to
// [Register]. Probe and the self-test run one at a time, and whoever wants a key of
// the backend waits for them, without a limit; NewHash, NewKeyed and Module may be
// called by several goroutines at once.
//
// A backend reports that its library failed by panicking with a [Failure], in any of
// its functions, at any time, and is out until a self-test passes.
type Backend struct {
	Algorithm string // one of [Algorithms]
	Name      string // "gmsm", "tencentsm"
	// Preference decides what NewKey takes when it is not told: the highest
	// available, of equal ones that which was registered first. The backends of
	// this module have 10 (a library in Go), 15 (portable Go of its own), 20
	// (assembly) and 30 (a certified library); 0 is chosen only by name or when
	// there is no other.
	Preference int
	// Probe tells version and detail, and whether the implementation can run
	// at all; nil means that it always can. It is asked before each new key, so
	// an implementation may become available later. One that could run and says
	// that it cannot any more is out for the rest of the process: for what may
	// pass, a lost connection for one, return nil here and an error from NewKeyed
	// or a Failure.
	Probe func() (version, detail string, err error)
	// NewHash returns the digest under the MAC, which the schemes of package
	// hmacsign need too. It must keep hash.Hash's contract and be a [hash.Cloner];
	// package algotest tests it.
	NewHash func() hash.Hash
	// NewKeyed returns the MAC under a secret. The slice is cleared when it
	// returns: copy what is kept. An error says that there can be no key just
	// now, and counts as no failure. Nil means crypto/hmac over NewHash. The
	// self-test has two keys at a time, and keeps one for the known answers that
	// are computed all along.
	NewKeyed func(secret []byte) (Keyed, error)
	// Module tells which file the code that computes was loaded from, for pins
	// and evidence: [ModuleAt], with the address of a function that is called. Nil
	// means that it is linked into the program. What computes outside the process
	// has its firmware's version in Probe's version.
	Module func() (Module, error)
}

// Keyed is a backend's MAC under one secret. Its methods, and those of a [Batcher],
// are safe for concurrent use. It may implement [Batcher] and [Destroyer] too. Whatever is
// wrong with it, a panic, a result of another length or of zeros, becomes a
// [Failure] of its backend.
type Keyed interface {
	Sum(dst, msg []byte) []byte // appends the MAC of msg to dst
	NewMAC() hash.Hash          // a new stream, for one goroutine; a hash.Cloner
}

// A Batcher is a Keyed that computes several MACs at once. [Key.SumMany] and
// [SumEach] use it.
type Batcher interface {
	// SumEach appends the MAC of each message to dst, msgs[i] under keys[i].
	// There are as many keys as messages, from 1 to 64, all of the receiver's
	// backend, of which the receiver need not be one.
	SumEach(dst []byte, keys []Keyed, msgs [][]byte) []byte
}

// A KeyBatcher is a Batcher with a shorter way where one key, the receiver, is that
// of all messages, from 1 to 64. [Key.SumMany] uses it.
type KeyBatcher interface {
	Batcher
	SumMany(dst []byte, msgs [][]byte) []byte
}

// A Destroyer is a Keyed that can clear its secret and what it computed from it,
// for [Key.Destroy]. It is not used afterwards. Keys that nobody destroys are the
// garbage collector's.
type Destroyer interface{ Destroy() }

// Register makes a backend available. It is meant for init functions and
// panics, as database/sql does, when the backend is incomplete or of an
// unknown algorithm, or when its name is taken.
func Register(b Backend) { backends.register(b) }

// Backends lists the backends of an algorithm in order of preference, each
// with the outcome of its self-test: it asks and tests each that no requirement
// forbids. For an unknown algorithm it is empty.
func Backends(algorithm string) []Info { return backends.list(algorithm) }

// InUse lists the backends that keys or digests were made with in this program,
// of all algorithms, as they are now. Unlike [Backends] it asks none of them and
// tests nothing, so it may be called as often as one likes.
func InUse() []Info { return backends.inUse() }

// LoadedFrom tells which file the code of a backend was loaded from, without asking
// the backend for anything else: the [Module] that pins are compared with and that
// the evidence has. Errors: [ErrUnknownAlgorithm], [ErrUnknownBackend], or why the
// file cannot be told.
func LoadedFrom(algorithm, backend string) (Module, error) {
	return backends.loadedFrom(algorithm, backend)
}

// SelfTest computes the known answers again, now: of the backend of [WithBackend],
// else of all that may be taken for the algorithm. A backend that failed is
// available again when it passes, and one that does not pass is unavailable from
// then on, its keys too; one that could not be tested, because NewKeyed gave an
// error, stays what it was. The error wraps [ErrSelfTest] where a backend
// computed wrongly, and [ErrBackendUnavailable] where none could be tested; a
// backend that cannot run at all is passed over where another can.
func SelfTest(algorithm string, opts ...Option) error {
	o, err := gather("SelfTest", opts)
	if err != nil {
		return err
	}
	return backends.selfTest(algorithm, o.backend)
}

type registry struct {
	mu         sync.RWMutex
	entries    map[string][]*entry    // by algorithm, most preferred first
	required   map[string]requirement // by algorithm
	secretBits int

	lookup  func(string) (string, bool) // of an environment variable
	envOnce sync.Once
	envErr  error // a requirement that cannot be understood forbids everything
}

var backends = newRegistry(os.LookupEnv)

func newRegistry(lookup func(string) (string, bool)) *registry {
	return &registry{entries: map[string][]*entry{}, required: map[string]requirement{}, lookup: lookup}
}

func (r *registry) register(b Backend) {
	switch {
	case !known(b.Algorithm):
		panic(fmt.Sprintf("algo: Register: unknown algorithm %q", b.Algorithm))
	case b.Name == "":
		panic("algo: Register: backend without a name")
	case strings.ContainsAny(b.Name, nameBreakers):
		panic(fmt.Sprintf("algo: Register: backend name %q: leave out @, =, commas and spaces", b.Name))
	case b.NewHash == nil:
		panic(fmt.Sprintf("algo: Register: backend %s has no NewHash", b.Name))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.entries[b.Algorithm]
	for _, e := range list {
		if e.Name == b.Name {
			panic(fmt.Sprintf("algo: Register called twice for backend %s of %s", b.Name, b.Algorithm))
		}
	}
	if b.NewKeyed == nil {
		b.NewKeyed = hmacOf(func() hash.Hash { return &strict{Hash: mustHash(b.NewHash())} })
	}
	// A new slice: readers may hold the old one.
	list = append(slices.Clone(list), &entry{Backend: b, size: macSize(b.Algorithm)})
	slices.SortStableFunc(list, func(x, y *entry) int { return cmp.Compare(y.Preference, x.Preference) })
	r.entries[b.Algorithm] = list
}

func known(algorithm string) bool { return slices.Contains(Algorithms(), algorithm) }

// state is what choose and list need to know: the entries in order of
// preference and the requirement, if any.
func (r *registry) state(algorithm string) (list []*entry, required requirement, err error) {
	r.envOnce.Do(r.readEnv)
	if !known(algorithm) {
		return nil, requirement{}, fmt.Errorf("algo: %w %q: use one of %s", ErrUnknownAlgorithm, algorithm, strings.Join(Algorithms(), ", "))
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.entries[algorithm], r.required[algorithm], r.envErr
}

// choose returns the proven entry that serves the algorithm: the named one,
// the required one, or the first available. It asks no other: what is not wanted
// must cost nothing, and may be slow, or not be licensed to run.
func (r *registry) choose(algorithm, name string) (*entry, error) {
	candidates, required, err := r.candidates(algorithm, name)
	if err != nil {
		return nil, err
	}
	var why []error
	for _, e := range candidates {
		err := e.prove(required.sha256)
		if err == nil {
			return e, nil
		}
		why = append(why, fmt.Errorf("algo: %s backend %s: %w", algorithm, e.Name, err))
	}
	return nil, failures(why)
}

// candidates lists the entries that may be taken, at least one: the named or the
// required one, else all in order of preference.
func (r *registry) candidates(algorithm, name string) ([]*entry, requirement, error) {
	list, required, err := r.state(algorithm)
	if err != nil {
		return nil, required, err
	}
	switch {
	case name == "":
		name = required.backend
	case required.backend != "" && name != required.backend:
		return nil, required, fmt.Errorf("algo: %s: %w: %s was asked for, but %s is required", algorithm, ErrBackendUnavailable, name, required)
	}
	if name == "" {
		if len(list) == 0 {
			return nil, required, fmt.Errorf("algo: %s: %w: none is registered", algorithm, ErrBackendUnavailable)
		}
		return list, required, nil
	}
	if i := slices.IndexFunc(list, func(e *entry) bool { return e.Name == name }); i >= 0 {
		return list[i : i+1], required, nil
	}
	if required.backend != "" {
		return nil, required, fmt.Errorf("algo: %s: %w: %s is required but not linked into this program, which has %s: build it in, or drop the requirement", algorithm, ErrBackendUnavailable, name, names(list))
	}
	return nil, required, unknownBackend(algorithm, name, list)
}

func unknownBackend(algorithm, name string, list []*entry) error {
	return fmt.Errorf("algo: %s: %w %q: this program has %s", algorithm, ErrUnknownBackend, name, names(list))
}

// failures is errors.Join on one line.
type failures []error

func (f failures) Unwrap() []error { return f }

func (f failures) Error() string {
	var s []string
	for _, err := range f {
		s = append(s, err.Error())
	}
	return strings.Join(s, "; ")
}

func names(list []*entry) string {
	var s []string
	for _, e := range list {
		s = append(s, e.Name)
	}
	return strings.Join(s, ", ")
}

func (r *registry) newKey(algorithm string, secret []byte, backend string) (*Key, error) {
	e, err := r.choose(algorithm, backend)
	if err != nil {
		return nil, err
	}
	if err := r.checkSecret(secret); err != nil {
		return nil, fmt.Errorf("algo: %s: %w", algorithm, err)
	}
	clone := bytes.Clone(secret) // a backend must not reach the caller's
	defer clear(clone)
	keyed, err := e.newKeyed(clone)
	if err != nil {
		return nil, fmt.Errorf("algo: %s backend %s: %w: %w", algorithm, e.Name, ErrBackendUnavailable, err)
	}
	e.used.Store(true)
	return &Key{entry: e, keyed: keyed, selected: r.preferred(e)}, nil
}

func (r *registry) newHash(algorithm, backend string) (h hash.Hash, err error) {
	e, err := r.choose(algorithm, backend)
	if err != nil {
		return nil, err
	}
	e.used.Store(true)
	defer CatchFailure(&err)
	return e.newHash(), nil
}

// selfTest runs the known answers again, of each backend that could be taken.
func (r *registry) selfTest(algorithm, backend string) error {
	candidates, required, err := r.candidates(algorithm, backend)
	if err != nil {
		return err
	}
	var why []error
	wrong, passed := false, false
	for _, e := range candidates {
		if err := e.retest(required.sha256); err != nil {
			wrong = wrong || errors.Is(err, ErrSelfTest)
			why = append(why, fmt.Errorf("algo: %s backend %s: %w", algorithm, e.Name, err))
		} else {
			passed = true
		}
	}
	if wrong || !passed {
		return failures(why)
	}
	return nil
}

// preferred reports whether e is what would be taken by preference, as far as
// that is known without asking a backend that nobody asked for.
func (r *registry) preferred(e *entry) bool {
	list, required, _ := r.state(e.Algorithm)
	if required.backend != "" {
		return e.Name == required.backend
	}
	for _, other := range list {
		if other == e || !other.unable.Load() {
			return other == e
		}
	}
	return false
}

func macSize(algorithm string) int {
	if algorithm == HMACSHA1 {
		return 20
	}
	return 32
}

func (r *registry) list(algorithm string) []Info {
	list, required, stateErr := r.state(algorithm)
	infos := make([]Info, 0, len(list))
	selected := false
	for _, e := range list {
		err := stateErr
		if err == nil && required.backend != "" && e.Name != required.backend {
			err = fmt.Errorf("%w: %s is required", ErrBackendUnavailable, required)
		}
		if err == nil {
			err = e.prove(required.sha256)
		}
		info := e.info()
		if err != nil {
			info.Available, info.Detail = false, err.Error()
		}
		info.Selected = info.Available && !selected
		selected = selected || info.Selected
		infos = append(infos, info)
	}
	return infos
}

func (r *registry) loadedFrom(algorithm, backend string) (Module, error) {
	list, _, err := r.state(algorithm)
	if err != nil {
		return Module{}, err
	}
	i := slices.IndexFunc(list, func(e *entry) bool { return e.Name == backend })
	if i < 0 {
		return Module{}, unknownBackend(algorithm, backend, list)
	}
	list[i].mu.Lock()
	defer list[i].mu.Unlock()
	return list[i].loadedFrom()
}

// inUse lists the entries that computed for this program, as they are now.
func (r *registry) inUse() []Info {
	var infos []Info
	for _, algorithm := range Algorithms() {
		list, _, _ := r.state(algorithm)
		for _, e := range list {
			if e.used.Load() {
				info := e.info()
				info.Selected = info.Available && r.preferred(e)
				infos = append(infos, info)
			}
		}
	}
	return infos
}
