package algo

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// registryWith has backend "good" of hmac-sm3 and those given.
func registryWith(env string, more ...Backend) *registry {
	r := newRegistry(setting(env, ""))
	r.register(Backend{Algorithm: HMACSM3, Name: "good", Preference: 10, NewHash: sm3pure.New})
	for _, b := range more {
		r.register(b)
	}
	return r
}

var secret = []byte("secret")

// Each way to be wrong is found before the first key, by the self-test that
// every key waits for.
func TestSelfTestKeepsFaultyBackendsOut(t *testing.T) {
	right := func(secret []byte) Keyed { return newHMAC(sm3pure.New, secret) }
	faults := map[string]Backend{
		"another hash":       {NewHash: sha256.New},
		"wrong one-shot MAC": {NewHash: sm3pure.New, NewKeyed: func(s []byte) (Keyed, error) { return faulty{right(s), true, false}, nil }},
		"wrong streamed MAC": {NewHash: sm3pure.New, NewKeyed: func(s []byte) (Keyed, error) { return faulty{right(s), false, true}, nil }},
		"wrong batch":        {NewHash: sm3pure.New, NewKeyed: func(s []byte) (Keyed, error) { return wrongBatch{right(s)}, nil }},
		"failure":            {NewHash: sm3pure.New, NewKeyed: func([]byte) (Keyed, error) { panic(&Failure{"faulty", errors.New("library said 7")}) }},
		// The bug that once forged all: the message never reaches the hash.
		"message not written": {NewHash: sm3pure.New, NewKeyed: func(s []byte) (Keyed, error) { return sumsArgument{right(s)}, nil }},
	}
	for name, b := range faults {
		t.Run(name, func(t *testing.T) {
			b.Algorithm, b.Name, b.Preference = HMACSM3, "faulty", 99
			r := registryWith("", b)

			key, err := r.newKey(HMACSM3, secret, "")
			require.NoError(t, err)
			require.Equal(t, "good", key.Backend().Backend)

			_, err = r.newKey(HMACSM3, secret, "faulty")
			require.ErrorIs(t, err, ErrBackendUnavailable)
			require.ErrorIs(t, err, ErrSelfTest)

			infos := r.list(HMACSM3)
			require.Equal(t, "faulty", infos[0].Backend)
			require.Equal(t, "failed", infos[0].SelfTest)
			require.False(t, infos[0].Available || infos[0].Selected)
			require.NotEmpty(t, infos[0].Detail)
			require.True(t, infos[1].Selected)
		})
	}
}

type faulty struct {
	Keyed
	oneShot, streamed bool
}

func (f faulty) Sum(dst, msg []byte) []byte {
	dst = f.Keyed.Sum(dst, msg)
	if f.oneShot {
		dst[len(dst)-1] ^= 1
	}
	return dst
}

func (f faulty) NewMAC() hash.Hash {
	mac := f.Keyed.NewMAC()
	if f.streamed {
		mac.Write([]byte{0})
	}
	return mac
}

type wrongBatch struct{ Keyed }

func (w wrongBatch) SumEach(dst []byte, keys []Keyed, msgs [][]byte) []byte {
	for i, msg := range msgs {
		dst = keys[i].Sum(dst, msg)
	}
	dst[len(dst)-1] ^= 1
	return dst
}

type sumsArgument struct{ Keyed }

func (s sumsArgument) Sum(dst, msg []byte) []byte { return s.NewMAC().Sum(append(dst, msg...)) }

// The standard library is held to it too.
func TestSelfTestOfEveryAlgorithm(t *testing.T) {
	for _, algorithm := range Algorithms() {
		require.NotEmpty(t, knownAnswers[algorithm])
		wrong := map[string]func() hash.Hash{HMACSHA1: sha256.New, HMACSHA256: sha1.New, HMACSM3: sha256.New}[algorithm]
		r := newRegistry(noEnv)
		r.register(Backend{Algorithm: algorithm, Name: "go", NewHash: wrong})
		_, err := r.newKey(algorithm, secret, "")
		require.ErrorIs(t, err, ErrSelfTest)
		_, err = r.choose(algorithm, "")
		require.ErrorIs(t, err, ErrSelfTest, "NewHash")
	}
}

func TestSelfTestRunsOnce(t *testing.T) {
	runs := 0
	r := registryWith("", Backend{Algorithm: HMACSM3, Name: "counted", Preference: 99,
		NewHash:  sm3pure.New,
		NewKeyed: func(s []byte) (Keyed, error) { runs++; return newHMAC(sm3pure.New, s), nil }})
	for range 3 {
		_, err := r.newKey(HMACSM3, secret, "")
		require.NoError(t, err)
	}
	macs := 0
	for _, ka := range knownAnswers[HMACSM3] {
		if ka.key != "" {
			macs++
		}
	}
	require.Equal(t, macs+1+3, runs, "the known answers and the reference once, then one for each key")
}

