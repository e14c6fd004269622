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
// [Register].
type Backend struct {
	Algorithm string // one of [Algorithms]
	Name      string // "gmsm", "tencentsm"
	// Preference decides what NewKey takes when it is not told: the highest
	// available. The backends of this module have 10 (portable Go), 20
	// (assembly) and 30 (a certified library); 0 is chosen only by name or
	// when there is no other.
	Preference int
	// Probe tells version and detail, and whether the implementation can run
	// at all; nil means that it always can. It is asked again until it can,
	// so an implementation may become available later, never less.
	Probe func() (version, detail string, err error)
	// NewHash returns the digest under the MAC. It must keep hash.Hash's
	// contract; package algotest tests it.
	NewHash func() hash.Hash
	// NewKeyed returns the MAC under a secret, which it must not keep a
	// reference to. Nil means crypto/hmac over NewHash.
	NewKeyed func(secret []byte) (Keyed, error)
}

// Keyed is a backend's MAC under one secret. Both methods are safe for
// concurrent use.
type Keyed interface {
	Sum(dst, msg []byte) []byte // appends the MAC of msg to dst
	NewMAC() hash.Hash          // a new stream, for one goroutine
}

// Register makes a backend available. It is meant for init functions and
// panics, as database/sql does, when the backend is incomplete or of an
// unknown algorithm, or when its name is taken.
func Register(b Backend) { backends.register(b) }

// Backends lists the backends of an algorithm in order of preference, each
// with the outcome of its self-test. For an unknown algorithm it is empty.
func Backends(algorithm string) []Info { return backends.list(algorithm) }

// Require makes backend the only one that may compute the algorithm from now
// on: every other choice, by name or by preference, is [ErrBackendUnavailable],
// and so is every choice when the backend itself cannot run or is not linked.
// The error says whether it can run now; the requirement stands either way, and
// a second one that names another backend is refused. Keys that exist already
// are not affected, so call it before the first.
func Require(algorithm, backend string) error { return backends.require(algorithm, backend) }

// RequireEnv is the environment variable that is read before the first choice.
const RequireEnv = "HMACSIGN_REQUIRE"

// entry is a registered backend and what is known of it.
type entry struct {
	Backend
	mu      sync.Mutex
	tested  bool
	testErr error // why the self-test failed
}

type registry struct {
	mu       sync.RWMutex
	entries  map[string][]*entry // by algorithm, most preferred first
	required map[string]string   // algorithm -> backend

	getenv  func(string) string
	envOnce sync.Once
	envErr  error // a requirement that cannot be understood forbids everything
}

var backends = newRegistry(os.Getenv)

func newRegistry(getenv func(string) string) *registry {
	return &registry{entries: map[string][]*entry{}, required: map[string]string{}, getenv: getenv}
}

func (r *registry) register(b Backend) {
	switch {
	case !known(b.Algorithm):
		panic(fmt.Sprintf("algo: Register: unknown algorithm %q", b.Algorithm))
	case b.Name == "":
		panic("algo: Register: backend without a name")
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
		b.NewKeyed = func(secret []byte) (Keyed, error) { return newHMAC(b.NewHash, secret), nil }
	}
	// A new slice: readers may hold the old one.
	list = append(slices.Clone(list), &entry{Backend: b})
	slices.SortStableFunc(list, func(x, y *entry) int { return cmp.Compare(y.Preference, x.Preference) })
	r.entries[b.Algorithm] = list
}

func known(algorithm string) bool { return slices.Contains(Algorithms(), algorithm) }

