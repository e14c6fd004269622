// Package sm3asm is the compression function of SM3 (GB/T 32905-2016, section 5.3)
// in assembly: of one message, and of many beside each other where the processor
// has lanes for them. Package sm3 makes digests and MACs of it. The build tag
// purego leaves it out.
//
// No branch and no address depends on a key or a message.
package sm3asm

// Sizes in bytes.
const (
	Size      = 32 // of a digest and a MAC
	BlockSize = 64
)

// Needs says in words where there is a kernel.
const Needs = "an arm64 processor, an amd64 one with AVX2, BMI1 and BMI2, a loong64 one with LASX, or a riscv64 one with Zvks"

// A Kernel is a way to compress that this processor has. Only [Kernels] makes one:
// the methods of any other panic, because what it would execute may not exist.
type Kernel uint8

const none Kernel = 0

// Kernels lists what this processor and this build can run, the best last.
func Kernels() []Kernel { return kernels() }

// about is what is known of a kernel: known has one for each of an architecture.
type about struct {
	name             string
	lanes, breakEven int
}

func (k Kernel) about() *about {
	if k == none || k >= Kernel(len(known)) {
		panic(noKernel)
	}
	return &known[k]
}

// String names the instructions that the kernel uses.
func (k Kernel) String() string {
	if k == none || k >= Kernel(len(known)) {
		return "none"
	}
	return known[k].name
}

const noKernel = "sm3asm: this processor or this build has no such kernel: take one of Kernels"

// maxCall keeps one call of assembly short, because the scheduler cannot
// interrupt it.
const maxCall = 32 << 10

// Blocks compresses the whole blocks of p into the chaining value v.
func (k Kernel) Blocks(v *[8]uint32, p []byte) {
	for len(p) > maxCall {
		k.blocks(v, p[:maxCall])
		p = p[maxCall:]
	}
	k.blocks(v, p)
}

// Sum does the rest of a message in one call, if the kernel can: done is false where
// it cannot, and nothing has happened. The message is msg behind the chaining value
// v, and has n bytes in all. Digest gets its digest or, where outer is not nil, that
// of the block with it behind the chaining value outer, which makes an HMAC.
func (k Kernel) Sum(digest *[Size]byte, v, outer *[8]uint32, msg []byte, n uint64) (done bool) {
	if len(msg) > maxCall {
		return k.sumLong(digest, v, outer, msg, n)
	}
	return k.sum(digest, v, outer, msg, n)
}

func (k Kernel) sumLong(digest *[Size]byte, v, outer *[8]uint32, msg []byte, n uint64) (done bool) {
	var own [8]uint32
	copy(own[:], v[:])
	whole := len(msg) &^ (BlockSize - 1)
	k.Blocks(&own, msg[:whole])
	return k.sum(digest, &own, outer, msg[whole:], n)
}
