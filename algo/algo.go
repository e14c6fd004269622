// Package algo picks a MAC algorithm by name and an implementation of it, a
// backend, by preference or by name.
//
//	key, err := algo.NewKey(algo.HMACSM3, secret)
//	mac := key.Sum(nil, message)
//	ok := key.Verify(message, mac)
//
// Three algorithms are known: HMAC (RFC 2104, GM/T 0042-2015 for SM3) over
// SHA-1, SHA-256 and SM3. A backend registers itself, most often because the
// program imports its package, as a database/sql driver does. Before its first
// key every backend proves itself on the standards' known answers; one that
// fails is unavailable and never computes a MAC for a caller.
//
// Nothing is substituted silently. A backend asked for with [WithBackend] runs
// or there is an error; what was chosen by preference is told by [Key.Backend]
// and [Backends]; [Require], or the environment variable HMACSIGN_REQUIRE
// (for example "hmac-sm3=tencentsm", several separated by commas), makes every
// other choice fail with [ErrBackendUnavailable]. A backend that was asked for by
// name computes everything, digests included, and no other is touched.
//
// A backend that fails in use, by an error, a panic, an output that nobody wrote,
// or a wrong answer to one of the checks that are made all along, gives no result
// and is unavailable from then on, its keys included, until [SelfTest] passes.
package algo

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

// The algorithms, by the names that registries, keys files and the command use.
const (
	HMACSHA1   = "hmac-sha1"   // 20-byte MAC
	HMACSHA256 = "hmac-sha256" // 32-byte MAC
	HMACSM3    = "hmac-sm3"    // 32-byte MAC
)

// Algorithms lists the algorithms in a fixed order.
func Algorithms() []string { return []string{HMACSHA1, HMACSHA256, HMACSM3} }

// The errors that callers can test for with errors.Is.
var (
	// ErrUnknownAlgorithm: the name is none of [Algorithms].
	ErrUnknownAlgorithm = errors.New("unknown algorithm")
	// ErrUnknownBackend: no backend of that name is registered for the algorithm.
	ErrUnknownBackend = errors.New("unknown backend")
	// ErrBackendUnavailable: the backend cannot run, or a requirement forbids it.
	ErrBackendUnavailable = errors.New("backend unavailable")
	// ErrSelfTest: the backend computed a known answer wrongly. Errors that wrap
	// it wrap ErrBackendUnavailable too.
	ErrSelfTest = errors.New("self-test failed")
	// ErrEmptySecret: a MAC under an empty secret authenticates nobody.
	ErrEmptySecret = errors.New("empty secret")
	// ErrShortSecret: the secret has fewer bits than [RequireSecretBits] demands.
	ErrShortSecret = errors.New("secret too short")
	// ErrMismatch: the MAC is not that of the message.
	ErrMismatch = errors.New("MAC does not match")
)

// Info describes a backend, and in [Key.Backend] the one that a key uses.
type Info struct {
	Algorithm string `json:"algorithm"`
	Backend   string `json:"backend"`
	Version   string `json:"version"`   // as the implementation tells it
	Available bool   `json:"available"` // it would compute a MAC if asked by name
	Selected  bool   `json:"selected"`  // it is what NewKey takes when not told otherwise
	SelfTest  string `json:"self_test"` // "passed", "failed" (in the error state) or "not run"
	Detail    string `json:"detail"`    // why it is not available, or what else to know
}

// A Key computes and verifies MACs under one secret. It is safe for concurrent
// use, but for [Key.Destroy]. Only [NewKey] makes one: any other panics when it is
// used.
type Key struct {
	entry     *entry
	keyed     Keyed
	selected  bool
	destroyed atomic.Bool
}

// An Option changes how [NewKey], [NewHash] and [SelfTest] choose.
type Option func(*options)

type options struct{ backend string }

// WithBackend asks for a backend by name: it runs, or there is
// [ErrUnknownBackend] or [ErrBackendUnavailable]. No other backend is asked,
// tested or licensed then. The empty name is no choice.
func WithBackend(name string) Option { return func(o *options) { o.backend = name } }

func gather(who string, opts []Option) (o options, err error) {
	for i, opt := range opts {
		if opt == nil {
			return o, fmt.Errorf("algo: %s: option %d is nil: leave it out", who, i+1)
		}
		opt(&o)
	}
	return o, nil
}

// NewKey returns a key for the algorithm, on the backend that is preferred
// among the available ones unless an option or [Require] names another. The
// secret may have any length above zero, or what [RequireSecretBits] demands, and
// is not kept: the caller may change it afterwards. Errors:
// [ErrUnknownAlgorithm], [ErrUnknownBackend], [ErrBackendUnavailable],
// [ErrSelfTest], [ErrEmptySecret], [ErrShortSecret].
func NewKey(algorithm string, secret []byte, opts ...Option) (*Key, error) {
	o, err := gather("NewKey", opts)
	if err != nil {
		return nil, err
	}
	return backends.newKey(algorithm, secret, o.backend)
}

