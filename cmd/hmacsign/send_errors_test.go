package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// A certificate made for a test, with the files of both parts, and of both in one.
type madeCertificate struct {
	tls.Certificate
	cert, key, both string
}

func makeCertificate(t *testing.T, name string, expires time.Duration) madeCertificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(expires),
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	return madeCertificate{pair, writeFile(t, string(certPEM)), writeFile(t, string(keyPEM)), writeFile(t, string(certPEM)+string(keyPEM))}
}

// secure starts a server with such a certificate and returns the flag that leads its name
// there, and its URL.
func secure(t *testing.T, s *httptest.Server, name string, config *tls.Config) (resolve, url string) {
	s.TLS = config
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	return "--resolve=" + name + ":" + port + ":127.0.0.1", "https://" + name + ":" + port
}

func TestSendTLS(t *testing.T) {
	var log seen
	made := makeCertificate(t, "there.example", time.Hour)
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%s %d %t %q", r.Proto, len(r.TLS.PeerCertificates), signed, r.Header.Get("Expect"))
	})
	resolve, url := secure(t, s, "there.example", &tls.Config{Certificates: []tls.Certificate{made.Certificate}, ClientAuth: tls.RequestClientCert})
	long := writeFile(t, strings.Repeat("x", 1<<20+1))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--cacert", made.cert}, `HTTP/2.0 0 true ""`}, {[]string{"-k"}, `HTTP/2.0 0 true ""`}, {[]string{"-k", "--http1.1"}, `HTTP/1.1 0 true ""`}, {[]string{"-k", "--http1.1", "--http2"}, `HTTP/2.0 0 true ""`},
		{[]string{"-k", "--cert", made.both}, `HTTP/2.0 1 true ""`}, {[]string{"-k", "-E", made.cert, "--key", made.key, "--http1.1"}, `HTTP/1.1 1 true ""`},
		{[]string{"-k", "-H", "Content-Type: a/b", "--data-binary", "@" + long}, `HTTP/2.0 0 true ""`}, {[]string{"-k", "--http1.1", "-H", "Content-Type: a/b", "--data-binary", "@" + long}, `HTTP/1.1 0 true "100-continue"`},
	} {
		status, _, stderr := sent(t, append(c.args, resolve, url)...)
		require.Zero(t, status, "%v: %s", c.args, stderr)
		require.Equal(t, []string{c.want}, log.take(), c.args)
	}
	_, stdout, stderr := sent(t, "-k", "-i", "-v", resolve, url)
	require.Contains(t, stdout, "HTTP/2 200 \r\ncontent-length: 0\r\n")
	require.Contains(t, stderr, "* TLS 1.3, ")
	require.Contains(t, stderr, "certificate of CN=there.example\n")
	require.Contains(t, stderr, "> GET / HTTP/2\n> Host: there.example:")
	for _, c := range []struct{ args, want string }{
		{"--cacert|" + made.key, "no certificate in PEM"}, {"--key|" + made.key, "--cert"}, {"--cert|" + made.cert, "its key"}, {"--cert|" + made.cert + "|--key|" + makeCertificate(t, "x", time.Hour).key, "belong together"},
		{"--cert|" + writeFile(t, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "openssl pkey"},
	} {
		status, _, stderr := sent(t, append(strings.Split(c.args, "|"), resolve, url)...)
		require.Equal(t, 2, status, stderr)
		require.Contains(t, stderr, c.want)
	}
}

// A key that OpenSSL encrypted is decrypted by the password behind the file's name.
func TestSendEncryptedKey(t *testing.T) {
	made := makeCertificate(t, "there.example", time.Hour)
	key, err := os.ReadFile(made.key)
	require.NoError(t, err)
	plainBlock, _ := pem.Decode(key)
	parsed, err := x509.ParsePKCS8PrivateKey(plainBlock.Bytes)
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(parsed.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	//lint:ignore SA1019 it is to be read
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("pass:word"), x509.PEMCipherAES256)
	require.NoError(t, err)
	cert, err := os.ReadFile(made.cert)
	require.NoError(t, err)
	both := writeFile(t, string(cert)+string(pem.EncodeToMemory(block)))
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	resolve, url := secure(t, s, "there.example", &tls.Config{Certificates: []tls.Certificate{made.Certificate}, ClientAuth: tls.RequireAnyClientCert})
	status, stdout, stderr := sent(t, "-k", "--cert", both+":pass:word", resolve, url)
	require.Equal(t, []any{0, "there.example"}, []any{status, stdout}, stderr)
	status, _, stderr = sent(t, "-k", "--cert", both+":wrong-password", resolve, url)
	require.Equal(t, 2, status)
	require.NotContains(t, stderr, "wrong-password")
}

