package hmacsign_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// auth is a server of the handler, and what its observer was told last.
type auth struct {
	addr    string
	mu      sync.Mutex
	refused *VerifyError
	id      *Identity
}

func (a *auth) observe(_ *http.Request, id *Identity, refused *VerifyError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id, a.refused = id, refused
}

// why is the code and its detail's of the last refusal.
func (a *auth) why() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == nil {
		return ""
	}
	return a.refused.Code() + " " + a.refused.DetailCode
}

func startAuth(t testing.TB, o ForwardAuthOptions, opts ...VerifierOption) *auth {
	a := new(auth)
	handler, err := newVerifier(t, append(opts, WithObserver(a.observe))...).ForwardAuth(o)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	a.addr = server.Listener.Addr().String()
	return a
}

// exchangeRaw sends bytes, closes its half of the connection and reads the answer.
func exchangeRaw(t testing.TB, network, addr, raw string) *http.Response {
	conn, err := net.Dial(network, addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, raw)
	require.NoError(t, err)
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// A sentRequest is a client's request as it is on the wire.
type sentRequest struct {
	method, target, host string
	headers              []string // lines
	body                 string
}

func sentSigned(t testing.TB, scheme Scheme, method, target, body string, opts ...SignerOption) sentRequest {
	req := newRequest(t, method, "http://api.example:8443"+target, body, "Content-Type", "text/plain", "Source", "s")
	require.NoError(t, newSignerIn(t, scheme, "hmac-sm3", opts...).Sign(req))
	s := sentRequest{method: method, target: req.URL.RequestURI(), host: req.Host, body: body}
	for name, values := range req.Header {
		for _, value := range values {
			s.headers = append(s.headers, name+": "+value)
		}
	}
	return s
}

// A hop writes the request that a proxy asks with.
type hop func(s sentRequest) string

func lines(first string, headers []string, more ...string) string {
	return first + "\r\n" + strings.Join(append(headers[:len(headers):len(headers)], more...), "\r\n") + "\r\n\r\n"
}

// What the proxies send, read off their sources or their documentation. None of them
// but nginx, in internal/proxy, is run.
var hops = map[string]hop{
	"traefik": func(s sentRequest) string {
		return lines("GET / HTTP/1.1", s.headers, "Host: auth:8080", "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
			"X-Forwarded-Port: 443", "X-Forwarded-Server: traefik", "X-Real-Ip: 192.0.2.1",
			"X-Forwarded-Method: "+s.method, "X-Forwarded-Host: "+s.host, "X-Forwarded-Uri: "+s.target)
	},
	"traefik, forwardBody": func(s sentRequest) string {
		return lines(s.method+" / HTTP/1.1", s.headers, "Host: auth:8080", "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
			"X-Forwarded-Method: "+s.method, "X-Forwarded-Host: "+s.host, "X-Forwarded-Uri: "+s.target, fmt.Sprint("Content-Length: ", len(s.body))) + s.body
	},
	"caddy": func(s sentRequest) string {
		return lines("GET /auth HTTP/1.1", s.headers, "Host: "+s.host, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
			"X-Forwarded-Host: "+s.host, "X-Forwarded-Method: "+s.method, "X-Forwarded-Uri: "+s.target, "Via: 1.1 Caddy")
	},
	"nginx": func(s sentRequest) string {
		return lines("GET /auth HTTP/1.0", append([]string{"X-Forwarded-Method: " + s.method, "X-Forwarded-Uri: " + s.target, "X-Forwarded-Host: " + s.host,
			"Host: auth", "Connection: close"}, s.headers...))
	},
	"apisix, POST": func(s sentRequest) string {
		return lines("POST / HTTP/1.1", s.headers, "Host: auth:8080", "User-Agent: lua-resty-http/0.17.2 (Lua) ngx_lua/10025", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
			"X-Forwarded-Method: "+s.method, "X-Forwarded-Host: "+s.host, "X-Forwarded-Uri: "+s.target, fmt.Sprint("Content-Length: ", len(s.body))) + s.body
	},
}

func (s sentRequest) with(change func(*sentRequest)) sentRequest {
	s.headers = append([]string(nil), s.headers...)
	change(&s)
	return s
}

func (s *sentRequest) replace(old, new string) {
	for i := range s.headers {
		s.headers[i] = strings.Replace(s.headers[i], old, new, 1)
	}
}

func TestForwardAuth(t *testing.T) {
	for name, hop := range hops {
		forwards := strings.HasSuffix(name, "forwardBody") || strings.HasSuffix(name, "POST")
		a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback, BodyForwarded: forwards})
		for _, scheme := range Schemes() {
			for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS", "PROPFIND"} {
				for _, target := range []string{"/", "/a//b%2Fc?b=1&a=%7e", "/?", "/|\"?q=\xe4"} {
					body := ""
					if method == "POST" {
						body = "hello"
					}
					sent := sentSigned(t, scheme, method, target, body, WithSignedHeaders("source"))
					resp := exchangeRaw(t, "tcp", a.addr, hop(sent))
					where := fmt.Sprint(name, " ", scheme.Name(), " ", method, " ", target)
					if !forwards && scheme != TencentKeyPair {
						require.Equal(t, 401, resp.StatusCode, where)
						require.Equal(t, "scheme body_not_forwarded", a.why(), where)
						require.Empty(t, resp.Header[IdentityHeader], where)
						continue
					}
					require.Equal(t, 200, resp.StatusCode, "%s: %s", where, a.why())
					require.Equal(t, []string{testID}, resp.Header[IdentityHeader], where)
					require.Equal(t, scheme.Name(), a.id.Scheme)
				}
			}
		}
	}
}