// NewHash returns the digest under the MAC: SHA-1, SHA-256 or SM3, from the
// backend that [NewKey] with the same options would take. Errors are those of
// NewKey but for the secret's. [Key.NewHash] is the digest that goes with a key.
func NewHash(algorithm string, opts ...Option) (hash.Hash, error) {
	o, err := gather("NewHash", opts)
	if err != nil {
		return nil, err
	}
	return backends.newHash(algorithm, o.backend)
}

const usedAfterDestroy = "algo: a Key was used after Destroy"

// ready panics unless the key can be used.
func (k *Key) ready() {
	if k == nil || k.entry == nil {
		panic("algo: a Key was used that NewKey did not make: a nil or a zero one")
	}
	if k.destroyed.Load() {
		panic(usedAfterDestroy)
	}
	k.entry.ready()
}

// Sum appends the MAC of msg to dst and returns the extended slice. Where dst
// has room it allocates nothing, but on backend gmsm, whose library does. It
// panics with a [Failure] when the backend fails.
func (k *Key) Sum(dst, msg []byte) []byte {
	faults := k.begin()
	dst = k.entry.sum(k, dst, msg)
	k.end(faults)
	return dst
}

// begin and end are around a computation: what was computed while the backend was
// found to fail does not leave, even if it passed a self-test before the end.
func (k *Key) begin() (faults uint64) {
	faults = k.made().faults.Load()
	if k.destroyed.Load() || k.entry.fault.Load() != nil {
		k.ready() // says what is wrong
	}
	return faults
}

func (k *Key) end(faults uint64) {
	if k.destroyed.Load() || k.entry.faults.Load() != faults {
		k.ready()
		k.entry.since(faults)
	}
}

// Verify reports whether mac is the whole MAC of msg, in a time that does not
// depend on where they differ. A shortened MAC is never right. It panics with a
// [Failure] when the backend fails.
func (k *Key) Verify(msg, mac []byte) bool {
	buf := macBuffers.Get().(*[32]byte)
	defer macBuffers.Put(buf)
	return subtle.ConstantTimeCompare(k.Sum(buf[:0], msg), mac) == 1
}

// VerifyErr is Verify for servers: nil if mac is the whole MAC of msg,
// [ErrMismatch] if it is not, and a [Failure], which is an
// [ErrBackendUnavailable], when the backend fails. Under a key that [NewKey] made
// and nobody destroyed it does not panic, whatever it is given.
func (k *Key) VerifyErr(msg, mac []byte) (err error) {
	defer CatchFailure(&err)
	if !k.Verify(msg, mac) {
		return ErrMismatch
	}
	return nil
}

// macBuffers keeps Verify from allocating: a local array would escape through
// the Keyed interface.
var macBuffers = sync.Pool{New: func() any { return new([32]byte) }}

// NewMAC returns a streaming MAC under the same key, a [hash.Cloner]: for one
// goroutine at a time, but any number of them may be in use at once. It, and Write
// and Sum of the stream, panic with a [Failure] when the backend fails.
func (k *Key) NewMAC() hash.Hash {
	k.ready()
	return k.entry.newMAC(k)
}

// NewHash returns the digest under the MAC from the key's own backend, as [NewMAC]
// does the MAC.
func (k *Key) NewHash() hash.Hash {
	k.ready()
	return k.entry.newHash()
}

// Digest appends the digest under the MAC of msg to dst, from the key's own backend,
// and returns the extended slice. Where dst has room it allocates nothing, but on
// backend gmsm. It panics with a [Failure] when the backend fails.
func (k *Key) Digest(dst, msg []byte) []byte {
	k.ready()
	return k.entry.digest(dst, msg)
}

// Size is the length of the MAC in bytes.
func (k *Key) Size() int { return k.made().size }

// Backend tells what computes this key's MACs, and whether it can at this moment.
func (k *Key) Backend() Info {
	info := k.made().info()
	info.Selected = k.selected
	return info
}

// made is the entry of a key that NewKey made.
func (k *Key) made() *entry {
	if k == nil || k.entry == nil {
		k.ready() // says what is wrong
	}
	return k.entry
}

// Destroy clears the secret and what was computed from it, as far as it lies in
// memory of this module's: on backends asm, tencentsm and openssl, and on go for
// hmac-sm3, all of it. Go's standard library and tjfoc/gmsm (backend go of the other
// algorithms, and gmsm) keep the padded key in
// values that cannot be cleared; these are left to the garbage collector, and so
// are streams that were begun under the key: drop them too. The key, and streams
// under it, panic when they are used afterwards. Nothing else of the key may run at
// the same time.
func (k *Key) Destroy() {
	if k == nil || k.entry == nil || k.destroyed.Swap(true) {
		return
	}
	if d, ok := k.keyed.(Destroyer); ok {
		d.Destroy()
	}
}

// String names the algorithm and backend; a key never prints its secret.
func (k *Key) String() string {
	if k == nil || k.entry == nil {
		return "no key"
	}
	return fmt.Sprintf("%s key on backend %s", k.entry.Algorithm, k.entry.Name)
}

// Format prints the same for every verb.
func (k *Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }
