package sm3

import "github.com/gmhmac/hmacsign/algo/sm3asm"

// Lanes is the most messages that any kernel compresses beside each other.
const Lanes = sm3asm.Lanes

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
// place; the keys are of one kernel. It allocates nothing where dst has room.
// Messages are compressed beside each other where the kernel can; few of them go one
// after the other, which is faster then.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	for len(msgs) > 0 {
		k := keys[0].kernel
		n := 1
		if k != Portable {
			n = min(len(msgs), k.asm.Lanes())
		}
		if n == 1 || n < k.asm.BreakEven() {
			n = 1
			dst = keys[0].Sum(dst, msgs[0])
		} else {
			dst = k.sumLanes(dst, keys[:n], msgs[:n])
		}
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// noValues are for lanes without a message: a key's would stay on the stack.
var noValues [16]uint32

func (k Kernel) sumLanes(dst []byte, keys []*Key, msgs [][]byte) []byte {
	var macs [Lanes][Size]byte
	var values [Lanes]*[16]uint32
	for lane := range values {
		values[lane] = &noValues
	}
	for lane, key := range keys {
		values[lane] = &key.v
	}
	k.asm.SumLanes(&macs, &values, msgs)
	for lane := range msgs {
		dst = append(dst, macs[lane][:]...)
	}
	return dst
}
