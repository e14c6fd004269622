package algo

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var pinA, pinB = strings.Repeat("a1", 32), strings.Repeat("b2", 32)

func TestParseRequirement(t *testing.T) {
	for s, want := range map[string]requirement{
		"tencentsm":                         {"tencentsm", ""},
		"g":                                 {"g", ""},
		"x@sha256:" + pinA:                  {"x", pinA},
		"x.y-z_0@sha256:" + pinB:            {"x.y-z_0", pinB},
		"x@sha256:" + strings.ToUpper(pinA): {"x", pinA},
		"x@sha256:" + pinA[:32] + strings.ToUpper(pinA[32:]): {"x", pinA},
	} {
		q, err := parseRequirement(s)
		require.NoError(t, err, s)
		require.Equal(t, want, q)
	}
	for _, s := range []string{"", " ", "@", "=", ",", "x y", " x", "x ", "x\n", "x\t", "x\r", "x,y", "x=y", "x@", "x@y",
		"x@sha256", "x@sha256:", "@sha256:" + pinA, "x@sha256:" + pinA[1:], "x@sha256:" + pinA + "0", "x@sha256:" + pinA[2:], "x@sha256:" + pinA + "00",
		"x@sha256:" + pinA[:63] + "g", "x@sha512:" + pinA + pinA, "x@sha1:" + pinA[:40], "x@SHA256:" + pinA, "x@sha256=" + pinA, "x@sha256: " + pinA,
		"x@sha256:" + pinA + " ", "x@sha256:" + pinA + "@sha256:" + pinA, "x@y@sha256:" + pinA, "x@@sha256:" + pinA, "x@sha256:0x" + pinA[2:],
		"x@sha256:sha256:" + pinA, "sha256:" + pinA + "@"} {
		q, err := parseRequirement(s)
		require.Error(t, err, s)
		require.Zero(t, q)
		require.NotContains(t, err.Error(), "\n")
	}
}

// What is understood is written as it is read.
func FuzzParseRequirement(f *testing.F) {
	for _, s := range []string{"", "tencentsm", "x@sha256:" + pinA, "x@sha256:" + strings.ToUpper(pinB), "a@b=c,d", "x@sha256:@sha256:", "\u212a@sha256:\u017f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := parseRequirement(s)
		if err != nil {
			require.Zero(t, q)
			return
		}
		require.NotEmpty(t, q.backend)
		require.Contains(t, []int{0, 64}, len(q.sha256))
		again, err := parseRequirement(q.String())
		require.NoError(t, err)
		require.Equal(t, q, again)
		// The environment has it in force as Require has.
		r := registryWith("hmac-sm3=" + q.String())
		all, err := r.requirements()
		if strings.TrimSpace(q.String()) != q.String() {
			return // an item's outer spaces of other alphabets are not of the name
		}
		require.NoError(t, err)
		require.Equal(t, map[string]string{HMACSM3: q.String()}, all)
	})
}

// pinned is a registry whose good backend "fake" was loaded from file A.
func pinned(env string) (*registry, *fake) {
	f := &fake{newHash: sha256.New, module: func() (Module, error) { return Module{Path: "/lib/a.so", SHA256: pinA}, nil }}
	r := newRegistry(setting(env, ""))
	r.register(f.backend(HMACSHA256, "fake", 10))
	r.register(Backend{Algorithm: HMACSHA256, Name: "good", Preference: 20, NewHash: sha256.New})
	return r, f
}

