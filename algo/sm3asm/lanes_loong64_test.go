//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const laneKernelName = "LASX"

var laneKernel = func() func(*[8][16]uint32, *[16]*byte, uint32) {
	if cpu.Loong64.HasLASX {
		return blocks8LASX
	}
	return nil
}()
