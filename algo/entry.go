package algo

import (
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"unsafe"
)

// entry is a registered backend, what is known of it, and the guard that every
// call into it goes through.
type entry struct {
	Backend
	size      int        // of the MAC and of the digest, in bytes
	mu        sync.Mutex // held while the backend is asked or tested
	could     bool       // Probe has said once that it can run
	tested    bool
	file      *Module // once it is known
	reference Keyed   // computes the known answers, from the self-test on

	facts  atomic.Pointer[facts]
	unable atomic.Bool             // it could not be taken when it was last asked
	gone   atomic.Bool             // it could run and then could not: final
	fault  atomic.Pointer[Failure] // the error state: why nothing may come from it
	faults atomic.Uint64           // how often it got there and left: what was begun before has no result
	wrong  sync.Map                // of answer: those that were wrong in use, for all self-tests to come
	used   atomic.Bool
	counts [ways]atomic.Uint64

	digests sync.Pool // of *stream
}

// facts are what a backend told when it was last asked.
type facts struct {
	version, detail string
	err             error // why it could not run, or not be tested
	tested          bool
}

// prove makes sure that the backend is from the pinned file, can run, and has
// computed the known answers.
func (e *entry) prove(pin string) error {
	return e.ask(pin, func() error {
		if e.tested {
			return nil
		}
		return e.test()
	})
}

// retest is prove with the known answers computed in any case. It lifts an error
// state.
func (e *entry) retest(pin string) error { return e.ask(pin, e.test) }

func (e *entry) ask(pin string, test func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := facts{}
	if f.err = e.checkPin(pin); f.err == nil { // before it sees a license
		f.version, f.detail, f.err = e.probe()
	}
	var untested error
	if f.err == nil && !e.gone.Load() {
		untested = test()
	}
	if f.tested = e.tested; !f.tested && f.err == nil {
		f.err = untested
	}
	if old := e.facts.Load(); old == nil || f.err != nil || *old != f {
		e.facts.Store(&f)
	}
	err := e.err()
	e.unable.Store(err != nil)
	if err == nil && untested != nil { // what it passed before stands
		err = fmt.Errorf("%w: the self-test could not be made: %w", ErrBackendUnavailable, untested)
	}
	return err
}

// err is why the backend cannot be taken, as far as is known.
func (e *entry) err() error {
	if f := e.fault.Load(); f != nil && e.gone.Load() {
		return fmt.Errorf("%w: %w: restart the process", ErrBackendUnavailable, f.Err)
	} else if f != nil {
		return fmt.Errorf("%w: %w: out until a self-test passes", ErrBackendUnavailable, f.Err)
	}
	if f := e.facts.Load(); f != nil && f.err != nil {
		return fmt.Errorf("%w: %w", ErrBackendUnavailable, f.err)
	}
	return nil
}

// info is what is known of the backend, without asking it.
func (e *entry) info() Info {
	info := Info{Algorithm: e.Algorithm, Backend: e.Name, SelfTest: "not run"}
	f := e.facts.Load()
	if f == nil {
		return info
	}
	info.Version, info.Detail = f.version, f.detail
	if f.tested {
		info.Available, info.SelfTest = true, "passed"
	}
	if err := e.err(); err != nil {
		info.Available, info.Detail = false, err.Error()
	}
	if e.fault.Load() != nil {
		info.SelfTest = "failed"
	}
	return info
}

// probe asks whether the backend can run. That it cannot any more is final.
func (e *entry) probe() (version, detail string, err error) {
	if e.Probe != nil {
		version, detail, err = e.callProbe()
	}
	if err != nil && e.could && !e.gone.Swap(true) {
		e.faults.Add(1)
		e.fault.Store(failure(e.Name, "it could run and cannot any more, which is final for this process: %w", err))
	}
	e.could = e.could || err == nil
	return version, detail, err
}

func (e *entry) callProbe() (version, detail string, err error) {
	defer e.catch(&err)
	return e.Probe()
}

// catch, deferred, makes an error of what a function panics with that computes
// nothing.
func (e *entry) catch(err *error) {
	if r := recover(); r != nil {
		*err = asFailure(e.Name, r).Err
	}
}

