package algo

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3asm"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

var digests = map[string]func() hash.Hash{HMACSHA1: sha1.New, HMACSHA256: sha256.New, HMACSM3: sm3pure.New}

// tested is what the self-test says of a fake that is wrong where the function
// says so.
func tested(algorithm string, wrong func(result) bool) error {
	f := &fake{newHash: digests[algorithm], spoil: func(r result, right []byte) []byte {
		if wrong(r) {
			return flipped(right)
		}
		return right
	}}
	r := newRegistry(noEnv)
	r.register(f.backend(algorithm, "fake", 10))
	_, err := r.newKey(algorithm, secret, "")
	return err
}

// published lists the standards' inputs, apart from the table that the self-test
// reads.
var published = []struct{ algorithm, key, msg string }{
	{HMACSHA1, "", "abc"},
	{HMACSHA1, strings.Repeat("\x0b", 20), "Hi There"},
	{HMACSHA1, strings.Repeat("\xaa", 80), "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"},
	{HMACSHA256, "", "abc"},
	{HMACSHA256, strings.Repeat("\x0b", 20), "Hi There"},
	{HMACSHA256, strings.Repeat("\xaa", 131), "Test Using Larger Than Block-Size Key - Hash Key First"},
	{HMACSM3, "", "abc"},
	{HMACSM3, "", strings.Repeat("abcd", 16)},
	{HMACSM3, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%", strings.Repeat("\xcd", 50)},
	{HMACSM3, "Jefe", "what do ya want for nothing?"},
}

// A backend that is wrong for one published input alone, by one way alone, is
// found.
func TestEachPublishedAnswerIsNeeded(t *testing.T) {
	for i, p := range published {
		input := func(r result) bool { return string(r.secret) == p.key && string(r.msg()) == p.msg }
		name := fmt.Sprintf("%s/%d", p.algorithm, i)
		if p.key == "" {
			require.ErrorIs(t, tested(p.algorithm, func(r result) bool { return r.way == digested && input(r) }), ErrSelfTest, name)
			continue
		}
		for _, w := range []way{oneCall, inBatch, streamed} {
			require.ErrorIs(t, tested(p.algorithm, func(r result) bool { return r.way == w && input(r) }), ErrSelfTest, "%s %s", name, w)
		}
		require.ErrorIs(t, tested(p.algorithm, func(r result) bool { return r.way == streamed && input(r) && len(r.writes) > 1 }),
			ErrSelfTest, "%s in two writes", name)
	}
}

// The same for the lengths at the edges of blocks and beyond.
func TestEachLengthIsNeeded(t *testing.T) {
	for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 255, 256, 257, 1000, 1023, 1024, 1025, 2049, 3999, 4096, 65539} {
		of := func(w way, length int) func(result) bool {
			return func(r result) bool {
				return r.way == w && len(r.secret) != 20 && len(r.secret) != 131 && len(r.msg()) == length && r.lane == 0
			}
		}
		for _, w := range []way{oneCall, inBatch, streamed} {
			require.ErrorIs(t, tested(HMACSHA256, of(w, n)), ErrSelfTest, "%d bytes, %s", n, w)
		}
		require.ErrorIs(t, tested(HMACSHA256, of(digested, 64+n)), ErrSelfTest, "digest behind a key block of %d bytes", n)
		require.ErrorIs(t, tested(HMACSHA256, func(r result) bool {
			return len(r.secret) == 32 && len(r.writes) == 2 && len(r.msg()) == n
		}), ErrSelfTest, "%d bytes in two writes", n)
	}
	require.NoError(t, tested(HMACSHA256, func(result) bool { return false }))
}

// Each lane of a batch, with messages that are all the same and with others.
func TestEachLaneIsNeeded(t *testing.T) {
	for lane := range 16 {
		for _, same := range []bool{true, false} {
			err := tested(HMACSM3, func(r result) bool {
				return r.way == inBatch && r.lane == lane && (string(r.secret) == "Jefe") == same && (len(r.secret) == 32) != same
			})
			require.ErrorIs(t, err, ErrSelfTest, "lane %d, the same message in all: %v", lane, same)
		}
	}
}

// Lanes have messages of other lengths beside each other: beside a first one of none, lane
// 3 has 67 bytes and lane 11 has 737.
func TestLanesDiffer(t *testing.T) {
	for lane, length := range map[int]int{3: 67, 11: 737} {
		require.ErrorIs(t, tested(HMACSHA256, func(r result) bool { return r.way == inBatch && r.lane == lane && len(r.msg()) == length }), ErrSelfTest, lane)
	}
}

