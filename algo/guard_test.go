package algo

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// guarded has a fake that is preferred and a good backend beside it.
func guarded(f *fake) *registry {
	f.newHash = sha256.New
	r := newRegistry(noEnv)
	r.register(f.backend(HMACSHA256, "fake", 20))
	r.register(Backend{Algorithm: HMACSHA256, Name: "good", Preference: 10, NewHash: sha256.New})
	return r
}

// uses are the ways to a result, each in a form that gives the MAC or digest of
// one message.
var uses = map[string]func(k *Key, msg []byte) []byte{
	"one call":  func(k *Key, msg []byte) []byte { return k.Sum([]byte("prefix"), msg)[6:] },
	"SumMany":   func(k *Key, msg []byte) []byte { return k.SumMany(nil, [][]byte{msg, msg, msg})[:32] },
	"SumEach":   func(k *Key, msg []byte) []byte { return SumEach(nil, []*Key{k, k}, [][]byte{msg, msg})[:32] },
	"streamed":  func(k *Key, msg []byte) []byte { return streamOf(k.NewMAC(), msg) },
	"digest":    func(k *Key, msg []byte) []byte { return streamOf(k.NewHash(), msg) },
	"clone":     func(k *Key, msg []byte) []byte { return streamOf(cloneOf(k.NewMAC()), msg) },
	"reset":     func(k *Key, msg []byte) []byte { h := k.NewMAC(); h.Write(msg); h.Reset(); return streamOf(h, msg) },
	"Verify":    func(k *Key, msg []byte) []byte { return []byte(fmt.Sprint(k.Verify(msg, make([]byte, 32)))) },
	"VerifyErr": func(k *Key, msg []byte) []byte { return orPanic(k.VerifyErr(msg, make([]byte, 32))) },
}

func orPanic(err error) []byte {
	var f *Failure
	if errors.As(err, &f) {
		panic(f)
	}
	return []byte(err.Error())
}

func streamOf(h hash.Hash, msg []byte) []byte {
	h.Write(msg[:len(msg)/2])
	h.Write(msg[len(msg)/2:])
	return h.Sum(nil)
}

func cloneOf(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic(err)
	}
	return c
}

// failureOf is the Failure that f panics with, or nil.
func failureOf(f func()) (failure *Failure) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Failure:
			failure = r
		default:
			panic(fmt.Sprintf("a foreign panic: %v", r))
		}
	}()
	f()
	return nil
}

