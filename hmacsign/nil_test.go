package hmacsign_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// requireOneLine holds an error to one line that has these words.
func requireOneLine(t *testing.T, err error, words ...string) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	for _, word := range words {
		require.Contains(t, err.Error(), word)
	}
}

// What is nil where something is needed is an error that names it, and never a
// half-made signer or verifier.
func TestNilArguments(t *testing.T) {
	cred := Credential{testID, Secret(testSecret)}
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)

	s, err := NewSigner(nil, algo.HMACSM3, cred)
	requireOneLine(t, err, "NewSigner", "scheme")
	require.Nil(t, s)
	for i, opts := range [][]SignerOption{{nil}, {atTestTime(), nil}, {atTestTime(), nil, WithMaxBody(1)}} {
		s, err = NewSigner(TencentApp, algo.HMACSM3, cred, opts...)
		requireOneLine(t, err, "NewSigner", []string{"option 1 is nil", "option 2 is nil", "option 2 is nil"}[i], "leave it out")
		require.Nil(t, s)
	}
	var none Option
	_, err = NewSigner(TencentApp, algo.HMACSM3, cred, none)
	requireOneLine(t, err, "option 1 is nil")
	s, err = NewSigner(TencentApp, algo.HMACSM3, Credential{KeyID: testID})
	require.ErrorIs(t, err, algo.ErrEmptySecret)
	require.Nil(t, s)

	v, err := NewVerifier(nil)
	requireOneLine(t, err, "NewVerifier", "key store")
	require.Nil(t, v)
	for i, opts := range [][]VerifierOption{{nil}, {atTestTime(), nil}, {atTestTime(), nil, WithMaxBody(1)}} {
		v, err = NewVerifier(keys, opts...)
		requireOneLine(t, err, "NewVerifier", []string{"option 1 is nil", "option 2 is nil", "option 2 is nil"}[i], "leave it out")
		require.Nil(t, v)
	}
	v, err = NewVerifier(keys, WithBackend("no such"))
	require.ErrorIs(t, err, algo.ErrUnknownBackend)
	requireOneLine(t, err, "no such")
	require.Nil(t, v)
	for _, opt := range []Option{WithClock(nil), WithBudget(nil)} {
		_, err = NewVerifier(keys, opt)
		requireOneLine(t, err, "hmacsign: With", "no ")
		_, err = NewSigner(TencentApp, algo.HMACSM3, cred, opt)
		requireOneLine(t, err, "hmacsign: With", "no ")
	}
	for _, opt := range []VerifierOption{WithReplayGuard(nil), WithObserver(nil), AcceptSchemes(), AcceptSchemes(TencentApp, nil)} {
		_, err = NewVerifier(keys, opt)
		requireOneLine(t, err, "hmacsign: ")
	}

	_, err = StaticKeys(&Key{ID: "a", Secret: Secret("b")}, nil)
	requireOneLine(t, err, "StaticKeys", "key 2 is nil", "leave it out")
	_, err = StaticKeys(&Key{})
	requireOneLine(t, err, "key id")
	_, err = StaticKeys(&Key{ID: "a"})
	require.ErrorIs(t, err, algo.ErrEmptySecret)
}

// A store's answer is not trusted to be one.
func TestStoresWithoutAnAnswer(t *testing.T) {
	for what, c := range map[string]struct {
		key    *Key
		reason error
		words  string
	}{
		"neither key nor error": {nil, ErrUnknownKey, "neither a key nor an error"},
		"a zero key":            {&Key{}, ErrUnknownKey, "another key"},
		"no secret":             {&Key{ID: testID}, ErrUnavailable, "empty secret"},
	} {
		v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return c.key, nil }), atTestTime())
		require.NoError(t, err)
		for _, f := range forms() {
			req := newRequest(t, "GET", "http://h/a", "")
			require.NoError(t, f.signer(t, algo.HMACSM3).Sign(req))
			_, err = v.Verify(req)
			require.ErrorIs(t, err, c.reason, what)
			requireOneLine(t, err, c.words)
		}
	}
}

// One that nobody made says so as soon as it is used.
func TestUseOfWhatNobodyMade(t *testing.T) {
	req := newRequest(t, "GET", "http://h/a", "")
	for _, s := range []*Signer{nil, {}} {
		for what, use := range map[string]func(){
			"Sign":         func() { s.Sign(req) },
			"StringToSign": func() { s.StringToSign(req) },
			"Transport":    func() { s.Transport(nil) },
			"Backend":      func() { s.Backend() },
		} {
			require.PanicsWithValue(t, "hmacsign: a Signer was used that NewSigner did not make: a nil or a zero one", use, what)
		}
	}
	for _, v := range []*Verifier{nil, {}} {
		for what, use := range map[string]func(){
			"Verify":     func() { v.Verify(req) },
			"Middleware": func() { v.Middleware(http.NotFoundHandler()) },
		} {
			require.PanicsWithValue(t, "hmacsign: a Verifier was used that NewVerifier did not make: a nil or a zero one", use, what)
		}
	}
	for _, f := range []*FileKeys{nil, {}} {
		for what, use := range map[string]func(){
			"Key":      func() { f.Key(t.Context(), "a") },
			"Len":      func() { f.Len() },
			"LoadedAt": func() { f.LoadedAt() },
			"Err":      func() { f.Err() },
			"Ready":    func() { f.Ready(t.Context()) },
			"Reload":   func() { f.Reload() },
		} {
			require.PanicsWithValue(t, "hmacsign: a FileKeys was used that OpenKeys did not make: a nil or a zero one", use, what)
		}
	}
	require.PanicsWithValue(t, "hmacsign: Middleware: no handler: give the one that the requests are for", func() { newVerifier(t).Middleware(nil) })
}

// Requests without what net/http always gives are refused, too.
func TestRequestsWithNothing(t *testing.T) {
	v := newVerifier(t)
	for _, f := range forms() {
		s := f.signer(t, algo.HMACSM3)
		for _, req := range []*http.Request{{}, {Method: "GET"}, {Header: http.Header{}}} {
			requireOneLine(t, s.Sign(req), "hmacsign: ")
			_, err := s.StringToSign(req)
			requireOneLine(t, err, "hmacsign: ")
			_, err = v.Verify(req)
			requireOneLine(t, err, "hmacsign: ")
		}
		signed := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(signed))
		_, err := v.Verify(&http.Request{Header: signed.Header})
		requireOneLine(t, err, "hmacsign: ")
		_, err = v.Verify(signed)
		require.NoError(t, err)
	}
	w := httptest.NewRecorder()
	v.Middleware(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.False(t, strings.Contains(w.Body.String(), "panic"))
}
