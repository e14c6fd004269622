//go:build tencentsm && cgo

package sm3cgo

import (
	"bytes"
	"encoding/hex"
	"hash"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
)

func linkedKey(t testing.TB) *algo.Key {
	key, err := algo.NewKey(algo.HMACSM3, []byte("a secret of some length"), algo.WithBackend(Linked().Backend))
	require.NoError(t, err)
	return key
}

func FuzzMAC(f *testing.F) { algotest.FuzzMAC(f, algo.HMACSM3, Linked().Backend, "gmsm") }

// What noescape and nocallback are for: without both, the MAC's array escapes.
func TestOneShotDoesNotAllocate(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which allocate")
	}
	key, dst, msg := linkedKey(t), make([]byte, 0, 64), make([]byte, 150)
	require.Zero(t, testing.AllocsPerRun(1000, func() { key.Sum(dst, msg) }))
	d := newDigest()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		d.Reset()
		for range 5 {
			d.Write(msg)
		}
		d.Sum(dst)
	}))
}

func TestEmptyInput(t *testing.T) {
	key := linkedKey(t)
	pure, err := algo.NewKey(algo.HMACSM3, []byte("a secret of some length"), algo.WithBackend("gmsm"))
	require.NoError(t, err)
	for _, empty := range [][]byte{nil, {}, make([]byte, 5)[5:]} {
		require.Equal(t, pure.Sum(nil, nil), key.Sum(nil, empty))
		d := newDigest()
		d.Write(empty)
		require.Equal(t, "1ab21d83", hex.EncodeToString(d.Sum(nil)[:4]))
	}
}

// A stream past the library's limit is refused, and has no digest.
func TestStreamLimit(t *testing.T) {
	d := newDigest()
	d.length = maxLength - 10 // as if that much had been written
	n, err := d.Write(make([]byte, 10))
	require.Equal(t, 10, n)
	require.NoError(t, err)
	n, err = d.Write([]byte{0})
	require.Zero(t, n)
	require.ErrorIs(t, err, errTooLong)
	_, err = d.Write(nil)
	require.NoError(t, err, "nothing more was asked for")
	require.Panics(t, func() { d.Sum(nil) })
	c, err := d.Clone()
	require.NoError(t, err)
	require.Panics(t, func() { c.Sum(nil) }, "a clone knows it too")
	d.Reset()
	require.Equal(t, newDigest().Sum(nil), d.Sum(nil))
	require.Less(t, uint64(maxLength), uint64(1)<<37)
}

func TestContextIsWhatTheDocumentationSays(t *testing.T) {
	require.EqualValues(t, 104, unsafe.Sizeof(newDigest().context))
}

func TestInit(t *testing.T) {
	if !Linked().pro() {
		require.NoError(t, Init(License{}), "the Lite edition has nothing to initialise")
		return
	}
	for _, l := range []License{{}, {AppID: "a"}, {Token: "b"}, {AppID: "a", Token: "b", Cert: []byte("c")}} {
		require.ErrorIs(t, Init(l), errLicense)
	}
	err := Init(License{AppID: "standin", Token: "hush"})
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
	require.ErrorContains(t, err, "initTencentSM refused the license with code -11")
	require.NotContains(t, err.Error(), "hush")
	require.ErrorContains(t, Init(License{AppID: "standin", Cert: []byte("hush")}), "initTencentSMWithCert refused the license with code -12")
	require.ErrorContains(t, Init(License{AppID: "standin", BundleID: "other", Cert: []byte("standin-cert")}), "code -13")
	require.NoError(t, Init(License{AppID: "standin", Cert: []byte("standin-cert")}))
	require.NoError(t, Init(License{AppID: "standin", BundleID: "standin.bundle", Cert: []byte("standin-cert")}))
	require.NoError(t, Init(License{AppID: "standin", Token: "standin-token"}), "again is allowed")
}

// The library can become available after the first look, by Init.
func TestInitLater(t *testing.T) {
	if os.Getenv("HMACSIGN_TEST_INIT") == "" {
		t.Skip("needs a Pro edition that is not initialised: make test-tencentsm builds it")
	}
	_, err := algo.NewKey(algo.HMACSM3, []byte("k"), algo.WithBackend(Linked().Backend))
	require.ErrorContains(t, err, "not initialised")
	require.Panics(t, func() { New() })
	require.NoError(t, Init(License{AppID: "standin", Token: "standin-token"}))
	_, err = algo.NewKey(algo.HMACSM3, []byte("k"), algo.WithBackend(Linked().Backend))
	require.NoError(t, err)
	require.Equal(t, newDigest().Sum(nil), New().Sum(nil))
}

// One-shot, streamed, cloned and abandoned MACs by 64 goroutines: what is
// dropped costs nothing, so resident memory stays flat.
func TestMemoryStaysFlat(t *testing.T) {
	if os.Getenv("HMACSIGN_TEST_SOAK") == "" {
		t.Skip("needs HMACSIGN_TEST_SOAK=1: it takes 10 seconds")
	}
	key, msg := linkedKey(t), bytes.Repeat([]byte("x"), 1000)
	want := key.Sum(nil, msg)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				mac := key.NewMAC()
				mac.Write(msg[:n%1000])
				switch n % 4 {
				case 0: // abandoned
				case 1:
					c, err := mac.(hash.Cloner).Clone()
					if err != nil {
						t.Error(err)
						return
					}
					mac = c
					fallthrough
				case 2:
					mac.Write(msg[n%1000:])
					if !bytes.Equal(mac.Sum(nil), want) {
						t.Error("a streamed MAC is wrong")
						return
					}
				default:
					if !key.Verify(msg, want) {
						t.Error("a one-shot MAC is wrong")
						return
					}
				}
			}
		})
	}
	var sizes []int
	for range 10 {
		time.Sleep(time.Second)
		sizes = append(sizes, residentKiB(t))
	}
	close(stop)
	wg.Wait()
	t.Logf("resident memory at each second: %v KiB", sizes)
	require.Less(t, sizes[9], sizes[1]+16<<10, "grew by more than 16 MiB: %v KiB", sizes)
}

func residentKiB(t *testing.T) int {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc/self/status")
	}
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return n
}
