package algo

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"runtime"
	"sync"

	"github.com/gmhmac/hmacsign/algo/sm3asm"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

func init() {
	goVersion := func() (string, string, error) { return runtime.Version(), "Go standard library", nil }
	Register(Backend{Algorithm: HMACSHA1, Name: "go", Preference: 10, Probe: goVersion, NewHash: sha1.New})
	Register(Backend{Algorithm: HMACSHA256, Name: "go", Preference: 10, Probe: goVersion, NewHash: sha256.New})
	Register(Backend{Algorithm: HMACSM3, Name: "gmsm", Preference: 10, NewHash: sm3pure.New,
		Probe: func() (string, string, error) { return sm3pure.Version(), "portable Go", nil }})
	Register(Backend{Algorithm: HMACSM3, Name: "asm", Preference: 20, NewHash: sm3asm.New,
		NewKeyed: func(secret []byte) (Keyed, error) { return sm3asm.NewKey(secret), nil },
		Probe: func() (string, string, error) {
			if !sm3asm.Available() {
				return "none", "", errors.New("needs an amd64 processor with AVX2 and BMI2, and a build without the tag purego")
			}
			return sm3asm.Kernel(), "Go assembly of this module", nil
		}})
}

// hmacKey is crypto/hmac over any hash. The states are kept and reused: after
// its first Reset, crypto/hmac restores the state behind the key block of a
// hash that can be marshalled instead of computing it again.
type hmacKey struct {
	newMAC func() hash.Hash // holds the secret, where no printer finds it
	pool   sync.Pool        // of hash.Hash, reset
}

func newHMAC(newHash func() hash.Hash, secret []byte) *hmacKey {
	return &hmacKey{newMAC: func() hash.Hash { return hmac.New(newHash, secret) }}
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
	h.Reset()
	k.pool.Put(h)
	return dst
}
