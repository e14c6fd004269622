package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A world is what one run of curl or of hmacsign meets: servers on loopback that
// record what arrives as it was on the wire and answer by a script, and a folder
// of its own. Both programs get a world each, with the same script.
type world struct {
	shared  *sharedFiles
	dir     string
	answers []answer

	mu        sync.Mutex
	listeners map[string]net.Listener
	names     map[string]string // port to the name of its server
	conns     []net.Conn
	arrived   []*arrival
	given     int // how many answers
	wait      sync.WaitGroup
}

// An answer is a response as it is written, and how.
type answer struct {
	text   string        // with placeholders
	after  time.Duration // before it is written
	early  bool          // without 100 Continue and without reading the body
	silent bool          // without 100 Continue
	hangup bool          // the connection is closed behind it
}

// An arrival is one request, or what a proxy was asked for.
type arrival struct {
	server string
	conn   int
	line   string
	fields []string // header lines as they came
	body   []byte
}

// sharedFiles are the files that the arguments name; nobody changes them.
type sharedFiles struct {
	in     string
	server tls.Certificate
	ca     *x509.CertPool
}

func newSharedFiles(t *testing.T) *sharedFiles {
	s := &sharedFiles{in: t.TempDir(), ca: x509.NewCertPool()}
	write := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(s.in, name), content, 0o600))
	}
	write("lines", []byte("first=1&\nsecond=2\r\nthird\n"))
	write("bytes", []byte("\x00\x01\xff\xfe& =é\n"))
	write("value", []byte("a b&c=é\n"))
	write("at", []byte("@lines"))
	write("json", []byte("{\"a\": [1,\n2]}\n"))
	write("empty", nil)
	write("headers", []byte("X-First: 1\r\nX-Second: 2\nX-Third:no space\n"))
	write("format", []byte("%{http_code}\\n%{method}\n"))
	write("big", []byte(strings.Repeat("0123456789abcdef", 2<<20/16)))

	ca := newCertificate(t, "Test authority", nil)
	server, client := newCertificate(t, "server", ca), newCertificate(t, "client", ca)
	s.server = *server
	s.ca.AddCert(ca.Leaf)
	clientCert, clientKey := pemOf(t, client)
	authority, _ := pemOf(t, ca)
	write("ca.pem", authority)
	write("cert.pem", clientCert)
	write("key.pem", clientKey)
	write("both.pem", append(clientCert, clientKey...))
	return s
}

// newCertificate returns one that the other signed, or itself.
func newCertificate(t *testing.T, name string, by *tls.Certificate) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost", "example.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if by == nil {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	} else {
		parent, signer = by.Leaf, by.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func pemOf(t *testing.T, c *tls.Certificate) (cert, key []byte) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newWorld(shared *sharedFiles, answers []answer) (*world, error) {
	dir, err := os.MkdirTemp("", "curl") // short, for the name of a socket
	return &world{shared: shared, dir: dir, answers: answers, listeners: map[string]net.Listener{}, names: map[string]string{}}, err
}

// placeholders of arguments and answers. A server starts when it is first named.
var placeholder = regexp.MustCompile(`\{(http|httpport|other|localhost|tls|tlsport|tls1|proxy|proxyport|tlsproxy|refusing|socks|silent|unix|dir|in)\}`)

func (w *world) expand(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		switch name = name[1 : len(name)-1]; name {
		case "http", "other":
			return "http://127.0.0.1:" + w.port(name)
		case "localhost":
			return "http://localhost:" + w.port("http")
		case "tls", "tls1":
			return "https://127.0.0.1:" + w.port(name)
		case "httpport", "tlsport", "proxyport":
			return w.port(strings.TrimSuffix(name, "port"))
		case "proxy", "tlsproxy", "refusing", "socks", "silent":
			return "127.0.0.1:" + w.port(name)
		case "unix":
			w.port(name)
			return filepath.Join(w.dir, "socket")
		case "dir":
			return w.dir
		}
		return w.shared.in
	})
}

