package hmacsign_test

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

// Two backends for tests. "spare" comes first by preference for every algorithm
// and can never run, so whoever makes a choice of their own asks it. "faulty" is
// taken only by name and does what fault says.
func init() {
	for _, algorithm := range algo.Algorithms() {
		algo.Register(algo.Backend{Algorithm: algorithm, Name: "spare", Preference: 100,
			NewHash:  func() hash.Hash { spareAsked.Add(1); return nil },
			NewKeyed: func([]byte) (algo.Keyed, error) { spareAsked.Add(1); panic("not to be asked") },
			Probe:    func() (string, string, error) { spareAsked.Add(1); panic("no license") }})
	}
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "faulty",
		NewHash: func() hash.Hash {
			if now("no digest") {
				return nil
			}
			return faultyHash{sm3pure.New()}
		},
		NewKeyed: func(secret []byte) (algo.Keyed, error) {
			switch {
			case now("key refused"):
				return nil, errors.New("no room")
			case now("no key"):
				return nil, nil
			}
			own := strings.Clone(string(secret))
			keysMade.Add(1)
			return &faultyKey{newMAC: func() hash.Hash { return hmac.New(sm3pure.New, []byte(own)) }}, nil
		}})
}

var (
	spareAsked, digestsMade, keysMade, keysDestroyed atomic.Int64
	macsLeft                                         atomic.Int64 // before "MAC fails later"

	fault    atomic.Value // string
	overseer atomic.Pointer[func(written []byte)]
)

func now(what string) bool { s, _ := fault.Load().(string); return s == what }

// faultyHash is SM3 until it fails.
type faultyHash struct{ hash.Hash }

func (h faultyHash) Write(p []byte) (int, error) {
	if see := overseer.Load(); see != nil {
		(*see)(p)
	}
	switch {
	case now("digest takes nothing"):
		return 0, errors.New("limit reached")
	case now("digest takes half"):
		return h.Hash.Write(p[:len(p)/2])
	}
	return h.Hash.Write(p)
}

func (h faultyHash) Sum(b []byte) []byte {
	digestsMade.Add(1)
	switch {
	case now("digest of zeros"):
		return append(b, make([]byte, 32)...)
	case now("empty digest"):
		return b
	case now("digest panics"):
		panic(42)
	}
	return h.Hash.Sum(b)
}

// faultyKey is HMAC-SM3 until it fails.
type faultyKey struct{ newMAC func() hash.Hash }

func (k *faultyKey) NewMAC() hash.Hash { return k.newMAC() }
func (k *faultyKey) Destroy()          { keysDestroyed.Add(1) }

func (k *faultyKey) Sum(dst, msg []byte) []byte {
	if see := overseer.Load(); see != nil {
		(*see)(msg)
	}
	switch {
	case now("MAC of zeros"):
		return append(dst, make([]byte, 32)...)
	case now("empty MAC"):
		return dst
	case now("MAC panics"):
		panic(struct{}{})
	case now("MAC fails") || now("MAC fails later") && macsLeft.Add(-1) < 0:
		panic(&algo.Failure{Backend: "faulty", Err: errors.New("license ran out")})
	}
	h := k.newMAC()
	h.Write(msg)
	return h.Sum(dst)
}

// setFault has backend faulty fail in this way for the rest of the test.
func setFault(t testing.TB, what string) {
	fault.Store(what)
	t.Cleanup(func() { repair(t) })
}

func repair(t testing.TB) {
	fault.Store("")
	require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("faulty")))
}

// form is a scheme, for huawei-sdk with a derived key too.
type form struct {
	name   string
	scheme Scheme
}

func forms() []form {
	return []form{
		{"tencent-app", TencentApp},
		{"tencent-keypair", TencentKeyPair},
		{"huawei-sdk", HuaweiSDK},
		{"huawei-sdk V11", huaweisdk.Scheme{Region: "r", Service: "s"}},
	}
}

func (f form) signer(t testing.TB, algorithm string, opts ...SignerOption) *Signer {
	return newSignerIn(t, f.scheme, algorithm, opts...)
}

func (f form) derived() bool { return f.huawei() && f.scheme != HuaweiSDK }

func (f form) huawei() bool { return f.scheme.Name() == "huawei-sdk" }

