//go:build linux && (amd64 || arm64 || loong64) && !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A kernel of lanes changes the chaining values of the active lanes alone, and reads
// nothing but their 64 bytes: each block lies against a page that must not be touched.
func TestCompressEight(t *testing.T) {
	if len(Kernels()) == 0 {
		t.Skip("needs " + Needs)
	}
	r := rand.New(rand.NewSource(1))
	begin, end := guarded(t)
	for active := range uint32(1 << 8) {
		var v, want [8][16]uint32
		for i := range v {
			for lane := range v[i] {
				v[i][lane] = r.Uint32()
			}
		}
		want = v
		r.Read(begin)
		r.Read(end)
		var in [8][]byte // at the page by turns, and not aligned
		var blocks [16]*byte
		for lane := range in {
			at := int(active) % 9 * lane
			in[lane] = begin[at:][:64]
			if (int(active)+lane)%2 == 0 {
				in[lane] = end[len(end)-64-at:][:64]
			}
			blocks[lane] = &in[lane][0]
		}
		for lane := range in {
			if active>>lane&1 != 0 {
				var one [8]uint32
				for i := range one {
					one[i] = v[i][lane]
				}
				model(&one, (*[BlockSize]byte)(in[lane]))
				for i := range one {
					want[i][lane] = one[i]
				}
			}
		}
		compressEight(&v, &blocks, active)
		require.Equal(t, want, v, active)
	}
}
