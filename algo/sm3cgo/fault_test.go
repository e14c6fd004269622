//go:build tencentsm && cgo

package sm3cgo_test

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// faultyEnv names the folder that third_party/tencentsm/faulty/build made.
const faultyEnv = "HMACSIGN_TEST_FAULTY"

func faulty(t *testing.T) string {
	dir := os.Getenv(faultyEnv)
	if dir == "" {
		t.Skip("needs the library of faults: make test-tencentsm builds it")
	}
	return dir
}

// surveyEnv makes the test's program run survey for so many rounds.
const surveyEnv = "HMACSIGN_TEST_SURVEY"

func TestMain(m *testing.M) {
	if rounds, _ := strconv.Atoi(os.Getenv(surveyEnv)); rounds > 0 {
		json.NewEncoder(os.Stdout).Encode(survey(rounds))
		return
	}
	os.Exit(m.Run())
}

// A report is what a program got that asked for the linked library by name.
type report struct {
	Library   sm3cgo.Library
	Key       string            // why there was no key, "" if there was one
	Info      algo.Info         // at the end
	Preferred string            // the backend of a key that names none, at the end
	Required  string            // why the library cannot be required, at the end
	Right     map[string]int    // results before the first failure, by the way that they came
	Failure   map[string]string // each way's error after the first failure; "" is a result
	First     string            // the first failure
	Wrong     []string          // results that are not SM3's, and requests that were accepted wrongly
}

// survey uses the library in every way until it fails.
func survey(rounds int) (r report) {
	r.Library, r.Right, r.Failure = sm3cgo.Linked(), map[string]int{}, map[string]string{}
	ways, err := newWays(r.Library.Backend)
	if err != nil {
		r.Key = err.Error()
	} else {
		r.use(ways, rounds)
	}
	infos := algo.Backends(algo.HMACSM3)
	r.Info = infos[0]
	if key, err := algo.NewKey(algo.HMACSM3, secret); err == nil {
		r.Preferred = key.Backend().Backend
	}
	if err := algo.Require(algo.HMACSM3, r.Library.Backend); err != nil {
		r.Required = err.Error()
		for _, err := range []error{second(algo.NewKey(algo.HMACSM3, secret)), second(algo.NewHash(algo.HMACSM3))} {
			if err == nil {
				r.Wrong = append(r.Wrong, "another backend took the place of the required one")
			}
		}
	}
	return r
}

func second[T any](_ T, err error) error { return err }

func (r *report) use(ways map[string]func(int) error, rounds int) {
	for i := 0; i < rounds && r.First == ""; i++ {
		for name, way := range ways {
			err := way(i)
			switch {
			case errors.Is(err, algo.ErrBackendUnavailable):
				r.First = name + ": " + err.Error()
			case err != nil:
				r.Wrong = append(r.Wrong, fmt.Sprintf("%s, round %d: %v", name, i, err))
			default:
				r.Right[name]++
			}
			if r.First != "" {
				break
			}
		}
	}
	if r.First == "" {
		return
	}
	for name, way := range ways {
		if err := way(0); err != nil {
			r.Failure[name] = err.Error()
		} else {
			r.Failure[name] = ""
		}
	}
}

var secret = []byte("a secret of some length")