// A stream that hashes the first Write alone.
func TestSecondWriteIsNeeded(t *testing.T) {
	for _, w := range []way{streamed, digested} {
		err := tested(HMACSHA1, func(r result) bool { return r.way == w && len(r.writes) > 1 && len(r.writes[1]) > 0 })
		require.ErrorIs(t, err, ErrSelfTest, w)
	}
}

// A result of another length that begins as the right one does.
func TestSelfTestWantsWholeAnswers(t *testing.T) {
	for _, w := range []way{oneCall, inBatch, streamed, digested} {
		for _, change := range []func([]byte) []byte{
			func(right []byte) []byte { return append(right, 0) },
			func(right []byte) []byte { return right[:len(right)-1] },
			func([]byte) []byte { return nil },
		} {
			f := &fake{newHash: sha256.New, spoil: func(r result, right []byte) []byte {
				if r.way == w {
					return change(right)
				}
				return right
			}}
			r := newRegistry(noEnv)
			r.register(f.backend(HMACSHA256, "fake", 10))
			_, err := r.newKey(HMACSHA256, secret, "")
			require.ErrorIs(t, err, ErrSelfTest, w)
		}
	}
}

// The checks that are made all along come to every length.
func TestLengthsOfTheContinuousCheck(t *testing.T) {
	seen := map[int]bool{}
	for turn := range uint64(maxAnswer + 1) {
		seen[int(turn*answerStride%(maxAnswer+1))] = true
	}
	require.Equal(t, maxAnswer+1, len(seen))
}

// Before each key nothing is computed again; SelfTest computes all again.
func TestSelfTestOnDemand(t *testing.T) {
	f, other := &fake{newHash: sha256.New}, &fake{newHash: sha256.New}
	computed := 0
	f.spoil = func(_ result, right []byte) []byte { computed++; return right }
	r := newRegistry(noEnv)
	r.register(f.backend(HMACSHA256, "fake", 10))
	r.register(other.backend(HMACSHA256, "other", 5))
	_, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	once := computed
	require.Greater(t, once, 20)
	_, err = r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	_, err = r.newHash(HMACSHA256, "")
	require.NoError(t, err)
	require.Equal(t, once, computed)
	require.NoError(t, r.selfTest(HMACSHA256, "fake"))
	require.Equal(t, 2*once, computed)
	require.Zero(t, other.asked(), "SelfTest of one backend touches no other")
	require.NoError(t, r.selfTest(HMACSHA256, ""))
	require.Equal(t, 3*once, computed)
	require.NotZero(t, other.asked(), "of all that may be taken")

	require.ErrorIs(t, r.selfTest(HMACSHA256, "nonesuch"), ErrUnknownBackend)
	require.ErrorIs(t, r.selfTest("hmac-md5", ""), ErrUnknownAlgorithm)
	require.NoError(t, r.require(HMACSHA256, "fake"))
	asked := other.asked()
	require.NoError(t, r.selfTest(HMACSHA256, ""))
	require.ErrorIs(t, r.selfTest(HMACSHA256, "other"), ErrBackendUnavailable)
	require.Equal(t, asked, other.asked(), "nor one that a requirement forbids")
}

// One wrong backend is told although another passes; one that cannot run is not,
// unless there is no other.
func TestSelfTestOfSeveral(t *testing.T) {
	wrong, unable, good := &fake{newHash: sha1.New}, &fake{newHash: sha256.New}, &fake{newHash: sha256.New}
	unable.probe = func() (string, string, error) { return "", "", errors.New("no card in the reader") }
	r := newRegistry(noEnv)
	r.register(unable.backend(HMACSHA256, "unable", 30))
	require.ErrorIs(t, r.selfTest(HMACSHA256, ""), ErrBackendUnavailable)
	require.ErrorContains(t, r.selfTest(HMACSHA256, ""), "no card")
	r.register(good.backend(HMACSHA256, "good", 10))
	require.NoError(t, r.selfTest(HMACSHA256, ""))
	require.ErrorIs(t, r.selfTest(HMACSHA256, "unable"), ErrBackendUnavailable)
	r.register(wrong.backend(HMACSHA256, "wrong", 20))
	err := r.selfTest(HMACSHA256, "")
	require.ErrorIs(t, err, ErrSelfTest)
	require.ErrorContains(t, err, "wrong")
	require.NotContains(t, err.Error(), "\n")
	require.NoError(t, r.selfTest(HMACSHA256, "good"))
}

