package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/watch"
)

// startServer runs a server alone, without a proxy, until the test ends.
func startServer(t *testing.T, handler http.Handler, change func(*Server)) (r *serverRun) {
	r = &serverRun{signals: make(chan os.Signal, 2), logs: new(lockedBuffer), ended: make(chan struct{})}
	log := slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := &Server{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Timeout: 20 * time.Second, AnswerTimeout: 20 * time.Second, Signals: r.signals, Log: log}
	if change != nil {
		change(s)
	}
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(r.ended)
		r.err = s.Serve(ctx, handler, func(addr, admin string) { r.addr, r.admin = addr, admin; close(ready) })
	}()
	select {
	case <-ready:
	case <-r.ended:
		require.NoError(t, r.err)
	}
	t.Cleanup(func() {
		cancel()
		for {
			select {
			case <-r.ended:
				return
			case r.signals <- os.Interrupt: // whatever it waits for
			}
		}
	})
	return r
}

type serverRun struct {
	addr, admin string
	signals     chan os.Signal
	logs        *lockedBuffer
	ended       chan struct{}
	err         error // after ended
}

func (r *serverRun) end(t *testing.T) error {
	select {
	case <-r.ended:
		return r.err
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}

// getFrom asks over a new connection; addresses are as the server tells them.
func getFrom(t *testing.T, addr, path string) (int, string) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		if socket, ok := strings.CutPrefix(addr, "unix:"); ok {
			return net.Dial("unix", socket)
		}
		return net.Dial("tcp", addr)
	}
	return do(t, &http.Transport{DialContext: dial, DisableKeepAlives: true}, request(t, "GET", "http://server"+path, nil))
}

var answerFine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })

// distantStore is a KeyStore or ReplayStore that is elsewhere.
type distantStore struct {
	hmacsign.KeyStore
	hmacsign.ReplayStore
	down atomic.Bool
}

func (s *distantStore) Ready(context.Context) error {
	if s.down.Load() {
		return errors.New("store: connection\nrefused")
	}
	return nil
}

func TestReadiness(t *testing.T) {
	path := writeFile(t, keysFile)
	keys, err := OpenKeys(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	replays := new(distantStore)
	r := startServer(t, answerFine, func(s *Server) { s.Proxy, s.Drain = &Config{Keys: keys, Replays: replays}, time.Hour })
	requireReady := func(wantStatus int, want string) {
		t.Helper()
		status, body := getFrom(t, r.admin, "/readyz")
		require.Equal(t, []any{wantStatus, want}, []any{status, body})
		status, body = getFrom(t, r.admin, "/healthz")
		require.Equal(t, []any{200, "ok\n"}, []any{status, body}, "it lives all the while")
	}
	requireReady(200, "ready\n")
	replays.down.Store(true)
	requireReady(503, "store: connection refused\n")
	replays.down.Store(false)
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	require.NoError(t, keys.Reload())
	requireReady(503, "hmacsign: keys: the file has no keys: add one\n")
	require.NoError(t, os.WriteFile(path, []byte(keysFile), 0o600))
	require.NoError(t, keys.Reload())
	require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
	require.Error(t, keys.Reload())
	requireReady(200, "ready\n")

	r.signals <- syscall.SIGTERM
	require.Eventually(t, func() bool { status, _ := getFrom(t, r.admin, "/readyz"); return status == 503 }, 10*time.Second, 5*time.Millisecond)
	requireReady(503, "shutting down\n")
	status, body := getFrom(t, r.addr, "/")
	require.Equal(t, []any{200, "fine"}, []any{status, body}, "served while it drains")
	r.signals <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "the old keys stay") }, 10*time.Second, 5*time.Millisecond)
	r.signals <- syscall.SIGTERM
	require.ErrorContains(t, r.end(t), "second signal")
}