// test runs the self-test and enters or leaves the error state by its outcome. An
// error is one that says nothing about the backend's answers.
func (e *entry) test() error {
	before := e.fault.Load()
	reference, err := selfTest(&e.Backend, e.wrongAnswers()...)
	switch {
	case err == nil:
		e.tested = true
		if e.reference == nil {
			e.reference = reference
		} else { // the keys in use read the one that is there
			destroy(reference)
		}
		if before != nil {
			e.faults.Add(1)
			e.fault.CompareAndSwap(before, nil) // but not a failure that came meanwhile
		}
	case isSelfTest(err):
		e.tested = true
		e.faults.Add(1)
		e.fault.Store(&Failure{e.Name, err})
	default:
		return err
	}
	return nil
}

// checkPin compares the file that the backend was loaded from with what is
// required.
func (e *entry) checkPin(pin string) error {
	if pin == "" {
		return nil
	}
	m, err := e.loadedFrom()
	if err != nil {
		return fmt.Errorf("it is pinned to a file, and which it was loaded from cannot be told: %w", err)
	}
	if m.SHA256 != pin {
		return fmt.Errorf("it is pinned to sha256:%s, and was loaded from %s, which has sha256:%s", pin, m.Path, m.SHA256)
	}
	return nil
}

// loadedFrom is the file of the backend's code. e.mu is held.
func (e *entry) loadedFrom() (m Module, err error) {
	if e.file != nil {
		return *e.file, nil
	}
	defer e.catch(&err)
	if e.Module == nil {
		m, err = Program()
	} else {
		m, err = e.Module()
	}
	if err == nil {
		e.file = &m
	}
	return m, err
}

// guard, deferred around calls into the backend, makes whatever it panics with
// its failure, and puts it, and no other, into the error state. But what a key says
// that was destroyed meanwhile, against its contract, is no failure; key is nil where
// there is none.
func (e *entry) guard(key *Key) {
	if r := recover(); r != nil {
		if _, failed := r.(*Failure); !failed && key != nil && key.destroyed.Load() {
			panic(usedAfterDestroy)
		}
		panic(e.fail(r))
	}
}

func (e *entry) fail(cause any) *Failure {
	f := asFailure(e.Name, cause)
	e.faults.Add(1)
	// The first one stays, but as another value: a self-test that began before this
	// one does not take it away.
	for {
		old, state := e.fault.Load(), f
		if old != nil {
			first := *old
			state = &first
		}
		if e.fault.CompareAndSwap(old, state) {
			return f
		}
	}
}

// since panics if the backend was in the error state at any moment since faults
// were n: what was computed then may be wrong.
func (e *entry) since(n uint64) {
	if e.faults.Load() != n {
		panic(failure(e.Name, "it failed since this was begun: compute it again"))
	}
}

// ready panics in the error state. It is asked before a computation and again
// before its result leaves, which another one may have found wrong by then.
func (e *entry) ready() {
	if f := e.fault.Load(); f != nil {
		panic(f)
	}
}

// checkEvery is after how many results of a kind a known answer is computed the
// same way, a batch of answers for batches: powers of two. It costs about a
// hundredth of the time that short messages take.
var checkEvery = [ways]uint64{oneCall: 1024, inBatch: 16384, streamed: 1024, digested: 1024}

// answerStride leads through all lengths, long ones among the first: it shares no
// factor with their number, which is 17 times 241.
const answerStride = 2531

// count counts n results that came by way w and checks a known answer when its
// turn has come.
func (e *entry) count(w way, n int) {
	total, every := e.counts[w].Add(uint64(n)), checkEvery[w]
	if total&^(every-1) == (total-uint64(n))&^(every-1) {
		return
	}
	a := answer{w, int(total / every * answerStride % (maxAnswer + 1))}
	if err := checkAnswer(&e.Backend, e.reference, a.way, a.length); err != nil {
		e.wrong.Store(a, nil)
		panic(&Failure{e.Name, err})
	}
}

func (e *entry) wrongAnswers() (all []answer) {
	e.wrong.Range(func(a, _ any) bool {
		all = append(all, a.(answer))
		return true
	})
	return all
}

// check refuses what is no result: of another length, or zeros, as of an output
// that nobody wrote.
func (e *entry) check(result []byte, before int) {
	if len(result) != before+e.size {
		panic(failure(e.Name, "a result of %d bytes in place of %d", len(result)-before, e.size))
	}
	e.refuseZeros(result[before:])
}

