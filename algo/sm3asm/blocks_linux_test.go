//go:build !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A kernel compresses whole blocks, at any alignment, and reads nothing but them: the
// input begins behind a page that must not be touched, or ends at one.
func TestBlocks(t *testing.T) {
	if len(Kernels()) == 0 {
		t.Skip("needs " + Needs)
	}
	begin, end := guarded(t)
	for _, k := range Kernels() {
		t.Run(k.String(), func(t *testing.T) {
			r := rand.New(rand.NewSource(1))
			r.Read(begin)
			r.Read(end)
			for n := range 6 {
				for at := range 70 {
					for _, p := range [][]byte{begin[at:][:64*n], end[len(end)-at-64*n:][:64*n]} {
						var v [8]uint32
						for i := range v {
							v[i] = r.Uint32()
						}
						want := v
						for i := range n {
							model(&want, (*[BlockSize]byte)(p[BlockSize*i:]))
						}
						k.Blocks(&v, p)
						require.Equal(t, want, v, "%d blocks", n)
					}
				}
			}
		})
	}
}