// A backend that was asked for by name computes all there is to compute, and
// nobody else is asked for anything.
func TestOnlyTheNamedBackendIsAsked(t *testing.T) {
	other := &Key{ID: "other", Secret: Secret("another secret")}
	for _, c := range []struct{ algorithm, backend string }{{algo.HMACSM3, "gmsm"}, {algo.HMACSM3, "faulty"}, {algo.HMACSHA256, "go"}, {algo.HMACSHA1, "go"}} {
		for _, f := range forms() {
			if f.huawei() && c.algorithm == algo.HMACSHA1 {
				continue
			}
			t.Run(f.name+" "+c.algorithm+" "+c.backend, func(t *testing.T) {
				named := WithBackend(c.backend)
				work := func(t *testing.T, signing []SignerOption, verifying []VerifierOption) (asked int64) {
					before := spareAsked.Load()
					s := f.signer(t, c.algorithm, signing...)
					keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Previous: Secret("previous")}, other)
					require.NoError(t, err)
					v, err := NewVerifier(keys, append(verifying, atTestTime(), WithExplanations())...)
					require.NoError(t, err)
					request := func() *http.Request {
						return newRequest(t, "POST", "http://h/a?b=1&a=2", `{"n": 1}`, "Content-Type", "application/json", "Source", "x")
					}
					_, err = s.StringToSign(request())
					require.NoError(t, err)
					req := request()
					require.NoError(t, s.Sign(req))
					id, err := v.Verify(req)
					require.NoError(t, err)
					if signing != nil {
						require.Equal(t, c.backend, id.Backend)
					}
					changed := request()
					changed.Header = req.Header.Clone()
					for _, name := range []string{"X-Date", "X-Sdk-Date"} {
						if changed.Header.Get(name) != "" {
							changed.Header.Set(name, testTime.Add(time.Second).Format(map[string]string{"X-Date": http.TimeFormat, "X-Sdk-Date": "20060102T150405Z"}[name]))
						}
					}
					_, err = v.Verify(changed)
					require.ErrorIs(t, err, ErrSignature)
					return spareAsked.Load() - before
				}
				require.Zero(t, work(t, []SignerOption{named}, []VerifierOption{named}))
				if c.backend != "faulty" { // which a verifier does not take by itself
					require.NotZero(t, work(t, nil, nil), "where nobody is named, it is asked")
				}
			})
		}
	}
}

// A verifier without a backend's name asks nobody before it has a request.
func TestNewVerifierAsksNobody(t *testing.T) {
	before := spareAsked.Load()
	newVerifier(t)
	require.Equal(t, before, spareAsked.Load())
}

// The digests and the derivation of huawei-sdk are the named backend's too.
func TestNamedBackendMakesDigests(t *testing.T) {
	for _, f := range forms() {
		s := f.signer(t, algo.HMACSM3, WithBackend("faulty"))
		v := newVerifier(t, WithBackend("faulty"))
		req := newRequest(t, "POST", "http://h/a", "body")
		made := func(f func() error) int64 { return fewest(func() { require.NoError(t, f()) }) }
		toSign := made(func() error { _, err := s.StringToSign(req); return err })
		signed := made(func() error { return s.Sign(req) })
		verified := made(func() error { _, err := v.Verify(req); return err })
		if !f.huawei() {
			require.Zero(t, toSign+signed+verified, f.name)
			continue
		}
		require.EqualValues(t, 2, toSign, "%s: of the body and of the canonical request", f.name)
		require.Equal(t, toSign, signed, "%s: with a derived key that is there", f.name)
		require.Equal(t, signed, verified, "%s: a key is derived by MACs", f.name)
		// What another backend signs is the same.
		other := newRequest(t, "POST", "http://h/a", "body")
		require.NoError(t, f.signer(t, algo.HMACSM3, WithBackend("gmsm")).Sign(other))
		require.Equal(t, req.Header, other.Header)
	}
}

// fewest is how many digests f makes, but for those of known answers, whose turn
// comes now and then.
func fewest(f func()) int64 {
	n := int64(math.MaxInt64)
	for range 4 {
		before := digestsMade.Load()
		f()
		n = min(n, digestsMade.Load()-before)
	}
	return n
}

const sha256OfBody = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5" // body