// Readers hold lists while others register: the race detector finds a list that
// is sorted under them.
func TestRegisterBesideReaders(t *testing.T) {
	r := newRegistry(noEnv)
	r.register(Backend{Algorithm: HMACSHA256, Name: "first", NewHash: sha256.New})
	var wg sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				list, _, _ := r.state(HMACSHA256)
				names(list)
			}
		})
	}
	held, _, _ := r.state(HMACSHA256)
	before := names(held)
	for i := range 100 {
		r.register(Backend{Algorithm: HMACSHA256, Name: fmt.Sprint(i), Preference: i * 7 % 100, NewHash: sha256.New})
		now, _, _ := r.state(HMACSHA256)
		require.Len(t, now, i+2)
		require.Equal(t, before, names(held), "a list that a reader holds stays as it is")
		held, before = now, names(now)
	}
	done.Store(true)
	wg.Wait()
}

// First keys at the same time: one self-test, and all wait for it.
func TestFirstKeysAtOnce(t *testing.T) {
	var tests atomic.Int64
	r := newRegistry(noEnv)
	r.register(Backend{Algorithm: HMACSHA256, Name: "b", NewHash: sha256.New, NewKeyed: func(s []byte) (Keyed, error) {
		if len(s) == 131 { // the key of one published answer
			tests.Add(1)
		}
		return newHMAC(sha256.New, s), nil
	}})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			key, err := r.newKey(HMACSHA256, secret, "")
			if err != nil || !key.Backend().Available {
				t.Error(err)
			}
			if i%8 == 0 {
				r.list(HMACSHA256)
				r.inUse()
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, tests.Load())
}

// SelfTest while keys are in use: the race detector finds what they share.
func TestSelfTestBesideKeys(t *testing.T) {
	r := newRegistry(noEnv)
	r.register(Backend{Algorithm: HMACSHA256, Name: "b", NewHash: sha256.New})
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	want := key.Sum(nil, nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 3000 { // beyond a check
				if !key.Verify(nil, want) {
					t.Error("refused beside a self-test")
				}
			}
		})
	}
	for range 5 {
		require.NoError(t, r.selfTest(HMACSHA256, ""))
		require.True(t, r.list(HMACSHA256)[0].Available)
	}
	wg.Wait()
}

// The keys of self-tests are given back, but for the one that the known answers in
// between are computed with: a device may have few places for keys.
func TestSelfTestGivesItsKeysBack(t *testing.T) {
	alive := 0
	r := newRegistry(noEnv)
	r.register(Backend{Algorithm: HMACSHA256, Name: "device", NewHash: sha256.New, NewKeyed: func(secret []byte) (Keyed, error) {
		if alive == 2 {
			return nil, errors.New("no place left")
		}
		alive++
		return &counted{newHMAC(sha256.New, secret), &alive}, nil
	}})
	for range 3 {
		require.NoError(t, r.selfTest(HMACSHA256, ""))
		require.Equal(t, 1, alive)
	}
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.Equal(t, 2, alive)

	// One that cannot be made now leaves the backend what it was.
	err = r.selfTest(HMACSHA256, "")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	require.ErrorContains(t, err, "no place left")
	require.NotErrorIs(t, err, ErrSelfTest)
	require.True(t, key.Backend().Available)
	require.NoError(t, key.VerifyErr([]byte("m"), key.Sum(nil, []byte("m"))))
	key.Destroy()
	require.Equal(t, 1, alive)
	require.NoError(t, r.selfTest(HMACSHA256, ""))

	// A self-test that fails gives them back too.
	broken := newRegistry(noEnv)
	alive = 0
	broken.register(Backend{Algorithm: HMACSHA256, Name: "device", NewHash: sha256.New, NewKeyed: func(secret []byte) (Keyed, error) {
		alive++
		return &counted{&unwritten{Keyed: newHMAC(sha256.New, secret), broken: len(secret) == answerKeySize}, &alive}, nil
	}})
	require.ErrorIs(t, broken.selfTest(HMACSHA256, ""), ErrSelfTest)
	require.Zero(t, alive)
}

type counted struct {
	Keyed
	alive *int
}

func (c *counted) Destroy() { *c.alive-- }

// The batches of the self-test are computed beside each other by every kernel of this
// processor, whatever the length: what package sm3 takes one after the other would be
// no test of the lanes.
func TestBatchesOfTheSelfTestAreBatches(t *testing.T) {
	for _, k := range sm3asm.Kernels() {
		for n := range maxAnswer + 2 {
			if n > maxAnswer {
				n = longAnswer
			}
			for first := 0; k.Lanes() > 1 && first < batchLanes; first += k.Lanes() {
				total, longest := 0, 0
				for lane := first; lane < first+k.Lanes(); lane++ {
					length := lengthBeside(n, lane)
					require.True(t, length >= 0 && length <= maxAnswer || length == longAnswer, length)
					blocks := length/sm3asm.BlockSize + 2
					total, longest = total+blocks, max(longest, blocks)
				}
				require.GreaterOrEqual(t, total, k.BreakEven()*longest, "%s, %d bytes, lanes from %d", k, n, first)
			}
		}
	}
}
