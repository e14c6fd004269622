//go:build !purego

package sm3asm

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

const (
	neon Kernel = 1 + iota
	sm3
)

// Where the batches break even is what llvm-mca's models say: eight lanes take as long as
// 5.2 streams on Neoverse N1 and 3.6 on V1; that of Kunpeng 920 is in doubt. Of a
// pair the longer message goes on alone, so that none waits.
var known = []about{neon: {"NEON", 8, 6}, sm3: {"SM3 instructions", 2, 1}}

// kernels asks cpu, which knows of SM3 instructions only where the operating system
// tells (Linux and the BSDs); elsewhere they are not used.
func kernels() (list []Kernel) {
	if cpu.ARM64.HasASIMD {
		list = append(list, neon)
		if cpu.ARM64.HasSM3 {
			list = append(list, sm3)
		}
	}
	return list
}

func (k Kernel) blocks(v *[8]uint32, p []byte) {
	switch k {
	case sm3:
		blockSM3(v, p)
	case neon:
		blockNEON(v, p)
	default:
		panic(noKernel)
	}
}

func (k Kernel) sumLanes(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	switch k {
	case sm3:
		sumPair(macs, keys, msgs)
	case neon:
		sumEight(macs, keys, msgs)
	default:
		panic(noKernel)
	}
}

func compressEight(v *[8]row, blocks *[Lanes]*byte, active uint32) {
	blocks8NEON(v, blocks, active)
}

// sumPair computes one MAC or two, block beside block.
func sumPair(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	var (
		v      [2][8]uint32
		inputs [2]input
		tails  [2][2 * BlockSize]byte // the last bytes of each message, padded
		outer  [2][2 * BlockSize]byte
	)
	for i, msg := range msgs {
		copy(v[i][:], keys[i][:8])
		whole := len(msg) &^ (BlockSize - 1)
		n := Pad(&tails[i], msg[whole:], uint64(BlockSize+len(msg)))
		inputs[i] = input{msg[:whole], tails[i][:n*BlockSize]}
	}
	compressPair(&v, &inputs)
	for i := range msgs {
		var digest [Size]byte
		store(&digest, &v[i])
		Pad(&outer[i], digest[:], BlockSize+Size)
		inputs[i] = input{outer[i][:BlockSize], nil}
		copy(v[i][:], keys[i][8:])
	}
	compressPair(&v, &inputs)
	for i := range msgs {
		store(&macs[i], &v[i])
	}
}

// An input is whole blocks, and more of them elsewhere.
type input struct{ now, then []byte }

// next is the blocks at hand; none are left where it is empty.
func (in *input) next() []byte {
	if len(in.now) == 0 {
		in.now, in.then = in.then, nil
	}
	return in.now
}

// compressPair compresses both inputs beside each other as long as both have blocks,
// then what one has more.
func compressPair(v *[2][8]uint32, inputs *[2]input) {
	a, b := &inputs[0], &inputs[1]
	for {
		n := min(len(a.next()), len(b.next()), maxCall/2)
		if n == 0 {
			break
		}
		blocks2SM3(v, &[2]*byte{&a.now[0], &b.now[0]}, n/BlockSize)
		a.now, b.now = a.now[n:], b.now[n:]
	}
	for i := range inputs {
		for in := &inputs[i]; len(in.next()) > 0; in.now = nil {
			sm3.Blocks(&v[i], in.now)
		}
	}
}

// store stores a chaining value as bytes.
func store(sum *[Size]byte, v *[8]uint32) {
	for i, w := range v {
		binary.BigEndian.PutUint32(sum[4*i:], w)
	}
}