// An error of NewKeyed says nothing of the answers: it is told, and the backend is
// tested when it gets that far.
func TestErrorOfNewKeyedIsNoFailedSelfTest(t *testing.T) {
	err := errors.New("no session left")
	r := registryWith("", Backend{Algorithm: HMACSM3, Name: "busy", Preference: 99, NewHash: sm3pure.New,
		NewKeyed: func(s []byte) (Keyed, error) { return newHMAC(sm3pure.New, s), err }})
	_, got := r.newKey(HMACSM3, secret, "busy")
	require.ErrorIs(t, got, ErrBackendUnavailable)
	require.ErrorIs(t, got, err)
	require.NotErrorIs(t, got, ErrSelfTest)
	require.Equal(t, "not run", r.list(HMACSM3)[0].SelfTest)
	err = nil
	key, got := r.newKey(HMACSM3, secret, "")
	require.NoError(t, got)
	require.Equal(t, "busy", key.Backend().Backend)
	err = errors.New("no session left again")
	_, got = r.newKey(HMACSM3, secret, "busy")
	require.ErrorIs(t, got, err)
	require.True(t, r.list(HMACSM3)[0].Available)
	require.NotEmpty(t, key.Sum(nil, nil), "keys that exist go on")
}

// A library may be initialised after the first look.
func TestProbeIsAskedAgainUntilItCan(t *testing.T) {
	err := errors.New("not initialised")
	r := registryWith("", Backend{Algorithm: HMACSM3, Name: "late", Preference: 99, NewHash: sm3pure.New,
		Probe: func() (string, string, error) { return "Pro_1", "", err }})
	_, got := r.newKey(HMACSM3, secret, "late")
	require.ErrorIs(t, got, ErrBackendUnavailable)
	require.NotErrorIs(t, got, ErrSelfTest)
	require.ErrorContains(t, got, "not initialised")
	require.Equal(t, "not run", r.list(HMACSM3)[0].SelfTest)
	err = nil
	key, got := r.newKey(HMACSM3, secret, "")
	require.NoError(t, got)
	require.Equal(t, "late", key.Backend().Backend)
	require.Equal(t, "Pro_1", key.Backend().Version)
}

func TestRequire(t *testing.T) {
	other := Backend{Algorithm: HMACSM3, Name: "other", Preference: 99, NewHash: sm3pure.New}

	r := registryWith("", other)
	require.NoError(t, r.require(HMACSM3, "good"))
	key, err := r.newKey(HMACSM3, secret, "")
	require.NoError(t, err)
	require.Equal(t, "good", key.Backend().Backend)
	_, err = r.newKey(HMACSM3, secret, "other")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	require.Equal(t, []bool{false, true}, []bool{r.list(HMACSM3)[0].Available, r.list(HMACSM3)[1].Selected})
	require.NoError(t, r.require(HMACSM3, "good"), "the same again")
	require.ErrorIs(t, r.require(HMACSM3, "other"), ErrBackendUnavailable, "a second requirement does not lift the first")
	require.ErrorIs(t, r.require("hmac-md5", "good"), ErrUnknownAlgorithm)

	// Not linked: nothing else may take its place, and the error comes at once.
	r = registryWith("", other)
	require.ErrorIs(t, r.require(HMACSM3, "tencentsm"), ErrBackendUnavailable)
	for _, name := range []string{"", "good", "other", "tencentsm"} {
		_, err = r.newKey(HMACSM3, secret, name)
		require.ErrorIs(t, err, ErrBackendUnavailable, "backend %q", name)
	}
	_, err = r.choose(HMACSM3, "")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	require.ErrorContains(t, err, "not linked")
	for _, info := range r.list(HMACSM3) {
		require.False(t, info.Available || info.Selected)
		require.Contains(t, info.Detail, "tencentsm is required")
	}
}

func TestRequireByEnvironment(t *testing.T) {
	r := registryWith("hmac-sm3=tencentsm, hmac-sha1=go")
	_, err := r.newKey(HMACSM3, secret, "")
	require.ErrorIs(t, err, ErrBackendUnavailable)
	require.ErrorContains(t, err, "tencentsm")
	require.ErrorIs(t, r.require(HMACSM3, "good"), ErrBackendUnavailable, "code does not lift it")

	r = registryWith("hmac-sm3=good")
	_, err = r.newKey(HMACSM3, secret, "")
	require.NoError(t, err)

	// A requirement that is not understood must not be passed over.
	for _, env := range []string{"hmac-sm3", "hmac-sm3=", "hmac-sm=tencentsm", "tencentsm", ",", "hmac-sm3=good,hmac-sm3=tencentsm"} {
		r = registryWith(env)
		_, err = r.newKey(HMACSM3, secret, "good")
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		require.False(t, r.list(HMACSM3)[0].Available, env)
	}
}
