package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const testSecret = "hush-hush-secret"

// command is a command that runs.
type command struct {
	addr, admin string
	signals     chan os.Signal
	output      *lines
	status      chan int
}

// lines is what it says; it is written and read at once.
type lines struct {
	sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.Lock()
	defer l.Unlock()
	return l.text.String()
}

func keysFile(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, []byte(`[{"id": "k", "secret": "`+testSecret+`"}]`), 0o600))
	return path
}

// startCommand starts it with a keys file, on a unix socket unless the flags say another.
func startCommand(t testing.TB, flags ...string) *command {
	c := &command{signals: make(chan os.Signal, 4), output: new(lines), status: make(chan int, 1)}
	args := append([]string{"--admin", "127.0.0.1:0"}, flags...)
	for _, missing := range [][2]string{{"--keys", keysFile(t)}, {"--listen", "unix:" + filepath.Join(t.TempDir(), "s")}, {"--drain", "0s"}} {
		if !slices.Contains(flags, missing[0]) {
			args = append(args, missing[0], missing[1])
		}
	}
	opened := make(chan struct{})
	go func() {
		c.status <- run(context.Background(), args, io.Discard, c.output, c.signals, func(addr, admin string) { c.addr, c.admin = addr, admin; close(opened) })
	}()
	select {
	case <-opened:
	case code := <-c.status:
		t.Fatalf("exit status %d: %s", code, c.output)
	}
	t.Cleanup(func() {
		c.signals <- syscall.SIGTERM
		<-c.status
	})
	return c
}

func dial(t testing.TB, address string, creds credentials.TransportCredentials) *grpc.ClientConn {
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// request is a signed request as Envoy tells it.
func request(t testing.TB, body string) *authv3.CheckRequest {
	req, err := http.NewRequest("POST", "http://example.com/a?b=c", strings.NewReader(body))
	require.NoError(t, err)
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSHA256, hmacsign.Credential{KeyID: "k", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	in := &authv3.AttributeContext_HttpRequest{Method: "POST", Path: "/a?b=c", Host: "example.com", HeaderMap: new(corev3.HeaderMap), RawBody: []byte(body), Size: int64(len(body))}
	for name, values := range req.Header {
		in.HeaderMap.Headers = append(in.HeaderMap.Headers, &corev3.HeaderValue{Key: strings.ToLower(name), RawValue: []byte(values[0])})
	}
	in.HeaderMap.Headers = append(in.HeaderMap.Headers, &corev3.HeaderValue{Key: ":path", RawValue: []byte(in.Path)},
		&corev3.HeaderValue{Key: "content-length", RawValue: []byte(strconv.Itoa(len(body)))})
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: in}}}
}

// statusOf is that of the answer.
func statusOf(t testing.TB, conn *grpc.ClientConn, in *authv3.CheckRequest) int {
	t.Helper()
	out, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), in)
	require.NoError(t, err)
	if out.GetOkResponse() != nil {
		return http.StatusOK
	}
	return int(out.GetDeniedResponse().GetStatus().GetCode())
}

func get(t testing.TB, url string) (int, string) {
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func healthOf(t testing.TB, conn *grpc.ClientConn) healthv1.HealthCheckResponse_ServingStatus {
	out, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: "envoy.service.auth.v3.Authorization"})
	require.NoError(t, err)
	return out.GetStatus()
}

