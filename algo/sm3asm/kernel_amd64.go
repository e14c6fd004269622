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

func compress(v *[8]uint32, p []byte) {
	if kernel == avx512 {
		blockAVX512(v, p)
	} else {
		blockAVX2(v, p)
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
	if kernel == avx512 {
		blocks16(v, blocks, active)
	} else {
		blocks8(v, blocks, active)
	}
}

// compressWords does the same with blocks that are rows already.
func compressWords(v *[8]row, words *[16]row, active uint32) {
	if kernel == avx512 {
		words16(v, words, active)
	} else {
		words8(v, words, active)
	}
}

// loadKeys brings the chaining values of the keys into rows.
func loadKeys(rows *[16]row, keys *[Lanes]*[16]uint32) {
	if kernel == avx512 {
		keys16(rows, keys)
	} else {
		keys8(rows, keys)
	}
}

// storeMACs brings chaining values back into bytes.
func storeMACs(macs *[Lanes][Size]byte, v *[8]row) {
	if kernel == avx512 {
		macs16(macs, v)
	} else {
		macs8(macs, v)
	}
}
