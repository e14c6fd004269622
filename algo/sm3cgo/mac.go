//go:build tencentsm && cgo

package sm3cgo

import (
	"bytes"
	"crypto/subtle"
	"hash"
)

// keyed is a MAC under a secret. The library keeps no state between calls.
// The secret is behind a function, where no printer finds it.
type keyed struct {
	secret func() []byte
	forget func()
}

func newKeyed(secret []byte) *keyed {
	secret = bytes.Clone(secret)
	return &keyed{
		secret: func() []byte {
			if secret == nil {
				panic("sm3cgo: the key was destroyed")
			}
			return secret
		},
		forget: func() {
			clear(secret)
			secret = nil
		},
	}
}

// Destroy clears the secret. The key and its streams must not be used any more.
func (k *keyed) Destroy() { k.forget() }

// Sum is one crossing into C.
func (k *keyed) Sum(dst, msg []byte) []byte {
	if uint64(len(msg)) > maxLength {
		failed("a message of %d bytes: %w", len(msg), errTooLong)
	}
	var mac [size]byte
	oneShot(&mac, k.secret(), msg)
	return append(dst, mac[:]...)
}

func (k *keyed) NewMAC() hash.Hash { return &stream{key: k} }

// begin starts SM3 on the block of the key and the pad of RFC 2104.
func (k *keyed) begin(x *context, pad byte) {
	var block [blockSize]byte
	if secret := k.secret(); len(secret) > blockSize {
		secret = bytes.Clone(secret) // the library gets a copy
		x.init()
		x.end(secret, (*[size]byte)(block[:]))
		clear(secret)
	} else {
		copy(block[:], secret)
	}
	for i := range block {
		block[i] ^= pad
	}
	x.init()
	x.update(block[:])
	clear(block[:])
}

// stream is a MAC in pieces. What fits in the buffer is a MAC in one call. More
// runs in the library's own stream and, beside it, as the inner hash of an HMAC
// over the library's SM3. The first Sum takes the library's MAC and holds it
// against that HMAC. Behind it, and in a clone, only the HMAC goes on.
type stream struct {
	input
	key     *keyed
	started bool
	module  *moduleMAC // nil before the start, after a Sum and in a clone
	inner   context
}

var _ hash.Cloner = (*stream)(nil)

func (s *stream) Size() int      { return size }
func (s *stream) BlockSize() int { return blockSize }

func (s *stream) Reset() {
	if s.module != nil {
		s.module.drop()
	}
	*s = stream{key: s.key}
}

// Write returns an error for a stream of more than 128 GiB, and Sum panics with
// an algo.Failure then: there is no MAC of it.
func (s *stream) Write(p []byte) (int, error) { return s.write(s, p) }

func (s *stream) update(p []byte) {
	if !s.started {
		s.module = newModuleMAC(s.key.secret())
		s.key.begin(&s.inner, 0x36)
		s.started = true
	}
	if s.module != nil {
		s.module.update(p)
	}
	s.inner.update(p)
}

func (s *stream) Sum(b []byte) []byte {
	s.checkSum()
	if !s.started {
		return s.key.Sum(b, s.buf[:s.n])
	}
	s.broken = true // unless all calls return and agree
	if s.n > 0 {
		s.update(s.buf[:s.n])
		s.n = 0
	}
	mac := s.hmac()
	if m := s.module; m != nil {
		s.module = nil
		var own [size]byte
		m.final(&own)
		if subtle.ConstantTimeCompare(own[:], mac[:]) != 1 {
			failed("SM3_HMAC_Final gave another MAC than HMAC over SM3Final")
		}
		mac = own
	}
	s.broken = false
	return append(b, mac[:]...)
}

// hmac is the MAC of what inner has taken.
func (s *stream) hmac() (mac [size]byte) {
	inner := s.inner
	inner.end(nil, &mac)
	var outer context
	s.key.begin(&outer, 0x5c)
	outer.end(mac[:], &mac)
	return mac
}

// Clone returns an independent copy; the error is always nil.
func (s *stream) Clone() (hash.Cloner, error) {
	c := *s
	c.module = nil
	return &c, nil
}