// text is the message of a round, short and long ones.
func text(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x'}, 1+i*7%400) }

// newWays are the ways in which the library computes: each an error if the library
// cannot, or if the result is wrong. What is right comes from elsewhere.
func newWays(backend string) (map[string]func(int) error, error) {
	key, err := algo.NewKey(algo.HMACSM3, secret, algo.WithBackend(backend))
	if err != nil {
		return nil, err
	}
	pure := func(msg []byte) []byte {
		mac := hmac.New(sm3pure.New, secret)
		mac.Write(msg)
		return mac.Sum(nil)
	}
	compare := func(got, want []byte) error {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("computed %x, not %x", got, want)
		}
		return nil
	}
	// guarded turns the panics of a backend that fails into errors.
	guarded := func(way func(i int) error) func(int) error {
		return func(i int) (err error) {
			defer algo.CatchFailure(&err)
			return way(i)
		}
	}
	ways := map[string]func(int) error{
		"sum": guarded(func(i int) error { return compare(key.Sum(nil, text(i)), pure(text(i))) }),
		"verify": func(i int) error {
			if err := key.VerifyErr(text(i), pure(text(i+1))); !errors.Is(err, algo.ErrMismatch) {
				return orWrong(err, "a MAC of another message was right")
			}
			for _, nothing := range [][]byte{nil, {}, make([]byte, 32)} {
				if err := key.VerifyErr(text(i), nothing); !errors.Is(err, algo.ErrMismatch) {
					return orWrong(err, "an empty MAC was right")
				}
			}
			return key.VerifyErr(text(i), pure(text(i)))
		},
		"stream": guarded(func(i int) error {
			mac := key.NewMAC()
			for range 3 {
				mac.Write(text(i))
			}
			clone, err := mac.(hash.Cloner).Clone()
			if err != nil {
				return err
			}
			want := pure(bytes.Repeat(text(i), 3))
			return errors.Join(compare(mac.Sum(nil), want), compare(mac.Sum(nil), want), compare(clone.Sum(nil), want))
		}),
		"digest": guarded(func(i int) error {
			h, want := key.NewHash(), sm3pure.New()
			h.Write(text(i))
			want.Write(text(i))
			return compare(h.Sum(nil), want.Sum(nil))
		}),
	}
	for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.HuaweiSDK} {
		if err := addRequests(ways, scheme, backend); err != nil {
			return nil, err
		}
	}
	return ways, nil
}

func orWrong(err error, what string) error {
	if err == nil {
		return errors.New(what)
	}
	return err
}

// addRequests adds a signer and a verifier of the scheme.
func addRequests(ways map[string]func(int) error, scheme hmacsign.Scheme, backend string) error {
	cred := hmacsign.Credential{KeyID: "k", Secret: hmacsign.Secret(string(secret))}
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "k", Secret: cred.Secret})
	if err != nil {
		return err
	}
	signer, err := hmacsign.NewSigner(scheme, algo.HMACSM3, cred, hmacsign.WithBackend(backend))
	if err != nil {
		return err
	}
	other, err := hmacsign.NewSigner(scheme, algo.HMACSM3, cred, hmacsign.WithBackend("gmsm"))
	if err != nil {
		return err
	}
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithBackend(backend))
	if err != nil {
		return err
	}
	otherVerifier, err := hmacsign.NewVerifier(keys, hmacsign.WithBackend("gmsm"))
	if err != nil {
		return err
	}
	request := func(i int) *http.Request {
		req, err := http.NewRequest("POST", fmt.Sprintf("http://h/%d", i%50), strings.NewReader(string(text(i))))
		if err != nil {
			panic(err)
		}
		return req
	}
	right, foreign := request(1), request(2)
	if err := errors.Join(other.Sign(right), other.Sign(foreign)); err != nil {
		return err
	}
	foreign.Header = right.Header.Clone() // one request's signature for another
	again := func(req *http.Request) *http.Request {
		c := req.Clone(req.Context())
		c.Body, _ = req.GetBody()
		return c
	}
	ways["signer "+scheme.Name()] = func(i int) error {
		req := request(i)
		if err := signer.Sign(req); err != nil {
			if len(req.Header) > 0 {
				return errors.New("a request that could not be signed was changed")
			}
			return err
		}
		// The other verifier's digests may be the failing library's too.
		if _, err := otherVerifier.Verify(req); err != nil && !errors.Is(err, algo.ErrBackendUnavailable) {
			return fmt.Errorf("a signature is wrong: %w", err)
		}
		return nil
	}
	ways["verifier "+scheme.Name()] = func(int) error {
		if _, err := verifier.Verify(again(foreign)); err == nil {
			return errors.New("one request's signature was accepted for another")
		} else if errors.Is(err, algo.ErrBackendUnavailable) {
			return err
		}
		_, err := verifier.Verify(again(right))
		return err
	}
	return nil
}

