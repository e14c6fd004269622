package hmacsigncaddy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// Whatever Caddy makes of a target before, the one that came is verified, and what
// Caddy made of it is passed on.
func TestRoutes(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, strings.ReplaceAll(`{{addr}} {
		handle /plain/* {
			hmacsign {
				keys {{keys}}
			}
			reverse_proxy UP
		}
		handle_path /path/* {
			hmacsign {
				keys {{keys}}
			}
			reverse_proxy UP
		}
		handle /stripped/* {
			uri strip_prefix /stripped
			hmacsign {
				keys {{keys}}
			}
			reverse_proxy UP
		}
		handle /rewritten/* {
			rewrite * /elsewhere?from={path}
			method PUT
			hmacsign {
				keys {{keys}}
			}
			reverse_proxy UP
		}
		handle /based/* {
			uri path_regexp ^/ /base/
			hmacsign {
				keys {{keys}}
			}
			reverse_proxy UP
		}
		handle /after/* {
			route {
				hmacsign {
					keys {{keys}}
				}
				uri strip_prefix /after
				request_header X-Added by-caddy
				reverse_proxy UP {
					header_up X-Up by-caddy
				}
			}
		}
	}`, "UP", up.address()))
	for _, signer := range []*hmacsign.Signer{newSigner(t, hmacsign.TencentApp, "hmac-sm3"), newSigner(t, hmacsign.HuaweiSDK, "hmac-sha256"), newSigner(t, hmacsign.TencentApp, "hmac-sha1")} {
		for _, route := range []struct{ sent, method, arrives string }{
			{"/plain/a%2Fb?b=2&a=1", "POST", "/plain/a%2Fb?b=2&a=1"},
			{"/plain//a/%7e?", "POST", "/plain//a/%7e?"},
			{"/path/a%2Fb?b=2&a=1", "POST", "/a%2Fb?b=2&a=1"},
			{"/stripped/a%2Fb?b=2&a=1", "POST", "/a%2Fb?b=2&a=1"},
			{"/rewritten/x", "PUT", "/elsewhere?from=%2Frewritten%2Fx"},
			{"/after/a?b=2", "POST", "/a?b=2"},
			{"/based//a%2Fb%41?a=%2F%3b&", "POST", "/base/based//a%2Fb%41?a=%2F%3b&"},
		} {
			req := signed(t, signer, "POST", "http://"+s.addr+route.sent, `{"a":1}`, http.Header{"Content-Type": {"application/json"}})
			text := wireText(t, req)
			status, body := send(s.addr, text)
			require.Equal(t, 200, status, "%s: %s", route.sent, body)
			require.Equal(t, "from the upstream", body)
			seen := up.arrived()
			require.Len(t, seen, 1)
			require.Equal(t, []string{route.method, route.arrives, `{"a":1}`, s.addr}, []string{seen[0].method, seen[0].target, seen[0].body, seen[0].host})
			require.Equal(t, []string{testKeyID}, seen[0].header["X-Hmacsign-Key-Id"])

			for what, tampered := range map[string]string{
				"path":      strings.Replace(text, " /", " /plain/../", 1),
				"query":     strings.Replace(text, " HTTP/1.1", "&c=3 HTTP/1.1", 1),
				"method":    strings.Replace(text, "POST", "PUT", 1),
				"body":      strings.Replace(text, `{"a":1}`, `{"a":2}`, 1),
				"date":      strings.Replace(text, "Date: ", "Date: x", 1),
				"signature": text[:strings.Index(strings.ToLower(text), "signature=")+12] + "AAAA" + text[strings.Index(strings.ToLower(text), "signature=")+16:],
			} {
				if what == "query" && strings.HasSuffix(route.sent, "?") || what == "body" && !strings.Contains(strings.ToLower(text), "content-md5") && !strings.Contains(text, "SDK") {
					continue // this scheme does not sign it
				}
				require.NotEqual(t, text, tampered, what)
				status, body := send(s.addr, tampered)
				require.Equal(t, 401, status, "%s: %s of %s: %s", what, route.sent, text, body)
			}
			require.Empty(t, up.arrived())
		}
	}
}

