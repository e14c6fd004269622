package hmacsign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// countedApp and countedKeyPair are schemes that count the strings that they are
// asked for.
type countedApp struct {
	tencentapp.Scheme
	asked *atomic.Int64
}

func (c countedApp) Parts(p *scheme.Parts, m *scheme.Message, claim *scheme.Claim, form string) (bool, error) {
	c.asked.Add(1)
	return c.Scheme.Parts(p, m, claim, form)
}

type countedKeyPair struct {
	tencentkeypair.Scheme
	asked *atomic.Int64
}

func (c countedKeyPair) Parts(p *scheme.Parts, m *scheme.Message, claim *scheme.Claim, form string) (bool, error) {
	c.asked.Add(1)
	return c.Scheme.Parts(p, m, claim, form)
}

func signedIn(t *testing.T, in Scheme, keyID string) *http.Request {
	s, err := NewSigner(in, algo.HMACSM3, Credential{keyID, Secret(testSecret)}, atTestTime())
	require.NoError(t, err)
	req := newRequest(t, "POST", "http://h/a?b=1", "body")
	require.NoError(t, s.Sign(req))
	return req
}

// Where two schemes share a header, a request costs one string from the second of
// its key on, also where the keys of both come in turn.
func TestTheSchemeOfAKeyIsTriedFirst(t *testing.T) {
	var app, pair atomic.Int64
	keys, err := StaticKeys(&Key{ID: "of-app", Secret: Secret(testSecret)}, &Key{ID: "of-pair", Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime(), AcceptSchemes(countedApp{asked: &app}, countedKeyPair{asked: &pair}))
	require.NoError(t, err)
	ofApp, ofPair := signedIn(t, TencentApp, "of-app"), signedIn(t, TencentKeyPair, "of-pair")
	verify := func(req *http.Request, name string) {
		id, err := v.Verify(req)
		require.NoError(t, err)
		require.Equal(t, name, id.Scheme)
	}
	verify(ofPair, "tencent-keypair")
	require.Positive(t, app.Load(), "nothing is known of it yet")
	verify(ofApp, "tencent-app")
	app.Store(0)
	pair.Store(0)
	for range 10 {
		verify(ofPair, "tencent-keypair")
		verify(ofApp, "tencent-app")
	}
	require.EqualValues(t, 10, app.Load())
	require.EqualValues(t, 10, pair.Load())
	// A key that changes its scheme is accepted, and tried anew.
	verify(signedIn(t, TencentApp, "of-pair"), "tencent-app")
	app.Store(0)
	pair.Store(0)
	verify(signedIn(t, TencentApp, "of-pair"), "tencent-app")
	require.Zero(t, pair.Load())
	// A key that is known from a verifier of other schemes is of no scheme here.
	only, err := NewVerifier(keys, atTestTime(), AcceptSchemes(countedKeyPair{asked: &pair}))
	require.NoError(t, err)
	_, err = only.Verify(ofPair)
	require.NoError(t, err)
	_, err = only.Verify(ofApp)
	require.ErrorIs(t, err, ErrSignature)
}

// What is tried first makes no difference to what is said of a request, accepted
// or refused.
func TestTheOrderOfSchemesMakesNoDifference(t *testing.T) {
	requests := map[string]func() *http.Request{
		"of the first":            func() *http.Request { return signedIn(t, TencentApp, testID) },
		"of the second":           func() *http.Request { return signedIn(t, TencentKeyPair, testID) },
		"of the third":            func() *http.Request { return signedIn(t, HuaweiSDK, testID) },
		"of a key for the second": func() *http.Request { return signedIn(t, TencentKeyPair, "of-pair") },
		"of a key for another":    func() *http.Request { return signedIn(t, TencentApp, "of-pair") },
		"unknown key":             func() *http.Request { return signedIn(t, TencentApp, "nobody") },
		"unsigned":                func() *http.Request { return newRequest(t, "GET", "http://h/", "") },
	}
	for name, change := range map[string]func(*http.Request){
		"another path":      func(r *http.Request) { r.URL.Path = "/b" },
		"another date":      set("X-Date", testTime.Add(time.Second).Format(http.TimeFormat)),
		"expired":           set("X-Date", testTime.Add(time.Hour).Format(http.TimeFormat)),
		"no date":           func(r *http.Request) { r.Header.Del("X-Date") },
		"repeated date":     add("X-Date", "x"),
		"another body":      func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("yobd")) },
		"Accept unset":      func(r *http.Request) { r.Header.Del("Accept") },
		"malformed query":   func(r *http.Request) { r.URL.RawQuery = "%" },
		"another algorithm": swap("Authorization", algo.HMACSM3, algo.HMACSHA256),
		"algorithm unknown": swap("Authorization", algo.HMACSM3, "hmac-md5"),
		"no base64":         swap("Authorization", `signature="`, `signature="*`),
		"date not signed":   swap("Authorization", `"x-date"`, `"accept"`),
	} {
		for _, in := range []Scheme{TencentApp, TencentKeyPair} {
			requests[name+" of "+in.Name()] = func() *http.Request {
				req := signedIn(t, in, testID)
				change(req)
				return req
			}
		}
	}
	verifier := func(warm ...Scheme) *Verifier {
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: "of-pair", Secret: Secret(testSecret), Schemes: []string{"tencent-keypair"}})
		require.NoError(t, err)
		v, err := NewVerifier(keys, atTestTime(), WithExplanations())
		require.NoError(t, err)
		for _, in := range warm {
			_, err := v.Verify(signedIn(t, in, testID))
			require.NoError(t, err)
		}
		return v
	}
	verdict := func(v *Verifier, req *http.Request) string {
		id, err := v.Verify(req)
		var e *VerifyError
		if !errors.As(err, &e) {
			return fmt.Sprintf("%+v", *id)
		}
		said := fmt.Sprintf("%v %s %s %s %q", err, e.Scheme, e.KeyID, e.Algorithm, e.StringToSign)
		if e.Explanation != nil {
			said += e.Explanation.String()
		}
		left, err := io.ReadAll(orNone(req.Body))
		require.NoError(t, err)
		return said + string(v.Answer(e).Body) + string(left)
	}
	for name, request := range requests {
		want := verdict(verifier(), request())
		for _, warm := range [][]Scheme{{TencentApp}, {TencentKeyPair}, {HuaweiSDK}, {TencentKeyPair, HuaweiSDK}, {HuaweiSDK, TencentKeyPair}} {
			require.Equal(t, want, verdict(verifier(warm...), request()), "%s after %v", name, warm)
		}
	}
	// The one exception: a scheme that is tried in vain may read a body of which the
	// right one takes no notice, and meet its limit.
	v := newVerifier(t, WithMaxBody(3))
	long := func() *http.Request {
		req := signedIn(t, TencentKeyPair, testID)
		req.ContentLength = -1
		return req
	}
	_, err := v.Verify(long())
	require.ErrorIs(t, err, ErrBodyTooLarge)
	short := newRequest(t, "GET", "http://h/", "")
	require.NoError(t, newSignerIn(t, TencentKeyPair, algo.HMACSM3).Sign(short))
	_, err = v.Verify(short)
	require.NoError(t, err)
	_, err = v.Verify(long())
	require.NoError(t, err)
}

