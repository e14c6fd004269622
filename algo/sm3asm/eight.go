//go:build (amd64 || arm64 || loong64) && !purego

package sm3asm

import "encoding/binary"

// A row has one word of every lane; kernels of fewer lanes use its beginning.
type row = [Lanes]uint32

// sumEight is SumLanes for kernels of eight lanes, of which each architecture has one: its
// compressEight takes a block of each message as it lies in memory and compresses
// it into rows, where the bit of the lane in active is set.
func sumEight(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	const lanes = 8
	var (
		rows   [16]row                    // the inner chaining values, then the outer ones
		tails  [lanes][2 * BlockSize]byte // the last bytes of each message, padded
		blocks [Lanes]*byte
		whole  [lanes]int // blocks that are compressed where the message lies
		total  [lanes]int // and those with the padding
		steps  int
	)
	for lane := range lanes { // those without a message go along, unlooked at
		blocks[lane] = &tails[lane][0]
	}
	for lane, msg := range msgs {
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + Pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
	loadEight(&rows, keys)
	inner, outer := (*[8]row)(rows[:8]), (*[8]row)(rows[8:])
	for step := range steps {
		active := uint32(0)
		for lane, msg := range msgs {
			if step < total[lane] {
				active |= 1 << lane
			}
			if step < whole[lane] {
				blocks[lane] = &msg[step*BlockSize]
			} else {
				// A lane that is done goes on with any block; its bit is clear.
				blocks[lane] = &tails[lane][min(step-whole[lane], 1)*BlockSize]
			}
		}
		compressEight(inner, &blocks, active)
	}
	storeEight(macs, inner)
	for lane := range lanes {
		outerBlock := tails[lane][:BlockSize]
		copy(outerBlock, macs[lane][:])
		clear(outerBlock[Size:])
		outerBlock[Size] = 0x80
		binary.BigEndian.PutUint16(outerBlock[BlockSize-2:], (BlockSize+Size)*8)
		blocks[lane] = &outerBlock[0]
	}
	compressEight(outer, &blocks, 1<<lanes-1)
	storeEight(macs, outer)
}
