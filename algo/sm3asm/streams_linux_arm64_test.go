//go:build !purego

package sm3asm

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

func randomValue(r *rand.Rand) (v [8]uint32) {
	for i := range v {
		v[i] = r.Uint32()
	}
	return v
}

func needSM3(t *testing.T) {
	if list := Kernels(); list[len(list)-1] != sm3 {
		t.Skip("needs a processor with SM3 instructions")
	}
}

// Two streams do the same, each where it lies.
func TestTwoStreamsAgainstModel(t *testing.T) {
	needSM3(t)
	r := rand.New(rand.NewSource(1))
	begin, end := guarded(t)
	r.Read(begin)
	r.Read(end)
	for n := range 6 {
		for at := range 70 {
			p, q := begin[at:], end[len(end)-64*max(n, 1)-at*7%70:]
			v := [2][8]uint32{randomValue(r), randomValue(r)}
			want := [2][8]uint32{after(v[0], p[:64*n]), after(v[1], q[:64*n])}
			blocks2SM3(&v, &[2]*byte{&p[0], &q[0]}, n)
			require.Equal(t, want, v)
			blocks2SM3(&v, &[2]*byte{&q[0], &p[0]}, n)
			require.Equal(t, [2][8]uint32{after(want[0], q[:64*n]), after(want[1], p[:64*n])}, v)
		}
	}
}

// A pair of any two lengths, each under its key, and one message alone.
func TestPairAgainstModel(t *testing.T) {
	needSM3(t)
	r := rand.New(rand.NewSource(1))
	data := make([]byte, 2*maxCall+1000)
	r.Read(data)
	var keys [Lanes]*[16]uint32
	for i := range keys {
		key := [16]uint32{}
		for k := range key {
			key[k] = r.Uint32()
		}
		keys[i] = &key
	}
	lengths := []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 150, 192, 1000,
		maxCall/2 - 1, maxCall / 2, maxCall/2 + 65, maxCall, maxCall + 64, 2*maxCall + 500}
	for _, n := range lengths {
		for _, m := range lengths {
			msgs := [][]byte{data[1:][:n], data[2:][:m]}
			var macs [Lanes][Size]byte
			sm3.SumLanes(&macs, &keys, msgs)
			require.Equal(t, sumOne(keys[0], msgs[0]), macs[0])
			require.Equal(t, sumOne(keys[1], msgs[1]), macs[1])
		}
		var macs, want [Lanes][Size]byte
		want[0] = sumOne(keys[0], data[:n])
		sm3.SumLanes(&macs, &keys, [][]byte{data[:n]})
		require.Equal(t, want, macs)
	}
}
