//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

// kernels lists what the processor can run, the best last. cpu also asks whether
// the operating system keeps the registers.
func kernels() []kernelID {
	list := []kernelID{none}
	if cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 {
		list = append(list, avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL {
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
