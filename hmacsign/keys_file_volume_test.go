//go:build unix

package hmacsign

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/watch"
)

// A volume is a folder as Kubernetes mounts a Secret: each file is a link into
// ..data, which is a link to the folder of a generation. A change makes a new
// folder and renames a new link to it into the place of ..data.
type volume struct {
	t          *testing.T
	dir        string
	generation int
	current    string
}

func newVolume(t *testing.T, files map[string]string) *volume {
	v := &volume{t: t, dir: t.TempDir()}
	v.swap(files)
	return v
}

func (v *volume) path(name string) string { return filepath.Join(v.dir, name) }

// write makes the folder of the next generation, which is not in use.
func (v *volume) write(files map[string]string) (folder string) {
	v.generation++
	folder = fmt.Sprintf("..2026_11_23_%03d", v.generation)
	require.NoError(v.t, os.Mkdir(v.path(folder), 0o700))
	for name, text := range files {
		require.NoError(v.t, os.WriteFile(filepath.Join(v.path(folder), name), []byte(text), 0o600))
		if _, err := os.Lstat(v.path(name)); err != nil {
			require.NoError(v.t, os.Symlink(filepath.Join("..data", name), v.path(name)))
		}
	}
	return folder
}

// swap puts the next generation into use and removes the one before.
func (v *volume) swap(files map[string]string) {
	folder := v.write(files)
	require.NoError(v.t, os.Symlink(folder, v.path("..data_tmp")))
	require.NoError(v.t, os.Rename(v.path("..data_tmp"), v.path("..data")))
	if v.current != "" {
		require.NoError(v.t, os.RemoveAll(v.path(v.current)))
	}
	v.current = folder
}

// fileIn is a key whose secret is in a file.
func fileIn(id, path string) string {
	return fmt.Sprintf(`{"id": %q, "secret": {"file": %q}}`, id, path)
}

// A key revoked in a Kubernetes Secret is refused one interval later, on the real
// clock, and a faulty generation changes nothing.
func TestFileKeysFollowVolume(t *testing.T) {
	v := newVolume(t, map[string]string{"keys.json": `[{"id": "kept", "secret": "x"}, {"id": "gone", "secret": "y"}]`})
	reports := make(chan error, 10)
	f, err := OpenKeys(v.path("keys.json"), func(err error) { reports <- err })
	require.NoError(t, err)
	ctx := context.Background()
	_, err = f.Key(ctx, "gone")
	require.NoError(t, err)

	v.swap(map[string]string{"keys.json": `[{"id": "kept", "secret": "x"}]`})
	time.Sleep(watch.Interval)
	_, err = f.Key(ctx, "gone")
	require.ErrorIs(t, err, ErrUnknownKey)
	_, err = f.Key(ctx, "kept")
	require.NoError(t, err)
	require.NoError(t, <-reports)

	clock := time.Now()
	f.now = func() time.Time { clock = clock.Add(watch.Interval); return clock }
	v.swap(map[string]string{"keys.json": `[{"id": "kept"`})
	_, err = f.Key(ctx, "kept")
	require.NoError(t, err)
	require.Error(t, <-reports)
	v.swap(map[string]string{"keys.json": `[{"id": "next", "secret": "z"}]`})
	_, err = f.Key(ctx, "next")
	require.NoError(t, err)
	_, err = f.Key(ctx, "kept")
	require.ErrorIs(t, err, ErrUnknownKey)
	require.NoError(t, <-reports)
}

// The keys file and the secrets' files of a volume change at once, also where the
// file itself stays the same and only the secret is another.
func TestFileKeysFollowVolumeSecrets(t *testing.T) {
	files := func(id, secret string) map[string]string {
		return map[string]string{"keys.json": "[]", "secret": secret}
	}
	v := newVolume(t, files("", "one"))
	files = func(id, secret string) map[string]string {
		return map[string]string{"keys.json": "[" + fileIn(id, v.path("secret")) + "]", "secret": secret}
	}
	v.swap(files("a", "one"))
	f, err := OpenKeys(v.path("keys.json"), nil)
	require.NoError(t, err)
	clock := time.Now()
	f.now = func() time.Time { clock = clock.Add(watch.Interval); return clock }
	for i, id := range []string{"a", "a", "b", "b", "a"} {
		secret := fmt.Sprint("secret ", i)
		v.swap(files(id, secret))
		key, err := f.Key(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, secret, key.Secret.Reveal())
	}
}

