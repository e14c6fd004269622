package main

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

var quietLog = log.New(io.Discard, "", 0)

// httpProxy forwards requests and makes tunnels to one address, whatever is asked for, and
// takes down what it was asked for.
func httpProxy(t *testing.T, to string, log *seen) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.add("proxy %s %s %q %q", r.Method, r.RequestURI, r.Header.Get("Proxy-Connection"), r.Header.Get("Proxy-Authorization"))
		if strings.Contains(r.Host, "forbidden") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		c, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer c.Close()
		client, buffered, _ := w.(http.Hijacker).Hijack()
		defer client.Close()
		if r.Method == http.MethodConnect {
			io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
		} else {
			r.URL.Scheme, r.URL.Host = "", ""
			r.RequestURI = ""
			r.Header.Set("Connection", "close")
			r.Write(c)
		}
		go func() {
			io.Copy(c, buffered)
			c.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(client, c)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// socksProxy speaks SOCKS5 and connects to one address, whatever is asked for.
func socksProxy(t *testing.T, to string, log *seen) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveSocks(c, to, log)
		}
	}()
	return l.Addr().String()
}

func serveSocks(c net.Conn, to string, log *seen) {
	defer c.Close()
	head := make([]byte, 2)
	io.ReadFull(c, head)
	io.ReadFull(c, make([]byte, head[1]))
	c.Write([]byte{5, 0})
	request := make([]byte, 5)
	io.ReadFull(c, request)
	var address []byte
	host := ""
	switch request[3] {
	case 1:
		address = make([]byte, 3)
		io.ReadFull(c, address)
		host = net.IP(append(request[4:5], address...)).String()
	case 3:
		address = make([]byte, request[4])
		io.ReadFull(c, address)
		host = string(address)
	}
	port := make([]byte, 2)
	io.ReadFull(c, port)
	log.add("socks %s:%d", host, binary.BigEndian.Uint16(port))
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go io.Copy(up, c)
	io.Copy(c, up)
}

func withoutProxies(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

func TestSendThroughProxy(t *testing.T) {
	withoutProxies(t)
	var log seen
	answer := func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%s %s %t", r.Host, r.RequestURI, signed)
	}
	plainServer := server(t, answer)
	plainServer.Start()
	made := makeCertificate(t, "there.example", time.Hour)
	secureServer := server(t, answer)
	secure(t, secureServer, "there.example", &tls.Config{Certificates: []tls.Certificate{made.Certificate}})
	toPlain, toSecure := plainServer.Listener.Addr().String(), secureServer.Listener.Addr().String()
	plainProxy, secureProxy := httpProxy(t, toPlain, &log), httpProxy(t, toSecure, &log)
	socks := socksProxy(t, toPlain, &log)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-x", plainProxy, "http://there.example/a?b"}, []string{`proxy GET http://there.example/a?b "Keep-Alive" ""`, "there.example /a?b true"}},
		{[]string{"-x", "http://u:p@" + plainProxy, "http://there.example/a%7Cb"}, []string{`proxy GET http://there.example/a%7Cb "Keep-Alive" "Basic dTpw"`, "there.example /a%7Cb true"}},
		{[]string{"-x", secureProxy, "--cacert", made.cert, "https://there.example/"}, []string{`proxy CONNECT there.example:443 "Keep-Alive" ""`, "there.example / true"}},
		{[]string{"-x", "socks5h://" + socks, "http://there.example/"}, []string{"socks there.example:80", "there.example / true"}},
		{[]string{"-x", "socks5://" + socks, "http://localhost:9/"}, []string{"socks 127.0.0.1:9", "localhost:9 / true"}},
		{[]string{"-x", "socks5://" + socks, "--resolve", "there.example:80:192.0.2.1", "http://there.example/"}, []string{"socks 192.0.2.1:80", "there.example / true"}},
		{[]string{"-x", "127.0.0.1:1", "--noproxy", "example,127.0.0.1", plainServer.URL}, []string{toPlain + " / true"}},
	} {
		status, _, stderr := sent(t, append(c.args, "-4")...)
		require.Zero(t, status, "%v: %s", c.args, stderr)
		require.Equal(t, c.want, log.take(), c.args)
	}
	raw, heads := rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	status, _, stderr := sent(t, "-x", raw, "http://there.example/a|b?c|d")
	require.Zero(t, status, stderr)
	require.True(t, strings.HasPrefix(<-heads, "GET http://there.example/a|b?c|d HTTP/1.1\r\nHost: there.example\r\n"))

	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"-x", plainProxy, "https://forbidden.example"}, "answered 403 Forbidden", 1}, {[]string{"-x", "127.0.0.1:1", "http://h"}, "could not connect to 127.0.0.1:1: connection refused", 1},
		{[]string{"-x", "127.0.0.1:1", "https://h"}, "could not connect to 127.0.0.1:1: connection refused", 1}, {[]string{"-x", "socks5h://127.0.0.1:1", "http://h"}, "could not connect", 1},
		{[]string{"-x", "socks4://h", "http://h"}, "socks5", 2}, {[]string{"-x", "http://", "http://h"}, "HOST:PORT", 2},
	} {
		status, _, stderr := sent(t, c.args...)
		require.Equal(t, c.code, status, stderr)
		require.Contains(t, stderr, c.want)
	}
	log.take()
}

