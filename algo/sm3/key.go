package sm3

import "hash"

// A Key is HMAC-SM3 (GM/T 0042-2015) under one secret: the chaining values
// behind the inner and the outer key block. It is immutable and safe for
// concurrent use.
type Key struct {
	v      [16]uint32 // inner, then outer: a batch loads both at once
	kernel Kernel
}

// inner and outer are where a hash begins.
func (k *Key) inner() *[8]uint32 { return (*[8]uint32)(k.v[:8]) }
func (k *Key) outer() *[8]uint32 { return (*[8]uint32)(k.v[8:]) }

// NewKey returns a key; the secret is not kept.
func (k Kernel) NewKey(secret []byte) *Key {
	wipeStack() // before too: a stack that has room for it stays where it is meanwhile
	defer wipeStack()
	var block [BlockSize]byte
	if len(secret) > BlockSize {
		h := digest{kernel: k, v: iv}
		h.Write(secret)
		h.Sum(block[:0])
		h = digest{}
	} else {
		copy(block[:], secret)
	}
	inner, outer := iv, iv
	for i := range block {
		block[i] ^= 0x36
	}
	k.compress(&inner, block[:])
	for i := range block {
		block[i] ^= 0x36 ^ 0x5c
	}
	k.compress(&outer, block[:])
	clear(block[:])
	key := &Key{kernel: k}
	copy(key.v[:8], inner[:])
	copy(key.v[8:], outer[:])
	clear(inner[:])
	clear(outer[:])
	return key
}

// wipeStack overwrites the stack that its caller's calls use: the expanded message,
// which of a key block is the secret, lies there.
//
//go:noinline
func wipeStack() {
	var frames [2048]byte
	keep(&frames)
}

//go:noinline
func keep(*[2048]byte) {}

// Destroy clears the chaining values. The key, and streams under it, give wrong
// MACs afterwards: package algo refuses them.
func (k *Key) Destroy() { clear(k.v[:]) }

// Sum appends the MAC of msg to dst. It allocates nothing where dst has room.
func (k *Key) Sum(dst, msg []byte) []byte {
	dst, mac := room(dst)
	k.kernel.sum(mac, k.inner(), k.outer(), msg, BlockSize+uint64(len(msg)))
	return dst
}

// NewMAC returns a stream under the key, which implements [hash.Cloner].
func (k *Key) NewMAC() hash.Hash {
	m := &mac{digest: digest{kernel: k.kernel}, key: k}
	m.Reset()
	return m
}

// mac is the inner stream, begun behind the key block.
type mac struct {
	digest
	key *Key
}

func (m *mac) Reset() {
	copy(m.v[:], m.key.inner()[:])
	m.n = BlockSize
}

func (m *mac) Sum(b []byte) []byte {
	b, mac := room(b)
	m.kernel.sum(mac, &m.v, m.key.outer(), m.buf[:m.n%BlockSize], m.n)
	return b
}

var _ hash.Cloner = (*mac)(nil)

// Clone returns an independent copy; the error is always nil.
func (m *mac) Clone() (hash.Cloner, error) {
	c := *m
	return &c, nil
}
