package sm3asm

import (
	"encoding/binary"
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

// A row has one word of every lane.
type row = [Lanes]uint32

// outerPadding is the rest of the outer block behind the inner digest: that of a
// message of 96 bytes.
var outerPadding = func() (rows [8]row) {
	for lane := range Lanes {
		rows[0][lane] = 1 << 31
		rows[7][lane] = (BlockSize + Size) * 8
	}
	return rows
}()

// noValues are for lanes without a message: a key's would stay on the stack.
var noValues [16]uint32

// sumLanes computes up to lanes() MACs beside each other.
func sumLanes(dst []byte, keys []*Key, msgs [][]byte) []byte {
	var (
		rows   [16]row // the inner chaining values, then the outer ones
		last   [16]row // the outer block
		values [Lanes]*[16]uint32
		tails  [Lanes][2 * BlockSize]byte // the last bytes of each message, padded
		blocks [Lanes]*byte
		whole  [Lanes]int // blocks that are compressed where the message lies
		total  [Lanes]int // and those with the padding
		steps  int
	)
	for lane := range Lanes { // those without a message go along, unlooked at
		values[lane] = &noValues
		blocks[lane] = &tails[lane][0]
	}
	for lane, msg := range msgs {
		values[lane] = &keys[lane].v
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
	loadKeys(&rows, &values)
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
		compressLanes(inner, &blocks, active)
	}
	copy(last[:8], inner[:])
	copy(last[8:], outerPadding[:])
	compressWords(outer, &last, 1<<len(msgs)-1)
	var macs [Lanes][Size]byte
	storeMACs(&macs, outer)
	for lane := range msgs {
		dst = append(dst, macs[lane][:]...)
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
