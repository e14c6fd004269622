package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// upstream records what came through the proxy.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []received
	hook func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

type received struct {
	method, uri string
	header      http.Header
	size        int64
	sha256      string
}

func newUpstream(t *testing.T) *upstream {
	u := new(upstream)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.hook != nil && u.hook(w, r) {
			return
		}
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, received{r.Method, r.RequestURI, r.Header, n, fmt.Sprintf("%x", h.Sum(nil))})
		u.mu.Unlock()
		fmt.Fprintf(w, "upstream got %d bytes", n)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) last() received {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) == 0 {
		return received{}
	}
	return u.seen[len(u.seen)-1]
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

// proxy is a verifying proxy in this process.
type proxy struct {
	url, admin string
	stop       func() error
	logs       *lockedBuffer
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

const (
	testSecret = "correct-horse-battery-staple"
	keysFile   = `[{"id": "test-key", "secret": "` + testSecret + `"}]`
)

func writeFile(t *testing.T, content string) string {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func requireTool(t *testing.T, name string) {
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("needs " + name)
	}
}

// settings are those of a proxy under test.
type settings struct {
	*Config
	*Route
	*Server
	keysFile string
}

func startServe(t *testing.T, upstreamURL string, change func(*settings)) *proxy {
	p := &proxy{logs: new(lockedBuffer)}
	log := slog.New(slog.NewJSONHandler(p.logs, nil))
	s := &settings{new(Config), NewRoute(upstreamURL), &Server{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Timeout: 20 * time.Second, AnswerTimeout: time.Minute, Log: log}, writeFile(t, keysFile)}
	s.Config.Log, s.UpstreamTimeout, s.Proxy, s.Routes = log, 10*time.Second, s.Config, []*Route{s.Route}
	if change != nil {
		change(s)
	}
	var err error
	s.Keys, err = hmacsign.OpenKeys(s.keysFile, func(err error) {
		if err != nil {
			log.Error("keys", "error", err.Error())
		} else {
			log.Info("new keys")
		}
	})
	require.NoError(t, err)
	handler, err := New(s.Config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Serve(ctx, handler, func(addr, adminAddr string) {
			p.url, p.admin = "http://"+addr, "http://"+adminAddr
			if s.TLSCert != "" {
				p.url = "https://" + addr
			}
			close(ready)
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		require.NoError(t, p.stop())
		for line := range strings.Lines(p.logs.String()) {
			require.NotContains(t, line, testSecret)
			require.False(t, wiretest.ShowsSignature(line), line)
		}
	})
	return p
}

func testSigner(t *testing.T, opts ...hmacsign.SignerOption) *hmacsign.Signer {
	s, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, opts...)
	require.NoError(t, err)
	return s
}

func do(t *testing.T, rt http.RoundTripper, req *http.Request) (int, string) {
	resp, err := (&http.Client{Transport: rt, Timeout: 60 * time.Second}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	req, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	return req
}

func TestServe(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL+"/base", nil)
	req := request(t, "POST", p.url+"/release/a%2Fb?x=1&x=%E4%B8%AD", strings.NewReader("hello"))
	req.Header.Set("X-Hmacsign-Key-Id", "forged")
	req.Header.Set("Connection", "X-Hmacsign-Key-Id")
	require.NoError(t, testSigner(t).Sign(req))
	req.Header["X_Hmacsign_Key_Id"] = []string{"forged"}
	status, body := do(t, nil, req)
	require.Equal(t, []any{200, "upstream got 5 bytes"}, []any{status, body})
	got := u.last()
	require.Equal(t, "/base/release/a%2Fb?x=1&x=%E4%B8%AD", got.uri)
	require.Equal(t, []string{"test-key"}, got.header["X-Hmacsign-Key-Id"])
	for name, values := range got.header {
		require.NotContains(t, values, "forged", name)
	}
	require.NotEmpty(t, got.header.Get("X-Forwarded-For"))

	before := u.count()
	status, body = do(t, nil, request(t, "GET", p.url+"/a", nil))
	require.Equal(t, 401, status)
	require.Contains(t, body, "no_authorization")
	require.Equal(t, before, u.count(), "the upstream was not reached")

	status, body = do(t, nil, request(t, "GET", p.admin+"/healthz", nil))
	require.Equal(t, []any{200, "ok\n"}, []any{status, body})
	status, body = do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
	require.Equal(t, 200, status)
	require.Regexp(t, `hmacsign_requests_total\{algorithm="hmac-sm3",backend="[a-z0-9-]+",outcome="accepted",reason="",route="",scheme="tencent-app"\} \d`, body)
	require.Contains(t, body, `outcome="refused",reason="no_authorization"`)
	require.Contains(t, body, "hmacsign_request_duration_seconds")

	var line map[string]any
	for text := range strings.SplitSeq(strings.TrimSpace(p.logs.String()), "\n") {
		require.NoError(t, json.Unmarshal([]byte(text), &line), "one JSON object a line")
		if line["outcome"] == "accepted" {
			break
		}
	}
	for name, want := range map[string]any{"key_id": "test-key", "scheme": "tencent-app", "algorithm": "hmac-sm3", "outcome": "accepted", "status": 200.0, "method": "POST"} {
		require.Equal(t, want, line[name], name)
	}
	require.NotEmpty(t, line["backend"])
	require.Contains(t, line, "duration_ms")
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return writeFile(t, string(certPEM)), writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))), pool
}