// One line a request, the metrics and the probes, and nothing that is secret.
func TestCommand(t *testing.T) {
	c := startCommand(t, "--replay-guard", "10")
	conn := dial(t, c.addr, nil)
	in := request(t, `{"a":1}`)
	require.Equal(t, 200, statusOf(t, conn, in))
	require.Equal(t, 401, statusOf(t, conn, in), "a replay")
	require.Eventually(t, func() bool { return healthOf(t, conn) == healthv1.HealthCheckResponse_SERVING }, 10*time.Second, time.Millisecond)
	for path, want := range map[string]string{"healthz": "ok\n", "readyz": "ready\n"} {
		code, body := get(t, "http://"+c.admin+"/"+path)
		require.Equal(t, 200, code)
		require.Equal(t, want, body)
	}
	_, body := get(t, "http://"+c.admin+"/metrics")
	require.Contains(t, body, `hmacsign_requests_total{algorithm="hmac-sha256",backend="go",outcome="accepted",reason="",route="",scheme="huawei-sdk"} 1`)
	require.Contains(t, body, `reason="replayed"`)
	require.Contains(t, body, "hmacsign_keys 1")

	var requests []map[string]any
	for line := range strings.Lines(c.output.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry["msg"] == "request" {
			requests = append(requests, entry)
		}
	}
	require.Len(t, requests, 2)
	require.Equal(t, "accepted", requests[0]["outcome"])
	require.Equal(t, "/a", requests[0]["path"])
	require.Equal(t, "k", requests[0]["key_id"])
	require.Equal(t, "replayed", requests[1]["reason"])
	require.NotContains(t, c.output.String(), testSecret)
	for _, h := range in.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		if h.GetKey() == "authorization" {
			_, signature, _ := strings.Cut(string(h.GetRawValue()), "Signature=")
			require.NotEmpty(t, signature)
			require.NotContains(t, c.output.String(), signature)
		}
	}
}

// Told to end it says so through the health service first, still answers, and ends well.
func TestGracefulStop(t *testing.T) {
	c := startCommand(t, "--listen", "127.0.0.1:0", "--drain", "500ms")
	conn := dial(t, c.addr, nil)
	require.Equal(t, 200, statusOf(t, conn, request(t, "")))
	c.signals <- syscall.SIGTERM
	require.Eventually(t, func() bool { return healthOf(t, conn) == healthv1.HealthCheckResponse_NOT_SERVING }, 10*time.Second, time.Millisecond)
	code, body := get(t, "http://"+c.admin+"/readyz")
	require.Equal(t, 503, code)
	require.Equal(t, "shutting down\n", body)
	require.Equal(t, 200, statusOf(t, conn, request(t, "still")))
	require.Equal(t, 0, <-c.status)
	require.Contains(t, c.output.String(), "shut down")
	_, err := net.Dial("tcp", c.addr)
	require.Error(t, err)
	c.status <- 0 // for the end of the test
}

func TestEndedAtOnce(t *testing.T) {
	c := startCommand(t, "--drain", "1h")
	c.signals <- syscall.SIGTERM
	require.Eventually(t, func() bool { return strings.Contains(c.output.String(), "shutting down") }, 10*time.Second, time.Millisecond)
	c.signals <- syscall.SIGTERM
	require.Equal(t, 1, <-c.status)
	require.Contains(t, c.output.String(), "ended at once by a second signal")
	c.status <- 0
}

// Bodies up to --max-body go through, with the headers beside them; what is longer than
// any message may be never passes.
func TestMaxBody(t *testing.T) {
	c := startCommand(t, "--max-body", "100000")
	conn := dial(t, c.addr, nil)
	require.Equal(t, 200, statusOf(t, conn, request(t, strings.Repeat("x", 100000))))
	require.Equal(t, 413, statusOf(t, conn, request(t, strings.Repeat("x", 100001))))
	_, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), request(t, strings.Repeat("x", 2<<20)))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
}

// With keys that cannot be used any more the old ones stay; new ones are used.
func TestReload(t *testing.T) {
	path := keysFile(t)
	c := startCommand(t, "--keys", path)
	conn := dial(t, c.addr, nil)
	require.Equal(t, 200, statusOf(t, conn, request(t, "")))
	require.NoError(t, os.WriteFile(path, []byte(`[{"id": "other", "secret": "other-secret"}]`), 0o600))
	c.signals <- syscall.SIGHUP
	require.Eventually(t, func() bool { return statusOf(t, conn, request(t, "")) == 401 }, 10*time.Second, time.Millisecond)
}

