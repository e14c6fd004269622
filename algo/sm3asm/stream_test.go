//go:build linux && (riscv64 || loong64) && !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A kernel of one stream compresses whole blocks, at any alignment, and reads nothing
// but them: the input ends or begins at a page that must not be touched.
func TestStreamAgainstModel(t *testing.T) {
	if streamKernel == nil {
		t.Skip("needs a processor with " + streamKernelName)
	}
	r := rand.New(rand.NewSource(1))
	before, behind := guarded(t)
	for n := range 6 {
		for at := range 70 {
			r.Read(before)
			r.Read(behind)
			for _, p := range [][]byte{before[at:][:64*n], behind[len(behind)-at-64*n:][:64*n]} {
				var v [8]uint32
				for i := range v {
					v[i] = r.Uint32()
				}
				want := v
				for i := range n {
					model(&want, (*[64]byte)(p[64*i:]))
				}
				streamKernel(&v, p)
				require.Equal(t, want, v)
			}
		}
	}
}
