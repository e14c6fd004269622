package sm3

import (
	"encoding/binary"
	"math/bits"
)

// tj is T of section 4.2 for each round j, rotated by j as SS1 needs it.
var tj = func() (t [64]uint32) {
	for j := range t {
		t[j] = bits.RotateLeft32(0x79cc4519, j)
		if j >= 16 {
			t[j] = bits.RotateLeft32(0x7a879d8a, j)
		}
	}
	return t
}()

// round computes what changes in a round of section 5.3.3: the next C, A, G and E,
// in the places of B, D, F and H. The other words change their names alone, which
// come round again after four rounds.
func round(a, b, d, e, f, h, ff, gg, t, w, wp uint32) (nextC, nextA, nextG, nextE uint32) {
	r := bits.RotateLeft32(a, 12)
	ss1 := bits.RotateLeft32(r+e+t, 7)
	tt1 := ff + d + (ss1 ^ r) + wp
	tt2 := gg + h + ss1 + w
	return bits.RotateLeft32(b, 9), tt1, bits.RotateLeft32(f, 19), tt2 ^ bits.RotateLeft32(tt2, 9) ^ bits.RotateLeft32(tt2, 17)
}

// expand is a word of the expanded message, by those that stand 16, 13, 9, 6 and 3
// before it.
func expand(w16, w13, w9, w6, w3 uint32) uint32 {
	x := w16 ^ w9 ^ bits.RotateLeft32(w3, 15)
	return x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) ^ bits.RotateLeft32(w13, 7) ^ w6
}

