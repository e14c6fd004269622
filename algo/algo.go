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
// other choice fail with [ErrBackendUnavailable].
package algo

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/gmhmac/hmacsign/algo/sm3asm"
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
)

// Info describes a backend, and in [Key.Backend] the one that a key uses.
type Info struct {
	Algorithm string `json:"algorithm"`
	Backend   string `json:"backend"`
	Version   string `json:"version"`   // as the implementation tells it
	Available bool   `json:"available"` // it would compute a MAC if asked by name
	Selected  bool   `json:"selected"`  // it is what NewKey takes when not told otherwise
	SelfTest  string `json:"self_test"` // "passed", "failed" or "not run"
	Detail    string `json:"detail"`    // why it is not available, or what else to know
}

// A Key computes and verifies MACs under one secret. It is immutable and safe
// for concurrent use.
type Key struct {
	info  Info
	size  int
	keyed Keyed
}

// An Option changes how [NewKey] chooses.
type Option func(*options)

type options struct{ backend string }

// WithBackend asks for a backend by name: it runs, or NewKey returns
// [ErrUnknownBackend] or [ErrBackendUnavailable].
func WithBackend(name string) Option { return func(o *options) { o.backend = name } }

// NewKey returns a key for the algorithm, on the backend that is preferred
// among the available ones unless an option or [Require] names another. The
// secret may have any length above zero and is not kept: the caller may change
// it afterwards. Errors: [ErrUnknownAlgorithm], [ErrUnknownBackend],
// [ErrBackendUnavailable], [ErrSelfTest], [ErrEmptySecret].
func NewKey(algorithm string, secret []byte, opts ...Option) (*Key, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return backends.newKey(algorithm, secret, o.backend)
}

// NewHash returns the digest under the MAC: SHA-1, SHA-256 or SM3, from the
// backend that [NewKey] would take. Errors are those of NewKey.
func NewHash(algorithm string) (hash.Hash, error) {
	e, err := backends.choose(algorithm, "")
	if err != nil {
		return nil, err
	}
	return e.NewHash(), nil
}

// Sum appends the MAC of msg to dst and returns the extended slice. Where dst
// has room it allocates nothing, but on backend gmsm, whose library does.
func (k *Key) Sum(dst, msg []byte) []byte { return k.keyed.Sum(dst, msg) }

// SumMany appends the MAC of each message to dst, in their order. Backend asm
// computes several at once, which pays from four messages on; with any other it
// is Sum after Sum.
func (k *Key) SumMany(dst []byte, msgs [][]byte) []byte {
	if b, ok := k.keyed.(batcher); ok {
		return b.SumMany(dst, msgs)
	}
	for _, msg := range msgs {
		dst = k.keyed.Sum(dst, msg)
	}
	return dst
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place; it panics unless there are as many keys as messages. It is SumMany for several keys,
// as a verifier has them that holds several requests in hand.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	if len(keys) != len(msgs) {
		panic("algo: SumEach: as many keys as messages are needed")
	}
	for len(keys) > 0 {
		// As many keys of backend asm as follow each other go together.
		var asm [sm3asm.Lanes]*sm3asm.Key
		n := 0
		for n < min(len(keys), len(asm)) {
			key, ok := keys[n].keyed.(*sm3asm.Key)
			if !ok {
				break
			}
			asm[n] = key
			n++
		}
		if n > 0 {
			dst = sm3asm.SumEach(dst, asm[:n], msgs[:n])
		} else {
			dst, n = keys[0].Sum(dst, msgs[0]), 1
		}
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// Verify reports whether mac is the whole MAC of msg, in a time that does not
// depend on where they differ. A shortened MAC is never right.
func (k *Key) Verify(msg, mac []byte) bool {
	buf := macBuffers.Get().(*[32]byte)
	defer macBuffers.Put(buf)
	return subtle.ConstantTimeCompare(k.keyed.Sum(buf[:0], msg), mac) == 1
}

// macBuffers keeps Verify from allocating: a local array would escape through
// the Keyed interface.
var macBuffers = sync.Pool{New: func() any { return new([32]byte) }}

// NewMAC returns a streaming MAC under the same key: for one goroutine at a
// time, but any number of them may be in use at once.
func (k *Key) NewMAC() hash.Hash { return k.keyed.NewMAC() }

// Size is the length of the MAC in bytes.
func (k *Key) Size() int { return k.size }

// Backend tells what computes this key's MACs.
func (k *Key) Backend() Info { return k.info }

// String names the algorithm and backend; a key never prints its secret.
func (k *Key) String() string {
	return fmt.Sprintf("%s key on backend %s", k.info.Algorithm, k.info.Backend)
}
