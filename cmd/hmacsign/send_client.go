package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// userAgent has no parentheses, which would be a comment: those of "(devel)".
func userAgent() string { return "hmacsign/" + strings.Trim(buildinfo.Version(), "()") }

// newTransport connects as the flags say.
func (f *sendFlags) newTransport() (*http.Transport, error) {
	config, err := f.tlsConfig()
	if err != nil {
		return nil, err
	}
	d := &dialer{network: f.network, unixSocket: f.unixSocket, Dialer: net.Dialer{KeepAlive: time.Minute}}
	if d.addresses, err = parseResolve(f.resolve); err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                 func(req *http.Request) (*url.URL, error) { return proxyOf(req.Context()).byTransport(), nil },
		ProxyConnectHeader:    http.Header{"User-Agent": {f.proxyAgent()}, "Proxy-Connection": {"Keep-Alive"}},
		DialContext:           d.dial,
		TLSClientConfig:       config,
		Protocols:             f.protocols(),
		DisableCompression:    true,
		ExpectContinueTimeout: time.Second,
	}, nil
}

// proxyAgent is who a proxy is told that it makes a tunnel for; empty for nobody.
func (f *sendFlags) proxyAgent() string {
	if f.UserAgent.Given {
		return f.UserAgent.Text
	}
	return userAgent()
}

func (f *transferFlags) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: f.insecure}
	if f.onlyHTTP1 {
		config.NextProtos = []string{"http/1.1"} // net/http names none then, curl does
	}
	if f.caCert != "" {
		text, err := os.ReadFile(f.caCert)
		if err != nil {
			return nil, err
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, usagef("--cacert %s: the file has no certificate in PEM", f.caCert)
		}
	}
	if f.cert != "" {
		cert, err := f.clientCertificate()
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

func (f *transferFlags) clientCertificate() (none tls.Certificate, err error) {
	name, password := cutPassword(f.cert)
	certificate, err := os.ReadFile(name)
	if err != nil {
		return none, err
	}
	key := certificate
	if f.key != "" {
		if key, err = os.ReadFile(f.key); err != nil {
			return none, err
		}
	}
	if key, err = decrypted(key, password); err != nil {
		return none, err
	}
	cert, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return none, usagef("--cert %s: the certificate and its key cannot be read, or do not belong together: give both in PEM", name)
	}
	return cert, nil
}

// cutPassword splits FILE:PASSWORD. A backslash before a colon makes it part of the name.
func cutPassword(text string) (name, password string) {
	drive := runtime.GOOS == "windows" && len(text) > 2 && (text[2] == '\\' || text[2] == '/')
	for i := 0; i < len(text); i++ {
		switch {
		case i == 1 && drive:
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == ':' || text[i+1] == '\\'):
			i++
		case text[i] == ':':
			return name, text[i+1:]
		}
		name += text[i : i+1]
	}
	return name, ""
}

// decrypted is the private key of a file, which may be encrypted as OpenSSL did it before
// PKCS #8.
func decrypted(text []byte, password string) ([]byte, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return text, nil
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			return nil, usagef("--cert: a key encrypted as PKCS #8 cannot be read: decrypt it with openssl pkey")
		}
		//lint:ignore SA1019 whoever has such a key has it
		if !x509.IsEncryptedPEMBlock(block) {
			continue
		}
		//lint:ignore SA1019 as above
		key, err := x509.DecryptPEMBlock(block, []byte(password))
		if err != nil {
			return nil, usagef("--cert: the key is not decrypted by this password: give it as FILE:PASSWORD")
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: key}), nil
	}
}

// A dialer connects to where the flags say.
type dialer struct {
	net.Dialer
	network, unixSocket string
	addresses           map[string][]string // by host:port, or *:port
}

func (d *dialer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if d.unixSocket != "" {
		return d.DialContext(ctx, "unix", d.unixSocket)
	}
	if p := proxyOf(ctx); p.local() {
		return d.throughSocks(ctx, p, address)
	}
	return d.direct(ctx, address)
}

// direct connects to the first address that answers.
func (d *dialer) direct(ctx context.Context, address string) (conn net.Conn, err error) {
	for _, a := range d.resolved(address) {
		if conn, err = d.DialContext(ctx, d.network, a); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// resolved are the addresses that --resolve gives, or the one that there is.
func (d *dialer) resolved(address string) (all []string) {
	host, port, _ := net.SplitHostPort(address)
	given := d.addresses[strings.ToLower(address)]
	if given == nil {
		given = d.addresses[net.JoinHostPort("*", port)]
	}
	for _, a := range given {
		all = append(all, net.JoinHostPort(a, port))
	}
	if all == nil {
		all = []string{net.JoinHostPort(host, port)}
	}
	return all
}

// parseResolve reads [+]HOST:PORT:ADDRESS[,ADDRESS]; -HOST:PORT takes one back.
func parseResolve(entries []string) (map[string][]string, error) {
	all := map[string][]string{}
	for _, entry := range entries {
		if key, ok := strings.CutPrefix(entry, "-"); ok {
			delete(all, strings.ToLower(key))
			continue
		}
		host, rest, _ := strings.Cut(strings.TrimPrefix(entry, "+"), ":")
		port, list, ok := strings.Cut(rest, ":")
		key := strings.ToLower(net.JoinHostPort(host, port))
		all[key] = nil
		for address := range strings.SplitSeq(list, ",") {
			address = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
			if _, err := netip.ParseAddr(address); err != nil || !ok {
				return nil, usagef("--resolve %q: write it as HOST:PORT:ADDRESS, the address in numbers", entry)
			}
			all[key] = append(all[key], address)
		}
	}
	return all, nil
}

// proxyAnswer takes down what a proxy answers to CONNECT, and refuses all but success.
func (t *transfer) proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return &failure{error: fmt.Errorf("the proxy %s asks for a user: -x http://USER:PASSWORD@HOST:PORT", proxy.Host)}
	case resp.StatusCode != http.StatusOK:
		return &failure{error: fmt.Errorf("the proxy %s answered %s", proxy.Host, printable(resp.Status))}
	}
	t.report.locked(func() { t.report.heads = append(t.report.heads, headText(resp)) })
	return nil
}
