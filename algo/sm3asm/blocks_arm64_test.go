//go:build !purego

package sm3asm

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// compression is CF of section 5.3, word for word.
func compression(v *[8]uint32, block []byte) {
	rol := bits.RotateLeft32
	p0 := func(x uint32) uint32 { return x ^ rol(x, 9) ^ rol(x, 17) }
	p1 := func(x uint32) uint32 { return x ^ rol(x, 15) ^ rol(x, 23) }
	var w [68]uint32
	for j := range w {
		if j < 16 {
			w[j] = binary.BigEndian.Uint32(block[4*j:])
		} else {
			w[j] = p1(w[j-16]^w[j-9]^rol(w[j-3], 15)) ^ rol(w[j-13], 7) ^ w[j-6]
		}
	}
	a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	for j := range 64 {
		t, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
		if j >= 16 {
			t, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
		}
		ss1 := rol(rol(a, 12)+e+rol(t, j), 7)
		tt1 := ff + d + (ss1 ^ rol(a, 12)) + (w[j] ^ w[j+4])
		tt2 := gg + h + ss1 + w[j]
		a, b, c, d, e, f, g, h = tt1, a, rol(b, 9), c, p0(tt2), e, rol(f, 19), g
	}
	for i, x := range []uint32{a, b, c, d, e, f, g, h} {
		v[i] ^= x
	}
}

func randomBlocks(rng *rand.Rand, n int) []byte {
	p := make([]byte, 64*n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

func randomValue(rng *rand.Rand) (v [8]uint32) {
	for i := range v {
		v[i] = rng.Uint32()
	}
	return v
}

func TestBlocksAgainstTheStandard(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 20 {
		p := randomBlocks(rng, n)
		v := randomValue(rng)
		want := v
		for i := range n {
			compression(&want, p[64*i:])
		}
		got := v
		blockNEON(&got, p)
		require.Equal(t, want, got, n)
		if cpu.ARM64.HasSM3 {
			got = v
			blockSM3(&got, p)
			require.Equal(t, want, got, n)
			q := randomBlocks(rng, n+1)
			two := [2][8]uint32{randomValue(rng), v}
			other := two[0]
			for i := range n {
				compression(&other, q[64*i:])
			}
			if n == 0 {
				p = q
			}
			blocks2SM3(&two, &[2]*byte{&q[0], &p[0]}, n)
			require.Equal(t, [2][8]uint32{other, want}, two)
		}
	}
}