// Every scheme, over HTTP/1.1, HTTP/2 and TLS, bodies from nothing to 100 MB
// with and without a declared length; one byte past the limit is 413.
func TestServeBodies(t *testing.T) {
	u := newUpstream(t)
	certFile, keyFile, pool := certificate(t)
	const limit = 100_000_000
	plain := startServe(t, u.URL, func(s *settings) { s.MaxBody = limit })
	secure := startServe(t, u.URL, func(s *settings) { s.MaxBody, s.TLSCert, s.TLSKey = limit, certFile, keyFile })
	small := startServe(t, u.URL, nil)
	file, err := os.Create(filepath.Join(t.TempDir(), "body"))
	require.NoError(t, err)
	defer file.Close()
	pattern := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for n := 0; n < limit+1; n += len(pattern) {
		file.Write(pattern)
	}
	h1 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	h2 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer h1.CloseIdleConnections()
	defer h2.CloseIdleConnections()
	for _, size := range []int64{0, 1, 1023, 1 << 20, 1<<20 + 1, 10 << 20, limit} {
		h := sha256.New()
		io.Copy(h, io.NewSectionReader(file, 0, size))
		want := fmt.Sprintf("%x", h.Sum(nil))
		for _, way := range []string{"h1", "h2", "chunked"} {
			if size == limit && way == "chunked" {
				continue // a client that does not know the length keeps the body
			}
			base, transport := plain.url, h1
			if way == "h2" {
				base, transport = secure.url, h2
			}
			req := request(t, "POST", base+"/v1/upload", nil)
			req.Header.Set("Content-Type", "application/octet-stream")
			if way == "chunked" {
				req.Body = io.NopCloser(io.NewSectionReader(file, 0, size))
			} else {
				hmacsign.SetBody(req, file, size)
			}
			signer := testSigner(t, hmacsign.WithMaxBody(limit))
			require.NoError(t, signer.Sign(req))
			if way == "chunked" {
				req.ContentLength = -1
			}
			status, answer := do(t, transport, req)
			require.Equal(t, []any{200, fmt.Sprintf("upstream got %d bytes", size)}, []any{status, answer}, "%d bytes by %s", size, way)
			require.Equal(t, want, u.last().sha256)
		}
	}
	for _, c := range []struct {
		p       *proxy
		size    int64
		chunked bool
		scheme  hmacsign.Scheme
	}{
		{plain, limit + 1, false, hmacsign.TencentApp}, {small, 10<<20 + 1, false, hmacsign.TencentApp}, {small, 10<<20 + 1, true, hmacsign.TencentApp},
		{small, 10<<20 + 1, false, hmacsign.HuaweiSDK}, {small, 10<<20 + 1, false, hmacsign.TencentKeyPair}, {small, 10<<20 + 1, true, hmacsign.TencentKeyPair},
	} {
		req := request(t, "POST", c.p.url+"/v1/upload", nil)
		hmacsign.SetBody(req, file, c.size)
		s, err := hmacsign.NewSigner(c.scheme, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, hmacsign.WithMaxBody(2*limit))
		require.NoError(t, err)
		require.NoError(t, s.Sign(req))
		if c.chunked {
			req.ContentLength = -1
		}
		resp, err := h1.RoundTrip(req)
		if err != nil { // the server answers and closes while the client still sends
			require.Contains(t, c.p.logs.String(), `"reason":"body_too_large"`)
			continue
		}
		resp.Body.Close()
		require.Equal(t, 413, resp.StatusCode, "%d bytes, %s", c.size, c.scheme.Name())
	}
	require.Contains(t, small.logs.String(), `"reason":"body_too_large"`)
}

