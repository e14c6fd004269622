package hmacsign

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/watch"
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
	f.now = func() time.Time { clock = clock.Add(watch.Interval); return clock }
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

// A file renamed into place is another one, also with the size and the second of
// the one before.
func TestFileKeysFollowRenames(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "keys.json"), filepath.Join(dir, "next")
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	write := func(path, secret string) {
		require.NoError(t, os.WriteFile(path, []byte(`[{"id": "k", "secret": "`+secret+`"}]`), 0o600))
		require.NoError(t, os.Chtimes(path, past, past))
	}
	write(path, "one")
	f, err := OpenKeys(path, nil)
	require.NoError(t, err)
	clock := time.Now()
	f.now = func() time.Time { clock = clock.Add(watch.Interval); return clock }
	write(next, "two")
	require.NoError(t, os.Rename(next, path))
	key, err := f.Key(context.Background(), "k")
	require.NoError(t, err)
	require.Equal(t, "two", key.Secret.Reveal())
}

// What operators ask of the store: how many keys, since when, whether the last
// read failed, and to read now.
func TestFileKeysTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(`[{"id": "a", "secret": "x"}, {"id": "b", "secret": "y"}]`)
	reports := 0
	f, err := OpenKeys(path, func(error) { reports++ })
	require.NoError(t, err)
	clock := time.Now()
	f.now = func() time.Time { return clock }
	ctx := context.Background()
	require.Equal(t, 2, f.Len())
	require.NoError(t, f.Err())
	require.NoError(t, f.Ready(ctx))
	loaded := f.LoadedAt()
	require.WithinDuration(t, time.Now(), loaded, time.Minute)

	// A fault is told, and the old keys serve on.
	write(`[{"id": "a"`)
	require.Error(t, f.Reload())
	require.Error(t, f.Err())
	require.Equal(t, 2, f.Len())
	require.Equal(t, loaded, f.LoadedAt())
	require.NoError(t, f.Ready(ctx))

	// An empty list revokes all, and is not ready. Asking looks at the file, as
	// a server that is not ready gets no requests which would.
	clock = clock.Add(time.Minute)
	write(`[]`)
	require.NoError(t, f.Reload())
	require.NoError(t, f.Err())
	require.Equal(t, 0, f.Len())
	require.Equal(t, clock, f.LoadedAt())
	require.ErrorContains(t, f.Ready(ctx), "no keys")
	_, err = f.Key(ctx, "a")
	require.ErrorIs(t, err, ErrUnknownKey)
	require.Zero(t, reports, "Reload returns what there is to report")
	write(`[{"id": "b", "secret": "y"}]`)
	clock = clock.Add(watch.Interval)
	require.NoError(t, f.Ready(ctx))
	require.Equal(t, 1, reports)
}