// A backend that passed its self-test and then fails in one way gives no result,
// is out with all its keys and streams, takes no other with it, and comes back by
// a self-test alone.
func TestFailureInUse(t *testing.T) {
	var nilMap map[string]int
	spoilWith := func(what func([]byte) []byte) func(*fake) {
		return func(f *fake) { f.spoil = func(_ result, right []byte) []byte { return what(right) } }
	}
	panicWith := func(cause any) func(*fake) { return spoilWith(func([]byte) []byte { panic(cause) }) }
	faults := map[string]func(*fake){
		"panics with a string":           panicWith("library said 7"),
		"panics with an error":           panicWith(errors.New("library said 7")),
		"panics with a number":           panicWith(7),
		"panics with nil":                panicWith(nil),
		"panics with a Failure":          panicWith(&Failure{"fake", errors.New("library said 7")}),
		"panics with an empty Failure":   panicWith(&Failure{}),
		"panics with a nil Failure":      panicWith((*Failure)(nil)),
		"panics with a nil error":        panicWith((*nilError)(nil)),
		"panics by an index":             spoilWith(func(right []byte) []byte { return right[len(right)+1:] }),
		"panics by a nil map":            spoilWith(func(right []byte) []byte { nilMap[""]++; return right }),
		"gives a byte less":              spoilWith(func(right []byte) []byte { return right[:31] }),
		"gives a byte more":              spoilWith(func(right []byte) []byte { return append(right, 1) }),
		"gives nothing":                  spoilWith(func([]byte) []byte { return nil }),
		"gives zeros":                    spoilWith(func([]byte) []byte { return make([]byte, 32) }),
		"gives a digest of another size": spoilWith(func(right []byte) []byte { return right[:20] }),
	}
	for name, fault := range faults {
		for use, compute := range uses {
			t.Run(name+"/"+use, func(t *testing.T) {
				f := &fake{}
				testFailure(t, f, compute, func() { fault(f) })
			})
		}
	}
	streams := map[string]func(*fake){
		"no stream":              func(f *fake) { f.macs, f.hashes = nilHash, nilHash },
		"panics for a stream":    func(f *fake) { f.macs, f.hashes = panicHash, panicHash },
		"shortens Writes":        func(f *fake) { f.write = func(_ way, p []byte) (int, error) { return len(p) - 1, nil } },
		"claims longer Writes":   func(f *fake) { f.write = func(_ way, p []byte) (int, error) { return len(p) + 1, nil } },
		"panics in Write":        func(f *fake) { f.write = func(way, []byte) (int, error) { panic("library said 7") } },
		"panics in Clone":        func(f *fake) { f.clone = func() (hash.Cloner, error) { panic("library said 7") } },
		"gives no clone":         func(f *fake) { f.clone = func() (hash.Cloner, error) { return nil, nil } },
		"has a nil within":       func(f *fake) { f.macs, f.hashes = typedNil, typedNil },
		"panics in Reset, Clone": func(f *fake) { f.macs, f.hashes = brokenHash, brokenHash },
	}
	for name, fault := range streams {
		for _, use := range []string{"streamed", "digest", "clone", "reset"} {
			if slices.Contains([]string{"panics in Clone", "gives no clone"}, name) && use != "clone" {
				continue
			}
			t.Run(name+"/"+use, func(t *testing.T) {
				f := &fake{}
				testFailure(t, f, uses[use], func() { fault(f) })
			})
		}
	}
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func nilHash() hash.Hash   { return nil }
func panicHash() hash.Hash { panic("library said 7") }
func typedNil() hash.Hash  { return (*fakeStream)(nil) }

// brokenHash panics in all that it has.
func brokenHash() hash.Hash { return struct{ hash.Cloner }{} }

func testFailure(t *testing.T, f *fake, compute func(*Key, []byte) []byte, breakIt func()) {
	msg := []byte("a message")
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	good, err := r.newKey(HMACSHA256, secret, "good")
	require.NoError(t, err)
	want := compute(good, msg)
	require.Equal(t, want, compute(key, msg))
	begun, digest := key.NewMAC(), key.NewHash()
	begun.Write(msg)
	digest.Write(msg)

	breakIt()
	var got []byte
	failure := failureOf(func() { got = compute(key, msg) })
	require.Nil(t, got)
	require.NotNil(t, failure)
	require.NotPanics(t, func() { _ = failure.Error() })
	require.ErrorIs(t, failure, ErrBackendUnavailable)

	*f = fake{newHash: sha256.New} // what is out stays out, even when it could again
	for use, compute := range uses {
		require.NotNil(t, failureOf(func() { compute(key, msg) }), use)
		require.Equal(t, compute(good, msg), compute(good, msg), use)
	}
	for _, h := range []hash.Hash{begun, digest} {
		require.NotNil(t, failureOf(func() { h.Write(msg) }))
		require.NotNil(t, failureOf(func() { h.Sum(nil) }))
		require.NotNil(t, failureOf(func() { h.Reset() }))
		require.NotNil(t, failureOf(func() { h.(hash.Cloner).Clone() }))
	}
	out := func(info Info) {
		require.False(t, info.Available || info.Selected, info)
		require.Equal(t, "failed", info.SelfTest)
		require.NotEmpty(t, info.Detail)
		require.NotContains(t, info.Detail, "\n")
	}
	info := key.Backend()
	info.Selected = false // it was when the key was made
	out(info)
	out(r.inUse()[0])
	out(r.list(HMACSHA256)[0])
	require.True(t, r.list(HMACSHA256)[1].Selected)
	require.True(t, good.Backend().Available)
	_, err = r.newKey(HMACSHA256, secret, "fake")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	_, err = r.newHash(HMACSHA256, "fake")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	other, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.Equal(t, "good", other.Backend().Backend)
	require.NoError(t, r.selfTest(HMACSHA256, "good"))
	out(r.list(HMACSHA256)[0])

	f.newHash = func() hash.Hash { panic("still broken") }
	require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrSelfTest)
	f.newHash = sha256.New
	require.NotNil(t, failureOf(func() { key.Sum(nil, msg) }))
	require.NoError(t, r.selfTest(HMACSHA256, "fake"))
	require.Equal(t, want, compute(key, msg), "back by a self-test")
	require.True(t, key.Backend().Available)
	require.True(t, r.inUse()[0].Available && r.inUse()[0].Selected)
	require.Equal(t, "passed", r.list(HMACSHA256)[0].SelfTest)
	// What a stream was told before or during the failure may be lost.
	for _, h := range []hash.Hash{begun, digest} {
		require.NotNil(t, failureOf(func() { h.Sum(nil) }), "a stream from before the failure")
		h.Reset()
		h.Write(msg)
	}
	require.Equal(t, good.Sum(nil, msg), begun.Sum(nil))
}

