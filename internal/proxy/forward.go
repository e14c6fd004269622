package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/screen"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// forwarder sends accepted requests to the upstream: the target byte by byte,
// the signed headers as they were signed, and a key id that a client cannot
// forge. What cannot be sent so is refused.
type forwarder struct {
	*Proxy
	*Route
	upstream *url.URL // scheme and host
	base     string   // path before that of the requests, without a slash at its end
	screen   *screen.Screen
	reverse  *httputil.ReverseProxy
}

const requestIDHeader = "X-Request-Id"

func newForwarder(p *Proxy, c *Route) (*forwarder, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	dial := (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	upstream, err := url.Parse(c.Upstream)
	if path, isSocket := strings.CutPrefix(c.Upstream, "unix:"); isSocket {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("upstream %q: name a socket as unix:/path", c.Upstream)
		}
		dialer := new(net.Dialer)
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
		upstream, err = &url.URL{Scheme: "http", Host: "localhost"}, nil
	}
	switch {
	case err != nil || upstream.Hostname() == "" || upstream.Scheme != "http" && upstream.Scheme != "https":
		return nil, fmt.Errorf("upstream: write it as http://127.0.0.1:9000, https://..., or unix:/path of a socket") // it may hold a password
	case upstream.User != nil:
		return nil, fmt.Errorf("upstream %q: leave out user and password", upstream.Redacted())
	case upstream.RawQuery != "" || upstream.ForceQuery || strings.Contains(c.Upstream, "#"):
		return nil, fmt.Errorf("upstream %q: leave out query and fragment", c.Upstream)
	}
	f := &forwarder{Proxy: p, Route: c, upstream: &url.URL{Scheme: upstream.Scheme, Host: upstream.Host}, base: strings.TrimRight(upstream.EscapedPath(), "/"),
		screen: screen.New(c.IdentityHeader)}
	var transport http.RoundTripper = &sender{timeout: c.UpstreamTimeout, Transport: &http.Transport{DialContext: dial, ResponseHeaderTimeout: c.UpstreamTimeout,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, ForceAttemptHTTP2: true}}
	if p.config.Tracer != nil {
		transport = tracing{transport, p.config.Tracer}
	}
	if c.Resign != nil {
		transport = c.Resign.Transport(transport)
	}
	f.reverse = &httputil.ReverseProxy{Rewrite: f.rewrite, Transport: &guard{transport, c.Resign != nil}, ModifyResponse: f.receive,
		ErrorLog: slog.NewLogLogger(p.config.Log.Handler(), slog.LevelError), ErrorHandler: answerFailure}
	return f, nil
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := decisionOf(r.Context())
	if id, ok := hmacsign.IdentityFrom(r.Context()); ok {
		d.covered = slices.Concat(id.SignedHeaders, id.AlsoSigned)
	}
	if d.covers(requestIDHeader) {
		d.RequestID = r.Header.Get(requestIDHeader)
	}
	if err := f.check(r, d); err != nil {
		d.fail(w, err)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	d.cancel = cancel
	r = r.WithContext(ctx) // the server's own request keeps its body
	if r.Body != nil && r.Body != http.NoBody {
		d.body = &receivedBody{ReadCloser: r.Body}
		r.Body = d.body
	}
	d.received = r
	f.reverse.ServeHTTP(w, r)
}

// check refuses what cannot be forwarded as it was verified, as far as the
// request itself shows that, and finds out where it goes.
func (f *forwarder) check(r *http.Request, d *decision) (err error) {
	if d.target, err = f.target(r); err != nil {
		return err
	}
	if f.PreserveHost && strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c > '~' || c == '%' }) {
		return notForwardable("the Host is not one that can be passed on as it is")
	}
	if err := f.screen.Check(r.Header, d.covered); err != nil {
		return err
	}
	asked, err := f.checkUpgrade(r)
	if asked {
		d.tunnel = &tunnel{proxy: f.Proxy, decision: d}
	}
	return err
}

// target is where a request goes: its path and query byte by byte behind the
// base path.
func (f *forwarder) target(r *http.Request) (*url.URL, error) {
	raw, ok := wire.Origin(r)
	if !ok || r.Method == http.MethodConnect {
		return nil, notForwardable("the target is not a path")
	}
	u := *f.upstream
	if f.base != "" {
		path, _, _ := strings.Cut(raw, "?")
		if leavesBase(path) {
			return nil, notForwardable("the path leads out of the base path of the upstream")
		}
	} else if strings.HasPrefix(raw, "//") {
		// net/http would take an opaque URL that begins so for one with a host.
		path, query, found := strings.Cut(raw, "?")
		u.RawPath, u.RawQuery, u.ForceQuery = path, query, found
		u.Path, _ = url.PathUnescape(path)
		if u.EscapedPath() != path {
			return nil, notForwardable("the path begins with // and has characters that are not percent-encoded")
		}
		return &u, nil
	}
	u.Opaque = f.base + raw
	return &u, nil
}