const pythonClient = `
import sys, hmac, hashlib, base64, datetime, http.client, urllib.parse
url, key_id, secret = sys.argv[1], sys.argv[2], sys.argv[3].encode()
u = urllib.parse.urlsplit(url)
for method, path, ctype, body in [("GET", "/release/v1?b=2&a=1", "application/json", None),
                                  ("POST", "/v1/x", "application/json", b'{"a": 1}'),
                                  ("POST", "/v1/f?z=1", "application/x-www-form-urlencoded", b"b=%E4%B8%AD&a=x+y")]:
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    p, _, q = path.partition("?")
    p = p.replace("/release", "", 1)
    pieces = [x for x in q.split("&") if x]
    md5 = ""
    if ctype.endswith("urlencoded"):
        pieces += body.decode().split("&")
    elif body:
        md5 = base64.b64encode(hashlib.md5(body).hexdigest().encode()).decode()
    text = "x-date: %s\n%s\napplication/json\n%s\n%s\n%s" % (date, method, ctype, md5, p + ("?" + "&".join(sorted(pieces)) if pieces else ""))
    sig = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
    c = http.client.HTTPConnection(u.netloc, timeout=20)
    c.request(method, path, body, {"Accept": "application/json", "Content-Type": ctype, "x-date": date,
        "Authorization": 'hmac id="%s", algorithm="hmac-sha256", headers="x-date", signature="%s"' % (key_id, sig)})
    r = c.getresponse()
    print(r.status, r.read().decode())
`

// A client that is not ours: python3's standard library.
func TestServeForeignClient(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, nil)
	requireTool(t, "python3")
	out, err := exec.Command("python3", "-c", pythonClient, p.url, "test-key", testSecret).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "200 upstream got 0 bytes\n200 upstream got 8 bytes\n200 upstream got 17 bytes\n", string(out))
}

// rawRequest sends bytes as they are and returns all that comes back.
func rawRequest(t *testing.T, p *proxy, text string) (net.Conn, *bufio.Reader) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

func signedHead(t *testing.T, p *proxy, body string, length int, without ...string) string {
	req := request(t, "POST", p.url+"/a", strings.NewReader(body))
	require.NoError(t, testSigner(t).Sign(req))
	for _, name := range without {
		req.Header.Del(name)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n", length)
	req.Header.Write(&head)
	return head.String()
}

func TestServeExpectContinue(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, nil)
	// A refused request is answered before its body is asked for.
	_, r := rawRequest(t, p, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 401 Unauthorized\r\n", line)
	conn, r := rawRequest(t, p, signedHead(t, p, "hello", 5)+"Expect: 100-continue\r\n\r\n")
	line, err = r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	r.ReadString('\n')
	io.WriteString(conn, "hello")
	line, err = r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200 OK\r\n", line)
}

func TestServeSlowAndBrokenClients(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, func(s *settings) { s.Timeout = time.Second })
	// Slow: half a body, and no more. The wait ends, and the upstream sees nothing.
	_, r := rawRequest(t, p, signedHead(t, p, "hello", 5)+"\r\nhe")
	start := time.Now()
	rest, _ := io.ReadAll(r)
	require.Contains(t, string(rest), "HTTP/1.1 400 Bad Request")
	require.Less(t, time.Since(start), 15*time.Second)
	// Broken: half a body, and gone.
	conn, _ := rawRequest(t, p, signedHead(t, p, "hello", 5)+"\r\nhe")
	conn.Close()
	require.Eventually(t, func() bool { return strings.Count(p.logs.String(), `"reason":"body"`) == 2 }, 10*time.Second, 10*time.Millisecond, p.logs)
	// Half a header, and no HTTP at all.
	conn, _ = rawRequest(t, p, "POST /a HTTP/1.1\r\nHo")
	conn.Close()
	_, r = rawRequest(t, p, "\x16\x03\x01 hello\r\n\r\n")
	rest, _ = io.ReadAll(r)
	require.Contains(t, string(rest), "400 Bad Request")
	require.Zero(t, u.count())
	status, _ := do(t, testSigner(t).Transport(nil), request(t, "GET", p.url+"/a", nil))
	require.Equal(t, 200, status, "others are served all the while")
}

func TestServeUpstreamFails(t *testing.T) {
	u := newUpstream(t)
	release := make(chan struct{})
	u.hook = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/hangs":
			<-release
		case "/breaks":
			conn, _, _ := http.NewResponseController(w).Hijack()
			conn.Close()
			return true
		}
		return false
	}
	p := startServe(t, u.URL, func(s *settings) { s.UpstreamTimeout = 300 * time.Millisecond })
	defer close(release)
	client := testSigner(t).Transport(nil)
	status, body := do(t, client, request(t, "GET", p.url+"/hangs", nil))
	require.Equal(t, 504, status, body)
	status, body = do(t, client, request(t, "POST", p.url+"/breaks", strings.NewReader("x")))
	require.Equal(t, 502, status, body)
	down := startServe(t, "http://127.0.0.1:1", nil)
	status, body = do(t, client, request(t, "GET", down.url+"/a", nil))
	require.Equal(t, 502, status)
	require.Contains(t, body, `"reason":"upstream"`)
	require.NotContains(t, body, "127.0.0.1", "a client learns nothing of the inside")
	require.Contains(t, down.logs.String(), "connection refused")
}

