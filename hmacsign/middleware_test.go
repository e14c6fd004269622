package hmacsign_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// signedRequest is a server's view of a request that is signed correctly.
func signedRequest(t testing.TB, method, target, body string, headers ...string) *http.Request {
	req := newRequest(t, method, "http://h"+target, body, headers...)
	var signed []string
	for i := 0; i < len(headers); i += 2 {
		if name := strings.ToLower(headers[i]); name != "content-md5" && name != "accept" && name != "content-type" {
			signed = append(signed, name)
		}
	}
	require.NoError(t, newSigner(t, algo.HMACSM3, WithSignedHeaders(signed...)).Sign(req))
	req.RequestURI = target
	return req
}

func swap(header, old, new string) func(*http.Request) {
	return func(r *http.Request) {
		value := r.Header.Get(header)
		if !strings.Contains(value, old) {
			panic("nothing to swap in " + value)
		}
		r.Header.Set(header, strings.Replace(value, old, new, 1))
	}
}

func set(header, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(header)] = []string{value} }
}

func add(header, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(header, value) }
}

func resign(t testing.TB, text string) string {
	key, err := algo.NewKey(algo.HMACSM3, []byte(testSecret))
	require.NoError(t, err)
	return fmt.Sprintf("%x", key.Sum(nil, []byte(text)))
}

