package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// A transfer sends one request, again where it is to be tried again, and what redirects
// make of it.
type transfer struct {
	*sendFlags
	signer    *requestSigner
	first     *builtRequest
	transport *http.Transport
	out       *output
	io        *streams
	retried   int
	giveUp    context.CancelCauseFunc // of the try
	report    *report                 // of the last try
}

func (f *sendFlags) newTransfer(first *builtRequest, signer *requestSigner, io *streams) (*transfer, error) {
	out, err := f.newOutput(first.Target, io.out)
	if err != nil {
		return nil, err
	}
	transport, err := f.newTransport()
	if err != nil {
		return nil, err
	}
	t := &transfer{sendFlags: f, signer: signer, first: first, transport: transport, out: out, io: io}
	transport.OnProxyConnectResponse = t.proxyAnswer
	return t, nil
}

// A hop is a request before it is signed, on the way that redirects make.
type hop struct {
	*builtRequest
	redirects int
	elsewhere bool // the way has left the first one's server: nothing is signed any more
}

// try sends the request and delivers the answer, once.
func (t *transfer) try() (err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	t.giveUp = cancel
	defer within(t.maxTime, func() {
		cancel(&failure{kind: timedOut, error: fmt.Errorf("no whole answer within %s: --max-time sets another limit", (*duration)(&t.maxTime))})
	})()
	t.report = &report{started: time.Now(), retries: t.retried, given: t.URL, filename: t.out.name}
	defer func() { t.report.end(err) }()
	for at := (hop{builtRequest: t.first}); ; {
		resp, err := t.exchange(ctx, at)
		if err != nil {
			return err
		}
		next, follows, err := t.follow(at, resp)
		if err != nil || !follows {
			return t.deliver(ctx, at.Target, resp, err)
		}
		if err := t.pass(ctx, at.Target, resp); err != nil {
			return err
		}
		at = next
	}
}

// within has a function called that gives up, unless it is stopped in time; never for 0.
func within(d time.Duration, giveUp func()) (stop func()) {
	if d == 0 {
		return func() {}
	}
	timer := time.AfterFunc(d, giveUp)
	return func() { timer.Stop() }
}

// exchange signs a request, sends it, and returns the answer with its body to be read. A
// server that expects nothing gets the body at once.
func (t *transfer) exchange(ctx context.Context, at hop) (*http.Response, error) {
	b, err := at.fresh(ctx)
	if err != nil {
		return nil, err
	}
	expects := t.addDefaults(b)
	resp, err := t.send(ctx, at, b)
	if err != nil || resp.StatusCode != http.StatusExpectationFailed || !expects {
		return resp, err
	}
	resp.Body.Close()
	if b, err = at.fresh(ctx); err != nil {
		return nil, err
	}
	b.Header["Expect"] = nil
	t.addDefaults(b)
	return t.send(ctx, at, b)
}

// fresh is a copy to be signed and sent.
func (h hop) fresh(ctx context.Context) (*builtRequest, error) {
	b := *h.builtRequest
	b.Request = h.Request.Clone(ctx)
	var err error
	b.Body, err = h.GetBody()
	return &b, err
}

// maxUnexpected is how long a body is sent without asking first, as curl does.
const maxUnexpected = 1 << 20

// addDefaults adds the headers that curl sends of itself, and tells whether the server is
// asked first.
func (t *transfer) addDefaults(b *builtRequest) (expects bool) {
	setDefault(b.Header, "Accept", "*/*")
	setDefault(b.Header, "User-Agent", userAgent())
	if _, set := b.Header["Expect"]; set || b.ContentLength <= maxUnexpected {
		return false
	}
	b.Header.Set("Expect", "100-continue")
	return true
}