func TestRequirePinned(t *testing.T) {
	for name, demand := range map[string]func(pin string) *registry{
		"code": func(pin string) *registry {
			r, _ := pinned("")
			r.require(HMACSHA256, "fake@sha256:"+pin)
			return r
		},
		"environment": func(pin string) *registry { r, _ := pinned("hmac-sha256=fake@sha256:" + pin); return r },
		"code that tightens the environment": func(pin string) *registry {
			r, _ := pinned("hmac-sha256=fake")
			r.require(HMACSHA256, "fake@sha256:"+pin)
			return r
		},
		"code that does not loosen the environment": func(pin string) *registry {
			r, _ := pinned("hmac-sha256=fake@sha256:" + pin)
			r.require(HMACSHA256, "fake")
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, right := range []string{pinA, strings.ToUpper(pinA)} {
				r := demand(right)
				key, err := r.newKey(HMACSHA256, secret, "")
				require.NoError(t, err)
				require.Equal(t, "fake", key.Backend().Backend)
				_, err = r.newKey(HMACSHA256, secret, "good")
				require.ErrorIs(t, err, ErrBackendUnavailable)
				all, err := r.requirements()
				require.NoError(t, err)
				require.Equal(t, map[string]string{HMACSHA256: "fake@sha256:" + pinA}, all)
			}
			r := demand(pinB)
			for _, backend := range []string{"", "fake", "good"} {
				_, err := r.newKey(HMACSHA256, secret, backend)
				require.ErrorIs(t, err, ErrBackendUnavailable)
				_, err = r.newHash(HMACSHA256, backend)
				require.ErrorIs(t, err, ErrBackendUnavailable)
				require.ErrorIs(t, r.selfTest(HMACSHA256, backend), ErrBackendUnavailable)
			}
			for _, info := range r.list(HMACSHA256) {
				require.False(t, info.Available || info.Selected)
			}
		})
	}
}

// A file that is not the pinned one gets no license: it is not even probed.
func TestWrongPinIsToldBeforeTheProbe(t *testing.T) {
	r, f := pinned("")
	err := r.require(HMACSHA256, "fake@sha256:"+pinB)
	require.ErrorIs(t, err, ErrBackendUnavailable)
	for _, part := range []string{pinA, pinB, "/lib/a.so"} {
		require.ErrorContains(t, err, part)
	}
	_, err = r.newKey(HMACSHA256, secret, "")
	require.ErrorContains(t, err, pinA)
	require.Contains(t, r.list(HMACSHA256)[1].Detail, pinB)
	require.Zero(t, f.asked())

	for name, module := range map[string]func() (Module, error){
		"an error":    func() (Module, error) { return Module{SHA256: pinA}, errors.New("no such mapping") },
		"a panic":     func() (Module, error) { panic("no such mapping") },
		"no checksum": func() (Module, error) { return Module{Path: "no such mapping"}, nil },
	} {
		r, f := pinned("")
		f.module = module
		r.entries[HMACSHA256][1].Module = module
		err := r.require(HMACSHA256, "fake@sha256:"+pinA)
		require.ErrorIs(t, err, ErrBackendUnavailable, name)
		require.ErrorContains(t, err, "no such mapping", name)
		_, err = r.newKey(HMACSHA256, secret, "fake")
		require.ErrorIs(t, err, ErrBackendUnavailable, name)
		require.Zero(t, f.asked(), name)
		if name == "no checksum" {
			continue
		}
		// What could not be told for a moment is asked again.
		r.entries[HMACSHA256][1].Module = func() (Module, error) { return Module{SHA256: pinA}, nil }
		_, err = r.newKey(HMACSHA256, secret, "fake")
		require.NoError(t, err, name)
	}
	// Without a pin nobody asks where it came from.
	r, _ = pinned("hmac-sha256=fake")
	r.entries[HMACSHA256][1].Module = func() (Module, error) { panic("asked") }
	_, err = r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
}

