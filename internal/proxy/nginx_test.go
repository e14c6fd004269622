package proxy

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// nginxConfig is a file that users start from, changed by pairs of what is in it
// and what stands there instead.
func nginxConfig(t *testing.T, name string, changes ...string) string {
	file, err := os.ReadFile("../../contrib/nginx/" + name)
	require.NoError(t, err)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, string(file), changes[i])
	}
	return strings.NewReplacer(changes...).Replace(string(file))
}

// nginxServer is an nginx of its own, as its user may start one.
type nginxServer struct {
	address string
	logs    func() string
}

// startNginxFor starts nginx in front of a proxy.
func startNginxFor(t *testing.T, p *proxy, changes ...string) *nginxServer {
	return startNginxWith(t, "nginx.conf", append([]string{"server 127.0.0.1:8080;", "server " + strings.TrimPrefix(p.url, "http://") + ";"}, changes...)...)
}

func startNginxWith(t *testing.T, name string, changes ...string) *nginxServer {
	program, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("needs nginx (apt-get install nginx-light)")
	}
	dir, address := t.TempDir(), freeAddress(t)
	temporary := "http {\n"
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += "  " + name + "_temp_path " + filepath.Join(dir, name) + ";\n"
	}
	config := nginxConfig(t, name, append([]string{"http {\n", temporary, "listen 80;", "listen " + address + ";"}, changes...)...)
	file, errors := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "error.log")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(config, "http {\n", "http {\n  access_log off;\n", 1)), 0o644))
	global := "daemon off; pid " + dir + "/pid;"
	if os.Geteuid() == 0 {
		global += " user root;" // nobody may not write in the directory
	}
	arguments := []string{"-p", dir, "-c", file, "-e", errors, "-g", global}
	out, err := exec.Command(program, append(arguments, "-t")...).CombinedOutput()
	require.NoError(t, err, string(out))

	cmd := exec.Command(program, arguments...)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	return &nginxServer{address, func() string {
		text, err := os.ReadFile(errors)
		require.NoError(t, err)
		return string(text)
	}}
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func behindNginx(t *testing.T) func(*settings) {
	return func(s *settings) {
		s.keysFile = writeFile(t, string(wiretest.Keys()))
		require.NoError(t, trustLoopback(s))
	}
}

// What was verified is what arrives, with nginx in front: whether it reads bodies to
// their end first, or not.
func TestWirePropertyBehindNginx(t *testing.T) {
	targets := []*wiretest.Target{
		{Identity: "X-Hmacsign-Key-Id", HostHeader: "X-Forwarded-Host"},
		{Identity: "X_Caller_Id", HostHeader: "X-Forwarded-Host", Base: "/base"},
	}
	for i, target := range targets {
		target.Upstream, target.ForwardedFor = wiretest.NewUpstream(t), "127.0.0.1, 127.0.0.1"
		p := startServe(t, "http://"+target.Upstream.Addr().String()+target.Base, func(s *settings) {
			behindNginx(t)(s)
			s.IdentityHeader = target.Identity
		})
		var changes []string
		if i == 1 {
			changes = []string{"proxy_request_buffering on;", "proxy_request_buffering off;"}
		}
		nginx := startNginxFor(t, p, changes...)
		target.Address = nginx.address
		target.Log = func() string { return nginx.logs() + "\n" + p.logs.String() }
		target.Refuses, target.Accepts, target.Differs = nginxRefuses, nginxAccepts, nginxDiffers
	}
	wiretest.Run(t, targets...)
}

var (
	nginxRefuses = map[string]string{
		"method: odd token":              "a method has letters, - and _ with nginx",
		"path: encoded zero byte":        "nginx refuses %00 in a path",
		"path: dots that leave":          "nginx refuses them",
		"path: absolute":                 "the configuration refuses whole URLs",
		"path: absolute of another host": "likewise",
		"framing: length with tabs":      "nginx takes no tab beside a length",
		"header: folded line":            "nginx takes no folded line",
	}
	nginxAccepts = map[string]string{
		"connection: names a header that is signed": "nginx sends no Connection header on, and drops no other for it",
		"connection: names what schemes sign":       "likewise",
	}
	nginxDiffers = map[string]string{
		"no answer to what is no whole request": "nginx answers HTTP/0.9 without a status, and no client that has ended its half of the connection",
		"a refusal broke off":                   "net/http closes the connection of what is no request at once, and nginx passes on what came until then",
		"502":                                   "likewise, where that is nothing",
	}
)

