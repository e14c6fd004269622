//go:build tencentsm && cgo

package sm3cgo

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
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

// failure is what f panics with, which must be an algo.Failure.
func failure(t *testing.T, f func()) (err error) {
	t.Helper()
	func() {
		defer algo.CatchFailure(&err)
		f()
	}()
	require.Error(t, err)
	return err
}

// A stream past the library's limit is refused, and has no result.
func TestStreamLimit(t *testing.T) {
	mac, d := newKeyed([]byte("k")).NewMAC().(*stream), newDigest()
	for h, in := range map[hash.Cloner]*input{d: &d.input, mac: &mac.input} {
		empty := h.Sum(nil)
		in.length = maxLength - 10 // as if that much had been written
		n, err := h.Write(make([]byte, 10))
		require.Equal(t, 10, n)
		require.NoError(t, err)
		n, err = h.Write([]byte{0})
		require.Zero(t, n)
		require.ErrorIs(t, err, errTooLong)
		_, err = h.Write(nil)
		require.NoError(t, err, "nothing more was asked for")
		require.ErrorIs(t, failure(t, func() { h.Sum(nil) }), errTooLong)
		c, err := h.Clone()
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, func() { c.Sum(nil) }), errTooLong, "a clone knows it too")
		h.Reset()
		require.Equal(t, empty, h.Sum(nil))
	}
	require.LessOrEqual(t, uint64(maxLength)/blockSize+4, uint64(1)<<31, "of all blocks, those of the key and the padding too")
}

// A message past the limit is refused before a byte of it is read: here it is
// memory that cannot be.
func TestOneShotLimit(t *testing.T) {
	k := newKeyed([]byte("k"))
	msg := forbidden(t, maxLength+1)
	require.ErrorIs(t, failure(t, func() { k.Sum(nil, msg) }), errTooLong)
	require.ErrorContains(t, failure(t, func() { k.Sum(nil, msg) }), "a message of 137438953217 bytes: the library hashes at most 128 GiB")
	for _, h := range []hash.Hash{newDigest(), k.NewMAC()} {
		_, err := h.Write(msg)
		require.ErrorIs(t, err, errTooLong)
	}
	require.Len(t, k.Sum(nil, []byte("short")), size)
}

// What the library failed in has no result, not even one without the piece that
// it did not take; Reset starts anew.
func TestBrokenStream(t *testing.T) {
	mac, d := newKeyed([]byte("k")).NewMAC().(*stream), newDigest()
	for h, in := range map[hash.Cloner]*input{d: &d.input, mac: &mac.input} {
		h.Write(make([]byte, 1000))
		want := h.Sum(nil)
		in.broken = true // as a call that panicked leaves it
		for _, use := range []func(){func() { h.Sum(nil) }, func() { h.Write([]byte{1}) }, func() { h.Write(make([]byte, 1000)) }} {
			require.ErrorContains(t, failure(t, use), "the library failed in this stream before")
		}
		c, err := h.Clone()
		require.NoError(t, err)
		failure(t, func() { c.Sum(nil) })
		h.Reset()
		h.Write(make([]byte, 1000))
		require.Equal(t, want, h.Sum(nil))
	}
}

// A call that fails in a stream breaks it before anything was computed.
func TestFailureBreaksStream(t *testing.T) {
	in := new(input)
	in.write(nil, make([]byte, len(in.buf)))
	require.Panics(t, func() { in.write(panicking{}, []byte{1}) })
	require.True(t, in.broken)
}

type panicking struct{}

func (panicking) update([]byte) { failed("a test") }

// Every stream is the MAC that crypto/hmac has over another SM3, in the buffer, in
// the library's own stream and behind it.
func TestStreams(t *testing.T) {
	msg := bytes.Repeat([]byte("0123456789abcdef!"), 5000)
	for _, secret := range []string{"k", strings.Repeat("s", blockSize), strings.Repeat("long", 50)} {
		k := newKeyed([]byte(secret))
		pure := func(n int) []byte {
			h := hmac.New(sm3pure.New, []byte(secret))
			h.Write(msg[:n])
			return h.Sum(nil)
		}
		for _, n := range []int{0, 1, 64, 255, 256, 257, 320, 511, 512, 513, 1000, 5000, 70_000} {
			for _, piece := range []int{1, 63, 256, 257, 1000, 100_000} {
				if piece == 1 && n > 1000 {
					continue
				}
				s := k.NewMAC().(*stream)
				for at := 0; at < n; at += piece {
					s.Write(msg[at:min(n, at+piece)])
				}
				require.Equal(t, n > len(s.buf), s.module != nil, "beyond the buffer the library's stream runs")
				c, err := s.Clone()
				require.NoError(t, err)
				clone := c.(*stream)
				require.Nil(t, clone.module)
				require.Equal(t, pure(n), s.Sum(nil), "%d bytes in pieces of %d", n, piece)
				require.Nil(t, s.module, "it ended with the Sum")
				require.Equal(t, pure(n), s.Sum(nil), "a second Sum")
				s.Write(msg[n : n+300])
				clone.Write(msg[n : n+300])
				require.Equal(t, pure(n+300), s.Sum(nil), "after more")
				require.Equal(t, pure(n+300), clone.Sum(nil), "of a clone")
				s.Reset()
				require.Equal(t, pure(0), s.Sum(nil))
				s.Write(msg[:500])
				require.NotNil(t, s.module)
				s.Reset() // in the middle
				s.Write(msg[:400])
				require.Equal(t, pure(400), s.Sum(nil))
			}
		}
	}
}

