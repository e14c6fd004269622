package hmacsign_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// movable is a clock that a test moves.
type movable struct{ off atomic.Int64 }

func (m *movable) now() time.Time        { return testTime.Add(time.Duration(m.off.Load())) }
func (m *movable) move(to time.Duration) { m.off.Store(int64(to)) }

func signedGET(t *testing.T, url string) *http.Request {
	req := newRequest(t, "GET", url, "")
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	return req
}

// slow is a body that takes some time to come.
type slow struct {
	io.Reader
	clock *movable
	takes time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	s.clock.move(s.takes)
	return s.Reader.Read(p)
}

func guarded(t *testing.T, clock *movable, opts ...VerifierOption) *Verifier {
	store, err := NewMemoryReplayStore(100)
	require.NoError(t, err)
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: "other", Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, append([]VerifierOption{WithClock(clock.now), WithReplayGuard(store)}, opts...)...)
	require.NoError(t, err)
	return v
}

// A body that comes slowly must not stretch the window: the clock counts as it
// is when the body is there.
func TestWindowEndsWhileTheBodyComes(t *testing.T) {
	for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
		for takes, want := range map[time.Duration]error{DefaultWindow: nil, DefaultWindow + time.Second: ErrExpired} {
			clock := new(movable)
			v := guarded(t, clock)
			req := newRequest(t, "POST", "http://h/a", "hello", "Content-Type", "text/plain")
			s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
			require.NoError(t, err)
			require.NoError(t, s.Sign(req))
			req.GetBody, req.ContentLength = nil, -1
			req.Body = io.NopCloser(slow{strings.NewReader("hello"), clock, takes})
			_, err = v.Verify(req)
			require.ErrorIs(t, err, want, "%s after %s", scheme.Name(), takes)
		}
	}
}

// What the guard has forgotten must not be accepted again because the clock went
// back.
func TestClockThatStepsBack(t *testing.T) {
	clock := new(movable)
	v := guarded(t, clock)
	first := signedGET(t, "http://h/a")
	_, err := v.Verify(first)
	require.NoError(t, err)
	clock.move(DefaultWindow + time.Second)
	later := newRequest(t, "GET", "http://h/later", "")
	s, err := NewSigner(TencentApp, "hmac-sm3", Credential{testID, Secret(testSecret)}, WithClock(clock.now))
	require.NoError(t, err)
	require.NoError(t, s.Sign(later))
	_, err = v.Verify(later)
	require.NoError(t, err)
	clock.move(0)
	_, err = v.Verify(first)
	require.Error(t, err)
	// A request of now is within the window of both times.
	now := signedGET(t, "http://h/now")
	clock.move(time.Minute)
	fresh := newRequest(t, "GET", "http://h/now", "")
	require.NoError(t, s.Sign(fresh))
	_, err = v.Verify(fresh)
	require.NoError(t, err)
	_, err = v.Verify(now)
	require.ErrorIs(t, err, ErrExpired)
}

// The largest window there is neither turns the guard off nor refuses a date.
func TestLargestWindow(t *testing.T) {
	clock := new(movable)
	v := guarded(t, clock, WithWindow(math.MaxInt64))
	req := signedGET(t, "http://h/a")
	clock.move(200 * 365 * 24 * time.Hour)
	_, err := v.Verify(req)
	require.NoError(t, err)
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrReplayed)
	other := signedGET(t, "http://h/b")
	_, err = v.Verify(other)
	require.NoError(t, err)
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrReplayed)
}

// recorded remembers what a verifier asks of a store.
type recorded struct {
	ids     [][16]byte
	expires []time.Time
	err     error
}

func (r *recorded) Seen(_ context.Context, id [16]byte, _, expires time.Time) (bool, error) {
	r.ids, r.expires = append(r.ids, id), append(r.expires, expires)
	return false, r.err
}