// What operators see is on their listener alone: on the data port every path is
// the upstream's.
func TestAdminIsApart(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "upstream's ", r.URL.Path) })
	quiet, profiled := startServer(t, echo, nil), startServer(t, echo, func(s *Server) { s.Pprof = true })
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/pprof/trace"} {
		for _, r := range []*serverRun{quiet, profiled} {
			_, body := getFrom(t, r.addr, path)
			require.Equal(t, "upstream's "+path, body)
		}
		if strings.HasPrefix(path, "/debug") {
			status, _ := getFrom(t, quiet.admin, path)
			require.Equal(t, 404, status, path)
			seconds := ""
			if strings.HasSuffix(path, "/profile") || strings.HasSuffix(path, "/trace") {
				seconds = "?seconds=1"
			}
			status, body := getFrom(t, profiled.admin, path+seconds)
			require.Equal(t, 200, status, path)
			require.NotEmpty(t, body, path)
		}
	}
	status, _ := getFrom(t, profiled.admin, "/debug/pprof/nonesuch")
	require.Equal(t, 404, status)
	_, body := getFrom(t, profiled.admin, "/debug/pprof/goroutine?debug=1")
	require.Contains(t, body, "goroutine profile: total")
}

func TestMetrics(t *testing.T) {
	budget, err := hmacsign.NewBudget(1000, 2000)
	require.NoError(t, err)
	require.NoError(t, budget.Reserve(123))
	path := writeFile(t, keysFile)
	keys, err := OpenKeys(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	r := startServer(t, answerFine, func(s *Server) {
		s.Proxy, s.MaxBuffered, s.MaxBufferedOnDisk = &Config{Keys: keys, Budget: budget}, 1000, 2000
	})
	(&Event{Outcome: "refused", Reason: "algorithm", Algorithm: "hmac-\xff made up", Took: 3 * time.Millisecond}).count()
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.Eventually(t, func() bool {
		_, body := getFrom(t, r.admin, "/metrics")
		return strings.Contains(body, "hmacsign_connections 1\n")
	}, 10*time.Second, 5*time.Millisecond)
	status, body := getFrom(t, r.admin, "/metrics")
	require.Equal(t, 200, status)
	for _, want := range []string{
		`hmacsign_requests_total{algorithm="refused",backend="",outcome="refused",reason="algorithm",route="",scheme=""} `,
		`hmacsign_request_duration_seconds_bucket{le="0.0005"} `, `hmacsign_request_duration_seconds_bucket{le="60"} `,
		`hmacsign_build_info{goversion="` + runtime.Version() + `",version="`, "hmacsign_keys 1\n", "hmacsign_keys_loaded_timestamp_seconds 1.",
		"hmacsign_keys_last_read_successful 1\n", `hmacsign_buffered_bytes{where="memory"} 123`, `hmacsign_buffered_bytes{where="disk"} 0`,
		`hmacsign_buffered_limit_bytes{where="memory"} 1000`, `hmacsign_buffered_limit_bytes{where="disk"} 2000`, "go_goroutines ",
	} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, "made up")
	if runtime.GOOS == "linux" {
		require.Contains(t, body, "process_resident_memory_bytes ")
	}
	require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
	require.Error(t, keys.Reload())
	conn.Close()
	require.Eventually(t, func() bool {
		_, body = getFrom(t, r.admin, "/metrics")
		return strings.Contains(body, "hmacsign_connections 0\n")
	}, 10*time.Second, 5*time.Millisecond)
	require.Contains(t, body, "hmacsign_keys_last_read_successful 0\n")
}

// More connections than allowed wait; one that ends makes room.
func TestMaxConnections(t *testing.T) {
	r := startServer(t, answerFine, func(s *Server) { s.MaxConnections = 2 })
	ask := func(conn net.Conn) <-chan string {
		answer := make(chan string, 1)
		go func() {
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answer <- strings.TrimSpace(line)
		}()
		return answer
	}
	var conns []net.Conn
	var answers []<-chan string
	for range 3 {
		conn, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer conn.Close()
		conns, answers = append(conns, conn), append(answers, ask(conn))
		if len(conns) < 3 {
			require.Equal(t, "HTTP/1.1 200 OK", <-answers[len(conns)-1])
		}
	}
	select {
	case got := <-answers[2]:
		t.Fatalf("a third connection was answered: %s", got)
	case <-time.After(100 * time.Millisecond):
	}
	conns[0].Close()
	require.Equal(t, "HTTP/1.1 200 OK", <-answers[2])
}

