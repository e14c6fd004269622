package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// writeConfig makes text the config file of this test, in a folder that nobody else may
// write, and takes the environment's credential away.
func writeConfig(t testing.TB, text string) (path string) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("AppData", dir)
	for _, name := range []string{"HMACSIGN_KEY_ID", "HMACSIGN_SECRET", "HMACSIGN_PROFILE"} {
		t.Setenv(name, "")
	}
	path = configPath()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// profileRun is hmacsignRun without a credential in the environment.
func profileRun(t testing.TB, args ...string) (status int, stdout, stderr string) {
	return profileRunWith(t, "", args...)
}

func profileRunWith(t testing.TB, stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, &streams{in: strings.NewReader(stdin), out: &out, err: &errs})
	require.NotContains(t, out.String()+errs.String(), testSecret)
	return status, out.String(), errs.String()
}

// signedBy is what sign prints with these flags, at a time of its own.
func signedBy(t testing.TB, args ...string) string {
	status, stdout, stderr := profileRun(t, append([]string{"sign", "http://h/a", "--date", "2021-03-11T08:29:58Z"}, args...)...)
	require.Zero(t, status, stderr)
	return stdout
}

const goodConfig = `default = "staging"

[profiles.staging]
scheme = "tencent-app"
algorithm = "hmac-sm3"
backend = "gmsm"
key_id = "app-1"
secret_env = "PROFILE_SECRET"
signed_headers = ["x-a", "x-b"]
query_form = "raw"
content_md5 = "none"
no_strip_environment = true

[profiles.derived]
scheme = "huawei-sdk"
key_id = "app-2"
secret_env = "PROFILE_SECRET"
region = "cn-north-4"
service = "svc"
`

// A profile signs as its flags do, all of them.
func TestProfileFlags(t *testing.T) {
	writeConfig(t, goodConfig)
	t.Setenv("PROFILE_SECRET", testSecret)
	headers := []string{"-H", "X-A: 1", "-H", "X-B: 2", "-H", "Content-Type: text/plain", "-d", "body"}
	staging := []string{"--scheme", "tencent-app", "--algorithm", "hmac-sm3", "--backend", "gmsm", "--key-id", "app-1", "--secret-env", "PROFILE_SECRET",
		"--signed-headers", "x-a,x-b", "--query-form", "raw", "--content-md5", "none", "--no-strip-environment"}
	require.Equal(t, signedBy(t, append(headers, staging...)...), signedBy(t, append(headers, "--profile", "staging")...))
	derived := []string{"--scheme", "huawei-sdk", "--key-id", "app-2", "--secret-env", "PROFILE_SECRET", "--region", "cn-north-4", "--service", "svc"}
	require.Equal(t, signedBy(t, append(derived, "--profile", "")...), signedBy(t, "--profile", "derived"))
	require.Contains(t, signedBy(t, "--profile", "derived"), "/cn-north-4/svc")
}

// A gateway takes what a profile signs, and refuses the one whose secret is another.
func TestProfileSend(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret(testSecret)}, &hmacsign.Key{ID: "app-2", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "welcome") })))
	defer server.Close()
	writeConfig(t, goodConfig)
	for secret, want := range map[string]int{testSecret: 1, testSecret + "!": 0} {
		t.Setenv("PROFILE_SECRET", secret)
		for _, args := range [][]string{{"--query-form", "documented"}, {"--profile", "derived"}} {
			_, stdout, _ := profileRun(t, append([]string{"send", server.URL + "/a?b=1", "-H", "X-A: 1", "-H", "X-B: 2"}, args...)...)
			require.Equal(t, want, strings.Count(stdout, "welcome"), stdout)
		}
	}
}

