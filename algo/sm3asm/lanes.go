package sm3asm

import "encoding/binary"

// Lanes is the most messages that a kernel takes at once.
const Lanes = 16

// Lanes is how many messages SumLanes takes at once; 1 where the kernel has none
// beside each other.
func (k Kernel) Lanes() int { return k.about().lanes }

// BreakEven is how many times the length of the longest the messages have together
// from where on SumLanes is faster than one message after the other: a call
// takes as long as its longest message, whatever its fill.
func (k Kernel) BreakEven() int { return k.about().breakEven }

// SumLanes stores the HMAC of each message, up to Lanes of them, in macs. A key is
// the chaining values behind its inner and its outer block, 8 words each; lanes
// without a message have any.
func (k Kernel) SumLanes(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	k.sumLanes(macs, keys, msgs)
}

// Pad puts the last bytes of a message of n bytes in all into block, padded as
// section 5.2 says, and returns how many blocks they take. Block is zero but for
// what rest may share with it.
func Pad(block *[2 * BlockSize]byte, rest []byte, n uint64) int {
	k := copy(block[:], rest)
	block[k] = 0x80
	count := 1
	if k >= BlockSize-8 {
		count = 2
	}
	binary.BigEndian.PutUint64(block[count*BlockSize-8:], n*8)
	return count
}