// What a signature does not cover cannot change what it does, nor who signed it.
func TestUnsignedHeaders(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithSignedHeaders("X-Tenant"))
	text := wireText(t, signed(t, signer, "GET", "http://"+s.addr+"/a", "", http.Header{"X-Tenant": {"1"}}))
	with := func(lines string) http.Header {
		status, body := send(s.addr, strings.Replace(text, "\r\n", "\r\n"+lines, 1))
		require.Equal(t, 200, status, "%s: %s", lines, body)
		seen := up.arrived()
		require.Len(t, seen, 1)
		require.Equal(t, []string{testKeyID}, seen[0].header["X-Hmacsign-Key-Id"], lines)
		require.Equal(t, []string{"1"}, seen[0].header["X-Tenant"], lines)
		require.Empty(t, seen[0].trailer, lines)
		return seen[0].header
	}
	require.Equal(t, []string{"kept"}, with("X-Other: kept\r\n")["X-Other"])
	for _, line := range []string{"X-Hmacsign-Key-Id: forged\r\n", "x-hmacsign-key-id: a\r\nX-HMACSIGN-KEY-ID: b\r\n", "X_Hmacsign_Key_Id: forged\r\n", "X~Tenant: forged\r\n",
		"X-Rewrite-Url: /admin\r\n", "X-Http-Method-Override: DELETE\r\n", "Proxy: http://evil\r\n", "X-Real-Ip: 10.0.0.1\r\n", "Forwarded: for=10.0.0.1\r\n", "X-Forwarded-Port: 4711\r\n",
		"Connection: X-Hmacsign-Key-Id\r\n", "Connection: close, X-Hmacsign-Key-Id, X-Other\r\nX-Other: dropped\r\n"} {
		header := with(line)
		for _, values := range header {
			for _, value := range values {
				require.NotContains(t, line, ": "+value+"\r\n")
			}
		}
	}
	require.Equal(t, []string{"127.0.0.1"}, with("X-Forwarded-For: 10.0.0.1\r\n")["X-Forwarded-For"])
}

// What a matcher leaves out is not verified, and does not tell who sent it where the
// README's line is there; that line takes nothing from what is verified.
func TestMatcher(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(`{{addr}} {
		route {
			request_header -X-Hmacsign-Key-Id
			hmacsign /api/* {
				keys {{keys}}
			}
			reverse_proxy %s
		}
	}`, up.address()))
	for path, want := range map[string][]string{"/api/a": {testKeyID}, "/b": nil} {
		text := wireText(t, signed(t, newSigner(t, hmacsign.TencentApp, "hmac-sm3"), "GET", "http://"+s.addr+path, "", nil))
		status, _ := send(s.addr, strings.Replace(text, "\r\n", "\r\nX-Hmacsign-Key-Id: forged\r\n", 1))
		require.Equal(t, 200, status)
		require.Equal(t, want, up.arrived()[0].header["X-Hmacsign-Key-Id"], path)
	}
	status, _ := send(s.addr, "GET /api/a HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Equal(t, 401, status)
}

// What a trusted proxy says of the client is kept, unless it looks like more.
func TestTrustedProxies(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	text := wireText(t, signed(t, newSigner(t, hmacsign.TencentApp, "hmac-sm3"), "GET", "http://"+s.addr+"/a", "", nil))
	text = strings.Replace(text, "\r\n", "\r\nX-Real-Ip: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.1\r\nX-Rewrite-Url: /admin\r\n", 1)
	sent := func() http.Header {
		status := 0
		for tries := 0; status == 0 && tries < 10; tries++ { // a connection that comes while the configuration changes may be closed
			status, _ = send(s.addr, text)
		}
		require.Equal(t, 200, status)
		return up.arrived()[0].header
	}
	header := sent()
	require.Equal(t, []string{"", "127.0.0.1", ""}, []string{header.Get("X-Real-Ip"), header.Get("X-Forwarded-For"), header.Get("X-Rewrite-Url")})
	trusting := strings.Replace(s.caddyfile(fmt.Sprintf(plainSite, up.address())), "servers {", "servers {\n\t\t\ttrusted_proxies static 127.0.0.1/32", 1)
	require.NoError(t, caddy.Load(adapted(t, trusting), true))
	header = sent()
	require.Equal(t, []string{"10.0.0.1", "10.0.0.1, 127.0.0.1", ""}, []string{header.Get("X-Real-Ip"), header.Get("X-Forwarded-For"), header.Get("X-Rewrite-Url")})
}

