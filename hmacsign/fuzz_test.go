package hmacsign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// Whatever a sender writes, the parser gives an answer, and what it accepts
// means the same when written again.
func FuzzAuthorization(f *testing.F) {
	f.Add(`hmac id="k", algorithm="hmac-sm3", headers="source x-date", signature="AAAA"`)
	f.Add(`HMAC  id="k",algorithm="hmac-SHA1" , headers="x-date",signature="TiDhSHSuifpRf2c1gQSdJePIMwE="`)
	f.Add(`hmac id="`)
	f.Add(`hmac`)
	f.Add(`Bearer x`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range Schemes() {
			m := scheme.Message{Header: http.Header{"Authorization": {value}}}
			var claim, again scheme.Claim
			if s.Parse(&m, &claim) != nil {
				continue
			}
			s.Write(&m, &claim)
			err := s.Parse(&m, &again)
			if again.Text = claim.Text; err != nil || fmt.Sprint(again) != fmt.Sprint(claim) {
				t.Errorf("%q: %v became %v, %v", value, claim, again, err)
			}
		}
	})
}

// fuzzed is a request as a fuzzer varies it.
type fuzzed struct{ method, path, query, body, contentType, source string }

func (z fuzzed) request() (*http.Request, error) {
	if len(z.method)+len(z.path)+len(z.query)+len(z.body)+len(z.contentType)+len(z.source) > 1000 {
		return nil, errors.New("long inputs find nothing new, slowly")
	}
	req, err := http.NewRequest(z.method, "http://h", strings.NewReader(z.body))
	if err != nil {
		return nil, err
	}
	u, err := url.Parse("http://h/" + z.path)
	if err != nil || u.Host != "h" || strings.ContainsAny(z.path, "?#") {
		return nil, fmt.Errorf("no such URL: %v", err)
	}
	u.RawQuery = z.query
	req.URL = u
	if z.contentType != "" {
		req.Header.Set("Content-Type", z.contentType)
	}
	req.Header.Set("Source", z.source)
	return req, nil
}

func (z fuzzed) stringToSign(t *testing.T, form tencentapp.QueryForm) (string, bool) {
	req, err := z.request()
	if err != nil {
		return "", false
	}
	text, err := fuzzSigner(t, form).StringToSign(req)
	return text, err == nil
}

