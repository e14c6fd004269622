//go:build openssl && cgo

package sm3openssl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

func TestHash(t *testing.T)    { algotest.TestSM3(t, newDigest) }
func TestBackend(t *testing.T) { algotest.TestBackend(t, algo.HMACSM3, name) }

func FuzzWrites(f *testing.F) { algotest.FuzzWrites(f, newDigest, sm3pure.New) }

func FuzzMAC(f *testing.F) { algotest.FuzzMAC(f, algo.HMACSM3, name, "gmsm") }

// Only where it is asked for.
func TestNotSelected(t *testing.T) {
	key, err := algo.NewKey(algo.HMACSM3, []byte("k"))
	require.NoError(t, err)
	require.NotEqual(t, name, key.Backend().Backend)
	for _, info := range algo.Backends(algo.HMACSM3) {
		if info.Backend == name {
			require.True(t, info.Available && !info.Selected)
			require.NotEmpty(t, info.Version)
		}
	}
}
