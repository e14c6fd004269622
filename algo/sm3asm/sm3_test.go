package sm3asm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	. "github.com/gmhmac/hmacsign/algo/sm3asm"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// eachKernel runs f with every kernel that the processor has.
func eachKernel(t *testing.T, f func(t *testing.T)) {
	if EachKernel(func(name string) { t.Run(name, f) }) == 0 {
		t.Skip("needs an amd64 processor with AVX2 and BMI2, and a build without purego")
	}
}

func TestHash(t *testing.T) {
	eachKernel(t, func(t *testing.T) { algotest.TestSM3(t, New) })
}

func TestStreamedMAC(t *testing.T) {
	eachKernel(t, func(t *testing.T) { algotest.TestHash(t, NewKey([]byte("secret")).NewMAC) })
}

func TestKnownMACs(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, v := range algotest.Vectors(t, "hmac-sm3") {
			require.Equal(t, v.Sum, NewKey(v.Key).Sum(nil, v.Message), v.Source)
		}
	})
}

// Every length to 1024 and beyond one call, at every alignment, against sm3pure.
func TestAgainstPure(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		data := make([]byte, 100_000)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		same := func(msg []byte) {
			got, want := New(), sm3pure.New()
			got.Write(msg)
			want.Write(msg)
			require.Equal(t, want.Sum(nil), got.Sum(nil), len(msg))
		}
		for n := range 1025 {
			same(data[n%67 : n%67+n])
		}
		for _, n := range []int{MaxCall - 1, MaxCall, MaxCall + 1, 2*MaxCall + 65, len(data)} {
			same(data[:n])
		}
	})
}

func TestDoesNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		key, dst, msg := NewKey([]byte("secret")), make([]byte, 0, 32), make([]byte, 150)
		require.Zero(t, testing.AllocsPerRun(100, func() { key.Sum(dst, msg) }))
		h := New()
		require.Zero(t, testing.AllocsPerRun(100, func() {
			h.Reset()
			h.Write(msg)
			h.Sum(dst)
		}))
	})
}

// The backend as package algo has it, where there is one.
func TestBackend(t *testing.T) {
	eachKernel(t, func(t *testing.T) { algotest.TestBackend(t, algo.HMACSM3, "asm") })
}

func FuzzMAC(f *testing.F) {
	if !Available() {
		f.Skip("needs an amd64 processor with AVX2 and BMI2, and a build without purego")
	}
	algotest.FuzzMAC(f, algo.HMACSM3, "asm", "gmsm")
}

func FuzzWrites(f *testing.F) {
	if !Available() {
		f.Skip("needs an amd64 processor with AVX2 and BMI2, and a build without purego")
	}
	algotest.FuzzWrites(f, New, sm3pure.New)
}