func TestConflictingRequirements(t *testing.T) {
	r, _ := pinned("")
	require.NoError(t, r.require(HMACSHA256, "fake@sha256:"+pinA))
	require.NoError(t, r.require(HMACSHA256, "fake@sha256:"+pinA), "the same again")
	require.NoError(t, r.require(HMACSHA256, "fake"), "less than what is required already")
	for _, other := range []string{"good", "good@sha256:" + pinA, "fake@sha256:" + pinB} {
		require.ErrorIs(t, r.require(HMACSHA256, other), ErrBackendUnavailable, other)
	}
	for _, wrong := range []string{"", "fake@", "fake@sha256:", "fake,good", "fake "} {
		require.Error(t, r.require(HMACSHA256, wrong), "%q", wrong)
	}
	all, err := r.requirements()
	require.NoError(t, err)
	require.Equal(t, map[string]string{HMACSHA256: "fake@sha256:" + pinA}, all)
	all[HMACSHA256] = "good"
	key, err := r.newKey(HMACSHA256, secret, "")
	require.NoError(t, err)
	require.Equal(t, "fake", key.Backend().Backend, "the map is the caller's")

	// The empty name is an error, and demands nothing.
	r, _ = pinned("")
	require.Error(t, r.require(HMACSHA256, ""))
	all, err = r.requirements()
	require.NoError(t, err)
	require.Empty(t, all)

	for env, understood := range map[string]bool{
		"hmac-sha256=fake,hmac-sha256=fake@sha256:" + pinA:                     true,
		"hmac-sha256=fake@sha256:" + pinA + ",hmac-sha256=fake":                true,
		"hmac-sha256=fake@sha256:" + pinA + " , hmac-sm3=tencentsm":            true,
		"hmac-sha256=fake@sha256:" + pinA + ",hmac-sha256=fake@sha256:" + pinB: false,
		"hmac-sha256=fake@sha256:" + pinA + ",hmac-sha256=good":                false,
		"hmac-sha256=fake@sha256:" + pinA[2:]:                                  false,
		"hmac-sha256=fake@sha256:":                                             false,
		"hmac-sha256=fake@sha512:" + pinA + pinA:                               false,
		"hmac-sha256=fake@sha256:" + pinA + ",":                                false,
		" ":                                                                    false,
		"hmac-sha256 = fake":                                                   false,
		"HMAC-SHA256=fake":                                                     false,
		"hmac-sha256=fake;hmac-sm3=tencentsm":                                  false,
	} {
		r, f := pinned(env)
		_, err := r.requirements()
		_, keyErr := r.newKey(HMACSHA256, secret, "fake")
		if understood {
			require.NoError(t, err, env)
			require.NoError(t, keyErr, env)
			continue
		}
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		require.ErrorIs(t, keyErr, ErrBackendUnavailable, env)
		require.ErrorIs(t, r.require(HMACSHA256, "fake"), ErrBackendUnavailable, env)
		require.ErrorIs(t, r.selfTest(HMACSHA256, ""), ErrBackendUnavailable, env)
		require.ErrorIs(t, r.requireSecretBits(8), ErrBackendUnavailable, env)
		_, err = r.newHash(HMACSHA256, "fake")
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		require.NotContains(t, err.Error(), "\n")
		require.Zero(t, f.asked(), env)
	}
}

// The second item of the variable is in force, behind a space too.
func TestSecondItemOfTheEnvironment(t *testing.T) {
	for _, env := range []string{"hmac-sm3=good,hmac-sha256=fake", "hmac-sm3=good, hmac-sha256=fake", " hmac-sm3=good ,\t hmac-sha256=fake "} {
		r, _ := pinned(env)
		key, err := r.newKey(HMACSHA256, secret, "")
		require.NoError(t, err, env)
		require.Equal(t, "fake", key.Backend().Backend, env)
		_, err = r.newKey(HMACSHA256, secret, "good")
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		all, err := r.requirements()
		require.NoError(t, err)
		require.Equal(t, map[string]string{HMACSM3: "good", HMACSHA256: "fake"}, all)
	}
}

func TestNamesThatARequirementCannotHave(t *testing.T) {
	for _, name := range []string{"a@b", "a=b", "a,b", "a b", "a\n", "@sha256:" + pinA} {
		require.Panics(t, func() {
			newRegistry(noEnv).register(Backend{Algorithm: HMACSHA256, Name: name, NewHash: sha256.New})
		}, name)
	}
}

