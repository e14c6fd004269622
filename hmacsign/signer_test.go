package hmacsign_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

func stringToSign(t testing.TB, s *Signer, req *http.Request) string {
	text, err := s.StringToSign(req)
	require.NoError(t, err)
	return text
}

func lastField(text string) string { return text[strings.LastIndex(text, "\n")+1:] }

func TestPathAndParameters(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct{ url, body, documented, raw, decoded string }{
		{"http://h", "", "/", "/", "/"},
		{"http://h/release", "", "/", "/", "/"},
		{"http://h/release/", "", "/", "/", "/"},
		{"http://h/test/v1", "", "/v1", "/v1", "/v1"},
		{"http://h/prepub/test/v1", "", "/test/v1", "/test/v1", "/test/v1"},
		{"http://h/releases/v1", "", "/releases/v1", "/releases/v1", "/releases/v1"},
		{"http://h/release%2Fv1", "", "/release%2Fv1", "/release%2Fv1", "-"},
		{"http://h/Release/v1", "", "/Release/v1", "/Release/v1", "/Release/v1"},
		{"http://h/a//b/", "", "/a//b/", "/a//b/", "/a//b/"},
		{"http://h/a?", "", "/a", "/a", "/a"},
		{"http://h/a?b=2&a=1&b=10", "", "/a?a=1&b=10&b=2", "/a?a=1&b=10&b=2", "/a?a=1&b=10&b=2"},
		{"http://h/a?x=&y&z=0", "", "/a?x&y&z=0", "/a?x=&y&z=0", "/a?x&y&z=0"},
		{"http://h/a?a-b=1&a=2", "", "/a?a=2&a-b=1", "/a?a-b=1&a=2", "/a?a=2&a-b=1"},
		{"http://h/a?a=b=c", "", "/a?a=b=c", "/a?a=b=c", "/a?a=b=c"},
		{"http://h/a?&&a=1&", "", "/a?a=1", "/a?&&&a=1", "/a?a=1"},
		{"http://h/a%20b?q=%E4%B8%AD&p=x+y", "", "/a%20b?p=x+y&q=%E4%B8%AD", "/a%20b?p=x+y&q=%E4%B8%AD", "/a b?p=x y&q=中"},
		{"http://h/a?a=1%26b%3D2", "", "/a?a=1%26b%3D2", "/a?a=1%26b%3D2", "-"},
		{"http://h/a?a=%0A", "", "/a?a=%0A", "/a?a=%0A", "-"},
		{"http://h/a?q=1", "f=2&e=", "/a?e&f=2&q=1", "/a?e=&f=2&q=1", "/a?e&f=2&q=1"},
	} {
		for form2, want := range map[tencentapp.QueryForm]string{tencentapp.Documented: c.documented, tencentapp.Raw: c.raw, tencentapp.Decoded: c.decoded} {
			req := newRequest(t, "POST", c.url, c.body)
			if c.body != "" {
				req.Header.Set("Content-Type", form)
			}
			text, err := newSignerIn(t, signingQuery(form2), algo.HMACSM3).StringToSign(req)
			if want == "-" {
				require.ErrorIs(t, err, ErrMalformed, "%d %s", form2, c.url)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, lastField(text), "%d %s", form2, c.url)
		}
	}
	text := stringToSign(t, newSignerIn(t, tencentapp.Scheme{KeepEnvironment: true}, algo.HMACSM3), newRequest(t, "GET", "http://h/release/v1", ""))
	require.Equal(t, "/release/v1", lastField(text))
}

func TestSignSetsWhatTheServerNeeds(t *testing.T) {
	req := newRequest(t, "POST", "http://h/a", `{"n":1}`, "Content-Type", "application/json", "Source", "apigw test")
	require.NoError(t, newSigner(t, algo.HMACSM3, WithSignedHeaders("Source")).Sign(req))
	require.Equal(t, "*/*", req.Header.Get("Accept"), "else something may add it on the way")
	require.Equal(t, "Thu, 11 Mar 2021 08:29:58 GMT", req.Header.Get("X-Date"))
	require.Equal(t, "MDgyYzI2YzhhNmJjNzUyMjZhMzFkYTU0OTVjYzkyOTI=", req.Header.Get("Content-MD5"))
	require.Regexp(t, `^hmac id="test-key", algorithm="hmac-sm3", headers="source x-date", signature="[A-Za-z0-9+/]{43}="$`, req.Header.Get("Authorization"))

	req = newRequest(t, "POST", "http://h/a", `{"n":1}`)
	require.NoError(t, newSignerIn(t, tencentapp.Scheme{ContentMD5: tencentapp.MD5None}, algo.HMACSM3).Sign(req))
	require.NotContains(t, req.Header, "Content-Md5")
}