// surveyWith runs survey in a process of its own, on the library in a folder of
// the faulty ones, and returns what it said on standard error too.
func surveyWith(t *testing.T, rounds int, edition, fault string, env ...string) (r report, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), surveyEnv+"="+strconv.Itoa(rounds), "HMACSIGN_FAULT="+fault, "LD_LIBRARY_PATH="+filepath.Join(faulty(t), edition), "LD_PRELOAD=",
		sm3cgo.EnvAppID+"=", sm3cgo.EnvToken+"=", sm3cgo.EnvBundleID+"=", sm3cgo.EnvCertFile+"=")
	if edition == "pro" && env == nil {
		env = licensed
	}
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s, %s: %s", edition, fault, errs.String())
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), out.String())
	require.NotContains(t, out.String()+errs.String(), "hush", "a license was printed")
	return r, errs.String()
}

var (
	licensed   = []string{sm3cgo.EnvAppID + "=standin", sm3cgo.EnvToken + "=standin-token"}
	unlicensed = []string{}
)

// The library of faults without a fault computes as it should.
func TestNoFault(t *testing.T) {
	for edition, want := range map[string]string{"lite": "Lite", "pro": "Pro"} {
		r, _ := surveyWith(t, 500, edition, "")
		require.Empty(t, r.Wrong)
		require.Empty(t, r.Key+r.First+r.Required, edition)
		require.True(t, r.Info.Available)
		require.Equal(t, "tencentsm-standin", r.Library.Backend)
		require.Equal(t, want, r.Library.Edition)
		require.Equal(t, r.Library.Backend, r.Preferred)
		require.Len(t, r.Right, 8)
		for way, n := range r.Right {
			require.Equal(t, 500, n, way)
		}
	}
}

