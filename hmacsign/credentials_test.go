package hmacsign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// rotated hands out the credential that is set, and counts how often it was asked.
type rotated struct {
	current atomic.Pointer[Credential]
	asked   atomic.Int64
}

func rotating(cred Credential) *rotated {
	r := new(rotated)
	r.current.Store(&cred)
	return r
}

func (r *rotated) Credential(context.Context) (Credential, error) {
	r.asked.Add(1)
	return *r.current.Load(), nil
}

type providerFunc func(context.Context) (Credential, error)

func (f providerFunc) Credential(ctx context.Context) (Credential, error) { return f(ctx) }

// generations are credentials that a client has one after the other. The second has
// the secret of the first and the id of the third.
var generations = []Credential{
	{"key-a", Secret("secret of a")},
	{"key-b", Secret("secret of a")},
	{"key-b", Secret("secret of b, which is longer than a hash's block, as the secrets of key services often are: so far")},
}

// verifierOf knows one generation.
func verifierOf(t testing.TB, cred Credential) *Verifier {
	keys, err := StaticKeys(&Key{ID: cred.KeyID, Secret: cred.Secret})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	return v
}

// A signer signs with what its provider says at that moment, and asks once.
func TestSignerFollowsItsProvider(t *testing.T) {
	for _, f := range forms() {
		provider := rotating(generations[0])
		s, err := NewSigner(f.scheme, algo.HMACSM3, Credential{}, WithCredentials(provider), atTestTime())
		require.NoError(t, err)
		for i := range 2 * len(generations) {
			cred := generations[i%len(generations)]
			provider.current.Store(&cred)
			for range 2 {
				req := newRequest(t, "POST", "http://h/a?b=c", "body")
				before := provider.asked.Load()
				require.NoError(t, s.Sign(req))
				require.Equal(t, before+1, provider.asked.Load())
				id, err := verifierOf(t, cred).Verify(req)
				require.NoError(t, err, "%s, generation %d", f.name, i)
				require.Equal(t, cred.KeyID, id.KeyID)
				_, err = verifierOf(t, generations[(i+1)%len(generations)]).Verify(req)
				require.Error(t, err, "%s: another generation accepts %d", f.name, i)
			}
		}
	}
}

// While the credential changes, no request has the key id of one and the signature of
// another, nor that of a key derived from another.
func TestRotationUnderLoad(t *testing.T) {
	between := []Credential{generations[0], generations[2]}
	keys, err := StaticKeys(&Key{ID: between[0].KeyID, Secret: between[0].Secret}, &Key{ID: between[1].KeyID, Secret: between[1].Secret})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	for _, f := range forms() {
		var asked atomic.Int64
		var signed [2]atomic.Int64
		s, err := NewSigner(f.scheme, algo.HMACSM3, Credential{}, atTestTime(), WithCredentials(providerFunc(func(context.Context) (Credential, error) {
			return between[asked.Add(1)/3%2], nil // some find the last one, some do not
		})))
		require.NoError(t, err)
		var signing sync.WaitGroup
		for range 4 {
			signing.Go(func() {
				for range 300 {
					req := newRequest(t, "GET", "http://h/a", "")
					if err := s.Sign(req); err != nil {
						t.Error(err)
						return
					}
					id, err := v.Verify(req)
					if err != nil {
						t.Errorf("%s: %v", f.name, err)
						return
					}
					signed[strings.Compare(id.KeyID, between[0].KeyID)].Add(1)
				}
			})
		}
		signing.Wait()
		require.EqualValues(t, 600, signed[0].Load(), f.name)
		require.EqualValues(t, 600, signed[1].Load(), f.name)
	}
}

// As long as nothing changes a provider costs no memory, whatever the secret's length,
// and the keyed MAC is kept.
func TestProviderAllocations(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which allocate")
	}
	for _, f := range forms() {
		for _, cred := range generations {
			allocations := func(s *Signer, err error) float64 {
				require.NoError(t, err)
				req := newRequest(t, "GET", "http://h/a/b?c=1&b=3", "")
				return testing.AllocsPerRun(200, func() {
					if err := s.Sign(req); err != nil {
						t.Fatal(err)
					}
				})
			}
			fixed := allocations(NewSigner(f.scheme, algo.HMACSHA256, cred, atTestTime()))
			for what, provider := range map[string]CredentialProvider{"a provider": rotating(cred), "a store": KeyCredentials(storeOf(t, cred), cred.KeyID)} {
				require.Equal(t, fixed, allocations(NewSigner(f.scheme, algo.HMACSHA256, Credential{}, WithCredentials(provider), atTestTime())), "%s, %s", f.name, what)
			}
		}
	}
}

func storeOf(t testing.TB, cred Credential) KeyStore {
	keys, err := StaticKeys(&Key{ID: cred.KeyID, Secret: cred.Secret})
	require.NoError(t, err)
	return keys
}

