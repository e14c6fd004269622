//go:build !purego

package sm3asm

const laneKernelName, streamKernelName = "LASX", "LASX"

var (
	laneKernel   func(*[8][16]uint32, *[16]*byte, uint32)
	streamKernel func(*[8]uint32, []byte)
)

func init() {
	if len(Kernels()) > 0 {
		laneKernel, streamKernel = blocks8LASX, blockLSX
	}
}