// What fails is told in plain words, with what to do, and with no names of Go's.
func TestSendErrors(t *testing.T) {
	good, old := makeCertificate(t, "there.example", time.Hour), makeCertificate(t, "old.example", -time.Hour)
	empty := func(http.ResponseWriter, *http.Request, string, bool) {}
	trusted, toTrusted := secure(t, server(t, empty), "there.example", &tls.Config{Certificates: []tls.Certificate{good.Certificate}})
	expired, toExpired := secure(t, server(t, empty), "old.example", &tls.Config{Certificates: []tls.Certificate{old.Certificate}})
	asking, toAsking := secure(t, server(t, empty), "there.example", &tls.Config{Certificates: []tls.Certificate{good.Certificate}, ClientAuth: tls.RequireAnyClientCert})
	plainServer := server(t, empty)
	plainServer.Start()
	raw := func(answer string) string {
		address, _ := rawServer(t, answer)
		return "http://" + address
	}
	silent := listener(t)
	other := strings.Replace(trusted, "there.example", "other.example", 1)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"http://127.0.0.1:1"}, `^could not connect to 127\.0\.0\.1:1: connection refused$`},
		{[]string{"http://nowhere.invalid"}, `^the host nowhere\.invalid (is not known: check the name|could not be looked up: .*)$`},
		{[]string{"-x", "nowhere.invalid", "http://127.0.0.1:1"}, `^the (proxy nowhere\.invalid is not known: check -x, .*|host nowhere\.invalid could not be looked up: .*)$`},
		{[]string{"--unix-socket", filepath.Join(t.TempDir(), "none"), "http://h"}, `^could not connect to /.*/none: no such file or directory$`},
		{[]string{trusted, toTrusted}, `^the certificate of there\.example is not trusted: --cacert FILE names its authority$`},
		{[]string{other, "--cacert", good.cert, strings.Replace(toTrusted, "there.", "other.", 1)}, `^the certificate of other\.example is not for this name: check the URL, or --resolve$`},
		{[]string{expired, "--cacert", old.cert, toExpired}, `^the certificate of old\.example has expired, or is not valid yet: check its dates and the clock$`},
		{[]string{asking, "-k", "--http1.1", toAsking}, `^there\.example:\d+ asks for a client certificate: --cert FILE$`},
		{[]string{strings.Replace(plainServer.URL, "http", "https", 1)}, `^127\.0\.0\.1:\d+ does not speak TLS: try http://$`},
		{[]string{raw("")}, `^127\.0\.0\.1:\d+ closed the connection without an answer$`},
		{[]string{raw("SSH-2.0-x\r\n")}, `^127\.0\.0\.1:\d+ does not answer in HTTP: check the port$`},
		{[]string{raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")}, `^127\.0\.0\.1:\d+ closed the connection before the end of its answer$`},
		{[]string{raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}, `^the exchange with 127\.0\.0\.1:\d+ failed: .+$`},
		{[]string{raw("HTTP/1.1 200 OK\r\nBad Header\r\n\r\n")}, `127\.0\.0\.1:\d+`},
		{[]string{"-L", raw("HTTP/1.1 302 X\r\nLocation: ftp://h/\r\n\r\n")}, `^the redirect to "ftp://h/" cannot be followed: "ftp://h/" is no http or https URL$`},
		{[]string{"-m", "0.05", "http://" + silent}, `^no whole answer within 50ms: --max-time sets another limit$`},
		{[]string{"--connect-timeout", "50ms", "https://" + silent}, `^no connection within 50ms: --connect-timeout sets another limit$`},
		{[]string{"--cacert", "/nonexistent", "https://h"}, `/nonexistent: no such file or directory$`},
	} {
		status, stdout, stderr := sent(t, c.args...)
		require.Equal(t, 1, status, "%v: %s", c.args, stderr)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		text := strings.TrimSuffix(strings.TrimPrefix(stderr, "hmacsign: "), "\n")
		require.Regexp(t, c.want, text, c.args)
		require.NotRegexp(t, `net/http|x509|tls:|http:[^/]|dial |Get "|EOF|context|strconv|\bparse\b|\.go`, text)
		status, _, stderr = sent(t, append([]string{"-s"}, c.args...)...)
		require.Equal(t, []any{1, ""}, []any{status, stderr}, c.args)
		_ = stdout
	}
}

// listener takes connections and says nothing.
func listener(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// The errors that need no network have their text too.
func TestPlainErrors(t *testing.T) {
	at := httptext.Target{Scheme: "http", Host: "h"}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(&failure{error: io.ErrNoProgress})
	require.EqualError(t, plain(ctx, context.Canceled, at), io.ErrNoProgress.Error())
	for err, want := range map[error]string{
		&net.DNSError{Name: "n", IsTimeout: true}:   "the host n could not be looked up: check the connection to the name server",
		x509.SystemRootsError{}:                     "the certificate of h cannot be checked, there are no authorities here: --cacert FILE names one",
		&net.OpError{Op: "dial", Err: timeoutErr{}}: "could not connect to h: no answer",
	} {
		require.EqualError(t, plain(context.Background(), err, at), want)
	}
	require.Regexp(t, regexp.MustCompile("^the exchange with h failed: something$"), plain(context.Background(), &goError{}, at).Error())
}

type timeoutErr struct{}

func (timeoutErr) Error() string { return "i/o timeout" }
func (timeoutErr) Timeout() bool { return true }

type goError struct{}

func (*goError) Error() string { return "http: something" }