// Every way to be wrong that an unauthenticated sender has: the answer, the
// reason, and that neither the handler nor the secret is reached.
func TestMiddlewareRefuses(t *testing.T) {
	const auth = "Authorization"
	json := []string{"Content-Type", "application/json"}
	cases := map[string]struct {
		body   string
		header []string
		spoil  func(*http.Request)
		reason error
		status int
	}{
		"no header":                  {"", nil, func(r *http.Request) { r.Header.Del(auth) }, ErrNoAuthorization, 401},
		"empty header":               {"", nil, set(auth, ""), ErrNoAuthorization, 401},
		"two Authorization headers":  {"", nil, add(auth, "hmac x"), ErrMalformed, 401},
		"unknown scheme word":        {"", nil, swap(auth, "hmac ", "Bearer "), ErrMalformed, 401},
		"scheme word alone":          {"", nil, set(auth, "hmac"), ErrMalformed, 401},
		"duplicate parameter":        {"", nil, swap(auth, `algorithm=`, `id="x", algorithm=`), ErrMalformed, 401},
		"unknown parameter":          {"", nil, swap(auth, `algorithm=`, `realm="x", algorithm=`), ErrMalformed, 401},
		"missing parameter":          {"", nil, swap(auth, `algorithm="hmac-sm3", `, ``), ErrMalformed, 401},
		"empty parameter":            {"", nil, swap(auth, testID, ""), ErrMalformed, 401},
		"unterminated quote":         {"", nil, func(r *http.Request) { r.Header.Set(auth, strings.TrimSuffix(r.Header.Get(auth), `"`)) }, ErrMalformed, 401},
		"no quotes":                  {"", nil, func(r *http.Request) { r.Header.Set(auth, strings.ReplaceAll(r.Header.Get(auth), `"`, "")) }, ErrMalformed, 401},
		"no comma":                   {"", nil, swap(auth, `", headers`, `" headers`), ErrMalformed, 401},
		"comma at the end":           {"", nil, func(r *http.Request) { r.Header.Set(auth, r.Header.Get(auth)+",") }, ErrMalformed, 401},
		"backslash":                  {"", nil, swap(auth, testID, `a\\b`), ErrMalformed, 401},
		"1 MB header":                {"", nil, swap(auth, testID, strings.Repeat("a", 1<<20)), ErrMalformed, 401},
		"long key id":                {"", nil, swap(auth, testID, strings.Repeat("a", 300)), ErrMalformed, 401},
		"hundred signed headers":     {"", nil, swap(auth, `"x-date"`, `"x-date`+strings.Repeat(" a", 100)+`"`), ErrMalformed, 401},
		"unknown key":                {"", nil, swap(auth, testID, "nobody"), ErrUnknownKey, 401},
		"unknown algorithm":          {"", nil, swap(auth, "hmac-sm3", "hmac-md5"), ErrAlgorithm, 401},
		"no algorithm at all":        {"", nil, swap(auth, "hmac-sm3", "none"), ErrAlgorithm, 401},
		"forbidden algorithm":        {"", nil, swap(auth, "hmac-sm3", "hmac-sha1"), ErrAlgorithm, 401},
		"signed header missing":      {"", []string{"Source", "s"}, func(r *http.Request) { r.Header.Del("Source") }, ErrSignedHeaders, 401},
		"signed header repeated":     {"", []string{"Source", "s"}, add("Source", "s"), ErrSignedHeaders, 401},
		"signed header listed twice": {"", nil, swap(auth, `"x-date"`, `"x-date x-date"`), ErrSignedHeaders, 401},
		"header list with commas":    {"", []string{"Source", "s"}, swap(auth, "source x-date", "source,x-date"), ErrMalformed, 401},
		"Accept repeated":            {"", nil, add("Accept", "text/html"), ErrSignedHeaders, 401},
		"x-date not signed":          {"", []string{"Source", "s"}, swap(auth, "source x-date", "source"), ErrDate, 401},
		"x-date missing":             {"", nil, func(r *http.Request) { r.Header.Del("X-Date") }, ErrDate, 401},
		"x-date repeated":            {"", nil, add("X-Date", "Thu, 11 Mar 2021 08:29:58 GMT"), ErrSignedHeaders, 401},
		"bad date":                   {"", nil, set("X-Date", "2021-03-11T08:29:58Z"), ErrDate, 401},
		"local date":                 {"", nil, set("X-Date", "Thu, 11 Mar 2021 16:29:58 CST"), ErrDate, 401},
		"stale date":                 {"", nil, set("X-Date", "Thu, 11 Mar 2021 08:14:57 GMT"), ErrExpired, 401},
		"future date":                {"", nil, set("X-Date", "Thu, 11 Mar 2021 08:44:59 GMT"), ErrExpired, 401},
		"other date in the window":   {"", nil, set("X-Date", "Thu, 11 Mar 2021 08:29:59 GMT"), ErrSignature, 401},
		"other method":               {"", nil, func(r *http.Request) { r.Method = "DELETE" }, ErrSignature, 401},
		"lower-case method":          {"", nil, func(r *http.Request) { r.Method = "post" }, ErrMalformed, 401},
		"other path":                 {"", nil, func(r *http.Request) { r.RequestURI = "/other" }, ErrSignature, 401},
		"other query":                {"", nil, func(r *http.Request) { r.RequestURI += "&x=2" }, ErrSignature, 401},
		"other Accept":               {"", nil, set("Accept", "text/html"), ErrSignature, 401},
		"other Content-Type":         {"{}", json, set("Content-Type", "text/plain"), ErrSignature, 401},
		"other body":                 {"{}", json, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, ErrBodyDigest, 401},
		"Content-MD5 not the body's": {"{}", json, set("Content-MD5", "AAAA"), ErrSignature, 401},
		"Content-MD5 left empty":     {"{}", json, set("Content-MD5", ""), ErrSignature, 401},
		"body added": {"", nil, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1
		}, ErrSignature, 401},
		"chunked body added": {"", nil, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), -1
		}, ErrSignature, 401},
		"body over the limit": {"{}", json, func(r *http.Request) {
			r.Header.Del("Content-MD5")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 101))), 101
		}, ErrBodyTooLarge, 413},
		"endless chunked body": {"{}", json, func(r *http.Request) {
			r.Header.Del("Content-MD5")
			r.Body, r.ContentLength = io.NopCloser(endless{}), -1
		}, ErrBodyTooLarge, 413},
		"body breaks off": {"{}", json, func(r *http.Request) {
			r.Header.Del("Content-MD5")
			r.Body = io.NopCloser(iotest{errors.New("connection reset")})
		}, ErrBody, 400},
		"invalid base64":               {"", nil, swap(auth, `signature="`, `signature="*`), ErrMalformed, 401},
		"signature of nothing":         {"", nil, func(r *http.Request) { r.Header.Set(auth, sub(r.Header.Get(auth), "AA==")) }, ErrSignature, 401},
		"signature in hex":             {"", nil, func(r *http.Request) { r.Header.Set(auth, sub(r.Header.Get(auth), resign(t, "x"))) }, ErrSignature, 401},
		"invalid percent-encoding":     {"", nil, func(r *http.Request) { r.RequestURI = "/a?b=%2" }, ErrMalformed, 401},
		"invalid encoding in the path": {"", nil, func(r *http.Request) { r.RequestURI = "/a%zz" }, ErrMalformed, 401},
		"newline in the request line":  {"", nil, func(r *http.Request) { r.RequestURI = "/a?b=1\nc" }, ErrMalformed, 401},
		"too many parameters":          {"", nil, func(r *http.Request) { r.RequestURI = "/a?" + strings.Repeat("&", 10_001) }, ErrMalformed, 401},
	}
	for _, header := range []string{auth, "Accept", "Content-Type", "Content-MD5", "X-Date", "Source"} {
		for _, bad := range []string{"\r", "\n", "\x00", "\x7f"} {
			c := cases["other path"]
			c.body, c.header, c.reason = "{}", []string{"Source", "s"}, ErrMalformed
			c.spoil = func(r *http.Request) { set(header, r.Header.Get(header)[:1]+bad+r.Header.Get(header)[1:])(r) }
			if header == "Content-Type" {
				c.spoil = set(header, "application/"+bad+"json")
			}
			cases[fmt.Sprintf("%q in %s", bad, header)] = c
		}
	}
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Algorithms: []string{algo.HMACSM3}})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime(), WithMaxBody(100))
	require.NoError(t, err)
	handler := v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was reached") }))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			req := signedRequest(t, "POST", "/a?b=1", c.body, c.header...)
			_, err := v.Verify(req)
			require.NoError(t, err, "before it is spoiled")
			c.spoil(req)

			_, err = v.Verify(req)
			require.ErrorIs(t, err, c.reason)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			requireAnswer(t, w.Body.String(), c.reason)
			var e *VerifyError
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.status, e.Status())
			text := err.Error() + w.Body.String() + fmt.Sprintf("%+v", *e)
			require.NotContains(t, text, testSecret)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 500, "a stranger does not fill the log")
		})
	}
}

