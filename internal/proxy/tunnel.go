package proxy

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/internal/screen"
)

const (
	websocket            = "websocket"
	defaultTunnelTimeout = 5 * time.Minute
)

// checkUpgrade reports whether a request asks to switch protocols, and refuses
// it unless that is allowed: what goes through a tunnel is not verified.
func (f *forwarder) checkUpgrade(r *http.Request) (asked bool, err error) {
	named := false
	for option := range screen.ConnectionOptions(r.Header) {
		named = named || strings.EqualFold(option, "upgrade")
	}
	protocols := r.Header["Upgrade"]
	switch {
	case !named && len(protocols) == 0:
		return false, nil
	case f.AllowUpgrade == "":
		return false, notForwardable("upgrades are not allowed")
	case !named || len(protocols) != 1 || !strings.EqualFold(protocols[0], f.AllowUpgrade):
		return false, notForwardable("an upgrade is allowed to " + f.AllowUpgrade + " alone")
	case r.Method != http.MethodGet || r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.ProtoMajor != 1 || r.ProtoMinor == 0:
		return false, notForwardable("an upgrade is a GET of HTTP/1.1 without a body")
	}
	return true, nil
}

// tunnel is the client's side of a connection that has switched protocols. It
// ends when nothing went through it for a while, either way.
type tunnel struct {
	net.Conn
	proxy    *Proxy
	decision *decision
	early    *bufio.Reader // holds what the client sent with the request
	timeout  time.Duration
	timer    *time.Timer
	release  func() bool
}

// open makes a tunnel of the client's connection.
func (t *tunnel) open(conn net.Conn, early *bufio.Reader) {
	t.Conn, t.early, t.timeout = conn, early, t.proxy.config.TunnelTimeout
	if t.timeout <= 0 {
		t.timeout = defaultTunnelTimeout
	}
	t.timer = time.AfterFunc(t.timeout, t.end)
	t.release = context.AfterFunc(t.proxy.tunnelsEnd, t.end)
	t.proxy.config.Log.Info("tunnel opened", "key_id", clipped(t.decision.KeyID, maxField), "request_id", clipped(t.decision.RequestID, maxField), "remote", t.decision.Remote)
}

// end closes both sides. What is copied between them then stops.
func (t *tunnel) end() {
	t.decision.cancel(nil) // which closes the upstream's side
	t.Conn.Close()
}

// done is called when the request has left its line in the log.
func (t *tunnel) done() {
	if t.Conn != nil {
		t.timer.Stop()
		t.release()
		t.proxy.tunnels.open.Done()
	}
}

func (t *tunnel) Read(p []byte) (int, error) {
	read := t.Conn.Read
	if t.early.Buffered() > 0 {
		read = t.early.Read
	}
	n, err := read(p)
	t.moved(n)
	return n, err
}

func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.moved(n)
	return n, err
}

func (t *tunnel) moved(n int) {
	if n > 0 {
		t.timer.Reset(t.timeout)
	}
}
