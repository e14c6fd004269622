package main

import (
	"crypto/tls"
	"fmt"
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
	io        *streams
	request   *http.Request
	connected func()
	lines     []string // of the request's head
	version   string
	headsSize int // of the answers before the answer
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
			var err error
			locked(func() { err = w.informed(code, http.Header(header)) })
			return err
		},
	}
}

func (w *wire) tell(format string, args ...any) {
	if w.verbose {
		fmt.Fprintf(w.io.err, w.io.text(format), args...)
	}
}

func (w *wire) tellText(text string) {
	if text == "" {
		w.tell("* not signed: a redirect leads to another server\n")
		return
	}
	w.tell("* string to sign:\n  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
}

func (w *wire) tellTLS(state tls.ConnectionState, err error) {
	if err != nil || len(state.PeerCertificates) == 0 {
		return
	}
	w.tell("* %s, %s, certificate of %s\n", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), printable(state.PeerCertificates[0].Subject.String()))
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
		if name, _, _ := strings.Cut(line, ": "); name == "Proxy-Authorization" {
			line = name + ": ***" // the password of -x
		}
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

// maxHeads is how many bytes of answers before the answer are kept.
const maxHeads = 1 << 20

// informed takes down an answer before the answer, of which there may be many, but not
// without end.
func (w *wire) informed(code int, header http.Header) error {
	resp := &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Header: header}
	if w.version == "HTTP/2" {
		resp.ProtoMajor = 2
	}
	text := headText(resp)
	w.report.heads = append(w.report.heads, text)
	w.tellHead(resp)
	if w.headsSize += len(text); w.headsSize > maxHeads {
		return &failure{error: fmt.Errorf("%s sends too many answers before its answer", w.request.URL.Host)}
	}
	return nil
}

func (w *wire) tellAnswer(resp *http.Response) {
	w.report.locked(func() { w.tellHead(resp) })
}

func (w *wire) tellHead(resp *http.Response) {
	for line := range strings.SplitSeq(strings.TrimSuffix(headText(resp), "\r\n\r\n"), "\r\n") {
		w.tell("< %s\n", printable(line))
	}
	w.tell("<\n")
}
