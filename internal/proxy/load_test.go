//go:build linux

package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/loadtest"
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

// startProxyProcess starts a proxy in a process of its own, without verification if
// there are no keys.
func startProxyProcess(t *testing.T, upstream, keys string) *loadtest.Process {
	t.Setenv("HMACSIGN_LOAD_KEYS", keys)
	return loadtest.Start(t, "HMACSIGN_LOAD_UPSTREAM", upstream)
}

// startNginx starts nginx as a plain proxy, for comparison; nil where there is
// none.
func startNginx(t *testing.T, upstream string) *loadtest.Process {
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
	return &loadtest.Process{Addr: addr, PID: cmd.Process.Pid}
}

// TestLoad drives the proxy with and without verification, and nginx where it
// is installed, in turn and reports the throughput of each. It asserts what does
// not depend on the machine: every answer is right and the memory stays flat.
func TestLoad(t *testing.T) {
	slice := loadtest.Slice(t, "load")
	upstream := loadtest.Upstream(t)
	plain := startProxyProcess(t, upstream.URL, "")
	verifying := startProxyProcess(t, upstream.URL, writeFile(t, keysFile))
	processes := []*loadtest.Process{plain, verifying}
	servers := []*loadtest.Server{{Name: "plain"}, {Name: "verifying"}}
	if nginx := startNginx(t, upstream.URL); nginx != nil {
		processes, servers = append(processes, nginx), append(servers, &loadtest.Server{Name: "nginx"})
	}

	signer := testSigner(t)
	var memory []string
	var first float64
	for round := range loadtest.Rounds {
		for i, p := range processes {
			req := request(t, "POST", "http://"+verifying.Addr+"/v1/things?b=2&a=1", strings.NewReader(loadtest.Body))
			req.Header.Set("Content-Type", "application/json")
			require.NoError(t, signer.Sign(req))
			servers[i].Loads = append(servers[i].Loads, loadtest.Run(t, "http://"+p.Addr+"/v1/things?b=2&a=1", loadtest.Repeat(req), slice))
		}
		if memory = append(memory, fmt.Sprintf("%.0f", verifying.ResidentMiB(t))); round == 0 {
			first = verifying.ResidentMiB(t)
		}
	}
	loadtest.Report("POST of 1 KiB JSON, hmac-sm3 on backend "+signer.Backend().Backend, slice, servers...)
	fmt.Printf("resident memory of the verifying proxy after each slice: %s MiB\n", strings.Join(memory, " "))
	require.Less(t, verifying.ResidentMiB(t), first+20, "MiB: it does not stay flat")
}
