package hmacsign

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// schemeVector is a row of testdata/huawei.json and tencent_keypair.json.
type schemeVector struct {
	Name, Algorithm, Method, URL, Body string
	KeyID                              string `json:"key_id"`
	Secret                             string
	Headers                            json.RawMessage // an object, or pairs
	SignedHeaders                      []string        `json:"signed_headers"`
	Date                               string
	DecodedPath                        string      `json:"decoded_path"`
	DecodedQuery                       [][2]string `json:"decoded_query"`
	CanonicalRequest                   string      `json:"canonical_request"`
	StringToSign                       string      `json:"string_to_sign"`
	Authorization                      string
}

func readSchemeVectors(t *testing.T, name string, rows int) []schemeVector {
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var file struct{ Vectors []schemeVector }
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, rows)
	return file.Vectors
}

func (v *schemeVector) request(t *testing.T) *http.Request {
	target := v.URL
	if v.DecodedPath != "" {
		u, err := url.Parse(v.URL[:strings.Index(v.URL, "://")+3+strings.IndexByte(v.URL[strings.Index(v.URL, "://")+3:], '/')])
		require.NoError(t, err)
		u.Path = v.DecodedPath
		var query []string
		for _, q := range v.DecodedQuery {
			query = append(query, url.QueryEscape(q[0])+"="+url.QueryEscape(q[1]))
		}
		u.RawQuery = strings.Join(query, "&")
		target = u.String()
	}
	req, err := http.NewRequest(v.Method, target, strings.NewReader(v.Body))
	require.NoError(t, err)
	var pairs [][2]string
	if json.Unmarshal(v.Headers, &pairs) != nil {
		var object map[string]string
		require.NoError(t, json.Unmarshal(v.Headers, &object))
		for name, value := range object {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	for _, p := range pairs {
		if strings.EqualFold(p[0], "Host") {
			req.Host = p[1]
			continue
		}
		req.Header.Add(p[0], p[1])
	}
	return req
}

func (v *schemeVector) verifier(t *testing.T, layout string) *Verifier {
	now, err := time.Parse(layout, v.Date)
	require.NoError(t, err)
	keys, err := StaticKeys(&Key{ID: v.KeyID, Secret: Secret(v.Secret)})
	require.NoError(t, err)
	ver, err := NewVerifier(keys, WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	return ver
}

// digestsFor makes digests as a signer's or verifier's key does.
func digestsFor(t testing.TB, algorithm string) digests {
	mac, err := algo.NewKey(algorithm, []byte("any"))
	require.NoError(t, err)
	return digests{mac: mac, algorithm: algorithm}
}

// rendered is a request as a verifier reads it, with the first string to sign.
func rendered(t *testing.T, in Scheme, req *http.Request) *work {
	w := newWork()
	require.NoError(t, w.read(req, &common{maxBody: DefaultMaxBody, budget: noBudget}))
	defer func() { w.body.restore(req) }()
	require.NoError(t, in.Parse(&w.message, &w.claim))
	w.digests = digestsFor(t, w.claim.Algorithm)
	d := newDialect(in)
	ok, err := w.render(d, d.forms[0])
	require.NoError(t, err)
	require.True(t, ok)
	return w
}

const (
	huaweiDate      = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// Published by the vendor, or made by running its SDKs.
func TestVectorsHuawei(t *testing.T) {
	signed := 0
	for _, v := range readSchemeVectors(t, "huawei.json", 48) {
		t.Run(v.Name, func(t *testing.T) {
			req := v.request(t)
			req.Header.Set("Authorization", v.Authorization)
			w := rendered(t, HuaweiSDK, req)
			require.Equal(t, v.StringToSign, string(w.text))
			require.Equal(t, v.CanonicalRequest, string(w.canonical))
			require.Equal(t, v.SignedHeaders, w.claim.Headers)
			again := scheme.Message{Header: make(http.Header)}
			HuaweiSDK.Write(&again, &w.claim)
			require.Equal(t, v.Authorization, again.Header.Get("Authorization"))
			algorithm, scope := w.claim.Algorithm, w.claim.Scope

			ver := v.verifier(t, huaweiDate)
			id, err := ver.Verify(req)
			require.NoError(t, err)
			require.Equal(t, []string{v.KeyID, "huawei-sdk", scope}, []string{id.KeyID, id.Scheme, id.Scope})

			if !slices.Contains(v.SignedHeaders, "host") {
				return // our signer always signs it
			}
			opts := []SignerOption{WithSignedHeaders(v.SignedHeaders...), WithClock(ver.clock)}
			in := HuaweiSDK
			if scope != "" {
				parts := strings.Split(scope, "/")
				in, err = huaweisdk.Derived(parts[1], parts[2])
				require.NoError(t, err)
			}
			s, err := NewSigner(in, algorithm, Credential{v.KeyID, Secret(v.Secret)}, opts...)
			require.NoError(t, err)
			req = v.request(t)
			require.NoError(t, s.Sign(req))
			require.Equal(t, v.Authorization, req.Header.Get("Authorization"))
			require.NoError(t, s.Sign(req), "again, from the cached derived key")
			require.Equal(t, v.Authorization, req.Header.Get("Authorization"))
			signed++
		})
	}
	require.Greater(t, signed, 20)
}

func TestVectorsTencentKeyPair(t *testing.T) {
	for _, v := range readSchemeVectors(t, "tencent_keypair.json", 6) {
		t.Run(v.Name, func(t *testing.T) {
			ver := v.verifier(t, http.TimeFormat)
			date := "date"
			if strings.Contains(v.Name, "x-date") {
				date = "x-date"
			}
			s, err := NewSigner(TencentKeyPair, v.Algorithm, Credential{v.KeyID, Secret(v.Secret)}, WithSignedHeaders(date, "source"), WithClock(ver.clock))
			require.NoError(t, err)
			req := v.request(t)
			req.Header.Set("X-NameSpace-Code", "testmic")
			req.Header.Set("X-MicroService-Name", "provider-demo")
			text, err := s.StringToSign(req)
			require.NoError(t, err)
			require.Equal(t, v.StringToSign, text)
			require.NoError(t, s.Sign(req))
			require.Equal(t, v.Authorization, req.Header.Get("Authorization"))
			require.Equal(t, "testmic", req.Header.Get("X-NameSpace-Code"), "passed through")
			id, err := ver.Verify(req)
			require.NoError(t, err)
			require.Equal(t, "tencent-keypair", id.Scheme, "one server tells which scheme it was")

			// Date is checked too, unless the vendor's laxity is asked for.
			late := func(in Scheme) error {
				later, err := NewVerifier(ver.keys, AcceptSchemes(in), WithClock(func() time.Time { return ver.clock().Add(time.Hour) }))
				require.NoError(t, err)
				_, err = later.Verify(req)
				return err
			}
			anyDate := tencentkeypair.Scheme{AcceptAnyDate: true}
			require.ErrorIs(t, late(TencentKeyPair), ErrExpired)
			if date == "date" {
				require.NoError(t, late(anyDate))
			} else {
				require.ErrorIs(t, late(anyDate), ErrExpired)
			}
		})
	}
}

// An encoded slash is not a slash, and two slashes are not one.
func TestHuaweiCanonicalURI(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/a": "/a/", "/a/": "/a/", "/a%2Fb": "/a%2Fb/", "//a": "//a/", "/a//": "/a//", "/%7ea%20b+": "/~a%20b%2B/", "/%e4%b8%ad": "/%E4%B8%AD/",
	} {
		req, _, _ := huaweiRequest(t, "", "X-Sdk-Date", "20191115T033655Z", "Authorization", huaweiClaim("ak", "host;x-sdk-date"))
		req.RequestURI = path
		lines := strings.Split(string(rendered(t, HuaweiSDK, req).canonical), "\n")
		require.Equal(t, want, lines[1], path)
	}
}

func huaweiRequest(t *testing.T, body string, headers ...string) (*http.Request, *Signer, *Verifier) {
	clock := WithClock(func() time.Time { return time.Date(2019, 11, 15, 3, 36, 55, 0, time.UTC) })
	s, err := NewSigner(HuaweiSDK, "hmac-sm3", Credential{"ak", Secret("sk")}, clock)
	require.NoError(t, err)
	keys, err := StaticKeys(&Key{ID: "ak", Secret: Secret("sk"), Schemes: []string{"huawei-sdk"}})
	require.NoError(t, err)
	v, err := NewVerifier(keys, clock)
	require.NoError(t, err)
	req, err := http.NewRequest("POST", "http://h.example/a?b=1", strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req, s, v
}

// huaweiClaim is an Authorization header with a wrong signature.
func huaweiClaim(key, headers string) string {
	return "SDK-HMAC-SM3 Access=" + key + ", SignedHeaders=" + headers + ", Signature=" + strings.Repeat("0", 64)
}

// A content-hash header takes the body's place in the string, so the verifier
// holds it against the body; UNSIGNED-PAYLOAD counts only where it is signed.
func TestHuaweiContentHash(t *testing.T) {
	const sm3OfABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
	const sha256OfABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for _, c := range []struct{ header, value string }{
		{"X-Sdk-Content-Sm3", sm3OfABC}, {"X-Sdk-Content-Sha256", sm3OfABC}, {"X-Sdk-Content-Sha256", sha256OfABC},
		{"X-Sdk-Content-Sm3", unsignedPayload}, {"X-Sdk-Content-Sha256", unsignedPayload},
	} {
		req, s, v := huaweiRequest(t, "abc", c.header, c.value)
		require.NoError(t, s.Sign(req))
		require.Contains(t, req.Header.Get("Authorization"), strings.ToLower(c.header), "the signer signs it")
		_, err := v.Verify(req)
		require.NoError(t, err)
		req.Body, _ = http.NoBody, 0
		req.ContentLength = 0
		_, err = v.Verify(req)
		if c.value == unsignedPayload {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrBodyDigest)
		}
	}
	req, s, _ := huaweiRequest(t, "abc", "X-Sdk-Content-Sm3", sm3OfABC[1:]+"0")
	require.ErrorIs(t, s.Sign(req), ErrBodyDigest)
	// UNSIGNED-PAYLOAD that is not among the signed headers.
	req, s, v := huaweiRequest(t, "abc", "X-Sdk-Content-Sm3", unsignedPayload)
	req.Header.Set("X-Sdk-Date", "20191115T033655Z")
	req.Header.Set("Authorization", huaweiClaim("ak", "host;x-sdk-date"))
	w := rendered(t, HuaweiSDK, req)
	w.claim.Signature = s.key.Load().mac.Sum(nil, w.text)
	HuaweiSDK.Write(&w.message, &w.claim)
	_, err := v.Verify(req)
	require.ErrorIs(t, err, ErrBodyDigest)
	require.ErrorContains(t, err, "UNSIGNED-PAYLOAD")
}

// The seven refusals of the vendor's example, in its order and words: each
// request has all later faults too.
func TestHuaweiRefusalsInOrder(t *testing.T) {
	auth := huaweiClaim
	for _, c := range []struct {
		authorization, date, message string
	}{
		{"SDK-HMAC-MD5 Access=no", "", "Authorization format incorrect."},
		{auth("nobody", "x-missing"), "", "Signing key not found."},
		{auth("ak", "x-missing"), "", "Signed header x-missing not found"},
		{auth("ak", "host"), "19991115T033655Z", "Header x-sdk-date not found."},
		{auth("ak", "host;x-sdk-date"), "19991115T033655Z", "Signature expired."},
		{auth("ak", "host;x-sdk-date"), "20191115T033655Z", "Verify authroization failed."},
	} {
		req, _, v := huaweiRequest(t, "abc", "Authorization", c.authorization)
		if c.date != "" {
			req.Header.Set("X-Sdk-Date", c.date)
		}
		w := httptest.NewRecorder()
		v.Middleware(http.NotFoundHandler()).ServeHTTP(w, req)
		var answer struct{ Message string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		require.Equal(t, c.message, answer.Message)
		require.Equal(t, 401, w.Code)
	}
	require.Equal(t, "Authorization not found.", HuaweiSDK.Answer(refuse(ErrNoAuthorization, "")))
}

func TestNewSignerChecksSchemeAndScope(t *testing.T) {
	cred := Credential{"ak", Secret("sk")}
	_, err := NewSigner(HuaweiSDK, "hmac-sha1", cred)
	require.ErrorContains(t, err, "huawei-sdk")
	for _, scope := range [][2]string{{"r/r", "s"}, {"", "s"}, {"r", ""}, {"r", "a b"}} {
		_, err = huaweisdk.Derived(scope[0], scope[1])
		require.ErrorContains(t, err, "region", scope)
		_, err = NewSigner(huaweisdk.Scheme{Region: scope[0], Service: scope[1]}, "hmac-sm3", cred)
		require.ErrorContains(t, err, "region", scope)
	}
}
