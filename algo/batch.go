package algo

import "sync"

// maxBatch is how many messages a backend is given at once.
const maxBatch = 64

// scratch is the keys of a batch, pooled because they escape to the backend.
type scratch [maxBatch]Keyed

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// SumMany appends the MAC of each message to dst, in their order. A backend that
// is a [Batcher], as asm is, computes several at once where that is faster, which by
// processor is from two to six messages on; with any other it is Sum after Sum. It
// panics as Sum does.
func (k *Key) SumMany(dst []byte, msgs [][]byte) []byte {
	if len(msgs) == 0 {
		return dst
	}
	faults := k.begin()
	batch, ok := k.keyed.(KeyBatcher)
	if !ok {
		keys := [1]*Key{k}
		return sumEach(dst, keys[:], msgs)
	}
	for len(msgs) > 0 {
		n := min(len(msgs), maxBatch)
		dst = k.entry.sumMany(batch, dst, msgs[:n])
		msgs = msgs[n:]
	}
	k.end(faults)
	return dst
}

// SumEach appends the MAC of each message to dst, each under the key of the same
// place; it panics unless there are as many keys as messages. It is SumMany for
// several keys, as a verifier has them that holds several requests in hand: those of
// one backend that follow each other go together.
func SumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	if len(keys) != len(msgs) {
		panic("algo: SumEach: as many keys as messages are needed")
	}
	for len(keys) > 0 {
		n := 1
		for n < len(keys) && keys[n].made() == keys[0].made() {
			n++
		}
		dst = sumEach(dst, keys[:n], msgs[:n])
		keys, msgs = keys[n:], msgs[n:]
	}
	return dst
}

// sumEach takes keys of one backend, or one for all messages.
func sumEach(dst []byte, keys []*Key, msgs [][]byte) []byte {
	if len(msgs) == 0 {
		return dst
	}
	entry := keys[0].made()
	faults := begin(keys)
	if batch, ok := keys[0].keyed.(Batcher); ok {
		run := scratches.Get().(*scratch)
		used := min(len(msgs), maxBatch)
		defer putBack(run, used)
		for i := 0; i < len(msgs); {
			n := run.fill(keys, i, len(msgs))
			dst = entry.sumEach(batch, dst, run[:n], msgs[i:i+n])
			i += n
		}
	} else {
		for i, msg := range msgs {
			dst = entry.sum(keys[min(i, len(keys)-1)], dst, msg)
		}
	}
	for _, key := range keys {
		key.end(faults)
	}
	return dst
}

// begin is Key.begin of keys of one backend.
func begin(keys []*Key) (faults uint64) {
	faults = keys[0].begin()
	for _, key := range keys[1:] {
		key.begin()
	}
	return faults
}

// fill takes the keys of the messages from i on, as many as there is room for.
func (s *scratch) fill(keys []*Key, i, messages int) int {
	n := min(messages-i, maxBatch)
	if len(keys) == 1 {
		for j := range s[:n] {
			s[j] = keys[0].keyed
		}
	} else {
		for j, key := range keys[i : i+n] {
			s[j] = key.keyed
		}
	}
	return n
}

func putBack(run *scratch, used int) {
	clear(run[:used])
	scratches.Put(run)
}
