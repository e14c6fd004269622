package hmacsign

import (
	"context"
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
