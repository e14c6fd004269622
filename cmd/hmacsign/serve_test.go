package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

const keysText = `[{"id": "test-key", "secret": "` + testSecret + `"}]`

// A wrong value ends the command with status 2 and a line that says what to do.
// The listener's address is one that cannot be had, so right values get as far
// as that, with status 1.
func TestServeUsage(t *testing.T) {
	keys := writeFile(t, keysText)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	right := []string{"serve", "--keys", keys, "--upstream", "http://h", "--listen", taken.Addr().String()}
	for _, args := range []string{
		"", "--drain 0s", "--replay-guard 0", "--replay-guard 5 --explain", "--schemes huawei-sdk,tencent-app", "--schemes huawei-sdk --decode-slash", "--schemes tencent-app --query-form raw --no-strip-environment",
		"--schemes tencent-keypair --accept-any-date", "--query-form raw --no-strip-environment --decode-slash --accept-any-date", "--forward signed", "--forward all", "--preserve-host",
		"--allow-upgrade websocket", "--trusted-proxies 10.0.0.0/8,192.0.2.1,2001:db8::/32,::1", "--log-level warn", "--pprof --admin 127.0.0.1:0",
		"--max-body 1 --max-buffered-disk 1", "--max-buffered 9223372036854775807", "--identity-header X-Who", "--identity-header x_who", "--pprof=false", "--self-test-interval 1s", "--self-test-interval 0s",
	} {
		status, _, stderr := hmacsignRun(t, "", append(right, strings.Fields(args)...)...)
		require.Equal(t, 1, status, "%s: %s", args, stderr)
		require.Contains(t, stderr, "address already in use", args)
	}
	for args, want := range map[string]string{
		"--upstream http://b": "twice", "--keys " + keys: "twice", "--explain --explain": "twice", "--log-level info --log-level info": "twice",
		"--replay-guard -1": "--replay-guard", "--replay-guard 9000000000000000000": "--replay-guard", "--replay-guard x": "replay-guard",
		"--timeout 0s": "--timeout", "--timeout -1s": "--timeout", "--upstream-timeout 0s": "--upstream-timeout", "--window 0s": "--window", "--drain -1s": "--drain",
		"--self-test-interval 999ms": "use 1s or more", "--self-test-interval -1s": "such as 5s", "--self-test-interval 5x": "self-test-interval",
		"--max-body 0": "--max-body", "--max-body -1": "--max-body", "--max-buffered 0": "--max-buffered", "--max-buffered-disk 0": "--max-buffered-disk",
		"--max-connections 0": "--max-connections", "--max-connections -1": "--max-connections", "--max-body 1001 --max-buffered-disk 1000": "--max-buffered-disk",
		"--identity-header Host": "meaning of its own", "--identity-header connection": "meaning of its own", "--identity-header Content_Length": "meaning of its own",
		"--identity-header Transfer-Encoding": "meaning of its own", "--identity-header Authorization": "meaning of its own", "--identity-header X.Forwarded-For": "meaning of its own",
		"--identity-header a:b": "no name of a header", "--identity-header schlüssel": "no name of a header",
		"--schemes aws": "tencent-app", "--schemes tencent-app,": "tencent-app", "--schemes ,tencent-app": "tencent-app", "--query-form raw,": "query form",
		"--forward some": "all, signed", "--allow-upgrade h2c": "websocket", "--log-level trace": "debug, error, info, warn",
		"--trusted-proxies 10.0.0.0/33": "10.0.0.0/8", "--trusted-proxies 10.0.0.1,": "10.0.0.0/8", "--trusted-proxies proxy.example": "10.0.0.0/8",
		"--trusted-proxies ::ffff:10.0.0.0/104": "10.0.0.0/8", "--trusted-proxies fe80::1%eth0": "10.0.0.0/8",
		"--admin 9100": "unix:", "--admin unix:": "unix:", "--admin localhost": ":8080",
		"--pprof": "--admin", "--tls-cert x": "--tls-key", "--tls-key x": "--tls-cert", "left over": "left", "--admin ": "empty", "--schemes ": "empty",
		"--schemes huawei-sdk --query-form raw": "--query-form is for scheme tencent-app", "--schemes tencent-app --decode-slash": "--decode-slash is for scheme huawei-sdk",
		"--schemes tencent-app --accept-any-date": "--accept-any-date is for scheme tencent-keypair", "--no-strip-environment --schemes tencent-keypair": "--no-strip-environment is for scheme tencent-app",
		"--resign-algorithm hmac-sm3": "--resign-key-id", "--resign-key-id k --resign-secret-env HMACSIGN_TEST_UNSET": "HMACSIGN_TEST_UNSET",
		"--resign-key-id k --resign-secret-env HMACSIGN_SECRET --resign-algorithm hmac-sha1": "hmac-sha1",
	} {
		fields := strings.Fields(args)
		if strings.HasSuffix(args, " ") {
			fields = append(fields, "")
		}
		status, _, stderr := hmacsignRun(t, "", append(right, fields...)...)
		require.Equal(t, 2, status, "%s: %s", args, stderr)
		require.Contains(t, stderr, want, args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	}
	for _, args := range []string{"", "--keys " + keys, "--keys " + keys + " --upstream ftp://h", "--upstream http://h"} {
		status, _, stderr := hmacsignRun(t, "", append([]string{"serve"}, strings.Fields(args)...)...)
		require.Equal(t, 2, status, "%s: %s", args, stderr)
	}
	status, _, stderr := hmacsignRun(t, "", "serve", "--keys", "/nonexistent", "--upstream", "http://h")
	require.Equal(t, 1, status, stderr)
}

// Each flag reaches the setting that it is for.
func TestServeFlags(t *testing.T) {
	f, fs := newServeFlags(), pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.addTo(fs)
	require.NoError(t, fs.Parse([]string{"--keys", "k", "--upstream", "http://h", "--listen", "unix:/data", "--admin", ":1", "--pprof", "--tls-cert", "c", "--tls-key", "p",
		"--timeout", "3s", "--upstream-timeout", "4s", "--drain", "6s", "--self-test-interval", "12s", "--backend", "gmsm", "--max-connections", "7", "--max-body", "8", "--max-buffered", "9", "--max-buffered-disk", "10",
		"--forward", "signed", "--allow-upgrade", "websocket", "--trusted-proxies", "10.1.2.3/8,192.0.2.1,::1", "--preserve-host", "--log-level", "error",
		"--identity-header", "X-Who", "--replay-guard", "11", "--resign-key-id", "r", "--resign-secret-env", "HMACSIGN_TEST_RESIGN", "--resign-algorithm", "hmac-sm3"}))
	require.NoError(t, f.check())
	t.Setenv("HMACSIGN_TEST_RESIGN", testSecret)
	require.NoError(t, f.verifier())
	c, r, s := f.config, f.route, f.server
	require.Equal(t, []any{"http://h", 4 * time.Second, 3 * time.Second, int64(8), "X-Who", true, "websocket", true},
		[]any{r.Upstream, r.UpstreamTimeout, c.TunnelTimeout, r.MaxBody, r.IdentityHeader, r.ForwardSigned, r.AllowUpgrade, r.PreserveHost})
	require.Equal(t, "[10.0.0.0/8 192.0.2.1/32 ::1/128]", fmt.Sprint(c.TrustedProxies))
	require.NotNil(t, r.Resign)
	require.Error(t, c.Budget.Reserve(10), "more than --max-buffered")
	require.NoError(t, c.Budget.Reserve(9))
	require.Equal(t, []any{"gmsm", "unix:/data", ":1", true, "c", "p", 3 * time.Second, 7 * time.Second, 6 * time.Second, 12 * time.Second, 7, int64(9), int64(10)},
		[]any{s.Backend, s.Listen, s.Admin, s.Pprof, s.TLSCert, s.TLSKey, s.Timeout, s.AnswerTimeout, s.Drain, s.SelfTestInterval, s.MaxConnections, s.MaxBuffered, s.MaxBufferedOnDisk})
	require.NotNil(t, c.Replays)
	require.Equal(t, slog.LevelError, f.level.Level())
}

// What --schemes names has the options that were given.
func TestServeSchemes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []hmacsign.Scheme
	}{
		{nil, []hmacsign.Scheme{tencentapp.Scheme{Accept: tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded}, hmacsign.TencentKeyPair, hmacsign.HuaweiSDK}},
		{[]string{"--schemes", "huawei-sdk,tencent-app", "--decode-slash", "--query-form", "raw", "--no-strip-environment"},
			[]hmacsign.Scheme{huaweisdk.Scheme{DecodeSlash: true}, tencentapp.Scheme{Accept: tencentapp.Raw, KeepEnvironment: true}}},
		{[]string{"--accept-any-date", "--schemes", "tencent-keypair"}, []hmacsign.Scheme{tencentkeypair.Scheme{AcceptAnyDate: true}}},
	} {
		f, fs := newServeFlags(), pflag.NewFlagSet("serve", pflag.ContinueOnError)
		f.addTo(fs)
		require.NoError(t, fs.Parse(c.args))
		got, err := f.accepted()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

// process is hmacsign serve as an operator runs it.
type process struct {
	*exec.Cmd
	addr, admin string
	logs        *lockedBuffer
	exited      chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startProcess runs the built command until it listens.
func startProcess(t *testing.T, program, keysFile, upstream string, args ...string) *process {
	p := &process{logs: new(lockedBuffer), exited: make(chan struct{})}
	p.Cmd = exec.Command(program, append([]string{"serve", "--keys", keysFile, "--upstream", upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
	p.Stderr = p.logs
	require.NoError(t, p.Start())
	go func() { p.Wait(); close(p.exited) }()
	t.Cleanup(func() { p.Process.Kill(); <-p.exited; require.NotContains(t, p.logs.String(), testSecret) })
	p.requireLog(t, `"msg":"listening"`)
	line := p.line(t, "listening")
	p.addr, p.admin = line["address"].(string), line["admin"].(string)
	return p
}

// line is the first line of the log with that message.
func (p *process) line(t *testing.T, message string) map[string]any {
	for text := range strings.Lines(p.logs.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), "one JSON object a line: %s", text)
		if line["msg"] == message {
			return line
		}
	}
	t.Fatalf("no line %q in the log:\n%s", message, p.logs)
	return nil
}

func (p *process) requireLog(t *testing.T, want string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), want) }, 20*time.Second, 5*time.Millisecond, "%s: %s", want, p.logs)
}