// A Write that failed leaves a stream without a sum, whatever heals meanwhile.
func TestStreamThatLostAWriteHasNoSum(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	for _, h := range []hash.Hash{key.NewMAC(), key.NewHash()} {
		f.write = func(way, []byte) (int, error) { panic("lost") }
		require.NotNil(t, failureOf(func() { h.Write([]byte("lost")) }))
		f.write = nil
		require.NoError(t, r.selfTest(HMACSHA256, "fake"))
		require.NotNil(t, failureOf(func() { h.Sum(nil) }))
		require.True(t, r.list(HMACSHA256)[0].Available, "that is the stream's loss alone")

		// An error is a limit of the backend's: the stream has no sum then either.
		h.Reset()
		f.write = func(way, []byte) (int, error) { return 0, errors.New("too long") }
		_, err := h.Write([]byte("lost"))
		require.ErrorContains(t, err, "too long")
		f.write = nil
		h.Write([]byte("more"))
		failure := failureOf(func() { h.Sum(nil) })
		require.ErrorContains(t, failure, "too long")
		c, err := h.(hash.Cloner).Clone()
		require.NoError(t, err)
		require.NotNil(t, failureOf(func() { c.Sum(nil) }), "a clone has none either")
		require.True(t, key.Backend().Available)
		h.Reset()
		h.Write([]byte("all"))
		require.NotEmpty(t, h.Sum(nil))
	}
}

// A backend of a hash alone, whose Write begins to return errors or less than it
// was given: crypto/hmac looks at neither.
func TestHashThatBeginsToFail(t *testing.T) {
	for name, write := range map[string]func(way, []byte) (int, error){
		"error":   func(way, []byte) (int, error) { return 0, errors.New("library said 7") },
		"all but": func(_ way, p []byte) (int, error) { return len(p), errors.New("library said 7") },
		"shorter": func(_ way, p []byte) (int, error) { return len(p) / 2, nil },
	} {
		for use, compute := range uses {
			for _, msg := range []string{"", "a message"} {
				t.Run(name+"/"+use+"/"+msg, func(t *testing.T) {
					f := &fake{newHash: sha256.New}
					key := keyOverHash(t, f)
					compute(key, []byte(msg))
					f.write = func(w way, p []byte) (int, error) {
						n, err := write(w, p)
						if len(p) == 0 {
							return 0, nil
						}
						return n, err
					}
					if use == "digest" && msg == "" {
						return // no Write with bytes
					}
					require.NotNil(t, failureOf(func() { compute(key, []byte(msg)) }))
				})
			}
		}
	}
}

// What nobody wrote into is no MAC, whatever lay there before.
func TestStaleBufferIsNoMAC(t *testing.T) {
	f := &fake{plain: true}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	k := &unwritten{Keyed: key.keyed}
	key.keyed = k
	mac := key.Sum(nil, []byte("seen"))
	require.True(t, key.Verify([]byte("seen"), mac))
	k.broken = true
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one pool, which gives back what it was given
	accepted := false
	require.NotNil(t, failureOf(func() { accepted = key.Verify([]byte("forged"), mac) }))
	require.False(t, accepted)
}

// The same where a caller uses a buffer again: the MAC before lies in the room for
// the next one.
func TestStaleRoomIsNoMAC(t *testing.T) {
	msg, other := []byte("seen"), []byte("forged")
	for name, sum := range map[string]func(key *Key, dst, msg []byte) []byte{
		"Sum":     func(key *Key, dst, msg []byte) []byte { return key.Sum(dst, msg) },
		"SumMany": func(key *Key, dst, msg []byte) []byte { return key.SumMany(dst, [][]byte{msg, msg}) },
		"NewMAC": func(key *Key, dst, msg []byte) []byte {
			mac := key.NewMAC()
			mac.Write(msg)
			return mac.Sum(dst)
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := guarded(&fake{}).newKey(HMACSHA256, secret, "")
			require.NoError(t, err)
			k := &unwritten{Keyed: key.keyed}
			key.keyed = k
			room := make([]byte, 1, 100)
			require.NotEmpty(t, sum(key, room, msg))
			// A message where the MAC goes is read all the same.
			inPlace := make([]byte, 0, 100)
			require.Equal(t, key.Sum(nil, other), key.Sum(inPlace, append(inPlace, other...)))
			k.broken = true
			require.NotNil(t, failureOf(func() { sum(key, room, other) }))
			require.False(t, key.Backend().Available)
		})
	}
}

// unwritten begins to return what lies behind dst.
type unwritten struct {
	Keyed
	broken bool
}

func (u *unwritten) SumEach(dst []byte, keys []Keyed, msgs [][]byte) []byte {
	for i := range msgs {
		dst = keys[i].Sum(dst, msgs[i])
	}
	return dst
}

func (u *unwritten) NewMAC() hash.Hash {
	if u.broken {
		return unwrittenStream{u.Keyed.NewMAC()}
	}
	return u.Keyed.NewMAC()
}

type unwrittenStream struct{ hash.Hash }

func (unwrittenStream) Sum(b []byte) []byte { return b[:len(b)+32] }

