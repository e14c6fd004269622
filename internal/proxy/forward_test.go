package proxy

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// tap is an upstream that records requests byte by byte, without net/http.
type tap struct {
	url string
	mu  sync.Mutex
	got []tapped
}

type tapped struct {
	line   string   // method, target, version
	header []string // lines
	body   string
}

// values are those of all headers that a server which folds names takes for
// this one.
func (g tapped) values(name string) (values []string) {
	folded := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(s))
	}
	for _, line := range g.header {
		n, value, _ := strings.Cut(line, ":")
		if folded(n) == folded(name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func newTap(t *testing.T) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return serveTap(l, "http://"+l.Addr().String())
}

func serveTap(l net.Listener, url string) *tap {
	u := &tap{url: url}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u
}

func (u *tap) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		g, err := readTapped(r)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.got = append(u.got, g)
		u.mu.Unlock()
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if strings.HasPrefix(g.line, "HEAD ") {
			answer = strings.TrimSuffix(answer, "ok")
		}
		io.WriteString(conn, answer)
	}
}

func readTapped(r *bufio.Reader) (g tapped, err error) {
	var lines []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return g, err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			break
		}
		lines = append(lines, line)
	}
	g.line, g.header = lines[0], lines[1:]
	var body []byte
	switch lengths := g.values("Content-Length"); {
	case len(g.values("Transfer-Encoding")) > 0:
		var raw strings.Builder // with the trailers, were there any
		for !strings.HasSuffix(raw.String(), "0\r\n\r\n") {
			b, err := r.ReadByte()
			if err != nil {
				return g, err
			}
			raw.WriteByte(b)
		}
		body, err = io.ReadAll(httputil.NewChunkedReader(strings.NewReader(raw.String())))
	case len(lengths) > 0:
		n, _ := strconv.Atoi(lengths[0])
		body = make([]byte, n)
		_, err = io.ReadFull(r, body)
	}
	g.body = string(body)
	return g, err
}

// take returns what was recorded since the last time.
func (u *tap) take() []tapped {
	u.mu.Lock()
	defer u.mu.Unlock()
	got := u.got
	u.got = nil
	return got
}

// raw is a request that goes out as it is.
type raw struct {
	method, target string // as signed; GET if there is no method
	signed         []string
	unsigned       []string // lines that the signer does not see
	body           string
	sent           string // the target as sent, if it differs
	chunked        string // the body as sent in chunks, with the trailers
	host           string
}

func (q raw) signedBy(t *testing.T, s *hmacsign.Signer) string {
	q.method = cmp.Or(q.method, "GET")
	q.host = cmp.Or(q.host, "h")
	req := &http.Request{Method: q.method, Host: q.host, URL: &url.URL{Scheme: "http", Host: "h", Opaque: q.target}, Header: http.Header{}}
	if strings.HasPrefix(q.target, "//") {
		path, query, _ := strings.Cut(q.target, "?")
		decoded, _ := url.PathUnescape(path)
		req.URL = &url.URL{Scheme: "http", Host: "h", Path: decoded, RawPath: path, RawQuery: query}
	}
	if q.body != "" {
		hmacsign.SetBody(req, strings.NewReader(q.body), int64(len(q.body)))
	}
	for _, line := range q.signed {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	require.NoError(t, s.Sign(req))
	return q.text(req.Header)
}

func (q raw) text(header http.Header) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", cmp.Or(q.method, "GET"), cmp.Or(q.sent, q.target), cmp.Or(q.host, "h"))
	header.Write(&b)
	for _, line := range q.unsigned {
		b.WriteString(line + "\r\n")
	}
	switch {
	case q.chunked != "":
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n" + q.chunked)
	case q.body != "" && header.Get("Content-Length") == "":
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	default:
		b.WriteString("\r\n" + q.body)
	}
	return b.String()
}

