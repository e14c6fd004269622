package peers

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
	"github.com/stretchr/testify/require"
	"github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/hmacsign"
)

const cases = 10_000

const ak, sk = "ExampleAccessKey", "ExampleSecretKey"

var now = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// randomRequest is what a program asks the SDK for. It keeps out what the SDK
// signs otherwise than it sends; see HuaweiSDK in package hmacsign.
type randomRequest struct {
	method, path string
	query        map[string]any
	headers      map[string]string
	body         any
}

func newRandomRequest(r *rand.Rand) randomRequest {
	pick := func(s ...string) string { return s[r.Intn(len(s))] }
	text := func() string {
		return pick("a", "x y", "1+1", "a&b=c", "中文", "100%", "%2F", "~*'()", "-_.", "a/b?c#d", "\"<>", "é", "@:;,$!", strings.Repeat("long", 30))
	}
	q := randomRequest{method: pick("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"), query: map[string]any{}, headers: map[string]string{}}
	for range r.Intn(4) {
		q.path += "/" + strings.ReplaceAll(text(), "/", "")
	}
	q.path += pick("", "/")
	if q.path == "" {
		q.path = "/"
	}
	for range r.Intn(4) {
		key := pick("a", "b", "A", "a b", "k[]", "中", "limit")
		switch r.Intn(3) {
		case 0:
			q.query[key] = pick("", text())
		case 1:
			q.query[key] = []string{text(), text(), text()}
		default:
			q.query[key] = map[string]string{"x": text(), "y": text()}
		}
	}
	for range r.Intn(4) {
		q.headers[pick("X-Project-Id", "X-Domain-Id", "x-b", "has_underscore", "Accept-Language")] = pick(" trimmed ", "a  b", "中", "v1", "a,b;c=d")
	}
	if r.Intn(3) == 0 {
		q.headers["Host"] = "api.example.com"
	}
	if q.method != "GET" && q.method != "HEAD" {
		switch r.Intn(4) {
		case 0:
			q.body, q.headers["Content-Type"] = map[string]any{"name": text(), "n": r.Intn(100)}, "application/json;charset=UTF-8"
		case 1:
			q.body, q.headers["Content-Type"] = text(), "application/json"
		case 2:
			q.body, q.headers["Content-Type"] = text(), "application/octet-stream" // the SDK signs UNSIGNED-PAYLOAD
		}
	}
	return q
}

func (q randomRequest) sdk() *request.DefaultHttpRequest {
	b := request.NewHttpRequestBuilder().WithEndpoint("http://api.example.com").WithPath(q.path).WithMethod(q.method)
	for name, value := range q.headers {
		b.AddHeaderParam(name, value)
	}
	b.AddHeaderParam("X-Sdk-Date", now.Format(signer.BasicDateFormat))
	for key, value := range q.query {
		b.AddQueryParam(key, reflect.ValueOf(value))
	}
	if q.body != nil {
		b.WithBody("", q.body)
	}
	return b.Build()
}

// received is what a server gets of a request.
func received(t *testing.T, req *http.Request) *http.Request {
	var wire bytes.Buffer
	require.NoError(t, req.Write(&wire))
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	require.NoError(t, err)
	return got
}

// The SDK signs, we accept.
func TestHuaweiSDKSignsWeAccept(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: ak, Secret: hmacsign.Secret(sk)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.WithClock(func() time.Time { return now }), hmacsign.WithExplanations())
	require.NoError(t, err)
	signs := map[string]func(*request.DefaultHttpRequest) (map[string]string, error){
		"SDK-HMAC-SHA256": func(r *request.DefaultHttpRequest) (map[string]string, error) { return signer.Sign(r, ak, sk) },
		"SDK-HMAC-SM3": func(r *request.DefaultHttpRequest) (map[string]string, error) {
			return signer.SM3Signer{}.Sign(r, ak, sk)
		},
		"V11-HMAC-SHA256": func(r *request.DefaultHttpRequest) (map[string]string, error) {
			return signer.SignDerived(r, ak, sk, "service", "region-1")
		},
	}
	for word, sign := range signs {
		t.Run(word, func(t *testing.T) {
			r := rand.New(rand.NewSource(20240102))
			for range cases / len(signs) {
				q := newRandomRequest(r)
				sdk := q.sdk()
				headers, err := sign(sdk)
				require.NoError(t, err)
				sdk.AddHeaderParam("Authorization", headers["Authorization"])
				req, err := sdk.ConvertRequest()
				require.NoError(t, err)
				got := received(t, req)
				id, err := v.Verify(got)
				if err != nil {
					var e *hmacsign.VerifyError
					errors.As(err, &e)
					t.Fatalf("%+v: %v\n%s\n%s", q, err, e.Explanation, e.CanonicalRequest)
				}
				require.True(t, strings.HasPrefix(headers["Authorization"], word+" "))
				require.Equal(t, "huawei-sdk", id.Scheme)
			}
		})
	}
}

