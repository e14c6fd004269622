package huaweisdk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

// Whoever is in between adds UNSIGNED-PAYLOAD to a request whose signature has the
// hash of the body: the header would go on as one that was signed.
func TestUnsignedPayloadIsNotAdded(t *testing.T) {
	for _, algorithm := range []string{algo.HMACSHA256, algo.HMACSM3} {
		now := time.Date(2024, 1, 1, 8, 0, 0, 0, time.UTC)
		signer, err := hmacsign.NewSigner(huaweisdk.Scheme{}, algorithm, hmacsign.Credential{KeyID: keyID, Secret: hmacsign.Secret(secret)},
			hmacsign.WithClock(func() time.Time { return now }))
		require.NoError(t, err)
		keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)})
		require.NoError(t, err)
		v, err := hmacsign.NewVerifier(keys, hmacsign.WithClock(func() time.Time { return now }))
		require.NoError(t, err)
		for _, header := range []string{"", "X-Sdk-Content-Sha256", "X-Sdk-Content-Sm3"} {
			req, err := http.NewRequest("POST", "http://h/a", strings.NewReader("{}"))
			require.NoError(t, err)
			require.NoError(t, signer.Sign(req))
			if header == "" || header == "X-Sdk-Content-Sm3" && algorithm != algo.HMACSM3 {
				_, err = v.Verify(req)
				require.NoError(t, err)
				continue
			}
			req.Header.Set(header, "UNSIGNED-PAYLOAD")
			_, err = v.Verify(req)
			require.ErrorIs(t, err, hmacsign.ErrBodyDigest, header)
		}
	}
}