// With SM3 the header named for SHA-256 may hold a SHA-256, where there is one.
func TestBodyHashThatTheNamedBackendHasNot(t *testing.T) {
	f := form{scheme: HuaweiSDK}
	request := func(value string) *http.Request {
		return newRequest(t, "POST", "http://h/a", "body", "X-Sdk-Content-Sha256", value)
	}
	signed := request(sha256OfBody)
	require.NoError(t, f.signer(t, algo.HMACSM3).Sign(signed))
	_, err := newVerifier(t).Verify(signed)
	require.NoError(t, err)

	_, err = newVerifier(t, WithBackend("gmsm")).Verify(signed)
	require.ErrorIs(t, err, ErrBodyDigest)
	require.ErrorContains(t, err, "the backend has no hmac-sha256")
	err = f.signer(t, algo.HMACSM3, WithBackend("gmsm")).Sign(request(sha256OfBody))
	require.ErrorIs(t, err, ErrBodyDigest)
	require.ErrorContains(t, err, "the backend has no hmac-sha256")

	h, err := algo.NewHash(algo.HMACSM3)
	require.NoError(t, err)
	io.WriteString(h, "body")
	signed = request(fmt.Sprintf("%x", h.Sum(nil)))
	require.NoError(t, f.signer(t, algo.HMACSM3, WithBackend("gmsm")).Sign(signed))
	_, err = newVerifier(t, WithBackend("gmsm")).Verify(signed)
	require.NoError(t, err, "the SM3 it can compute")

}

// Whatever a backend does wrong while it is in use is an error: no header is
// set, nothing is sent, nothing accepted. After its self-test the same signer,
// verifier and keys go on.
func TestBackendThatBeginsToFail(t *testing.T) {
	for _, c := range []struct {
		fault  string
		digest bool // in it, else in the MAC
		lasts  bool // until the self-test
	}{
		{"digest of zeros", true, true}, {"empty digest", true, true}, {"digest panics", true, true}, {"digest takes half", true, true}, {"no digest", true, true},
		{"digest takes nothing", true, false},
		{"MAC of zeros", false, true}, {"empty MAC", false, true}, {"MAC panics", false, true}, {"MAC fails", false, true},
	} {
		for _, f := range forms() {
			if c.digest && !f.huawei() {
				continue
			}
			t.Run(c.fault+" "+f.name, func(t *testing.T) {
				arrived := 0
				server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
				defer server.Close()
				s, v := f.signer(t, algo.HMACSM3, WithBackend("faulty")), newVerifier(t, WithBackend("faulty"), WithExplanations())
				terse := newVerifier(t, WithBackend("faulty"))
				long := strings.Repeat("long ", 20_000) // waits in a file
				request := func(path, body string) *http.Request { return newRequest(t, "POST", server.URL+path, body) }
				signed := request("/first", "body")
				require.NoError(t, s.Sign(signed))
				with := func(path string) *http.Request {
					req := request(path, "body")
					req.Header = signed.Header.Clone()
					return req
				}

				works := func(t *testing.T) {
					_, err := terse.Verify(with("/first"))
					require.NoError(t, err)
					_, err = v.Verify(with("/first"))
					require.NoError(t, err)
					_, err = v.Verify(with("/second"))
					if f.scheme != TencentKeyPair { // which signs no path
						require.ErrorIs(t, err, ErrSignature)
					}
					require.NoError(t, s.Sign(request("/a", long)))
					arrived = 0
					answer, err := s.Transport(nil).RoundTrip(request("/a", "body"))
					require.NoError(t, err)
					answer.Body.Close()
					require.Equal(t, 1, arrived)
				}
				fails := func(t *testing.T) {
					for _, body := range []string{"body", long} {
						req := request("/a", body)
						require.ErrorIs(t, s.Sign(req), algo.ErrBackendUnavailable)
						require.Empty(t, req.Header)
						sent, err := io.ReadAll(req.Body)
						require.NoError(t, err)
						require.Equal(t, len(body), len(sent))
						req = request("/a", body)
						req.Body, req.GetBody = io.NopCloser(req.Body), nil // a stream
						require.ErrorIs(t, s.Sign(req), algo.ErrBackendUnavailable)
						require.Empty(t, req.Header)
					}
					if _, err := s.StringToSign(request("/a", "body")); f.huawei() { // has digests in it
						require.ErrorIs(t, err, algo.ErrBackendUnavailable)
					} else {
						require.NoError(t, err)
					}
					arrived = 0
					_, err := s.Transport(nil).RoundTrip(request("/a", "body"))
					require.ErrorIs(t, err, algo.ErrBackendUnavailable)
					require.Zero(t, arrived)
					_, err = terse.Verify(with("/first"))
					require.ErrorIs(t, err, ErrUnavailable)
					for _, path := range []string{"/first", "/second"} {
						id, err := v.Verify(with(path))
						require.Nil(t, id)
						require.ErrorIs(t, err, ErrUnavailable)
						require.ErrorIs(t, err, algo.ErrBackendUnavailable)
						var e *VerifyError
						require.ErrorAs(t, err, &e)
						require.Equal(t, testID, e.KeyID, "it is told whom it hit")
						w := httptest.NewRecorder()
						v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })).ServeHTTP(w, with(path))
						require.Equal(t, http.StatusServiceUnavailable, w.Code)
					}
				}
				works(t)
				setFault(t, c.fault)
				fails(t)
				fault.Store("")
				if c.lasts {
					_, err := v.Verify(with("/first"))
					require.ErrorIs(t, err, algo.ErrBackendUnavailable, "not before the self-test")
				}
				repair(t)
				works(t)
			})
		}
	}
}

