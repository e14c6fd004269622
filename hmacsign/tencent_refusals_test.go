package hmacsign_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// tencentByHand signs with the standard library alone.
func tencentByHand(req *http.Request, text string) *http.Request {
	req.Header.Set("X-Date", when)
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="x-date", signature="%s"`, testID, b64(hmacSHA256(testSecret, text))))
	return req
}

// An empty Content-MD5 is that of no body, though the MAC is right: with it
// anyone could exchange the body.
func TestEmptyContentMD5(t *testing.T) {
	const text = "x-date: " + when + "\nPOST\n*/*\n\n\n/a"
	v := newVerifier(t, AcceptSchemes(TencentApp))
	for body, want := range map[string]error{"": nil, "x": ErrBodyDigest, "{}": ErrBodyDigest} {
		for _, declared := range []bool{true, false} {
			req := tencentByHand(newRequest(t, "POST", "http://h/a", body, "Content-Md5", ""), text)
			if !declared {
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			}
			_, err := v.Verify(req)
			require.ErrorIs(t, err, want, "%q", body)
		}
	}
	require.ErrorIs(t, newSigner(t, "hmac-sm3").Sign(newRequest(t, "POST", "http://h/a", "x", "Content-Md5", "")), ErrBodyDigest)
}

// In query form decoded nothing is signed of which another request has the same
// text; what means nothing else is.
func TestDecodedSeparators(t *testing.T) {
	sign := func(target string) error {
		return newSignerIn(t, signingQuery(tencentapp.Decoded), "hmac-sha256").Sign(newRequest(t, "GET", "http://h"+target, ""))
	}
	verify := func(target, path string) error {
		req := tencentByHand(newRequest(t, "GET", "http://h"+target, ""), "x-date: "+when+"\nGET\n*/*\n\n\n"+path)
		_, err := newVerifier(t, acceptingQuery(tencentapp.Decoded)).Verify(req)
		return err
	}
	for encoded, decoded := range map[string]string{"%20": " ", "%41": "A", "%E4%B8%AD": "中", "%22": `"`} {
		require.NoError(t, sign("/a"+encoded+"b?q=x"+encoded+"y"))
		require.NoError(t, verify("/a"+encoded+"b?q=x"+encoded+"y", "/a"+decoded+"b?q=x"+decoded+"y"))
	}
	for encoded, decoded := range map[string]string{"%26": "&", "%3D": "=", "%23": "#", "%3F": "?", "%0A": "\n", "%7F": "\x7f", "%2F": "/"} {
		targets := map[string]string{"/a" + encoded + "b?q=1": "/a" + decoded + "b?q=1"}
		if encoded != "%2F" {
			targets["/a?q=x"+encoded+"y"] = "/a?q=x" + decoded + "y"
			targets["/a?q"+encoded+"y=x"] = "/a?q" + decoded + "y=x"
		}
		for target, text := range targets {
			require.ErrorIs(t, sign(target), ErrMalformed, target)
			require.ErrorIs(t, verify(target, text), ErrMalformed, target)
		}
	}
	require.NoError(t, verify("/a?q=x%2Fy", "/a?q=x/y"), "a slash parts nothing in a query")
}

// A form is one in whatever case its type is written: servers read its parameters.
func TestFormInAnyCase(t *testing.T) {
	const text = "x-date: " + when + "\nPOST\n*/*\n%s\n%s\n/a%s"
	v := newVerifier(t, AcceptSchemes(TencentApp))
	for _, contentType := range []string{formType, "Application/X-WWW-Form-Urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8", formType + " ;charset=utf-8"} {
		req := func() *http.Request {
			return newRequest(t, "POST", "http://h/a?m=1", "z=2&b=3", "Content-Type", contentType)
		}
		_, err := v.Verify(tencentByHand(req(), fmt.Sprintf(text, contentType, "", "?b=3&m=1&z=2")))
		require.NoError(t, err, contentType)
		_, err = v.Verify(tencentByHand(req(), fmt.Sprintf(text, contentType, b64([]byte(md5Hex("z=2&b=3"))), "?m=1")))
		require.ErrorIs(t, err, ErrSignature, contentType)
	}
	_, err := v.Verify(tencentByHand(newRequest(t, "POST", "http://h/a?m=1", "z=2&b=3", "Content-Type", formType+"ed"), fmt.Sprintf(text, formType+"ed", b64([]byte(md5Hex("z=2&b=3"))), "?m=1")))
	require.NoError(t, err, "another type is no form")
}

// A space or a control character in a target or a form would end a field of the
// string to sign, or mean what its encoding does not.
func TestUnencodedSpace(t *testing.T) {
	v := newVerifier(t, AcceptSchemes(TencentApp))
	form := func(body string) error {
		req := newRequest(t, "POST", "http://h/a", body, "Content-Type", formType)
		_, err := v.Verify(tencentByHand(req, "x-date: "+when+"\nPOST\n*/*\n"+formType+"\n\n/a?"+body))
		return err
	}
	target := func(target string) error {
		req := tencentByHand(newRequest(t, "GET", "http://h/", ""), "x-date: "+when+"\nGET\n*/*\n\n\n"+target)
		req.RequestURI = target
		_, err := v.Verify(req)
		return err
	}
	for _, good := range []string{"+", "%20", "%0A", "!", "~", "\x80"} {
		require.NoError(t, form("a=x"+good+"y"), "%q", good)
		require.NoError(t, target("/a"+good+"b?q=x"+good+"y"), "%q", good)
	}
	for _, bad := range []string{" ", "\t", "\n", "\x00", "\x1f", "\x7f"} {
		require.ErrorIs(t, form("a=x"+bad+"y"), ErrMalformed, "%q", bad)
		require.ErrorIs(t, target("/a"+bad+"b?q=1"), ErrMalformed, "%q", bad)
		require.ErrorIs(t, target("/a?q=x"+bad+"y"), ErrMalformed, "%q", bad)
	}
	for _, bad := range []string{"%", "%4", "%4g", "%g4"} {
		require.ErrorIs(t, form("a=x"+bad), ErrMalformed, "%q", bad)
		require.ErrorIs(t, target("/a?q="+bad), ErrMalformed, "%q", bad)
	}
}

// What a stranger sends as a date is not what a signer of this process sends for
// the same second.
func TestOddDateIsNotKept(t *testing.T) {
	const odd = "Fri, 11 Mar 2021 08:29:58 GMT" // it was a Thursday
	sent := func() string {
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
		return req.Header.Get("X-Date")
	}
	for _, date := range []string{odd, strings.Replace(when, ":58", ":58.5", 1)} {
		req := newRequest(t, "GET", "http://h/a", "", "X-Date", date)
		req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="x-date", signature="%s"`, testID, b64(hmacSHA256(testSecret, "x-date: "+date))))
		_, err := newVerifier(t, AcceptSchemes(TencentKeyPair)).Verify(req)
		require.NoError(t, err, "it is read all the same")
		require.Equal(t, when, sent(), date)
	}
}
