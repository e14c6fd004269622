package exampledialect_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/exampledialect"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/schemetest"
)

var then = time.UnixMilli(1615451398250)

// The answer is by Python's hmac.
func TestContract(t *testing.T) {
	schemetest.Run(t, exampledialect.Scheme{}, schemetest.Options{
		Answers: []schemetest.Answer{{
			Name: "a POST", Algorithm: algo.HMACSHA256, KeyID: "app-1", Secret: "acme-secret-0123456789", Time: then,
			Request: scheme.Request{Method: http.MethodPost, Host: "h", Path: "/v1/things", Query: "b=2&a=1", Header: http.Header{"X-Acme-Nonce": {"n-1"}}, Body: `{"a":1}`},
			StringToSign: "POST\n/v1/things\na=1&b=2\nx-acme-key:app-1\nx-acme-nonce:n-1\nx-acme-timestamp:1615451398250\n" +
				"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
			Signature: "d9127da857c33c439aa8e23d461e0d06fed98b4f23d5a4c32e4cc3d51759ce87",
		}},
		SignAllocs: 10, VerifyAllocs: 10,
	})
}

func FuzzParse(f *testing.F) { schemetest.FuzzParse(f, exampledialect.Scheme{}) }

// The answers are by Python's hmac and by OpenSSL.
func TestContractOfPresigned(t *testing.T) {
	answer := schemetest.Answer{
		Name: "a link", Algorithm: algo.HMACSHA256, KeyID: "app-1", Secret: "acme-secret-0123456789", Time: then,
		Request:      scheme.Request{Host: "h", Path: "/v1/things", Query: "b=2&a=1"},
		StringToSign: "GET /v1/things?X-Key=app-1&X-Time=1615451398&a=1&b=2",
		Signature:    "256.aab0311eebd46a5f3f6a5f8652fc26641a3e055c67e389cb7c8be802838132f9",
	}
	sm3 := answer
	sm3.Algorithm, sm3.Signature = algo.HMACSM3, "sm3.782b0537bf4e9bb254429dca36695e4eebc13146310f629d692d6aeb58790af1"
	schemetest.Run(t, presigned{}, schemetest.Options{Answers: []schemetest.Answer{answer, sm3}, SignAllocs: 20, VerifyAllocs: 80})
}

func FuzzParsePresigned(f *testing.F) { schemetest.FuzzParse(f, presigned{}) }

// What a transport signs, a server on the other side of a socket takes, and takes it
// once.
func TestOverTheWire(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("acme-secret-0123456789")})
	require.NoError(t, err)
	for _, s := range []scheme.Scheme{exampledialect.Scheme{}, presigned{}} {
		t.Run(s.Name(), func(t *testing.T) {
			replays, err := hmacsign.NewMemoryReplayStore(100)
			require.NoError(t, err)
			verifier, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(s), hmacsign.WithReplayGuard(replays))
			require.NoError(t, err)
			var received *http.Request
			var body string
			server := httptest.NewServer(verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id, _ := hmacsign.IdentityFrom(r.Context())
				read, _ := io.ReadAll(r.Body)
				received, body = r, string(read)
				io.WriteString(w, id.KeyID+" "+id.Scheme)
			})))
			defer server.Close()
			signer, err := hmacsign.NewSigner(s, s.Algorithms()[0], hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("acme-secret-0123456789")})
			require.NoError(t, err)
			client := &http.Client{Transport: signer.Transport(nil)}

			url := server.URL + "/v1/a%2Fb?q=%E4+b&q=&r"
			req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("a body"))
			require.NoError(t, err)
			status, text := do(t, client, req)
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, "app-1 "+s.Name(), text)
			require.Equal(t, "a body", body)
			require.Equal(t, url, req.URL.String(), "the caller's request stays as it was")
			require.Empty(t, req.Header)

			again := func(change func(*http.Request)) (int, string) {
				req, err := http.NewRequest(http.MethodPost, server.URL+received.RequestURI, strings.NewReader("a body"))
				require.NoError(t, err)
				req.Header = received.Header.Clone()
				change(req)
				return do(t, http.DefaultClient, req)
			}
			_, text = again(func(*http.Request) {})
			require.Contains(t, text, `"replayed"`)
			_, text = again(func(r *http.Request) { r.URL.RawQuery += "&s" })
			require.Contains(t, text, `"signature"`)
			_, text = again(func(r *http.Request) { r.Method = http.MethodPut })
			require.Contains(t, text, `"signature"`)
			status, text = do(t, http.DefaultClient, req)
			require.Equal(t, http.StatusUnauthorized, status)
			require.Contains(t, text, `"no_authorization"`)
		})
	}
}

// A signer does not leave out in silence what it was told to sign.
func TestSignsNoOtherHeaders(t *testing.T) {
	cred := hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("acme-secret-0123456789")}
	_, err := hmacsign.NewSigner(exampledialect.Scheme{}, algo.HMACSHA256, cred, hmacsign.WithSignedHeaders("X-Acme-Nonce"))
	require.NoError(t, err)
	_, err = hmacsign.NewSigner(exampledialect.Scheme{}, algo.HMACSHA256, cred, hmacsign.WithSignedHeaders("x-acme-nonce", "source"))
	require.EqualError(t, err, "hmacsign: WithSignedHeaders: scheme acme cannot sign source: leave it out")
}

func do(t *testing.T, client *http.Client, req *http.Request) (int, string) {
	if req.GetBody != nil {
		req.Body, _ = req.GetBody()
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}