// A volume that is swapped between the reading of the keys file and that of its
// secret gives the keys of one generation, not an id of the old with a secret of
// the new. The keys file names a pipe before the secret, so that it is known where
// the reader is.
func TestFileKeysOfOneGeneration(t *testing.T) {
	v := newVolume(t, map[string]string{"keys.json": "[]", "secret": "old"})
	pipe := v.path("pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	v.swap(map[string]string{"keys.json": "[" + fileIn("p", pipe) + "," + fileIn("old", v.path("secret")) + "]", "secret": "old"})
	opened := make(chan *FileKeys)
	go func() {
		f, err := OpenKeys(v.path("keys.json"), nil)
		if err != nil {
			t.Error(err)
		}
		opened <- f
	}()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // once the reader is there
	require.NoError(t, err)
	v.swap(map[string]string{"keys.json": "[" + fileIn("new", v.path("secret")) + "]", "secret": "new"})
	_, err = w.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f := <-opened
	_, err = f.Key(context.Background(), "old")
	require.ErrorIs(t, err, ErrUnknownKey)
	key, err := f.Key(context.Background(), "new")
	require.NoError(t, err)
	require.Equal(t, "new", key.Secret.Reveal())
}

// The same, with a volume that is swapped again and again while it is read: each
// set of keys is of one generation, or is not put into use.
func TestFileKeysOfOneGenerationUnderSwaps(t *testing.T) {
	var v *volume
	files := func(n int) map[string]string {
		return map[string]string{
			"keys.json": "[" + fileIn(fmt.Sprint("a", n), v.path("a")) + "," + fileIn(fmt.Sprint("b", n), v.path("b")) + "]",
			"a":         fmt.Sprint("a", n), "b": fmt.Sprint("b", n),
		}
	}
	v = newVolume(t, map[string]string{"keys.json": "[]", "a": "a", "b": "b"})
	v.swap(files(0))
	f, err := OpenKeys(v.path("keys.json"), nil)
	require.NoError(t, err)
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for n := range 300 {
			v.swap(files(n + 1))
		}
	})
	done := make(chan struct{})
	go func() { swaps.Wait(); close(done) }()
	for swapping := true; swapping; {
		select {
		case <-done:
			swapping = false
		default:
		}
		f.Reload() // an error is right too
		require.Equal(t, 2, f.Len())
		for key := range f.all() {
			require.Equal(t, key.ID, key.Secret.Reveal())
		}
	}
	require.NoError(t, f.Reload())
	_, err = f.Key(context.Background(), "a300")
	require.NoError(t, err)
}

// A secret that is replaced while the file that names it first is read is not
// missed by the next look.
func TestFileKeysSecretReplacedDuringFirstRead(t *testing.T) {
	dir := t.TempDir()
	path, secret, next, pipe := filepath.Join(dir, "keys.json"), filepath.Join(dir, "secret"), filepath.Join(dir, "next"), filepath.Join(dir, "pipe")
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	write(secret, "one")
	write(path, "["+fileIn("k", secret)+","+fileIn("p", pipe)+"]")
	opened := make(chan *FileKeys)
	go func() {
		f, err := OpenKeys(path, nil)
		if err != nil {
			t.Error(err)
		}
		opened <- f
	}()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // "one" has been read by now
	require.NoError(t, err)
	write(next, "two")
	require.NoError(t, os.Rename(next, secret)) // as Vault Agent and consul-template do
	_, err = w.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var f *FileKeys
	for f == nil { // whoever reads again finds something in the pipe
		select {
		case f = <-opened:
		case <-time.After(time.Millisecond):
			if again, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				again.WriteString("x")
				again.Close()
			}
		}
	}
	key, err := f.Key(context.Background(), "k")
	require.NoError(t, err)
	require.Equal(t, "two", key.Secret.Reveal())
}

// Keys from a pipe can be read once, so they are not read again.
func TestFileKeysFromPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() {
		if err := os.WriteFile(pipe, []byte(`[{"id": "k", "secret": "x"}]`), 0); err != nil {
			t.Error(err)
		}
	}()
	f, err := OpenKeys(pipe, nil)
	require.NoError(t, err)
	require.Equal(t, 1, f.Len())
}