// What wins over what.
func TestProfilePrecedence(t *testing.T) {
	other := "another-secret-of-this-test"
	otherFile := writeFile(t, other)
	for _, c := range []struct {
		what string
		env  []string
		args []string
		same []string // the flags that sign the same; nil for an error
		fail string
		exit int
	}{
		{"the default", nil, nil, []string{"--key-id", "app-1", "--algorithm", "hmac-sm3"}, "", 0},
		{"--profile", nil, []string{"--profile", "prod"}, []string{"--key-id", "app-2"}, "", 0},
		{"HMACSIGN_PROFILE", []string{"HMACSIGN_PROFILE=prod"}, nil, []string{"--key-id", "app-2"}, "", 0},
		{"--profile over HMACSIGN_PROFILE", []string{"HMACSIGN_PROFILE=nonesuch"}, []string{"--profile", "prod"}, []string{"--key-id", "app-2"}, "", 0},
		{"--profile over the environment's credential", []string{"HMACSIGN_KEY_ID=env", "HMACSIGN_SECRET=" + other}, []string{"--profile", "prod"}, []string{"--key-id", "app-2"}, "", 0},
		{"HMACSIGN_PROFILE over the environment's credential", []string{"HMACSIGN_KEY_ID=env", "HMACSIGN_SECRET=" + other, "HMACSIGN_PROFILE=prod"}, nil, []string{"--key-id", "app-2"}, "", 0},
		{"the environment's credential over the default", []string{"HMACSIGN_KEY_ID=env", "HMACSIGN_SECRET=" + other}, nil, []string{"--key-id", "env", "--secret-file", otherFile}, "", 0},
		{"no mixture with the default", []string{"HMACSIGN_KEY_ID=env"}, nil, nil, "no secret: set HMACSIGN_SECRET", 2},
		{"no mixture of --key-id with the default", nil, []string{"--key-id", "k"}, nil, "no secret: set HMACSIGN_SECRET", 2},
		{"no mixture of --secret-file with the default", nil, []string{"--secret-file", otherFile}, nil, "no key id", 2},
		{"no mixture of --secret-env with the default", []string{"OTHER=" + other}, []string{"--secret-env", "OTHER"}, nil, "no key id", 2},
		{"none", nil, []string{"--profile", ""}, nil, "no key id", 2},
		{"none in place of HMACSIGN_PROFILE", []string{"HMACSIGN_PROFILE=prod", "HMACSIGN_KEY_ID=env", "HMACSIGN_SECRET=" + other}, []string{"--profile", ""}, []string{"--key-id", "env", "--secret-file", otherFile}, "", 0},
		{"--key-id over the profile", nil, []string{"--profile", "staging", "--key-id", "k"}, []string{"--key-id", "k", "--algorithm", "hmac-sm3"}, "", 0},
		{"--secret-file over the profile", nil, []string{"--profile", "staging", "--secret-file", otherFile}, []string{"--key-id", "app-1", "--algorithm", "hmac-sm3", "--secret-file", otherFile}, "", 0},
		{"--secret-env over the profile", []string{"OTHER=" + other}, []string{"--profile", "staging", "--secret-env", "OTHER"}, []string{"--key-id", "app-1", "--algorithm", "hmac-sm3", "--secret-file", otherFile}, "", 0},
		{"--algorithm over the profile", nil, []string{"--algorithm", "hmac-sha1"}, []string{"--key-id", "app-1", "--algorithm", "hmac-sha1"}, "", 0},
		{"--scheme over the profile, and what it has for its own", nil, []string{"--profile", "derived", "--scheme", "tencent-keypair", "--algorithm", "hmac-sha1"}, []string{"--key-id", "app-3", "--scheme", "tencent-keypair", "--algorithm", "hmac-sha1"}, "", 0},
		{"--region over the profile", nil, []string{"--profile", "derived", "--region", "r"}, []string{"--key-id", "app-3", "--scheme", "huawei-sdk", "--region", "r", "--service", "svc"}, "", 0},
		{"a wrong flag beside the profile", nil, []string{"--region", "r"}, nil, "--region is for scheme huawei-sdk", 2},
		{"a profile without a key id", []string{"HMACSIGN_KEY_ID=env"}, []string{"--profile", "no-id"}, nil, `it has no key id: add key_id = "ID" (profile no-id)`, 1},
		{"a profile without a secret", []string{"HMACSIGN_SECRET=" + other}, []string{"--profile", "no-secret"}, nil, "does not say where its secret is", 1},
		{"a profile with two secrets", nil, []string{"--profile", "two"}, nil, "it has both secret_env and secret_file: leave one of them out", 1},
		{"a profile whose secret is not there", nil, []string{"--profile", "unset"}, nil, "PROFILE_UNSET is not set in the environment", 1},
		{"an unknown profile", nil, []string{"--profile", "pord"}, nil, "use one of derived, no-id, no-secret, prod, staging, two, unset", 2},
		{"an unknown profile of the environment", []string{"HMACSIGN_PROFILE=pord"}, nil, nil, `there is no profile "pord"`, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			writeConfig(t, `default = "staging"
[profiles.staging]
key_id = "app-1"
secret_env = "PROFILE_SECRET"
algorithm = "hmac-sm3"
[profiles.prod]
key_id = "app-2"
secret_env = "PROFILE_SECRET"
[profiles.derived]
key_id = "app-3"
secret_env = "PROFILE_SECRET"
scheme = "huawei-sdk"
region = "x"
service = "svc"
[profiles.no-id]
secret_env = "PROFILE_SECRET"
[profiles.no-secret]
key_id = "app-1"
[profiles.two]
key_id = "app-1"
secret_env = "PROFILE_SECRET"
secret_file = "x"
[profiles.unset]
key_id = "app-1"
secret_env = "PROFILE_UNSET"
`)
			t.Setenv("PROFILE_SECRET", testSecret)
			for _, e := range c.env {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			args := append([]string{"sign", "http://h/a", "--date", "2021-03-11T08:29:58Z"}, c.args...)
			status, stdout, stderr := profileRun(t, args...)
			require.NotContains(t, stdout+stderr, other)
			require.Equal(t, c.exit, status, stderr)
			if c.same == nil {
				require.Contains(t, stderr, c.fail)
				require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
				return
			}
			same := append([]string{"--profile", ""}, c.same...)
			if !strings.Contains(strings.Join(same, " "), "--secret-file") {
				same = append(same, "--secret-env", "PROFILE_SECRET")
			}
			require.Equal(t, signedBy(t, same...), stdout)
		})
	}
}

