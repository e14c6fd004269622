// Package sm3pure is the SM3 hash of GB/T 32905-2016 in portable Go: the
// compression function of github.com/tjfoc/gmsm/sm3 behind a digest that keeps
// the contract of [hash.Hash] in full.
//
// Used directly, that library surprises in three ways: Sum hashes its argument
// and drops it instead of appending to it, every Write allocates, and a copy of
// its struct shares a buffer with the original. Here Sum appends and changes
// nothing, writes are gathered before they reach the library, and Clone gives
// an independent digest.
package sm3pure

import (
	"hash"

	"github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// Size is the length of an SM3 digest in bytes.
const Size = 32

// BlockSize is the length of SM3's message block in bytes.
const BlockSize = 64

// maxPiece is how much the library is given at once. See absorb.
const maxPiece = 4096

// New returns an SM3 digest. It implements [hash.Cloner]; like every hash.Hash
// it is for one goroutine at a time. Messages may have up to 2^61-1 bytes.
func New() hash.Hash {
	d := new(digest)
	d.Reset()
	return d
}

// Version names the library and its version as linked into this program.
func Version() string { return buildinfo.Module("github.com/tjfoc/gmsm") }

// digest feeds whole blocks to lib and keeps the rest itself, so that lib never
// holds a partial block and a copy of the struct is a copy of the state.
type digest struct {
	lib sm3.SM3
	buf [BlockSize]byte
	n   int // bytes waiting in buf, always below BlockSize
}

var _ hash.Cloner = (*digest)(nil)

func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }

func (d *digest) Reset() {
	d.lib.Reset()
	d.n = 0
}

func (d *digest) Write(p []byte) (int, error) {
	written := len(p)
	if d.n > 0 {
		k := copy(d.buf[d.n:], p)
		d.n += k
		p = p[k:]
		if d.n < BlockSize {
			return written, nil
		}
		d.absorb(d.buf[:])
		d.n = 0
	}
	whole := len(p) &^ (BlockSize - 1)
	d.absorb(p[:whole])
	d.n = copy(d.buf[:], p[whole:])
	return written, nil
}

// absorb hashes whole blocks. The library appends what it is given to a slice
// of its own, which is always empty here, and keeps that slice's spare capacity
// for the next time; a copied digest would share it. Pieces that are powers of
// two are sizes that Go's allocator hands out exactly, so nothing is spare and
// copies share no memory.
func (d *digest) absorb(blocks []byte) {
	for piece := maxPiece; piece >= BlockSize; piece /= 2 {
		for len(blocks) >= piece {
			d.lib.Write(blocks[:piece])
			blocks = blocks[piece:]
		}
	}
}

// Sum appends the digest of what was written so far to b.
func (d *digest) Sum(b []byte) []byte {
	// The library's Sum hashes its argument and returns the digest alone,
	// written behind it: the last partial block goes in that way, with room
	// for the digest, into a copy of the state.
	var tail [BlockSize + Size]byte
	lib := d.lib
	return append(b, lib.Sum(tail[:copy(tail[:], d.buf[:d.n])])...)
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := *d
	return &c, nil
}
