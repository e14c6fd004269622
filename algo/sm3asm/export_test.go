package sm3asm

// What tests outside the package force and ask: algotest imports algo, which
// imports this package.

const MaxCall = maxCall

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
