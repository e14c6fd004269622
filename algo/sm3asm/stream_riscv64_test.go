//go:build !purego

package sm3asm

const streamKernelName = "Zvksh"

var streamKernel func(*[8]uint32, []byte)

func init() {
	if len(Kernels()) > 0 {
		streamKernel = blockZvksh
	}
}