func requireUnixSockets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs unix sockets with modes")
	}
}

func TestUnixSockets(t *testing.T) {
	requireUnixSockets(t)
	dir := t.TempDir()
	data, admin := filepath.Join(dir, "data"), filepath.Join(dir, "admin")
	change := func(s *Server) { s.Listen, s.Admin = "unix:"+data, "unix:"+admin }
	r := startServer(t, answerFine, change)
	require.Equal(t, []string{"unix:" + data, "unix:" + admin}, []string{r.addr, r.admin})
	for _, socket := range []string{data, admin} {
		info, err := os.Stat(socket)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	}
	status, body := getFrom(t, r.addr, "/")
	require.Equal(t, []any{200, "fine"}, []any{status, body})
	status, _ = getFrom(t, r.admin, "/healthz")
	require.Equal(t, 200, status)

	// One that lives is refused, and lives on.
	err := (&Server{Listen: "unix:" + data, Log: slog.New(slog.DiscardHandler)}).Serve(context.Background(), answerFine, nil)
	require.ErrorContains(t, err, "another process listens there")
	status, _ = getFrom(t, r.addr, "/")
	require.Equal(t, 200, status)
	r.signals <- os.Interrupt
	require.NoError(t, r.end(t))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the files are removed at the end")

	// What is no socket is left alone.
	require.NoError(t, os.WriteFile(data, []byte("precious"), 0o600))
	err = (&Server{Listen: "unix:" + data, Log: slog.New(slog.DiscardHandler)}).Serve(context.Background(), answerFine, nil)
	require.ErrorContains(t, err, "no socket")
	require.FileExists(t, data)
	require.NoError(t, os.Remove(data))

	// One that a killed process left is taken over.
	stale, err := net.Listen("unix", data)
	require.NoError(t, err)
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	_, err = os.Lstat(data)
	require.NoError(t, err)
	r = startServer(t, answerFine, change)
	status, _ = getFrom(t, r.addr, "/")
	require.Equal(t, 200, status)
}

// tunnelHandler is a handler whose requests end when it is told to close them.
type tunnelHandler struct {
	opened, closed chan struct{}
	logged         atomic.Bool
}

func (h *tunnelHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, _ := http.NewResponseController(w).Hijack()
	defer conn.Close()
	close(h.opened)
	<-h.closed
	time.Sleep(50 * time.Millisecond) // the line of its log is still to be written
	h.logged.Store(true)
}

func (h *tunnelHandler) CloseTunnels() { close(h.closed) }

// An idle connection does not delay the end, a tunnel is closed at the end.
func TestShutdownClosesTunnels(t *testing.T) {
	h := &tunnelHandler{opened: make(chan struct{}), closed: make(chan struct{})}
	r := startServer(t, h, nil)
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-h.opened
	r.signals <- syscall.SIGTERM
	require.NoError(t, r.end(t))
	require.True(t, h.logged.Load(), "the end waits for what a tunnel still does")
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func TestShutdownDoesNotWaitForIdleConnections(t *testing.T) {
	r := startServer(t, answerFine, nil)
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	_, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	r.signals <- syscall.SIGTERM
	require.NoError(t, r.end(t))
}

// A second signal while requests are in hand ends at once.
func TestSecondSignal(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	r := startServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived); <-release }), nil)
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	r.signals <- syscall.SIGTERM
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "requests in hand are finished") }, 10*time.Second, 5*time.Millisecond)
	r.signals <- syscall.SIGTERM
	require.ErrorIs(t, r.end(t), errBrokenOff)
}

// Panics are errors; what a stranger can cause is for debugging, whatever words
// are in it.
func TestServerLog(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	r := startServer(t, boom, func(s *Server) { s.TLSCert, s.TLSKey = certFile, keyFile })
	_, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: pool, NextProtos: []string{"http: panic serving "}})
	require.Error(t, err)
	conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: pool})
	require.NoError(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "boom") }, 10*time.Second, 5*time.Millisecond)
	for line := range strings.Lines(r.logs.String()) {
		switch {
		case strings.Contains(line, "TLS handshake error"):
			require.Contains(t, line, `"level":"DEBUG"`)
		case strings.Contains(line, "boom"):
			require.Contains(t, line, `"level":"ERROR"`)
		}
	}
	require.Contains(t, r.logs.String(), "TLS handshake error")
}