// A library that does wrong from the start is unavailable and says why; nothing
// takes its place where it was asked for.
func TestFaultAtStart(t *testing.T) {
	dir := faulty(t)
	notInitialised := "the Pro edition is not initialised"
	halfLicense := "a license is an app id with a token, or with a certificate"
	missing := filepath.Join(t.TempDir(), "missing")
	token, appID, cert := sm3cgo.EnvToken+"=", sm3cgo.EnvAppID+"=", sm3cgo.EnvCertFile+"="
	wrongCert := filepath.Join(t.TempDir(), "cert")
	require.NoError(t, os.WriteFile(wrongCert, []byte("hush"), 0o600))
	rightCert := filepath.Join(t.TempDir(), "right")
	require.NoError(t, os.WriteFile(rightCert, []byte("standin-cert\n"), 0o600))
	const standin, real = "tencentsm-standin", "tencentsm"
	tests := []struct {
		edition, fault string
		env            []string
		backend        string
		reason         string // "" is a library that can be used
	}{
		{"lite", "codes", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "codes", nil, standin, "SM3Init or SM3Update returned -7"},
		{"lite", "SM3Init", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "SM3Init", nil, standin, "SM3Init or SM3Update returned -7"},
		{"lite", "SM3Update", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "SM3Update", nil, standin, "SM3Init or SM3Update returned -7"},
		{"lite", "SM3Final", nil, standin, "SM3Final left its output unwritten"},
		{"pro", "SM3Final", nil, standin, "SM3Final returned -7"},
		{"lite", "idle", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "idle", nil, standin, "SM3Final left its output unwritten"},
		{"lite", "iv", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "iv", nil, standin, "self-test failed: GB/T 32905-2016 A.1"},
		{"lite", "stuck", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "stuck", nil, standin, "self-test failed: GB/T 32905-2016 A.1"},
		{"lite", "uncompressed", nil, standin, "SM3Init or SM3Update left the context in a state that is not its work"},
		{"pro", "uncompressed", nil, standin, "self-test failed: GB/T 32905-2016 A.2"},
		{"lite", "SM3_HMAC", nil, standin, "SM3_HMAC returned -7"},
		{"lite", "SM3_HMAC_Init", nil, standin, "SM3_HMAC_Init returned NULL"},
		{"lite", "SM3_HMAC_Update", nil, standin, "SM3_HMAC_Update returned -7"},
		{"lite", "SM3_HMAC_Final", nil, standin, "SM3_HMAC_Final returned -7"},
		{"lite", "deaf", nil, standin, "self-test failed: GM/T 0042-2015 D.3 example 4 (SM3_HMAC_Init, Update, Final)"},
		{"lite", "unwritten", nil, standin, "SM3_HMAC_Final left its output unwritten"},
		{"lite", "half", nil, standin, "SM3_HMAC_Final left its output unwritten"},
		{"lite", "zeros", nil, standin, "SM3_HMAC_Final wrote nothing but zeros"},
		{"lite", "wrong", nil, standin, "self-test failed: GM/T 0042-2015 D.3 example 4 (SM3_HMAC_Init, Update, Final)"},
		{"lite", "wrong:1000", nil, standin, "self-test failed: the MAC of 1000 bytes"},
		{"lite", "wrong:65000", nil, standin, "self-test failed: the MAC of 65539 bytes"},
		{"lite", "wrong-stream", nil, standin, "self-test failed: GM/T 0042-2015 D.3 example 4 (SM3_HMAC_Init, Update, Final)"},
		{"pro", "wrong-stream:300", nil, standin, "SM3_HMAC_Final gave another MAC than HMAC over SM3Final"},
		{"lite", "size", nil, standin, "sm3_ctx_t has 112 bytes, this program was built for 104"},

		{"lite", "version:1.2.1-3", nil, real, ""},
		{"lite", "version:STAND-IN 1.7.3-2", nil, standin, ""},
		{"lite", "version:my stand_in", nil, standin, ""},
		{"pro", "version:Pro_StandIn", nil, standin, ""},
		{"lite", "version:", nil, real, "version() is empty"},
		{"lite", "version: ", nil, real, "which has no number"},
		{"lite", "version:stand", nil, real, "which has no number"},
		{"lite", "version-null", nil, real, "version() is NULL"},
		{"lite", "version:1.7.3\n", nil, real, "version() is not printable"},
		{"lite", "version:1.7.3\xff", nil, real, "version() is not printable"},
		{"pro", "version:1.7.6", nil, real, ""}, // Pro by its functions
		{"pro", "version:1.7.6", unlicensed, real, notInitialised},
		{"lite", "version:Pro_1.7.6", nil, real, notInitialised}, // by its version
		{"lite", "version:Pro_1.7.6", licensed, real, "the Pro edition's initTencentSM is not linked"},

		{"lite", "", []string{"LD_PRELOAD=" + dir + "/version.so"}, real, "version comes from " + dir + "/version.so, SM3_HMAC from " + dir + "/lite/libTencentSM.so: all must come from one file"},
		{"lite", "", []string{"LD_PRELOAD=" + dir + "/loader.so"}, real, "version comes from"},
		{"lite", "", []string{"LD_PRELOAD=" + dir + "/sm3.so"}, standin, "SM3Init comes from " + dir + "/sm3.so, SM3_HMAC from " + dir + "/lite/libTencentSM.so: all must come from one file"},
		{"lite", "", []string{"LD_PRELOAD=" + dir + "/license.so"}, standin, "initTencentSM comes from " + dir + "/license.so, SM3_HMAC from " + dir + "/lite/libTencentSM.so: all must come from one file"},
		{"pro", "", append([]string{"LD_PRELOAD=" + dir + "/license.so"}, licensed...), standin, "initTencentSM comes from " + dir + "/license.so, SM3_HMAC from " + dir + "/pro/libTencentSM.so: all must come from one file"},

		{"pro", "", unlicensed, standin, notInitialised},
		{"pro", "", []string{sm3cgo.EnvBundleID + "=standin.bundle"}, standin, notInitialised},
		{"pro", "", []string{appID + "standin"}, standin, halfLicense},
		{"pro", "", []string{token + "hush"}, standin, halfLicense},
		{"pro", "", []string{cert + wrongCert}, standin, halfLicense},
		{"pro", "", []string{appID + "standin", token + "standin-token", cert + wrongCert}, standin, halfLicense},
		{"pro", "", []string{appID + "standin", cert + missing}, standin, sm3cgo.EnvCertFile + ": open " + missing},
		{"pro", "", []string{appID + "standin", token + "hush"}, standin, "initTencentSM refused the license with code -11"},
		{"pro", "", []string{appID + "standin", cert + wrongCert}, standin, "initTencentSMWithCert refused the license with code -12"},
		{"pro", "", []string{appID + "standin", cert + rightCert, sm3cgo.EnvBundleID + "=hush"}, standin, "initTencentSMWithCert refused the license with code -13"},
		{"pro", "", []string{appID + "standin", cert + rightCert}, standin, ""},
		{"pro", "", []string{appID + "standin", cert + rightCert, sm3cgo.EnvBundleID + "=standin.bundle"}, standin, ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %q %s", test.edition, test.fault, test.reason), func(t *testing.T) {
			r, _ := surveyWith(t, 10, test.edition, test.fault, test.env...)
			require.Empty(t, r.Wrong)
			require.Equal(t, test.backend, r.Library.Backend)
			require.Equal(t, test.backend, r.Info.Backend)
			if test.reason == "" {
				require.Empty(t, r.Key+r.First+r.Required)
				require.True(t, r.Info.Available && r.Info.Selected)
				return
			}
			for _, text := range []string{r.Key, r.Info.Detail, r.Required} {
				require.Contains(t, text, test.reason)
				require.NotContains(t, text, "\n")
			}
			require.False(t, r.Info.Available || r.Info.Selected)
			require.NotEqual(t, test.backend, r.Preferred, "what is not asked for by name is told by Backend")
			require.Empty(t, r.Right)
		})
	}
}

