//go:build linux && (arm64 || loong64) && !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

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
