package sm3cgo_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// Whatever New runs on, it is SM3 and keeps the contract.
func TestHash(t *testing.T) { algotest.TestSM3(t, sm3cgo.New) }

func FuzzWrites(f *testing.F) { algotest.FuzzWrites(f, sm3cgo.New, sm3pure.New) }

// What is registered is what is there.
func TestRegistered(t *testing.T) {
	var names []string
	for _, info := range algo.Backends(algo.HMACSM3) {
		if strings.HasPrefix(info.Backend, "tencentsm") {
			names = append(names, info.Backend)
			require.True(t, info.Available && info.Selected, info.Detail)
			require.NotEmpty(t, info.Version)
			require.Contains(t, info.Detail, sm3cgo.Linked().Edition+" edition")
			require.Contains(t, info.Detail, sm3cgo.Linked().Path)
		}
	}
	if !sm3cgo.Enabled {
		require.Empty(t, names)
		require.Zero(t, sm3cgo.Linked())
		require.ErrorIs(t, sm3cgo.Init(sm3cgo.License{AppID: "a", Token: "b"}), algo.ErrBackendUnavailable)
		return
	}
	require.Equal(t, []string{sm3cgo.Linked().Backend}, names)
	algotest.TestBackend(t, algo.HMACSM3, names[0])
}

func TestLicenseDoesNotPrint(t *testing.T) {
	l := sm3cgo.License{AppID: "hush-app", Token: "hush-token", BundleID: "hush-bundle", Cert: []byte("hush-cert")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.NotContains(t, fmt.Sprintf(verb, []any{l, &l}), "hush", verb)
	}
	text, err := l.MarshalText()
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
}

// A library that is faulty or not licensed is unavailable and says why; nothing
// takes its place where it was asked for. Such libraries are linked by
// "make test-tencentsm", which sets the variable to the expected reason.
func TestUnavailable(t *testing.T) {
	reason := os.Getenv("HMACSIGN_TEST_UNAVAILABLE")
	if reason == "" {
		t.Skip("needs a faulty stand-in: make test-tencentsm builds them")
	}
	name := sm3cgo.Linked().Backend
	_, err := algo.NewKey(algo.HMACSM3, []byte("k"), algo.WithBackend(name))
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
	require.ErrorContains(t, err, reason)
	require.NotContains(t, err.Error(), "hush")

	infos := algo.Backends(algo.HMACSM3)
	require.Equal(t, name, infos[0].Backend)
	require.False(t, infos[0].Available || infos[0].Selected)
	require.Contains(t, infos[0].Detail, reason)
	key, err := algo.NewKey(algo.HMACSM3, []byte("k"))
	require.NoError(t, err)
	require.NotEqual(t, name, key.Backend().Backend, "what is not asked for by name is told by Backend")

	require.ErrorIs(t, algo.Require(algo.HMACSM3, name), algo.ErrBackendUnavailable)
	_, err = algo.NewKey(algo.HMACSM3, []byte("k"))
	require.ErrorIs(t, err, algo.ErrBackendUnavailable, "once required, no other takes its place")
	_, err = algo.NewHash(algo.HMACSM3)
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
}

// A library that begins to fail while in use: an error, never a wrong MAC.
func TestFailsLate(t *testing.T) {
	if os.Getenv("HMACSIGN_TEST_LATE") == "" {
		t.Skip("needs a stand-in that fails late: make test-tencentsm builds it")
	}
	key, err := algo.NewKey(algo.HMACSM3, []byte("k"), algo.WithBackend(sm3cgo.Linked().Backend))
	require.NoError(t, err)
	sum := func() (mac []byte, err error) {
		defer algo.CatchFailure(&err)
		return key.Sum(nil, nil), nil
	}
	for err == nil {
		_, err = sum()
	}
	var failure *algo.Failure
	require.True(t, errors.As(err, &failure))
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
	require.ErrorContains(t, err, "SM3_HMAC returned -7")
	require.Panics(t, func() { key.Verify(nil, nil) }, "an empty MAC must not match a missing one")
	testRequestsFailLate(t)
}