func TestServeReplayGuard(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, func(s *settings) {
		store, err := hmacsign.NewMemoryReplayStore(1000)
		require.NoError(t, err)
		s.Options = append(s.Options, hmacsign.WithReplayGuard(store))
	})
	req := request(t, "GET", p.url+"/a", nil)
	require.NoError(t, testSigner(t).Sign(req))
	status, _ := do(t, nil, req)
	require.Equal(t, 200, status)
	status, body := do(t, nil, req)
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"replayed"`)
	require.Equal(t, 1, u.count())
}

// The keys file changes under load: no request is dropped, a broken file changes
// nothing, a rotation accepts both secrets and tells which.
func TestServeKeysFollowTheFile(t *testing.T) {
	u := newUpstream(t)
	var file string
	p := startServe(t, u.URL, func(s *settings) { file = s.keysFile })
	try := func(secret string) int {
		s, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(secret)})
		require.NoError(t, err)
		status, _ := do(t, s.Transport(nil), request(t, "GET", p.url+"/a", nil))
		return status
	}
	eventually := func(what string) {
		require.Eventually(t, func() bool { try(testSecret); return strings.Contains(p.logs.String(), what) }, 10*time.Second, 50*time.Millisecond)
	}
	require.Equal(t, []int{200, 401}, []int{try(testSecret), try("next")})
	require.NoError(t, os.WriteFile(file, []byte(`[{"id": "test-key", "secret": "hushhush"`), 0o600))
	eventually(`"msg":"keys"`)
	require.Equal(t, []int{200, 401}, []int{try(testSecret), try("next")})
	require.NoError(t, os.WriteFile(file, []byte(`[{"id": "test-key", "secret": "next", "previous_secret": "`+testSecret+`"}]`), 0o600))
	eventually("new keys")
	require.Equal(t, []int{200, 200}, []int{try(testSecret), try("next")})
	require.Contains(t, p.logs.String(), `"previous_secret":true`)
	require.NoError(t, os.WriteFile(file, []byte(`[{"id": "test-key", "secret": "next"}]`), 0o600))
	require.Eventually(t, func() bool { return try(testSecret) == 401 }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 200, try("next"))
	require.NotContains(t, p.logs.String(), "hushhush")
}

// The upstream can tell that a request came through: it is signed anew, the key
// id with it.
func TestServeSignsForTheUpstream(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "proxy", Secret: hmacsign.Secret("between us")})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(hmacsign.HuaweiSDK), hmacsign.RequireSignedHeaders("X-Hmacsign-Key-Id"))
	require.NoError(t, err)
	backend := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, _ := hmacsign.IdentityFrom(r.Context())
		fmt.Fprintf(w, "%s for %s: %s", id.KeyID, r.Header.Get("X-Hmacsign-Key-Id"), body)
	})))
	defer backend.Close()
	p := startServe(t, backend.URL, func(s *settings) {
		var err error
		s.Resign, err = hmacsign.NewSigner(hmacsign.HuaweiSDK, "hmac-sm3", hmacsign.Credential{KeyID: "proxy", Secret: hmacsign.Secret("between us")}, hmacsign.WithSignedHeaders(s.IdentityHeader))
		require.NoError(t, err)
	})
	status, body := do(t, testSigner(t).Transport(nil), request(t, "POST", p.url+"/a%20b?c=d+e", strings.NewReader("hello")))
	require.Equal(t, []any{200, "proxy for test-key: hello"}, []any{status, body})
	status, body = do(t, nil, request(t, "POST", backend.URL, strings.NewReader("round the proxy")))
	require.Equal(t, 401, status)
	require.Contains(t, body, "Authorization not found.")
}

func TestServeExplainsToTheLogAlone(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, func(s *settings) { s.Options = append(s.Options, hmacsign.WithExplanations()) })
	req := request(t, "GET", p.url+"/a", nil)
	require.NoError(t, testSigner(t).Sign(req))
	req.Header.Set("Accept", "")
	status, body := do(t, nil, req)
	require.Equal(t, 401, status)
	require.NotContains(t, body, "Accept")
	require.Contains(t, p.logs.String(), "other_accept")
}

// A request in hand is finished when the server is told to stop.
func TestServeShutsDownGracefully(t *testing.T) {
	u := newUpstream(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	u.hook = func(http.ResponseWriter, *http.Request) bool { close(arrived); <-release; return false }
	p := startServe(t, u.URL, nil)
	answer := make(chan int)
	go func() {
		status, _ := do(t, testSigner(t).Transport(&http.Transport{}), request(t, "GET", p.url+"/a", nil))
		answer <- status
	}()
	<-arrived
	stopped := make(chan error)
	go func() { stopped <- p.stop() }()
	select {
	case <-stopped:
		t.Error("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	require.Equal(t, 200, <-answer)
	require.NoError(t, <-stopped)
	_, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.Error(t, err)
}