// sub puts another signature into an Authorization value.
func sub(auth, signature string) string {
	return auth[:strings.Index(auth, `signature="`)] + `signature="` + signature + `"`
}

func requireAnswer(t *testing.T, body string, reason error) {
	var answer struct{ Message, Reason string }
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.NotEmpty(t, answer.Message)
	require.NotContains(t, answer.Message, "StringToSign", "only where it was asked for")
	e := VerifyError{Refusal: scheme.Refusal{Reason: reason}}
	require.Equal(t, e.Code(), answer.Reason)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Base64 has one spelling of each signature: a second one would let a copy of a
// request pass as another.
func TestSignatureHasOneSpelling(t *testing.T) {
	req := signedRequest(t, "GET", "/", "")
	auth := req.Header.Get("Authorization")
	signature := auth[strings.Index(auth, `signature="`)+len(`signature="`) : len(auth)-1]
	last := signature[len(signature)-2] // its two low bits are padding
	for _, other := range []string{
		signature[:len(signature)-2] + string(last+1) + "=", strings.TrimSuffix(signature, "="),
		signature + "=", signature + "\n", " " + signature, signature + "AAAA",
	} {
		req.Header.Set("Authorization", sub(auth, other))
		_, err := newVerifier(t).Verify(req)
		require.Error(t, err, other)
	}
}

func TestMiddlewareEcho(t *testing.T) {
	req := signedRequest(t, "POST", "/?p=other", "", "Source", "apigw test", "Content-Type", "application/x-www-form-urlencoded")
	req.RequestURI = "/?p=test"
	req.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	newVerifier(t, EchoStringToSign()).Middleware(http.NotFoundHandler()).ServeHTTP(w, req)
	require.Equal(t, 401, w.Code)
	require.Equal(t, "hmac", w.Header().Get("WWW-Authenticate"))
	// The documentation's example of an answer.
	require.JSONEq(t, `{"message": "HMAC signature does not match, Server StringToSign:source: apigw test#x-date: Thu, 11 Mar 2021 08:29:58 GMT#POST#application\/json#application\/x-www-form-urlencoded##\/?p=test", "reason": "signature"}`, w.Body.String())
}

// A store that fails is not a refusal, and nothing of a request is lost.
func TestKeyStoreErrors(t *testing.T) {
	v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return nil, errors.New("database is down") }), atTestTime())
	require.NoError(t, err)
	_, err = v.Verify(signedRequest(t, "GET", "/", ""))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "database is down")
	w := httptest.NewRecorder()
	v.Middleware(http.NotFoundHandler()).ServeHTTP(w, signedRequest(t, "GET", "/", ""))
	require.Equal(t, 503, w.Code)
	require.NotContains(t, w.Body.String(), "database")

	v, err = NewVerifier(storeFunc(func(context.Context, string) (*Key, error) {
		return nil, fmt.Errorf("row 7: %w", ErrUnknownKey)
	}), atTestTime())
	require.NoError(t, err)
	_, err = v.Verify(signedRequest(t, "GET", "/", ""))
	require.ErrorIs(t, err, ErrUnknownKey)

	// A backend that this algorithm does not have: no other takes its place.
	v = newVerifier(t, WithBackend("gmsm"))
	req := newRequest(t, "GET", "http://h/", "")
	require.NoError(t, newSigner(t, algo.HMACSHA256).Sign(req))
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, algo.ErrUnknownBackend)
	// One that none has is a mistake.
	keys, err := StaticKeys()
	require.NoError(t, err)
	_, err = NewVerifier(keys, WithBackend("nonesuch"))
	require.ErrorIs(t, err, algo.ErrUnknownBackend)
}

