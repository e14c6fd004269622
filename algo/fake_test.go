package algo

import (
	"bytes"
	"crypto/hmac"
	"hash"
	"slices"
)

// setting is an environment with these values of RequireEnv and RequireSecretBitsEnv, where they
// are not empty.
func setting(require, bits string) func(string) (string, bool) {
	values := map[string]string{RequireEnv: require, RequireSecretBitsEnv: bits}
	return func(name string) (string, bool) { return values[name], values[name] != "" }
}

// noEnv is an environment in which nothing is required.
var noEnv = setting("", "")

// A fake is a right backend with a place to break for everything that a backend
// does.
type fake struct {
	newHash func() hash.Hash // computes what would be right

	spoil   func(r result, right []byte) []byte // what comes in place of a result
	write   func(w way, p []byte) (int, error)  // what a Write returns
	probe   func() (string, string, error)
	module  func() (Module, error)
	clone   func() (hash.Cloner, error)
	keyed   func() (Keyed, error)
	hashes  func() hash.Hash
	macs    func() hash.Hash
	noClone bool
	plain   bool // no batches

	probes, digests, keys int // how often it was asked
}

// A result is what a fake was to compute.
type result struct {
	way    way
	secret []byte
	writes [][]byte // the message in its pieces
	lane   int
}

func (r result) msg() []byte { return slices.Concat(r.writes...) }

func (f *fake) backend(algorithm, name string, preference int) Backend {
	return Backend{Algorithm: algorithm, Name: name, Preference: preference, Module: f.module,
		Probe: func() (string, string, error) {
			f.probes++
			if f.probe != nil {
				return f.probe()
			}
			return "1.0", "a fake", nil
		},
		NewHash: func() hash.Hash {
			f.digests++
			if f.hashes != nil {
				return f.hashes()
			}
			return f.stream(digested, nil)
		},
		NewKeyed: func(secret []byte) (Keyed, error) {
			f.keys++
			if f.keyed != nil {
				return f.keyed()
			}
			k := &fakeKey{f, bytes.Clone(secret)}
			if f.plain {
				return plainKey{k}, nil
			}
			return k, nil
		}}
}

func (f *fake) asked() int { return f.probes + f.digests + f.keys }

func (f *fake) compute(r result) []byte {
	h := f.newHash()
	if r.way != digested {
		h = hmac.New(f.newHash, r.secret)
	}
	h.Write(r.msg())
	if right := h.Sum(nil); f.spoil == nil {
		return right
	} else {
		return f.spoil(r, right)
	}
}

func (f *fake) stream(w way, secret []byte) hash.Hash {
	s := &fakeStream{f: f, result: result{way: w, secret: secret}}
	if f.noClone {
		return struct{ hash.Hash }{s}
	}
	return s
}

type fakeKey struct {
	f      *fake
	secret []byte
}

func (k *fakeKey) Sum(dst, msg []byte) []byte {
	return append(dst, k.f.compute(result{oneCall, k.secret, [][]byte{msg}, 0})...)
}

func (k *fakeKey) SumEach(dst []byte, keys []Keyed, msgs [][]byte) []byte {
	for i, msg := range msgs {
		dst = append(dst, k.f.compute(result{inBatch, keys[i].(*fakeKey).secret, [][]byte{msg}, i})...)
	}
	return dst
}

func (k *fakeKey) NewMAC() hash.Hash {
	if k.f.macs != nil {
		return k.f.macs()
	}
	return k.f.stream(streamed, k.secret)
}

// plainKey has no batches.
type plainKey struct{ k *fakeKey }

func (p plainKey) Sum(dst, msg []byte) []byte { return p.k.Sum(dst, msg) }
func (p plainKey) NewMAC() hash.Hash          { return p.k.NewMAC() }

type fakeStream struct {
	f *fake
	result
}

func (s *fakeStream) Write(p []byte) (int, error) {
	s.writes = append(s.writes, bytes.Clone(p))
	if s.f.write != nil {
		return s.f.write(s.way, p)
	}
	return len(p), nil
}

func (s *fakeStream) Sum(b []byte) []byte { return append(b, s.f.compute(s.result)...) }
func (s *fakeStream) Reset()              { s.writes = nil }
func (s *fakeStream) Size() int           { return 32 }
func (s *fakeStream) BlockSize() int      { return 64 }

func (s *fakeStream) Clone() (hash.Cloner, error) {
	if s.f.clone != nil {
		return s.f.clone()
	}
	c := *s
	c.writes = slices.Clone(s.writes)
	return &c, nil
}

// flipped is a result with a bit changed.
func flipped(right []byte) []byte {
	wrong := bytes.Clone(right)
	wrong[len(wrong)-1] ^= 1
	return wrong
}