// What Caddy would not pass on as it was verified is refused, beside a request of
// the same shape that it does pass on.
func TestNotForwardable(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	get := func(names ...string) func(path string, header http.Header) string {
		signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithSignedHeaders(names...))
		return func(path string, header http.Header) string {
			req := signed(t, signer, "GET", "http://"+s.addr, "", header)
			req.URL = &url.URL{Scheme: "http", Host: s.addr, Opaque: path}
			require.NoError(t, signer.Sign(req))
			return wireText(t, req)
		}
	}
	add := func(text, lines string) string { return strings.Replace(text, "\r\n", "\r\n"+lines, 1) }
	plain := get()("/a", nil)
	keypair := wireText(t, signed(t, newSigner(t, hmacsign.TencentKeyPair, "hmac-sm3"), "GET", "http://"+s.addr+"/a", "", nil))
	for _, c := range []struct{ name, refused, accepted string }{
		{"unencoded path", get()("/a|b", nil), get()("/a%7Cb", nil)},
		{"high bytes", get()("/\xe4\xb8\xad", nil), get()("/%e4%b8%ad", nil)},
		{"fragment", get()("/a#b", nil), get()("/a%23b", nil)},
		{"Connection names a signed header", add(get("X-A")("/a", http.Header{"X-A": {"1"}}), "Connection: x-a\r\n"), add(get("X-A")("/a", http.Header{"X-A": {"1"}}), "Connection: x-b\r\n")},
		{"Connection names the type", add(keypair, "Content-Type: a/b\r\nConnection: Content-Type\r\n"), add(keypair, "Content-Type: a/b\r\n")},
		{"upgrade", add(plain, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), plain},
		{"upgrade unnamed", add(plain, "Upgrade: h2c\r\n"), plain},
		{"signed Via", get("Via")("/a", http.Header{"Via": {"1.1 x"}}), add(plain, "Via: 1.1 x\r\n")},
		{"signed X-Forwarded-For", get("X-Forwarded-For")("/a", http.Header{"X-Forwarded-For": {"10.0.0.1"}}), add(plain, "X-Forwarded-For: 10.0.0.1\r\n")},
		{"signed identity", get("X-Hmacsign-Key-Id")("/a", http.Header{"X-Hmacsign-Key-Id": {testKeyID}}), add(plain, "X-Hmacsign-Key-Id: a\r\n")},
		{"signed hop-by-hop header", get("Keep-Alive")("/a", http.Header{"Keep-Alive": {"1"}}), add(plain, "Keep-Alive: 1\r\n")},
		{"a Host with a zone", strings.Replace(keypair, "Host: "+s.addr, "Host: [fe80::1%25lo]:80", 1), strings.Replace(keypair, "Host: "+s.addr, "Host: [fe80::1]:80", 1)},
		{"signed cookies that HTTP/2 changes", get("Cookie")("/a", http.Header{"Cookie": {"a=1;b=2"}}), get("Cookie")("/a", http.Header{"Cookie": {"a=1; b=2"}})},
	} {
		status, body := send(s.addr, c.refused)
		require.Equal(t, 400, status, "%s: %s", c.name, body)
		require.JSONEq(t, `{"message":"Bad Request","reason":"not_forwardable"}`, body, c.name)
		require.Empty(t, up.arrived(), c.name)
		status, body = send(s.addr, c.accepted)
		require.Equal(t, 200, status, "%s: %s", c.name, body)
		require.Len(t, up.arrived(), 1, c.name)
	}
	require.Contains(t, s.logged(), `"reason":"not_forwardable"`)
}

