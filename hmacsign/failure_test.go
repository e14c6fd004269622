package hmacsign

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

// failing is a scheme whose digests come from a library that fails.
type failing struct{ huaweiSDK }

func (failing) stringToSign([]byte, *message, *authorization, *canonical) ([]byte, error) {
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