// Requests of one key have the first bytes of their ids in common, of two keys
// nothing.
func TestReplayIDs(t *testing.T) {
	store := new(recorded)
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: "other", Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime(), WithReplayGuard(store))
	require.NoError(t, err)
	for _, id := range []string{testID, "other"} {
		for _, path := range []string{"/a", "/b"} {
			s, err := NewSigner(TencentApp, "hmac-sm3", Credential{id, Secret(testSecret)}, atTestTime())
			require.NoError(t, err)
			req := newRequest(t, "GET", "http://h"+path, "")
			require.NoError(t, s.Sign(req))
			_, err = v.Verify(req)
			require.NoError(t, err)
		}
	}
	ids := store.ids
	require.Equal(t, ids[0][:4], ids[1][:4])
	require.Equal(t, ids[2][:4], ids[3][:4])
	require.NotEqual(t, ids[0][:4], ids[2][:4])
	require.NotEqual(t, ids[0][4:], ids[1][4:])
	require.NotEqual(t, ids[0][4:], ids[2][4:], "the same signature of another key")
	require.Equal(t, testTime.Add(DefaultWindow), store.expires[0])
}

// A key that fills its share is refused, the others are not.
func TestReplayStoreSharesItsRoom(t *testing.T) {
	s, err := NewMemoryReplayStore(10_000)
	require.NoError(t, err)
	ctx := context.Background()
	fill := func(key uint32, n int) (accepted int) {
		for i := range n {
			var id [16]byte
			binary.BigEndian.PutUint32(id[:], key)
			binary.BigEndian.PutUint64(id[4:], uint64(i)*0x9e3779b97f4a7c15)
			id[15] = byte(i)
			seen, err := s.Seen(ctx, id, testTime, testTime.Add(time.Minute))
			if err == nil && !seen {
				accepted++
			} else if err != nil {
				require.ErrorIs(t, err, ErrReplayStoreFull)
			}
		}
		return accepted
	}
	require.Equal(t, 10_000, fill(1, 10_000), "one key alone has the room that was asked for")
	fill(1, 100_000)
	require.Equal(t, 1000, fill(2, 1000), "the next key has room whatever the first one did")
	fill(2, 100_000)
	require.Equal(t, 1000, fill(3, 1000))
	// Its share comes back when its requests have expired.
	later := testTime.Add(2 * time.Minute)
	_, err = s.Seen(ctx, [16]byte{0, 0, 0, 1, 1}, later, later.Add(time.Minute))
	require.NoError(t, err)
}

// A store of keys that takes no notice of case must not make one signature good
// under several spellings of the id.
func TestKeyStoreThatAnswersWithAnotherKey(t *testing.T) {
	key := &Key{ID: testID, Secret: Secret(testSecret)}
	for name, c := range map[string]struct {
		answer *Key
		want   error
	}{"this key": {key, nil}, "another spelling": {&Key{ID: "Test-Key", Secret: Secret(testSecret)}, ErrUnknownKey}, "none": {nil, ErrUnknownKey}} {
		v, err := NewVerifier(storeFunc(func(context.Context, string) (*Key, error) { return c.answer, nil }), atTestTime())
		require.NoError(t, err)
		_, err = v.Verify(signedGET(t, "http://h/a"))
		if c.want == nil {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, c.want, name)
		}
	}
}

// A key whose requests must be for some services, so signed with a derived key.
func TestScopesOfAKey(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Scopes: []string{"cn-north-4/apig"}})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	for scope, want := range map[[2]string]error{{"cn-north-4", "apig"}: nil, {"cn-north-4", "ecs"}: ErrScope, {"eu", "apig"}: ErrScope, {}: ErrScope} {
		in := HuaweiSDK
		if scope[0] != "" {
			in = derived(t, scope[0], scope[1])
		}
		s, err := NewSigner(in, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		_, err = v.Verify(req)
		require.True(t, errors.Is(err, want), "%v: %v", scope, err)
	}
	req := newRequest(t, "GET", "http://h/a", "") // a scheme without scopes
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrScope)
	for _, scope := range []string{"", "apig", "a/b/c", "a/", "/b"} {
		_, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Scopes: []string{scope}})
		require.ErrorContains(t, err, "region/service", scope)
	}
}
