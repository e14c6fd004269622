//go:build (!amd64 && !arm64 && !loong64 && !riscv64) || purego

package sm3asm

var known []about

func kernels() []Kernel { return nil }

func (Kernel) blocks(*[8]uint32, []byte) { panic(noKernel) }

func (Kernel) sumLanes(*[Lanes][Size]byte, *[Lanes]*[16]uint32, [][]byte) { panic(noKernel) }