// What is changed behind the signature, on the way to the proxy, is refused.
func TestForwardAuthTampered(t *testing.T) {
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback, BodyForwarded: true})
	hop := hops["traefik, forwardBody"]
	for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
		sent := sentSigned(t, scheme, "POST", "/a?b=1", "hello", WithSignedHeaders("source", "host"))
		empty := sentSigned(t, scheme, "POST", "/a?b=1", "", WithSignedHeaders("source", "host"))
		require.Equal(t, 200, exchangeRaw(t, "tcp", a.addr, hop(sent)).StatusCode)
		require.Equal(t, 200, exchangeRaw(t, "tcp", a.addr, hop(empty)).StatusCode)
		for name, changed := range map[string]sentRequest{
			"method": sent.with(func(s *sentRequest) { s.method = "PUT" }),
			"path":   sent.with(func(s *sentRequest) { s.target = "/b?b=1" }),
			"query":  sent.with(func(s *sentRequest) { s.target = "/a?b=2" }),
			"host":   sent.with(func(s *sentRequest) { s.host = "other.example" }),
			"port":   sent.with(func(s *sentRequest) { s.host = "api.example" }),
			"header": sent.with(func(s *sentRequest) { s.replace("Source: s", "Source: t") }),
			"repeat": sent.with(func(s *sentRequest) { s.headers = append(s.headers, "Source: s") }),
			"body":   sent.with(func(s *sentRequest) { s.body = "hellO" }),
			"more":   sent.with(func(s *sentRequest) { s.body = "hello, world" }),
			"added":  empty.with(func(s *sentRequest) { s.body = "x" }),
			"cut":    sent.with(func(s *sentRequest) { s.body = "" }),
		} {
			resp := exchangeRaw(t, "tcp", a.addr, hop(changed))
			require.Equal(t, 401, resp.StatusCode, name)
			require.Empty(t, resp.Header[IdentityHeader])
			require.NotEmpty(t, resp.Header.Get("WWW-Authenticate"))
			require.NotContains(t, a.why(), "unavailable", name)
		}
	}
}

