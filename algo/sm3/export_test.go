package sm3

// Values are the chaining values of the key.
func (k *Key) Values() [16]uint32 { return k.v }

// SumBeside is SumEach beside each other where the kernel can at all, also where one
// after the other is faster: what tests of the lanes ask.
func SumBeside(dst []byte, keys []*Key, msgs [][]byte) []byte {
	k := keys[0].kernel
	if k == Portable || k.asm.Lanes() == 1 {
		return SumEach(dst, keys, msgs)
	}
	for len(msgs) > 0 {
		n := min(len(msgs), k.asm.Lanes())
		var values lanes
		for lane, key := range keys[:n] {
			values[lane] = &key.v
		}
		dst = k.sumLanes(dst, &values, msgs[:n])
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}