func orNone(body io.Reader) io.Reader {
	if body == nil {
		return http.NoBody
	}
	return body
}

// A request costs one question to the key store, however many schemes it may be of,
// whatever comes of it.
func TestTheKeyStoreIsAskedOnce(t *testing.T) {
	asked := 0
	key := &Key{ID: testID, Secret: Secret(testSecret), Previous: Secret("previous")}
	v, err := NewVerifier(storeFunc(func(_ context.Context, id string) (*Key, error) {
		if asked++; id != testID {
			return nil, ErrUnknownKey
		}
		return key, nil
	}), atTestTime(), WithExplanations())
	require.NoError(t, err)
	for _, in := range Schemes() {
		for _, f := range []func(*http.Request){
			func(*http.Request) {}, func(r *http.Request) { r.URL.Path = "/b" },
			set("X-Date", testTime.Add(time.Hour).Format(http.TimeFormat)), set("X-Sdk-Date", testTime.Add(time.Hour).Format("20060102T150405Z")),
		} {
			for range 2 {
				for _, id := range []string{testID, "nobody"} {
					req := signedIn(t, in, id)
					f(req)
					asked = 0
					v.Verify(req)
					require.Equal(t, 1, asked, "%s %s", in.Name(), id)
				}
			}
		}
	}
	asked = 0
	_, err = v.Verify(newRequest(t, "GET", "http://h/", ""))
	require.ErrorIs(t, err, ErrNoAuthorization)
	require.Zero(t, asked)
}

// formless has no form of its string for any request, silent says that each is that
// of another form, and neither is a reason to accept anything.
type formless struct{ tencentapp.Scheme }

func (formless) Name() string    { return "formless" }
func (formless) Forms() []string { return nil }

type silent struct{ tencentapp.Scheme }

func (silent) Name() string { return "silent" }
func (silent) Parts(*scheme.Parts, *scheme.Message, *scheme.Claim, string) (bool, error) {
	return false, nil
}