func servedCertificate(t *testing.T, addr string, pools ...*x509.CertPool) int {
	for i, pool := range pools {
		if conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool}); err == nil {
			conn.Close()
			return i
		}
	}
	return -1
}

// The certificate's files are followed, also when they are renamed into place
// with the same size and time; a pair with a fault changes nothing.
func TestCertificateIsFollowed(t *testing.T) {
	certFile, keyFile, first := certificate(t)
	nextCert, nextKey, second := certificate(t)
	logs := new(lockedBuffer)
	c, err := openCertificate(certFile, keyFile, slog.New(slog.NewJSONHandler(logs, nil)))
	require.NoError(t, err)
	clock := time.Now()
	c.now = func() time.Time { return clock }
	served := func(pool *x509.CertPool) bool {
		pair, err := c.get(nil)
		require.NoError(t, err)
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool})
		return err == nil
	}
	require.True(t, served(first))
	// Half of the new pair: the old one stays, and it is told once.
	require.NoError(t, os.Rename(nextKey, keyFile))
	require.True(t, served(first))
	require.Empty(t, logs.String(), "not yet time to look")
	for range 3 {
		clock = clock.Add(watch.Interval)
		require.True(t, served(first))
	}
	require.Equal(t, 1, strings.Count(logs.String(), `"level":"ERROR"`), logs)
	require.NoError(t, os.Rename(nextCert, certFile))
	clock = clock.Add(watch.Interval)
	require.True(t, served(second))
	require.False(t, served(first))
	require.Contains(t, logs.String(), "in use")
	require.NotContains(t, logs.String(), "PRIVATE")
}

// SIGHUP reads keys and certificate at once.
func TestHangupReloads(t *testing.T) {
	certFile, keyFile, first := certificate(t)
	nextCert, nextKey, second := certificate(t)
	path := writeFile(t, keysFile)
	r := startServer(t, answerFine, func(s *Server) {
		keys, err := OpenKeys(path, s.Log)
		require.NoError(t, err)
		s.TLSCert, s.TLSKey, s.Proxy = certFile, keyFile, &Config{Keys: keys}
	})
	require.Equal(t, 0, servedCertificate(t, r.addr, first, second))
	require.NoError(t, os.Rename(nextKey, keyFile))
	require.NoError(t, os.Rename(nextCert, certFile))
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	r.signals <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "certificate was read again") }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, 1, servedCertificate(t, r.addr, first, second))
	require.Contains(t, r.logs.String(), "every request is refused")
	require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
	r.signals <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(r.logs.String(), "the old keys stay") }, 10*time.Second, 5*time.Millisecond)
}

// Heads have a limit, and one of ordinary length passes.
func TestHeaderLimit(t *testing.T) {
	r := startServer(t, answerFine, nil)
	for length, want := range map[int]string{60 << 10: "HTTP/1.1 200 OK", 70 << 10: "HTTP/1.1 431 Request Header Fields Too Large"} {
		conn, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer conn.Close()
		go io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: "+strings.Repeat("x", length)+"\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(line))
	}
}

// What an HTTP/2 connection may ask for at a time is in the first frame of the
// server.
func TestStreamLimit(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	r := startServer(t, answerFine, func(s *Server) { s.TLSCert, s.TLSKey = certFile, keyFile })
	conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	require.NoError(t, err)
	head := make([]byte, 9)
	_, err = io.ReadFull(conn, head)
	require.NoError(t, err)
	require.Equal(t, byte(4), head[3], "a SETTINGS frame")
	settings := make([]byte, int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(conn, settings)
	require.NoError(t, err)
	for ; len(settings) > 0; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 3 { // SETTINGS_MAX_CONCURRENT_STREAMS
			require.EqualValues(t, 64, binary.BigEndian.Uint32(settings[2:]))
			return
		}
	}
	t.Error("no limit was told")
}