// What a provider cannot give is an error of the request, which stays as it was.
func TestProviderWithoutACredential(t *testing.T) {
	down := errors.New("the key service is down")
	for what, c := range map[string]struct {
		cred  Credential
		err   error
		is    error
		words string
	}{
		"an error":           {err: down, is: down, words: "no credential to sign with: the key service is down"},
		"no credential":      {words: "key id"},
		"no secret":          {cred: Credential{KeyID: testID}, is: algo.ErrEmptySecret},
		"an id of two lines": {cred: Credential{"a\nb", Secret(testSecret)}, words: `key id "a\nb"`},
	} {
		fails := true
		s, err := NewSigner(TencentApp, algo.HMACSM3, Credential{}, atTestTime(), WithCredentials(providerFunc(func(context.Context) (Credential, error) {
			if fails {
				return c.cred, c.err
			}
			return Credential{testID, Secret(testSecret)}, nil
		})))
		require.NoError(t, err)
		for range 2 {
			fails = true
			req := newRequest(t, "POST", "http://h/a", "body")
			before := req.Header.Clone()
			err = s.Sign(req)
			requireOneLine(t, err, "hmac", c.words)
			require.NotContains(t, err.Error(), testSecret)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, what)
			}
			require.Equal(t, before, req.Header)
			_, err = s.StringToSign(req)
			require.Error(t, err)
			body := &closeCounter{Reader: strings.NewReader("body")}
			req.Body, req.GetBody = body, nil
			_, err = s.Transport(nil).RoundTrip(req)
			require.Error(t, err)
			require.Equal(t, 1, body.closed, "a RoundTripper closes the body")

			fails = false
			req = newRequest(t, "POST", "http://h/a", "body")
			require.NoError(t, s.Sign(req), "%s passes", what)
			_, err = newVerifier(t).Verify(req)
			require.NoError(t, err)
		}
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

// The provider gets the request's context, with its values and its end.
func TestProviderGetsTheContext(t *testing.T) {
	type tenant struct{}
	s, err := NewSigner(TencentApp, algo.HMACSM3, Credential{}, atTestTime(), WithCredentials(providerFunc(func(ctx context.Context) (Credential, error) {
		name, _ := ctx.Value(tenant{}).(string)
		return Credential{name, Secret("secret of " + name)}, ctx.Err()
	})))
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "a"} {
		req := newRequest(t, "GET", "http://h/a", "").WithContext(context.WithValue(t.Context(), tenant{}, name))
		require.NoError(t, s.Sign(req))
		_, err := verifierOf(t, Credential{name, Secret("secret of " + name)}).Verify(req)
		require.NoError(t, err)
	}
	ended, end := context.WithCancel(context.WithValue(t.Context(), tenant{}, "a"))
	end()
	require.ErrorIs(t, s.Sign(newRequest(t, "GET", "http://h/a", "").WithContext(ended)), context.Canceled)
}

func TestOneSourceOfCredentials(t *testing.T) {
	provider := WithCredentials(rotating(generations[0]))
	for _, cred := range []Credential{{KeyID: testID}, {Secret: Secret(testSecret)}, {testID, Secret(testSecret)}} {
		s, err := NewSigner(TencentApp, algo.HMACSM3, cred, provider)
		requireOneLine(t, err, "WithCredentials", "Credential{}")
		require.NotContains(t, err.Error(), testSecret)
		require.Nil(t, s)
	}
	_, err := NewSigner(TencentApp, algo.HMACSM3, Credential{}, WithCredentials(nil))
	requireOneLine(t, err, "WithCredentials", "no provider")
	_, err = NewSigner(TencentApp, algo.HMACSM3, Credential{}, provider)
	require.NoError(t, err)
	require.PanicsWithValue(t, "hmacsign: KeyCredentials: no key store: give the one that has the key", func() { KeyCredentials(nil, testID) })
}

// The backend is that of WithBackend or by preference, for each credential, and is
// told before the first.
func TestBackendOfAProvider(t *testing.T) {
	for _, backend := range []string{"", "gmsm", "go"} {
		fixed := newSigner(t, algo.HMACSM3, WithBackend(backend))
		provider := rotating(generations[0])
		others := spareAsked.Load()
		s, err := NewSigner(HuaweiSDK, algo.HMACSM3, Credential{}, WithCredentials(provider), WithBackend(backend), atTestTime())
		require.NoError(t, err)
		require.Equal(t, fixed.Backend(), s.Backend())
		require.Zero(t, provider.asked.Load(), "nobody signs yet")
		for _, cred := range generations {
			provider.current.Store(&cred)
			require.NoError(t, s.Sign(newRequest(t, "GET", "http://h/a", "")))
			require.Equal(t, fixed.Backend(), s.Backend())
		}
		if backend != "" {
			require.Equal(t, others, spareAsked.Load(), "no other was asked")
		}
	}
	_, err := NewSigner(HuaweiSDK, algo.HMACSM3, Credential{}, WithCredentials(rotating(generations[0])), WithBackend("no such"))
	require.ErrorIs(t, err, algo.ErrUnknownBackend)
	_, err = NewSigner(HuaweiSDK, algo.HMACSM3, Credential{}, WithCredentials(rotating(generations[0])), WithBackend("spare"))
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
}

