//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const laneKernelName, streamKernelName = "LASX", "LASX"

var (
	laneKernel   func(*[8][16]uint32, *[16]*byte, uint32)
	streamKernel func(*[8]uint32, []byte)
)

func init() {
	if cpu.Loong64.HasLASX {
		laneKernel, streamKernel = blocks8LASX, blockLSX
	}
}