func (u *unwritten) Sum(dst, msg []byte) []byte {
	if u.broken {
		return dst[:len(dst)+32]
	}
	return u.Keyed.Sum(dst, msg)
}

// A backend that goes wrong after its self-test is found by the known answers
// that are computed all along, and the result that was due then is not given.
func TestContinuousCheck(t *testing.T) {
	for use, way := range map[string]way{"one call": oneCall, "SumMany": inBatch, "SumEach": inBatch, "streamed": streamed, "digest": digested, "Verify": oneCall} {
		for name, wrong := range map[string]func(r result) bool{
			"all":           func(r result) bool { return r.way == way },
			"from 200 on":   func(r result) bool { return r.way == way && len(r.msg()) >= 200 },
			"from 4000 on":  func(r result) bool { return r.way == way && len(r.msg()) >= 4000 },
			"one lane":      func(r result) bool { return r.way == way && r.lane == r.lane/7*7 },
			"second Writes": func(r result) bool { return r.way == way && len(r.writes) != 1 },
		} {
			if name == "second Writes" && way < streamed || name == "from 4000 on" && use != "one call" {
				continue
			}
			t.Run(use+"/"+name, func(t *testing.T) {
				f := &fake{}
				r := guarded(f)
				key, err := r.newKey(HMACSHA256, secret, "")
				require.NoError(t, err)
				f.spoil = func(r result, right []byte) []byte {
					if wrong(r) {
						return flipped(right)
					}
					return right
				}
				limit := 64 * 1024
				calls := 0
				for ; calls < limit; calls++ {
					if failure := failureOf(func() { uses[use](key, []byte("m")) }); failure != nil {
						require.ErrorIs(t, failure, ErrSelfTest)
						break
					}
				}
				require.Less(t, calls, limit, "it was not found")
				if name == "all" {
					require.Less(t, calls, 8192)
				}
				require.Equal(t, "failed", key.Backend().SelfTest)
				require.NotNil(t, failureOf(func() { key.Sum(nil, nil) }))
				require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrSelfTest)
				require.True(t, r.list(HMACSHA256)[1].Available)
			})
		}
	}
}

// The check of each way comes when as many results have come by that way.
func TestContinuousCheckIsRegular(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	var checks [ways]int
	f.spoil = func(r result, right []byte) []byte {
		if len(r.secret) == answerKeySize && r.lane == 0 || r.way == digested && len(r.msg()) == 64+32 {
			checks[r.way]++
		}
		return right
	}
	for range 3 * 1024 {
		key.Sum(nil, nil)
		streamOf(key.NewMAC(), nil)
		streamOf(key.NewHash(), nil)
	}
	for range 3*16384/60 + 1 { // past each turn, not onto it
		key.SumMany(nil, make([][]byte, 60))
	}
	require.Equal(t, [ways]int{oneCall: 3, inBatch: 3, streamed: 3, digested: 3}, checks)
}

// A failure while keys are made: no key, and only what is a Failure puts the
// backend out.
func TestFailureOfNewKeyed(t *testing.T) {
	for name, c := range map[string]struct {
		keyed func() (Keyed, error)
		out   bool
	}{
		"error":     {func() (Keyed, error) { return nil, errors.New("no session left") }, false},
		"panic":     {func() (Keyed, error) { panic("no session left") }, false}, // it may be this secret
		"Failure":   {func() (Keyed, error) { panic(&Failure{"fake", errors.New("no session left")}) }, true},
		"no key":    {func() (Keyed, error) { return nil, nil }, true},
		"typed nil": {func() (Keyed, error) { return (*fakeKey)(nil), nil }, false}, // until it is used
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			r := guarded(f)
			key, err := r.newKey(HMACSHA256, secret, "")
			require.NoError(t, err)
			f.keyed = c.keyed
			broken, err := r.newKey(HMACSHA256, secret, "fake")
			if name == "typed nil" {
				require.NoError(t, err)
				require.NotNil(t, failureOf(func() { broken.Sum(nil, nil) }))
				return
			}
			require.Nil(t, broken)
			require.ErrorIs(t, err, ErrBackendUnavailable)
			require.NotErrorIs(t, err, ErrSelfTest)
			require.Equal(t, !c.out, key.Backend().Available)
			require.Equal(t, c.out, failureOf(func() { key.Sum(nil, nil) }) != nil)
		})
	}
}

// A nil of NewHash at the registry's own NewHash is an error too.
func TestNewHashOfAFailingBackend(t *testing.T) {
	for name, hashes := range map[string]func() hash.Hash{"nil": nilHash, "panic": panicHash} {
		f := &fake{}
		r := guarded(f)
		_, err := r.newHash(HMACSHA256, "fake")
		require.NoError(t, err)
		f.hashes = hashes
		h, err := r.newHash(HMACSHA256, "fake")
		require.ErrorIs(t, err, ErrBackendUnavailable, name)
		require.Nil(t, h)
		require.Equal(t, "failed", r.inUse()[0].SelfTest)
		h, err = r.newHash(HMACSHA256, "")
		require.NoError(t, err)
		require.NotEmpty(t, h.Sum(nil))
	}
}

