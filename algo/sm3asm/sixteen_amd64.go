//go:build amd64 && !purego

package sm3asm

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