func TestUsage(t *testing.T) {
	keys := keysFile(t)
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{0, "Usage: hmacsign-extauthz", []string{"--help"}},
		{2, "name the keys file with --keys", nil},
		{2, "it is empty", []string{"--keys", ""}},
		{2, "there twice", []string{"--keys", keys, "--explain", "--explain"}},
		{2, "all is said with flags", []string{"--keys", keys, "more"}},
		{2, "--listen", []string{"--keys", keys, "--listen", "9191"}},
		{2, "unknown scheme", []string{"--keys", keys, "--schemes", "none"}},
		{2, "--window", []string{"--keys", keys, "--window", "0s"}},
		{2, "--max-buffered", []string{"--keys", keys, "--max-buffered", "1000"}},
		{2, "--max-body", []string{"--keys", keys, "--max-body", "0"}},
		{2, "--tls-cert and --tls-key go together", []string{"--keys", keys, "--tls-cert", "x"}},
		{2, "--client-ca needs", []string{"--keys", keys, "--client-ca", "x"}},
		{2, "memory of this process alone", []string{"--keys", keys, "--replay-guard", "1", "--redis", "redis://127.0.0.1:1"}},
		{2, "HMACSIGN_REDIS_URL", []string{"--keys", keys, "--redis", "redis://u:hushhush@127.0.0.1:1"}},
		{2, "a:b", []string{"--keys", keys, "--require-header", "a:b"}},
		{1, "no such file", []string{"--keys", keys + "x"}},
		{1, "no such file", []string{"--keys", keys, "--tls-cert", "/none", "--tls-key", "/none"}},
		{1, "redis", []string{"--keys", keys, "--redis", "redis://127.0.0.1:1"}},
	} {
		var out, errors bytes.Buffer
		require.Equal(t, c.status, run(t.Context(), c.args, &out, &errors, nil, func(string, string) { t.Fatal("it runs", c.args) }), "%q %s", c.args, &errors)
		require.Contains(t, out.String()+errors.String(), c.says, "%q", c.args)
		require.NotContains(t, errors.String(), "hushhush")
		require.NotContains(t, out.String(), "panic")
	}
}

// With --client-ca a client without a certificate of that authority gets nowhere.
func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	authority, authorityKey := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", authority, authorityKey)
	certificate(t, dir, "client", authority, authorityKey)
	file := func(name string) string { return filepath.Join(dir, name) }
	c := startCommand(t, "--listen", "127.0.0.1:0", "--tls-cert", file("server.pem"), "--tls-key", file("server.key"), "--client-ca", file("ca.pem"))
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	pair, err := tls.LoadX509KeyPair(file("client.pem"), file("client.key"))
	require.NoError(t, err)
	conn := dial(t, c.addr, credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: "localhost"}))
	require.Equal(t, 200, statusOf(t, conn, request(t, "")))
	for _, creds := range []credentials.TransportCredentials{insecure.NewCredentials(), credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "localhost"})} {
		_, err := authv3.NewAuthorizationClient(dial(t, c.addr, creds)).Check(t.Context(), request(t, ""))
		require.Equal(t, codes.Unavailable, status.Code(err))
	}
	// A certificate with a fault changes nothing, a new one is used.
	require.NoError(t, os.WriteFile(file("server.pem"), []byte("half"), 0o600))
	conn = dial(t, c.addr, credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: "localhost"}))
	require.Equal(t, 200, statusOf(t, conn, request(t, "")))
	require.Contains(t, c.output.String(), "the old one stays")
}

// certificate makes one in files, signed by an authority or by itself.
func certificate(t *testing.T, dir, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: parent == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made, key
}

// Two of them share what they have seen. Without Redis nothing passes, and they say that
// they are not to be asked.
func TestRedis(t *testing.T) {
	redis := redistest.Start(t)
	a, b := startCommand(t, "--redis", redis.URL()), startCommand(t, "--redis", redis.URL())
	first, second := dial(t, a.addr, nil), dial(t, b.addr, nil)
	in := request(t, "once")
	require.Equal(t, 200, statusOf(t, first, in))
	require.Equal(t, 401, statusOf(t, second, in))
	require.Eventually(t, func() bool { return healthOf(t, first) == healthv1.HealthCheckResponse_SERVING }, 10*time.Second, time.Millisecond)
	redis.Kill()
	require.Equal(t, 503, statusOf(t, first, request(t, "down")))
	require.Eventually(t, func() bool { return healthOf(t, first) == healthv1.HealthCheckResponse_NOT_SERVING }, 20*time.Second, 10*time.Millisecond)
	code, _ := get(t, "http://"+a.admin+"/readyz")
	require.Equal(t, 503, code)
	_, metrics := get(t, "http://"+a.admin+"/metrics")
	require.Contains(t, metrics, `reason="unavailable"`)
}
