//go:build amd64 && !purego

package sm3asm

// A row has one word of every lane; kernels of fewer lanes use its beginning.
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

// sumRows is SumLanes for kernels that hold word i of all lanes in one register.
func (k Kernel) sumRows(macs *[Lanes][Size]byte, keys *[Lanes]*[16]uint32, msgs [][]byte) {
	var (
		rows   [16]row                    // the inner chaining values, then the outer ones
		last   [16]row                    // the outer block
		tails  [Lanes][2 * BlockSize]byte // the last bytes of each message, padded
		blocks [Lanes]*byte
		whole  [Lanes]int // blocks that are compressed where the message lies
		total  [Lanes]int // and those with the padding
		steps  int
	)
	for lane := range Lanes { // those without a message go along, unlooked at
		blocks[lane] = &tails[lane][0]
	}
	for lane, msg := range msgs {
		whole[lane] = len(msg) / BlockSize
		total[lane] = whole[lane] + Pad(&tails[lane], msg[whole[lane]*BlockSize:], uint64(BlockSize+len(msg)))
		steps = max(steps, total[lane])
	}
	k.loadKeys(&rows, keys)
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
		k.compressLanes(inner, &blocks, active)
	}
	copy(last[:8], inner[:])
	copy(last[8:], outerPadding[:])
	k.compressWords(outer, &last, 1<<len(msgs)-1)
	k.storeMACs(macs, outer)
}