func (t *transfer) send(ctx context.Context, at hop, b *builtRequest) (*http.Response, error) {
	text := ""
	if !at.elsewhere {
		var err error
		if text, err = t.signer.sign(b); err != nil {
			return nil, at.ofRedirect(err)
		}
	}
	through, err := t.proxyFor(at.Target)
	if err != nil {
		return nil, err
	}
	w := &wire{report: t.report, verbose: t.verbose, io: t.io, connected: t.connecting(), version: "HTTP/1.1"}
	defer w.connected()
	ctx = context.WithValue(ctx, proxyKey{}, through)
	b.Request = b.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	b.lengthAsCurl()
	forProxy(b.Request, through)
	w.request = b.Request
	w.tellText(text)
	t.report.sending(b, at)
	resp, err := t.transport.RoundTrip(b.Request)
	if err != nil {
		return nil, plain(ctx, err, at.Target)
	}
	if resp.StatusCode < 100 || resp.StatusCode > 999 { // HTTP/2 takes any number
		resp.Body.Close()
		return nil, &failure{error: fmt.Errorf("%s does not answer in HTTP: check the port", at.Target.HostPort())}
	}
	t.report.answered(resp)
	w.tellAnswer(resp)
	return resp, nil
}

// connecting limits the time until there is a connection.
func (t *transfer) connecting() (connected func()) {
	giveUp := t.giveUp
	return within(t.connectTimeout, func() {
		giveUp(&failure{kind: timedOut, error: fmt.Errorf("no connection within %s: --connect-timeout sets another limit", (*duration)(&t.connectTimeout))})
	})
}

// lengthAsCurl has net/http write a length where curl does: not for a method that could
// have a body, but for a body that is empty.
func (b *builtRequest) lengthAsCurl() {
	switch {
	case b.ContentLength > 0:
		return
	case !b.Posts && !b.Chunked && slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, b.Method):
		b.Body, b.ContentLength = io.NopCloser(strings.NewReader("")), -1
		fallthrough
	case b.Posts && !b.Chunked:
		b.TransferEncoding = []string{"identity"}
	}
}

// forProxy makes the request what a proxy gets that forwards it. Its line names the
// server of the URL: net/http would write the one of a given Host, and leaves a target that
// it has as bytes in the form for a server.
func forProxy(req *http.Request, through proxyURL) {
	if !through.forwards(req.URL) {
		return
	}
	setDefault(req.Header, "Proxy-Connection", "Keep-Alive")
	u := *req.URL
	u.Opaque = "//" + u.Host + cmp.Or(u.Opaque, u.EscapedPath())
	req.URL = &u
}

// follow is where the answer redirects to, if that is to be followed.
func (t *transfer) follow(at hop, resp *http.Response) (next hop, follows bool, err error) {
	location := resp.Header.Get("Location")
	if resp.StatusCode/100 != 3 || location == "" {
		return at, false, nil
	}
	to, err := t.Resolve(at.Target, location)
	if err == nil {
		t.report.redirectURL = to.String()
	}
	switch {
	case !t.location:
		return at, false, nil
	case err != nil:
		return at, false, notFollowed(location, err)
	case t.maxRedirs >= 0 && at.redirects >= int(t.maxRedirs):
		return at, false, fmt.Errorf("more than %d redirects: --max-redirs sets another limit", int(t.maxRedirs))
	}
	if next, err = t.next(at, to, resp.StatusCode); err != nil {
		return at, false, notFollowed(location, err)
	}
	return next, true, nil
}

// notFollowed is the error of a redirect, which is of the server and no wrong usage. It
// shows no password of a user that there may be.
func notFollowed(location string, err error) error {
	var told *httptext.Error
	if errors.As(err, &told) && told.Code == "curl_user" {
		location = "..."
	}
	return fmt.Errorf("the redirect to %q cannot be followed: %w", clip(location), err)
}

// ofRedirect has an error that a redirect leads to say so: it is no wrong usage.
func (h hop) ofRedirect(err error) error {
	if h.redirects == 0 {
		return err
	}
	return &failure{error: fmt.Errorf("the redirect to %q cannot be signed: %v", clip(h.Target.String()), err)}
}

