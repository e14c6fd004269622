//go:build !amd64 || purego

package sm3asm

func (k Kernel) sum(*[Size]byte, *[8]uint32, *[8]uint32, []byte, uint64) (done bool) {
	k.about() // panics where there is no such kernel
	return false
}
