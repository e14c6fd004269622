package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// An upstream that accepts a request and reads nothing of its body is given up.
func TestUpstreamThatReadsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p := startServe(t, "http://"+l.Addr().String(), func(s *settings) { s.UpstreamTimeout = 300 * time.Millisecond })
	status, body := do(t, testSigner(t).Transport(nil), request(t, "POST", p.url+"/a", strings.NewReader(strings.Repeat("x", 9<<20))))
	require.Equal(t, 504, status, "%s %s", body, p.logs)
	require.Contains(t, body, "upstream_timeout")
}

// A header that nobody signed does not make net/http send a POST twice.
func TestNothingIsSentTwice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	posts := make(chan string, 10)
	go func() { // the first request of a connection is answered, the second breaks it
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for i := range 2 {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					if req.Method == "POST" {
						posts <- req.URL.Path
					}
					if i == 0 {
						io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				}
			}()
		}
	}()
	p := startServe(t, "http://"+l.Addr().String(), nil)
	for _, body := range []string{"", "hello"} {
		for header, want := range map[string]int{"": 1, "Idempotency-Key": 1, "X-Idempotency-Key": 1} {
			status, _ := do(t, testSigner(t).Transport(nil), request(t, "GET", p.url+"/a", nil)) // opens a connection
			require.Equal(t, 200, status)
			req := request(t, "POST", p.url+"/a", strings.NewReader(body))
			require.NoError(t, testSigner(t).Sign(req))
			if header != "" {
				req.Header.Set(header, "x")
			}
			status, _ = do(t, nil, req)
			require.Equal(t, 502, status)
			require.Len(t, posts, want, "%s, body %q", header, body)
			for range want {
				<-posts
			}
		}
	}
}

// Headers that make servers take another method or path than the request's do
// not go through unsigned; signed they do.
func TestRewritingHeaders(t *testing.T) {
	u := newUpstream(t)
	p := startServe(t, u.URL, nil)
	for _, name := range []string{"X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method", "X-Method-Override", "Proxy"} {
		for _, signed := range []bool{true, false} {
			req := request(t, "GET", p.url+"/a", nil)
			var opts []hmacsign.SignerOption
			if signed {
				opts = append(opts, hmacsign.WithSignedHeaders(name))
			}
			req.Header.Set(name, "DELETE")
			require.NoError(t, testSigner(t, opts...).Sign(req))
			status, _ := do(t, nil, req)
			require.Equal(t, 200, status)
			require.Equal(t, signed, u.last().header.Get(name) != "", name)
		}
	}
}

// What an HTTP/2 client makes a stream hold by taking no answer is counted, and
// given back when the connection ends.
func TestStreamsWithoutAWindow(t *testing.T) {
	u := newUpstream(t)
	certFile, keyFile, pool := certificate(t)
	budget, err := hmacsign.NewBudget(1<<20, 1<<20)
	require.NoError(t, err)
	p := startServe(t, u.URL, func(s *settings) { s.TLSCert, s.TLSKey, s.Config.Budget = certFile, keyFile, budget })
	conn, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	defer conn.Close()
	frame := func(kind, flags byte, stream uint32, payload string) {
		head := make([]byte, 9)
		binary.BigEndian.PutUint32(head, uint32(len(payload))<<8|uint32(kind))
		head[4] = flags
		binary.BigEndian.PutUint32(head[5:], stream)
		_, err := io.WriteString(conn, string(head)+payload)
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	require.NoError(t, err)
	frame(4, 0, 0, "\x00\x04\x00\x00\x00\x00") // SETTINGS: a window of 0 for each stream
	go io.Copy(io.Discard, conn)
	// HPACK: GET, https, /, authority h, from the static table.
	head := "\x82\x87\x84\x41\x01h"
	const streams = 10
	for i := range uint32(streams) {
		frame(1, 4|1, 2*i+1, head)
	}
	require.Eventually(t, func() bool { held, _ := budget.Held(); return held >= streams*20<<10 }, 10*time.Second, 5*time.Millisecond, "refused, and not taken")
	conn.Close()
	require.Eventually(t, func() bool { held, _ := budget.Held(); return held == 0 }, 10*time.Second, 5*time.Millisecond)
	// An honest client gets its answer, with its length.
	h2 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer h2.CloseIdleConnections()
	resp, err := (&http.Client{Transport: h2}).Get(p.url + "/a")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, []any{2, 401, int64(len(text))}, []any{resp.ProtoMajor, resp.StatusCode, resp.ContentLength}, fmt.Sprint(resp.Header))
}
