//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const (
	avx2 Kernel = 1 + iota
	avx512
)

// Where the batches break even was measured with BenchmarkSumMany.
var known = []about{avx2: {"AVX2", 8, 3}, avx512: {"AVX-512VL", 16, 3}}

// kernels asks cpu, which also asks whether the operating system keeps the
// registers.
func kernels() (list []Kernel) {
	if cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 {
		list = append(list, avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW {
			list = append(list, avx512)
		}
	}
	return list
}

func (k Kernel) blocks(v *[8]uint32, p []byte) { k.stream(v, nil, v, p, nil, nil) }

// sum builds the padding first: it is in memory long before it is read.
func (k Kernel) sum(digest *[Size]byte, v, outer *[8]uint32, msg []byte, n uint64) bool {
	var tail [2 * BlockSize]byte
	whole := len(msg) &^ (BlockSize - 1)
	padded := Pad(&tail, msg[whole:], n) * BlockSize
	k.stream(nil, digest, v, msg[:whole], tail[:padded], outer)
	return true
}

// stream is what both are made of: see its declarations in assembly.
func (k Kernel) stream(words *[8]uint32, bytes *[Size]byte, from *[8]uint32, p, tail []byte, outer *[8]uint32) {
	switch k {
	case avx512:
		streamAVX512(words, bytes, from, p, tail, outer)
	case avx2:
		streamAVX2(words, bytes, from, p, tail, outer)
	default:
		panic(noKernel)
	}
}

func (k Kernel) sumLanes(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	switch k {
	case avx512:
		sumLanes16(macs, keys, msgs)
	case avx2:
		sumEight(macs, keys, msgs)
	default:
		panic(noKernel)
	}
}

func compressEight(v *[8]row, blocks *[Lanes]*byte, active uint32) { blocks8(v, blocks, active) }

// loadEight brings the chaining values of eight keys into rows, storeEight those of
// eight lanes back into bytes.
func loadEight(rows *[16]row, keys *[Lanes]*[16]uint32) { keys8(rows, keys) }
func storeEight(sums *[Lanes][Size]byte, rows *[8]row)  { macs8(sums, rows) }
