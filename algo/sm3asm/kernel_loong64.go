//go:build !purego

package sm3asm

import "golang.org/x/sys/cpu"

const lasx Kernel = 1

// Where the batch breaks even is an estimate by its number of instructions, with two
// vector operations or four others a cycle.
var known = []about{lasx: {"LASX", 8, 3}}

// kernels asks cpu for what the operating system announces. LASX includes LSX, but who
// switches that off by GODEBUG means the stream too, which runs on it.
func kernels() (list []Kernel) {
	if cpu.Loong64.HasLSX && cpu.Loong64.HasLASX {
		list = append(list, lasx)
	}
	return list
}

func (k Kernel) blocks(v *[8]uint32, p []byte) {
	if k != lasx {
		panic(noKernel)
	}
	blockLSX(v, p)
}

func (k Kernel) sumLanes(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	if k != lasx {
		panic(noKernel)
	}
	sumEight(macs, keys, msgs)
}

func compressEight(v *[8]row, blocks *[Lanes]*byte, active uint32) {
	blocks8LASX(v, blocks, active)
}
