package sm3asm

import (
	"encoding/binary"
	"slices"
)

// Lanes is the most messages that a batch kernel takes at once.
const Lanes = 16

// SumMany appends the MAC of each message to dst, under one key.
func (k *Key) SumMany(dst []byte, msgs [][]byte) []byte {
	var keys [Lanes]*Key
	for i := range keys {
		keys[i] = k
	}
	for len(msgs) > 0 {
		n := min(len(msgs), Lanes)
		dst = SumEach(dst, keys[:n], msgs[:n])
		msgs = msgs[n:]
	}
	return dst
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place. It allocates nothing where dst has room. Messages are compressed beside
// each other where the processor can; few of them go one after the other, which
// is faster then.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	for len(msgs) > 0 {
		n := min(len(msgs), lanes())
		if n < breakEven {
			n = 1
			dst = keys[0].Sum(dst, msgs[0])
		} else {
			dst = sumLanes(dst, keys[:n], msgs[:n])
		}
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// breakEven is from how many messages on the lanes are faster than one message
// after the other: a call costs the same whatever its fill. Measured with
// BenchmarkSumMany.
const breakEven = 3

// transposed has word i of lane j at [i][j].
type transposed [8][Lanes]uint32

// sumLanes computes up to lanes() MACs beside each other.
func sumLanes(dst []byte, keys []*Key, msgs [][]byte) []byte {
	var (
		v      transposed                 // the inner chaining values
		outer  transposed                 // and the outer ones
		tails  [Lanes][2 * BlockSize]byte // the last bytes of each message, padded
		blocks [Lanes]*byte
		last   [16][Lanes]uint32 // the outer block
		whole  [Lanes]int        // blocks that are compressed where the message lies
		total  [Lanes]int        // and those with the padding
		steps  int
	)
	// What is stored a word at a time is stored long before it is loaded a row
	// at a time: the processor waits for such stores.
	for lane, msg := range msgs {
		k := keys[lane]
		for i := range v {
			v[i][lane] = k.inner[i]
			outer[i][lane] = k.outer[i]
		}
		// The outer block is the inner digest, whose words are in the lanes'
		// order already, and the padding of a message of 96 bytes.
		last[8][lane] = 1 << 31
		last[15][lane] = (BlockSize + Size) * 8
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
	for lane := range blocks {
		blocks[lane] = &tails[lane][0] // of a lane without a message: never looked at
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
		compressLanes(&v, &blocks, active)
	}

	copy(last[:8], v[:])
	compressWords(&outer, &last, 1<<len(msgs)-1)
	n := len(dst)
	dst = slices.Grow(dst, len(msgs)*Size)[:n+len(msgs)*Size]
	for lane := range msgs {
		mac := (*[Size]byte)(dst[n+lane*Size:])
		for i := range outer {
			binary.BigEndian.PutUint32(mac[4*i:], outer[i][lane])
		}
	}
	return dst
}

// pad puts the last bytes of a message of n bytes in all into block, padded as
// section 5.2 says, and returns how many blocks they take. Block is zero but for
// what rest may share with it.
func pad(block *[2 * BlockSize]byte, rest []byte, n uint64) int {
	k := copy(block[:], rest)
	block[k] = 0x80
	count := 1
	if k >= BlockSize-8 {
		count = 2
	}
	binary.BigEndian.PutUint64(block[count*BlockSize-8:], n*8)
	return count
}