// Bodies are held to the limit, whether the signature needs them or not, and a
// body that breaks off is the client's fault.
func TestBodies(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(`{{addr}} {
		hmacsign {
			keys {{keys}}
			max_body 1000
		}
		reverse_proxy %s
	}`, up.address()))
	chunks := func(req *http.Request, sizes ...int) string {
		req.ContentLength, req.TransferEncoding = -1, []string{"chunked"}
		head, _, _ := strings.Cut(wireText(t, req), "\r\n\r\n")
		text := head + "\r\n\r\n"
		for _, n := range sizes {
			text += fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n))
		}
		return text
	}
	huawei, keypair := newSigner(t, hmacsign.HuaweiSDK, "hmac-sm3"), newSigner(t, hmacsign.TencentKeyPair, "hmac-sm3")
	for _, signer := range []*hmacsign.Signer{huawei, keypair} {
		request := func(size int) *http.Request {
			return signed(t, signer, "POST", "http://"+s.addr+"/a", strings.Repeat("x", size), nil)
		}
		for _, c := range []struct {
			text   string
			status int
		}{
			{wireText(t, request(1000)), 200},
			{wireText(t, request(1001)), 413},
			{chunks(request(1000), 500, 500) + "0\r\n\r\n", 200},
			{chunks(request(1001), 500, 501) + "0\r\n\r\n", 413},
			{chunks(request(1000), 500, 500) + "0\r\nX-Hmacsign-Key-Id: forged\r\n\r\n", 200},
			{chunks(request(1000), 500, 500) + "no chunk\r\n\r\n", 400},
		} {
			status, body := send(s.addr, c.text)
			require.Equal(t, c.status, status, body)
			arrived := up.arrived()
			if status != 200 {
				require.Contains(t, body, map[int]string{413: "body_too_large", 400: "body"}[status])
				require.Empty(t, arrived)
				continue
			}
			require.Len(t, arrived, 1)
			require.Len(t, arrived[0].body, 1000)
			require.Empty(t, arrived[0].trailer)
			if signer == huawei {
				require.Equal(t, "1000", arrived[0].header.Get("Content-Length"), "it was read, and is sent as it is known")
			}
		}
	}
	waiting := wireText(t, signed(t, huawei, "POST", "http://"+s.addr+"/a", "x", http.Header{"Expect": {"100-continue"}}))
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	io.WriteString(conn, strings.TrimSuffix(waiting, "x"))
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 100, res.StatusCode)
	io.WriteString(conn, "x")
	res, err = http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Empty(t, up.arrived()[0].header["Expect"], "the body is here already")
}

// A body that waited in a file arrives whole, and Expect is answered.
func TestLargeBody(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	body := strings.Repeat("0123456789", 1<<17)
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	req := signed(t, newSigner(t, hmacsign.HuaweiSDK, "hmac-sm3"), "PUT", "http://"+s.addr+"/a", body, http.Header{"Expect": {"100-continue"}})
	res, err := client.Do(req)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, 200, res.StatusCode)
	seen := up.arrived()
	require.Len(t, seen, 1)
	require.True(t, body == seen[0].body)
}