// A proxy that breaks off in the body, or that has not all of it, gets no yes.
func TestForwardAuthBrokenBody(t *testing.T) {
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback, BodyForwarded: true}, WithMaxBody(100))
	sent := sentSigned(t, TencentApp, "POST", "/", "hello")
	whole := hops["traefik, forwardBody"](sent)
	require.Equal(t, 200, exchangeRaw(t, "tcp", a.addr, whole).StatusCode)
	require.Equal(t, 400, exchangeRaw(t, "tcp", a.addr, whole[:len(whole)-1]).StatusCode)
	require.Equal(t, "body body_short", a.why())

	chunked := strings.Replace(whole, "Content-Length: 5", "Transfer-Encoding: chunked", 1)
	chunked = strings.TrimSuffix(chunked, "hello") + "5\r\nhello\r\n"
	require.Equal(t, 200, exchangeRaw(t, "tcp", a.addr, chunked+"0\r\n\r\n").StatusCode)
	require.Equal(t, 400, exchangeRaw(t, "tcp", a.addr, chunked).StatusCode)

	long := sentSigned(t, TencentApp, "POST", "/", strings.Repeat("a", 101))
	require.Equal(t, 413, exchangeRaw(t, "tcp", a.addr, hops["traefik, forwardBody"](long)).StatusCode)
}

// What the client writes into the headers that proxies tell the request in is no use.
func TestForwardAuthHostileHeaders(t *testing.T) {
	sent := sentSigned(t, TencentKeyPair, "GET", "/mine", "")
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback})
	ask := func(change func(*sentRequest)) (int, string) {
		resp := exchangeRaw(t, "tcp", a.addr, hops["caddy"](sent.with(change)))
		return resp.StatusCode, a.why()
	}
	for _, name := range []string{"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"} {
		status, why := ask(func(s *sentRequest) { s.headers = append(s.headers, name+": GET") })
		require.Equal(t, 503, status, name)
		require.Equal(t, "unavailable forwarded_repeated", why)
		status, why = ask(func(s *sentRequest) { s.headers = append(s.headers, strings.ReplaceAll(name, "-", "_")+": GET") })
		require.Equal(t, 200, status, "%s: %s", name, why)

		raw := hops["caddy"](sent)
		at := strings.Index(raw, name+": ")
		end := at + strings.Index(raw[at:], "\r\n")
		for _, without := range []string{raw[:at] + raw[end+2:], raw[:at] + name + ": " + raw[end:], raw[:at] + strings.ReplaceAll(name, "-", "_") + raw[at+len(name):]} {
			require.Equal(t, 503, exchangeRaw(t, "tcp", a.addr, without).StatusCode)
			require.Equal(t, "unavailable forwarded_missing", a.why())
			require.Equal(t, name, a.refused.Args["header"])
		}
	}
	for _, target := range []string{"http://other.example/mine", "*", "mine", "/a b"} {
		status, why := ask(func(s *sentRequest) { s.target = target })
		require.Equal(t, 401, status, target)
		require.Contains(t, why, "malformed", target)
	}
	// The client's own claim to be somebody.
	resp := exchangeRaw(t, "tcp", a.addr, hops["caddy"](sent.with(func(s *sentRequest) { s.headers = append(s.headers, IdentityHeader+": admin") })))
	require.Equal(t, []string{testID}, resp.Header[IdentityHeader])
}