// Without a config file everything is as it was.
func TestProfileNoConfig(t *testing.T) {
	path := writeConfig(t, "")
	require.NoError(t, os.Remove(path))
	status, stdout, stderr := profileRun(t, "profile")
	require.Equal(t, []any{0, ""}, []any{status, stderr})
	require.Contains(t, stdout, path)
	status, _, stderr = profileRun(t, "sign", "http://h")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "no key id")
	status, _, stderr = profileRun(t, "sign", "http://h", "--profile", "a")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "write it into "+path)

	if runtime.GOOS != "windows" {
		home := t.TempDir()
		t.Setenv("HOME", home)
		for _, dir := range []string{"", "relative/config"} {
			t.Setenv("XDG_CONFIG_HOME", dir)
			require.Equal(t, filepath.Join(home, ".config/hmacsign/config.toml"), configPath())
		}
		t.Setenv("HOME", "")
		status, _, stderr = profileRun(t, "sign", "http://h", "--profile", "a")
		require.Equal(t, 2, status)
		require.Contains(t, stderr, "~/.config/hmacsign/config.toml")
	}
}

func TestProfileShow(t *testing.T) {
	keyring.MockInit()
	require.NoError(t, keyring.Set("hmacsign", "app-1", testSecret))
	path := writeConfig(t, goodConfig+`
[profiles.asks]
key_id = "app-3"
secret_command = ["`+program(t)+`", "-c", "printf `+testSecret+`"]
[profiles.keyring]
key_id = "app-4"
secret_keyring = "app-1"
`)
	t.Setenv("PROFILE_SECRET", testSecret)
	status, stdout, stderr := profileRun(t, "profile")
	require.Equal(t, []any{0, ""}, []any{status, stderr})
	require.Regexp(t, `(?m)^staging +yes +tencent-app +hmac-sm3 +gmsm +app-1 +env PROFILE_SECRET +content_md5=none no_strip_environment=true query_form=raw signed_headers=x-a,x-b +ready$`, stdout)
	require.Regexp(t, `(?m)^derived +no +huawei-sdk +hmac-sha256 +go +app-2 +env PROFILE_SECRET +region=cn-north-4 service=svc +ready$`, stdout)
	require.Regexp(t, `(?m)^asks +no .* app-3 +command sh +unchecked: hmacsign profile asks reads the secret$`, stdout)
	require.Regexp(t, `(?m)^keyring +no .* app-4 +keyring app-1 +unchecked: `, stdout)
	for _, name := range []string{"asks", "keyring"} {
		status, stdout, stderr = profileRun(t, "profile", name)
		require.Zero(t, status, stderr)
		require.Regexp(t, `(?m)^`+name+` .* ready$`, stdout)
		require.Equal(t, 2, strings.Count(stdout, "\n"), stdout)
	}

	t.Setenv("PROFILE_SECRET", "")
	status, stdout, stderr = profileRun(t, "profile", "--output", "json")
	require.Equal(t, []any{1, "hmacsign: cannot be used: derived, staging\n"}, []any{status, stderr})
	var all profileList
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&all))
	require.Equal(t, []any{path, "staging"}, []any{all.File, all.Default})
	require.Equal(t, profileReport{Name: "derived", Scheme: "huawei-sdk", Algorithm: "hmac-sha256", KeyID: "app-2", Secret: &secretReport{"env", "PROFILE_SECRET"},
		Settings: map[string]string{"region": "cn-north-4", "service": "svc"}, State: "unusable", Reason: "PROFILE_SECRET is not set in the environment: set it to the secret"}, all.Profiles[1])
	require.Equal(t, []any{"unchecked", "ready"}, []any{all.Profiles[0].State, stateOf(t, "asks")})

	for _, args := range [][]string{{"nonesuch"}, {"staging", "extra"}, {"--output", "xml"}} {
		status, _, stderr = profileRun(t, append([]string{"profile"}, args...)...)
		require.Equal(t, 2, status, stderr)
	}
	require.NotContains(t, withoutLength(errors.Join(algo.ErrShortSecret, errors.New("it has 40 bits"))).Error(), "40")
	status, stdout, _ = profileRun(t, "__complete", "sign", "--profile", "")
	require.Equal(t, []any{0, "asks\nderived\nkeyring\nstaging\n:4\n"}, []any{status, stdout})
	_, stdout, _ = profileRun(t, "__complete", "profile", "")
	require.Contains(t, stdout, "derived\n")
}

