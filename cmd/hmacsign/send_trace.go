package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"time"
)

// A wire watches one exchange: what was written, when, and to whom. What it changes is
// under the lock of the report: net/http calls from several goroutines, and late.
type wire struct {
	report    *report
	verbose   bool
	err       io.Writer
	request   *http.Request
	connected func()
	lines     []string // of the request's head
	version   string
}

// trace has net/http tell what happens.
func (w *wire) trace() *httptrace.ClientTrace {
	locked := w.report.locked
	mark := func(at *time.Time) { locked(func() { *at = time.Now() }) }
	return &httptrace.ClientTrace{
		DNSDone:     func(httptrace.DNSDoneInfo) { mark(&w.report.looked) },
		ConnectDone: func(string, string, error) { mark(&w.report.connected) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			mark(&w.report.secured)
			locked(func() { w.tellTLS(state, err) })
		},
		GotConn: func(info httptrace.GotConnInfo) {
			w.connected()
			locked(func() { w.gotConn(info) })
		},
		WroteHeaderField:     func(name string, values []string) { locked(func() { w.wrote(name, values) }) },
		WroteHeaders:         func() { locked(w.tellRequest) },
		GotFirstResponseByte: func() { mark(&w.report.answering) },
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			locked(func() { w.informed(code, http.Header(header)) })
			return nil
		},
	}
}

func (w *wire) tell(format string, args ...any) {
	if w.verbose {
		fmt.Fprintf(w.err, format, args...)
	}
}

func (w *wire) tellText(text string) {
	if text != "" {
		w.tell("* string to sign:\n  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	}
}

func (w *wire) tellTLS(state tls.ConnectionState, err error) {
	if err != nil || len(state.PeerCertificates) == 0 {
		return
	}
	w.tell("* %s, %s, certificate of %s\n", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.PeerCertificates[0].Subject)
}

func (w *wire) gotConn(info httptrace.GotConnInfo) {
	w.report.connection(info)
	w.tell("* connected to %s\n", info.Conn.RemoteAddr())
	if c, ok := info.Conn.(*tls.Conn); ok && c.ConnectionState().NegotiatedProtocol == "h2" {
		w.version = "HTTP/2"
		w.request.Header.Del("Expect") // which HTTP/2 has no use for, and curl does not send
	}
}

func (w *wire) wrote(name string, values []string) {
	switch name {
	case ":method", ":path", ":scheme":
		return
	case ":authority":
		name = "Host"
	}
	for _, value := range values {
		w.lines = append(w.lines, name+": "+value)
	}
}

// tellRequest shows the head of the request when all of it was written.
func (w *wire) tellRequest() {
	line := fmt.Sprintf("%s %s %s", w.request.Method, w.requestTarget(), w.version)
	w.report.wrote(line, w.lines)
	w.tell("> %s\n", line)
	for _, line := range w.lines {
		w.tell("> %s\n", line)
	}
	w.tell(">\n")
	w.lines = nil
}

func (w *wire) requestTarget() string {
	if u := w.request.URL; u.Opaque == "" && proxyOf(w.request.Context()).forwards(u) {
		return urlText(u)
	}
	return w.request.URL.RequestURI()
}

// informed takes down an answer before the answer.
func (w *wire) informed(code int, header http.Header) {
	resp := &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Header: header}
	if w.version == "HTTP/2" {
		resp.ProtoMajor = 2
	}
	w.report.heads = append(w.report.heads, headText(resp))
	w.tellHead(resp)
}

func (w *wire) tellAnswer(resp *http.Response) {
	w.report.locked(func() { w.tellHead(resp) })
}

func (w *wire) tellHead(resp *http.Response) {
	for line := range strings.SplitSeq(strings.TrimSuffix(headText(resp), "\r\n\r\n"), "\r\n") {
		w.tell("< %s\n", line)
	}
	w.tell("<\n")
}