// next is the request that a redirect makes of one. What another host is sent has neither
// a signature nor cookies nor the host's name that the user gave.
func (t *transfer) next(at hop, to httptext.Target, status int) (hop, error) {
	u, err := to.RequestURL()
	if err != nil {
		return at, err
	}
	b := *at.builtRequest
	b.Request = at.Request.Clone(context.Background())
	before := at.Target
	b.Target, b.URL = to, u
	next := hop{&b, at.redirects + 1, at.elsewhere || !to.SameOrigin(t.first.Target)}
	if next.elsewhere {
		b.Header.Del("Cookie")
	}
	if next.elsewhere || !b.HostGiven {
		b.Host = to.HostHeader()
	}
	if _, auto := t.RefererOf(); auto {
		before.Fragment = ""
		b.Header.Set("Referer", before.String())
	}
	if status >= 301 && status <= 303 {
		b.withoutBody(t.Method)
	}
	return next, nil
}

// withoutBody makes a GET of a request with a body, unless the user gave the method.
func (b *builtRequest) withoutBody(method string) {
	if !b.Posts {
		return
	}
	b.Posts = false
	if method == "" {
		b.Method = http.MethodGet
	}
	if b.OwnType {
		b.Header.Del("Content-Type")
	}
	b.Body, b.ContentLength = http.NoBody, 0
	b.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
}

// maxPassed is how much of a body that nobody wants is read.
const maxPassed = 1 << 20

// pass prints what is wanted of an answer that is not the last one, and reads its body so
// that the connection can be used again.
func (t *transfer) pass(ctx context.Context, from httptext.Target, resp *http.Response) error {
	defer resp.Body.Close()
	t.report.redirected()
	if err := t.printHead(resp); err != nil {
		return err
	}
	if t.headOnly() {
		return nil
	}
	_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxPassed))
	if err != nil && ctx.Err() != nil {
		return plain(ctx, err, from)
	}
	return nil
}

func (t *transfer) headOnly() bool { return t.first.HeadOnly }

// deliver prints the answer, and has the error that it is.
func (t *transfer) deliver(ctx context.Context, from httptext.Target, resp *http.Response, failed error) error {
	defer resp.Body.Close()
	refused := resp.StatusCode >= 400 && (t.fail || t.failWithBody)
	if refused && failed == nil {
		failed = &failure{kind: refusedStatus, error: fmt.Errorf("the server answered %s", printable(resp.Status))}
	}
	if err := t.printHead(resp); err != nil {
		return err
	}
	switch {
	case failed != nil && !refused:
		t.report.downloaded, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxPassed))
		return failed
	case refused && t.fail:
		return failed
	case t.headOnly():
		return cmp.Or(t.out.done(), failed)
	}
	body := &counted{Reader: resp.Body}
	err := t.copyBody(body, resp)
	t.report.downloaded = body.n
	if body.err != nil {
		return plain(ctx, body.err, from)
	}
	if err == nil {
		err = t.printTrailer(resp)
	}
	if err == nil {
		err = t.out.done()
	}
	if failed != nil {
		return failed
	}
	return err
}

func (t *transfer) printHead(resp *http.Response) error {
	if !t.include && !t.headOnly() {
		return nil
	}
	_, err := io.WriteString(t.out, strings.Join(t.report.heads, "")+headText(resp))
	t.report.heads = nil
	return err
}

// printTrailer prints the headers that stand behind a body.
func (t *transfer) printTrailer(resp *http.Response) error {
	if !t.include {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Trailer)) {
		for _, value := range resp.Trailer[name] {
			if _, err := fmt.Fprintf(t.out, "%s: %s\r\n", name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *transfer) copyBody(body io.Reader, resp *http.Response) error {
	if t.Compressed {
		var err error
		if body, err = decoded(body, resp.Header); err != nil {
			return err
		}
	}
	_, err := io.Copy(t.out, body)
	return err
}

// counted counts what is read, and keeps the error.
type counted struct {
	io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.n += int64(n); err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
