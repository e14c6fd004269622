package hmacsign_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// The first and the last of what is allowed, and their neighbours.
func TestBoundariesOfNames(t *testing.T) {
	for id, good := range map[string]bool{"!": true, "~": true, "a b": false, " ": false, "\x7f": false, "a\x1f": false, "é": false, strings.Repeat("k", 256): true, strings.Repeat("k", 257): false} {
		_, err := StaticKeys(&Key{ID: id, Secret: Secret("s")})
		require.Equal(t, good, err == nil, "%q", id)
	}
	for name, good := range map[string]bool{"!": true, "~": true, "x-a": true, "a\x7f": false, "a:b": false, "": false, "é": false} {
		_, err := NewSigner(TencentApp, "hmac-sm3", Credential{testID, Secret(testSecret)}, WithSignedHeaders(name))
		require.Equal(t, good, err == nil, "%q", name)
	}
	for key, good := range map[string]bool{"A": true, "Z": true, "Xa-Z": true, "Xz-A": true, "a": false, "z": false, "XA": false, "XZ": false, "X-a": false, "X-z": false, "X-AZ": false} {
		req := newRequest(t, "GET", "http://h/a", "")
		req.Header = http.Header{key: {"v"}}
		require.Equal(t, good, newSigner(t, "hmac-sm3").Sign(req) == nil, key)
	}
	_, err := SchemeByName(strings.Repeat("x", 64))
	require.NotContains(t, err.Error(), "...")
	_, err = SchemeByName(strings.Repeat("x", 65))
	require.Contains(t, err.Error(), strings.Repeat("x", 64)+"...")
}

func TestBoundariesOfOptions(t *testing.T) {
	for name, c := range map[string]struct {
		opt  VerifierOption
		good bool
	}{
		"no body": {WithMaxBody(0), true}, "less than none": {WithMaxBody(-1), false}, "no window": {WithWindow(0), false}, "a window": {WithWindow(1), true}, "less": {WithWindow(-1), false},
		"no form": {AcceptQueryForms(), false}, "a form": {AcceptQueryForms(QueryRaw), true}, "two, one unknown": {AcceptQueryForms(QueryRaw, "x"), false}, "header": {RequireSignedHeaders("a:b"), false},
	} {
		keys, err := StaticKeys()
		require.NoError(t, err)
		_, err = NewVerifier(keys, c.opt)
		require.Equal(t, c.good, err == nil, name)
	}
	v := newVerifier(t, WithMaxBody(0))
	_, err := v.Verify(signedGET(t, "http://h/a"))
	require.NoError(t, err)
	_, err = v.Verify(unsized(t, "x", "text/plain"))
	require.ErrorIs(t, err, ErrBodyTooLarge)
}

func TestBoundariesOfTheReplayStore(t *testing.T) {
	_, err := NewMemoryReplayStore(0)
	require.Error(t, err)
	s, err := NewMemoryReplayStore(1)
	require.NoError(t, err)
	ctx, id := context.Background(), [16]byte{1}
	seen := func(now, expires time.Duration) bool {
		seen, err := s.Seen(ctx, id, testTime.Add(now), testTime.Add(expires))
		require.NoError(t, err)
		return seen
	}
	require.False(t, seen(0, time.Second))
	require.True(t, seen(time.Second, time.Second), "at the very end of the window it is still known")
	require.False(t, seen(time.Second+time.Microsecond, 2*time.Second), "a later request may have the id of one that has expired")
	require.True(t, seen(time.Second+time.Microsecond, 2*time.Second))
}

// Where the secret of a keys file is cannot be said in two ways, one of them
// malformed.
func TestSecretSources(t *testing.T) {
	t.Setenv("TEST_SECRET", "s")
	for source, good := range map[string]bool{`{"env": "TEST_SECRET"}`: true, `{"env": "TEST_SECRET", "file": 5}`: false, `{"env": 5}`: false, `{}`: false, `null`: false, `["s"]`: false} {
		_, err := ReadKeys(strings.NewReader(`[{"id": "a", "secret": ` + source + `}]`))
		require.Equal(t, good, err == nil, source)
	}
}
