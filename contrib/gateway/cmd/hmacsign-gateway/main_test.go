package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if os.Getenv("HMACSIGN_GATEWAY_COMMAND") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func writeFile(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func command(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(args, &o, &e)
	return status, o.String(), e.String()
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"check"}, {"run", "x"}, {"check", "a", "b"}, {"version", "x"}} {
		status, out, errs := command(args...)
		require.Equal(t, []any{2, "", 1}, []any{status, out, strings.Count(errs, "\n")}, args)
	}
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"serve", "--help"}, {"check", "-h"}, {"version"}} {
		status, out, errs := command(args...)
		require.Equal(t, []any{0, ""}, []any{status, errs}, args)
		require.NotEmpty(t, out)
	}
}

func TestCheck(t *testing.T) {
	good := "keys: {file: none.json}\nreplay: {memory: 10}\nroutes: [{name: a, upstream: \"http://h\"}]\n"
	status, out, errs := command("check", writeFile(t, "good.yaml", good))
	require.Equal(t, []any{0, ""}, []any{status, errs})
	require.Contains(t, out, "is fine")
	status, out, errs = command("check", writeFile(t, "bad.yaml", good+"upstreem: x\n"))
	require.Equal(t, []any{1, ""}, []any{status, out})
	require.Contains(t, errs, "line 4: upstreem is no setting here")
	status, _, errs = command("check", "/nonexistent")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "/nonexistent")
}

// What cannot be opened ends it with one line that names the setting.
func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := taken.Addr().String()
	require.NoError(t, taken.Close()) // nobody is there
	keys := writeFile(t, "keys.json", `[{"id": "k", "secret": "a secret of tests"}]`)
	base := func(keys, replay string) string {
		return "listen: 127.0.0.1:0\nkeys: {" + keys + "}\nreplay: {" + replay + "}\nroutes: [{name: a, upstream: \"http://h\"}]\n"
	}
	t.Setenv("HMACSIGN_TEST_URL", "redis://:hushhush@"+address)
	t.Setenv("HMACSIGN_TEST_DSN", "postgres://u:hushhush@"+address+"/d?connect_timeout=2")
	for text, want := range map[string]string{
		base("file: /nonexistent", "off: true"):                                                                                   "keys: ",
		base("file: "+keys, "redis: {url: {env: HMACSIGN_TEST_UNSET}}"):                                                           "HMACSIGN_TEST_UNSET is empty or not set",
		base("file: "+keys, "redis: {url: {env: HMACSIGN_TEST_URL}}"):                                                             "replay: ",
		base("file: "+keys, "redis: {url: {file: /nonexistent}}"):                                                                 "redis.url: ",
		base("sql: {driver: postgres, dsn: {env: HMACSIGN_TEST_DSN}}", "off: true"):                                               "keys: ",
		base("sql: {driver: mysql, dsn: {env: HMACSIGN_TEST_DSN}}", "off: true"):                                                  "sql.dsn: this is no address of a mysql database",
		base("file: "+keys, "off: true") + "tls: {cert: /nonexistent, key: /nonexistent}\n":                                       "/nonexistent",
		strings.Replace(base("file: "+keys, "off: true"), "}]", ", resign: {key_id: a, secret: {env: HMACSIGN_TEST_UNSET}}}]", 1): "route \"a\": resign.secret",
	} {
		status, _, errs := command("serve", writeFile(t, "gateway.yaml", text))
		require.Equal(t, 1, status, text)
		last := strings.Split(strings.TrimSpace(errs), "\n")
		require.Contains(t, last[len(last)-1], want)
		require.NotContains(t, errs, "hushhush")
	}
}

// SIGTERM ends it with status 0.
func TestServe(t *testing.T) {
	keys := writeFile(t, "keys.json", `[{"id": "k", "secret": "a secret of tests"}]`)
	config := writeFile(t, "gateway.yaml", "listen: 127.0.0.1:0\ndrain: 0s\nkeys: {file: "+keys+"}\nreplay: {memory: 10}\nroutes: [{name: a, upstream: \"http://127.0.0.1:1\"}]\n")
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "serve", config)
	cmd.Env = append(os.Environ(), "HMACSIGN_GATEWAY_COMMAND=1")
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	var seen strings.Builder
	for buffer := make([]byte, 4096); !strings.Contains(seen.String(), "listening"); {
		n, err := errs.Read(buffer)
		require.NoError(t, err, seen.String())
		seen.Write(buffer[:n])
	}
	require.Contains(t, seen.String(), `"msg":"starting"`)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