// A library that begins to do wrong while it is in use: an error, from then on,
// and neither a MAC nor an acceptance.
func TestFaultInUse(t *testing.T) {
	tests := []struct {
		edition, fault string
		reasons        string // which come first depends on what is called next
	}{
		{"lite", "codes", "state that is not its work|left its output unwritten|returned -7|returned NULL"},
		{"pro", "codes", "returned -7|returned NULL"},
		{"lite", "SM3Init", "SM3Init left the context"},
		{"pro", "SM3Init", "SM3Init returned -7"},
		{"lite", "SM3Update", "SM3Update left the context"},
		{"pro", "SM3Update", "SM3Update returned -7"},
		{"lite", "SM3Final", "SM3Final left its output unwritten"},
		{"pro", "SM3Final", "SM3Final returned -7"},
		{"lite", "idle", "SM3Init left the context|SM3Update left the context|SM3Final left its output"},
		{"pro", "idle", "SM3Init left the context|SM3Update left the context|SM3Final left its output"},
		{"lite", "iv", "SM3Init left the context"},
		{"pro", "iv", "SM3Init left the context"},
		{"lite", "stuck", "SM3Update left the context"},
		{"pro", "stuck", "SM3Update left the context"},
		{"lite", "uncompressed", "SM3Update left the context"},
		{"lite", "SM3_HMAC", "SM3_HMAC returned -7"},
		{"pro", "SM3_HMAC", "SM3_HMAC returned -7"},
		{"lite", "SM3_HMAC_Init", "SM3_HMAC_Init returned NULL"},
		{"lite", "SM3_HMAC_Update", "SM3_HMAC_Update returned -7"},
		{"lite", "SM3_HMAC_Final", "SM3_HMAC_Final returned -7"},
		{"lite", "deaf", "SM3_HMAC_Final gave another MAC"},
		{"lite", "unwritten", "left its output unwritten"},
		{"pro", "unwritten", "left its output unwritten"},
		{"lite", "half", "left its output unwritten"},
		{"lite", "zeros", "wrote nothing but zeros"},
		{"pro", "zeros", "wrote nothing but zeros"},
		{"lite", "beyond", "wrote more than its output"},
		{"pro", "beyond", "wrote more than its output"},
	}
	for _, test := range tests {
		t.Run(test.edition+" "+test.fault, func(t *testing.T) {
			r := strikeInUse(t, test.edition, test.fault)
			require.Empty(t, r.Wrong)
			require.NotEmpty(t, r.First, "it never failed")
			require.True(t, containsOne(r.First, test.reasons), r.First)
			requireOut(t, r)
		})
	}
}

