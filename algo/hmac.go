package algo

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"runtime"
	"sync"

	"github.com/gmhmac/hmacsign/algo/sm3"
	"github.com/gmhmac/hmacsign/algo/sm3asm"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

func init() {
	goVersion := func() (string, string, error) { return runtime.Version(), "Go standard library", nil }
	Register(Backend{Algorithm: HMACSHA1, Name: "go", Preference: 10, Probe: goVersion, NewHash: sha1.New, NewKeyed: hmacOf(sha1.New)})
	Register(Backend{Algorithm: HMACSHA256, Name: "go", Preference: 10, Probe: goVersion, NewHash: sha256.New, NewKeyed: hmacOf(sha256.New)})
	Register(Backend{Algorithm: HMACSM3, Name: "gmsm", Preference: 10, NewHash: sm3pure.New,
		Probe: func() (string, string, error) { return sm3pure.Version(), "portable Go", nil }})
	Register(sm3Backend("go", 15, sm3.Portable, func() (string, string, error) { return sm3.Portable.String(), "portable Go of this module", nil }))
	kernel, ok := sm3.Assembly()
	Register(sm3Backend("asm", 20, kernel, func() (string, string, error) {
		if !ok {
			return "none", "", errors.New("needs " + sm3asm.Needs + ", and a build without the tag purego")
		}
		return kernel.String(), "Go assembly of this module", nil
	}))
}

// sm3Backend is a kernel of package sm3. Where the probe says that it cannot run, it
// computes nothing.
func sm3Backend(name string, preference int, kernel sm3.Kernel, probe func() (string, string, error)) Backend {
	return Backend{Algorithm: HMACSM3, Name: name, Preference: preference, Probe: probe, NewHash: kernel.New,
		NewKeyed: func(secret []byte) (Keyed, error) { return sm3Key{kernel.NewKey(secret)}, nil }}
}

// hmacOf makes keys of crypto/hmac over a hash. The standard library's own hashes
// are given to it as they are: it keeps their states, and approves of them in FIPS
// 140 mode. Others are strict.
func hmacOf(newHash func() hash.Hash) func([]byte) (Keyed, error) {
	return func(secret []byte) (Keyed, error) { return newHMAC(newHash, secret), nil }
}

// sm3Key is a key of package sm3 with its batches, which are of that package's keys.
type sm3Key struct{ *sm3.Key }

func (sm3Key) SumEach(dst []byte, keys []Keyed, msgs [][]byte) []byte {
	var own [sm3.Lanes]*sm3.Key
	for len(keys) > 0 {
		n := min(len(keys), len(own))
		for i := range n {
			own[i] = keys[i].(sm3Key).Key
		}
		dst = sm3.SumEach(dst, own[:n], msgs[:n])
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// hmacKey is crypto/hmac over any hash. The states are kept and reused: after
// its first Reset, crypto/hmac restores the state behind the key block of a
// hash that can be marshalled instead of computing it again.
type hmacKey struct {
	newMAC  func() hash.Hash // holds the secret, where no printer finds it
	destroy func()
	pool    sync.Pool // of hash.Hash, reset
}

// newHMAC makes the first state at once: what crypto/hmac panics at, such as a
// hash or a length of secret that Go's FIPS 140 mode forbids, is known then.
func newHMAC(newHash func() hash.Hash, secret []byte) *hmacKey {
	own := bytes.Clone(secret)
	k := &hmacKey{newMAC: func() hash.Hash { return hmac.New(newHash, own) }, destroy: func() { clear(own) }}
	k.putBack(k.newMAC())
	return k
}

func (k *hmacKey) NewMAC() hash.Hash { return k.newMAC() }

func (k *hmacKey) Sum(dst, msg []byte) []byte {
	h, _ := k.pool.Get().(hash.Hash)
	if h == nil {
		h = k.NewMAC()
		h.Reset()
	}
	h.Write(msg)
	dst = h.Sum(dst)
	k.putBack(h)
	return dst
}

func (k *hmacKey) putBack(h hash.Hash) {
	h.Reset()
	k.pool.Put(h)
}

// Destroy clears the secret. The states hold the padded key within the standard
// library, which has no way to clear it.
func (k *hmacKey) Destroy() { k.destroy() }

// strict is a hash for crypto/hmac, which does not look at what Write returns: one
// that did not hash all has no sum.
type strict struct {
	hash.Hash
	failed bool
}

func (s *strict) Write(p []byte) (int, error) {
	n, err := s.Hash.Write(p)
	s.failed = s.failed || err != nil || n != len(p)
	return n, err
}

func (s *strict) Reset() {
	s.failed = false
	s.Hash.Reset()
}

func (s *strict) Sum(b []byte) []byte {
	if s.failed {
		panic("not all bytes were hashed")
	}
	return s.Hash.Sum(b)
}

func (s *strict) Clone() (hash.Cloner, error) {
	cloner, ok := s.Hash.(hash.Cloner)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	c, err := cloner.Clone()
	if err != nil {
		return nil, err
	}
	return &strict{mustHash(c), s.failed}, nil
}