// A hash that cannot be cloned says so, and that is no failure.
func TestHashThatCannotBeCloned(t *testing.T) {
	f := &fake{noClone: true}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	refused := errors.New("no room for a clone")
	for _, want := range []error{errors.ErrUnsupported, refused} {
		for _, h := range []hash.Hash{key.NewMAC(), key.NewHash()} {
			c, err := h.(hash.Cloner).Clone()
			require.ErrorIs(t, err, want)
			require.Nil(t, c)
			require.NotEmpty(t, h.Sum(nil))
		}
		f.noClone, f.clone = false, func() (hash.Cloner, error) { return nil, refused }
	}
	require.True(t, key.Backend().Available)
}

// Streams answer with the algorithm's sizes, not with what a backend says.
func TestSizesAreTheAlgorithms(t *testing.T) {
	f := &fake{}
	key, err := guarded(f).newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	f.macs, f.hashes = func() hash.Hash { return struct{ hash.Hash }{} }, nil
	for _, h := range []hash.Hash{key.NewMAC(), key.NewHash()} {
		require.Equal(t, 32, h.Size())
		require.Equal(t, 64, h.BlockSize())
	}
}

// What could run and cannot any more is out for good.
func TestProbeThatStopsIsFinal(t *testing.T) {
	for name, stop := range map[string]func() (string, string, error){
		"error": func() (string, string, error) { return "1.0", "", errors.New("license ran out") },
		"panic": func() (string, string, error) { panic("license ran out") },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			r := guarded(f)
			key, err := r.newKey(HMACSHA256, secret, "")
			require.NoError(t, err)
			begun := key.NewMAC()
			f.probe = stop
			_, err = r.newKey(HMACSHA256, secret, "fake")
			require.ErrorIs(t, err, ErrBackendUnavailable)
			require.ErrorContains(t, err, "license ran out")
			f.probe = nil
			for range 2 {
				require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrBackendUnavailable)
				_, err = r.newKey(HMACSHA256, secret, "fake")
				require.ErrorIs(t, err, ErrBackendUnavailable)
				_, err = r.newHash(HMACSHA256, "fake")
				require.ErrorIs(t, err, ErrBackendUnavailable)
				require.NotNil(t, failureOf(func() { key.Sum(nil, nil) }))
				require.NotNil(t, failureOf(func() { begun.Sum(nil) }))
				require.ErrorIs(t, key.VerifyErr(nil, nil), ErrBackendUnavailable)
				require.False(t, r.list(HMACSHA256)[0].Available || r.inUse()[0].Available || key.Backend().Available)
				require.Contains(t, key.Backend().Detail, "final")
				require.Contains(t, key.Backend().Detail, "restart the process")
				require.NotContains(t, key.Backend().Detail, "until a self-test")
			}
			other, err := r.newKey(HMACSHA256, secret, "")
			require.NoError(t, err)
			require.Equal(t, "good", other.Backend().Backend)
		})
	}
	// Final also for one that was in the error state when it stopped.
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	f.spoil = func(result, []byte) []byte { return nil }
	require.NotNil(t, failureOf(func() { key.Sum(nil, nil) }))
	f.spoil, f.probe = nil, func() (string, string, error) { return "", "", errors.New("license ran out") }
	require.Error(t, r.selfTest(HMACSHA256, "fake"))
	f.probe = nil
	require.Error(t, r.selfTest(HMACSHA256, "fake"))
	require.NotNil(t, failureOf(func() { key.Sum(nil, nil) }))
}

// A probe that panics before it ever could is a reason and no more.
func TestProbeThatPanicsAtFirst(t *testing.T) {
	f := &fake{probe: func() (string, string, error) { panic("not there") }}
	r := guarded(f)
	_, err := r.newKey(HMACSHA256, secret, "fake")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	require.ErrorContains(t, err, "not there")
	f.probe = nil
	_, err = r.newKey(HMACSHA256, secret, "fake")
	require.NoError(t, err)
}