// A backend that makes no key just now stops what needs a new one, and no more.
func TestBackendThatMakesNoKeys(t *testing.T) {
	for _, what := range []string{"key refused", "no key"} {
		for _, f := range forms() {
			day := testTime
			s, err := NewSigner(f.scheme, algo.HMACSM3, Credential{testID, Secret(testSecret)}, WithBackend("faulty"), WithClock(func() time.Time { return day }))
			require.NoError(t, err)
			v := newVerifier(t, WithBackend("faulty"))
			req := newRequest(t, "GET", "http://h/a", "")
			require.NoError(t, s.Sign(req))
			_, err = v.Verify(req)
			require.NoError(t, err)
			elsewhere := req // needs a key that is not kept yet
			if f.derived() {
				there, err := huaweisdk.Derived("elsewhere", "s")
				require.NoError(t, err)
				o, err := NewSigner(there, algo.HMACSM3, Credential{testID, Secret(testSecret)}, WithBackend("faulty"), atTestTime())
				require.NoError(t, err)
				elsewhere = newRequest(t, "GET", "http://h/a", "")
				require.NoError(t, o.Sign(elsewhere))
			}

			setFault(t, what)
			_, err = v.Verify(req)
			require.NoError(t, err, "its key is there")
			_, err = v.Verify(elsewhere)
			tomorrow := newRequest(t, "GET", "http://h/a", "")
			// Its key of the day is there; but a backend that gives neither key nor
			// error is out.
			again := s.Sign(newRequest(t, "GET", "http://h/a", ""))
			require.Equal(t, what == "no key" && f.derived(), errors.Is(again, algo.ErrBackendUnavailable))
			day = testTime.AddDate(0, 0, 1)
			if signErr := s.Sign(tomorrow); f.derived() {
				require.ErrorIs(t, err, ErrUnavailable)
				require.ErrorIs(t, err, algo.ErrBackendUnavailable)
				require.ErrorIs(t, signErr, algo.ErrBackendUnavailable)
				require.Empty(t, tomorrow.Header)
			} else {
				require.NoError(t, err)
				require.NoError(t, signErr)
			}
			_, err = NewSigner(f.scheme, algo.HMACSM3, Credential{testID, Secret(testSecret)}, WithBackend("faulty"))
			require.ErrorIs(t, err, algo.ErrBackendUnavailable)
			fault.Store("")
			require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("faulty")))
			require.NoError(t, s.Sign(tomorrow))
			_, err = v.Verify(req)
			require.NoError(t, err)
		}
	}
}

