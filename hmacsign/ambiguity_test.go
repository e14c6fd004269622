package hmacsign_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// One signature must not fit two meanings: what decoding could bring out of
// another request's text is refused.
func TestDecodedFormIsUnambiguous(t *testing.T) {
	s := newSignerIn(t, signingQuery(tencentapp.Decoded), "hmac-sm3")
	v := newVerifier(t, acceptingQuery(tencentapp.Decoded))
	for _, target := range []string{"/a?b=%26", "/a?b=%3D", "/a?b=%23", "/a?b=%3f", "/a?b=%25", "/a?b=%2B", "/a?b=%2b", "/a?b=%3B", "/a?b=%0a", "/a?b=%7F",
		"/a?%253D=1", "/%2Fa", "/%25", "/%3B", "/%2B", "/%3F", "/a?b&c=%2541"} {
		req := newRequest(t, "GET", "http://h"+target, "")
		require.ErrorIs(t, s.Sign(req), ErrMalformed, target)
		require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
		_, err := v.Verify(req)
		require.ErrorIs(t, err, ErrMalformed, target)
	}
	for target, signed := range map[string]string{"/a?b=%e4%b8%ad": "/a?b=中", "/a+b?c=1+2": "/a+b?c=1 2", "/a?b=%20;c=+": "/a?b= ;c= ", "/%41;b=1?x=%7e": "/A;b=1?x=~"} {
		req := newRequest(t, "GET", "http://h"+target, "")
		text, err := s.StringToSign(req)
		require.NoError(t, err, target)
		require.Equal(t, signed, lastField(text))
		require.NoError(t, s.Sign(req))
		_, err = v.Verify(req)
		require.NoError(t, err, target)
	}
}

// A parameter more than the limit is one too many, wherever the limit is asked.
func TestParametersAreCounted(t *testing.T) {
	for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
		for n, want := range map[int]error{10_000: nil, 10_001: ErrMalformed} {
			s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
			require.NoError(t, err)
			req := newRequest(t, "GET", "http://h/?"+strings.Repeat("a&", n-1)+"a", "")
			require.ErrorIs(t, s.Sign(req), want, "%s, %d", scheme.Name(), n)
		}
	}
}

// What one scheme refuses as malformed the other of the same header must not
// accept: the request is the same.
func TestMalformedForEveryScheme(t *testing.T) {
	for target, change := range map[string]func(*http.Request){
		"/a?%zz": func(r *http.Request) { r.RequestURI = "/a?%zz" }, "get /a": func(r *http.Request) { r.Method = "get" }, "h:80": func(r *http.Request) { r.RequestURI = "h:80" },
	} {
		s, err := NewSigner(TencentKeyPair, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		_, err = newVerifier(t).Verify(req)
		require.NoError(t, err)
		change(req)
		_, err = newVerifier(t).Verify(req)
		require.ErrorIs(t, err, ErrMalformed, target)
	}
}

// What huawei-sdk signs alike and servers take for different things is refused;
// the encoded form, which its clients send, is not.
func TestHuaweiTargetsThatAreSpelledAnew(t *testing.T) {
	for honest, respelled := range map[string]string{"/items?filter=a%3Bb": "/items?filter=a;b", "/a%23b": "/a#b", "/a?b=%23": "/a?b=#", "/a%5C..": `/a\..`, "/a?%3B": "/a?;"} {
		s, err := NewSigner(HuaweiSDK, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "DELETE", "http://h"+honest, "")
		require.NoError(t, s.Sign(req))
		req.RequestURI = honest
		_, err = newVerifier(t).Verify(req)
		require.NoError(t, err, honest)
		req.RequestURI = respelled
		_, err = newVerifier(t).Verify(req)
		require.ErrorIs(t, err, ErrMalformed, respelled)
	}
	req := newRequest(t, "GET", "http://h/a;v=1?b", "") // vendors' clients send such paths
	s, err := NewSigner(HuaweiSDK, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
	require.NoError(t, err)
	require.NoError(t, s.Sign(req))
	_, err = newVerifier(t).Verify(req)
	require.NoError(t, err)
}

// A header that is badly quoted must not bring the signature into a log.
func TestNoSignatureInRefusals(t *testing.T) {
	for _, authorization := range []string{
		`hmac id="test-key", algorithm="hmac-sm3", headers="x-date", signature=c2lnbmF0dXJl="`, `hmac id="test-key", signature=c2lnbmF0dXJl", algorithm="hmac-sm3"`,
		`hmac id="test-key", algorithm="hmac-sm3", headers="x-date, signature=c2lnbmF0dXJl", signature="x"`,
		`SDK-HMAC-SM3 Access=test-key, SignedHeaders=host;Signature=c2lnbmF0dXJl, Signature=0`, `SDK-HMAC-SM3 Access=test-key, Signature=c2lnbmF0dXJl`,
	} {
		req := newRequest(t, "GET", "http://h/a", "", "Authorization", authorization)
		_, err := newVerifier(t, WithExplanations()).Verify(req)
		require.ErrorIs(t, err, ErrMalformed, authorization)
		require.NotContains(t, err.Error(), "c2lnbmF0dXJl")
	}
}

// What a scheme signs of the headers beside those that are listed.
func TestAlsoSigned(t *testing.T) {
	for _, c := range []struct {
		scheme Scheme
		header string
		want   []string
	}{
		{TencentApp, "", []string{"accept", "content-type", "content-md5"}}, {TencentKeyPair, "X-Sdk-Content-Sm3", nil}, {HuaweiSDK, "", nil},
		{HuaweiSDK, "X-Sdk-Content-Sm3", []string{"x-sdk-content-sm3"}}, {HuaweiSDK, "X-Sdk-Content-Sha256", []string{"x-sdk-content-sha256"}},
	} {
		s, err := NewSigner(c.scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		if c.header != "" {
			req.Header.Set(c.header, "UNSIGNED-PAYLOAD")
		}
		require.NoError(t, s.Sign(req))
		id, err := newVerifier(t).Verify(req)
		require.NoError(t, err)
		require.Equal(t, c.want, id.AlsoSigned, "%s %s", c.scheme.Name(), c.header)
	}
}

// Each content-hash header is of its own hash: the one named for SM3 takes no
// SHA-256.
func TestContentHashOfAnotherAlgorithm(t *testing.T) {
	const sha256OfHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	s, err := NewSigner(HuaweiSDK, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
	require.NoError(t, err)
	require.NoError(t, s.Sign(newRequest(t, "POST", "http://h/a", "hello", "X-Sdk-Content-Sha256", sha256OfHello)))
	require.ErrorIs(t, s.Sign(newRequest(t, "POST", "http://h/a", "hello", "X-Sdk-Content-Sm3", sha256OfHello)), ErrBodyDigest)
}
