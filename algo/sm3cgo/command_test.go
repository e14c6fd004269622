//go:build tencentsm && cgo

package sm3cgo_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// command is the hmacsign command on a library of faults; commandEnv names the
// program, built with the tag.
func command(t *testing.T, edition, fault string, args ...string) *exec.Cmd {
	program := os.Getenv(commandEnv)
	if program == "" {
		t.Skip("needs the command, built with the tag tencentsm: make test-tencentsm builds it")
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HMACSIGN_FAULT="+fault, "LD_LIBRARY_PATH="+filepath.Join(faulty(t), edition),
		"HMACSIGN_KEY_ID=k", "HMACSIGN_SECRET=hush", sm3cgo.EnvCertFile+"=")
	cmd.Env = append(cmd.Env, licensed...)
	return cmd
}

const commandEnv = "HMACSIGN_TEST_COMMAND"

func run(t *testing.T, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	require.NotContains(t, out.String()+errs.String(), "goroutine ", "a stack trace")
	require.NotContains(t, out.String()+errs.String(), "hush", "a secret")
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func write(t *testing.T, name, text string) (path string) {
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// signed is a request that another implementation signed, by way of its headers.
func signed(t *testing.T, url string) http.Header {
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSM3, hmacsign.Credential{KeyID: "k", Secret: hmacsign.Secret("hush")}, hmacsign.WithBackend("gmsm"))
	require.NoError(t, err)
	req, err := http.NewRequest("GET", url, nil)
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	return req.Header
}

// What the command prints on a library that does wrong from the start: one line
// that says so, and nothing that is or could be taken for a MAC.
func TestFaultyCommand(t *testing.T) {
	keys := write(t, "keys", `[{"id": "k", "secret": "hush"}]`)
	message := write(t, "message", strings.Repeat("message ", 100))
	var raw strings.Builder
	header := signed(t, "http://h/a")
	raw.WriteString("GET /a HTTP/1.1\r\nHost: h\r\n")
	header.Write(&raw)
	request := write(t, "request", raw.String()+"\r\n")
	commands := func(backend string) [][]string {
		return [][]string{
			{"mac", "--algorithm", "hmac-sm3", "--backend", backend, "--key-hex", "00", message},
			{"sign", "--scheme", "huawei-sdk", "--algorithm", "hmac-sm3", "--backend", backend, "http://h/"},
			{"sign", "--scheme", "tencent-app", "--algorithm", "hmac-sm3", "--backend", backend, "http://h/"},
			{"verify", "--keys", keys, "--backend", backend, request},
			{"algorithms", "--require", "hmac-sm3=" + backend},
		}
	}
	for _, args := range commands("tencentsm-standin") {
		for _, edition := range []string{"lite", "pro"} {
			status, stdout, stderr := run(t, command(t, edition, "", args...))
			require.Zero(t, status, "%s: %s", args, stderr)
			require.NotEmpty(t, stdout)
		}
	}
	const standin, real = "tencentsm-standin", "tencentsm"
	for _, test := range []struct{ edition, fault, env, backend, reason string }{
		{"lite", "codes", "", standin, "left the context in a state that is not its work"},
		{"pro", "codes", "", standin, "returned -7"},
		{"lite", "idle", "", standin, "left the context in a state that is not its work"},
		{"pro", "idle", "", standin, "SM3Final left its output unwritten"},
		{"pro", "zeros", "", standin, "wrote nothing but zeros"},
		{"lite", "half", "", standin, "left its output unwritten"},
		{"lite", "wrong:300", "", standin, "self-test failed: the MAC of"},
		{"lite", "size", "", standin, "sm3_ctx_t has 112 bytes"},
		{"pro", "refused-license", "", standin, "initTencentSM refused the license with code -11"},
		{"lite", "version-null", "", real, "version() is NULL"},
		{"lite", "", "LD_PRELOAD=" + faulty(t) + "/version.so", real, "all must come from one file"},
		{"lite", "", "LD_PRELOAD=" + faulty(t) + "/sm3.so", standin, "all must come from one file"},
	} {
		for _, args := range commands(test.backend) {
			t.Run(test.edition+" "+test.fault+filepath.Base(test.env)+" "+args[0], func(t *testing.T) {
				cmd := command(t, test.edition, test.fault, args...)
				cmd.Env = append(cmd.Env, test.env)
				status, stdout, stderr := run(t, cmd)
				stderr = strings.TrimPrefix(stderr, "faulty: license asked\n")
				require.Equal(t, 1, status)
				require.Contains(t, stdout+stderr, test.reason)
				switch args[0] {
				case "algorithms":
					require.NotRegexp(t, `(?m)^hmac-sm3 +`+test.backend+` +yes`, stdout)
				case "verify":
					require.NotContains(t, stdout, "accepted")
				default:
					require.Empty(t, stdout)
					require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
				}
			})
		}
		cmd := command(t, test.edition, test.fault, "mac", "--algorithm", "hmac-sm3", "--key-hex", "00", message)
		cmd.Env = append(cmd.Env, test.env, algo.RequireEnv+"=hmac-sm3="+test.backend)
		status, stdout, stderr := run(t, cmd)
		require.Equal(t, 1, status)
		require.Empty(t, stdout, "nothing takes the place of what is required")
		require.Contains(t, stderr, test.reason)
	}
}

// A library that fails in the middle of a file: no MAC of a part of it.
func TestCommandFailsInTheMiddle(t *testing.T) {
	file := write(t, "file", strings.Repeat("x", 4<<20))
	for fault, reason := range map[string]string{
		"SM3_HMAC_Update": "failed: SM3_HMAC_Update returned -7",
		"SM3Update":       "failed: SM3Update returned -7",
		"stuck":           "failed: SM3Update left the context",
	} {
		inTheMiddle := false
		for n, status := 16, 1; status != 0; n += n / 8 {
			var stdout, stderr string
			status, stdout, stderr = run(t, command(t, "pro", fmt.Sprintf("%s:%d", fault, n), "mac", "--algorithm", "hmac-sm3", "--backend", "tencentsm-standin", "--key-hex", "00", file))
			if status == 0 {
				require.Len(t, strings.TrimSpace(stdout), 64)
				continue
			}
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			inTheMiddle = inTheMiddle || strings.Contains(stderr, reason) && !strings.Contains(stderr, "self-test")
		}
		require.True(t, inTheMiddle, fault)
	}
}

// A proxy on a library that begins to do wrong: 503 from then on, and the upstream
// sees no request whose signature is another's.
func TestFaultyServe(t *testing.T) {
	for _, test := range []struct{ edition, fault, reason string }{
		{"lite", "codes", ""},
		{"pro", "codes", ""},
		{"lite", "idle", ""},
		{"pro", "idle", ""},
		{"pro", "SM3Final", "SM3Final returned -7"},
		{"lite", "SM3_HMAC", "SM3_HMAC returned -7"},
		{"lite", "zeros", "wrote nothing but zeros"},
		{"pro", "unwritten", "left its output unwritten"},
		{"lite", "wrong-after", "self-test failed"},
	} {
		t.Run(test.edition+" "+test.fault, func(t *testing.T) {
			t.Parallel()
			for n := 64; n < 1<<22; n *= 2 {
				accepted, logs := serveUntilFault(t, test.edition, fmt.Sprintf("%s:%d", test.fault, n), test.fault == "wrong-after")
				if accepted > 0 {
					require.Contains(t, logs, test.reason)
					return
				}
			}
			t.Fatal("it never accepted anything")
		})
	}
}

// serveUntilFault sends right requests, and others with their signature, until the
// proxy answers 503, and returns how many were accepted, and the log.
func serveUntilFault(t *testing.T, edition, fault string, wrongly bool) (accepted int, logs string) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/right" {
			t.Errorf("%s: the upstream got %s", fault, r.URL.Path)
		}
	}))
	defer upstream.Close()
	cmd := command(t, edition, fault, "serve", "--keys", write(t, "keys", `[{"id": "k", "secret": "hush"}]`), "--listen", "127.0.0.1:0", "--upstream", upstream.URL, "--backend", "tencentsm-standin")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	address, log := make(chan string, 1), new(bytes.Buffer)
	var read sync.WaitGroup
	read.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line); line.Msg == "listening" {
				address <- line.Address
			}
			log.Write(lines.Bytes())
		}
		close(address)
	})
	defer func() {
		cmd.Process.Kill()
		read.Wait()
		cmd.Wait()
		logs = log.String()
		require.NotContains(t, logs, "hush")
	}()
	addr := <-address
	if addr == "" {
		return 0, "" // it does not even start
	}
	header := signed(t, "http://"+addr+"/right")
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	get := func(path string) int {
		req, err := http.NewRequest("GET", "http://"+addr+path, nil)
		require.NoError(t, err)
		req.Header = header
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for range 40_000 {
		for _, path := range []string{"/foreign", "/right"} {
			status := get(path)
			switch {
			case status == http.StatusServiceUnavailable:
				for range 20 {
					require.Equal(t, http.StatusServiceUnavailable, get("/right"))
					require.Equal(t, http.StatusServiceUnavailable, get("/foreign"))
				}
				return accepted, ""
			case path == "/foreign" || wrongly && status == http.StatusUnauthorized:
				require.Equal(t, http.StatusUnauthorized, status)
			default:
				require.Equal(t, http.StatusOK, status)
				accepted++
			}
		}
	}
	t.Fatalf("%s: it never failed", fault)
	return 0, ""
}