// rewrite makes the request to the upstream of what ReverseProxy left of the
// client's. The guard then holds it against what was verified.
func (f *forwarder) rewrite(p *httputil.ProxyRequest) {
	d, out := decisionOf(p.In.Context()), p.Out
	out.URL, out.Host = d.target, ""
	if f.PreserveHost {
		out.Host = p.In.Host
	}
	out.Trailer = nil
	if out.ContentLength >= 0 {
		out.TransferEncoding = nil // the body is here already, its length known
	}
	out.Header.Del("Expect") // likewise
	out.Header.Del("Te")     // trailers are not passed on
	f.dropUnsigned(out.Header, d)
	f.setForwarded(p, d)
	if !d.covers(requestIDHeader) {
		out.Header.Set(requestIDHeader, d.RequestID)
	}
	if f.IdentityHeader != "" {
		out.Header.Del(f.IdentityHeader)
		if id, ok := hmacsign.IdentityFrom(p.In.Context()); ok {
			out.Header.Set(f.IdentityHeader, id.KeyID)
		}
	}
}

// setForwarded tells the upstream the client's address, host and protocol: those
// that a trusted proxy tells, or the peer's.
func (f *forwarder) setForwarded(p *httputil.ProxyRequest, d *decision) {
	if !d.trusted {
		p.SetXForwarded()
		return
	}
	p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	p.SetXForwarded()
	names := []string{"X-Forwarded-Host", "X-Forwarded-Proto"}
	if p.Out.Header["X-Forwarded-For"] == nil {
		names = append(names, "X-Forwarded-For") // a peer at a unix socket has no address to add
	}
	for _, name := range names {
		if told := p.In.Header[name]; len(told) > 0 {
			p.Out.Header[name] = told
		}
	}
}

// receive looks at the upstream's answer before it goes to the client.
func (f *forwarder) receive(res *http.Response) error {
	d := decisionOf(res.Request.Context())
	res.Header.Del(requestIDHeader) // the answer has ours
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = newAnswerBody(res.Body, d, f.UpstreamTimeout)
	} else if d.tunnel == nil || !strings.EqualFold(res.Header.Get("Upgrade"), f.AllowUpgrade) {
		return errors.New("the upstream switched to a protocol that it was not asked for")
	}
	return nil
}

// receivedBody is a request's body. It tells the client's failures from the
// upstream's, and may still be read when the handler has returned.
type receivedBody struct {
	io.ReadCloser
	reading sync.Mutex
	failed  error
}

func (b *receivedBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.failed == nil {
		b.failed = err
	}
	return n, err
}

// failure is why the body could not be read, or nil. When the context has ended,
// because a read fails, it waits for that read.
func (b *receivedBody) failure(ended bool) error {
	if ended {
		b.reading.Lock()
	} else if !b.reading.TryLock() {
		return nil // it is still coming
	}
	defer b.reading.Unlock()
	return b.failed
}

// sender is what the request to the upstream goes through last. It ends one of
// which the upstream takes nothing more for too long: ResponseHeaderTimeout begins
// only behind the body.
type sender struct {
	*http.Transport
	timeout time.Duration
}

func (s *sender) RoundTrip(out *http.Request) (*http.Response, error) {
	d := decisionOf(out.Context())
	out = out.WithContext(out.Context()) // a copy, to be changed
	if out.Body != nil && s.timeout > 0 {
		timer := time.AfterFunc(s.timeout, func() { d.cancel(errStalled) })
		defer timer.Stop()
		out.Body = &takenBody{out.Body, timer, s.timeout}
	}
	if repeatable(out) && !d.covers("idempotency-key") && !d.covers("x-idempotency-key") {
		// net/http takes such a header for leave to send the request again, on
		// another connection; whoever is in between can have added it.
		if out.GetBody = nil; out.Body == nil {
			out.Body = io.NopCloser(strings.NewReader(""))
		}
	}
	return s.Transport.RoundTrip(out)
}

// repeatable reports whether a header makes net/http repeat what it would not.
func repeatable(out *http.Request) bool {
	switch out.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return out.Header.Get("Idempotency-Key") != "" || out.Header.Get("X-Idempotency-Key") != ""
}

// takenBody is a body on its way to the upstream.
type takenBody struct {
	io.ReadCloser
	timer   *time.Timer
	timeout time.Duration
}

func (b *takenBody) Read(p []byte) (int, error) {
	b.timer.Stop() // waiting for the client is not the upstream's time
	defer b.timer.Reset(b.timeout)
	return b.ReadCloser.Read(p)
}

// answerBody is the upstream's answer, of which it tells whether it broke off. An
// upstream of which nothing comes for too long has broken off too.
type answerBody struct {
	io.ReadCloser
	d       *decision
	timeout time.Duration
	timer   *time.Timer // or nil
}

var errStalled = errors.New("nothing more came from the upstream in time")

func newAnswerBody(body io.ReadCloser, d *decision, timeout time.Duration) *answerBody {
	b := &answerBody{body, d, timeout, nil}
	if timeout > 0 {
		b.timer = time.AfterFunc(timeout, func() { d.cancel(errStalled) })
	}
	return b
}

func (b *answerBody) Read(p []byte) (int, error) {
	if b.timer != nil {
		b.timer.Reset(b.timeout)
		defer b.timer.Stop() // writing to the client is not the upstream's time
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.d.readFailure = err
	}
	return n, err
}

func (b *answerBody) Close() error {
	if b.timer != nil {
		b.timer.Stop()
	}
	return b.ReadCloser.Close()
}
