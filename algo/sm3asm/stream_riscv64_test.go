//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const streamKernelName = "Zvksh"

var streamKernel = func() func(*[8]uint32, []byte) {
	if cpu.RISCV64.HasV && cpu.RISCV64.HasZvks {
		return blockZvksh
	}
	return nil
}()
