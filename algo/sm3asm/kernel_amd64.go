//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

// kernels lists what the processor can run, the best last. cpu also asks whether
// the operating system keeps the registers.
func kernels() []kernelID {
	list := []kernelID{none}
	if cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 {
		list = append(list, avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW {
			list = append(list, avx512)
		}
	}
	return list
}

// compress, like each function that reaches assembly, asks which kernel there is:
// without one the processor does not have the instructions.
func compress(v *[8]uint32, p []byte) {
	switch kernel {
	case avx512:
		blockAVX512(v, p)
	case avx2:
		blockAVX2(v, p)
	default:
		panic(noKernel)
	}
}

// lanes is how many messages the batch kernel takes at once.
func lanes() int {
	if kernel == avx512 {
		return 16
	}
	return 8
}

// compressLanes compresses a block of each lane, where its bit in active is set.
func compressLanes(v *[8]row, blocks *[Lanes]*byte, active uint32) {
	switch kernel {
	case avx512:
		blocks16(v, blocks, active)
	case avx2:
		blocks8(v, blocks, active)
	default:
		panic(noKernel)
	}
}

// compressWords does the same with blocks that are rows already.
func compressWords(v *[8]row, words *[16]row, active uint32) {
	switch kernel {
	case avx512:
		words16(v, words, active)
	case avx2:
		words8(v, words, active)
	default:
		panic(noKernel)
	}
}

// loadKeys brings the chaining values of the keys into rows.
func loadKeys(rows *[16]row, keys *[Lanes]*[16]uint32) {
	switch kernel {
	case avx512:
		keys16(rows, keys)
	case avx2:
		keys8(rows, keys)
	default:
		panic(noKernel)
	}
}

// storeMACs brings chaining values back into bytes.
func storeMACs(macs *[Lanes][Size]byte, v *[8]row) {
	switch kernel {
	case avx512:
		macs16(macs, v)
	case avx2:
		macs8(macs, v)
	default:
		panic(noKernel)
	}
}