// Each setting that the README tells of: without it, honest requests are refused.
func TestNginxTraps(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []string
		scheme  hmacsign.Scheme
		target  string
		signs   string // a header
	}{
		{"a slash behind proxy_pass merges slashes", []string{"proxy_pass http://hmacsign;", "proxy_pass http://hmacsign/;", "merge_slashes off;", ""}, hmacsign.TencentApp, "/a//b", "source"},
		{"a slash behind proxy_pass decodes %2F", []string{"proxy_pass http://hmacsign;", "proxy_pass http://hmacsign/;"}, hmacsign.TencentApp, "/a%2Fb", "source"},
		{"a rewrite", []string{"proxy_pass http://hmacsign;", "rewrite ^(.*)$ $1 break; proxy_pass http://hmacsign;"}, hmacsign.TencentApp, "/a%2Fb", "source"},
		{"no Host", []string{"proxy_set_header Host $http_host;", ""}, hmacsign.HuaweiSDK, "/", "host"},
		{"Host without its port", []string{"proxy_set_header Host $http_host;", "proxy_set_header Host $host;"}, hmacsign.HuaweiSDK, "/", "host"},
		{"headers with underscores are ignored", []string{"underscores_in_headers on;", "", "ignore_invalid_headers off;", ""}, hmacsign.TencentApp, "/", "x_tenant"},
		{"headers with dots are ignored", []string{"ignore_invalid_headers off;", ""}, hmacsign.TencentApp, "/", "x.tenant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startServe(t, newUpstream(t).URL, func(s *settings) { require.NoError(t, trustLoopback(s)) })
			status := func(nginx *nginxServer, target string) int {
				s, err := hmacsign.NewSigner(c.scheme, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, hmacsign.WithSignedHeaders(c.signs))
				require.NoError(t, err)
				req, err := http.NewRequest("GET", "http://"+nginx.address+target, nil)
				require.NoError(t, err)
				req.Header.Set(c.signs, "1") // but Host, which is not a header to net/http
				code, _ := do(t, s.Transport(nil), req)
				return code
			}
			right, wrong := startNginxFor(t, p), startNginxFor(t, p, c.changes...)
			require.Equal(t, 200, status(right, c.target))
			require.Equal(t, 401, status(wrong, c.target))
		})
	}
}

