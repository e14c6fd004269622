package hmacsign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

// countingDeriver counts the keys that are derived.
type countingDeriver struct {
	huaweisdk.Scheme
	derived *int
}

func (d countingDeriver) Derive(c *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	*d.derived++
	return d.Scheme.Derive(c, secret, mac)
}

// A derived key is kept for the requests that follow, but only once a signature was
// right under it, and only the last.
func TestDerivedKeysAreKeptForWhoKnowsTheSecret(t *testing.T) {
	derived := 0
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Previous: Secret("the secret before this one")})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime(), AcceptSchemes(countingDeriver{huaweisdk.Scheme{}, &derived}))
	require.NoError(t, err)
	verify := func(secret, region string) error {
		s, err := NewSigner(huaweisdk.Scheme{Region: region, Service: "apig"}, "hmac-sm3", Credential{testID, Secret(secret)}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		derived = 0
		_, err = v.Verify(req)
		return err
	}
	for range 2 {
		require.ErrorIs(t, verify("a secret that is not the key's", "north"), ErrSignature)
		require.Equal(t, 2, derived, "nothing is kept of a wrong signature")
	}
	require.NoError(t, verify(testSecret, "north"))
	require.Equal(t, 2, derived)
	require.NoError(t, verify(testSecret, "north"))
	require.Equal(t, 1, derived, "the key of the secret was kept")
	require.ErrorIs(t, verify("a secret that is not the key's", "north"), ErrSignature)
	require.NoError(t, verify(testSecret, "north"))
	require.Equal(t, 1, derived, "and is not destroyed by a wrong signature")
	require.NoError(t, verify(testSecret, "south"))
	require.Equal(t, 2, derived, "another scope has another key")
	require.NoError(t, verify("the secret before this one", "south"))
	require.NoError(t, verify("the secret before this one", "south"))
	require.Equal(t, 1, derived, "the key of the secret before was kept")
	require.NoError(t, verify(testSecret, "south"))
	require.Equal(t, 1, derived)
}
