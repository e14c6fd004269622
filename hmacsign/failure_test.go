package hmacsign

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

// failing is a scheme whose digests come from a library that fails.
type failing struct{ huaweisdk.Scheme }

func (failing) Render([]byte, *scheme.Parts) []byte {
	panic(&algo.Failure{Backend: "test", Err: errors.New("license ran out")})
}

// A library that fails in a digest is an error, as one that fails in the MAC is.
func TestFailingBackendIsAnError(t *testing.T) {
	s, err := NewSigner(failing{}, "hmac-sm3", Credential{"id", Secret("secret")})
	require.NoError(t, err)
	req, err := http.NewRequest("GET", "http://h/a", nil)
	require.NoError(t, err)
	require.ErrorIs(t, s.Sign(req), algo.ErrBackendUnavailable)
	require.Empty(t, req.Header, "nothing was changed")
	_, err = s.StringToSign(req)
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
	_, err = s.Transport(nil).RoundTrip(req)
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
}

// What a key is made of is cleared, whether there is a key then or not.
func TestSecretIsClearedAfterKeyIsMade(t *testing.T) {
	for backend, want := range map[string]error{"gmsm": nil, "no such": algo.ErrUnknownBackend} {
		secret := []byte("secret")
		_, err := newMAC("hmac-sm3", secret, backend)
		require.ErrorIs(t, err, want)
		require.Equal(t, make([]byte, 6), secret)
	}
}

// A derived key is on the backend of the key that it comes from, not on what is
// preferred at that moment.
func TestDerivedKeyStaysOnItsBackend(t *testing.T) {
	for _, backend := range []string{"gmsm", "faulty"} {
		base, err := newMAC("hmac-sm3", []byte("secret"), backend)
		require.NoError(t, err)
		d := newDialect(HuaweiSDK)
		claim := &scheme.Claim{KeyID: "id", Algorithm: "hmac-sm3", Scope: "20210311/r/s"}
		mac, err := keyed(d, base, Secret("secret"), claim)
		require.NoError(t, err)
		require.NotSame(t, base, mac, "which others use")
		require.Equal(t, backend, mac.Backend().Backend)
		again, err := keyed(d, base, Secret("secret"), claim)
		require.NoError(t, err)
		require.NotSame(t, mac, again, "each is its caller's to destroy")
		require.Equal(t, mac.Sum(nil, nil), again.Sum(nil, nil))
		same, err := keyed(newDialect(TencentApp), base, Secret("secret"), claim)
		require.NoError(t, err)
		require.Same(t, base, same, "a scheme without derived keys")
		claim.Scope = ""
		same, err = keyed(d, base, Secret("secret"), claim)
		require.NoError(t, err)
		require.Same(t, base, same)
	}
}