// exchange sends a raw request and reads the answer.
func exchange(t *testing.T, p *proxy, text string) (*http.Response, string) {
	conn, r := rawRequest(t, p, text)
	defer conn.Close()
	method, _, _ := strings.Cut(text, " ")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func signerOf(t *testing.T, scheme hmacsign.Scheme, opts ...hmacsign.SignerOption) *hmacsign.Signer {
	s, err := hmacsign.NewSigner(scheme, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, opts...)
	require.NoError(t, err)
	return s
}

// accept requires that a request arrives, once, and returns what did.
func accept(t *testing.T, u *tap, p *proxy, text string) tapped {
	t.Helper()
	u.take()
	resp, body := exchange(t, p, text)
	require.Equal(t, 200, resp.StatusCode, "%s\n%q", body, firstLines(text))
	got := u.take()
	require.Len(t, got, 1)
	return got[0]
}

// refuse requires that a request is refused and the upstream not reached.
func refuse(t *testing.T, u *tap, p *proxy, status int, reason, text string) {
	t.Helper()
	u.take()
	resp, body := exchange(t, p, text)
	require.Equal(t, status, resp.StatusCode, "%s\n%q", body, firstLines(text))
	if !strings.HasPrefix(text, "HEAD ") {
		require.Contains(t, body, `"reason":"`+reason+`"`)
	}
	require.Empty(t, u.take())
}

func firstLines(text string) string { return text[:min(len(text), 300)] }

// logLines are the lines of requests.
func (p *proxy) logLines(t *testing.T, message string) (lines []map[string]any) {
	for text := range strings.SplitSeq(strings.TrimSpace(p.logs.String()), "\n") {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// awaitLines waits for so many lines of requests, and for no more.
func (p *proxy) awaitLines(t *testing.T, n int) []map[string]any {
	t.Helper()
	require.Eventually(t, func() bool { return len(p.logLines(t, "request")) >= n }, 10*time.Second, 5*time.Millisecond, p.logs)
	time.Sleep(20 * time.Millisecond)
	lines := p.logLines(t, "request")
	require.Len(t, lines, n)
	return lines
}

func manyParameters(n int) string {
	return strings.TrimSuffix(strings.Repeat("a&", n), "&")
}

// The target arrives byte by byte behind the base path, whatever net/http and
// its proxy make of it.
func TestForwardsTheTargetAsItCame(t *testing.T) {
	u := newTap(t)
	for _, base := range []string{"", "/", "/base", "/base/", "/b%2Fase"} {
		p := startServe(t, u.url+base, nil)
		for _, target := range []string{
			"/", "/items?filter=a;b", "/items?filter=a%3Bb", "/x/files/..%2f..%2fadmin|", "/a?", "/a??", "/a?b?c=/../d", "/a//b/", "/a/./b/../c",
			"/a#b", "/a?b#c", "/\xe4\xb8\xff?\xff=\xe4", `/"<>{}^` + "`" + `\[]`, "/%2F%2f%7e~", "/a?x=+%20&&=&c", "/;a=b/c;d?;&;", "//two/slashes?x=%3b", "//two?", "///",
			"/?" + manyParameters(9999), "/?" + manyParameters(10000), "/?" + manyParameters(10001), "/" + strings.Repeat("long/", 3000),
		} {
			for _, scheme := range []hmacsign.Scheme{hmacsign.TencentKeyPair, hmacsign.HuaweiSDK, hmacsign.TencentApp} {
				path, query, _ := strings.Cut(target, "?")
				if strings.Count(query, "&") > 9000 && scheme != hmacsign.TencentKeyPair ||
					scheme == hmacsign.HuaweiSDK && (strings.ContainsAny(path, `#\`) || strings.ContainsAny(query, "#;")) {
					continue // refused, see package hmacsign
				}
				got := accept(t, u, p, raw{method: "DELETE", target: target}.signedBy(t, signerOf(t, scheme)))
				require.Equal(t, "DELETE "+strings.TrimRight(base, "/")+target+" HTTP/1.1", got.line, "%s, base %q", scheme.Name(), base)
			}
		}
		for sent, origin := range map[string]string{"http://h/a;b?c;d": "/a;b?c;d", "http://h": "/", "HTTPS://h:1?": "/?", "http://u:p@h?x=//": "/?x=//"} {
			got := accept(t, u, p, raw{target: origin, sent: sent, host: "h"}.signedBy(t, signerOf(t, hmacsign.TencentApp)))
			require.Equal(t, "GET "+strings.TrimRight(base, "/")+origin+" HTTP/1.1", got.line, "base %q", base)
		}
	}
}

func TestForwardRefusesTargetsThatAreNoPath(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	keyPair := signerOf(t, hmacsign.TencentKeyPair) // it does not sign the target
	refuse(t, u, p, 400, "not_forwardable", raw{target: "/a", sent: "//a|b"}.signedBy(t, keyPair))
	accept(t, u, p, raw{target: "/a", sent: "//a%7Cb"}.signedBy(t, keyPair))
	refuse(t, u, p, 401, "malformed", raw{target: "/a", sent: "*"}.signedBy(t, keyPair))
	accept(t, u, p, raw{target: "/a", sent: "/*"}.signedBy(t, keyPair))
	refuse(t, u, p, 401, "malformed", raw{method: "CONNECT", target: "/a", sent: "h:80"}.signedBy(t, keyPair))
	refuse(t, u, p, 400, "not_forwardable", raw{method: "CONNECT", target: "/a"}.signedBy(t, keyPair))

	handler, err := New(oneRoute(u.url, nil)) // without verification
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	defer server.Close()
	open := &proxy{url: server.URL}
	for _, text := range []string{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", "CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n"} {
		refuse(t, u, open, 400, "not_forwardable", text)
	}
	accept(t, u, open, "OPTIONS /* HTTP/1.1\r\nHost: h\r\n\r\n")
}

func TestForwardStaysBehindTheBase(t *testing.T) {
	u := newTap(t)
	based, free := startServe(t, u.url+"/base", nil), startServe(t, u.url, nil)
	signer := signerOf(t, hmacsign.TencentKeyPair)
	for _, path := range []string{
		"/../admin", "/..", "/a/../../admin", "/..%2fadmin", "/%2e%2e/admin", "/.%2E/admin", "/%252e%252e/admin", "/%25252e%25252e%25252fadmin", "/..%5cadmin",
		`/..\admin`, "/..;/admin", "/..;x=y/admin", "/..%3bx/admin", "//../admin", "/./../admin", "/a//../../admin", "/a%2f..%2f..%2f../x", "/%2e%2e%2fadmin?x=y",
		"/..#/x", "/..%23/x", "/..%3fx", "/..%00/x", "/..%20/x", "/%c0%ae%c0%ae%c0%afx", "/..%C1%9Cx", "/\xc0\xae./x",
		`/a\b/../../x`, `/a%5cb%2f..%2f..%2fx`, "/%e0%80%ae%e0%80%ae/x", "/%EF%BC%8E%EF%BC%8E/x", "/.%0a./x", "/.%09.%2fx", "/;%2fa/%2e%2e/x",
	} {
		text := raw{target: "/a", sent: path}.signedBy(t, signer)
		refuse(t, u, based, 400, "not_forwardable", text)
		if !strings.HasPrefix(path, "//") {
			require.Equal(t, "GET "+path+" HTTP/1.1", accept(t, u, free, text).line)
		}
	}
	for _, path := range []string{"/a/../b", "/a/..", "/a/b/../../c", "/...", "/..a", "/a..", "/a/%2e%2e/b", "/a?/../../x", "/a;/..", "/a#b/..", "/%20a/%c0%af%c3%a9"} {
		require.Equal(t, "GET /base"+path+" HTTP/1.1", accept(t, u, based, raw{target: "/a", sent: path}.signedBy(t, signer)).line)
	}
	require.False(t, leavesBase("/%zz%"))
}

// A Connection header takes nothing away that was verified.
func TestForwardRefusesConnectionThatNamesSigned(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	app := signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders("x-role"))
	for _, c := range []struct {
		options string
		refused bool
	}{
		{"x-role", true}, {"close, X-ROLE", true}, {"accept", true}, {"Content-Type", true}, {"content-md5,keep-alive", true}, {"x-date", true}, {"\tX-Role\t", true}, {"content-length", true},
		{"X-Sdk-Content-Sha256", true}, {"keep-alive", false}, {"close", false}, {"x-other", false}, {"x_role", false}, {"X-Hmacsign-Key-Id", false},
		{"X-Forwarded-For, X-Forwarded-Host, X-Request-Id", false}, {",, ,", false},
	} {
		text := raw{method: "POST", target: "/a", body: "{}", signed: []string{"X-Role: reader", "Content-Type: application/json"}, unsigned: []string{"Connection: " + c.options, "X-Other: 1"}}.signedBy(t, app)
		if c.refused {
			refuse(t, u, p, 400, "not_forwardable", text)
			continue
		}
		got := accept(t, u, p, text)
		for name, want := range map[string]string{"X-Role": "reader", "Accept": "*/*", "Content-Type": "application/json", "X-Hmacsign-Key-Id": "test-key", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "h"} {
			require.Equal(t, []string{want}, got.values(name), "%s with %q", name, c.options)
		}
		require.Len(t, got.values("X-Request-Id"), 1)
		require.Len(t, got.values("Content-Md5"), 1)
	}
	lines := p.logLines(t, "request")
	require.Contains(t, lines[0]["detail"], "x-role")
	require.Equal(t, []any{"refused", "INFO", "not_forwardable", 400.0}, []any{lines[0]["outcome"], lines[0]["level"], lines[0]["reason"], lines[0]["status"]})
}

// Signed headers arrive with the values that came, or the request is refused.
func TestForwardHoldsSignedHeaders(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	huawei := func(names ...string) *hmacsign.Signer {
		return signerOf(t, hmacsign.HuaweiSDK, hmacsign.WithSignedHeaders(names...))
	}
	for _, c := range []struct {
		name    string
		values  []string
		refused bool
	}{
		{"X-A", []string{"b", "a", ""}, false}, {"User-Agent", []string{"one"}, false}, {"User-Agent", []string{"one", "two"}, true}, {"User-Agent", []string{""}, true},
		{"X-Forwarded-For", []string{"192.0.2.1"}, true}, {"X-Forwarded-Proto", []string{"https"}, true}, {"X-Forwarded-Proto", []string{"http"}, false}, {"Forwarded", []string{"for=x"}, true},
		{"Te", []string{"trailers"}, true}, {"Keep-Alive", []string{"5"}, true}, {"Proxy-Authorization", []string{"x"}, true}, {"Connection", []string{"keep-alive"}, true},
		{"Expect", []string{"100-continue"}, true}, {"Cookie", []string{"a=b;c=d;", "e"}, false}, {"Proxy", []string{"x"}, false},
		{"X-Hmacsign-Key-Id", []string{"test-key"}, true}, {"X_Hmacsign_Key_Id", []string{"admin"}, true}, {"X-Hmacsign-Key.id", []string{"admin"}, true},
		{"Content_Length", []string{"0"}, true}, {"X_Forwarded_For", []string{"192.0.2.1"}, true}, {"X_request~id", []string{"1"}, true}, {"X_a", []string{"fine"}, false},
	} {
		var signed []string
		for _, value := range c.values {
			signed = append(signed, c.name+": "+value)
		}
		text := raw{target: "/a", signed: signed}.signedBy(t, huawei(c.name))
		if c.refused {
			refuse(t, u, p, 400, "not_forwardable", text)
		} else {
			require.Equal(t, c.values, accept(t, u, p, text).values(c.name))
		}
	}
	for _, c := range []struct {
		method, length, body string
		refused              bool
	}{{"POST", "5", "hello", false}, {"POST", "0", "", false}, {"GET", "5", "hello", false}, {"GET", "0", "", true}, {"POST", "005", "hello", true}} {
		text := raw{method: c.method, target: "/a", body: c.body, signed: []string{"Content-Length: " + c.length}}.signedBy(t, huawei("content-length"))
		if c.refused {
			refuse(t, u, p, 400, "not_forwardable", text)
		} else {
			require.Equal(t, []string{c.length}, accept(t, u, p, text).values("Content-Length"))
		}
	}
}

// identitySpellings are names that some server takes for X-Hmacsign-Key-Id.
var identitySpellings = []string{"X-Hmacsign-Key-Id", "x-hmacsign-key-id", "X_Hmacsign_Key_Id", "X-Hmacsign_Key-Id", "X-Hmacsign-Key.Id", "X~Hmacsign~Key~Id", "X-Hmacsign-Key!Id", "X.Hmacsign#Key$Id", "X-Hmacsign-Key|Id", "X-Hmacsign-Key'Id"}

func TestForwardIdentityCannotBeForged(t *testing.T) {
	u := newTap(t)
	for _, identityHeader := range []string{"X-Hmacsign-Key-Id", "X_Hmacsign_Key_Id", "x.hmacsign.key.id"} {
		p := startServe(t, u.url, func(s *settings) { s.IdentityHeader = identityHeader })
		signer := signerOf(t, hmacsign.TencentApp)
		for _, name := range identitySpellings {
			got := accept(t, u, p, raw{target: "/a", unsigned: []string{name + ": admin"}}.signedBy(t, signer))
			require.Equal(t, []string{"test-key"}, got.values(identityHeader), name)
			refuse(t, u, p, 400, "not_forwardable", raw{target: "/a", signed: []string{name + ": admin"}}.signedBy(t, signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders(name))))
		}
		// A trailer, where the verifier has read the body and where it has not.
		for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.TencentKeyPair} {
			p := p
			if scheme == hmacsign.TencentKeyPair {
				p = startServe(t, u.url, func(s *settings) { onlyKeyPair(s); s.IdentityHeader = identityHeader })
			}
			got := accept(t, u, p, raw{method: "POST", target: "/a", body: "hello", unsigned: []string{"Trailer: X-Hmacsign-Key-Id, X-Other", "TE: trailers"},
				chunked: "5\r\nhello\r\n0\r\nX-Hmacsign-Key-Id: admin\r\nX-Other: admin\r\n\r\n"}.signedBy(t, signerOf(t, scheme)))
			require.Equal(t, "hello", got.body)
			require.Equal(t, []string{"test-key"}, got.values(identityHeader))
			require.Empty(t, got.values("Trailer"))
			require.Empty(t, got.values("Te"))
			require.NotContains(t, strings.Join(got.header, "\n"), "admin")
		}
	}
}

// What some servers take for a header that is signed, or that the proxy or
// net/http sets, does not arrive; what is like nothing does.
func TestForwardDropsLookalikes(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	signer := signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders("x-role", "x_odd"))
	dropped := []string{"X_Role", "X.Role", "X-Odd", "X~Odd", "Content_Type", "Content_Md5", "X_Date", "Content_Length", "Transfer_Encoding", "X_Forwarded_For", "X-Forwarded.Host",
		"X_Forwarded_Proto", "X_Request_Id", "Proxy", "X_sdk-Content-Sha256", "X-Sdk_Content-Sm3",
		"X-Forwarded-Port", "X_Forwarded_Prefix", "X-Forwarded-Ssl", "X-Real-Ip", "X_Real_Ip"}
	kept := []string{"X-Roles", "X-Rol", "X-Other", "X_Other", "Proxy-X"}
	var unsigned []string
	for _, name := range slices.Concat(dropped, kept) {
		unsigned = append(unsigned, name+": unsigned")
	}
	got := accept(t, u, p, raw{target: "/a", signed: []string{"X-Role: reader", "X_odd: 1"}, unsigned: unsigned}.signedBy(t, signer))
	var arrived []string
	for _, line := range got.header {
		if name, value, _ := strings.Cut(line, ": "); value == "unsigned" {
			arrived = append(arrived, strings.ToLower(name))
		}
	}
	slices.Sort(arrived)
	require.Equal(t, []string{"proxy-x", "x-other", "x-rol", "x-roles", "x_other"}, arrived)
	require.Equal(t, []string{"reader"}, got.values("X-Role"))
	require.Equal(t, []string{"1"}, got.values("X-Odd"))
}

func TestForwardSignedAlone(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, func(s *settings) { s.ForwardSigned = true })
	names := func(got tapped) (names []string) {
		for _, line := range got.header {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, strings.ToLower(name))
		}
		slices.Sort(names)
		return names
	}
	own := []string{"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-hmacsign-key-id", "x-request-id", "host"}
	unsigned := []string{"X-Other: 1", "User-Agent: me", "Cookie: a=b", "Content-Encoding: identity", "Content-Language: en", "X-Http-Method-Override: DELETE"}
	got := accept(t, u, p, raw{method: "POST", target: "/a", body: "hello", signed: []string{"X-Role: reader", "Content-Type: text/plain"}, unsigned: unsigned}.signedBy(t, signerOf(t, hmacsign.TencentKeyPair, hmacsign.WithSignedHeaders("x-role"))))
	want := append(own, "x-role", "x-date", "content-type", "content-encoding", "content-length")
	slices.Sort(want)
	require.Equal(t, want, names(got))
	all := startServe(t, u.url, nil)
	got = accept(t, u, all, raw{method: "POST", target: "/a", body: "hello", unsigned: unsigned}.signedBy(t, signerOf(t, hmacsign.TencentKeyPair)))
	require.Subset(t, names(got), []string{"x-other", "user-agent", "cookie", "content-language", "authorization"})
}

// onlyKeyPair makes a proxy accept a scheme that does not read bodies.
func onlyKeyPair(s *settings) {
	s.Options = append(s.Options, hmacsign.AcceptSchemes(hmacsign.TencentKeyPair))
}

// A body arrives as it came, whether the verifier has read it or not.
func TestForwardBodies(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	unread := startServe(t, u.url, onlyKeyPair)
	for _, c := range []struct {
		p      *proxy
		scheme hmacsign.Scheme
	}{{p, hmacsign.TencentApp}, {p, hmacsign.TencentKeyPair}, {p, hmacsign.HuaweiSDK}, {unread, hmacsign.TencentKeyPair}} {
		p, signer := c.p, signerOf(t, c.scheme)
		for _, method := range []string{"POST", "GET", "DELETE", "HEAD", "PROPFIND"} {
			for _, body := range []string{"hello", strings.Repeat("0123456789", 7000)} {
				require.Equal(t, body, accept(t, u, p, raw{method: method, target: "/a", body: body}.signedBy(t, signer)).body)
				got := accept(t, u, p, raw{method: method, target: "/a", body: body, chunked: fmt.Sprintf("%x;ext=1\r\n%s\r\n0\r\n\r\n", len(body), body)}.signedBy(t, signer))
				require.Equal(t, body, got.body)
			}
			require.Empty(t, accept(t, u, p, raw{method: method, target: "/a"}.signedBy(t, signer)).body)
			require.Empty(t, accept(t, u, p, raw{method: method, target: "/a", chunked: "0\r\n\r\n"}.signedBy(t, signer)).body)
		}
	}
}

// What of these cases HTTP/2 can carry, over TLS.
func TestForwardFromHTTP2(t *testing.T) {
	u := newTap(t)
	certFile, keyFile, pool := certificate(t)
	p := startServe(t, u.url+"/base", func(s *settings) { s.TLSCert, s.TLSKey = certFile, keyFile })
	h2 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer h2.CloseIdleConnections()
	send := func(method, target, body string, change func(*http.Request), signed ...string) (*http.Response, []tapped) {
		u.take()
		req := request(t, method, p.url, nil)
		req.URL.Opaque = target
		if body != "" {
			hmacsign.SetBody(req, strings.NewReader(body), int64(len(body)))
		}
		for _, name := range signed {
			req.Header.Set(name, "reader")
		}
		require.NoError(t, signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders(signed...)).Sign(req))
		if change != nil {
			change(req)
		}
		resp, err := h2.RoundTrip(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 2, resp.ProtoMajor)
		return resp, u.take()
	}
	for _, target := range []string{"/items?filter=a;b", "/files/..%2f|", "/a?", "/a//b#c"} {
		if strings.HasPrefix(target, "/files") {
			target = "/x" + target
		}
		resp, got := send("DELETE", target, "", nil)
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "DELETE /base"+target+" HTTP/1.1", got[0].line)
		require.Len(t, resp.Header["X-Request-Id"], 1)
	}
	resp, got := send("GET", "/../admin", "", nil)
	require.Equal(t, 400, resp.StatusCode)
	require.Empty(t, got)
	resp, got = send("POST", "/a", "hello", func(r *http.Request) {
		for _, name := range identitySpellings {
			r.Header[name] = []string{"admin"}
		}
		r.Header["X_Role"] = []string{"admin"}
		r.Trailer = http.Header{"X-Hmacsign-Key-Id": {"admin"}}
		r.Header.Set("Te", "trailers")
	}, "X-Role")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "hello", got[0].body)
	require.Equal(t, []string{"test-key"}, got[0].values("X-Hmacsign-Key-Id"))
	require.Equal(t, []string{"reader"}, got[0].values("X-Role"))
	require.NotContains(t, strings.Join(got[0].header, "\n"), "admin")
	resp, got = send("GET", "/a", "", nil, "X_Hmacsign_Key_Id")
	require.Equal(t, 400, resp.StatusCode)
	require.Empty(t, got)
}

// PHP behind lighttpd's CGI takes the identity from where the proxy put it.
func TestForwardToCGI(t *testing.T) {
	requireTool(t, "lighttpd")
	requireTool(t, "php-cgi")
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "id.php"), []byte(`<?php echo json_encode($_SERVER);`), 0o644))
	config := fmt.Sprintf(`server.document-root = "%s"
server.port = %d
server.bind = "127.0.0.1"
server.modules = ("mod_cgi")
cgi.assign = (".php" => "%s")
`, dir, addr.Port, must(exec.LookPath("php-cgi")))
	configFile := filepath.Join(dir, "lighttpd.conf")
	require.NoError(t, os.WriteFile(configFile, []byte(config), 0o644))
	cmd := exec.Command("lighttpd", "-D", "-f", configFile)
	cmd.Env = append(os.Environ(), "REDIRECT_STATUS=200")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr.String())
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	p := startServe(t, "http://"+addr.String(), nil)
	signer := signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders("x-role"))
	for _, name := range append(identitySpellings, "X_Role", "X.Role", "X_Forwarded_For", "Proxy", "Content_Type") {
		resp, body := exchange(t, p, raw{target: "/id.php", signed: []string{"X-Role: reader"}, unsigned: []string{name + ": forged"}}.signedBy(t, signer))
		require.Equal(t, 200, resp.StatusCode, body)
		var env map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &env), body)
		require.Equal(t, []any{"test-key", "reader", "127.0.0.1"}, []any{env["HTTP_X_HMACSIGN_KEY_ID"], env["HTTP_X_ROLE"], env["HTTP_X_FORWARDED_FOR"]}, name)
		require.NotContains(t, body, "forged", name)
	}
	resp, body := exchange(t, p, raw{target: "/id.php?a;b=%3B", signed: []string{"X-Role: reader"}, unsigned: []string{"X-Harmless: forged"}}.signedBy(t, signer))
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, body, `"HTTP_X_HARMLESS":"forged"`)
	require.Contains(t, body, `"QUERY_STRING":"a;b=%3B"`)
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// The request is signed anew whatever its body, without what the client said of
// its own signature.
func TestForwardSignsAnyBodyAnew(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "proxy", Secret: hmacsign.Secret("between us")})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(hmacsign.HuaweiSDK), hmacsign.RequireSignedHeaders("X-Hmacsign-Key-Id"))
	require.NoError(t, err)
	backend := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %v%v", r.RequestURI, len(body), r.Header["X-Sdk-Content-Sha256"], r.Header["X-Sdk-Content-Sm3"])
	})))
	defer backend.Close()
	p := startServe(t, backend.URL, func(s *settings) {
		var err error
		s.Resign, err = hmacsign.NewSigner(hmacsign.HuaweiSDK, "hmac-sm3", hmacsign.Credential{KeyID: "proxy", Secret: hmacsign.Secret("between us")}, hmacsign.WithSignedHeaders(s.IdentityHeader))
		require.NoError(t, err)
	})
	huawei := signerOf(t, hmacsign.HuaweiSDK)
	for _, size := range []int{0, 5, 70_000, 2 << 20} {
		body := strings.Repeat("x", size)
		want := fmt.Sprintf("/a?b%%7Cc %d [][]", size)
		for _, header := range []string{"X-Sdk-Content-Sha256", "X-Sdk-Content-Sm3"} {
			resp, answer := exchange(t, p, raw{method: "POST", target: "/a?b%7Cc", body: body, signed: []string{header + ": UNSIGNED-PAYLOAD"}}.signedBy(t, huawei))
			require.Equal(t, []any{200, want}, []any{resp.StatusCode, answer}, "%d bytes, %s", size, header)
		}
		for _, signer := range []*hmacsign.Signer{huawei, signerOf(t, hmacsign.TencentKeyPair), signerOf(t, hmacsign.TencentApp)} {
			resp, answer := exchange(t, p, raw{method: "POST", target: "/a?b%7Cc", body: body}.signedBy(t, signer))
			require.Equal(t, []any{200, want}, []any{resp.StatusCode, answer}, "%d bytes", size)
			if size > 0 {
				resp, answer = exchange(t, p, raw{method: "POST", target: "/a?b%7Cc", body: body, chunked: fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)}.signedBy(t, signer))
				require.Equal(t, []any{200, want}, []any{resp.StatusCode, answer}, "%d bytes in a chunk", size)
			}
		}
	}
	// What cannot be signed anew is the client's fault.
	resp, answer := exchange(t, p, raw{target: "/a", sent: "/?" + manyParameters(10_001)}.signedBy(t, signerOf(t, hmacsign.TencentKeyPair)))
	require.Equal(t, 400, resp.StatusCode, answer)
	require.Contains(t, answer, "not_forwardable")
}

func TestForwardRequestID(t *testing.T) {
	u := newTap(t)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	open, trusting := startServe(t, u.url, nil), startServe(t, u.url, func(s *settings) { s.TrustedProxies = []netip.Prefix{loopback} })
	plain, covering := signerOf(t, hmacsign.TencentApp), signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders("x-request-id"))
	long := strings.Repeat("x", 128)
	for _, c := range []struct {
		p    *proxy
		ids  []string
		kept bool
	}{{open, nil, false}, {open, []string{"theirs"}, false}, {trusting, nil, false}, {trusting, []string{"theirs"}, true}, {trusting, []string{long}, true},
		{trusting, []string{long + "x"}, false}, {trusting, []string{"two words"}, false}, {trusting, []string{"a", "b"}, false}} {
		var unsigned []string
		for _, id := range c.ids {
			unsigned = append(unsigned, "X-Request-Id: "+id)
		}
		u.take()
		resp, _ := exchange(t, c.p, raw{target: "/a", unsigned: unsigned}.signedBy(t, plain))
		got := u.take()[0].values("X-Request-Id")
		require.Len(t, got, 1)
		require.Equal(t, c.kept, slices.Equal(c.ids, got), c.ids)
		require.Equal(t, got, resp.Header["X-Request-Id"])
		lines := c.p.logLines(t, "request")
		require.Equal(t, got[0], lines[len(lines)-1]["request_id"])
	}
	u.take()
	resp, _ := exchange(t, open, raw{target: "/a", signed: []string{"X-Request-Id: two words"}}.signedBy(t, covering))
	require.Equal(t, []string{"two words"}, resp.Header["X-Request-Id"])
	require.Equal(t, []string{"two words"}, u.take()[0].values("X-Request-Id"))
	resp, _ = exchange(t, open, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Equal(t, 401, resp.StatusCode)
	require.Len(t, resp.Header["X-Request-Id"], 1, "a refusal has one too")
}

func TestForwardTrustedProxies(t *testing.T) {
	u := newTap(t)
	open := startServe(t, u.url, nil)
	trusting := startServe(t, u.url, func(s *settings) {
		s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	signer := signerOf(t, hmacsign.TencentApp)
	for _, c := range []struct {
		p                        *proxy
		came                     []string
		sent, host, proto, knows string
	}{
		{open, []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https"}, "127.0.0.1", "h", "http", "127.0.0.1"},
		{trusting, nil, "127.0.0.1", "h", "http", "127.0.0.1"},
		{trusting, []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: https"}, "192.0.2.1, 127.0.0.1", "shop.example", "https", "192.0.2.1"},
		{trusting, []string{"X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1"}, "6.6.6.6, 192.0.2.1, 10.1.1.1, 127.0.0.1", "h", "http", "192.0.2.1"},
		{trusting, []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: [2001:db8::1]:80,fd00::1"}, "6.6.6.6, [2001:db8::1]:80,fd00::1, 127.0.0.1", "h", "http", "2001:db8::1"},
		{trusting, []string{"X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.1"}, "6.6.6.6, unknown, 10.0.0.1, 127.0.0.1", "h", "http", "10.0.0.1"},
		{trusting, []string{"X-Forwarded-For: 192.0.2.1", "Connection: x-forwarded-for", "Forwarded: for=6.6.6.6", "X_Forwarded_For: 6.6.6.6"}, "192.0.2.1, 127.0.0.1", "h", "http", "192.0.2.1"},
	} {
		got := accept(t, u, c.p, raw{target: "/a", unsigned: c.came}.signedBy(t, signer))
		require.Equal(t, []string{c.sent}, got.values("X-Forwarded-For"))
		require.Equal(t, []string{c.host}, got.values("X-Forwarded-Host"))
		require.Equal(t, []string{c.proto}, got.values("X-Forwarded-Proto"))
		require.Empty(t, got.values("Forwarded"))
		lines := c.p.logLines(t, "request")
		require.Equal(t, c.knows, lines[len(lines)-1]["client"])
		require.True(t, strings.HasPrefix(lines[len(lines)-1]["remote"].(string), "127.0.0.1:"))
	}
}

func TestForwardHost(t *testing.T) {
	u := newTap(t)
	own, kept := startServe(t, u.url, nil), startServe(t, u.url, func(s *settings) { s.PreserveHost = true })
	signer := signerOf(t, hmacsign.HuaweiSDK) // signs it
	text := raw{target: "/a", host: "Shop.Example:8080"}.signedBy(t, signer)
	require.Equal(t, []string{strings.TrimPrefix(u.url, "http://")}, accept(t, u, own, text).values("Host"))
	got := accept(t, u, kept, text)
	require.Equal(t, []string{"Shop.Example:8080"}, got.values("Host"))
	require.Equal(t, []string{"Shop.Example:8080"}, got.values("X-Forwarded-Host"))
	refuse(t, u, kept, 400, "not_forwardable", raw{target: "/a", host: "[fe80::1%25en0]"}.signedBy(t, signer))
}

func TestForwardToSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	u := serveTap(l, "unix:"+path)
	p := startServe(t, u.url, nil)
	got := accept(t, u, p, raw{target: "/a/../..;x"}.signedBy(t, signerOf(t, hmacsign.HuaweiSDK)))
	require.Equal(t, "GET /a/../..;x HTTP/1.1", got.line)
	require.Equal(t, []string{"localhost"}, got.values("Host"))
}

func TestNewRefuses(t *testing.T) {
	for _, upstream := range []string{"", "h:80", "ftp://h", "http://", "http://:80", "http://u:hushhush@h", "http://h/?a", "http://h?", "http://h#a", "http://h#", "unix:", "unix:relative", "http://h:hushhush@x y"} {
		_, err := New(oneRoute(upstream, nil))
		require.Error(t, err, upstream)
		require.NotContains(t, err.Error(), "hushhush")
	}
	for _, upstream := range []string{"http://h", "https://h:443/base/", "unix:/run/x"} {
		_, err := New(oneRoute(upstream, nil))
		require.NoError(t, err)
	}
	for _, change := range []func(*Route){func(r *Route) { r.AllowUpgrade = "h2c" }, func(r *Route) { r.IdentityHeader = "X Y" }} {
		_, err := New(oneRoute("http://h", change))
		require.Error(t, err)
	}
}

func oneRoute(upstream string, change func(*Route)) *Config {
	r := NewRoute(upstream)
	if change != nil {
		change(r)
	}
	return &Config{Routes: []*Route{r}, Log: slog.New(slog.DiscardHandler)}
}

// Requests in hand are charged to the budget while they last.
func TestForwardBudget(t *testing.T) {
	u := newUpstream(t)
	release := make(chan struct{})
	u.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/waits" {
			<-release
		}
		return false
	}
	budget, err := hmacsign.NewBudget(8<<10, 0)
	require.NoError(t, err)
	p := startServe(t, u.URL, func(s *settings) { s.Budget = budget })
	signer := testSigner(t)
	answer := make(chan int)
	go func() {
		status, _ := do(t, signer.Transport(&http.Transport{DisableKeepAlives: true}), request(t, "GET", p.url+"/waits", nil))
		answer <- status
	}()
	require.Eventually(t, func() bool { held, _ := budget.Held(); return held > 4<<10 }, 10*time.Second, time.Millisecond)
	resp, body := exchange(t, p, raw{target: "/a"}.signedBy(t, signer))
	require.Equal(t, []any{503, "1"}, []any{resp.StatusCode, resp.Header.Get("Retry-After")})
	require.JSONEq(t, `{"message":"Service Unavailable","reason":"busy"}`, body)
	close(release)
	require.Equal(t, 200, <-answer)
	require.Eventually(t, func() bool { held, _ := budget.Held(); return held == 0 }, 10*time.Second, time.Millisecond)
	resp, _ = exchange(t, p, raw{target: "/a"}.signedBy(t, signer))
	require.Equal(t, 200, resp.StatusCode)
	for _, line := range p.awaitLines(t, 3) {
		require.Equal(t, "INFO", line["level"])
	}
}

// Statuses below 200 are passed on, but to those who know them, and are not
// taken for the answer's.
func TestForwardInterimAnswers(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.Header().Set("X-Request-Id", "the upstream's")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer backend.Close()
	p := startServe(t, backend.URL, nil)
	text := raw{target: "/a", unsigned: []string{"Connection: close"}}.signedBy(t, testSigner(t))
	_, r := rawRequest(t, p, text)
	all, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(all), "HTTP/1.1 103 Early Hints\r\n"), string(all))
	_, last, _ := strings.Cut(string(all), "\r\n\r\n")
	require.True(t, strings.HasPrefix(last, "HTTP/1.1 418 "), string(all))
	require.Equal(t, 1, strings.Count(last, "X-Request-Id: "))
	require.NotContains(t, last, "the upstream's")
	_, r = rawRequest(t, p, strings.Replace(text, "HTTP/1.1", "HTTP/1.0", 1))
	all, err = io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(all), "HTTP/1.0 418 "), string(all))
	for _, line := range p.awaitLines(t, 2) {
		require.Equal(t, 418.0, line["status"])
	}
}

// Every request leaves one line and one count, however it ends.
func TestForwardLeavesOneLine(t *testing.T) {
	u := newUpstream(t)
	gone := make(chan struct{})
	u.hook = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/breaks":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("half"))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/breaks-chunked":
			w.Write([]byte("half"))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/floods":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return true
				}
			}
		case "/stalls":
			w.Write([]byte("half"))
			http.NewResponseController(w).Flush()
			fallthrough
		case "/hangs":
			<-gone
		case "/gets":
			io.Copy(io.Discard, r.Body)
		}
		return false
	}
	p := startServe(t, u.URL, func(s *settings) { s.UpstreamTimeout, s.Timeout, s.MaxBody = 500*time.Millisecond, time.Second, 1<<20 })
	t.Cleanup(func() { close(gone) })
	signer := testSigner(t)
	n := 0
	expect := func(level, outcome, reason string, status float64) {
		t.Helper()
		n++
		line := p.awaitLines(t, n)[n-1]
		got, _ := line["reason"].(string)
		require.Equal(t, []any{level, outcome, reason, status}, []any{line["level"], line["outcome"], got, line["status"]}, line)
	}
	read := func(text string) string {
		_, r := rawRequest(t, p, text)
		all, _ := io.ReadAll(r)
		return string(all)
	}
	before := counted(t, p)
	require.Contains(t, read(raw{target: "/a", unsigned: []string{"Connection: close"}}.signedBy(t, signer)), " 200 OK")
	expect("INFO", "accepted", "", 200)
	require.NotContains(t, read(raw{target: "/breaks"}.signedBy(t, signer)), "half"+strings.Repeat("\x00", 96))
	expect("ERROR", "accepted", "upstream_broke_off", 200)
	require.NotContains(t, read(raw{target: "/breaks-chunked"}.signedBy(t, signer)), "\r\n0\r\n", "the client sees that it is not all")
	expect("ERROR", "accepted", "upstream_broke_off", 200)
	require.Contains(t, read(raw{target: "/hangs", unsigned: []string{"Connection: close"}}.signedBy(t, signer)), " 504 ")
	expect("ERROR", "accepted", "upstream_timeout", 504)
	read(raw{target: "/stalls"}.signedBy(t, signer))
	expect("ERROR", "accepted", "upstream_broke_off", 200)
	// Clients that hang up: before, within and after the answer's head.
	conn, _ := rawRequest(t, p, raw{target: "/hangs"}.signedBy(t, signer))
	time.Sleep(50 * time.Millisecond)
	conn.Close()
	expect("INFO", "accepted", "client_gone", 499)
	for _, target := range []string{"/stalls", "/floods"} {
		conn, r := rawRequest(t, p, raw{target: target}.signedBy(t, signer))
		_, err := r.ReadString('\n')
		require.NoError(t, err)
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		expect("INFO", "accepted", "client_gone", 200)
	}
	// Within a body that goes through unread, and one that never comes to its end.
	broken := strings.Replace(raw{method: "POST", target: "/gets", body: "hello", signed: []string{"X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD"}}.signedBy(t, signerOf(t, hmacsign.HuaweiSDK)), "Content-Length: 5", "Content-Length: 9", 1)
	conn, _ = rawRequest(t, p, broken)
	time.Sleep(50 * time.Millisecond)
	conn.Close()
	expect("INFO", "accepted", "client_gone", 499)
	require.Contains(t, read(broken), " 400 ")
	expect("INFO", "refused", "body", 400)
	tooLong := strings.Replace(broken, "Content-Length: 9\r\n\r\nhello", fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 2<<20, strings.Repeat("x", 2<<20)), 1)
	resp, _ := exchange(t, p, tooLong)
	require.Equal(t, 413, resp.StatusCode)
	expect("INFO", "refused", "body_too_large", 413)
	require.Contains(t, read("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), " 401 ")
	expect("INFO", "refused", "no_authorization", 401)
	require.Equal(t, before+n, counted(t, p), "as many counts as lines")
}

// counted is the number of requests in the metrics.
func counted(t *testing.T, p *proxy) (n int) {
	_, body := do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "hmacsign_requests_total{") {
			count, err := strconv.Atoi(strings.Fields(line)[len(strings.Fields(line))-1])
			require.NoError(t, err)
			n += count
		}
	}
	return n
}

func TestForwardLogIsClipped(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	huge := strings.Repeat("é", 3000)
	exchange(t, p, raw{target: "/" + huge + "%0a?secret", host: strings.Repeat("h", 3000), method: strings.Repeat("M", 3000)}.signedBy(t, signerOf(t, hmacsign.TencentApp)))
	exchange(t, p, raw{target: "/a%2Fb%0A?secret", signed: []string{"X-Request-Id: " + huge}}.signedBy(t, signerOf(t, hmacsign.TencentApp, hmacsign.WithSignedHeaders("x-request-id"))))
	exchange(t, p, "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: hmac id=\""+strings.Repeat("k", 5000)+"\", algorithm=\""+huge+"\", headers=\"x-date\", signature=\"\"\r\n\r\n")
	lines := p.awaitLines(t, 3)
	for _, line := range lines {
		for name, value := range line {
			if text, ok := value.(string); ok {
				require.LessOrEqual(t, len(text), 260, name)
				require.NotContains(t, text, "�", name)
				require.NotContains(t, text, "secret", name)
			}
		}
	}
	require.Equal(t, "/"+strings.Repeat("é", 127)+"...", lines[0]["path"])
	require.Equal(t, "/a%2Fb%0A", lines[1]["path"])
	require.Equal(t, "é", clipped("éé", 3)[:2])
	require.Equal(t, "é...", clipped("éé", 3))
	require.Equal(t, "é...", clipped("é€", 4))
	require.Equal(t, "ab", clipped("ab", 2))
}

// switching is an upstream that switches to any protocol that it is asked for,
// and to h2c unasked at /unasked. It echoes.
func switching(t *testing.T) (string, *tap) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	u := new(tap)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				g, err := readTapped(r)
				if err != nil {
					return
				}
				u.mu.Lock()
				u.got = append(u.got, g)
				u.mu.Unlock()
				if strings.Contains(g.line, "/unasked") {
					io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n")
					if strings.Contains(g.line, "named") {
						io.WriteString(conn, "Connection: Upgrade\r\nUpgrade: h2c\r\n")
					}
					io.WriteString(conn, "\r\n")
				} else if strings.Contains(g.line, "/other") {
					io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
				} else {
					io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+strings.Join(g.values("Upgrade"), "")+"\r\nX-Request-Id: upstream\r\n\r\n")
				}
				io.Copy(conn, r)
			}()
		}
	}()
	return "http://" + l.Addr().String(), u
}

var upgrade = []string{"Connection: Upgrade", "Upgrade: WebSocket"}

func TestForwardRefusesUpgrades(t *testing.T) {
	backend, u := switching(t)
	closed := startServe(t, backend, nil)
	allowing := startServe(t, backend, func(s *settings) { s.AllowUpgrade = "websocket" })
	signer := testSigner(t)
	for _, c := range [][]string{
		{"Connection: Upgrade", "Upgrade: h2c"}, {"Connection: keep-alive, upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"}, {"Connection: Upgrade", "Upgrade: websocket, h2c"},
		{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"}, {"Connection: Upgrade"}, {"Upgrade: h2c"}, {"Upgrade: websocket"}, {"Connection: Upgrade", "Upgrade: "}, {"Connection: close", "Connection: Upgrade", "Upgrade: TLS/1.3"},
	} {
		for _, p := range []*proxy{closed, allowing} {
			refuse(t, u, p, 400, "not_forwardable", raw{target: "/a", unsigned: c}.signedBy(t, signer))
		}
	}
	refuse(t, u, closed, 400, "not_forwardable", raw{target: "/a", unsigned: upgrade}.signedBy(t, signer))
	refuse(t, u, allowing, 400, "not_forwardable", raw{method: "POST", target: "/a", unsigned: upgrade}.signedBy(t, signer))
	refuse(t, u, allowing, 400, "not_forwardable", raw{target: "/a", body: "x", unsigned: upgrade}.signedBy(t, signer))
	refuse(t, u, allowing, 400, "not_forwardable", strings.Replace(raw{target: "/a", unsigned: upgrade}.signedBy(t, signer), "HTTP/1.1", "HTTP/1.0", 1))
	refuse(t, u, allowing, 401, "no_authorization", "GET /a HTTP/1.1\r\nHost: h\r\n"+strings.Join(upgrade, "\r\n")+"\r\n\r\n")
	for _, p := range []*proxy{closed, allowing} { // an upstream that was not asked
		for _, target := range []string{"/unasked?", "/unasked?named"} {
			resp, _ := exchange(t, p, raw{target: target}.signedBy(t, signer))
			require.Equal(t, 502, resp.StatusCode)
		}
	}
	resp, _ := exchange(t, allowing, raw{target: "/other", unsigned: upgrade}.signedBy(t, signer))
	require.Equal(t, 502, resp.StatusCode)
	require.Empty(t, closed.logLines(t, "tunnel opened"))
	require.Empty(t, allowing.logLines(t, "tunnel opened"))
}

func openTunnel(t *testing.T, p *proxy, early string) (net.Conn, *bufio.Reader) {
	conn, r := rawRequest(t, p, raw{target: "/chat", unsigned: append([]string{"Sec-WebSocket-Key: x"}, upgrade...)}.signedBy(t, testSigner(t))+early)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	require.Len(t, resp.Header["X-Request-Id"], 1)
	require.NotEqual(t, "upstream", resp.Header.Get("X-Request-Id"))
	return conn, r
}

func TestForwardTunnel(t *testing.T) {
	backend, u := switching(t)
	p := startServe(t, backend, func(s *settings) { s.AllowUpgrade, s.Timeout, s.AnswerTimeout = "websocket", time.Second, time.Second })
	conn, r := openTunnel(t, p, "early ")
	got := u.take()[0]
	require.Equal(t, []string{"WebSocket"}, got.values("Upgrade"))
	require.Equal(t, []string{"test-key"}, got.values("X-Hmacsign-Key-Id"))
	opened := p.logLines(t, "tunnel opened")
	require.Len(t, opened, 1)
	require.Equal(t, "test-key", opened[0]["key_id"])
	require.NotEmpty(t, opened[0]["request_id"])
	require.NotEmpty(t, opened[0]["remote"])
	require.Empty(t, p.logLines(t, "request"), "it is still in hand")
	io.WriteString(conn, "hello")
	echo := make([]byte, len("early hello"))
	_, err := io.ReadFull(r, echo)
	require.NoError(t, err)
	require.Equal(t, "early hello", string(echo))
	conn.Close()
	line := p.awaitLines(t, 1)[0]
	require.Equal(t, []any{101.0, "accepted", "INFO", opened[0]["request_id"]}, []any{line["status"], line["outcome"], line["level"], line["request_id"]})
}

// A tunnel through which nothing goes is closed; one that is in use is not.
func TestForwardTunnelEndsWhenIdle(t *testing.T) {
	backend, _ := switching(t)
	p := startServe(t, backend, func(s *settings) { s.AllowUpgrade, s.TunnelTimeout = "websocket", 300*time.Millisecond })
	conn, r := openTunnel(t, p, "")
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		io.WriteString(conn, "x")
		b, err := r.ReadByte()
		require.NoError(t, err)
		require.Equal(t, byte('x'), b)
	}
	require.Empty(t, p.logLines(t, "request"))
	_, err := r.ReadByte()
	require.Error(t, err)
	p.awaitLines(t, 1)
}

func TestCloseTunnels(t *testing.T) {
	backend, u := switching(t)
	c := oneRoute(backend, func(r *Route) { r.AllowUpgrade = "websocket" })
	p := &proxy{logs: new(lockedBuffer)}
	c.Log = slog.New(slog.NewJSONHandler(p.logs, nil))
	handler, err := New(c)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	p.url = server.URL
	text := "GET /chat HTTP/1.1\r\nHost: h\r\n" + strings.Join(upgrade, "\r\n") + "\r\n\r\n"
	var readers []*bufio.Reader
	for range 3 {
		_, r := rawRequest(t, p, text)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, 101, resp.StatusCode)
		readers = append(readers, r)
	}
	handler.CloseTunnels()
	require.Len(t, p.logLines(t, "request"), 3, "the lines are there when it returns")
	for _, r := range readers {
		_, err := r.ReadByte()
		require.Error(t, err)
	}
	u.take()
	_, r := rawRequest(t, p, text)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 502, resp.StatusCode)
	handler.CloseTunnels()
}

// A client that asked to be told to go on is told before its body is forwarded.
func TestForwardExpectContinue(t *testing.T) {
	u := newTap(t)
	p := startServe(t, u.url, nil)
	for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.TencentKeyPair} {
		if scheme == hmacsign.TencentKeyPair {
			p = startServe(t, u.url, onlyKeyPair)
		}
		text := raw{method: "POST", target: "/a", body: "hello", unsigned: []string{"Expect: 100-continue"}}.signedBy(t, signerOf(t, scheme))
		conn, r := rawRequest(t, p, strings.TrimSuffix(text, "hello"))
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
		r.ReadString('\n')
		io.WriteString(conn, "hello")
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		got := u.take()[0]
		require.Equal(t, "hello", got.body)
		require.Empty(t, got.values("Expect"))
	}
}

// Cookies that HTTP/2 would take apart and put together otherwise are refused
// where they are signed.
func TestForwardCookiesOverHTTP2(t *testing.T) {
	seen := make(chan []string, 1)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Header["Cookie"] }))
	backend.EnableHTTP2 = true
	backend.StartTLS()
	defer backend.Close()
	d := &decision{covered: []string{"cookie"}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	g := &guard{next: transport}
	for value, fine := range map[string]bool{"a=b": true, "a=b; c=d": true, "a=b;c=d": false, "a=b;": false, ";": false, "a=b;  c": false} {
		in := request(t, "GET", backend.URL+"/a", nil)
		in.Header.Set("Cookie", value)
		d.received = in
		resp, err := g.RoundTrip(in.Clone(context.WithValue(context.Background(), decisionKey{}, d)))
		if !fine {
			require.ErrorAs(t, err, new(notForwardable), value)
			continue
		}
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 2, resp.ProtoMajor)
		require.Equal(t, []string{value}, <-seen)
	}
}