// The library's own stream decides: a MAC that is not the HMAC of what was taken
// beside it is refused.
func TestStreamsAreCompared(t *testing.T) {
	s := newKeyed([]byte("k")).NewMAC().(*stream)
	s.Write(make([]byte, 1000))
	s.module.update([]byte{0}) // a byte that the other has not
	require.ErrorContains(t, failure(t, func() { s.Sum(nil) }), "SM3_HMAC_Final gave another MAC than HMAC over SM3Final")
	require.ErrorContains(t, failure(t, func() { s.Sum(nil) }), "failed in this stream before")
}

func TestDestroy(t *testing.T) {
	k := newKeyed([]byte("hush, a secret"))
	secret := k.secret()
	require.Equal(t, "hush, a secret", string(secret))
	short, long := k.NewMAC(), k.NewMAC()
	long.Write(make([]byte, 1000))
	k.Destroy()
	k.Destroy()
	require.Equal(t, make([]byte, len(secret)), secret)
	for name, use := range map[string]func(){"Sum": func() { k.Sum(nil, nil) }, "a stream": func() { short.Sum(nil) }, "a long stream": func() { long.Sum(nil) }} {
		require.PanicsWithValue(t, "sm3cgo: the key was destroyed", use, name)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", newKeyed([]byte("hush")), newKeyed([]byte("hush")), newKeyed([]byte("hush")).NewMAC()), "hush")
}

func TestOrigins(t *testing.T) {
	require.NoError(t, linked().err)
	require.GreaterOrEqual(t, len(linked().functions), 9)
	for i := range linked().functions {
		l := linkage{functions: slices.Clone(linked().functions)}
		require.NoError(t, l.checkOrigins())
		l.functions[i].base++
		l.functions[i].file = "/x/other.so"
		require.ErrorContains(t, l.checkOrigins(), " from /x/other.so", l.functions[i].name)
	}
}

func TestVersions(t *testing.T) {
	for version, standIn := range map[string]bool{
		"1.2.1-3": false, "Pro_1.7.6": false, "stand 1.0": false, "in stand 1.0": false,
		"standin 1.7.3-2": true, "a StandIn": true, "STAND-IN": true, "stand_in": true, "s t a n d i n": true, "Pro_stand.in_1": true,
	} {
		require.NoError(t, checkVersion(version, true))
		require.Equal(t, standIn, isStandIn(version), version)
	}
	for _, version := range []string{"", " ", "stand", "Pro", "17", "1.7\n", "1.7\x00", "\xff", "st\u0430ndin", "1.7\x7f"} {
		require.Error(t, checkVersion(version, true), "%q", version)
	}
	require.Error(t, checkVersion("1.7.3-2", false), "NULL")
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
				mac.Write(msg[:n%1000]) // short ones and, from 257 bytes on, the library's own
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

// What was begun is freed: by its end, by Reset, or when nobody has it any more.
func TestContextsAreFreed(t *testing.T) {
	collected := func() bool {
		runtime.GC()
		return moduleMACs.Load() == 0
	}
	require.Eventually(t, collected, 10*time.Second, 10*time.Millisecond, "other tests' streams")
	k, msg := newKeyed([]byte("k")), make([]byte, 300)
	for range 100 {
		ended, reset, dropped := k.NewMAC(), k.NewMAC(), k.NewMAC()
		ended.Write(msg)
		ended.Sum(nil)
		reset.Write(msg)
		open := moduleMACs.Load()
		reset.Reset()
		require.Less(t, moduleMACs.Load(), open, "Reset ends it at once")
		before := moduleMACs.Load()
		dropped.Write(msg)
		require.LessOrEqual(t, moduleMACs.Load(), before+1)
	}
	require.Eventually(t, collected, 10*time.Second, 10*time.Millisecond)
	kept := k.NewMAC()
	kept.Write(msg)
	runtime.GC()
	require.EqualValues(t, 1, moduleMACs.Load())
	require.Len(t, kept.Sum(nil), size)
	require.Zero(t, moduleMACs.Load())
}

// A million streams of the library that nobody ended.
func TestAbandonedStreamsAreFreed(t *testing.T) {
	if os.Getenv("HMACSIGN_TEST_SOAK") == "" {
		t.Skip("needs HMACSIGN_TEST_SOAK=1: it takes 10 seconds")
	}
	key, msg := linkedKey(t), make([]byte, 300)
	var sizes []int
	for range 10 {
		for range 100_000 {
			key.NewMAC().Write(msg)
		}
		sizes = append(sizes, residentKiB(t))
	}
	t.Logf("resident memory after each 100,000: %v KiB", sizes)
	require.Less(t, sizes[9], sizes[0]+16<<10, "grew by more than 16 MiB: %v KiB", sizes)
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