func TestSignAgainReplaces(t *testing.T) {
	req := newRequest(t, "POST", "http://h/a", "body")
	require.NoError(t, newSigner(t, algo.HMACSHA1).Sign(req))
	require.NoError(t, newSigner(t, algo.HMACSM3).Sign(req))
	require.Len(t, req.Header["Authorization"], 1)
	require.Len(t, req.Header["X-Date"], 1)
	_, err := newVerifier(t).Verify(req)
	require.NoError(t, err)
}

func TestStringToSignChangesNothing(t *testing.T) {
	req := newRequest(t, "POST", "http://h/a", "body")
	first := stringToSign(t, newSigner(t, algo.HMACSM3), req)
	require.Empty(t, req.Header)
	require.Equal(t, first, stringToSign(t, newSigner(t, algo.HMACSM3), req), "and the body can be read again")
}

// A body that streams is read once and then has a length and a GetBody.
func TestSignKeepsTheBody(t *testing.T) {
	for _, body := range []string{"", "text"} {
		req, err := http.NewRequest("PUT", "http://h/a", io.MultiReader(strings.NewReader(body)))
		require.NoError(t, err)
		require.NoError(t, newSigner(t, algo.HMACSM3).Sign(req))
		require.EqualValues(t, len(body), req.ContentLength)
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
		again, err := req.GetBody()
		require.NoError(t, err)
		got, err = io.ReadAll(again)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
	}
}

func TestSignRefuses(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("half"), iotest{errors.New("disk on fire")})
	for name, c := range map[string]struct {
		want error
		make func() *http.Request
		opts []SignerOption
	}{
		"signed header missing": {ErrSignedHeaders, func() *http.Request { return newRequest(t, "GET", "http://h/", "") }, []SignerOption{WithSignedHeaders("source")}},
		"signed header repeated": {ErrSignedHeaders, func() *http.Request {
			return newRequest(t, "GET", "http://h/", "", "Source", "a", "Source", "b")
		}, []SignerOption{WithSignedHeaders("source")}},
		"Accept repeated":     {ErrSignedHeaders, func() *http.Request { return newRequest(t, "GET", "http://h/", "", "Accept", "a", "Accept", "b") }, nil},
		"newline in a header": {ErrMalformed, func() *http.Request { return newRequest(t, "GET", "http://h/", "", "Content-Type", "a\nb") }, nil},
		"header key not canonical": {ErrMalformed, func() *http.Request {
			req := newRequest(t, "GET", "http://h/", "")
			req.Header["x-date"] = []string{"then"}
			return req
		}, nil},
		"wrong Content-MD5": {ErrBodyDigest, func() *http.Request { return newRequest(t, "PUT", "http://h/", "b", "Content-MD5", "AAAA") }, nil},
		"lower-case method": {ErrMalformed, func() *http.Request { return newRequest(t, "get", "http://h/", "") }, nil},
		"invalid query":     {ErrMalformed, func() *http.Request { return newRequest(t, "GET", "http://h/?a=%zz", "") }, nil},
		"invalid form": {ErrMalformed, func() *http.Request {
			return newRequest(t, "POST", "http://h/", "a=%", "Content-Type", "application/x-www-form-urlencoded")
		}, nil},
		"newline in a form": {ErrMalformed, func() *http.Request {
			return newRequest(t, "POST", "http://h/", "a=1\n", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}, nil},
		"body too large": {ErrBodyTooLarge, func() *http.Request { return newRequest(t, "POST", "http://h/", "12345") }, []SignerOption{WithMaxBody(4)}},
		"streamed body too large": {ErrBodyTooLarge, func() *http.Request {
			req, _ := http.NewRequest("POST", "http://h/", io.MultiReader(strings.NewReader("12345")))
			return req
		}, []SignerOption{WithMaxBody(4)}},
		"body breaks": {ErrBody, func() *http.Request { req, _ := http.NewRequest("POST", "http://h/", broken); return req }, nil},
		"opaque URL": {ErrMalformed, func() *http.Request {
			req := newRequest(t, "GET", "http://h/", "")
			req.URL.Opaque = "//h/a"
			return req
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			req := c.make()
			before := req.Header.Clone()
			err := newSigner(t, algo.HMACSM3, c.opts...).Sign(req)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, before, req.Header, "a failed Sign changes no header")
			if strings.HasPrefix(name, "body too") || strings.HasPrefix(name, "streamed") {
				left, err := io.ReadAll(req.Body)
				require.NoError(t, err)
				require.Equal(t, "12345", string(left), "nothing of the body is lost")
			}
		})
	}
}

type iotest struct{ err error }

func (r iotest) Read([]byte) (int, error) { return 0, r.err }

