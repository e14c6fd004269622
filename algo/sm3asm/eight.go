//go:build (arm64 || loong64) && !purego

package sm3asm

import "encoding/binary"

// A kernel of eight lanes takes a block of each message as it lies in memory and
// compresses it into v, which has one word of every lane in a row. compressEight is the
// one of this architecture.

// sumEight is SumLanes for it.
func sumEight(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	const lanes = 8
	var (
		v      [8][Lanes]uint32
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
		loadLane(&v, lane, (*[8]uint32)(keys[lane][:8]))
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + Pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
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
		compressEight(&v, &blocks, active)
	}
	var digest [Size]byte
	for lane := range msgs {
		storeLane(&digest, &v, lane)
		loadLane(&v, lane, (*[8]uint32)(keys[lane][8:]))
		clear(tails[lane][:])
		Pad(&tails[lane], digest[:], BlockSize+Size)
		blocks[lane] = &tails[lane][0]
	}
	compressEight(&v, &blocks, 1<<len(msgs)-1)
	for lane := range msgs {
		storeLane(&macs[lane], &v, lane)
	}
}

// loadLane makes words the chaining value of a lane.
func loadLane(v *[8][Lanes]uint32, lane int, words *[8]uint32) {
	for i, w := range words {
		v[i][lane] = w
	}
}

// storeLane stores the chaining value of a lane as bytes.
func storeLane(sum *[Size]byte, v *[8][Lanes]uint32, lane int) {
	for i := range v {
		binary.BigEndian.PutUint32(sum[4*i:], v[i][lane])
	}
}
