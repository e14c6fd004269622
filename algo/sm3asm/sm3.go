// Package sm3asm is SM3 (GB/T 32905-2016) and HMAC-SM3 in assembly for amd64
// processors with AVX2 and BMI, faster still with AVX-512VL. Package algo has it
// as the backend "asm" of hmac-sm3 wherever it is [Available]; the build tag
// purego leaves it out.
//
// A keyed MAC keeps the chaining values behind the two key blocks, so a message
// costs two compressions less than it does with crypto/hmac, and allocates
// nothing. No branch and no address depends on a key or a message.
package sm3asm

import (
	"encoding/binary"
	"hash"
)

// Sizes in bytes.
const (
	Size      = 32 // of a digest and a MAC
	BlockSize = 64
)

// Available reports whether this processor and this build have a kernel. The
// other functions panic where it is false.
func Available() bool { return kernel != none }

const noKernel = "sm3asm: this processor or this build has no kernel: ask Available first"

// Kernel names the kernel in use: "AVX-512VL", "AVX2" or, where there is none,
// "none".
func Kernel() string { return kernel.String() }

// A kernelID is a way to compress a single stream.
type kernelID int

const (
	none kernelID = iota
	avx2
	avx512
)

func (k kernelID) String() string { return [...]string{"none", "AVX2", "AVX-512VL"}[k] }

// kernel is the one in use; tests force each that the processor has.
var kernel = best()

func best() kernelID {
	list := kernels()
	return list[len(list)-1]
}

// iv is IV of section 4.1.
var iv = [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}

// maxCall keeps one call of assembly short, because the scheduler cannot
// interrupt it.
const maxCall = 32 << 10

// compressAll compresses the whole blocks of p into v.
func compressAll(v *[8]uint32, p []byte) {
	for len(p) > maxCall {
		compress(v, p[:maxCall])
		p = p[maxCall:]
	}
	compress(v, p)
}

// finish compresses the last bytes of a message of n bytes in all, padded as
// section 5.2 says, and stores the digest.
func finish(v *[8]uint32, rest []byte, n uint64, digest *[Size]byte) {
	var block [2 * BlockSize]byte
	compress(v, block[:pad(&block, rest, n)*BlockSize])
	for i, w := range v {
		binary.BigEndian.PutUint32(digest[4*i:], w)
	}
}

// digest is a stream. A copy of it is a clone.
type digest struct {
	v   [8]uint32
	buf [BlockSize]byte
	n   uint64 // bytes written; n%BlockSize of them are in buf
}

var _ hash.Cloner = (*digest)(nil)

// New returns an SM3 digest. It implements [hash.Cloner]; like every hash.Hash
// it is for one goroutine at a time. Messages may have up to 2^61-1 bytes.
func New() hash.Hash {
	if !Available() {
		panic(noKernel)
	}
	return &digest{v: iv}
}

func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }
func (d *digest) Reset()         { d.v, d.n = iv, 0 }

func (d *digest) Write(p []byte) (int, error) {
	written := len(p)
	waiting := int(d.n % BlockSize)
	d.n += uint64(written)
	if waiting > 0 {
		k := copy(d.buf[waiting:], p)
		if p = p[k:]; waiting+k < BlockSize {
			return written, nil
		}
		compress(&d.v, d.buf[:])
	}
	whole := len(p) &^ (BlockSize - 1)
	compressAll(&d.v, p[:whole])
	copy(d.buf[:], p[whole:])
	return written, nil
}

func (d *digest) Sum(b []byte) []byte {
	var sum [Size]byte
	v := d.v
	finish(&v, d.buf[:d.n%BlockSize], d.n, &sum)
	return append(b, sum[:]...)
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := *d
	return &c, nil
}

// A Key is HMAC-SM3 (GM/T 0042-2015) under one secret: the chaining values
// behind the inner and the outer key block. It is immutable and safe for
// concurrent use.
type Key struct {
	v [16]uint32 // inner, then outer: a batch loads both at once
}

// inner and outer begin a hash. They copy straight to where it is computed, so that
// Destroy need not look for copies on stacks.
func (k *Key) inner(v *[8]uint32) { copy(v[:], k.v[:8]) }
func (k *Key) outer(v *[8]uint32) { copy(v[:], k.v[8:]) }

// NewKey returns a key; the secret is not kept.
func NewKey(secret []byte) *Key {
	wipeStack() // before too: a stack that has room for it stays where it is meanwhile
	defer wipeStack()
	var block [BlockSize]byte
	if len(secret) > BlockSize {
		h := digest{v: iv}
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
	compress(&inner, block[:])
	for i := range block {
		block[i] ^= 0x36 ^ 0x5c
	}
	compress(&outer, block[:])
	clear(block[:])
	k := new(Key)
	copy(k.v[:8], inner[:])
	copy(k.v[8:], outer[:])
	clear(inner[:])
	clear(outer[:])
	return k
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
	var v [8]uint32
	k.inner(&v)
	whole := len(msg) &^ (BlockSize - 1)
	compressAll(&v, msg[:whole])
	return k.appendMAC(dst, &v, msg[whole:], uint64(len(msg)))
}

// appendMAC ends the inner hash, of n bytes behind the key block, and computes
// the outer one.
func (k *Key) appendMAC(dst []byte, inner *[8]uint32, rest []byte, n uint64) []byte {
	var sum [Size]byte
	finish(inner, rest, BlockSize+n, &sum)
	var v [8]uint32
	k.outer(&v)
	finish(&v, sum[:], BlockSize+Size, &sum)
	return append(dst, sum[:]...)
}

// NewMAC returns a stream under the key, which implements [hash.Cloner].
func (k *Key) NewMAC() hash.Hash {
	m := &mac{key: k}
	m.Reset()
	return m
}

// mac is the inner stream, begun behind the key block.
type mac struct {
	digest
	key *Key
}

func (m *mac) Reset() {
	m.key.inner(&m.v)
	m.n = 0
}

func (m *mac) Sum(b []byte) []byte {
	v := m.v
	return m.key.appendMAC(b, &v, m.buf[:m.n%BlockSize], m.n)
}

var _ hash.Cloner = (*mac)(nil)

// Clone returns an independent copy; the error is always nil.
func (m *mac) Clone() (hash.Cloner, error) {
	c := *m
	return &c, nil
}
