package hmacsign

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The store follows the keys file and the files that its secrets are in, also
// one that a faulty file names before it is there.
func TestFileKeysFollowSecretFiles(t *testing.T) {
	dir := t.TempDir()
	keysFile, secret, next := filepath.Join(dir, "keys.json"), filepath.Join(dir, "secret"), filepath.Join(dir, "next")
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(secret, "one")
	write(keysFile, `[{"id": "k", "secret": {"file": "`+filepath.ToSlash(secret)+`"}}]`)
	var reports []error
	f, err := OpenKeys(keysFile, func(err error) { reports = append(reports, err) })
	require.NoError(t, err)
	clock := time.Now()
	f.now = func() time.Time { clock = clock.Add(lookAgain); return clock }
	requireSecret := func(want string, wantReports int) {
		t.Helper()
		key, err := f.Key(context.Background(), "k")
		require.NoError(t, err)
		require.Equal(t, want, key.Secret.Reveal())
		require.Len(t, reports, wantReports)
	}
	requireSecret("one", 0)
	write(secret, "longer")
	requireSecret("longer", 1)
	require.NoError(t, reports[0])

	write(keysFile, `[{"id": "k", "secret": {"file": "`+filepath.ToSlash(next)+`"}}]`)
	requireSecret("longer", 2)
	require.Error(t, reports[1])
	requireSecret("longer", 2) // a faulty file is reported once
	write(next, "two")
	requireSecret("two", 3)
	require.NoError(t, reports[2])
	require.NoError(t, os.Remove(keysFile))
	requireSecret("two", 4)
	require.Error(t, reports[3])
}
