//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who may write the config file may have any program run: then none is.
func TestProfileOwnersOnly(t *testing.T) {
	program(t)
	t.Setenv("PROFILE_SECRET", testSecret)
	path := writeConfig(t, profileWith(command(`echo "$PROFILE_SECRET"`))+"[profiles.b]\nkey_id = \"k\"\nsecret_env = \"PROFILE_SECRET\"\n")
	dir := filepath.Dir(path)
	refused := func(of string) {
		t.Helper()
		for _, args := range [][]string{{"sign", "http://h", "--profile", "a"}, {"profile"}, {"profile", "a"}} {
			status, stdout, stderr := profileRun(t, args...)
			require.Equal(t, 1, status)
			require.Contains(t, stdout+stderr, "others may write "+of+", so no secret_command is run: chmod go-w '"+of+"'")
		}
		require.NotEmpty(t, signedBy(t, "--profile", "b"))
	}
	accepted := func() {
		t.Helper()
		require.NotEmpty(t, signedBy(t, "--profile", "a"))
		require.Equal(t, "ready", stateOf(t, "a"))
	}
	accepted()
	for _, c := range []struct {
		path       string
		open, shut os.FileMode
	}{{path, 0o666, 0o644}, {path, 0o620, 0o600}, {dir, 0o777, 0o755}, {dir, 0o730, 0o700}} {
		require.NoError(t, os.Chmod(c.path, c.open))
		refused(c.path)
		require.NoError(t, os.Chmod(c.path, c.shut))
		accepted()
	}

	elsewhere := filepath.Join(t.TempDir(), "dots")
	require.NoError(t, os.Mkdir(elsewhere, 0o700))
	target := filepath.Join(elsewhere, "hmacsign.toml")
	require.NoError(t, os.Rename(path, target))
	require.NoError(t, os.Symlink(target, path))
	accepted()
	require.NoError(t, os.Chmod(elsewhere, 0o777))
	refused(elsewhere)
	require.NoError(t, os.Chmod(elsewhere, 0o700))
	require.NoError(t, os.Chmod(dir, 0o777))
	refused(dir)
	require.NoError(t, os.Chmod(dir, 0o700))

	if os.Geteuid() != 0 {
		t.Skip("needs root for a file of another user's")
	}
	require.NoError(t, os.Chown(target, 12345, 0))
	status, _, stderr := profileRun(t, "sign", "http://h", "--profile", "a")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, target+" is another user's, so no secret_command is run: make it yours with chown")
}

// A pipe in the config file's place does not make the command wait.
func TestConfigPipe(t *testing.T) {
	path := writeConfig(t, "")
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, _, stderr := profileRun(t, "profile")
	require.Contains(t, stderr, "is no file")
}
