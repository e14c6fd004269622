package hmacsign_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// huaweiGET is signed by hand, with the standard library alone.
func huaweiGET(t *testing.T, key, word, credential, scope string) *http.Request {
	const date = "20210311T082958Z"
	canonical := "GET\n/a/\n\nhost:h\nx-sdk-date:" + date + "\n\nhost;x-sdk-date\n" + fmt.Sprintf("%x", sha256.Sum256(nil))
	text := word + "\n" + date + "\n" + scope + fmt.Sprintf("%x", sha256.Sum256([]byte(canonical)))
	req := newRequest(t, "GET", "http://h/a", "", "X-Sdk-Date", date)
	req.Header.Set("Authorization", fmt.Sprintf("%s %s, SignedHeaders=host;x-sdk-date, Signature=%x", word, credential, hmacSHA256(key, text)))
	return req
}

func derivedByHand(t *testing.T, scope string) string {
	key, err := hkdf.Key(sha256.New, []byte(testSecret), []byte(testID), scope, 32)
	require.NoError(t, err)
	return hex.EncodeToString(key)
}

// A key that is derived for another day than the request's is refused, though
// the MAC is right.
func TestHuaweiScopeIsOfTheDay(t *testing.T) {
	for scope, want := range map[string]error{
		"20210311/region/service":   nil,
		"20210310/region/service":   ErrDate,
		"20210312/region/service":   ErrDate,
		"20210311x/region/service":  ErrDate,
		"20210311//service":         nil, // of no region, which the verifier does not judge
		"00000000/region/service":   ErrDate,
		"2021-03-11/region/service": ErrDate,
	} {
		req := huaweiGET(t, derivedByHand(t, scope), "V11-HMAC-SHA256", "Credential="+testID+"/"+scope, scope+"\n")
		_, err := newVerifier(t, AcceptSchemes(HuaweiSDK)).Verify(req)
		require.ErrorIs(t, err, want, scope)
	}
}

// One signature has one spelling: the word goes with its parameter, the hex is in
// lower case, and no control character stands for a space.
func TestHuaweiHeaderHasOneSpelling(t *testing.T) {
	const scope = "20210311/region/service"
	plain := func() *http.Request {
		return huaweiGET(t, testSecret, "SDK-HMAC-SHA256", "Access="+testID, "")
	}
	derived := func() *http.Request {
		return huaweiGET(t, derivedByHand(t, scope), "V11-HMAC-SHA256", "Credential="+testID+"/"+scope, scope+"\n")
	}
	v := newVerifier(t, AcceptSchemes(HuaweiSDK))
	for _, make := range []func() *http.Request{plain, derived} {
		_, err := v.Verify(make())
		require.NoError(t, err)
		req := make()
		at := strings.Index(req.Header.Get("Authorization"), "Signature=") + len("Signature=")
		upper := req.Header.Get("Authorization")
		upper = upper[:at] + strings.ToUpper(upper[at:])
		require.NotEqual(t, upper, req.Header.Get("Authorization"))
		req.Header.Set("Authorization", upper)
		_, err = v.Verify(req)
		require.ErrorIs(t, err, ErrMalformed)

		for _, space := range []string{"\t", "\n", "\r", "\f", "\v"} {
			for _, before := range []string{"SHA256", ","} {
				req = make()
				swap("Authorization", before+" ", before+space)(req)
				_, err = v.Verify(req)
				require.ErrorIs(t, err, ErrMalformed, "%q", space)
			}
		}
		for _, control := range []string{"\x00", "\x1f", "\x7f"} {
			req = make()
			swap("Authorization", testID, testID+control)(req)
			_, err = v.Verify(req)
			require.ErrorIs(t, err, ErrMalformed, "%q", control)
		}
	}
	for _, spoil := range []func() *http.Request{
		func() *http.Request { r := plain(); swap("Authorization", "Access=", "Credential=")(r); return r },
		func() *http.Request { r := derived(); swap("Authorization", "Credential=", "Access=")(r); return r },
	} {
		_, err := v.Verify(spoil())
		require.ErrorIs(t, err, ErrMalformed)
	}
}

// Under SHA-256 the header that is named for SM3 is one like any other: the body
// is signed.
func TestHuaweiHeaderOfSM3UnderSHA256(t *testing.T) {
	const name = "X-Sdk-Content-Sm3"
	for algorithm, protected := range map[string]bool{"hmac-sha256": true, "hmac-sm3": false} {
		req := newRequest(t, "POST", "http://h/a", "body", name, "UNSIGNED-PAYLOAD")
		signedAs(t, HuaweiSDK, algorithm, Credential{testID, Secret(testSecret)}, req, WithSignedHeaders(name))
		v := newVerifier(t, AcceptSchemes(HuaweiSDK))
		_, err := v.Verify(req)
		require.NoError(t, err)
		req.Body = io.NopCloser(strings.NewReader("else"))
		_, err = v.Verify(req)
		if protected {
			require.ErrorIs(t, err, ErrSignature)
		} else {
			require.NoError(t, err, "UNSIGNED-PAYLOAD is for SM3")
		}
	}
}

// The values of a repeated header are sorted, so that their order is not signed.
func TestHuaweiSortsRepeatedValues(t *testing.T) {
	sent := func(values ...string) *http.Request {
		req := newRequest(t, "GET", "http://h/a", "")
		req.Header["X-Other"] = values
		return req
	}
	req := signedAs(t, HuaweiSDK, "hmac-sm3", Credential{testID, Secret(testSecret)}, sent("b", "a"), WithSignedHeaders("x-other"))
	v := newVerifier(t, AcceptSchemes(HuaweiSDK))
	for _, c := range []struct {
		values []string
		want   error
	}{{[]string{"b", "a"}, nil}, {[]string{"a", "b"}, nil}, {[]string{"a"}, ErrSignature}, {[]string{"a", "a", "b"}, ErrSignature}} {
		req.Header["X-Other"] = c.values
		_, err := v.Verify(req)
		require.ErrorIs(t, err, c.want, "%q", c.values)
	}
	req.Header["X-Other"] = []string{"c", "b", "a"}
	_, err := v.Verify(req)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.CanonicalRequest, "x-other:a\nx-other:b\nx-other:c\n")
}