// A signed header that the proxy sets for itself is none of the client's.
func TestForwardAuthOwnHeaders(t *testing.T) {
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback}, AcceptSchemes(TencentKeyPair))
	ask := func(header, value string) (int, string) {
		req := newRequest(t, "GET", "http://api.example/", "", header, value)
		require.NoError(t, newSignerIn(t, TencentKeyPair, "hmac-sm3", WithSignedHeaders(header)).Sign(req))
		sent := sentRequest{method: "GET", target: "/", host: "api.example"}
		for name, values := range req.Header {
			sent.headers = append(sent.headers, name+": "+values[0])
		}
		raw := hops["caddy"](sent)
		if strings.HasPrefix(header, "X-Forwarded-F") { // the proxy writes the same
			raw = strings.Replace(raw, header+": "+value+"\r\n", "", 1)
		}
		return exchangeRaw(t, "tcp", a.addr, raw).StatusCode, a.why()
	}
	for _, c := range [][2]string{{"Source", "s"}, {"User-Agent", "curl/8"}, {"Accept-Encoding", "br"}} {
		status, why := ask(c[0], c[1])
		require.Equal(t, 200, status, why)
	}
	for _, c := range [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Proto", "https"}, {"X-Real-Ip", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}, {IdentityHeader, testID},
		{"Te", "trailers"}, {"Connection", "close"}, {"Accept-Encoding", "gzip"}, {"User-Agent", "Go-http-client/1.1"}, {"Content-Length", "0"}} {
		status, why := ask(c[0], c[1])
		require.Equal(t, 401, status, c[0])
		require.Equal(t, "signed_headers header_missing", why, c[0])
	}
}

func TestForwardAuthPeers(t *testing.T) {
	raw := hops["caddy"](sentSigned(t, TencentKeyPair, "GET", "/", ""))
	for _, c := range []struct {
		trusted string
		status  int
	}{{"127.0.0.1/32", 200}, {"127.0.0.0/8", 200}, {"0.0.0.0/0", 200}, {"127.0.0.2/32", 403}, {"10.0.0.0/8", 403}, {"::/0", 403}} {
		a := startAuth(t, ForwardAuthOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix(c.trusted)}})
		resp := exchangeRaw(t, "tcp", a.addr, raw)
		require.Equal(t, c.status, resp.StatusCode, c.trusted)
		if c.status == 403 {
			require.Equal(t, "unavailable forwarded_untrusted", a.why())
			require.Empty(t, resp.Header[IdentityHeader])
			require.Equal(t, 403, exchangeRaw(t, "tcp", a.addr, strings.Replace(raw, "signature=", "signatures=", 1)).StatusCode, "no verdict either way")
		}
	}
	onlyUnix := startAuth(t, ForwardAuthOptions{TrustUnix: true})
	require.Equal(t, 403, exchangeRaw(t, "tcp", onlyUnix.addr, raw).StatusCode)

	for unix, status := range map[bool]int{true: 200, false: 403} {
		handler, err := newVerifier(t).ForwardAuth(ForwardAuthOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, TrustUnix: unix})
		require.NoError(t, err)
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		require.NoError(t, err)
		server := &http.Server{Handler: handler}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		require.Equal(t, status, exchangeRaw(t, "unix", socket, raw).StatusCode)
	}
}

// A request of a trusted proxy whose address net/http writes as IPv6.
func TestForwardAuthMappedPeer(t *testing.T) {
	handler, err := newVerifier(t).ForwardAuth(ForwardAuthOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fe80::/10")}})
	require.NoError(t, err)
	for remote, status := range map[string]int{"192.0.2.7:1": 200, "[::ffff:192.0.2.7]:1": 200, "[fe80::1%eth0]:1": 200, "198.51.100.1:1": 403, "": 403, "@": 403, "192.0.2.7": 403} {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(hops["caddy"](sentSigned(t, TencentKeyPair, "GET", "/", "")))))
		require.NoError(t, err)
		req.RemoteAddr = remote
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		require.Equal(t, status, w.Code, remote)
	}
}

func TestForwardAuthReplays(t *testing.T) {
	store, err := NewMemoryReplayStore(100)
	require.NoError(t, err)
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback}, WithReplayGuard(store))
	raw := hops["traefik"](sentSigned(t, TencentKeyPair, "GET", "/", ""))
	require.Equal(t, 200, exchangeRaw(t, "tcp", a.addr, raw).StatusCode)
	require.Equal(t, 401, exchangeRaw(t, "tcp", a.addr, raw).StatusCode)
	require.Contains(t, a.why(), "replayed")

	// What is refused for want of its body is not used up.
	sent := sentSigned(t, HuaweiSDK, "GET", "/", "")
	require.Equal(t, 401, exchangeRaw(t, "tcp", a.addr, hops["traefik"](sent)).StatusCode)
	withBody := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback, BodyForwarded: true}, WithReplayGuard(store))
	require.Equal(t, 200, exchangeRaw(t, "tcp", withBody.addr, hops["traefik, forwardBody"](sent)).StatusCode)
}