// We sign, and a verifier written down from the documented procedure accepts.
func TestWeSignTheDocumentedVerifierAccepts(t *testing.T) {
	for _, algorithm := range hmacsign.HuaweiSDK.Algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			s, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algorithm, hmacsign.Credential{KeyID: ak, Secret: hmacsign.Secret(sk)}, hmacsign.WithClock(func() time.Time { return now }))
			require.NoError(t, err)
			r := rand.New(rand.NewSource(42))
			for range cases / 2 {
				q := newRandomRequest(r)
				req, err := q.sdk().ConvertRequest()
				require.NoError(t, err)
				require.NoError(t, s.Sign(req))
				got := received(t, req)
				require.Equal(t, "", documented(t, got), "%+v", q)
				if r.Intn(10) == 0 {
					if req.GetBody != nil {
						req.Body, err = req.GetBody()
						require.NoError(t, err)
					}
					got = received(t, req)
					got.URL.RawQuery += "&tampered=1"
					require.Equal(t, "Verify authroization failed.", documented(t, got))
				}
			}
		})
	}
}

var authorizationPattern = regexp.MustCompile(`SDK-HMAC-(SHA256|SM3)\s+Access=([^,]+),\s?SignedHeaders=([^,]+),\s?Signature=(\w+)`)

// documented follows the vendor's "Backend signature verification", step by
// step, with nothing of ours. It returns the refusal, or nothing.
func documented(t *testing.T, req *http.Request) string {
	m := authorizationPattern.FindStringSubmatch(req.Header.Get("Authorization"))
	if m == nil {
		return "Authorization format incorrect."
	}
	newHash := sha256.New
	if m[1] == "SM3" {
		newHash = func() hash.Hash { return new(whole) }
	}
	sum := func(b []byte) string {
		h := newHash()
		h.Write(b)
		return hex.EncodeToString(h.Sum(nil))
	}
	if m[2] != ak {
		return "Signing key not found."
	}
	var headers strings.Builder
	for _, name := range strings.Split(m[3], ";") {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.Host
		}
		if value == "" {
			return "Signed header " + name + " not found"
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	escape := func(s string) string {
		return strings.NewReplacer("+", "%20", "%7E", "~").Replace(url.QueryEscape(s))
	}
	var segments []string
	for _, s := range strings.Split(req.URL.Path, "/") {
		segments = append(segments, escape(s))
	}
	uri := strings.Join(segments, "/")
	if !strings.HasSuffix(uri, "/") {
		uri += "/"
	}
	values, err := url.ParseQuery(req.URL.RawQuery)
	require.NoError(t, err)
	var names, pairs []string
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		sort.Strings(values[name])
		for _, value := range values[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	canonical := strings.Join([]string{req.Method, uri, strings.Join(pairs, "&"), headers.String(), m[3], sum(body)}, "\n")
	text := fmt.Sprintf("SDK-HMAC-%s\n%s\n%s", m[1], req.Header.Get("X-Sdk-Date"), sum([]byte(canonical)))
	mac := hmac.New(newHash, []byte(sk))
	mac.Write([]byte(text))
	if hex.EncodeToString(mac.Sum(nil)) != m[4] {
		return "Verify authroization failed."
	}
	return ""
}

// whole is SM3 of tjfoc/gmsm in one call, without our wrapper.
type whole struct{ b []byte }

func (w *whole) Write(p []byte) (int, error) { w.b = append(w.b, p...); return len(p), nil }
func (w *whole) Sum(in []byte) []byte        { return append(in, sm3.Sm3Sum(w.b)...) }
func (w *whole) Reset()                      { w.b = nil }
func (w *whole) Size() int                   { return 32 }
func (w *whole) BlockSize() int              { return 64 }