// The environment's proxies are those that curl takes.
func TestProxyOfEnvironment(t *testing.T) {
	for _, c := range []struct {
		env, url, flags, want string
	}{
		{"http_proxy=a:1", "http://h", "", "http://a:1"}, {"HTTP_PROXY=a:1", "http://h", "", ""}, {"http_proxy=a:1", "https://h", "", ""}, {"https_proxy=a:1", "https://h", "", "http://a:1"}, {"HTTPS_PROXY=a", "https://h", "", "http://a:1080"},
		{"all_proxy=socks5h://a", "https://h", "", "socks5h://a:1080"}, {"ALL_PROXY=https://a", "http://h", "", "https://a:443"}, {"http_proxy=a:1 all_proxy=b:1", "http://h", "", "http://a:1"},
		{"http_proxy=a:1 no_proxy=h", "http://h", "", ""}, {"http_proxy=a:1 NO_PROXY=h", "http://h", "", ""}, {"http_proxy=a:1 no_proxy=x NO_PROXY=h", "http://h", "", "http://a:1"}, {"http_proxy=a:1 no_proxy=h", "http://h", "--noproxy=", "http://a:1"},
		{"http_proxy=a:1", "http://h", "-x=", ""}, {"http_proxy=a:1", "http://h", "-x=b:2", "http://b:2"}, {"no_proxy=h", "http://h", "-x=b:2", ""}, {"http_proxy=a:1", "http://h", "--unix-socket=s", ""},
	} {
		withoutProxies(t)
		for setting := range strings.FieldsSeq(c.env) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
		}
		var f transferFlags
		switch name, value, _ := strings.Cut(c.flags, "="); name {
		case "-x":
			f.proxy = optional{value, true}
		case "--noproxy":
			f.noProxy = optional{value, true}
		case "--unix-socket":
			f.unixSocket = value
		}
		to, err := (&httptext.Command{URL: c.url}).Build()
		require.NoError(t, err)
		got, err := f.proxyFor(to.Target)
		require.NoError(t, err)
		text := ""
		if got.URL != nil {
			text = got.String()
		}
		require.Equal(t, c.want, text, fmt.Sprint(c))
	}
	for _, c := range []struct {
		host, list string
		want       bool
	}{
		{"h", "*", true}, {"h", "h", true}, {"a.h", "h", true}, {"a.h", ".h", true}, {"h", ".h", true}, {"ah", "h", false}, {"H", "h", true}, {"h", "x, h", true}, {"h", "x h", true}, {"h", "", false},
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.0/8", true}, {"127.0.0.1", "10.0.0.0/8", false}, {"127.0.0.1", "0.0.1", false}, {"::1", "[::1]", true}, {"::1", "::/64", true},
	} {
		require.Equal(t, c.want, withoutProxy(c.host, c.list), "%v", c)
	}
}
