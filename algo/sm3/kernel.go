package sm3

import "github.com/gmhmac/hmacsign/algo/sm3asm"

// A Kernel is what compresses blocks. Digests and keys are of one kernel, and all
// kernels give the same.
type Kernel struct {
	asm sm3asm.Kernel // none: portable Go
}

// Portable is the kernel in Go, which every build has.
var Portable = Kernel{}

// Kernels lists what this processor and this build can run: [Portable], then those
// in assembly, the best last.
func Kernels() []Kernel {
	list := []Kernel{Portable}
	for _, k := range sm3asm.Kernels() {
		list = append(list, Kernel{k})
	}
	return list
}

// Assembly returns the best kernel in assembly, and whether there is one.
func Assembly() (k Kernel, ok bool) {
	list := Kernels()
	k = list[len(list)-1]
	return k, k != Portable
}

// String names the kernel: "portable", or the instructions that it uses.
func (k Kernel) String() string {
	if k == Portable {
		return "portable"
	}
	return k.asm.String()
}

// compress compresses the whole blocks of p into v.
func (k Kernel) compress(v *[8]uint32, p []byte) {
	if k == Portable {
		compress(v, p)
	} else {
		k.asm.Blocks(v, p)
	}
}
