package sm3_test

import (
	"bytes"
	"hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	. "github.com/gmhmac/hmacsign/algo/sm3"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// eachKernel runs f with every kernel that the processor has.
func eachKernel(t *testing.T, f func(t *testing.T, k Kernel)) {
	for _, k := range Kernels() {
		t.Run(k.String(), func(t *testing.T) { f(t, k) })
	}
}

func TestHash(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) { algotest.TestSM3(t, k.New) })
}

func TestStreamedMAC(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) { algotest.TestHash(t, k.NewKey([]byte("secret")).NewMAC) })
}

func TestKnownMACs(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		for _, v := range algotest.Vectors(t, "hmac-sm3") {
			require.Equal(t, v.Sum, k.NewKey(v.Key).Sum(nil, v.Message), v.Source)
		}
	})
}

// Every length to 1024 and beyond one call, at every alignment, against sm3pure.
func TestAgainstPure(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		data := make([]byte, 100_000)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		same := func(msg []byte) {
			got, want := k.New(), sm3pure.New()
			got.Write(msg)
			want.Write(msg)
			require.Equal(t, want.Sum(nil), got.Sum(nil), len(msg))
		}
		for n := range 1025 {
			same(data[n%67 : n%67+n])
		}
		for _, n := range []int{1<<15 - 1, 1 << 15, 1<<15 + 1, 1<<16 + 65, len(data)} { // calls of assembly end at 32 KiB
			same(data[:n])
		}
	})
}

// MACs and digests of every length about the first blocks, at every alignment, in one
// call and streamed, behind what dst has.
func TestLengths(t *testing.T) {
	data := make([]byte, 400)
	for i := range data {
		data[i] = byte(i * i >> 2)
	}
	secret := []byte("secret")
	eachKernel(t, func(t *testing.T, k Kernel) {
		key := k.NewKey(secret)
		mac, hash := key.NewMAC(), k.New()
		for n := range 301 {
			for at := range 16 {
				msg := data[at : at+n]
				want := reference(t, secret, msg)
				require.Equal(t, append([]byte("prefix"), want...), key.Sum([]byte("prefix"), msg), "%d at %d", n, at)
				require.Equal(t, want, streamed(mac, msg, n/3), "streamed, %d at %d", n, at)
				pure := sm3pure.New()
				pure.Write(msg)
				require.Equal(t, pure.Sum(nil), streamed(hash, msg, n/3), "digest, %d at %d", n, at)
			}
		}
		for _, n := range []int{1<<15 - 1, 1 << 15, 1<<15 + 1, 1<<15 + 64, 100_000} { // calls of assembly end at 32 KiB
			msg := bytes.Repeat([]byte("0123456"), n)[:n]
			require.Equal(t, reference(t, secret, msg), key.Sum(nil, msg), n)
		}
	})
}

// streamed is the sum of two pieces, after a sum of the first one, which changes
// nothing.
func streamed(h hash.Hash, msg []byte, cut int) []byte {
	h.Reset()
	h.Write(msg[:cut])
	h.Sum(nil)
	h.Write(msg[cut:])
	return h.Sum(nil)
}

// Using a key changes nothing of it, nor of the message.
func TestSumWritesToDstAlone(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, msg := k.NewKey([]byte("secret")), bytes.Repeat([]byte("message "), 40)
		before, same := *key, bytes.Clone(msg)
		for n := range len(msg) {
			dst := bytes.Repeat([]byte{0xaa}, 10+Size+10)
			key.Sum(dst[:10], msg[:n])
			require.Equal(t, bytes.Repeat([]byte{0xaa}, 10), dst[:10])
			require.Equal(t, bytes.Repeat([]byte{0xaa}, 10), dst[10+Size:])
		}
		require.Equal(t, before, *key)
		require.Equal(t, same, msg)
	})
}

// The MAC may go where the message lies.
func TestSumInPlace(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key := k.NewKey([]byte("secret"))
		for n := range 301 {
			for at := range n + 1 {
				buf := bytes.Repeat([]byte{byte(n)}, n+Size)
				want := reference(t, []byte("secret"), buf[:n])
				require.Equal(t, want, key.Sum(buf[:at], buf[:n])[at:], "%d bytes, MAC at %d", n, at)
				if at > 3*BlockSize {
					break
				}
			}
		}
	})
}

func TestDoesNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, dst, msg := k.NewKey([]byte("secret")), make([]byte, 0, 32), make([]byte, 150)
		require.Zero(t, testing.AllocsPerRun(100, func() { key.Sum(dst, msg) }))
		h := k.New()
		require.Zero(t, testing.AllocsPerRun(100, func() {
			h.Reset()
			h.Write(msg)
			h.Sum(dst)
		}))
	})
}

// keyed is a key as package algo has it.
type keyed struct{ *Key }

func (keyed) SumEach(dst []byte, keys []algo.Keyed, msgs [][]byte) []byte {
	var own []*Key
	for _, key := range keys {
		own = append(own, key.(keyed).Key)
	}
	return SumEach(dst, own, msgs)
}

// Every kernel as a backend of package algo.
func TestBackend(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		name := "test-" + strings.ReplaceAll(k.String(), " ", "-")
		algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: name, NewHash: k.New,
			NewKeyed: func(secret []byte) (algo.Keyed, error) { return keyed{k.NewKey(secret)}, nil }})
		algotest.TestBackend(t, algo.HMACSM3, name)
	})
}

func FuzzMAC(f *testing.F) {
	backend := "go"
	if best() != Portable {
		backend = "asm"
	}
	algotest.FuzzMAC(f, algo.HMACSM3, backend, "gmsm")
}

// best is the last of Kernels.
func best() Kernel { return Kernels()[len(Kernels())-1] }

func FuzzWrites(f *testing.F) { algotest.FuzzWrites(f, best().New, sm3pure.New) }

func FuzzWritesPortable(f *testing.F) { algotest.FuzzWrites(f, Portable.New, sm3pure.New) }