// An explicit backend, and a required one, touch no other.
func TestNoOtherBackendIsTouched(t *testing.T) {
	newRegistry := func() (r *registry, before, after *fake) {
		r = guarded(&fake{})
		before, after = &fake{newHash: sha256.New}, &fake{newHash: sha256.New}
		r.register(before.backend(HMACSHA256, "before", 99))
		r.register(after.backend(HMACSHA256, "after", 1))
		return r, before, after
	}
	r, before, after := newRegistry()
	key, err := r.newKey(HMACSHA256, secret, "fake")
	require.NoError(t, err)
	require.False(t, key.Backend().Selected, "another is preferred, as far as anyone knows")
	_, err = r.newHash(HMACSHA256, "fake")
	require.NoError(t, err)
	require.NoError(t, r.selfTest(HMACSHA256, "fake"))
	require.Len(t, r.inUse(), 1)
	key.SumMany(key.NewHash().Sum(key.NewMAC().Sum(key.Sum(nil, nil))), make([][]byte, 5))
	require.Zero(t, before.asked()+after.asked())

	key, err = r.newKey(HMACSHA256, secret, "before")
	require.NoError(t, err)
	require.True(t, key.Backend().Selected)
	_, err = r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.Zero(t, after.asked(), "by preference none is asked behind the one that is taken")

	r, before, after = newRegistry()
	require.NoError(t, r.require(HMACSHA256, "fake"))
	infos := r.list(HMACSHA256)
	require.Len(t, infos, 4)
	require.Equal(t, []bool{false, true, false, false}, []bool{infos[0].Available, infos[1].Available, infos[2].Available, infos[3].Available})
	key, err = r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.True(t, key.Backend().Selected)
	require.NoError(t, r.selfTest(HMACSHA256, ""))
	r.newKey(HMACSHA256, secret, "before")
	require.Zero(t, before.asked()+after.asked())
}

// InUse asks nobody, and knows what was used alone.
func TestInUseAsksNone(t *testing.T) {
	f, other := &fake{}, &fake{newHash: sha256.New}
	r := guarded(f)
	r.register(other.backend(HMACSHA256, "other", 5))
	require.Empty(t, r.inUse())
	r.list(HMACSHA256)
	require.Empty(t, r.inUse(), "Backends uses none")
	_, err := r.newHash(HMACSHA256, "fake")
	require.NoError(t, err)
	asked := f.asked() + other.asked()
	for range 3 {
		require.Equal(t, []Info{{Algorithm: HMACSHA256, Backend: "fake", Version: "1.0", Available: true, Selected: true,
			SelfTest: "passed", Detail: "a fake"}}, r.inUse())
	}
	require.Equal(t, asked, f.asked()+other.asked())
	_, err = r.newKey(HMACSHA256, secret, "other")
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, []bool{r.inUse()[0].Selected, r.inUse()[1].Selected})
}

// Verify refuses an empty MAC, also of a backend that begins to append nothing.
func TestEmptyMACIsNeverRight(t *testing.T) {
	f := &fake{}
	key, err := guarded(f).newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	for _, empty := range [][]byte{nil, {}} {
		require.False(t, key.Verify(nil, empty))
		require.ErrorIs(t, key.VerifyErr(nil, empty), ErrMismatch)
	}
	require.NoError(t, key.VerifyErr(nil, key.Sum(nil, nil)))
	f.spoil = func(result, []byte) []byte { return nil }
	for _, empty := range [][]byte{nil, {}} {
		err := key.VerifyErr(nil, empty)
		require.ErrorIs(t, err, ErrBackendUnavailable)
		require.NotErrorIs(t, err, ErrMismatch)
		require.NotNil(t, failureOf(func() { key.Verify(nil, empty) }))
	}
}

// CatchFailure takes a Failure and nothing else.
func TestCatchFailure(t *testing.T) {
	caught := func(cause any) (err error) {
		defer CatchFailure(&err)
		if cause != nil {
			panic(cause)
		}
		return nil
	}
	require.NoError(t, caught(nil))
	f := failure("b", "library said 7")
	require.Same(t, f, caught(f))
	for _, foreign := range []any{"a string", errors.New("an error"), 7, ErrBackendUnavailable} {
		require.PanicsWithValue(t, foreign, func() { caught(foreign) })
	}
	var nilMap map[string]int
	require.PanicsWithError(t, "assignment to entry in nil map", func() {
		var err error
		defer CatchFailure(&err)
		nilMap[""]++
	})
	require.PanicsWithValue(t, "algo: a Key was used that NewKey did not make: a nil or a zero one", func() { (*Key)(nil).VerifyErr(nil, nil) })
}