func (p *process) signal(t *testing.T, s os.Signal) { require.NoError(t, p.Process.Signal(s)) }

// exitStatus waits for the process to end.
func (p *process) exitStatus(t *testing.T) int {
	select {
	case <-p.exited:
		return p.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end:\n%s", p.logs)
		return -1
	}
}

// get is a signed request of its own connection.
func get(t *testing.T, addr, path string) (int, string) {
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	client := &http.Client{Transport: signer.Transport(&http.Transport{DisableKeepAlives: true}), Timeout: 20 * time.Second}
	resp, err := client.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// The command in a process of its own: what it logs at the start, how signals
// end it, and clients that are not ours.
func TestServeProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a system with signals")
	}
	program := builtCommand(t)
	var expects atomic.Int64
	held := make(chan chan struct{}, 10) // requests to /hold that wait to go on
	over := make(chan struct{})          // they do, where a test has failed
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			goOn := make(chan struct{})
			held <- goOn
			select {
			case <-goOn:
			case <-over:
			}
		}
		if r.Header.Get("Expect") != "" {
			expects.Add(1)
		}
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "upstream got %d bytes", n)
	}))
	t.Cleanup(upstream.Close)
	t.Cleanup(func() { close(over) })
	keys := func(t *testing.T) string { return writeFile(t, keysText) }
	hold := func(t *testing.T, p *process) (goOn chan struct{}, status <-chan int) {
		answered := make(chan int, 1)
		go func() { s, _ := get(t, p.addr, "/hold"); answered <- s }()
		select {
		case goOn = <-held:
		case <-time.After(20 * time.Second):
			t.Fatalf("the request did not arrive:\n%s", p.logs)
		}
		return goOn, answered
	}

	t.Run("the start is logged", func(t *testing.T) {
		p := startProcess(t, program, keys(t), upstream.URL)
		line := p.line(t, "starting")
		for name, want := range map[string]any{"keys": 1.0, "replay_guard": 0.0, "window": "15m0s", "self_test_interval": "0s", "allow_upgrade": "", "query_form": "documented,raw,decoded", "no_strip_environment": false, "accept_any_date": false, "decode_slash": false, "forward_signed": false, "max_connections": 1024.0, "level": "INFO", "required": map[string]any{}, "secret_bits": 0.0} {
			require.Equal(t, want, line[name], name)
		}
		status, body := get(t, p.addr, "/a")
		require.Equal(t, []any{200, "upstream got 0 bytes"}, []any{status, body})
		status, body = get(t, p.admin, "/metrics")
		require.Equal(t, 200, status)
		for _, want := range []string{"hmacsign_keys 1\n", `hmacsign_buffered_limit_bytes{where="memory"} 2.68435456e+08`, "hmacsign_build_info{", "hmacsign_connections "} {
			require.Contains(t, body, want)
		}
		require.Regexp(t, `go_gc_gomemlimit_bytes (2\.9|3\.[01])\d*e\+08`, body, "a limit of 256 and 28 MiB and what is in use anyway")
		status, body = get(t, p.addr, "/metrics")
		require.Equal(t, []any{200, "upstream got 0 bytes"}, []any{status, body}, "on the data port every path is the upstream's")
		guarded := startProcess(t, program, writeFile(t, "[]"), upstream.URL, "--replay-guard", "1000", "--log-level", "debug")
		require.Equal(t, 1000.0, guarded.line(t, "starting")["replay_guard"])
		require.Contains(t, guarded.logs.String(), `"level":"WARN","msg":"the keys file has no keys`)
		status, body = get(t, guarded.admin, "/readyz")
		require.Equal(t, 503, status, body)
		named := startProcess(t, program, keys(t), upstream.URL, "--backend", "gmsm", "--self-test-interval", "1s")
		status, body = get(t, named.addr, "/a")
		require.Equal(t, 200, status, body)
		require.Eventually(t, func() bool {
			_, body = get(t, named.admin, "/metrics")
			return strings.Contains(body, `hmacsign_self_tests_total{outcome="passed"} 1`)
		}, 20*time.Second, 50*time.Millisecond)
		require.Contains(t, body, `hmacsign_backend_available{algorithm="hmac-sm3",backend="gmsm"} 1`)
		require.NotContains(t, body, `backend="asm"`)
		status, body = get(t, named.admin, "/readyz")
		require.Equal(t, []any{200, "ready\n"}, []any{status, body})
		named.requireLog(t, `"msg":"the backend computes for requests"`)
		executable, err := filepath.EvalSymlinks(program)
		require.NoError(t, err)
		content, err := os.ReadFile(program)
		require.NoError(t, err)
		line = named.line(t, "the backend computes for requests")
		require.Equal(t, []any{"hmac-sm3", "gmsm", executable, fmt.Sprintf("%x", sha256.Sum256(content))}, []any{line["algorithm"], line["backend"], line["module"], line["sha256"]})
		quiet := exec.Command(program, "serve", "--keys", keys(t), "--upstream", upstream.URL, "--listen", "127.0.0.1:99999", "--log-level", "warn")
		out, err := quiet.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 1, strings.Count(string(out), "\n"), "the error, and no line at info level: %s", out)
	})

	t.Run("not ready where a requirement cannot be met", func(t *testing.T) {
		t.Setenv("HMACSIGN_REQUIRE", "hmac-sm3=nonesuch")
		t.Setenv("HMACSIGN_REQUIRE_SECRET_BITS", "200")
		p := startProcess(t, program, keys(t), upstream.URL)
		line := p.line(t, "starting")
		require.Equal(t, []any{map[string]any{"hmac-sm3": "nonesuch"}, 200.0}, []any{line["required"], line["secret_bits"]})
		require.Equal(t, 1, strings.Count(p.logs.String(), `"level":"ERROR"`), p.logs)
		require.Contains(t, p.line(t, "requests cannot be verified as they should be: not ready")["error"], "nonesuch is required")
		status, body := get(t, p.admin, "/readyz")
		require.Equal(t, 503, status)
		require.Contains(t, body, "nonesuch is required")
		_, metrics := get(t, p.admin, "/metrics")
		require.Contains(t, metrics, `hmacsign_backend_available{algorithm="hmac-sm3",backend="nonesuch"} 0`)
		require.NoError(t, os.Unsetenv("HMACSIGN_REQUIRE"))
		out, err := exec.Command(program, "serve", "--keys", keys(t), "--upstream", upstream.URL, "--backend", "nonesuch").CombinedOutput()
		require.ErrorContains(t, err, "exit status 2", string(out))
	})

	t.Run("drains, then finishes what is in hand", func(t *testing.T) {
		p := startProcess(t, program, keys(t), upstream.URL, "--drain", "1s")
		idle := new(http.Transport) // keeps its connection
		defer idle.CloseIdleConnections()
		resp, err := (&http.Client{Transport: idle}).Get("http://" + p.addr + "/")
		require.NoError(t, err)
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		goOn, status := hold(t, p)
		p.signal(t, syscall.SIGTERM)
		require.Eventually(t, func() bool { s, _ := get(t, p.admin, "/readyz"); return s == 503 }, 20*time.Second, 5*time.Millisecond)
		got, _ := get(t, p.addr, "/a")
		require.Equal(t, 200, got, "served while it drains")
		p.requireLog(t, "requests in hand are finished")
		require.Eventually(t, func() bool {
			got, text := get(t, p.addr, "/a")
			return got == 0 && strings.Contains(text, "refused")
		}, 20*time.Second, 5*time.Millisecond, "the listener is closed")
		close(goOn)
		require.Equal(t, 200, <-status)
		require.Equal(t, 0, p.exitStatus(t), p.logs)
	})

	t.Run("a second signal ends at once", func(t *testing.T) {
		for _, drain := range []string{"1h", "0s"} {
			p := startProcess(t, program, keys(t), upstream.URL, "--drain", drain)
			goOn, status := hold(t, p)
			p.signal(t, syscall.SIGTERM)
			p.requireLog(t, map[string]string{"1h": "not ready any more", "0s": "requests in hand are finished"}[drain])
			p.signal(t, os.Interrupt)
			require.Equal(t, 1, p.exitStatus(t), p.logs)
			require.Equal(t, 0, <-status, "it was broken off")
			close(goOn)
			require.Contains(t, p.logs.String(), "hmacsign: ended at once by a second signal")
		}
	})

	t.Run("SIGHUP rereads the keys", func(t *testing.T) {
		file := keys(t)
		p := startProcess(t, program, file, upstream.URL, "--drain", "0s")
		require.NoError(t, os.WriteFile(file, []byte(`[{"id": "other", "secret": "x"}, {"id": "another", "secret": "y"}]`), 0o600))
		p.signal(t, syscall.SIGHUP)
		p.requireLog(t, `"keys":2`)
		got, body := get(t, p.addr, "/a")
		require.Equal(t, 401, got)
		require.Contains(t, body, "unknown_key")
		p.signal(t, os.Interrupt)
		require.Equal(t, 0, p.exitStatus(t), p.logs)
	})

	t.Run("a repeated request is refused if it is asked for", func(t *testing.T) {
		for guard, want := range map[string][]int{"0": {200, 200}, "100": {200, 401}} {
			p := startProcess(t, program, keys(t), upstream.URL, "--replay-guard", guard)
			signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)})
			require.NoError(t, err)
			req, err := http.NewRequest("GET", "http://"+p.addr+"/a", nil)
			require.NoError(t, err)
			require.NoError(t, signer.Sign(req))
			var got []int
			for range 2 {
				resp, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				resp.Body.Close()
				got = append(got, resp.StatusCode)
			}
			require.Equal(t, want, got, "--replay-guard %s", guard)
		}
	})

	t.Run("sockets are removed", func(t *testing.T) {
		dir := t.TempDir()
		socket := filepath.Join(dir, "data")
		p := &process{logs: new(lockedBuffer), exited: make(chan struct{})}
		p.Cmd = exec.Command(program, "serve", "--keys", keys(t), "--upstream", upstream.URL, "--listen", "unix:"+socket, "--drain", "0s")
		p.Stderr = p.logs
		require.NoError(t, p.Start())
		go func() { p.Wait(); close(p.exited) }()
		t.Cleanup(func() { p.Process.Kill() })
		p.requireLog(t, `"address":"unix:`)
		dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }
		resp, err := (&http.Client{Transport: &http.Transport{DialContext: dial}}).Get("http://proxy/")
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 401, resp.StatusCode)
		p.signal(t, syscall.SIGTERM)
		require.Equal(t, 0, p.exitStatus(t), p.logs)
		require.NoFileExists(t, socket)
	})

	t.Run("curl", func(t *testing.T) {
		requireTool(t, "curl")
		requireTool(t, "sh")
		p := startProcess(t, program, keys(t), upstream.URL)
		for _, scheme := range hmacsign.Schemes() {
			script := ok(t, "sign", "--output", "curl", "--scheme", scheme.Name(), "--algorithm", "hmac-sm3", "http://"+p.addr+"/a?b=1", "-d", "x=1", "-H", "Expect: 100-continue")
			cmd := exec.Command("sh", "-e")
			cmd.Stdin, cmd.Env = strings.NewReader(strings.Replace(script, "curl ", "curl -s ", 1)), append(os.Environ(), "http_proxy=")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Equal(t, "upstream got 3 bytes", string(out), scheme.Name())
		}
		require.Zero(t, expects.Load(), "what the proxy has answered is not asked again")
	})
}