// refuseZeros is for a result of 20 or of 32 bytes.
func (e *entry) refuseZeros(mac []byte) {
	word := binary.NativeEndian.Uint64
	if word(mac)|word(mac[8:])|word(mac[len(mac)-16:])|word(mac[len(mac)-8:]) == 0 {
		panic(failure(e.Name, "a result of zeros: nothing was computed"))
	}
}

// newKeyed makes a key. A panic is an error of this key alone, because it may be
// the secret that the backend cannot do with, unless the backend itself calls it a
// failure.
func (e *entry) newKeyed(secret []byte) (keyed Keyed, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Failure:
			err = e.fail(r)
		default:
			err = asFailure(e.Name, r).Err
		}
	}()
	return e.keyed(secret)
}

func (b *Backend) keyed(secret []byte) (Keyed, error) {
	keyed, err := b.NewKeyed(secret)
	if err == nil && keyed == nil {
		panic(failure(b.Name, "no key came from NewKeyed")) // whatever the secret
	}
	return keyed, err
}

// room is where n results go behind dst, nil where there is none. It is cleared
// before they are computed, so that one that nobody writes is not taken from what lay
// there, which may be the MAC before; but not where the message lies there.
func (e *entry) room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n*e.size {
		return nil
	}
	return dst[len(dst) : len(dst)+n*e.size]
}

func overlap(a, b []byte) bool {
	from, to := span(a)
	return from < to && overlaps(from, to, b)
}

// span is the addresses of b, the last of them behind it.
func span(b []byte) (from, to uintptr) {
	from = uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return from, from + uintptr(len(b))
}

// overlaps is whether b, which may be empty, has a byte between the addresses.
func overlaps(from, to uintptr, b []byte) bool {
	first, end := span(b)
	return first < to && from < end && first < end
}

func (e *entry) sum(key *Key, dst, msg []byte) []byte {
	defer e.guard(key)
	if room := e.room(dst, 1); !overlap(room, msg) {
		clear(room)
	}
	sum := key.keyed.Sum(dst, msg)
	e.check(sum, len(dst))
	e.count(oneCall, 1)
	return sum
}

func (e *entry) sumEach(batch Batcher, dst []byte, keys []Keyed, msgs [][]byte) []byte {
	defer e.guard(nil)
	e.clearRoom(dst, msgs)
	return e.checkEach(batch.SumEach(dst, keys, msgs), len(dst), len(msgs))
}

func (e *entry) sumMany(batch KeyBatcher, dst []byte, msgs [][]byte) []byte {
	defer e.guard(nil)
	e.clearRoom(dst, msgs)
	return e.checkEach(batch.SumMany(dst, msgs), len(dst), len(msgs))
}

// clearRoom clears where the results go, unless a message lies there.
func (e *entry) clearRoom(dst []byte, msgs [][]byte) {
	room := e.room(dst, len(msgs))
	from, to := span(room)
	for _, msg := range msgs {
		if overlaps(from, to, msg) {
			return
		}
	}
	clear(room)
}

// checkEach is check of n results behind the first `start` bytes, and counts them.
func (e *entry) checkEach(dst []byte, start, n int) []byte {
	size := e.size
	if len(dst) != start+n*size {
		panic(failure(e.Name, "%d messages gave %d bytes", n, len(dst)-start))
	}
	for macs := dst[start:]; len(macs) >= size; macs = macs[size:] {
		if binary.NativeEndian.Uint64(macs) == 0 { // seldom: only then is all of it looked at
			e.refuseZeros(macs[:size])
		}
	}
	e.count(inBatch, n)
	return dst
}

// newHash is the digest alone.
func (e *entry) newHash() hash.Hash {
	e.ready()
	defer e.guard(nil)
	s := &stream{entry: e, way: digested, faults: e.faults.Load()}
	s.h = mustHash(e.NewHash())
	return s
}

// digest is the digest of msg, by a stream that was used before. One that panics is
// not used again.
func (e *entry) digest(dst, msg []byte) []byte {
	s, ok := e.digests.Get().(*stream)
	if !ok {
		s = e.newHash().(*stream)
	}
	s.Reset()
	s.Write(msg)
	dst = s.Sum(dst)
	s.Reset() // it holds the end of the message
	e.digests.Put(s)
	return dst
}

func (e *entry) newMAC(key *Key) hash.Hash {
	defer e.guard(key)
	s := &stream{entry: e, key: key, way: streamed, faults: e.faults.Load()}
	s.h = mustHash(key.keyed.NewMAC())
	return s
}
