package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// A failure is what went wrong with a transfer, in plain words.
type failure struct {
	error
	kind  failureKind
	cause error // as Go has it, to be looked at
}

type failureKind int

const (
	otherFailure failureKind = iota
	timedOut
	unknownHost
	refusedConnection
	refusedStatus
)

func (f *failure) Unwrap() error { return f.cause }

// plain says what an error of net/http means, and what to do.
func plain(ctx context.Context, err error, t httptext.Target) error {
	var told *failure
	if errors.As(context.Cause(ctx), &told) || errors.As(err, &told) {
		return told
	}
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	f := &failure{cause: err}
	f.kind, f.error = explain(err, t)
	return f
}

// explain goes from what is known best to what is not.
func explain(err error, t httptext.Target) (failureKind, error) {
	var lookup *net.DNSError
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		if errors.As(err, &lookup) && lookup.IsNotFound {
			return unknownHost, fmt.Errorf("the proxy %s is not known: check -x, or the environment (-X is the method)", lookup.Name)
		}
		return explain(op.Err, t)
	}
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return unknownHost, fmt.Errorf("the host %s is not known: check the name", lookup.Name)
	case errors.As(err, &lookup):
		return unknownHost, fmt.Errorf("the host %s could not be looked up: check the connection to the name server", lookup.Name)
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "socks connect"):
		return connectError(op, t)
	}
	if text := certificateError(err, t); text != nil {
		return otherFailure, text
	}
	return otherFailure, exchangeError(err, t)
}

func connectError(op *net.OpError, t httptext.Target) (failureKind, error) {
	to := t.HostPort()
	if op.Addr != nil {
		to = op.Addr.String()
	}
	var errno syscall.Errno
	switch {
	case errors.Is(op, syscall.ECONNREFUSED):
		return refusedConnection, fmt.Errorf("could not connect to %s: connection refused", to)
	case op.Timeout():
		return timedOut, fmt.Errorf("could not connect to %s: no answer", to)
	case errors.As(op, &errno):
		return otherFailure, fmt.Errorf("could not connect to %s: %v", to, errno)
	}
	return otherFailure, fmt.Errorf("could not connect to %s: %v", to, withoutGo(op.Err))
}

func certificateError(err error, t httptext.Target) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate of %s is not trusted: --cacert FILE names its authority", t.Host)
	case errors.As(err, &name):
		return fmt.Errorf("the certificate of %s is not for this name: check the URL, or --resolve", t.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s has expired, or is not valid yet: check its dates and the clock", t.Host)
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s is not valid: %v", t.Host, withoutGo(invalid))
	case errors.As(err, &roots):
		return fmt.Errorf("the certificate of %s cannot be checked, there are no authorities here: --cacert FILE names one", t.Host)
	}
	return nil
}

// exchangeError is of a connection that there was.
func exchangeError(err error, t httptext.Target) error {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	text := err.Error()
	switch {
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s does not speak TLS: try http://", t.HostPort())
	case strings.Contains(text, "certificate required"):
		return fmt.Errorf("%s asks for a client certificate: --cert FILE", t.HostPort())
	case errors.As(err, &alert), strings.Contains(text, "remote error: tls"):
		return fmt.Errorf("%s refused the TLS connection: %v", t.HostPort(), withoutGo(err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s closed the connection before the end of its answer", t.HostPort())
	case errors.Is(err, io.EOF), strings.Contains(text, "server closed idle connection"):
		return fmt.Errorf("%s closed the connection without an answer", t.HostPort())
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s broke off the connection", t.HostPort())
	case strings.Contains(text, "malformed HTTP"):
		return fmt.Errorf("%s does not answer in HTTP: check the port", t.HostPort())
	}
	return fmt.Errorf("the exchange with %s failed: %v", t.HostPort(), withoutGo(err))
}

// withoutGo is the text of an error without the names of Go's packages.
func withoutGo(err error) string {
	return strings.NewReplacer("net/http: ", "", "http: ", "", "http2: ", "", "tls: ", "", "x509: ", "", "remote error: ", "", "local error: ", "", "Transport: ", "").Replace(err.Error())
}

// verifyResult is what OpenSSL calls a certificate that was not trusted; 0 for one that was.
func verifyResult(err error) int64 {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return 20
	case errors.As(err, &name):
		return 62
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return 10
	}
	return 0
}
