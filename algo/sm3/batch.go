package sm3

import (
	"unsafe"

	"github.com/gmhmac/hmacsign/algo/sm3asm"
)

// Lanes is the most messages that any kernel compresses beside each other.
const Lanes = sm3asm.Lanes

// SumMany appends the MAC of each message to dst, under one key. It allocates nothing
// where dst has room.
func (k *Key) SumMany(dst []byte, msgs [][]byte) []byte {
	var values lanes
	for lane := range min(len(msgs), Lanes) {
		values[lane] = &k.v
	}
	for len(msgs) > 0 {
		n := k.kernel.together(msgs)
		if n == 1 {
			dst = k.Sum(dst, msgs[0])
		} else {
			dst = k.kernel.sumLanes(dst, &values, msgs[:n])
		}
		msgs = msgs[n:]
	}
	return dst
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place; the keys are of one kernel. It allocates nothing where dst has room.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	for len(msgs) > 0 {
		n := keys[0].kernel.together(msgs)
		if n == 1 {
			dst = keys[0].Sum(dst, msgs[0])
		} else {
			var values lanes
			for lane, key := range keys[:n] {
				values[lane] = &key.v
			}
			dst = keys[0].kernel.sumLanes(dst, &values, msgs[:n])
		}
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// together is how many of the messages to compress beside each other: as many as the
// kernel can, or one, because one after the other is faster where they are few, or where
// one of them is so long that the others would wait for it.
func (k Kernel) together(msgs [][]byte) int {
	if k == Portable {
		return 1
	}
	n := min(len(msgs), k.asm.Lanes())
	total, longest := 0, 0
	for _, msg := range msgs[:n] {
		blocks := len(msg)/BlockSize + 2 // with the padding and the outer block
		total += blocks
		longest = max(longest, blocks)
	}
	if total < k.asm.BreakEven()*longest {
		return 1
	}
	return n
}

// lanes are the chaining values of the keys of a batch.
type lanes [Lanes]*[16]uint32

// noValues are for lanes without a message: a key's would stay on the stack.
var noValues [16]uint32

func (k Kernel) sumLanes(dst []byte, values *lanes, msgs [][]byte) []byte {
	for lane := len(msgs); lane < Lanes; lane++ {
		values[lane] = &noValues
	}
	n := len(dst)
	if len(msgs) == Lanes && cap(dst)-n >= Lanes*Size { // straight to where they belong
		dst = dst[:n+Lanes*Size]
		k.asm.SumLanes((*[Lanes][Size]byte)(unsafe.Pointer(&dst[n])), (*[Lanes]*[16]uint32)(values), msgs)
		return dst
	}
	var macs [Lanes][Size]byte
	k.asm.SumLanes(&macs, (*[Lanes]*[16]uint32)(values), msgs)
	for lane := range msgs {
		dst = append(dst, macs[lane][:]...)
	}
	return dst
}