// Batches of a backend of one's own, beside others that have none and keys of
// several backends, are the single MACs in a row.
func TestBatches(t *testing.T) {
	f, plain := &fake{}, &fake{newHash: sha256.New, plain: true}
	r := guarded(f)
	r.register(plain.backend(HMACSHA256, "plain", 5))
	r.register(Backend{Algorithm: HMACSHA1, Name: "go", NewHash: digests[HMACSHA1]})
	most := 0
	f.spoil = func(r result, right []byte) []byte { most = max(most, r.lane+1); return right }
	var kinds []*Key
	for _, c := range [][2]string{{HMACSHA256, "fake"}, {HMACSHA256, "plain"}, {HMACSHA256, "good"}, {HMACSHA1, "go"}} {
		key, err := r.newKey(c[0], []byte(c[1]), c[1])
		require.NoError(t, err)
		kinds = append(kinds, key)
	}
	another, err := r.newKey(HMACSHA256, []byte("another"), "fake")
	require.NoError(t, err)
	for _, pattern := range [][]*Key{{kinds[0]}, {kinds[0], another}, {kinds[1]}, kinds, {kinds[0], another, kinds[0], kinds[2]}, {kinds[3], kinds[0], kinds[0], kinds[0]}} {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 128, 200} {
			var keys []*Key
			var msgs [][]byte
			want := []byte("prefix")
			for i := range n {
				keys, msgs = append(keys, pattern[i%len(pattern)]), append(msgs, bytes.Repeat([]byte{byte(i)}, i*3))
				want = keys[i].Sum(want, msgs[i])
			}
			require.Equal(t, want, SumEach([]byte("prefix"), keys, msgs), n)
			if len(pattern) == 1 {
				require.Equal(t, want, pattern[0].SumMany([]byte("prefix"), msgs), n)
			}
		}
	}
	require.Equal(t, 64, most, "how many go to a backend at once")
	require.Equal(t, "dst", string(SumEach([]byte("dst"), nil, nil)))

	wanted := "algo: SumEach: as many keys as messages are needed"
	for _, c := range [][2]int{{1, 2}, {2, 1}, {0, 1}, {1, 0}, {64, 65}, {65, 64}} {
		require.PanicsWithValue(t, wanted, func() { SumEach(nil, slices.Repeat(kinds[:1], c[0]), make([][]byte, c[1])) })
	}
	// A lane that is missing, too long or of zeros is found wherever it is.
	for _, lane := range []int{0, 1, 4} {
		for name, wrong := range map[string][]byte{"missing": nil, "zeros": make([]byte, 32), "longer": make([]byte, 33)} {
			f.spoil = func(r result, right []byte) []byte {
				if r.lane == lane && r.way == inBatch {
					return wrong
				}
				return right
			}
			require.NotNil(t, failureOf(func() { kinds[0].SumMany(nil, make([][]byte, 5)) }), "%s %d", name, lane)
			f.spoil = nil
			require.NoError(t, r.selfTest(HMACSHA256, "fake"))
		}
	}
}

// A result that was computed while another one was found wrong is not given.
func TestFailureMeanwhile(t *testing.T) {
	for use, compute := range uses {
		f := &fake{}
		r := guarded(f)
		key, err := r.newKey(HMACSHA256, secret, "")
		require.NoError(t, err)
		f.spoil = func(_ result, right []byte) []byte { key.entry.fail("found wrong elsewhere"); return right }
		require.NotNil(t, failureOf(func() { compute(key, []byte("m")) }), use)
	}
}

// A self-test that fails ends the streams of that time, as a failure in use does.
func TestFailedSelfTestEndsStreams(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	h := key.NewMAC()
	f.spoil = func(_ result, right []byte) []byte { return flipped(right) }
	require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrSelfTest)
	f.spoil = nil
	require.NoError(t, r.selfTest(HMACSHA256, "fake"))
	require.NotNil(t, failureOf(func() { h.Sum(nil) }))
	require.NotEmpty(t, key.NewMAC().Sum(nil))
}

// What is taken by preference is selected, also behind one that cannot run.
func TestSelectedBehindOneThatCannotRun(t *testing.T) {
	f := &fake{probe: func() (string, string, error) { return "", "", errors.New("no card in the reader") }}
	key, err := guarded(f).newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.Equal(t, "good", key.Backend().Backend)
	require.True(t, key.Backend().Selected)
}

// keyOverHash is a key of a backend that has nothing but the fake's digest.
func keyOverHash(t *testing.T, f *fake) *Key {
	b := f.backend(HMACSHA256, "hash", 20)
	b.NewKeyed = nil
	r := newRegistry(noEnv)
	r.register(b)
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	return key
}

// A stream over a hash alone is whole again after Reset.
func TestResetOfAHashThatFailed(t *testing.T) {
	f := &fake{newHash: sha256.New}
	key := keyOverHash(t, f)
	h := key.NewMAC()
	f.write = func(way, []byte) (int, error) { return 0, errors.New("too long") }
	h.Write([]byte("m"))
	f.write = nil
	require.NotNil(t, failureOf(func() { h.Sum(nil) }))
	h.Reset()
	h.Write([]byte("m"))
	require.Equal(t, key.Sum(nil, []byte("m")), h.Sum(nil))
}

