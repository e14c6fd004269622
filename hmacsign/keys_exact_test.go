package hmacsign_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// Verifiers that share a key each compute on the backend that they were told.
func TestKeyOnSeveralBackends(t *testing.T) {
	var backends []string
	for _, info := range algo.Backends("hmac-sm3") {
		if info.Available {
			backends = append(backends, info.Backend)
		}
	}
	if len(backends) < 2 {
		t.Skip("needs two backends of hmac-sm3: a build without the tag purego, on a processor that has what asm needs")
	}
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	for range 2 {
		for _, backend := range append([]string{""}, backends...) {
			v, err := NewVerifier(keys, atTestTime(), WithBackend(backend))
			require.NoError(t, err)
			id, err := v.Verify(signedRequest(t, "GET", "/a", ""))
			require.NoError(t, err)
			if backend != "" {
				require.Equal(t, backend, id.Backend)
			}
		}
	}
}

// A secret is what is between the quotes, in the variable or in the file, to the
// last space; of a file one newline at the end does not count.
func TestSecretsAreTakenAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	for _, secret := range []string{"plain", " space before", "space behind ", "\ttab\t", "newline\n", "two\n\n", "\r\n", " "} {
		t.Setenv("HMACSIGN_TEST_EXACT", secret)
		file := filepath.Join(dir, "secret")
		require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
		keys, err := ReadKeys(strings.NewReader(fmt.Sprintf(`[{"id": "text", "secret": %q}, {"id": "env", "secret": {"env": "HMACSIGN_TEST_EXACT"}}, {"id": "file", "secret": {"file": %q}}]`, secret, filepath.ToSlash(file))))
		require.NoError(t, err, "%q", secret)
		v, err := NewVerifier(keys, atTestTime())
		require.NoError(t, err)
		for _, id := range []string{"text", "env", "file"} {
			key, err := keys.Key(context.Background(), id)
			require.NoError(t, err)
			require.Equal(t, secret, key.Secret.Reveal(), "%s %q", id, secret)
			// A client that has it to the last byte, by the standard library alone.
			req := newRequest(t, "GET", "http://h/a", "", "X-Date", when)
			sign := func(secret string) error {
				req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="x-date", signature="%s"`, id, b64(hmacSHA256(secret, "x-date: "+when))))
				_, err := v.Verify(req)
				return err
			}
			require.NoError(t, sign(secret), "%s %q", id, secret)
			require.ErrorIs(t, sign(secret+" "), ErrSignature)
			if trimmed := strings.TrimSpace(secret); trimmed != secret {
				require.ErrorIs(t, sign(trimmed), ErrSignature, "%s %q", id, secret)
			}
		}
	}
}

// A signer that runs past midnight signs with the key of the new day.
func TestDerivedKeyIsOfTheDay(t *testing.T) {
	clock := new(movable)
	s, err := NewSigner(derived(t, "region", "service"), "hmac-sha256", Credential{testID, Secret(testSecret)}, WithClock(clock.now))
	require.NoError(t, err)
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, WithClock(clock.now))
	require.NoError(t, err)
	for _, day := range []int{0, 0, 1, 1, 2, 0} {
		clock.move(time.Duration(day) * 24 * time.Hour)
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, s.Sign(req))
		id, err := v.Verify(req)
		require.NoError(t, err, "day %d", day)
		require.Equal(t, fmt.Sprintf("202103%d/region/service", 11+day), id.Scope)
	}
}
