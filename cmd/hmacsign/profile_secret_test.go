package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
)

// program is the shell that commands of these tests run in.
func program(t testing.TB) string {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh: ", err)
	}
	return "sh"
}

// profileWith is the config of one profile, whose secret is where the line says.
func profileWith(secret string) string {
	return "[profiles.a]\nkey_id = \"k\"\n" + secret + "\n"
}

func command(script string) string {
	return "secret_command = ['sh', '-c', '''" + script + "''']"
}

// The secret is the same, wherever it is and however its line ends.
func TestProfileSecretPlaces(t *testing.T) {
	program(t)
	defer func(d time.Duration) { secretPatience = d }(secretPatience)
	secretPatience = 20 * time.Second
	keyring.MockInit()
	require.NoError(t, keyring.Set("hmacsign", "app-1", testSecret))
	require.NoError(t, keyring.Set("hmacsign", "app-2", testSecret+"\n"))
	t.Setenv("PROFILE_SECRET", testSecret)
	writeConfig(t, "")
	want := signedBy(t, "--key-id", "k", "--secret-env", "PROFILE_SECRET")
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, "s"), []byte(testSecret+"\r\n"), 0o600))
	for _, secret := range []string{
		`secret_env = "PROFILE_SECRET"`, `secret_file = "~/s"`, `secret_file = '` + filepath.Join(home, "s") + `'`, `secret_file = "../relative"`,
		command(`printf %s "$PROFILE_SECRET"`), command(`echo "$PROFILE_SECRET"`), `secret_command = ["./own", "x"]`,
		command(`echo "$PROFILE_SECRET"; sleep 30 &`), // whose output is not waited for
		`secret_keyring = "app-1"`, `secret_keyring = "app-2"`,
	} {
		path := writeConfig(t, profileWith(secret))
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "../relative"), []byte(testSecret), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "own"), []byte("#!/bin/sh\necho "+testSecret), 0o700))
		require.Equal(t, want, signedBy(t, "--profile", "a"), secret)
	}
}

// A command that does not print a secret is told by its name, without its arguments and
// without what it printed.
func TestProfileCommandFails(t *testing.T) {
	program(t)
	t.Setenv("PROFILE_SECRET", testSecret)
	for secret, want := range map[string]string{
		command("echo $PROFILE_SECRET; exit 3"):                           "secret_command sh failed with exit status 3: run it by hand to see why",
		command("true"):                                                   "secret_command sh prints nothing: have it print the secret",
		command("echo"):                                                   "secret_command sh prints nothing",
		command("while :; do echo $PROFILE_SECRET; done"):                 "secret_command sh prints more than 64 KiB: have it print the secret alone",
		`secret_command = ["nonesuch-program", "` + testSecret + `"]`:     "secret_command nonesuch-program is no program that can be run: give the path of one",
		`secret_command = ["./nonesuch"]`:                                 "nonesuch is no program",
		`secret_command = ["sh", "-c", "echo ` + testSecret + `; false"]`: "secret_command sh failed with exit status 1",
	} {
		writeConfig(t, profileWith(secret))
		status, stdout, stderr := profileRun(t, "sign", "http://h", "--profile", "a")
		require.Equal(t, []any{1, ""}, []any{status, stdout}, secret)
		require.Contains(t, stderr, want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		status, stdout, _ = profileRun(t, "profile", "a")
		require.Equal(t, 1, status)
		require.Contains(t, stdout, "unusable: ")
	}
	writeConfig(t, profileWith(`secret_command = ["nonesuch-program"]`))
	status, stdout, _ := profileRun(t, "profile") // told without running anything
	require.Equal(t, 1, status)
	require.Contains(t, stdout, "unusable: secret_command nonesuch-program is no program")
}

// A command that hangs is stopped, with one that it started and that holds its output.
func TestProfileCommandHangs(t *testing.T) {
	program(t)
	defer func(d time.Duration) { secretPatience = d }(secretPatience)
	secretPatience = 100 * time.Millisecond
	writeConfig(t, profileWith(command("sleep 10 & sleep 10")))
	status, _, stderr := profileRun(t, "sign", "http://h", "--profile", "a")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "secret_command sh is not done after 100ms: it was stopped")
}

// What a command says on standard error is the user's to see; standard input is the
// request's.
func TestProfileCommandStreams(t *testing.T) {
	program(t)
	if terminal, err := os.Open(terminalName()); err == nil {
		terminal.Close()
		t.Skip("needs no terminal: the command would read from it")
	}
	t.Setenv("PROFILE_SECRET", testSecret)
	writeConfig(t, profileWith(command("cat; echo touch the key >&2; echo $PROFILE_SECRET")))
	args := []string{"sign", "http://h/a", "--date", "2021-03-11T08:29:58Z", "-d", "@-"}
	status, stdout, stderr := profileRunWith(t, "a=1", append(args, "--profile", "a")...)
	require.Equal(t, []any{0, "touch the key\n"}, []any{status, stderr})
	_, want, _ := profileRunWith(t, "a=1", append(args, "--key-id", "k", "--secret-env", "PROFILE_SECRET")...)
	require.Equal(t, want, stdout)
}

func TestProfileKeyringFails(t *testing.T) {
	writeConfig(t, profileWith(`secret_keyring = "app-1"`))
	fails := func(want string) {
		status, _, stderr := profileRun(t, "sign", "http://h", "--profile", "a")
		require.Equal(t, 1, status)
		require.Contains(t, stderr, want)
	}
	keyring.MockInit()
	fails(`the keyring has no secret of service hmacsign and account "app-1": put it there as hmacsign profile --help shows`)
	require.NoError(t, keyring.Set("hmacsign", "app-1", "\n"))
	fails(`the secret of account "app-1" in the keyring is empty`)
	keyring.MockInitWithError(errors.New(testSecret))
	fails("the system's keyring cannot be opened: see that it runs and is unlocked, or name the secret with secret_file or secret_command")
	_, stdout, _ := profileRun(t, "profile")
	require.Contains(t, stdout, "unchecked")
}

// cmdkey stores UTF-16.
func TestKeyringText(t *testing.T) {
	for stored, want := range map[string]string{"secret": "secret", "s\x00e\x00c\x00": "sec", "s\x00\xc6\x5b": "s密", "odd\x00x": "odd\x00x", "密码": "密码"} {
		require.Equal(t, want, keyringText(stored))
	}
}
