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
	keys := [1]*Key{k}
	return sumEach(dst, keys[:], 0, msgs)
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place; it panics unless there are as many keys as messages. It is SumMany for
// several keys, as a verifier has them that holds several requests in hand: those of
// one backend that follow each other go together.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	if len(keys) != len(msgs) {
		panic("algo: SumEach: as many keys as messages are needed")
	}
	return sumEach(dst, keys, 1, msgs)
}

// sumEach has the key of message i at i*stride.
func sumEach(dst []byte, keys []*Key, stride int, msgs [][]byte) []byte {
	for i := 0; i < len(msgs); {
		first := keys[i*stride]
		first.begin()
		if batch, ok := first.keyed.(Batcher); ok {
			n := 1
			for n < min(len(msgs)-i, maxBatch) && keys[(i+n)*stride].made() == first.entry {
				n++
			}
			dst = sumBatch(dst, batch, keys[i*stride:], n, stride, msgs[i:i+n])
			i += n
		} else {
			dst = first.Sum(dst, msgs[i])
			i++
		}
	}
	return dst
}

// sumBatch computes the MACs of as many messages as keys of one backend.
func sumBatch(dst []byte, batch Batcher, keys []*Key, n, stride int, msgs [][]byte) []byte {
	run := scratches.Get().(*scratch)
	defer func() {
		clear(run[:n])
		scratches.Put(run)
	}()
	faults := keys[0].begin()
	for i := range n {
		key := keys[i*stride]
		if key != keys[0] {
			key.ready()
		}
		run[i] = key.keyed
	}
	dst = keys[0].entry.sumEach(batch, dst, run[:n], msgs)
	for i := range n {
		if key := keys[i*stride]; key.destroyed.Load() {
			key.ready()
		}
	}
	keys[0].end(faults)
	return dst
}
