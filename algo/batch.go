package algo

import "sync"

// maxBatch is how many messages a backend is given at once.
const maxBatch = 64

// scratch is the keys of a batch, pooled because they escape to the backend.
type scratch [maxBatch]Keyed

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// SumMany appends the MAC of each message to dst, in their order. A backend that
// is a [Batcher], as asm is, computes several at once, which pays from four
// messages on; with any other it is Sum after Sum. It panics as Sum does.
func (k *Key) SumMany(dst []byte, msgs [][]byte) []byte {
	return sumEach(dst, func(int) *Key { return k }, msgs)
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place; it panics unless there are as many keys as messages. It is SumMany for several keys,
// as a verifier has them that holds several requests in hand: those of one
// backend that follow each other go together.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	if len(keys) != len(msgs) {
		panic("algo: SumEach: as many keys as messages are needed")
	}
	return sumEach(dst, func(i int) *Key { return keys[i] }, msgs)
}

func sumEach(dst []byte, key func(int) *Key, msgs [][]byte) []byte {
	keys := scratches.Get().(*scratch)
	defer func() {
		clear(keys[:])
		scratches.Put(keys)
	}()
	for i := 0; i < len(msgs); {
		first := key(i)
		faults := first.begin()
		batch, ok := first.keyed.(Batcher)
		if !ok {
			dst = first.Sum(dst, msgs[i])
			i++
			continue
		}
		n := 0
		for n < min(len(msgs)-i, maxBatch) && key(i+n).made() == first.entry {
			key(i + n).ready()
			keys[n] = key(i + n).keyed
			n++
		}
		dst = first.entry.sumEach(batch, dst, keys[:n], msgs[i:i+n])
		for j := range n {
			key(i + j).ready()
		}
		first.end(faults)
		i += n
	}
	return dst
}
