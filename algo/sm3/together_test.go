package sm3

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Messages go beside each other where that is faster: not a few, and not with one that is
// much longer than the others, which would all take as long as it does.
func TestTogether(t *testing.T) {
	short, long := make([]byte, 150), make([]byte, 100<<10)
	require.Equal(t, 1, Portable.together(slices.Repeat([][]byte{short}, Lanes)))
	for _, k := range Kernels()[1:] {
		lanes := k.asm.Lanes()
		alike := slices.Repeat([][]byte{short}, lanes)
		require.Equal(t, lanes, k.together(alike), k)
		require.Equal(t, lanes, k.together(append(alike, long)), k)
		require.Equal(t, 1, k.together(alike[:1]), k)
		if lanes > 2 {
			require.Equal(t, k.asm.BreakEven(), k.together(alike[:k.asm.BreakEven()]), k)
			require.Equal(t, 1, k.together(alike[:k.asm.BreakEven()-1]), k)
			require.Equal(t, 1, k.together(append(alike[1:], long)), k)
		}
	}
}