// A backend that fails while mistakes are tried may have been wrong before, too:
// nothing is said about the signature then.
func TestBackendThatFailsInAnExplanation(t *testing.T) {
	for _, f := range forms() {
		s, v := f.signer(t, algo.HMACSM3, WithBackend("faulty")), newVerifier(t, WithBackend("faulty"), WithExplanations())
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		header := req.Header.Get("Authorization")
		if f.huawei() {
			req.Header.Set("Authorization", header[:len(header)-8]+"00000000")
		} else {
			req.Header.Set("Authorization", header[:len(header)-8]+`AAAAAA="`)
		}
		_, err := v.Verify(req)
		require.ErrorIs(t, err, ErrSignature, f.name)
		for soundMACs := 0; ; soundMACs += 1 + soundMACs/4 {
			macsLeft.Store(int64(soundMACs))
			setFault(t, "MAC fails later")
			_, err = v.Verify(req)
			if macsLeft.Load() >= 0 { // as many as there are
				require.Greater(t, soundMACs, 5, f.name)
				repair(t)
				break
			}
			require.ErrorIs(t, err, ErrUnavailable, "%s, %d", f.name, soundMACs)
			require.ErrorIs(t, err, algo.ErrBackendUnavailable)
			repair(t)
		}
		_, err = v.Verify(req)
		require.ErrorIs(t, err, ErrSignature, f.name)
	}
}

// What a named backend has not is left out of explanations.
func TestExplanationsOfANamedBackend(t *testing.T) {
	req := newRequest(t, "GET", "http://h/a", "")
	require.NoError(t, newSigner(t, algo.HMACSHA256).Sign(req))
	req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), algo.HMACSHA256, algo.HMACSM3, 1))
	explain := func(opts ...VerifierOption) string {
		var e *VerifyError
		_, err := newVerifier(t, append(opts, WithExplanations())...).Verify(req)
		require.ErrorAs(t, err, &e)
		require.Equal(t, ErrSignature, e.Reason)
		return e.Explanation.Mistake.Code
	}
	require.Equal(t, "other_algorithm", explain())
	require.Empty(t, explain(WithBackend("gmsm")))
}

// The same of a SHA-256 in the place of an SM3.
func TestExplanationsOfDigestsOfANamedBackend(t *testing.T) {
	signer := form{scheme: HuaweiSDK}.signer(t, algo.HMACSM3)
	key, err := algo.NewKey(algo.HMACSM3, []byte(testSecret))
	require.NoError(t, err)
	explain := func(lastLine string, opts ...VerifierOption) string {
		req := newRequest(t, "POST", "http://h/a", "body")
		text, err := signer.StringToSign(req)
		require.NoError(t, err)
		require.NoError(t, signer.Sign(req))
		header := req.Header.Get("Authorization")
		header = header[:strings.LastIndex(header, "=")+1]
		refusal := func(signature []byte, opts ...VerifierOption) (e *VerifyError) {
			req.Header.Set("Authorization", fmt.Sprintf("%s%x", header, signature))
			_, err = newVerifier(t, opts...).Verify(req)
			require.ErrorIs(t, err, ErrSignature)
			require.ErrorAs(t, err, &e)
			return e
		}
		canonical := refusal(make([]byte, 32)).CanonicalRequest
		h := key.NewHash()
		io.WriteString(h, canonical[:strings.LastIndex(canonical, "\n")+1]+lastLine)
		signature := key.Sum(nil, fmt.Appendf(nil, "%s%x", text[:strings.LastIndex(text, "\n")+1], h.Sum(nil)))
		return refusal(signature, append(opts, WithExplanations())...).Explanation.Mistake.Code
	}
	require.Equal(t, "sha256_of_body", explain(sha256OfBody))
	require.Empty(t, explain(sha256OfBody, WithBackend("gmsm")))
	require.Empty(t, explain("", WithBackend("gmsm")), "what is not there is not tried as nothing")
}

// The key that is derived for one request is cleared with it, and what
// explanations tried, too. Those that are used again are not.
func TestKeysOfOneRequestAreDestroyed(t *testing.T) {
	for _, f := range forms() {
		s, v := f.signer(t, algo.HMACSM3, WithBackend("faulty")), newVerifier(t, WithBackend("faulty"), WithExplanations())
		req, forged := newRequest(t, "GET", "http://h/a", "", "Source", "x"), newRequest(t, "GET", "http://h/b", "")
		require.NoError(t, s.Sign(req))
		_, err := v.Verify(req)
		require.NoError(t, err)
		forged.Header = req.Header.Clone()
		for _, name := range []string{"X-Date", "X-Sdk-Date"} {
			if value := req.Header.Get(name); value != "" {
				forged.Header.Set(name, strings.Replace(value, "58", "59", 1))
			}
		}

		made, destroyed := keysMade.Load(), keysDestroyed.Load()
		for range 3 {
			require.NoError(t, s.Sign(req))
			_, err = v.Verify(req)
			require.NoError(t, err)
		}
		require.Equal(t, keysMade.Load()-made, keysDestroyed.Load()-destroyed, f.name)
		if f.derived() {
			require.Zero(t, keysMade.Load()-made, "the derived key was kept from the first request")
		}

		made, destroyed = keysMade.Load(), keysDestroyed.Load()
		_, err = v.Verify(forged)
		require.ErrorIs(t, err, ErrSignature, f.name)
		require.Greater(t, keysMade.Load(), made, f.name)
		require.Equal(t, keysMade.Load()-made, keysDestroyed.Load()-destroyed, f.name)
	}
}

