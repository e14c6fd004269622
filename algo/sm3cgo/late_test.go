package sm3cgo_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// testRequestsFailLate signs and verifies on a library that fails by now.
func testRequestsFailLate(t *testing.T) {
	cred := hmacsign.Credential{KeyID: "k", Secret: hmacsign.Secret("k")}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, cred)
	require.NoError(t, err)
	req, err := http.NewRequest("GET", "http://h/", nil)
	require.NoError(t, err)
	require.ErrorIs(t, signer.Sign(req), algo.ErrBackendUnavailable)
	require.Empty(t, req.Header)

	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "k", Secret: hmacsign.Secret("k")})
	require.NoError(t, err)
	signer, err = hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, cred, hmacsign.WithBackend("gmsm"))
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	v, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	_, err = v.Verify(req)
	require.ErrorIs(t, err, hmacsign.ErrUnavailable)
	require.ErrorIs(t, err, algo.ErrBackendUnavailable)
}
