package sm3asm

// What tests outside the package force and ask: algotest imports algo, which
// imports this package.

const (
	MaxCall  = maxCall
	NoKernel = noKernel
)

// EachKernel calls f with every kernel that the processor has in force, named.
func EachKernel(f func(name string)) (n int) {
	defer func(k kernelID) { kernel = k }(kernel)
	for _, k := range kernels()[1:] {
		kernel = k
		f(k.String())
		n++
	}
	return n
}

// WithoutKernel calls f as on a processor that has none.
func WithoutKernel(f func()) {
	defer func(k kernelID) { kernel = k }(kernel)
	kernel = none
	f()
}

// Values are the chaining values of the key.
func (k *Key) Values() [16]uint32 { return k.v }
