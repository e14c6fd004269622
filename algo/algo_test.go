package algo_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	_ "github.com/gmhmac/hmacsign/algo/sm3cgo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// Every backend that this program has, whatever registered it.
func TestBackends(t *testing.T) {
	for _, algorithm := range algo.Algorithms() {
		for _, info := range algo.Backends(algorithm) {
			t.Run(algorithm+"/"+info.Backend, func(t *testing.T) {
				if !info.Available && info.Backend == "asm" {
					t.Skip(info.Detail)
				}
				require.True(t, info.Available, info.Detail)
				require.Equal(t, "passed", info.SelfTest)
				require.NotEmpty(t, info.Version)
				algotest.TestBackend(t, algorithm, info.Backend)
			})
		}
	}
}

func TestNewHash(t *testing.T) {
	h, err := algo.NewHash(algo.HMACSM3)
	require.NoError(t, err)
	h.Write([]byte("abc"))
	require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", fmt.Sprintf("%x", h.Sum(nil)))
	h, err = algo.NewHash(algo.HMACSHA1)
	require.NoError(t, err)
	require.Equal(t, 20, h.Size())
	_, err = algo.NewHash("sm3")
	require.ErrorIs(t, err, algo.ErrUnknownAlgorithm)
}

func TestNewKeyRefuses(t *testing.T) {
	_, err := algo.NewKey("hmac-md5", []byte("s"))
	require.ErrorIs(t, err, algo.ErrUnknownAlgorithm)
	require.ErrorContains(t, err, "hmac-sm3")
	_, err = algo.NewKey(algo.HMACSM3, []byte("s"), algo.WithBackend("nonesuch"))
	require.ErrorIs(t, err, algo.ErrUnknownBackend)
	require.ErrorContains(t, err, "gmsm")
	for _, algorithm := range algo.Algorithms() {
		for _, empty := range [][]byte{nil, {}} {
			_, err = algo.NewKey(algorithm, empty)
			require.ErrorIs(t, err, algo.ErrEmptySecret)
		}
	}
}

func TestKeyNeverPrintsItsSecret(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	for _, algorithm := range algo.Algorithms() {
		key, err := algo.NewKey(algorithm, []byte(secret))
		require.NoError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, key)
			require.NotContains(t, text, secret)
			require.NotContains(t, text, fmt.Sprintf("%x", secret))
		}
	}
}

// Batches are the single MACs in a row, with every backend and with keys of
// several backends mixed.
func TestSumManyAndSumEach(t *testing.T) {
	var msgs [][]byte
	for i := range 40 {
		msgs = append(msgs, bytes.Repeat([]byte{byte(i)}, i*i))
	}
	var keys []*algo.Key
	var want []byte
	for i := range msgs {
		algorithm := algo.Algorithms()[min(i%7, 2)] // runs of hmac-sm3
		key, err := algo.NewKey(algorithm, []byte{1, byte(i)})
		require.NoError(t, err)
		keys, want = append(keys, key), key.Sum(want, msgs[i])
	}
	require.Equal(t, want, algo.SumEach(nil, keys, msgs))
	require.Panics(t, func() { algo.SumEach(nil, keys, msgs[1:]) })
	for _, key := range keys[:3] {
		var want []byte
		for _, msg := range msgs {
			want = key.Sum(want, msg)
		}
		require.Equal(t, want, key.SumMany(nil, msgs))
	}
}

// Once, however often the tests run.
var registerThirdParty = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "third-party", NewHash: sm3pure.New,
		Probe: func() (string, string, error) { return "1.0", "registered by a test", nil }})
})

// A third party's backend, registered as it would do it.
func TestRegisterThirdParty(t *testing.T) {
	registerThirdParty()
	algotest.TestBackend(t, algo.HMACSM3, "third-party")

	infos := algo.Backends(algo.HMACSM3)
	last := infos[len(infos)-1]
	require.Equal(t, algo.Info{Algorithm: algo.HMACSM3, Backend: "third-party", Version: "1.0", Available: true,
		SelfTest: "passed", Detail: "registered by a test"}, last, "preference 0 comes last and is not selected")
	key, err := algo.NewKey(algo.HMACSM3, []byte("s"))
	require.NoError(t, err)
	selected := infos[slices.IndexFunc(infos, func(i algo.Info) bool { return i.Selected })]
	require.Equal(t, selected, key.Backend())
	require.NotEqual(t, "third-party", selected.Backend)

	require.PanicsWithValue(t, "algo: Register called twice for backend third-party of hmac-sm3", func() {
		algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "third-party", NewHash: sm3pure.New})
	})
	require.Panics(t, func() { algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "no-hash"}) })
	require.Panics(t, func() { algo.Register(algo.Backend{Algorithm: algo.HMACSM3, NewHash: sm3pure.New}) })
	require.Panics(t, func() { algo.Register(algo.Backend{Algorithm: "hmac-md5", Name: "x", NewHash: sm3pure.New}) })
}
