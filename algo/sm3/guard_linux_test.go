package sm3_test

import (
	"bytes"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/algo/sm3"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// The input lies against a page that must not be touched, before and behind: a
// read beyond it ends the test with a fault.
func TestReadsNothingBeyondTheInput(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		page := syscall.Getpagesize()
		mem, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		require.NoError(t, err)
		defer syscall.Munmap(mem)
		require.NoError(t, syscall.Mprotect(mem[:page], syscall.PROT_NONE))
		require.NoError(t, syscall.Mprotect(mem[2*page:], syscall.PROT_NONE))
		inside := mem[page : 2*page]
		copy(inside, bytes.Repeat([]byte("0123456789abcdef"), page/16))
		// Batches of messages that all end or all begin where the page does, also of
		// one length, and of fewer than the lanes.
		key := k.NewKey([]byte("secret"))
		for n := range 200 {
			for _, apart := range []int{0, 7} {
				var last, first [][]byte
				var lastMACs, firstMACs []byte
				for i := range 16 {
					n := (n + i*apart) % 200
					last, first = append(last, inside[page-n:]), append(first, inside[:n:n])
					lastMACs, firstMACs = key.Sum(lastMACs, last[i]), key.Sum(firstMACs, first[i])
				}
				for _, lanes := range []int{5, 16} {
					keys := slices.Repeat([]*Key{key}, lanes)
					require.Equal(t, lastMACs[:lanes*Size], SumBeside(nil, keys, last[:lanes]))
					require.Equal(t, firstMACs[:lanes*Size], SumBeside(nil, keys, first[:lanes]))
					require.Equal(t, lastMACs[:lanes*Size], key.SumMany(nil, last[:lanes]))
					require.Equal(t, firstMACs[:lanes*Size], key.SumMany(nil, first[:lanes]))
				}
			}
		}
		for n := range 400 {
			for _, msg := range [][]byte{inside[page-n:], inside[:n]} {
				got, want := k.New(), sm3pure.New()
				got.Write(msg)
				want.Write(msg)
				require.Equal(t, want.Sum(nil), got.Sum(nil))
				require.Equal(t, reference(t, []byte("secret"), msg), key.Sum(nil, msg))
			}
		}
	})
}