func TestNewSignerRefuses(t *testing.T) {
	good := Credential{testID, Secret(testSecret)}
	for name, c := range map[string]struct {
		algorithm string
		cred      Credential
		opts      []SignerOption
	}{
		"unknown algorithm":   {"hmac-md5", good, nil},
		"empty secret":        {algo.HMACSM3, Credential{KeyID: testID}, nil},
		"no key id":           {algo.HMACSM3, Credential{"", Secret(testSecret)}, nil},
		"quote in the key id": {algo.HMACSM3, Credential{`a"b`, Secret(testSecret)}, nil},
		"unknown backend":     {algo.HMACSM3, good, []SignerOption{WithBackend("nonesuch")}},
		"header with a space": {algo.HMACSM3, good, []SignerOption{WithSignedHeaders("a b c:")}},
		"signs Authorization": {algo.HMACSM3, good, []SignerOption{WithSignedHeaders("Authorization")}},
		"65 signed headers":   {algo.HMACSM3, good, []SignerOption{WithSignedHeaders(manyHeaders(64)...)}},
		"negative body limit": {algo.HMACSM3, good, []SignerOption{WithMaxBody(-1)}},
	} {
		_, err := NewSigner(TencentApp, c.algorithm, c.cred, c.opts...)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), testSecret)
		require.NotContains(t, err.Error(), "\n")
	}
}

func manyHeaders(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("x-", i))
	}
	return names
}

// A transport signs a clone, closes the body, and on an error sends nothing.
func TestTransport(t *testing.T) {
	server := httptest.NewServer(newVerifier(t).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%v %s %s", ok, id.KeyID, body)
	})))
	defer server.Close()
	client := &http.Client{Transport: newSigner(t, algo.HMACSM3).Transport(nil)}

	body := &closes{Reader: strings.NewReader("hello")}
	req, err := http.NewRequest("POST", server.URL+"/release/a?b=1", body)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "true test-key hello", string(got))
	require.Empty(t, req.Header, "the caller's request stays as it was")
	require.Same(t, body, req.Body)
	require.True(t, body.closed)

	body = &closes{Reader: strings.NewReader("hello")}
	req, err = http.NewRequest("get", server.URL, body)
	require.NoError(t, err)
	resp, err = client.Transport.RoundTrip(req)
	require.ErrorIs(t, err, ErrMalformed)
	require.Nil(t, resp)
	require.True(t, body.closed)

	// A redirect is another request: its body is sent again and signed anew.
	hops := 0
	redirect := httptest.NewServer(newVerifier(t).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hops++; r.URL.Path == "/from" {
			http.Redirect(w, r, "/to", http.StatusTemporaryRedirect)
			return
		}
		io.Copy(w, r.Body)
	})))
	defer redirect.Close()
	resp, err = client.Post(redirect.URL+"/from", "text/plain", strings.NewReader("again"))
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, []any{"again", 2}, []any{string(got), hops})
}

type closes struct {
	io.Reader
	closed bool
}

func (c *closes) Close() error { c.closed = true; return nil }

// The time is an argument: two clocks, two dates, no wall clock in between.
func TestClockDecides(t *testing.T) {
	at := func(offset time.Duration) Option {
		return WithClock(func() time.Time { return testTime.Add(offset) })
	}
	for offset, want := range map[time.Duration]error{
		0: nil, 900 * time.Second: nil, -900 * time.Second: nil,
		901 * time.Second: ErrExpired, -901 * time.Second: ErrExpired, 1e6 * time.Hour: ErrExpired,
	} {
		req := newRequest(t, "GET", "http://h/", "")
		require.NoError(t, newSigner(t, algo.HMACSM3).Sign(req))
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
		require.NoError(t, err)
		v, err := NewVerifier(keys, at(offset))
		require.NoError(t, err)
		_, err = v.Verify(req)
		require.ErrorIs(t, err, want, offset.String())
	}
}

func TestMultipartIsSignedWhole(t *testing.T) {
	const boundary = "multipart/form-data; boundary=XX"
	body := "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX--\r\n"
	req := newRequest(t, "POST", "http://h/up?z=1", body, "Content-Type", boundary)
	require.NoError(t, newSigner(t, algo.HMACSM3).Sign(req))
	_, err := newVerifier(t).Verify(req)
	require.NoError(t, err)
	req.Body = io.NopCloser(bytes.NewReader([]byte(strings.Replace(body, "\n1\r", "\n2\r", 1))))
	_, err = newVerifier(t).Verify(req)
	require.ErrorIs(t, err, ErrBodyDigest)
}

func TestSignAllocations(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which allocate")
	}
	for _, algorithm := range algo.Algorithms() {
		s := newSigner(t, algorithm)
		if s.Backend().Backend == "gmsm" {
			continue // its library allocates
		}
		req := newRequest(t, "GET", "http://h/a/b?c=1&b=3", "", "Accept", "application/json")
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
			if err := s.Sign(req); err != nil {
				t.Fatal(err)
			}
		}), 6.0, algorithm)
	}
}
