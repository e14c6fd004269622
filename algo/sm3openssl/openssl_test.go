//go:build openssl && cgo

package sm3openssl

import (
	"fmt"
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

// A digest that a call failed in gives nothing more until Reset, and is right
// again then.
func TestResetAfterFailure(t *testing.T) {
	want := newDigest().Sum(nil)
	for name, use := range map[string]func(d *digest){
		"Write": func(d *digest) { d.Write([]byte("x")) },
		"Sum":   func(d *digest) { d.Sum(nil) },
		"Clone": func(d *digest) { d.Clone() },
	} {
		d := newDigest().(*digest)
		d.Write([]byte("hashed before"))
		fails := func(what string, use func(d *digest)) {
			t.Helper()
			var err error
			func() {
				defer algo.CatchFailure(&err)
				use(d)
			}()
			require.ErrorIs(t, err, algo.ErrBackendUnavailable, what)
		}
		fails("a call", func(d *digest) { d.must("EVP_DigestUpdate", 0) })
		fails(name, use)
		fails(name+" again: what was written is lost", use)
		d.Reset()
		require.Equal(t, want, d.Sum(nil), name)
		d.Write([]byte("abc"))
		require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", fmt.Sprintf("%x", d.Sum(nil)))
	}
}

func TestDestroy(t *testing.T) {
	k := newKeyed([]byte("a secret"))
	own := k.secret()
	mac := k.NewMAC()
	mac.Write([]byte("m"))
	k.Destroy()
	require.Equal(t, make([]byte, 8), own)
	require.Equal(t, newKeyed([]byte("a secret")).Sum(nil, []byte("m")), mac.Sum(nil), "a stream has its own copy; package algo refuses it")
}

func TestProbe(t *testing.T) {
	require.NotPanics(t, func() {
		for range 100 {
			version, detail, err := probe()
			require.NoError(t, err)
			require.NotEmpty(t, version)
			require.NotEmpty(t, detail)
		}
	})
}
