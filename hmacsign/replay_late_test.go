package hmacsign

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A copy of a request whose time was taken just before the window's end must not
// pass because another request, a moment later, made the store forget the first.
func TestReplayStoreDoesNotForgetForTheLate(t *testing.T) {
	store, err := NewMemoryReplayStore(10)
	require.NoError(t, err)
	end := time.Unix(1_800_000_000, 0)
	ctx := context.Background()
	id, other := [16]byte{0: 1, 15: 1}, [16]byte{0: 2, 15: 1} // one shard
	seen, err := store.Seen(ctx, id, end.Add(-time.Minute), end)
	require.NoError(t, err)
	require.False(t, seen)
	seen, err = store.Seen(ctx, other, end.Add(time.Millisecond), end.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, seen)
	seen, err = store.Seen(ctx, id, end.Add(-time.Millisecond), end)
	require.NoError(t, err)
	require.True(t, seen, "the copy was accepted a second time")
}

// A request that is a repetition was signed well: nothing is looked for in it.
func TestReplayIsNoMistakeOfSigning(t *testing.T) {
	store, err := NewMemoryReplayStore(10)
	require.NoError(t, err)
	s, err := NewSigner(TencentApp, "hmac-sm3", Credential{"key", Secret("one secret for all")})
	require.NoError(t, err)
	v, err := NewVerifier(staticKeys{"key": {ID: "key", Secret: Secret("one secret for all")}}, WithReplayGuard(store), WithExplanations())
	require.NoError(t, err)
	req, err := http.NewRequest("GET", "http://h/a", nil)
	require.NoError(t, err)
	require.NoError(t, s.Sign(req))
	_, err = v.Verify(req)
	require.NoError(t, err)
	_, err = v.Verify(req)
	var refused *VerifyError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, ErrReplayed)
	require.Nil(t, refused.Explanation, "it said that the secret is to be checked")
}
