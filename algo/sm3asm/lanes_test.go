//go:build (arm64 || loong64) && !purego

package sm3asm

import (
	"encoding/binary"
	"math/bits"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
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

// A kernel of lanes changes the chaining values of the active lanes alone, and reads
// nothing but their 64 bytes: each block lies against a page that must not be touched.
func TestLanesAgainstModel(t *testing.T) {
	if laneKernel == nil {
		t.Skip("needs a processor with " + laneKernelName)
	}
	r := rand.New(rand.NewSource(1))
	before, behind := guarded(t)
	for active := range uint32(1 << 8) {
		var v, want [8][16]uint32
		for i := range v {
			for lane := range v[i] {
				v[i][lane] = r.Uint32()
			}
		}
		want = v
		var pages [8][]byte
		var blocks [16]*byte
		for lane := range pages {
			// At the end of the page or, with another block for each, near to it.
			pages[lane] = behind[len(behind)-64*(1+lane*int(active&1))-int(active>>1&1)*lane:][:64]
			if active%3 == 0 {
				pages[lane] = before[lane*int(active>>2&65):][:64]
			}
			blocks[lane] = &pages[lane][0]
		}
		r.Read(before)
		r.Read(behind)
		for lane := range pages {
			if active>>lane&1 != 0 {
				var one [8]uint32
				for i := range one {
					one[i] = v[i][lane]
				}
				model(&one, (*[64]byte)(pages[lane]))
				for i := range one {
					want[i][lane] = one[i]
				}
			}
		}
		laneKernel(&v, &blocks, active)
		require.Equal(t, want, v, active)
	}
}