// What was computed while the backend was found to fail does not leave, even where
// a self-test passes before its end.
func TestNothingOfAFailureLeavesBehindASelfTest(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "fake")
	require.NoError(t, err)
	fails := false
	once := func(res result, right []byte) []byte {
		if fails && string(res.msg()) == "slow" {
			fails = false
			require.NotNil(t, failureOf(func() { key.Sum(nil, []byte("short")) }))
			require.NoError(t, r.selfTest(HMACSHA256, "fake"))
			return flipped(right)
		}
		if string(res.msg()) == "short" {
			return nil
		}
		return right
	}
	f.spoil = once
	for name, compute := range map[string]func(){
		"one call": func() { key.Sum(nil, []byte("slow")) },
		"batch":    func() { key.SumMany(nil, [][]byte{[]byte("other"), []byte("slow")}) },
		"stream": func() {
			h := key.NewMAC()
			h.Write([]byte("slow"))
			h.Sum(nil)
		},
	} {
		fails = true
		require.NotNil(t, failureOf(compute), name)
		require.True(t, key.Backend().Available, "a self-test passed since")
		require.Nil(t, failureOf(func() { key.Sum(nil, []byte("slow")) }))
	}
}

// A failure that comes while a self-test runs in the error state is not lifted by
// it.
func TestSelfTestDoesNotLiftWhatCameMeanwhile(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	key, err := r.newKey(HMACSHA256, secret, "fake")
	require.NoError(t, err)
	testing := false
	f.spoil = func(res result, right []byte) []byte {
		switch {
		case string(res.msg()) == "short":
			return nil
		case string(res.msg()) == "slow":
			require.NotNil(t, failureOf(func() { key.Sum(nil, []byte("short")) }))
			testing = true
			require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrBackendUnavailable)
			return right
		case testing:
			testing = false
			key.entry.fail("another computation that began before")
		}
		return right
	}
	require.NotNil(t, failureOf(func() { key.Sum(nil, []byte("slow")) }))
	require.False(t, key.Backend().Available)
	require.NoError(t, r.selfTest(HMACSHA256, "fake"))
}

// An answer that was wrong in use counts in every self-test to come, though its
// length is none of those of the sweep.
func TestSelfTestComputesWhatWasWrong(t *testing.T) {
	const length = answerStride // the first that the continuous check takes
	require.NotContains(t, sweep, length)
	for w, compute := range map[way]func(*Key){
		oneCall:  func(k *Key) { k.Sum(nil, nil) },
		inBatch:  func(k *Key) { k.SumMany(nil, [][]byte{nil}) },
		streamed: func(k *Key) { k.NewMAC().Sum(nil) },
		digested: func(k *Key) { k.NewHash().Sum(nil) },
	} {
		f := &fake{}
		r := guarded(f)
		key, err := r.newKey(HMACSHA256, secret, "fake")
		require.NoError(t, err)
		f.spoil = func(res result, right []byte) []byte {
			n := len(res.msg())
			if w == digested {
				n -= 64 // the key's block
			}
			if res.way == w && res.lane == 0 && n == length {
				return flipped(right)
			}
			return right
		}
		key.entry.counts[w].Store(checkEvery[w] - 1)
		require.ErrorIs(t, failureOf(func() { compute(key) }), ErrSelfTest, w.String())
		require.ErrorIs(t, r.selfTest(HMACSHA256, "fake"), ErrSelfTest, w.String())
		f.spoil = nil
		require.NoError(t, r.selfTest(HMACSHA256, "fake"))
	}
}

// A key that is destroyed while it computes, against its contract, takes no backend
// with it.
func TestDestroyInUseIsNoFailure(t *testing.T) {
	f := &fake{}
	r := guarded(f)
	for _, compute := range []func(*Key){
		func(k *Key) { k.Sum(nil, []byte("slow")) },
		func(k *Key) {
			h := k.NewMAC()
			h.Write([]byte("slow"))
			h.Sum(nil)
		},
	} {
		key, err := r.newKey(HMACSHA256, secret, "fake")
		require.NoError(t, err)
		f.spoil = func(res result, right []byte) []byte {
			key.Destroy()
			panic("the key was destroyed")
		}
		require.PanicsWithValue(t, "algo: a Key was used after Destroy", func() { compute(key) })
		require.True(t, key.Backend().Available)
		f.spoil = nil
	}
}

// What lies in the room of the results is not cleared; what is empty lies nowhere.
func TestOverlap(t *testing.T) {
	buf := make([]byte, 100)
	room := buf[20:40]
	for _, c := range []struct {
		from, to int
		want     bool
	}{{0, 20, false}, {0, 21, true}, {39, 100, true}, {40, 100, false}, {25, 30, true}, {0, 100, true}, {20, 40, true}, {20, 20, false}, {30, 30, false}, {40, 40, false}} {
		require.Equal(t, c.want, overlap(room, buf[c.from:c.to]), c)
		require.Equal(t, c.want, overlap(buf[c.from:c.to], room), c)
	}
	require.False(t, overlap(nil, buf))
	require.False(t, overlap(buf, nil))
}