// state is what choose and list need to know: the entries in order of
// preference and the required backend, if any.
func (r *registry) state(algorithm string) (list []*entry, required string, err error) {
	r.envOnce.Do(r.readEnv)
	if !known(algorithm) {
		return nil, "", fmt.Errorf("algo: %w %q: use one of %s", ErrUnknownAlgorithm, algorithm, strings.Join(Algorithms(), ", "))
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.entries[algorithm], r.required[algorithm], r.envErr
}

// readEnv takes the requirements of HMACSIGN_REQUIRE. One that cannot be
// understood must not be passed over, so it forbids every choice.
func (r *registry) readEnv() {
	value := r.getenv(RequireEnv)
	if value == "" {
		return
	}
	for item := range strings.SplitSeq(value, ",") {
		algorithm, backend, _ := strings.Cut(strings.TrimSpace(item), "=")
		if !known(algorithm) || backend == "" {
			r.envErr = fmt.Errorf("algo: %w: %s=%q is not understood: write it as hmac-sm3=tencentsm", ErrBackendUnavailable, RequireEnv, value)
			return
		}
		r.mu.Lock()
		if err := r.demand(algorithm, backend); err != nil {
			r.envErr = err
		}
		r.mu.Unlock()
	}
}

// demand records a requirement; r.mu is held.
func (r *registry) demand(algorithm, backend string) error {
	if old := r.required[algorithm]; old != "" && old != backend {
		return fmt.Errorf("algo: %w: %s cannot be required of %s, %s already is", ErrBackendUnavailable, backend, algorithm, old)
	}
	r.required[algorithm] = backend
	return nil
}

func (r *registry) require(algorithm, backend string) error {
	if _, _, err := r.state(algorithm); err != nil {
		return err
	}
	r.mu.Lock()
	err := r.demand(algorithm, backend)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = r.choose(algorithm, "")
	return err
}

// choose returns the proven entry that serves the algorithm: the named one,
// the required one, or the first available.
func (r *registry) choose(algorithm, name string) (*entry, error) {
	list, required, err := r.state(algorithm)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "":
		name = required
	case required != "" && name != required:
		return nil, fmt.Errorf("algo: %s: %w: %s was asked for, but %s is required", algorithm, ErrBackendUnavailable, name, required)
	}
	var why []error
	for _, e := range list {
		if name != "" && e.Name != name {
			continue
		}
		_, _, err := e.prove()
		if err == nil {
			return e, nil
		}
		why = append(why, fmt.Errorf("algo: %s backend %s: %w", algorithm, e.Name, err))
	}
	switch {
	case len(why) > 0:
		return nil, failures(why)
	case name == "":
		return nil, fmt.Errorf("algo: %s: %w: none is registered", algorithm, ErrBackendUnavailable)
	case required != "":
		return nil, fmt.Errorf("algo: %s: %w: %s is required but not linked into this program: build it in, or drop the requirement", algorithm, ErrBackendUnavailable, name)
	}
	return nil, fmt.Errorf("algo: %s: %w %q: this program has %s", algorithm, ErrUnknownBackend, name, names(list))
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
	if len(secret) == 0 {
		return nil, fmt.Errorf("algo: %s: %w: give the key at least one byte", algorithm, ErrEmptySecret)
	}
	keyed, err := e.NewKeyed(bytes.Clone(secret))
	if err != nil {
		return nil, fmt.Errorf("algo: %s backend %s: %w: %w", algorithm, e.Name, ErrBackendUnavailable, err)
	}
	version, detail, _ := e.probe()
	info := Info{Algorithm: algorithm, Backend: e.Name, Version: version, Detail: detail, Available: true, SelfTest: "passed"}
	if first, err := r.choose(algorithm, ""); err == nil {
		info.Selected = first == e
	}
	return &Key{info: info, size: macSize(algorithm), keyed: keyed}, nil
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
		info := Info{Algorithm: algorithm, Backend: e.Name, SelfTest: "passed"}
		var err error
		info.Version, info.Detail, err = e.prove()
		switch {
		case errors.Is(err, ErrSelfTest):
			info.SelfTest = "failed"
		case err != nil:
			info.SelfTest = "not run"
		case stateErr != nil:
			err = stateErr
		case required != "" && e.Name != required:
			err = fmt.Errorf("%w: %s is required", ErrBackendUnavailable, required)
		}
		if err != nil {
			info.Detail = err.Error()
		} else {
			info.Available = true
			info.Selected = !selected
			selected = true
		}
		infos = append(infos, info)
	}
	return infos
}

func (e *entry) probe() (version, detail string, err error) {
	if e.Probe == nil {
		return "", "", nil
	}
	version, detail, err = e.Probe()
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrBackendUnavailable, err)
	}
	return version, detail, err
}

// prove makes sure, once, that the backend can run and computes the known
// answers. A failed self-test is final.
func (e *entry) prove() (version, detail string, err error) {
	version, detail, err = e.probe()
	if err != nil {
		return version, detail, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.tested {
		e.testErr = selfTest(e.Backend)
		e.tested = true
	}
	if e.testErr != nil {
		err = fmt.Errorf("%w: %w: %w", ErrBackendUnavailable, ErrSelfTest, e.testErr)
	}
	return version, detail, err
}
