package sm3asm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What package sm3 makes of the kernels tests them. Here is what nobody may do: no
// kernel but those of Kernels reaches the assembly.
func TestNoOtherKernel(t *testing.T) {
	for _, k := range []Kernel{none, Kernel(len(known)), 255} {
		require.NotContains(t, Kernels(), k)
		require.Equal(t, "none", k.String())
		panics := func(what string, f func()) {
			t.Helper()
			require.PanicsWithValue(t, noKernel, f, what)
		}
		panics("Blocks", func() { k.Blocks(new([8]uint32), make([]byte, BlockSize)) })
		panics("Blocks, none", func() { k.Blocks(new([8]uint32), nil) })
		panics("Blocks, many", func() { k.Blocks(new([8]uint32), make([]byte, 2*maxCall)) })
		panics("Sum", func() { k.Sum(new([Size]byte), new([8]uint32), nil, nil, 0) })
		panics("Sum, long", func() { k.Sum(new([Size]byte), new([8]uint32), nil, make([]byte, 2*maxCall), 2*maxCall) })
		panics("Lanes", func() { k.Lanes() })
		panics("BreakEven", func() { k.BreakEven() })
		var keys [Lanes]*[16]uint32
		for i := range keys {
			keys[i] = new([16]uint32)
		}
		for n := range 4 {
			panics("SumLanes", func() { k.SumLanes(new([Lanes][Size]byte), &keys, make([][]byte, n)) })
		}
	}
}
