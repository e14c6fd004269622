//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const zvksh Kernel = 1

var known = []about{zvksh: {"Zvksh", 1, 1}}

// kernels asks cpu for what Linux announces of all cores: V has registers of 128 bits or
// more, Zvks is Zvksed, Zvksh, Zvkb (which swaps bytes) and Zvkt (whose instructions take
// the same time for all data). Zvksh alone cpu does not tell.
func kernels() (list []Kernel) {
	if cpu.RISCV64.HasV && cpu.RISCV64.HasZvks {
		list = append(list, zvksh)
	}
	return list
}

func (k Kernel) blocks(v *[8]uint32, p []byte) {
	if k != zvksh {
		panic(noKernel)
	}
	blockZvksh(v, p)
}

func (Kernel) sumLanes(*[Lanes][Size]byte, *[Lanes]*[16]uint32, [][]byte) { panic(noKernel) }