// What the other lines of the file are for.
func TestNginxLimits(t *testing.T) {
	upstream := newUpstream(t)
	p := startServe(t, upstream.URL, func(s *settings) { require.NoError(t, trustLoopback(s)) })
	nginx := startNginxFor(t, p)
	send := func(body io.Reader, header ...string) int {
		req, err := http.NewRequest("POST", "http://"+nginx.address+"/x", body)
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		code, _ := do(t, testSigner(t, hmacsign.WithMaxBody(20<<20)).Transport(nil), req)
		return code
	}
	require.Equal(t, 200, send(bytes.NewReader(make([]byte, 10<<20))), "as much as serve takes")
	require.EqualValues(t, 10<<20, upstream.last().size)
	require.Equal(t, 413, send(bytes.NewReader(make([]byte, 10<<20+1))))
	require.Equal(t, 200, send(io.MultiReader(strings.NewReader("in chunks"))))
	require.EqualValues(t, 9, upstream.last().size)
	require.Equal(t, 200, send(nil, "X-Long", strings.Repeat("a", 60<<10)))

	require.Equal(t, 200, send(nil, "X-Forwarded-For", "10.9.8.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "forged"))
	seen := upstream.last().header
	require.Equal(t, []string{"127.0.0.1, 127.0.0.1"}, seen["X-Forwarded-For"], "nginx tells the client's address, and nothing that the client says of it")
	require.Equal(t, []string{"http"}, seen["X-Forwarded-Proto"])
	require.Equal(t, []string{nginx.address}, seen["X-Forwarded-Host"])
	require.Contains(t, p.logs.String(), `"client":"127.0.0.1"`)

	before := upstream.count()
	// A whole URL as target, honestly signed.
	conn, err := net.Dial("tcp", nginx.address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	req, err := http.NewRequest("GET", "http://"+nginx.address+"/x", nil)
	require.NoError(t, err)
	require.NoError(t, testSigner(t).Sign(req))
	require.NoError(t, req.WriteProxy(conn))
	answer, err := http.ReadResponse(bufio.NewReader(conn), req)
	require.NoError(t, err)
	require.Equal(t, 400, answer.StatusCode)
	require.Equal(t, before, upstream.count())
}

// A WebSocket through nginx, as the README says.
func TestNginxTunnel(t *testing.T) {
	backend, u := switching(t)
	p := startServe(t, backend, func(s *settings) { s.AllowUpgrade = "websocket"; require.NoError(t, trustLoopback(s)) })
	nginx := startNginxFor(t, p, "  server {\n", `  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }`+"\n  server {\n",
		`proxy_set_header Connection "";`, "proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $connection_upgrade;")
	conn, r := openTunnel(t, &proxy{url: "http://" + nginx.address}, "")
	require.Equal(t, []string{"test-key"}, u.take()[0].values("X-Hmacsign-Key-Id"))
	io.WriteString(conn, "hello")
	echo := make([]byte, len("hello"))
	_, err := io.ReadFull(r, echo)
	require.NoError(t, err)
	require.Equal(t, "hello", string(echo))
	conn.Close()
}

// nginx asks a handler of the library by auth_request.
func TestNginxAuthRequest(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("needs nginx (apt-get install nginx-light)")
	}
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "test-key", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	store, err := hmacsign.NewMemoryReplayStore(1000)
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(store))
	require.NoError(t, err)
	start := func(prefix string, changes ...string) (*upstream, *nginxServer) {
		handler, err := verifier.ForwardAuth(hmacsign.ForwardAuthOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		require.NoError(t, err)
		auth, application := httptest.NewServer(handler), newUpstream(t)
		t.Cleanup(auth.Close)
		return application, startNginxWith(t, "auth_request.conf", append([]string{"http://127.0.0.1:8080;", auth.URL + ";", "server 127.0.0.1:9000;", "server " + application.Listener.Addr().String() + ";"}, changes...)...)
	}
	application, nginx := start("127.0.0.1/32")
	signed := func(scheme hmacsign.Scheme, nginx *nginxServer, method, target string, signs ...string) *http.Request {
		req, err := http.NewRequest(method, "http://"+nginx.address+target, strings.NewReader("hello"))
		require.NoError(t, err)
		req.Header.Set("Source", rand.Text())
		req.Header.Set("X-Tenant", "1")
		req.Header.Set("X_Tenant", "1")
		s, err := hmacsign.NewSigner(scheme, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, hmacsign.WithSignedHeaders(append(signs, "source")...))
		require.NoError(t, err)
		require.NoError(t, s.Sign(req))
		return req
	}
	status := func(req *http.Request) int {
		code, _ := do(t, http.DefaultTransport, req)
		return code
	}

	for _, target := range []string{"/", "/a//b%2Fc?q=%7e", "/?"} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			s := signed(hmacsign.TencentKeyPair, nginx, method, target, "host", "x-tenant")
			s.Header.Set("X-Hmacsign-Key-Id", "admin")
			for _, name := range []string{"X_Hmacsign_Key_Id", "X-Hmacsign_Key-Id", "x.hmacsign-key-id"} {
				s.Header[name] = []string{"admin"}
			}
			s.Header.Set("X-Forwarded-Uri", "/other")
			s.Header.Set("X_Forwarded_Method", "DELETE")
			s.Header.Set("X-Forwarded-Host", "other")
			s.Header.Set("X-Forwarded-Proto", "https")
			require.Equal(t, 200, status(s), "%s %s", method, target)
			got := application.last()
			require.Equal(t, []string{method, target}, []string{got.method, got.uri})
			require.EqualValues(t, 5, got.size)
			require.Equal(t, []string{"test-key"}, got.header["X-Hmacsign-Key-Id"])
			require.Equal(t, []string{nginx.address}, got.header["X-Forwarded-Host"])
			require.Equal(t, []string{"http"}, got.header["X-Forwarded-Proto"])
			for name := range got.header {
				require.NotRegexp(t, "(?i)^x[^-]hmacsign|hmacsign[^-]", name, "some servers take it for the key id")
			}

			count := application.count()
			s.Body, s.ContentLength = nil, 0
			require.Equal(t, 401, status(s), "replayed")
			answer, err := http.DefaultTransport.RoundTrip(s)
			require.NoError(t, err)
			answer.Body.Close()
			require.Equal(t, []string{"hmac"}, answer.Header["Www-Authenticate"][:1])
			require.Equal(t, 401, status(signed(hmacsign.TencentKeyPair, nginx, method, target, "host", "x_tenant")), "it does not arrive")
			other := signed(hmacsign.TencentKeyPair, nginx, method, target, "host")
			other.Header.Set("Source", "changed")
			require.Equal(t, 401, status(other))
			require.Equal(t, 401, status(signed(hmacsign.TencentApp, nginx, method, target)), "its body is not there to be seen")
			require.Equal(t, 401, status(signed(hmacsign.HuaweiSDK, nginx, method, target)))
			require.Equal(t, count, application.count())
		}
	}

	// What is not set up right is no wrong signature.
	application, nginx = start("10.0.0.1/32")
	require.Equal(t, 403, status(signed(hmacsign.TencentKeyPair, nginx, "GET", "/")))
	application2, nginx := start("127.0.0.1/32", "proxy_set_header X-Forwarded-Uri $request_uri;", "")
	require.Equal(t, 503, status(signed(hmacsign.TencentKeyPair, nginx, "GET", "/")))
	require.Zero(t, application.count()+application2.count())
}

func trustLoopback(s *settings) error {
	loopback, err := netip.ParsePrefix("127.0.0.1/32")
	s.TrustedProxies = []netip.Prefix{loopback}
	return err
}