func fuzzSigner(t testing.TB, form tencentapp.QueryForm) *Signer {
	s, err := NewSigner(tencentapp.Scheme{Query: form}, algo.HMACSM3, Credential{"k", Secret("secret")}, WithSignedHeaders("source"), fuzzClock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var fuzzClock = WithClock(func() time.Time { return time.Unix(1615451398, 0) })

func addFuzzSeeds(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add("GET", "a/b", "b=2&a=1&b=1&c", "", "", "apigw test")
	f.Add("POST", "release/x", "z=%20", "arg2=b&arg1=a+b", form, "")
	f.Add("POST", "test", "a=1%26b%3D2", `{"n":1}`, "application/json; charset=utf-8", "s")
	f.Add("PUT", "%E4%B8%AD/%2F|\"", "a==&=&&", "x\r\n\x00", "multipart/form-data; boundary=x", " s ")
	f.Add("POST", "/../.", "?#", "a=%0A", form+" ;charset=utf-8", "\t")
}

// The canonical form never panics, and a change of any part that is signed
// changes it.
func FuzzStringToSign(f *testing.F) {
	addFuzzSeeds(f)
	f.Fuzz(func(t *testing.T, method, path, query, body, contentType, source string) {
		z := fuzzed{method, path, query, body, contentType, source}
		for _, form := range []tencentapp.QueryForm{tencentapp.Documented, tencentapp.Raw, tencentapp.Decoded} { // joined values are not told apart
			text, ok := z.stringToSign(t, form)
			if !ok {
				continue
			}
			changed := map[string]fuzzed{
				"method":        {method + "X", path, query, body, contentType, source},
				"path":          {method, path + "x", query, body, contentType, source},
				"body":          {method, path, query, body + "x", contentType, source},
				"content type":  {method, path, query, body, contentType + "x", source},
				"source":        {method, path, query, body, contentType, source + "x"},
				"source line":   {method, path, query, body, contentType, source + "\nPOST"},
				"new parameter": {method, path, query + "&x=y", body, contentType, source},
			}
			pieces := strings.Split(query, "&")
			for i, piece := range pieces {
				if piece == "" {
					continue
				}
				with := func(piece ...string) fuzzed {
					all := append(append(append([]string(nil), pieces[:i]...), piece...), pieces[i+1:]...)
					return fuzzed{method, path, strings.Join(all, "&"), body, contentType, source}
				}
				changed[fmt.Sprintf("parameter %d longer", i)] = with(piece + "x")
				changed[fmt.Sprintf("parameter %d twice", i)] = with(piece, piece)
				changed[fmt.Sprintf("parameter %d dropped", i)] = with()
				if key, value, _ := strings.Cut(piece, "="); value != "" && key != value && !strings.Contains(value, "=") {
					changed[fmt.Sprintf("parameter %d turned round", i)] = with(value + "=" + key)
				}
			}
			for what, other := range changed {
				if got, ok := other.stringToSign(t, form); ok && got == text {
					t.Errorf("%d: %s changed (%+v), the string to sign did not: %q", form, what, other, text)
				}
			}
			if (&scheme.Message{Header: http.Header{"Content-Type": {contentType}}}).IsForm() {
				continue
			}
			// A body that is no form takes no part in the last line.
			if want := lastLine(text); body != "" {
				z := z
				z.body = ""
				if got, ok := z.stringToSign(t, form); !ok || lastLine(got) != want {
					t.Errorf("the body changed the parameters: %q, %q", want, got)
				}
			}
		}
	})
}

func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }

// Whatever can be signed is accepted after its way over the wire, in each scheme
// and query form, and not with a longer body, whose refusal can be explained.
func FuzzSignThenVerify(f *testing.F) {
	addFuzzSeeds(f)
	keys, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	if err != nil {
		f.Fatal(err)
	}
	const all = tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded | tencentapp.Joined
	v, err := NewVerifier(keys, fuzzClock, AcceptSchemes(tencentapp.Scheme{Accept: all}, TencentKeyPair, HuaweiSDK), WithExplanations())
	if err != nil {
		f.Fatal(err)
	}
	ways := []Scheme{
		TencentApp, tencentapp.Scheme{Query: tencentapp.Raw}, tencentapp.Scheme{Query: tencentapp.Decoded}, tencentapp.Scheme{Query: tencentapp.Joined},
		TencentKeyPair, HuaweiSDK, huaweisdk.Scheme{Region: "region", Service: "service"},
	}
	f.Fuzz(func(t *testing.T, method, path, query, body, contentType, source string) {
		z := fuzzed{method, path, query, body, contentType, source}
		for _, way := range ways {
			s, err := NewSigner(way, algo.HMACSM3, Credential{"k", Secret("secret")}, WithSignedHeaders("source"), fuzzClock)
			if err != nil {
				t.Fatal(err)
			}
			req, err := z.request()
			if err != nil || s.Sign(req) != nil {
				continue
			}
			var wire bytes.Buffer
			if req.Write(&wire) != nil {
				continue // net/http refuses to send it
			}
			got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire.Bytes())))
			if err != nil {
				continue // or to receive it
			}
			id, err := v.Verify(got)
			if err != nil {
				t.Fatalf("%s %v\n%s", way.Name(), err, wire.Bytes())
			}
			if id.Scheme != way.Name() {
				t.Fatalf("signed as %s, accepted as %s", way.Name(), id.Scheme)
			}
			if b, _ := io.ReadAll(got.Body); string(b) != body {
				t.Fatalf("the body became %q", b)
			}
			if body != "" && way != TencentKeyPair {
				got.ContentLength = -1
				got.Body = io.NopCloser(strings.NewReader(body + "x"))
				_, err := v.Verify(got)
				if err == nil {
					t.Fatalf("accepted with a longer body")
				}
				if e := err.(*VerifyError); e.Explanation != nil && strings.Contains(e.Explanation.String(), "secret\n") {
					t.Fatal("the explanation holds the secret")
				}
			}
		}
	})
}