// What is nil by mistake is an error at once: no guard that is off, no panic.
func TestNothingIsNilByMistake(t *testing.T) {
	keys, err := StaticKeys()
	require.NoError(t, err)
	for name, opt := range map[string]VerifierOption{"guard": WithReplayGuard(nil), "clock": WithClock(nil), "scheme": AcceptSchemes(nil), "no scheme": AcceptSchemes(), "budget": WithBudget(nil)} {
		_, err := NewVerifier(keys, opt)
		require.Error(t, err, name)
	}
	_, err = NewVerifier(nil)
	require.Error(t, err)
	_, err = NewSigner(nil, algo.HMACSM3, Credential{testID, Secret(testSecret)})
	require.Error(t, err)
	_, err = StaticKeys(nil)
	require.Error(t, err)
}

type storeFunc func(context.Context, string) (*Key, error)

func (f storeFunc) Key(ctx context.Context, id string) (*Key, error) { return f(ctx, id) }

// The old secret must not outlive its key: what is cached belongs to the Key.
func TestRotatedSecretIsForgotten(t *testing.T) {
	key := &Key{ID: testID, Secret: Secret(testSecret)}
	v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return key, nil }), atTestTime())
	require.NoError(t, err)
	req := signedRequest(t, "GET", "/", "")
	_, err = v.Verify(req)
	require.NoError(t, err)
	key = &Key{ID: testID, Secret: Secret("the next one")}
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrSignature)
}

func TestKeyIsForSchemesAndAlgorithms(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Schemes: []string{"tencent-app"}, Algorithms: []string{"hmac-sha256", "hmac-sm3"}})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	for algorithm, want := range map[string]error{"hmac-sha1": ErrAlgorithm, "hmac-sha256": nil, "hmac-sm3": nil} {
		req := newRequest(t, "GET", "http://h/", "")
		require.NoError(t, newSigner(t, algorithm).Sign(req))
		_, err = v.Verify(req)
		require.ErrorIs(t, err, want, algorithm)
	}
	v = newVerifier(t, RequireSignedHeaders("Source"))
	_, err = v.Verify(signedRequest(t, "GET", "/", ""))
	require.ErrorIs(t, err, ErrSignedHeaders)
	id, err := v.Verify(signedRequest(t, "GET", "/", "", "Source", "s"))
	require.NoError(t, err)
	require.Equal(t, &Identity{KeyID: testID, Scheme: "tencent-app", Algorithm: algo.HMACSM3,
		Backend: newSigner(t, algo.HMACSM3).Backend().Backend, SignedHeaders: []string{"source", "x-date"}, AlsoSigned: []string{"accept", "content-type", "content-md5"}, Form: "documented", Date: testTime}, id)
}

func TestAlgorithmInAnyCase(t *testing.T) {
	req := signedRequest(t, "GET", "/", "")
	swap("Authorization", "hmac-sm3", "hmac-SM3")(req) // as a PHP sample of the vendor has it
	_, err := newVerifier(t).Verify(req)
	require.NoError(t, err)
}