// A wrong signature of a scheme that can be verified without a body is told as such,
// where no other scheme has the same header.
func TestForwardAuthTellsApart(t *testing.T) {
	sent := sentSigned(t, TencentKeyPair, "GET", "/", "").with(func(s *sentRequest) { s.replace("signature=\"", "signature=\"AAAA") })
	for _, c := range []struct {
		schemes []Scheme
		why     string
	}{{[]Scheme{TencentKeyPair}, "signature "}, {[]Scheme{TencentKeyPair, HuaweiSDK}, "signature "}, {[]Scheme{TencentApp, TencentKeyPair}, "scheme body_not_forwarded"}} {
		a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback}, AcceptSchemes(c.schemes...))
		require.Equal(t, 401, exchangeRaw(t, "tcp", a.addr, hops["traefik"](sent)).StatusCode)
		require.Equal(t, c.why, a.why())
	}
}

func TestForwardAuthRefusal(t *testing.T) {
	a := startAuth(t, ForwardAuthOptions{TrustedProxies: loopback}, WithRefusal(func(w http.ResponseWriter, req *http.Request, e *VerifyError) {
		http.Error(w, req.Method+" "+req.RequestURI+" "+e.Code(), e.Status())
	}))
	resp := exchangeRaw(t, "tcp", a.addr, hops["traefik"](sentRequest{method: "DELETE", target: "/x", host: "h"}))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "DELETE /x no_authorization\n", string(body), "the client's request, not the proxy's")
}

func TestForwardAuthOptions(t *testing.T) {
	v := newVerifier(t)
	for want, o := range map[string]ForwardAuthOptions{
		"no trusted proxies": {},
		"is no address":      {TrustedProxies: []netip.Prefix{{}}},
		"in its own form":    {TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}},
	} {
		_, err := v.ForwardAuth(o)
		require.ErrorContains(t, err, want)
	}
	bodies := newVerifier(t, AcceptSchemes(TencentApp, HuaweiSDK))
	_, err := bodies.ForwardAuth(ForwardAuthOptions{TrustUnix: true})
	require.ErrorContains(t, err, "signs the body")
	_, err = bodies.ForwardAuth(ForwardAuthOptions{TrustUnix: true, BodyForwarded: true})
	require.NoError(t, err)
	require.Panics(t, func() { new(Verifier).ForwardAuth(ForwardAuthOptions{TrustUnix: true}) })
}

// A request that no server made has no body, which is not an empty one.
func TestForwardAuthNilBody(t *testing.T) {
	for _, forwarded := range []bool{true, false} {
		handler, err := newVerifier(t).ForwardAuth(ForwardAuthOptions{TrustUnix: true, BodyForwarded: forwarded})
		require.NoError(t, err)
		req := newRequest(t, "GET", "http://api.example/", "")
		require.NoError(t, newSignerIn(t, TencentKeyPair, "hmac-sm3").Sign(req))
		req.RequestURI, req.Body = "/", nil
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, forwardedBy(req, "GET"))
		require.Equal(t, 200, w.Code)
	}
}

// The caller's slice is the caller's.
func TestForwardAuthKeepsItsProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	handler, err := newVerifier(t).ForwardAuth(ForwardAuthOptions{TrustedProxies: proxies})
	require.NoError(t, err)
	proxies[0] = netip.MustParsePrefix("0.0.0.0/0")
	req := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	require.Equal(t, 403, w.Code)
}

