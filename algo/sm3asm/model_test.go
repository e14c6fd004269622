//go:build linux && !purego

package sm3asm

import (
	"encoding/binary"
	"math/bits"
)

// model is the compression function as GB/T 32905 writes it.
func model(v *[8]uint32, block *[64]byte) {
	var w [68]uint32
	p1 := func(x uint32) uint32 { return x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) }
	for j := range w {
		if j < 16 {
			w[j] = binary.BigEndian.Uint32(block[4*j:])
		} else {
			w[j] = p1(w[j-16]^w[j-9]^bits.RotateLeft32(w[j-3], 15)) ^ bits.RotateLeft32(w[j-13], 7) ^ w[j-6]
		}
	}
	a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	for j := range 64 {
		t, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
		if j >= 16 {
			t, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
		}
		ss1 := bits.RotateLeft32(bits.RotateLeft32(a, 12)+e+bits.RotateLeft32(t, j), 7)
		tt1 := ff + d + (ss1 ^ bits.RotateLeft32(a, 12)) + (w[j] ^ w[j+4])
		tt2 := gg + h + ss1 + w[j]
		a, b, c, d = tt1, a, bits.RotateLeft32(b, 9), c
		e, f, g, h = tt2^bits.RotateLeft32(tt2, 9)^bits.RotateLeft32(tt2, 17), e, bits.RotateLeft32(f, 19), g
	}
	for i, x := range []uint32{a, b, c, d, e, f, g, h} {
		v[i] ^= x
	}
}

// after is v with the blocks of p compressed into it.
func after(v [8]uint32, p []byte) [8]uint32 {
	for ; len(p) > 0; p = p[BlockSize:] {
		model(&v, (*[BlockSize]byte)(p))
	}
	return v
}

// sumOne is the HMAC by the model.
func sumOne(key *[16]uint32, msg []byte) (mac [Size]byte) {
	var tail, last [2 * BlockSize]byte
	whole := len(msg) &^ (BlockSize - 1)
	n := Pad(&tail, msg[whole:], uint64(BlockSize+len(msg)))
	inner := after(after([8]uint32(key[:8]), msg[:whole]), tail[:n*BlockSize])
	for i, w := range inner {
		binary.BigEndian.PutUint32(mac[4*i:], w)
	}
	Pad(&last, mac[:], BlockSize+Size)
	outer := after([8]uint32(key[8:]), last[:BlockSize])
	for i, w := range outer {
		binary.BigEndian.PutUint32(mac[4*i:], w)
	}
	return mac
}
