package hmacsign_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// refusals are requests of many kinds that are refused, beside one that is accepted.
func refusals() map[string]func(*WireRequest) {
	set := func(r *WireRequest, name, value string) {
		for i := range r.Header {
			if strings.EqualFold(r.Header[i].Name, name) {
				r.Header[i].Value = value
			}
		}
	}
	return map[string]func(*WireRequest){
		"": func(r *WireRequest) {},
		"signature": func(r *WireRequest) {
			for i := range r.Header {
				if f := &r.Header[i]; f.Name == "authorization" {
					at := strings.Index(strings.ToLower(f.Value), "signature=") + len("signature=") + 1
					other := "a"
					if f.Value[at] == 'a' {
						other = "b"
					}
					f.Value = f.Value[:at] + other + f.Value[at+1:]
				}
			}
		},
		"no_authorization": func(r *WireRequest) { set(r, "authorization", "") },
		"malformed":        func(r *WireRequest) { set(r, "authorization", "SDK-HMAC-SHA256 Access") },
		"date":             func(r *WireRequest) { set(r, "x-sdk-date", "today"); set(r, "x-date", "today") },
		"expired":          func(r *WireRequest) { set(r, "x-sdk-date", "20200101T000000Z") },
	}
}

func (r wireRequest) http(t *testing.T, url string) *http.Request {
	req, err := http.NewRequest(r.Method, url+r.Target, r.Body)
	require.NoError(t, err)
	req.Host = r.Host
	for _, f := range r.Header {
		req.Header.Add(f.Name, f.Value)
	}
	return req
}

type wireRequest struct{ *WireRequest }

// What Answer gives is what the middleware sends, in the words of the request's
// scheme, of a request of any transport.
func TestAnswerIsTheMiddlewares(t *testing.T) {
	v := wireVerifier(t, EchoStringToSign())
	server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()
	seen := 0
	for _, s := range Schemes() {
		for code, change := range refusals() {
			if code == "expired" && s != HuaweiSDK {
				continue
			}
			r := signedWire(t, s, "POST", "/a?c=d&a=b", "text/plain", "text")
			change(r)
			resp, err := http.DefaultClient.Do(wireRequest{r}.http(t, server.URL))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			resp.Body.Close()

			r.Body = io.NopCloser(strings.NewReader("text"))
			_, err = v.VerifyWire(t.Context(), r)
			if code == "" {
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				continue
			}
			var refused *VerifyError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, code, refused.Code())
			answer := v.Answer(refused)
			require.Equal(t, answer.Status, resp.StatusCode)
			require.Equal(t, string(answer.Body), string(body), "%s %s", s.Name(), code)
			require.Contains(t, string(body), `"reason":"`+code+`"`)
			for name, values := range answer.Header {
				require.Equal(t, values, resp.Header[name], name)
			}
			if code == "signature" {
				require.Contains(t, string(body), "Server StringToSign:")
			}
			seen++
		}
	}
	require.Equal(t, 3*4+1, seen)
}

// An error of one's own is answered too: in the words of its scheme, or else of the first.
func TestAnswerOfAnyError(t *testing.T) {
	v := wireVerifier(t, AcceptSchemes(TencentApp, HuaweiSDK))
	for name, s := range map[string]Scheme{"": TencentApp, "huawei-sdk": HuaweiSDK, "of another": TencentApp} {
		e := &VerifyError{Refusal: *scheme.Refuse(ErrUnknownKey, ""), Scheme: name}
		a := v.Answer(e)
		require.Equal(t, http.StatusUnauthorized, a.Status)
		require.Equal(t, s.Challenge(), a.Header.Get("WWW-Authenticate"))
		require.Contains(t, string(a.Body), s.Answer(&e.Refusal))
	}
	busy := v.Answer(&VerifyError{Refusal: *scheme.Refuse(ErrBusy, "")})
	require.Equal(t, http.StatusServiceUnavailable, busy.Status)
	require.Equal(t, "1", busy.Header.Get("Retry-After"))
	require.Empty(t, busy.Header.Get("WWW-Authenticate"))
}

// One's own answer takes the place of the vendor's, after the observer and for what is
// refused alone.
func TestWithRefusal(t *testing.T) {
	var order []string
	v := wireVerifier(t,
		WithObserver(func(_ *http.Request, id *Identity, e *VerifyError) {
			if e != nil {
				order = append(order, "observed "+e.Code())
			}
		}),
		WithRefusal(func(w http.ResponseWriter, r *http.Request, e *VerifyError) {
			order = append(order, "answered "+r.URL.Path)
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, e.Code())
		}))
	handler := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	for _, c := range []struct {
		target, body string
		status       int
	}{{"/a", "in", http.StatusOK}, {"/b", "signature", http.StatusTeapot}} {
		r := signedWire(t, HuaweiSDK, "GET", "/a", "", "")
		r.Body = http.NoBody
		r.Target = c.target
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, wireRequest{r}.http(t, "http://example.com"))
		require.Equal(t, c.status, got.Code)
		require.Equal(t, c.body, got.Body.String())
		require.Empty(t, got.Header().Get("WWW-Authenticate"))
	}
	require.Equal(t, []string{"observed signature", "answered /b"}, order)

	keys, err := StaticKeys(&Key{ID: "k", Secret: Secret("s")})
	require.NoError(t, err)
	_, err = NewVerifier(keys, WithRefusal(nil))
	require.ErrorContains(t, err, "WithRefusal")
}

func TestContextWithIdentity(t *testing.T) {
	_, ok := IdentityFrom(context.Background())
	require.False(t, ok)
	_, ok = IdentityFrom(ContextWithIdentity(context.Background(), nil))
	require.False(t, ok, "nobody is no one")
	outer := ContextWithIdentity(context.Background(), &Identity{KeyID: "outer"})
	inner := ContextWithIdentity(outer, &Identity{KeyID: "inner"})
	for ctx, want := range map[context.Context]string{outer: "outer", inner: "inner"} {
		id, ok := IdentityFrom(ctx)
		require.True(t, ok)
		require.Equal(t, want, id.KeyID)
	}
}

// A refusal carries its code and arguments beside its English text, and is read in
// other languages.
func TestVerifyErrorInLanguages(t *testing.T) {
	v := wireVerifier(t)
	r := signedWire(t, HuaweiSDK, "GET", "/a", "", "")
	_, err := v.VerifyWire(t.Context(), r)
	require.NoError(t, err)
	r.Header = append(r.Header, HeaderField{"X-Sdk-Date", "20200101T000000Z"})
	_, err = v.VerifyWire(t.Context(), r)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "signed_headers", e.Code())
	require.Equal(t, "header_repeated", e.DetailCode)
	require.Equal(t, "X-Sdk-Date", e.Args["header"])
	require.Equal(t, "header X-Sdk-Date is repeated", e.Detail)
	require.Equal(t, "hmacsign: signed header missing or repeated: header X-Sdk-Date is repeated", e.Error())
	require.Equal(t, e.Error(), e.In("en"))
	require.Equal(t, e.Error(), e.In("no such language"))
	require.NotEqual(t, e.Error(), e.In("zh"))
	require.Contains(t, e.In("zh"), "X-Sdk-Date")
	require.NotContains(t, e.In("zh"), "repeated")
	var refusal *scheme.Refusal
	require.ErrorAs(t, err, &refusal)
	require.True(t, errors.Is(refusal, ErrSignedHeaders))
}
