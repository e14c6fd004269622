package algo

import (
	"fmt"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachBackend runs f with each backend that this program has.
func eachBackend(t *testing.T, f func(t *testing.T, newKey func(secret string) *Key)) {
	for _, algorithm := range Algorithms() {
		for _, info := range Backends(algorithm) {
			if info.Available {
				t.Run(algorithm+"/"+info.Backend, func(t *testing.T) {
					f(t, func(secret string) *Key {
						key, err := NewKey(algorithm, []byte(secret), WithBackend(info.Backend))
						require.NoError(t, err)
						return key
					})
				})
			}
		}
	}
}

// keyUses is what needs a key that can be used.
var keyUses = map[string]func(k *Key){
	"Sum":            func(k *Key) { k.Sum(nil, nil) },
	"Verify":         func(k *Key) { k.Verify(nil, nil) },
	"VerifyErr":      func(k *Key) { k.VerifyErr(nil, nil) },
	"SumMany":        func(k *Key) { k.SumMany(nil, make([][]byte, 3)) },
	"SumEach":        func(k *Key) { SumEach(nil, []*Key{k}, make([][]byte, 1)) },
	"SumEach, later": func(k *Key) { SumEach(nil, []*Key{live(k), live(k), k}, make([][]byte, 3)) },
	"NewMAC":         func(k *Key) { k.NewMAC() },
	"NewHash":        func(k *Key) { k.NewHash() },
}

// live is a key on the backend of k, or on any.
func live(k *Key) *Key {
	algorithm, backend := HMACSM3, ""
	if k != nil && k.entry != nil {
		algorithm, backend = k.entry.Algorithm, k.entry.Name
	}
	key, err := NewKey(algorithm, secret, WithBackend(backend))
	if err != nil {
		panic(err)
	}
	return key
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%U", "%c", "%e", "%w", "%y"}

// A key that NewKey did not make names the mistake, and prints.
func TestNilAndZeroKeys(t *testing.T) {
	for name, key := range map[string]*Key{"nil": nil, "zero": {}} {
		uses := map[string]func(*Key){"Size": func(k *Key) { k.Size() }, "Backend": func(k *Key) { k.Backend() }}
		for use, f := range keyUses {
			uses[use] = f
		}
		for use, f := range uses {
			require.PanicsWithValue(t, "algo: a Key was used that NewKey did not make: a nil or a zero one", func() { f(key) }, name+" "+use)
		}
		require.NotPanics(t, key.Destroy)
		require.Equal(t, "no key", key.String())
		for _, verb := range verbs {
			require.NotContains(t, fmt.Sprintf(verb, key), "PANIC", verb)
		}
	}
}

// After Destroy nothing computes, streams from before do not either, and other
// keys of the same secret go on.
func TestDestroy(t *testing.T) {
	eachBackend(t, func(t *testing.T, newKey func(string) *Key) {
		for _, secret := range []string{"a secret", string(make([]byte, 63)) + "x", string(make([]byte, 199)) + "x"} {
			key, other := newKey(secret), newKey(secret)
			msg := []byte("a message")
			want := key.Sum(nil, msg)
			begun, written, digest := key.NewMAC(), key.NewMAC(), key.NewHash()
			written.Write(msg)
			clone, err := written.(hash.Cloner).Clone()
			require.NoError(t, err)
			otherBegun := other.NewMAC()
			size, info := key.Size(), key.Backend()

			key.Destroy()
			const text = "algo: a Key was used after Destroy"
			for use, f := range keyUses {
				require.PanicsWithValue(t, text, func() { f(key) }, use)
			}
			for name, h := range map[string]hash.Hash{"begun": begun, "written": written, "clone": clone} {
				for use, f := range map[string]func(){
					"Write": func() { h.Write(msg) },
					"Sum":   func() { h.Sum(nil) },
					"Reset": func() { h.Reset() },
					"Clone": func() { h.(hash.Cloner).Clone() },
				} {
					require.PanicsWithValue(t, text, f, name+" "+use)
				}
				require.Equal(t, size, h.Size())
				require.Equal(t, 64, h.BlockSize())
			}
			digest.Write(msg) // has nothing of the key
			require.Len(t, digest.Sum(nil), size)
			require.Equal(t, size, key.Size())
			require.Equal(t, info, key.Backend())
			require.NotEmpty(t, key.String())
			for _, verb := range verbs {
				require.NotContains(t, fmt.Sprintf(verb, key), "PANIC", verb)
			}
			require.NotPanics(t, key.Destroy, "a second time")
			require.PanicsWithValue(t, text, func() { key.Sum(nil, nil) })

			require.Equal(t, want, other.Sum(nil, msg))
			require.True(t, other.Verify(msg, want))
			otherBegun.Write(msg)
			require.Equal(t, want, otherBegun.Sum(nil))
			require.Equal(t, want, newKey(secret).Sum(nil, msg))
			require.True(t, other.Backend().Available, "no failure of the backend")
		}
	})
}

// What Destroy clears where it lies.
func TestDestroyClears(t *testing.T) {
	for _, c := range [][2]string{{HMACSHA1, "go"}, {HMACSHA256, "go"}, {HMACSM3, "gmsm"}} {
		newHash := digests[c[0]]
		k := newHMAC(newHash, []byte("a secret"))
		probe := k.NewMAC()
		probe.Write([]byte("m"))
		k.Destroy()
		after := k.NewMAC() // under the secret's copy as it is now
		after.Write([]byte("m"))
		zeros := newHMAC(newHash, make([]byte, 8)).NewMAC()
		zeros.Write([]byte("m"))
		require.Equal(t, zeros.Sum(nil), after.Sum(nil))
		require.NotEqual(t, zeros.Sum(nil), probe.Sum(nil))
		key, err := NewKey(c[0], []byte("a secret"), WithBackend(c[1]))
		require.NoError(t, err)
		require.Implements(t, (*Destroyer)(nil), key.keyed)
	}
	key, err := NewKey(HMACSM3, []byte("a secret"), WithBackend("go"))
	require.NoError(t, err)
	kept := key.keyed.(sm3Key).Key
	require.NotContains(t, fmt.Sprintf("%v", *kept), " 0 0 0 0 ")
	key.Destroy()
	require.Contains(t, fmt.Sprintf("%v", *kept), fmt.Sprint([16]uint32{}))
}

// The clone that a backend was given is cleared when NewKeyed returns, whatever
// it returns, and the caller's secret is never handed out.
func TestCloneOfTheSecretIsCleared(t *testing.T) {
	for name, outcome := range map[string]func(Keyed) (Keyed, error){
		"key":   func(k Keyed) (Keyed, error) { return k, nil },
		"error": func(Keyed) (Keyed, error) { return nil, ErrBackendUnavailable },
		"panic": func(Keyed) (Keyed, error) { panic("no") },
	} {
		var given []byte
		own := []byte("a secret of the caller's")
		r := newRegistry(noEnv)
		testing := true
		r.register(Backend{Algorithm: HMACSHA256, Name: "b", NewHash: digests[HMACSHA256], NewKeyed: func(s []byte) (Keyed, error) {
			k := newHMAC(digests[HMACSHA256], s)
			if testing {
				return k, nil
			}
			given = s
			return outcome(k)
		}})
		_, err := r.choose(HMACSHA256, "")
		require.NoError(t, err)
		testing = false
		r.newKey(HMACSHA256, own, "")
		require.Equal(t, make([]byte, len(own)), given, name)
		require.Equal(t, "a secret of the caller's", string(own), name)
	}
}

// One call, batches and Verify allocate nothing.
func TestNoAllocation(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which allocate")
	}
	eachBackend(t, func(t *testing.T, newKey func(string) *Key) {
		key, other := newKey("a secret"), newKey("another")
		name := key.Backend().Backend
		if name == "gmsm" || key.Backend().Detail == "registered by a test" {
			t.Skip("its library allocates")
		}
		dst, msg := make([]byte, 0, 200*32), make([]byte, 150)
		mac := key.Sum(nil, msg)
		check := func(what string, f func()) {
			t.Helper()
			require.Zero(t, testing.AllocsPerRun(200, f), what)
		}
		check("Sum", func() { key.Sum(dst, msg) })
		check("Verify", func() { key.Verify(msg, mac) })
		check("VerifyErr", func() { key.VerifyErr(msg, mac) })
		check("VerifyErr of a wrong MAC", func() { key.VerifyErr(msg, msg) })
		h := key.NewMAC()
		check("a stream", func() { h.Reset(); h.Write(msg); h.Sum(dst) })
		for _, n := range []int{1, 3, 16, 64, 65, 200} {
			keys, msgs := make([]*Key, n), make([][]byte, n)
			for i := range n {
				keys[i], msgs[i] = []*Key{key, other}[i%2], msg[:i%150]
			}
			check("SumMany", func() { key.SumMany(dst, msgs) })
			check("SumEach", func() { SumEach(dst, keys, msgs) })
		}
	})
}