func TestQueryFormsAreAcceptedAsTold(t *testing.T) {
	sign := func(form tencentapp.QueryForm) *http.Request {
		req := newRequest(t, "GET", "http://h/a%20b?x=&y=%E4%B8%AD&x=1", "")
		require.NoError(t, newSignerIn(t, signingQuery(form), algo.HMACSM3).Sign(req))
		return req
	}
	for _, name := range tencentapp.QueryForms() {
		form, err := tencentapp.ParseQueryForm(name)
		require.NoError(t, err)
		id, err := newVerifier(t, acceptingQuery(form)).Verify(sign(form))
		require.NoError(t, err)
		require.Equal(t, name, id.Form)
		for _, other := range tencentapp.QueryForms() {
			if other != name {
				otherForm, err := tencentapp.ParseQueryForm(other)
				require.NoError(t, err)
				_, err = newVerifier(t, acceptingQuery(otherForm)).Verify(sign(form))
				require.ErrorIs(t, err, ErrSignature, "%s signed, %s accepted", name, other)
			}
		}
		// A verifier accepts what the vendor's samples sign, decoded parameters among
		// it, because it refuses where decoding would bring out a separator. Joined
		// values are of other clients, and two requests have one text.
		_, err = newVerifier(t).Verify(sign(form))
		if form == tencentapp.Joined {
			require.ErrorIs(t, err, ErrSignature, "joined is accepted only where asked to")
		} else {
			require.NoError(t, err, name)
		}
	}
	_, err := tencentapp.ParseQueryForm("x")
	require.Error(t, err)
	// One decoded text, two meanings: the second is not the one that was signed.
	v := newVerifier(t, acceptingQuery(tencentapp.Documented|tencentapp.Decoded))
	req := newRequest(t, "GET", "http://h/?a=1&b=2", "")
	require.NoError(t, newSignerIn(t, signingQuery(tencentapp.Decoded), algo.HMACSM3).Sign(req))
	_, err = v.Verify(req)
	require.NoError(t, err)
	req.URL.RawQuery = "a=1%26b%3D2"
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrSignature)
}

// Over a real socket, byte for byte: what net/http cannot send.
func TestRawRequests(t *testing.T) {
	reached := 0
	server := httptest.NewServer(newVerifier(t).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		io.Copy(w, r.Body)
	})))
	defer server.Close()
	send := func(request string) (int, string) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	req := newRequest(t, "POST", "http://h/release/a?z=1&b=%7e", "hello")
	require.NoError(t, newSigner(t, algo.HMACSM3).Sign(req))
	var head strings.Builder
	require.NoError(t, req.Header.Write(&head))
	good := "POST /release/a?z=1&b=%7e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + head.String()

	status, body := send(good + "Content-Length: 5\r\n\r\nhello")
	require.Equal(t, []any{200, "hello"}, []any{status, body})
	status, body = send(good + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
	require.Equal(t, []any{200, "hello"}, []any{status, body})
	require.Equal(t, 2, reached)

	for _, bad := range []string{
		strings.Replace(good, "b=%7e", "b=~", 1) + "Content-Length: 5\r\n\r\nhello",
		strings.Replace(good, "b=%7e", "b=%7E", 1) + "Content-Length: 5\r\n\r\nhello",
		strings.Replace(good, "/release/a", "/b", 1) + "Content-Length: 5\r\n\r\nhello",
		strings.Replace(good, "/release/a", "/releases/a", 1) + "Content-Length: 5\r\n\r\nhello",
		good + "Content-Length: 5\r\n\r\nhellx",
		good + "Content-Length: 4\r\n\r\nhell",
		good + "Content-Length: 0\r\n\r\n",
		good + "X-Date: Thu, 11 Mar 2021 08:29:58 GMT\r\nContent-Length: 5\r\n\r\nhello",
		good + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
	} {
		status, _ = send(bad)
		require.Equal(t, 401, status, bad)
	}
	require.Equal(t, 2, reached)
}

// One signer, one verifier, one key for everybody, under -race.
func TestSharedByManyGoroutines(t *testing.T) {
	v := newVerifier(t)
	for _, algorithm := range algo.Algorithms() {
		s := newSigner(t, algorithm)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 10 {
					body := strings.Repeat("x", i*j)
					req := newRequest(t, "POST", fmt.Sprintf("http://h/%d?q=%d", i, j), body)
					if err := s.Sign(req); err != nil {
						t.Error(err)
						return
					}
					id, err := v.Verify(req)
					if err != nil || id.Algorithm != algorithm {
						t.Error(id, err)
					}
					req.URL.RawQuery += "0"
					if _, err = v.Verify(req); !errors.Is(err, ErrSignature) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}