// compress compresses the whole blocks of p into v. Of the expanded message it keeps
// the 16 words that later ones need.
func compress(v *[8]uint32, p []byte) {
	var w [16]uint32
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		for i := range w {
			w[i] = binary.BigEndian.Uint32(p[4*i:])
		}
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		b, d, f, h = round(a, b, d, e, f, h, a^b^c, e^f^g, tj[0], w[0], w[0]^w[4])
		a, c, e, g = round(d, a, c, h, e, g, d^a^b, h^e^f, tj[1], w[1], w[1]^w[5])
		d, b, h, f = round(c, d, b, g, h, f, c^d^a, g^h^e, tj[2], w[2], w[2]^w[6])
		c, a, g, e = round(b, c, a, f, g, e, b^c^d, f^g^h, tj[3], w[3], w[3]^w[7])
		b, d, f, h = round(a, b, d, e, f, h, a^b^c, e^f^g, tj[4], w[4], w[4]^w[8])
		a, c, e, g = round(d, a, c, h, e, g, d^a^b, h^e^f, tj[5], w[5], w[5]^w[9])
		d, b, h, f = round(c, d, b, g, h, f, c^d^a, g^h^e, tj[6], w[6], w[6]^w[10])
		c, a, g, e = round(b, c, a, f, g, e, b^c^d, f^g^h, tj[7], w[7], w[7]^w[11])
		b, d, f, h = round(a, b, d, e, f, h, a^b^c, e^f^g, tj[8], w[8], w[8]^w[12])
		a, c, e, g = round(d, a, c, h, e, g, d^a^b, h^e^f, tj[9], w[9], w[9]^w[13])
		d, b, h, f = round(c, d, b, g, h, f, c^d^a, g^h^e, tj[10], w[10], w[10]^w[14])
		c, a, g, e = round(b, c, a, f, g, e, b^c^d, f^g^h, tj[11], w[11], w[11]^w[15])
		w[0] = expand(w[0], w[3], w[7], w[10], w[13])
		b, d, f, h = round(a, b, d, e, f, h, a^b^c, e^f^g, tj[12], w[12], w[12]^w[0])
		w[1] = expand(w[1], w[4], w[8], w[11], w[14])
		a, c, e, g = round(d, a, c, h, e, g, d^a^b, h^e^f, tj[13], w[13], w[13]^w[1])
		w[2] = expand(w[2], w[5], w[9], w[12], w[15])
		d, b, h, f = round(c, d, b, g, h, f, c^d^a, g^h^e, tj[14], w[14], w[14]^w[2])
		w[3] = expand(w[3], w[6], w[10], w[13], w[0])
		c, a, g, e = round(b, c, a, f, g, e, b^c^d, f^g^h, tj[15], w[15], w[15]^w[3])
		for j := 16; j < 64; j += 16 {
			t := (*[16]uint32)(tj[j:])
			w[4] = expand(w[4], w[7], w[11], w[14], w[1])
			b, d, f, h = round(a, b, d, e, f, h, a&b|(a|b)&c, (f^g)&e^g, t[0], w[0], w[0]^w[4])
			w[5] = expand(w[5], w[8], w[12], w[15], w[2])
			a, c, e, g = round(d, a, c, h, e, g, d&a|(d|a)&b, (e^f)&h^f, t[1], w[1], w[1]^w[5])
			w[6] = expand(w[6], w[9], w[13], w[0], w[3])
			d, b, h, f = round(c, d, b, g, h, f, c&d|(c|d)&a, (h^e)&g^e, t[2], w[2], w[2]^w[6])
			w[7] = expand(w[7], w[10], w[14], w[1], w[4])
			c, a, g, e = round(b, c, a, f, g, e, b&c|(b|c)&d, (g^h)&f^h, t[3], w[3], w[3]^w[7])
			w[8] = expand(w[8], w[11], w[15], w[2], w[5])
			b, d, f, h = round(a, b, d, e, f, h, a&b|(a|b)&c, (f^g)&e^g, t[4], w[4], w[4]^w[8])
			w[9] = expand(w[9], w[12], w[0], w[3], w[6])
			a, c, e, g = round(d, a, c, h, e, g, d&a|(d|a)&b, (e^f)&h^f, t[5], w[5], w[5]^w[9])
			w[10] = expand(w[10], w[13], w[1], w[4], w[7])
			d, b, h, f = round(c, d, b, g, h, f, c&d|(c|d)&a, (h^e)&g^e, t[6], w[6], w[6]^w[10])
			w[11] = expand(w[11], w[14], w[2], w[5], w[8])
			c, a, g, e = round(b, c, a, f, g, e, b&c|(b|c)&d, (g^h)&f^h, t[7], w[7], w[7]^w[11])
			w[12] = expand(w[12], w[15], w[3], w[6], w[9])
			b, d, f, h = round(a, b, d, e, f, h, a&b|(a|b)&c, (f^g)&e^g, t[8], w[8], w[8]^w[12])
			w[13] = expand(w[13], w[0], w[4], w[7], w[10])
			a, c, e, g = round(d, a, c, h, e, g, d&a|(d|a)&b, (e^f)&h^f, t[9], w[9], w[9]^w[13])
			w[14] = expand(w[14], w[1], w[5], w[8], w[11])
			d, b, h, f = round(c, d, b, g, h, f, c&d|(c|d)&a, (h^e)&g^e, t[10], w[10], w[10]^w[14])
			w[15] = expand(w[15], w[2], w[6], w[9], w[12])
			c, a, g, e = round(b, c, a, f, g, e, b&c|(b|c)&d, (g^h)&f^h, t[11], w[11], w[11]^w[15])
			w[0] = expand(w[0], w[3], w[7], w[10], w[13])
			b, d, f, h = round(a, b, d, e, f, h, a&b|(a|b)&c, (f^g)&e^g, t[12], w[12], w[12]^w[0])
			w[1] = expand(w[1], w[4], w[8], w[11], w[14])
			a, c, e, g = round(d, a, c, h, e, g, d&a|(d|a)&b, (e^f)&h^f, t[13], w[13], w[13]^w[1])
			w[2] = expand(w[2], w[5], w[9], w[12], w[15])
			d, b, h, f = round(c, d, b, g, h, f, c&d|(c|d)&a, (h^e)&g^e, t[14], w[14], w[14]^w[2])
			w[3] = expand(w[3], w[6], w[10], w[13], w[0])
			c, a, g, e = round(b, c, a, f, g, e, b&c|(b|c)&d, (g^h)&f^h, t[15], w[15], w[15]^w[3])
		}
		v[0], v[1], v[2], v[3] = v[0]^a, v[1]^b, v[2]^c, v[3]^d
		v[4], v[5], v[6], v[7] = v[4]^e, v[5]^f, v[6]^g, v[7]^h
	}
}
