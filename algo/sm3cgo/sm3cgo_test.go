package sm3cgo_test

import (
	"fmt"
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
