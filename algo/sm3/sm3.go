// Package sm3 is SM3 (GB/T 32905-2016) and HMAC-SM3 (GM/T 0042-2015) on a [Kernel]:
// in portable Go, or in the assembly of package sm3asm where the processor has what
// it needs. Package algo has them as the backends "go" and "asm" of hmac-sm3.
//
// A keyed MAC keeps the chaining values behind the two key blocks, so a message
// costs two compressions less than it does with crypto/hmac, and allocates
// nothing. No branch and no address depends on a key or a message.
package sm3

import (
	"encoding/binary"
	"hash"
	"slices"

	"github.com/gmhmac/hmacsign/algo/sm3asm"
)

// Sizes in bytes.
const (
	Size      = sm3asm.Size // of a digest and a MAC
	BlockSize = sm3asm.BlockSize
)

// iv is IV of section 4.1.
var iv = [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}

// sum ends a message: msg is what follows the chaining value v, n the bytes in all.
// It stores the digest or, where outer is not nil, that of the block with the digest
// behind the chaining value outer, which makes an HMAC. Digest may lie in msg.
func (k Kernel) sum(digest *[Size]byte, v, outer *[8]uint32, msg []byte, n uint64) {
	if k != Portable && k.asm.Sum(digest, v, outer, msg, n) {
		return
	}
	// A copy straight to where it is computed: so Destroy need not look for copies
	// on stacks.
	var own [8]uint32
	load(&own, v)
	whole := len(msg) &^ (BlockSize - 1)
	k.compress(&own, msg[:whole])
	k.finish(&own, msg[whole:], n, digest)
	if outer != nil {
		load(&own, outer)
		k.finish(&own, digest[:], BlockSize+Size, digest)
	}
}

// load copies word by word. Copied as a whole, the last words would stay in vector
// registers, which Go does not use otherwise, and where the goroutine is interrupted they
// go to its stack.
func load(to, from *[8]uint32) {
	to[0], to[1], to[2], to[3] = from[0], from[1], from[2], from[3]
	to[4], to[5], to[6], to[7] = from[4], from[5], from[6], from[7]
}

// finish compresses the last bytes of a message of n bytes in all, padded as
// section 5.2 says, and stores the digest.
func (k Kernel) finish(v *[8]uint32, rest []byte, n uint64, digest *[Size]byte) {
	var block [2 * BlockSize]byte
	k.compress(v, block[:sm3asm.Pad(&block, rest, n)*BlockSize])
	for i, w := range v {
		binary.BigEndian.PutUint32(digest[4*i:], w)
	}
}

// room makes b longer by a digest, which it returns too.
func room(b []byte) (longer []byte, digest *[Size]byte) {
	longer = slices.Grow(b, Size)[:len(b)+Size]
	return longer, (*[Size]byte)(longer[len(b):])
}

// digest is a stream. A copy of it is a clone.
type digest struct {
	kernel Kernel
	v      [8]uint32
	buf    [BlockSize]byte
	n      uint64 // bytes written; n%BlockSize of them are in buf
}

var _ hash.Cloner = (*digest)(nil)

// New returns an SM3 digest. It implements [hash.Cloner]; like every hash.Hash
// it is for one goroutine at a time. Messages may have up to 2^61-1 bytes.
func (k Kernel) New() hash.Hash { return &digest{kernel: k, v: iv} }

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
		d.kernel.compress(&d.v, d.buf[:])
	}
	whole := len(p) &^ (BlockSize - 1)
	d.kernel.compress(&d.v, p[:whole])
	copy(d.buf[:], p[whole:])
	return written, nil
}

func (d *digest) Sum(b []byte) []byte {
	b, digest := room(b)
	d.kernel.sum(digest, &d.v, nil, d.buf[:d.n%BlockSize], d.n)
	return b
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := *d
	return &c, nil
}