// blank takes out of a text what differs from world to world.
func (w *world) blank(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	pairs := []string{w.dir, "(dir)"}
	for port, name := range w.names {
		pairs = append(pairs, ":"+port, ":("+name+")")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// port returns where the server of that name listens.
func (w *world) port(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.listeners[name]
	if l == nil {
		var err error
		if name == "unix" {
			l, err = net.Listen("unix", filepath.Join(w.dir, "socket"))
		} else {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			panic(err)
		}
		w.listeners[name] = l
		w.wait.Go(func() { w.accept(name, l) })
	}
	if name == "unix" {
		return ""
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	w.names[port] = name
	return port
}

func (w *world) accept(name string, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		w.conns = append(w.conns, c)
		id := len(w.conns)
		w.mu.Unlock()
		w.wait.Go(func() {
			defer c.Close()
			w.serve(name, id, c)
		})
	}
}

// close ends the servers and waits until all that arrived is recorded.
func (w *world) close() {
	w.mu.Lock()
	for _, l := range w.listeners {
		l.Close()
	}
	for _, c := range w.conns {
		c.Close()
	}
	w.mu.Unlock()
	w.wait.Wait()
	os.RemoveAll(w.dir)
}

// serve speaks on a connection what the server of that name does.
func (w *world) serve(name string, id int, c net.Conn) {
	switch name {
	case "silent":
		io.Copy(io.Discard, c)
	case "tls":
		w.serveTLS(name, id, c, "h2", "http/1.1")
	case "tls1", "tlsproxy":
		w.serveTLS(name, id, c, "http/1.1")
	case "socks":
		w.serveSOCKS(name, id, c)
	default:
		w.serveHTTP1(name, id, c)
	}
}

func (w *world) serveTLS(name string, id int, c net.Conn, protocols ...string) {
	conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.shared.server}, NextProtos: protocols, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: w.shared.ca})
	if conn.Handshake() != nil {
		return
	}
	if state := conn.ConnectionState(); state.NegotiatedProtocol == "h2" {
		w.serveHTTP2(described(name, state), id, conn)
	} else {
		w.serveHTTP1(described(name, state), id, conn)
	}
}

// described is the server's name with what the client showed of itself.
func described(name string, state tls.ConnectionState) string {
	name += " " + state.NegotiatedProtocol + " " + state.ServerName
	if len(state.PeerCertificates) > 0 {
		name += " certificate of " + state.PeerCertificates[0].Subject.CommonName
	}
	return name
}

// serveSOCKS hands the connection to the server that it asks for.
func (w *world) serveSOCKS(name string, id int, c net.Conn) {
	var b [256]byte
	if _, err := io.ReadFull(c, b[:2]); err != nil || b[0] != 5 {
		return
	}
	if _, err := io.ReadFull(c, b[:b[1]]); err != nil {
		return
	}
	c.Write([]byte{5, 0})
	if _, err := io.ReadFull(c, b[:4]); err != nil {
		return
	}
	var host string
	switch kind := b[3]; kind {
	case 1:
		io.ReadFull(c, b[:4])
		host = net.IP(b[:4]).String()
	case 3:
		io.ReadFull(c, b[:1])
		n := b[0]
		io.ReadFull(c, b[:n])
		host = "name " + string(b[:n])
	default:
		return
	}
	io.ReadFull(c, b[:2])
	port := strconv.Itoa(int(binary.BigEndian.Uint16(b[:2])))
	w.record(&arrival{server: name, conn: id, line: "SOCKS5 " + host + ":" + port})
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	w.serve(w.named(port), id, c)
}