func TestNothingIsAcceptedWithoutAString(t *testing.T) {
	req := signedIn(t, TencentApp, testID)
	for _, in := range []Scheme{formless{}, silent{}} {
		for _, opts := range [][]VerifierOption{nil, {WithExplanations()}} {
			_, err := newVerifier(t, append(opts, AcceptSchemes(in))...).Verify(req)
			require.ErrorIs(t, err, ErrSignature, in.Name())
			var e *VerifyError
			require.ErrorAs(t, err, &e)
			require.Empty(t, e.StringToSign)
		}
		unsigned := newRequest(t, "GET", "http://h/", "")
		require.ErrorContains(t, newSignerIn(t, in, algo.HMACSM3).Sign(unsigned), in.Name())
		require.Empty(t, unsigned.Header)
	}
}

// One name is one scheme: options are set in its value.
func TestSchemesAreThereOnce(t *testing.T) {
	keys, err := StaticKeys()
	require.NoError(t, err)
	for _, twice := range [][]Scheme{{TencentApp, TencentApp}, {TencentApp, HuaweiSDK, tencentapp.Scheme{KeepEnvironment: true}}} {
		_, err = NewVerifier(keys, AcceptSchemes(twice...))
		requireOneLine(t, err, "tencent-app", "twice")
	}
	require.PanicsWithValue(t, "hmacsign: RegisterScheme: no scheme", func() { RegisterScheme(nil) })
	for _, in := range []Scheme{TencentApp, tencentkeypair.Scheme{AcceptAnyDate: true}, huaweisdk.Scheme{DecodeSlash: true}} {
		require.PanicsWithValue(t, "hmacsign: RegisterScheme: there is a scheme "+in.Name()+" already", func() { RegisterScheme(in) })
	}
	require.Len(t, Schemes(), 3, "none was added")
	list := Schemes()
	list[0] = nil
	require.NotNil(t, Schemes()[0], "a list of its own")
}

// What is refused is found by either type, and its reason and cause by errors.Is.
func TestRefusalsAreErrors(t *testing.T) {
	cause := errors.New("database is down")
	v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return nil, cause }), atTestTime())
	require.NoError(t, err)
	_, err = v.Verify(signedIn(t, TencentApp, testID))
	err = fmt.Errorf("wrapped: %w", err)
	var whole *VerifyError
	require.ErrorAs(t, err, &whole)
	var refusal *scheme.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Same(t, &whole.Refusal, refusal)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, ErrSignature)
	var failure *algo.Failure
	require.False(t, errors.As(err, &failure))
	require.Equal(t, testID, whole.KeyID)

	// So are the errors of a signer.
	req := newRequest(t, "GET", "http://h/?a=%", "", "X-Date", "before")
	err = newSigner(t, algo.HMACSM3).Sign(req)
	require.ErrorAs(t, err, &whole)
	require.Equal(t, []string{"tencent-app", testID, algo.HMACSM3, "malformed", "query_percent"}, []string{whole.Scheme, whole.KeyID, whole.Algorithm, whole.Code(), whole.DetailCode})
	require.Equal(t, http.Header{"X-Date": {"before"}}, req.Header)
	_, err = newSigner(t, algo.HMACSM3).StringToSign(req)
	require.ErrorAs(t, err, &whole)
}

// The form in which a request was signed is told.
func TestIdentityTellsTheForm(t *testing.T) {
	for form, req := range map[string]*http.Request{
		"documented": tencentByHand(newRequest(t, "GET", "http://h/a?b=", ""), "x-date: "+when+"\nGET\n*/*\n\n\n/a?b"),
		"raw":        tencentByHand(newRequest(t, "GET", "http://h/a?b=", ""), "x-date: "+when+"\nGET\n*/*\n\n\n/a?b="),
		"decoded":    tencentByHand(newRequest(t, "GET", "http://h/a%20b?c=%20d", ""), "x-date: "+when+"\nGET\n*/*\n\n\n/a b?c= d"),
		"decoded_parameters": tencentByHand(newRequest(t, "GET", "http://h/a%20b?c=%20d", ""),
			"x-date: "+when+"\nGET\n*/*\n\n\n/a%20b?c= d"),
	} {
		id, err := newVerifier(t).Verify(req)
		require.NoError(t, err, form)
		require.Equal(t, form, id.Form)
	}
	for _, in := range Schemes() {
		id, err := newVerifier(t).Verify(signedIn(t, in, testID))
		require.NoError(t, err)
		require.Equal(t, in.Forms()[0], id.Form)
	}
}