// Vendors' clients' requests get the same verdict through a proxy that forwards bodies.
func TestForwardAuthWild(t *testing.T) {
	files, err := filepath.Glob("testdata/wild/*.jsonl.gz")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	keys, err := StaticKeys(&Key{ID: "AKIDinterop", Secret: Secret("interop-secret-0123456789")})
	require.NoError(t, err)
	accepted, refused := 0, 0
	for _, path := range files {
		for i, c := range readWild(t, path) {
			direct, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw)))
			if err != nil {
				continue
			}
			v, err := NewVerifier(keys, WithClock(func() time.Time { return c.Date }))
			require.NoError(t, err)
			_, want := v.Verify(direct)
			handler, err := v.ForwardAuth(ForwardAuthOptions{TrustUnix: true, BodyForwarded: true})
			require.NoError(t, err)

			direct, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw)))
			require.NoError(t, err)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, forwardedBy(direct, "POST"))
			require.Equal(t, want == nil, w.Code == 200, "%s %d: %v, %s", path, i, want, w.Body)
			if want == nil {
				accepted++
			} else {
				refused++
			}
		}
	}
	require.Greater(t, accepted, 700)
	require.Greater(t, refused, 300)
}

// forwardedBy is the request that a proxy at a unix socket makes of a client's.
func forwardedBy(client *http.Request, method string) *http.Request {
	req := client.WithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Net: "unix"})))
	req.Header = client.Header.Clone()
	for name, value := range map[string]string{"X-Forwarded-Method": client.Method, "X-Forwarded-Uri": client.RequestURI, "X-Forwarded-Host": client.Host} {
		req.Header[name] = []string{value}
	}
	req.Method, req.RequestURI, req.Host = method, "/auth", "auth"
	return req
}

// The handler accepts what Verify accepts of the same request, and no other.
func FuzzForwardAuth(f *testing.F) {
	f.Add(0, "GET", "/", "h", "Source", "s", "")
	f.Add(1, "POST", "/a//b%2Fc?d=e", "h:80", "X-Forwarded-For", "1", "hello")
	f.Add(2, "PUT", "/?", "H", "X_Forwarded_Uri", "/", "a=1")
	f.Add(2, "POST", "http://h/", "", "X-Forwarded-Uri", "/b", "\x00")
	f.Add(0, "0", "http://", "h", "X-Forwarded-Uri", "/b", "\x00")
	v := newVerifier(f)
	handler, err := v.ForwardAuth(ForwardAuthOptions{TrustUnix: true, BodyForwarded: true})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, scheme int, method, target, host, name, value, body string) {
		raw := func(headers []string) string {
			return lines(method+" "+target+" HTTP/1.1", headers, "Host: "+host, name+": "+value, fmt.Sprint("Content-Length: ", len(body))) + body
		}
		read := func(headers []string) *http.Request {
			req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw(headers))))
			if err != nil {
				return nil
			}
			return req
		}
		unsigned := read(nil)
		if unsigned == nil || unsigned.URL.IsAbs() || unsigned.Host == "" {
			return // a proxy has no such request to ask about: it writes the target in origin-form
		}
		content, err := io.ReadAll(unsigned.Body)
		if err != nil {
			return
		}
		unsigned.Body = io.NopCloser(bytes.NewReader(content))
		before := unsigned.Header.Clone()
		schemes := Schemes()
		if newSignerIn(t, schemes[(scheme%len(schemes)+len(schemes))%len(schemes)], "hmac-sm3").Sign(unsigned) != nil {
			return
		}
		var headers []string
		for name, values := range unsigned.Header {
			if _, was := before[name]; !was {
				headers = append(headers, name+": "+values[0])
			}
		}
		direct, client := read(headers), read(headers)
		if direct == nil {
			return
		}
		_, want := v.Verify(direct)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, forwardedBy(client, "GET"))
		if (want == nil) != (w.Code == 200) {
			t.Errorf("%q: Verify says %v, the handler %d %s", raw(headers), want, w.Code, w.Body)
		}
	})
}
