//go:build !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A batch gives the HMAC of each message under its own key, whatever its fill: those of
// fewer messages than BreakEven are not reached through package sm3. The messages end at
// a page that must not be touched.
func TestSumLanes(t *testing.T) {
	if len(Kernels()) == 0 {
		t.Skip("needs " + Needs)
	}
	_, page := guarded(t)
	for _, k := range Kernels() {
		if k.Lanes() == 1 {
			continue
		}
		t.Run(k.String(), func(t *testing.T) {
			r := rand.New(rand.NewSource(1))
			r.Read(page)
			for n := range k.Lanes() + 1 {
				for range 20 {
					var keys [Lanes]*[16]uint32
					for lane := range keys {
						keys[lane] = new([16]uint32)
						for i := range keys[lane] {
							keys[lane][i] = r.Uint32()
						}
					}
					msgs, want := make([][]byte, n), make([][Size]byte, n)
					for i := range msgs {
						length := 64*r.Intn(5) + []int{0, 1, 54, 55, 56, 57, 63}[r.Intn(7)]
						msgs[i] = page[len(page)-length:]
						want[i] = sumOne(keys[i], msgs[i])
					}
					var macs [Lanes][Size]byte
					k.SumLanes(&macs, &keys, msgs)
					require.Equal(t, want, append([][Size]byte{}, macs[:n]...), n)
				}
			}
		})
	}
}

// Where a batch breaks even there is one: a kernel whose lanes package sm3 never fills
// would pass its tests.
func TestBreakEven(t *testing.T) {
	for _, k := range Kernels() {
		require.LessOrEqual(t, k.Lanes(), Lanes, k)
		require.LessOrEqual(t, k.BreakEven(), k.Lanes(), k)
		if k.Lanes() > 2 {
			require.GreaterOrEqual(t, k.BreakEven(), 2, k)
		}
	}
}
