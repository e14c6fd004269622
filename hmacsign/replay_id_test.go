package hmacsign

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// renamed is a scheme under another name: what it signs is the same.
type renamed struct {
	Scheme
	name string
}

func (r renamed) Name() string { return r.name }

type lastID struct{ id [16]byte }

func (l *lastID) Seen(_ context.Context, id [16]byte, _, _ time.Time) (bool, error) {
	l.id = id
	return false, nil
}

// What a replay store remembers tells requests apart by scheme, key and
// signature, each for itself: behind the part that all requests of a key share,
// equal signatures differ by scheme and key, and no part takes up where another
// one ends.
func TestReplayIDTellsItsPartsApart(t *testing.T) {
	now := time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC)
	clock := WithClock(func() time.Time { return now })
	idOf := func(name, keyID, target string) [16]byte {
		scheme := renamed{TencentApp, name}
		s, err := NewSigner(scheme, "hmac-sm3", Credential{keyID, Secret("one secret for all")}, clock)
		require.NoError(t, err)
		req, err := http.NewRequest("GET", "http://h"+target, nil)
		require.NoError(t, err)
		require.NoError(t, s.Sign(req))
		keys := staticKeys{keyID: {ID: keyID, Secret: Secret("one secret for all")}}
		store := new(lastID)
		v, err := NewVerifier(keys, clock, AcceptSchemes(scheme), WithReplayGuard(store))
		require.NoError(t, err)
		_, err = v.Verify(req)
		require.NoError(t, err)
		return store.id
	}
	id := idOf("tencent-app", "key", "/a")
	require.Equal(t, id, idOf("tencent-app", "key", "/a"))
	for what, other := range map[string][16]byte{
		"key":           idOf("tencent-app", "key2", "/a"),
		"scheme":        idOf("tencent-app2", "key", "/a"),
		"signature":     idOf("tencent-app", "key", "/b"),
		"where it ends": idOf("tencent-appk", "ey", "/a"),
		"no key before": idOf("tencent-a", "ppkey", "/a"),
	} {
		require.NotEqual(t, id[4:], other[4:], what)
	}
}