// named is the server behind a port that somebody asked a proxy for.
func (w *world) named(port string) string {
	if port == "443" {
		return "tls"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names[port]
}

func (w *world) record(a *arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived = append(w.arrived, a)
}

// next returns the next answer of the script; its last one stays.
func (w *world) next() answer {
	w.mu.Lock()
	a := w.answers[min(w.given, len(w.answers)-1)]
	w.given++
	w.mu.Unlock()
	a.text = w.expand(a.text)
	return a
}

func (w *world) serveHTTP1(name string, id int, c net.Conn) {
	in := bufio.NewReaderSize(c, 64<<10)
	if first, err := in.Peek(1); err == nil && first[0] == 0x16 && name == "unix" {
		w.serveTLS(name, id, bufferedConn{c, in}, "h2", "http/1.1")
		return
	}
	for {
		a := &arrival{server: name, conn: id}
		var err error
		if a.line, err = line(in); err != nil {
			return
		}
		for {
			field, err := line(in)
			if err != nil {
				return
			}
			if field == "" {
				break
			}
			a.fields = append(a.fields, field)
		}
		if to, ok := strings.CutPrefix(a.line, "CONNECT "); ok {
			w.record(a)
			if name == "refusing" {
				io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
				return
			}
			io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
			_, port, _ := net.SplitHostPort(strings.Fields(to)[0])
			w.serve(w.named(port), id, c)
			return
		}
		reply := w.next()
		if a.value("Expect") == "100-continue" && !reply.early && !reply.silent {
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		if !reply.early {
			a.body = readBody(in, a)
		}
		w.record(a)
		if !w.write(c, a, reply) {
			return
		}
		if reply.early {
			if again, err := in.Peek(len("POST /")); err == nil && string(again) == "POST /" {
				continue // without the body
			}
			body := readBody(in, a)
			w.mu.Lock()
			a.body = body
			w.mu.Unlock()
			return
		}
	}
}

// bufferedConn is a connection of which something has been read.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c bufferedConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// write writes the answer, and tells whether the connection stays.
func (w *world) write(c net.Conn, a *arrival, reply answer) bool {
	time.Sleep(reply.after)
	text := reply.text
	if strings.HasPrefix(a.line, "HEAD ") {
		head, _, _ := strings.Cut(text, "\r\n\r\n")
		text = head + "\r\n\r\n"
	}
	if _, err := io.WriteString(c, text); err != nil {
		return false
	}
	return !reply.hangup
}

func line(in *bufio.Reader) (string, error) {
	text, err := in.ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), err
}

// value returns that of a header field, whatever its case.
func (a *arrival) value(name string) string {
	for _, field := range a.fields {
		if n, v, _ := strings.Cut(field, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// readBody reads as much as comes.
func readBody(in *bufio.Reader, a *arrival) []byte {
	if strings.EqualFold(a.value("Transfer-Encoding"), "chunked") {
		var body []byte
		for {
			size, err := line(in)
			if err != nil {
				return body
			}
			n, err := strconv.ParseInt(size, 16, 32)
			if err != nil || n == 0 {
				line(in)
				return body
			}
			chunk := make([]byte, n)
			io.ReadFull(in, chunk)
			body = append(body, chunk...)
			line(in)
		}
	}
	n, err := strconv.Atoi(a.value("Content-Length"))
	if err != nil {
		return nil
	}
	body := make([]byte, n)
	n, _ = io.ReadFull(in, body)
	return body[:n]
}

// serveHTTP2 hands the connection to net/http's server.
func (w *world) serveHTTP2(name string, id int, c *tls.Conn) {
	done := make(chan struct{})
	server := &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			reply := w.next()
			a := &arrival{server: name, conn: id, line: r.Method + " " + r.RequestURI + " " + r.Proto, fields: []string{"Host: " + r.Host}}
			for name, values := range r.Header {
				for _, value := range values {
					a.fields = append(a.fields, name+": "+value)
				}
			}
			a.body, _ = io.ReadAll(r.Body)
			w.record(a)
			time.Sleep(reply.after)
			if reply.hangup {
				panic(http.ErrAbortHandler)
			}
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(reply.text)), r)
			if err != nil {
				panic(err)
			}
			rw.Header()["Date"], rw.Header()["Content-Type"] = nil, nil
			for name, values := range resp.Header {
				if name != "Connection" {
					rw.Header()[name] = values
				}
			}
			rw.WriteHeader(resp.StatusCode)
			io.Copy(rw, resp.Body)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(done)
			}
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server.Serve(&oneConn{conn: c})
	<-done
}

// oneConn is a listener that has one connection to give.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, errors.New("no more")
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// reply is an answer with its length.
func reply(status, body string, fields ...string) answer {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\n", status)
	for _, field := range slices.Concat(fields, []string{"Content-Length: " + strconv.Itoa(len(body))}) {
		b.WriteString(field + "\r\n")
	}
	return answer{text: b.String() + "\r\n" + body}
}
