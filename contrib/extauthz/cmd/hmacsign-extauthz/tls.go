package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
)

// tlsFiles are read for each connection, of which Envoy keeps few for long. Files with a
// fault change nothing.
type tlsFiles struct {
	*config
	log  *slog.Logger
	last atomic.Pointer[tls.Config]
}

func (f *tlsFiles) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.server.TLSCert, f.server.TLSKey)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if f.clientCA != "" {
		pem, err := os.ReadFile(f.clientCA)
		if err != nil {
			return nil, err
		}
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--client-ca %s: there is no certificate (PEM) in it", f.clientCA)
		}
	}
	f.last.Store(c)
	return c, nil
}

// forClient is for [tls.Config.GetConfigForClient].
func (f *tlsFiles) forClient(*tls.ClientHelloInfo) (*tls.Config, error) {
	c, err := f.read()
	if err != nil {
		f.log.Error("the certificate cannot be used as it is now: the old one stays", "error", err.Error())
		c = f.last.Load()
	}
	return c, nil
}
