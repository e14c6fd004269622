//go:build amd64 && !purego

package sm3asm

import "encoding/binary"

// A row has one word of every lane; kernels of fewer lanes use its beginning.
type row = [Lanes]uint32

// maxSteps is how many blocks of each lane one call of assembly compresses: it takes
// about as long as maxCall of one message.
const maxSteps = 256

// sumLanes16 is SumLanes on AVX-512. Lanes without a message go along with that of
// the first.
func sumLanes16(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	if len(msgs) == Lanes {
		sumAll16(macs, keys, (*[Lanes][]byte)(msgs))
	} else if len(msgs) > 0 {
		var all [Lanes][]byte
		for lane := copy(all[:], msgs); lane < Lanes; lane++ {
			all[lane] = msgs[0]
		}
		sumAll16(macs, keys, &all)
	}
}

func sumAll16(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs *[Lanes][]byte) {
	longest := 0
	for _, msg := range msgs {
		longest = max(longest, len(msg))
	}
	outer := (longest+8)/BlockSize + 1
	if outer < maxSteps {
		sum16(macs, nil, keys, msgs, 0, maxSteps, outer)
	} else {
		sumLong16(macs, keys, msgs, outer)
	}
}

func sumLong16(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs *[Lanes][]byte, outer int) {
	var state [16]row
	for from := 0; from <= outer; from += maxSteps {
		sum16(macs, &state, keys, msgs, from, from+maxSteps, outer)
	}
	clear(state[:])
}

// lanes8 is how many lanes AVX2 has.
const lanes8 = 8

// sumLanes8 is SumLanes on AVX2, with the padding in Go.
func sumLanes8(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	var (
		rows   [16]row                     // the inner chaining values, then the outer ones
		tails  [lanes8][2 * BlockSize]byte // the last bytes of each message, padded
		blocks [Lanes]*byte
		whole  [lanes8]int // blocks that are compressed where the message lies
		total  [lanes8]int // and those with the padding
		steps  int
	)
	for lane := range lanes8 { // those without a message go along, unlooked at
		blocks[lane] = &tails[lane][0]
	}
	for lane, msg := range msgs {
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + Pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
	keys8(&rows, keys)
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
		blocks8(inner, &blocks, active)
	}
	macs8(macs, inner)
	for lane := range lanes8 {
		outerBlock := tails[lane][:BlockSize]
		copy(outerBlock, macs[lane][:])
		clear(outerBlock[Size:])
		outerBlock[Size] = 0x80
		binary.BigEndian.PutUint16(outerBlock[BlockSize-2:], (BlockSize+Size)*8)
		blocks[lane] = &outerBlock[0]
	}
	blocks8(outer, &blocks, 1<<lanes8-1)
	macs8(macs, outer)
}