func TestSecretBits(t *testing.T) {
	registryOf := func(bits string) *registry {
		r := newRegistry(setting("", bits))
		r.register(Backend{Algorithm: HMACSHA256, Name: "go", NewHash: sha256.New})
		return r
	}
	takes := func(r *registry, bytes int) error {
		_, err := r.newKey(HMACSHA256, make([]byte, bytes), "")
		r.state(HMACSM3)
		check := r.checkSecret(make([]byte, bytes))
		require.Equal(t, err == nil, check == nil)
		if err != nil {
			require.ErrorIs(t, err, errors.Unwrap(check))
			require.NotContains(t, err.Error(), "\n")
		}
		return err
	}
	for _, env := range []string{"", "0"} {
		r := registryOf(env)
		require.ErrorIs(t, takes(r, 0), ErrEmptySecret)
		require.NoError(t, takes(r, 1))
		require.NoError(t, r.requireSecretBits(0))
		require.NoError(t, takes(r, 1))
		require.Error(t, r.requireSecretBits(-1))
		require.NoError(t, takes(r, 1))
		require.NoError(t, r.requireSecretBits(121), "in bits, not in bytes")
		require.ErrorIs(t, takes(r, 15), ErrShortSecret)
		require.NoError(t, takes(r, 16))
		require.NoError(t, r.requireSecretBits(256), "raised")
		require.ErrorIs(t, takes(r, 31), ErrShortSecret)
		require.NoError(t, takes(r, 32))
		for _, lower := range []int{128, 0} {
			require.NoError(t, r.requireSecretBits(lower))
			require.ErrorIs(t, takes(r, 31), ErrShortSecret, "not lowered")
		}
		require.ErrorContains(t, takes(r, 31), "248 bits")
		require.ErrorContains(t, takes(r, 31), "256")
		require.ErrorIs(t, takes(r, 0), ErrEmptySecret)
	}
	r := registryOf("128")
	require.ErrorIs(t, takes(r, 15), ErrShortSecret)
	require.NoError(t, takes(r, 16))
	require.NoError(t, r.requireSecretBits(64))
	require.ErrorIs(t, takes(r, 15), ErrShortSecret, "code does not lower the environment's")
	_, err := r.newHash(HMACSHA256, "")
	require.NoError(t, err, "a digest has no secret")

	for _, env := range []string{"none", "-1", "128 bits", "12.5", "0x80", " 128", "128,256", "1e3", "99999999999999999999"} {
		r := registryOf(env)
		_, err := r.newKey(HMACSHA256, make([]byte, 64), "")
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		require.ErrorContains(t, err, RequireSecretBitsEnv)
		_, err = r.newHash(HMACSHA256, "")
		require.ErrorIs(t, err, ErrBackendUnavailable, env)
		require.Error(t, r.requireSecretBits(128), env)
		_, err = r.requirements()
		require.Error(t, err, env)
		require.False(t, r.list(HMACSHA256)[0].Available)
	}
}

// The package's own functions reach the program's registry. Nothing is required
// of it here, because that could not be taken back.
func TestCheckSecret(t *testing.T) {
	require.NoError(t, RequireSecretBits(0))
	require.Error(t, RequireSecretBits(-8))
	require.ErrorIs(t, CheckSecret(nil), ErrEmptySecret)
	require.NoError(t, CheckSecret([]byte("x")))
	required, err := Required()
	require.NoError(t, err)
	require.Empty(t, required, "unless the environment of the test requires it")
	require.Error(t, Require(HMACSM3, ""))
	require.ErrorIs(t, Require("hmac-md5", "go"), ErrUnknownAlgorithm)

	// A secret that is too short is told without asking anyone but the chosen backend.
	f := &fake{newHash: sha256.New}
	r := newRegistry(noEnv)
	r.register(f.backend(HMACSHA256, "fake", 10))
	require.ErrorIs(t, r.checkSecret(nil), ErrEmptySecret)
	require.Zero(t, f.asked())
	_, err = r.newKey(HMACSHA256, nil, "")
	require.ErrorIs(t, err, ErrEmptySecret)
	for _, opt := range []func() error{
		func() error { _, err := NewKey(HMACSM3, secret, nil); return err },
		func() error { _, err := NewHash(HMACSM3, WithBackend(""), nil); return err },
		func() error { return SelfTest(HMACSM3, nil) },
	} {
		require.ErrorContains(t, opt(), "is nil: leave it out")
	}
}

// A variable that is set and empty, as a script leaves it whose own variable is
// missing, is a requirement that is not understood.
func TestEmptyVariableForbidsEverything(t *testing.T) {
	for _, empty := range []string{RequireEnv, RequireSecretBitsEnv} {
		r := newRegistry(func(name string) (string, bool) { return "", name == empty })
		r.register(Backend{Algorithm: HMACSHA256, Name: "go", NewHash: sha256.New})
		_, err := r.newKey(HMACSHA256, secret, "")
		require.ErrorIs(t, err, ErrBackendUnavailable)
		require.ErrorContains(t, err, empty+`="" is not understood`)
		require.False(t, r.list(HMACSHA256)[0].Available)
	}
}
