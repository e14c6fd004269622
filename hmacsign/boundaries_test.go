package hmacsign_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
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
		"header": {RequireSignedHeaders("a:b"), false},
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

// A request that has expired behind one that has not is forgotten all the same,
// and each that is forgotten gives its key one place.
func TestReplayStoreForgetsOutOfOrder(t *testing.T) {
	s, err := NewMemoryReplayStore(1)
	require.NoError(t, err)
	ctx, late, early := context.Background(), [16]byte{1}, [16]byte{2}
	for id, expires := range map[[16]byte]time.Duration{late: time.Hour} {
		_, err := s.Seen(ctx, id, testTime, testTime.Add(expires))
		require.NoError(t, err)
	}
	_, err = s.Seen(ctx, early, testTime, testTime.Add(time.Second))
	require.NoError(t, err)
	seen, err := s.Seen(ctx, early, testTime.Add(time.Minute), testTime.Add(2*time.Minute))
	require.NoError(t, err)
	require.False(t, seen, "it expired a while ago")
	seen, err = s.Seen(ctx, late, testTime.Add(time.Minute), testTime.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, seen)

	if s, err = NewMemoryReplayStore(1); err != nil {
		t.Fatal(err)
	}
	add := func(n byte, now, expires time.Duration) error { // of one key and one shard
		_, err := s.Seen(ctx, [16]byte{9, 9, 9, 9, n}, testTime.Add(now), testTime.Add(expires))
		return err
	}
	n := byte(0)
	for ; add(n, 0, time.Duration(n+1)*time.Second) == nil; n++ {
		require.Less(t, n, byte(200))
	}
	require.NoError(t, add(n, 1500*time.Millisecond, time.Hour), "one has expired")
	require.ErrorIs(t, add(n+1, 1500*time.Millisecond, time.Hour), ErrReplayStoreFull, "and no more")
}

// The guard keeps a request for as long as it would be accepted: until its date
// is too old, or where any date is, for a window from now.
func TestReplayGuardExpiry(t *testing.T) {
	for _, c := range []struct {
		header string
		any    bool
		want   time.Duration
	}{{"x-date", false, DefaultWindow}, {"date", false, DefaultWindow}, {"x-date", true, DefaultWindow}, {"date", true, DefaultWindow + time.Minute}} {
		store := new(recorded)
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
		require.NoError(t, err)
		v, err := NewVerifier(keys, AcceptSchemes(tencentkeypair.Scheme{AcceptAnyDate: c.any}), WithReplayGuard(store), WithClock(func() time.Time { return testTime.Add(time.Minute) }))
		require.NoError(t, err)
		s, err := NewSigner(TencentKeyPair, "hmac-sm3", Credential{testID, Secret(testSecret)}, WithSignedHeaders(c.header), atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		_, err = v.Verify(req)
		require.NoError(t, err)
		require.Equal(t, []time.Time{testTime.Add(c.want)}, store.expires, "%s", c.header)
	}
}

// Parameters of query and form count together.
func TestParametersOfQueryAndForm(t *testing.T) {
	form := func(query, body int) error {
		req := newRequest(t, "POST", "http://h/?"+strings.Repeat("a&", query-1)+"a", strings.Repeat("b&", body-1)+"b", "Content-Type", formType)
		return newSigner(t, "hmac-sm3").Sign(req)
	}
	require.NoError(t, form(5000, 5000))
	require.ErrorIs(t, form(5000, 5001), ErrMalformed)
}