// Refusals are in the vendor's words, also where nothing can be decided.
func TestAnswers(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(`{{addr}} {
		hmacsign {
			keys {{keys}}
			schemes huawei-sdk tencent-app
			require_header x-tenant
			window 1m
			explain
		}
		reverse_proxy %s
	}`, up.address()))
	status, body := send(s.addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"no_authorization"`)
	signer := newSigner(t, hmacsign.HuaweiSDK, "hmac-sm3", hmacsign.WithSignedHeaders("X-Tenant"))
	text := wireText(t, signed(t, signer, "GET", "http://"+s.addr+"/a?b=1", "", http.Header{"X-Tenant": {"1"}}))
	status, body = send(s.addr, text)
	require.Equal(t, 200, status, body)
	status, body = send(s.addr, strings.Replace(text, "b=1", "b=2", 1))
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"signature"`)
	status, body = send(s.addr, wireText(t, signed(t, newSigner(t, hmacsign.HuaweiSDK, "hmac-sm3"), "GET", "http://"+s.addr+"/a", "", nil)))
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"signed_headers"`)
	status, _ = send(s.addr, wireText(t, signed(t, newSigner(t, hmacsign.TencentKeyPair, "hmac-sm3"), "GET", "http://"+s.addr+"/a", "", nil)))
	require.Equal(t, 401, status, "the scheme is not accepted")
	late := newSigner(t, hmacsign.HuaweiSDK, "hmac-sm3", hmacsign.WithSignedHeaders("X-Tenant"), hmacsign.WithClock(func() time.Time { return time.Now().Add(-2 * time.Minute) }))
	status, body = send(s.addr, wireText(t, signed(t, late, "GET", "http://"+s.addr+"/a", "", http.Header{"X-Tenant": {"1"}})))
	require.Equal(t, 401, status)
	require.Contains(t, body, `"reason":"expired"`)
	require.NotContains(t, s.logged(), testSecret)
}

// The placeholders tell who signed; logs show neither signature nor secret.
func TestPlaceholders(t *testing.T) {
	s := startCaddy(t, `{{addr}} {
		log
		hmacsign {
			keys {{keys}}
			identity_header X-Caller
		}
		respond "{http.auth.user.id} {http.hmacsign.key_id} {http.hmacsign.scheme} {http.hmacsign.algorithm} {http.hmacsign.backend} {header.X-Caller}"
	}`)
	text := wireText(t, signed(t, newSigner(t, hmacsign.TencentKeyPair, "hmac-sha256"), "GET", "http://"+s.addr+"/a?token=hidden", "", nil))
	status, body := send(s.addr, text)
	require.Equal(t, 200, status)
	require.Equal(t, "test-key test-key tencent-keypair hmac-sha256 go test-key", body)
	tampered := strings.Replace(text, `signature="`, `signature="AAAA`, 1)
	status, _ = send(s.addr, tampered)
	require.Equal(t, 401, status)
	logged := func() bool { return strings.Count(s.logged(), "handled request") == 2 }
	require.Eventually(t, logged, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, s.logged(), `"user_id":"test-key"`)
	require.Contains(t, s.logged(), `"logger":"http.handlers.hmacsign","msg":"refused"`)
	for line := range strings.SplitSeq(s.logged(), "\n") {
		require.False(t, wiretest.ShowsSignature(line), line)
		require.NotContains(t, line, testSecret)
		if strings.Contains(line, "http.handlers.hmacsign") {
			require.NotContains(t, line, "hidden", "the query is not logged by the handler")
		}
	}
}

// A replay is refused, also one across a configuration that was loaded meanwhile.
func TestReplay(t *testing.T) {
	up := startUpstream(t)
	site := `{{addr}} {
		%s
		hmacsign {
			keys {{keys}}
			replay_guard %d
		}
		reverse_proxy ` + up.address() + `
	}`
	s := startCaddy(t, fmt.Sprintf(site, "", 1000))
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithSignedHeaders("X-N"))
	n := 0
	fresh := func() string {
		n++
		return wireText(t, signed(t, signer, "GET", "http://"+s.addr+"/a", "", http.Header{"X-N": {fmt.Sprint(n)}}))
	}
	expect := func(want int, text string) {
		t.Helper()
		status, body := send(s.addr, text)
		require.Equal(t, want, status, body)
		if want == 401 {
			require.Contains(t, body, `"reason":"replayed"`)
		}
	}
	before := fresh()
	expect(200, before)
	expect(401, before)
	res, err := http.Post("http://"+s.admin+"/load", "text/caddyfile", strings.NewReader(s.caddyfile(fmt.Sprintf(site, "header X-Config new", 1000))))
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, 200, res.StatusCode, string(text))
	runs := func() bool { // connections that come while it changes may be closed
		n++
		res, err := http.DefaultClient.Do(signed(t, signer, "GET", "http://"+s.addr+"/a", "", http.Header{"X-N": {fmt.Sprint(n)}}))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.Header.Get("X-Config") == "new"
	}
	require.Eventually(t, runs, 30*time.Second, 50*time.Millisecond)
	expect(401, before)
	after := fresh()
	expect(200, after)
	expect(401, after)
	references, _ := stores.References(memoryKey(1000))
	require.Equal(t, 1, references)
	require.NoError(t, caddy.Stop())
	_, held := stores.References(memoryKey(1000))
	require.False(t, held, "a handler that is gone holds nothing")
}

// Of many copies of a request at once, over a configuration that changes meanwhile,
// at most one is accepted; exactly one, if each is answered.
func TestReplayTogether(t *testing.T) {
	up := startUpstream(t)
	site := `{{addr}} {
		header X-Config %d
		hmacsign {
			keys {{keys}}
			replay_guard 1000
		}
		reverse_proxy ` + up.address() + `
	}`
	s := startCaddy(t, fmt.Sprintf(site, 0))
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3", hmacsign.WithSignedHeaders("X-N"))
	for round := range 20 {
		text := wireText(t, signed(t, signer, "POST", "http://"+s.addr+"/a", "body", http.Header{"X-N": {fmt.Sprint(round)}}))
		var wg sync.WaitGroup
		var accepted, refused, others atomic.Int32
		for range 32 {
			wg.Go(func() {
				switch status, _ := send(s.addr, text); status {
				case 200:
					accepted.Add(1)
				case 401:
					refused.Add(1)
				default:
					others.Add(1)
				}
			})
		}
		if round%4 == 3 {
			require.NoError(t, caddy.Load(adapted(t, s.caddyfile(fmt.Sprintf(site, round))), true))
		}
		wg.Wait()
		arrived := len(up.arrived())
		require.LessOrEqual(t, arrived, 1)
		if others.Load() == 0 {
			require.Equal(t, []int32{1, 31}, []int32{accepted.Load(), refused.Load()})
			require.Equal(t, 1, arrived)
		}
		require.True(t, round%4 == 3 || others.Load() == 0, "each is answered")
	}
}

// Keys are followed without a reload.
func TestKeysFollowed(t *testing.T) {
	s := startCaddy(t, "{{addr}} {\n\thmacsign {\n\t\tkeys {{keys}}\n\t}\n\trespond ok\n}")
	text := wireText(t, signed(t, newSigner(t, hmacsign.TencentApp, "hmac-sm3"), "GET", "http://"+s.addr+"/a", "", nil))
	status, body := send(s.addr, text)
	require.Equal(t, 200, status, body)
	require.NoError(t, os.WriteFile(s.keysFile(), []byte(strings.ReplaceAll(testKeys, testKeyID, "another-key")), 0o600))
	require.Eventually(t, func() bool { status, _ := send(s.addr, text); return status == 401 }, 30*time.Second, 100*time.Millisecond)
	require.Contains(t, s.logged(), "the keys file was read again")
	require.NoError(t, os.WriteFile(s.keysFile(), []byte(`[{"id": `), 0o600))
	require.Eventually(t, func() bool { send(s.addr, text); return strings.Contains(s.logged(), "the old keys stay") }, 30*time.Second, 100*time.Millisecond)
	require.NotContains(t, s.logged(), testSecret)
}

// HTTP/2 requests are verified by the same bytes.
func TestHTTP2(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	do := func(req *http.Request) int {
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, 2, res.ProtoMajor)
		return res.StatusCode
	}
	for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.TencentKeyPair, hmacsign.HuaweiSDK} {
		signer := newSigner(t, scheme, "hmac-sm3")
		make := func() *http.Request {
			return signed(t, signer, "POST", "http://"+s.addr+"/a%2Fb?b=2&a=1", `{"a":1}`, http.Header{"Content-Type": {"application/json"}, "Cookie": {"a=1; b=2"}})
		}
		require.Equal(t, 200, do(make()))
		seen := up.arrived()
		require.Len(t, seen, 1)
		require.Equal(t, []string{"/a%2Fb?b=2&a=1", `{"a":1}`, testKeyID}, []string{seen[0].target, seen[0].body, seen[0].header.Get("X-Hmacsign-Key-Id")})
		tampered := make()
		tampered.Header.Set("Authorization", strings.Replace(tampered.Header.Get("Authorization"), "ignature=", "ignature=0", 1))
		require.Equal(t, 401, do(tampered))
		if scheme == hmacsign.HuaweiSDK {
			tampered = make()
			tampered.Body, tampered.GetBody = io.NopCloser(strings.NewReader(`{"a":2}`)), nil
			require.Equal(t, 401, do(tampered))
		}
		require.Empty(t, up.arrived())
	}
}

// What hostile clients send ends in a refusal, and Caddy serves on.
func TestHostile(t *testing.T) {
	up := startUpstream(t)
	s := startCaddy(t, fmt.Sprintf(plainSite, up.address()))
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3")
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: hmac\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: hmac id=\"\", algorithm=\"\", headers=\"\", signature=\"\"\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: " + strings.Repeat("a", 60_000) + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("Authorization: hmac id=\"a\"\r\n", 100) + "\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: SDK-HMAC-SHA256 Access=\xff, SignedHeaders=, Signature=\r\n\r\n",
		"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		status, body := send(s.addr, raw)
		require.True(t, status >= 400 && status < 500, "%d to %.100q: %s", status, raw, body)
	}
	require.Empty(t, up.arrived())
	status, body := send(s.addr, wireText(t, signed(t, signer, "GET", "http://"+s.addr+"/a", "", nil)))
	require.Equal(t, 200, status, body)
	require.False(t, bytes.Contains([]byte(s.logged()), []byte("panic")))
}
