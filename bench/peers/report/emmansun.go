package main

import (
	"encoding/binary"
	_ "unsafe" // for linkname
)

// portableDigest has the layout of emmansun/gmsm's digest, to give them to its block
// function in Go. That one is in every build, but only the tag purego makes the
// digest use it, and turns the kernels of this binary off as well.
type portableDigest struct {
	h [8]uint32
	_ [64]byte // the block that is not whole
	_ int      // bytes in it
	_ uint64   // bytes in all
}

//go:linkname emmansunBlocks github.com/emmansun/gmsm/internal/sm3.blockGeneric
func emmansunBlocks(d *portableDigest, p []byte)

// emmansunInGo is emmansun/gmsm's SM3 of 8 KiB in Go: 128 blocks, and that of the
// padding.
func emmansunInGo() subject {
	msg := make([]byte, 8192)
	last := make([]byte, 64)
	last[0], last[61] = 0x80, 1 // 8192 bytes are 2^16 bits
	iv := [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}
	dst := make([]byte, 0, 32)
	return repeat(emmansunName+", its code in Go", func() []byte {
		d := portableDigest{h: iv}
		emmansunBlocks(&d, msg)
		emmansunBlocks(&d, last)
		sum := dst
		for _, word := range d.h {
			sum = binary.BigEndian.AppendUint32(sum, word)
		}
		return sum
	})
}