// A library that overwrites the key that it is given reaches a copy: otherwise every
// MAC from then on would be one under zeros, which anyone can compute.
func TestClearedKey(t *testing.T) {
	for _, fault := range []string{"clears-key", "clears-key:1000"} {
		r, _ := surveyWith(t, 500, "lite", fault)
		require.Empty(t, r.Wrong)
		require.Empty(t, r.Key+r.First+r.Required)
		require.True(t, r.Info.Available)
	}
}

// A library that begins to compute wrongly and says nothing: the checks that are
// made all along find it before much was done with it.
func TestWrongInUse(t *testing.T) {
	r := strikeInUse(t, "lite", "wrong-after")
	require.NotEmpty(t, r.First, "it was never noticed")
	require.True(t, containsOne(r.First, "self-test failed: the MAC of|SM3_HMAC_Final gave another MAC"), r.First)
	requireOut(t, r)
	for _, wrong := range r.Wrong {
		require.NotContains(t, wrong, "was accepted")
		require.NotContains(t, wrong, "was right")
	}
}

func containsOne(text, alternatives string) bool {
	for want := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(text, want) {
			return true
		}
	}
	return false
}

// strikeInUse finds a number of calls for which the library passes its self-test.
func strikeInUse(t *testing.T, edition, fault string) report {
	t.Helper()
	for n := 16; n < 1<<22; n *= 2 {
		r, _ := surveyWith(t, 10_000, edition, fmt.Sprintf("%s:%d", fault, n))
		if r.Key == "" && len(r.Right) > 0 {
			return r
		}
		require.Empty(t, r.Wrong)
	}
	t.Fatal("it fails from the start, however late the fault is")
	return report{}
}

// requireOut: no way gives anything any more, and the reason is told.
func requireOut(t *testing.T, r report) {
	t.Helper()
	require.Len(t, r.Failure, 8)
	for way, err := range r.Failure {
		require.True(t, containsOne(err, "backend tencentsm-standin failed: |out until a self-test passes"), "%s: %s", way, err)
	}
	require.False(t, r.Info.Available || r.Info.Selected)
	require.Equal(t, "failed", r.Info.SelfTest)
	require.NotEqual(t, r.Library.Backend, r.Preferred)
	require.Contains(t, r.Required, "backend unavailable")
}

// A license that the library refused is not offered again with each key.
func TestLicenseIsOfferedOnce(t *testing.T) {
	for _, fault := range []string{"refused-license:300", "slow-license:300"} {
		r, stderr := surveyWith(t, 10, "pro", fault)
		require.Equal(t, strings.HasPrefix(fault, "refused"), r.Key != "", r.Key)
		require.Equal(t, 1, strings.Count(stderr, "license asked"), "%s: %s", fault, stderr)
	}
}