func stateOf(t *testing.T, name string) string {
	_, stdout, stderr := profileRun(t, "profile", name, "--output", "json")
	var all profileList
	require.NoError(t, json.Unmarshal([]byte(stdout), &all), stderr)
	return all.Profiles[0].State
}

// What is wrong with a profile stands beside it.
func TestProfileUnusable(t *testing.T) {
	t.Setenv("PROFILE_SECRET", testSecret)
	for settings, reason := range map[string]string{
		`scheme = "tencent-ap"`:       `unknown scheme "tencent-ap": use one of tencent-app`,
		`algorithm = "hmac-md5"`:      `unknown algorithm "hmac-md5": use one of`,
		`backend = "nonesuch"`:        `nonesuch`,
		`query_form = "cooked"`:       `cooked`,
		`content_md5 = "yes"`:         `yes`,
		`region = "x"`:                `--region is for scheme huawei-sdk`,
		`signed_headers = ["a b:"]`:   `b:`,
		`secret_file = "nonesuch"`:    "it has both secret_env and secret_file",
		`secret_command = ["false"]`:  "it has both secret_env and secret_command",
		`signed_headers = ["x-date"]`: "",
		`no_strip_environment = true`: "",
	} {
		path := writeConfig(t, "[profiles.a]\nkey_id = \"k\"\nsecret_env = \"PROFILE_SECRET\"\n"+settings+"\n")
		status, stdout, stderr := profileRun(t, "profile")
		if reason == "" {
			require.Zero(t, status, stdout)
			continue
		}
		require.Equal(t, []any{1, "hmacsign: cannot be used: a\n"}, []any{status, stderr}, settings)
		require.Contains(t, stdout, "unusable: ", settings)
		require.Contains(t, stdout, reason)
		status, _, stderr = profileRun(t, "sign", "http://h", "--profile", "a")
		require.NotZero(t, status)
		require.Contains(t, stderr, reason)
		require.NotContains(t, strings.TrimPrefix(stderr, "hmacsign: "), "hmacsign: ")
		require.Contains(t, stderr, "(profile a)")
		require.NoError(t, os.Remove(path))
	}
	writeConfig(t, "default = \"b\"\n[profiles.a]\nkey_id = \"k\"\nsecret_env = \"PROFILE_SECRET\"\n")
	require.Equal(t, "ready", stateOf(t, "a"))
	for _, args := range [][]string{{"profile"}, {"sign", "http://h"}} {
		status, _, stderr := profileRun(t, args...)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, `default = "b" in `)
		require.Contains(t, stderr, "names no profile: write [profiles.b], or take default out\n")
	}
}