// A signer's key of the day may be in use while another day's takes its place.
func TestDayChangesWhileSigning(t *testing.T) {
	var signs atomic.Int64
	s, err := NewSigner(derived(t, "r", "s"), algo.HMACSM3, Credential{testID, Secret(testSecret)}, WithBackend("faulty"),
		WithClock(func() time.Time { return testTime.AddDate(0, 0, int(signs.Add(1)%2)) }))
	require.NoError(t, err)
	v := newVerifier(t, WithWindow(48*time.Hour))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				req := newRequest(t, "GET", "http://h/a", "")
				if err := s.Sign(req); err != nil {
					t.Error(err)
				}
				if _, err := v.Verify(req); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// The copy of the secret that a key is derived from is cleared.
func TestSecretIsClearedAfterDerivation(t *testing.T) {
	var copies [][]byte
	see := func(written []byte) {
		if string(written) == testSecret {
			copies = append(copies, written)
		}
	}
	overseer.Store(&see)
	defer overseer.Store(nil)
	req := newRequest(t, "GET", "http://h/a", "")
	require.NoError(t, forms()[3].signer(t, algo.HMACSM3, WithBackend("faulty")).Sign(req))
	require.Len(t, copies, 1)
	_, err := newVerifier(t, WithBackend("faulty")).Verify(req)
	require.NoError(t, err)
	require.Len(t, copies, 2)
	for _, c := range copies {
		require.Equal(t, make([]byte, len(testSecret)), c)
	}
}

// A least length holds for the secret that a key is derived from, and is known
// when keys are loaded. It cannot be taken back, so a process of its own has it.
func TestLeastLengthOfSecrets(t *testing.T) {
	const ours = "HMACSIGN_TEST_LEAST_LENGTH"
	if os.Getenv(ours) == "" {
		needsProcesses(t)
		cmd := exec.Command(os.Args[0], "-test.run=^TestLeastLengthOfSecrets$")
		cmd.Env = append(os.Environ(), ours+"=1", algo.RequireSecretBitsEnv+"=256")
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, string(output), "PASS")
		return
	}
	long, short := Secret(strings.Repeat("s", 32)), Secret(strings.Repeat("s", 31))
	_, err := StaticKeys(&Key{ID: testID, Secret: long, Previous: long})
	require.NoError(t, err)
	for _, k := range []*Key{{ID: testID, Secret: short}, {ID: testID, Secret: long, Previous: short}} {
		_, err = StaticKeys(k)
		require.ErrorIs(t, err, algo.ErrShortSecret)
		require.ErrorContains(t, err, testID)
	}
	for text, want := range map[string]error{long.Reveal(): nil, short.Reveal(): algo.ErrShortSecret} {
		_, err = ReadKeys(strings.NewReader(`[{"id": "a", "secret": "` + text + `"}]`))
		require.ErrorIs(t, err, want)
		file := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(file, []byte(`[{"id": "a", "secret": "`+text+`"}]`), 0o600))
		_, err = OpenKeys(file, nil)
		require.ErrorIs(t, err, want)
	}
	for _, f := range forms() {
		secret := long
		v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return &Key{ID: testID, Secret: secret}, nil }), atTestTime())
		require.NoError(t, err)
		s, err := NewSigner(f.scheme, algo.HMACSM3, Credential{testID, long}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		_, err = v.Verify(req)
		require.NoError(t, err)

		secret = short
		_, err = v.Verify(req)
		require.ErrorIs(t, err, ErrUnavailable, f.name)
		require.ErrorIs(t, err, algo.ErrShortSecret, f.name)
		_, err = NewSigner(f.scheme, algo.HMACSM3, Credential{testID, short})
		require.ErrorIs(t, err, algo.ErrShortSecret)
	}
}