// What is required holds from the next credential on. It cannot be taken back, so a process
// of its own has it.
func TestRequirementsOfAProvider(t *testing.T) {
	const ours = "HMACSIGN_TEST_PROVIDER"
	if os.Getenv(ours) == "" {
		needsProcesses(t)
		cmd := exec.Command(os.Args[0], "-test.run=^TestRequirementsOfAProvider$")
		cmd.Env = append(os.Environ(), ours+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	provider := rotating(generations[0])
	s, err := NewSigner(HuaweiSDK, algo.HMACSM3, Credential{}, WithCredentials(provider), atTestTime())
	require.NoError(t, err)
	named, err := NewSigner(HuaweiSDK, algo.HMACSM3, Credential{}, WithCredentials(provider), WithBackend("go"), atTestTime())
	require.NoError(t, err)
	sign := func(s *Signer, cred Credential) error {
		provider.current.Store(&cred)
		return s.Sign(newRequest(t, "GET", "http://h/a", ""))
	}
	require.NoError(t, sign(s, generations[0]))
	require.NoError(t, sign(named, generations[0]))
	before := s.Backend().Backend
	require.NotEqual(t, "gmsm", before)

	require.NoError(t, algo.Require(algo.HMACSM3, "gmsm"))
	require.NoError(t, sign(s, generations[0]))
	require.Equal(t, before, s.Backend().Backend, "a key that exists stays")
	require.NoError(t, sign(s, generations[2]))
	require.Equal(t, "gmsm", s.Backend().Backend)
	require.NoError(t, sign(named, generations[0]))
	require.ErrorIs(t, sign(named, generations[2]), algo.ErrBackendUnavailable)

	require.NoError(t, algo.RequireSecretBits(256))
	require.ErrorIs(t, sign(s, generations[0]), algo.ErrShortSecret)
	require.NoError(t, sign(s, generations[2]))
}

// A client whose secret is in a keys file follows a rotation in it, and so does the
// server, without an error in between.
func TestKeyCredentialsFollowAFile(t *testing.T) {
	dir := t.TempDir()
	open := func(name, text string) (*FileKeys, func(string)) {
		path := filepath.Join(dir, name)
		write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
		write(text)
		keys, err := OpenKeys(path, nil)
		require.NoError(t, err)
		return keys, func(text string) {
			write(text)
			require.NoError(t, keys.Reload())
		}
	}
	serverKeys, atServer := open("server.json", `[{"id": "app-1", "secret": "old"}]`)
	clientKeys, atClient := open("client.json", `[{"id": "app-1", "secret": "old"}]`)
	v, err := NewVerifier(serverKeys)
	require.NoError(t, err)
	server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := IdentityFrom(r.Context())
		fmt.Fprint(w, id.PreviousSecret)
	})))
	defer server.Close()
	s, err := NewSigner(TencentApp, algo.HMACSM3, Credential{}, WithCredentials(KeyCredentials(clientKeys, "app-1")))
	require.NoError(t, err)
	client := &http.Client{Transport: s.Transport(server.Client().Transport)}
	get := func() string {
		resp, err := client.Get(server.URL)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return fmt.Sprintf("%d %s", resp.StatusCode, body)
	}
	require.Equal(t, "200 false", get())
	atServer(`[{"id": "app-1", "secret": "new", "previous_secret": "old"}]`)
	require.Equal(t, "200 true", get())
	atClient(`[{"id": "app-1", "secret": "new", "previous_secret": "old"}]`)
	require.Equal(t, "200 false", get(), "the current secret, not the previous one")
	atServer(`[{"id": "app-1", "secret": "new"}]`)
	require.Equal(t, "200 false", get())

	atClient(`[]`)
	_, err = client.Get(server.URL)
	require.ErrorIs(t, err, ErrUnknownKey)
	require.ErrorContains(t, err, `key "app-1"`)
}

// A store that gives no key, or another's, gives no credential.
func TestKeyCredentialsOfOddStores(t *testing.T) {
	for _, key := range []*Key{nil, {}, {ID: "other", Secret: Secret(testSecret)}} {
		_, err := KeyCredentials(storeFunc(func(context.Context, string) (*Key, error) { return key, nil }), testID).Credential(t.Context())
		requireOneLine(t, err, `key "test-key"`)
	}
	cred, err := KeyCredentials(storeOf(t, Credential{testID, Secret(testSecret)}), testID).Credential(t.Context())
	require.NoError(t, err)
	require.Equal(t, testID, cred.KeyID)
	require.Equal(t, testSecret, cred.Secret.Reveal())
}
