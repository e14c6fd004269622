package hmacsign_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/exampledialect"
)

// Local time is named where the date is as far off as the clocks of a zone are, and in
// no other case.
func TestLocalTime(t *testing.T) {
	named := func(s Scheme, target string, ahead time.Duration) bool {
		t.Helper()
		signer, err := NewSigner(s, "hmac-sha256", Credential{testID, Secret(testSecret)}, WithClock(func() time.Time { return testTime.Add(ahead) }))
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://h"+target, "")
		require.NoError(t, signer.Sign(req))
		_, err = newVerifier(t, AcceptSchemes(s), WithExplanations()).Verify(req)
		var e *VerifyError
		require.True(t, errors.As(err, &e), ahead)
		require.ErrorIs(t, e, ErrExpired)
		require.True(t, e.Explanation.Late.Accepted)
		return e.Explanation.Mistake.Code == "local_time"
	}
	zone := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return d
	}
	for _, text := range []string{"-12h", "-11h", "-9h30m", "-5h", "-3h30m", "-2h30m", "-1h", "1h", "3h30m", "4h30m", "5h30m", "5h45m", "6h30m",
		"8h", "8h45m", "9h30m", "10h30m", "12h45m", "13h", "13h45m", "14h", "8h1m", "7h59m", "5h44m"} {
		require.True(t, named(TencentApp, "/a", zone(text)), text)
	}
	for _, text := range []string{"-13h", "-12h30m", "-10h30m", "-5h30m", "-3h45m", "-1h30m", "-30m", "30m", "1h30m", "2h30m", "5h15m", "7h30m", "8h15m", "8h30m",
		"11h30m", "12h30m", "14h30m", "15h", "24h", "20m", "8h1m1s", "7h58m59s", "5h42m"} {
		require.False(t, named(TencentApp, "/a", zone(text)), text)
	}
	for _, s := range []Scheme{TencentKeyPair, HuaweiSDK} {
		require.True(t, named(s, "/a", 8*time.Hour), s.Name())
		require.False(t, named(s, "/a", 8*time.Hour+15*time.Minute), s.Name())
	}
	// Seconds since 1970 are the same in every zone.
	require.False(t, named(exampledialect.Scheme{}, "/a", 8*time.Hour))
	require.True(t, named(TencentApp, "/a?t=1615451398", 8*time.Hour), "another time beside the date")
	require.False(t, named(TencentApp, "/a?t=1615480198", 8*time.Hour), "the date itself")
}
