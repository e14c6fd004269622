//go:build linux

package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// TestMain lets TestLoad run a proxy in a process of its own, whose memory can
// be told from the test's: this program, started again.
func TestMain(m *testing.M) {
	upstream := os.Getenv("HMACSIGN_LOAD_UPSTREAM")
	if upstream == "" {
		os.Exit(m.Run())
	}
	log := slog.New(slog.DiscardHandler)
	config, server := &Config{Routes: []*Route{NewRoute(upstream)}, Log: log}, &Server{Listen: "127.0.0.1:0", Timeout: time.Minute, AnswerTimeout: time.Minute, Log: log}
	handler, err := serverOf(config, os.Getenv("HMACSIGN_LOAD_KEYS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.Copy(io.Discard, os.Stdin); cancel() }()
	if err := server.Serve(ctx, handler, func(addr, _ string) { fmt.Println(addr) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serverOf(config *Config, keys string) (http.Handler, error) {
	if keys != "" {
		var err error
		if config.Keys, err = hmacsign.OpenKeys(keys, nil); err != nil {
			return nil, err
		}
	}
	return New(config)
}

// proxyProcess is a proxy in a process of its own, without verification
// if there are no keys.
type proxyProcess struct {
	addr string
	pid  int
}

func startProxyProcess(t *testing.T, upstream, keys string) *proxyProcess {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "HMACSIGN_LOAD_UPSTREAM="+upstream, "HMACSIGN_LOAD_KEYS="+keys)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); require.NoError(t, cmd.Wait()) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return &proxyProcess{strings.TrimSpace(line), cmd.Process.Pid}
}

func (p *proxyProcess) residentMiB(t *testing.T) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return float64(n) / 1024
}

// load is what wrk says of one slice.
type load struct {
	perSecond float64
	p50, p99  time.Duration
}

func runWrk(t *testing.T, addr, script string, seconds int) load {
	out, err := exec.Command("wrk", "-t1", "-c32", fmt.Sprintf("-d%ds", seconds), "--latency", "-s", script, "http://"+addr+"/v1/things?b=2&a=1").CombinedOutput()
	require.NoError(t, err, string(out))
	text := string(out)
	require.NotContains(t, text, "Non-2xx", text)
	require.NotContains(t, text, "Socket errors", text)
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, m, text)
		return m[1]
	}
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		require.NoError(t, err)
		return d
	}
	perSecond, err := strconv.ParseFloat(find(`Requests/sec:\s+([\d.]+)`), 64)
	require.NoError(t, err)
	return load{perSecond, duration(find(`(?m)^\s+50%\s+(\S+)`)), duration(find(`(?m)^\s+99%\s+(\S+)`))}
}

// startNginx starts nginx as a plain proxy, for comparison; nil where there is
// none.
func startNginx(t *testing.T, upstream string) *proxyProcess {
	program, err := exec.LookPath("nginx")
	if err != nil {
		fmt.Println("nginx is not compared with: it is not installed (apt-get install nginx-light)")
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	dir := t.TempDir()
	config := fmt.Sprintf(`
		daemon off; worker_processes %d; pid %s/pid; error_log %s/error.log; user root;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
			upstream up { server %[4]s; keepalive 256; }
			server { listen %[5]s; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } }
		}`, runtime.NumCPU(), dir, dir, strings.TrimPrefix(upstream, "http://"), addr)
	cmd := exec.Command(program, "-p", dir, "-c", writeFile(t, config))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	return &proxyProcess{addr, cmd.Process.Pid}
}

// TestLoad drives the proxy with and without verification, and nginx where it
// is installed, in turn and reports the throughput of each. It asserts what does
// not depend on the machine: every answer is right and the memory stays flat.
func TestLoad(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("HMACSIGN_LOAD"))
	if seconds == 0 {
		t.Skip("needs HMACSIGN_LOAD=30 (seconds) and wrk: make load")
	}
	const rounds = 6
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	defer upstream.Close()
	plain := startProxyProcess(t, upstream.URL, "")
	verifying := startProxyProcess(t, upstream.URL, writeFile(t, keysFile))
	proxies := []*proxyProcess{plain, verifying}
	names := map[*proxyProcess]string{plain: "plain", verifying: "verifying"}
	if nginx := startNginx(t, upstream.URL); nginx != nil {
		proxies, names[nginx] = append(proxies, nginx), "nginx"
	}

	signer := testSigner(t)
	body := `{"name":"` + strings.Repeat("x", 1024-11) + `"}`
	require.Len(t, body, 1024)
	script := func() string {
		req := request(t, "POST", "http://"+verifying.addr+"/v1/things?b=2&a=1", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		require.NoError(t, signer.Sign(req))
		lua := "wrk.method = 'POST'\nwrk.body = '" + body + "'\n"
		for name := range req.Header {
			lua += fmt.Sprintf("wrk.headers['%s'] = '%s'\n", name, req.Header.Get(name))
		}
		return writeFile(t, lua)
	}
	loads := map[*proxyProcess][]load{}
	var memory []string
	for range rounds {
		for _, p := range proxies {
			loads[p] = append(loads[p], runWrk(t, p.addr, script(), seconds/rounds))
		}
		memory = append(memory, fmt.Sprintf("%.0f", verifying.residentMiB(t)))
	}
	last := verifying.residentMiB(t)
	first, _ := strconv.ParseFloat(memory[0], 64)
	fmt.Printf("%d processors, wrk -t1 -c32, POST of 1 KiB JSON, %s on backend %s; slices of %d s in turn\n", runtime.NumCPU(), "hmac-sm3", signer.Backend().Backend, seconds/rounds)
	fmt.Printf("%-10s %12s %10s %10s\n", "proxy", "requests/s", "p50", "p99")
	median := func(of func(load) float64, p *proxyProcess) float64 {
		var values []float64
		for _, l := range loads[p] {
			values = append(values, of(l))
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	for _, p := range proxies {
		fmt.Printf("%-10s %12.0f %8.2fms %8.2fms\n", names[p], median(func(l load) float64 { return l.perSecond }, p),
			median(func(l load) float64 { return l.p50.Seconds() * 1000 }, p), median(func(l load) float64 { return l.p99.Seconds() * 1000 }, p))
	}
	for _, p := range proxies[1:] {
		var ratios []float64
		for i := range rounds {
			ratios = append(ratios, loads[p][i].perSecond/loads[plain][i].perSecond)
		}
		slices.Sort(ratios)
		fmt.Printf("%s/plain throughput: median %.3f (%.3f to %.3f)\n", names[p], (ratios[rounds/2-1]+ratios[rounds/2])/2, ratios[0], ratios[rounds-1])
	}
	fmt.Printf("resident memory of the verifying proxy after each slice: %s MiB\n", strings.Join(memory, " "))
	require.Less(t, last, first+20, "MiB: it does not stay flat")
}
