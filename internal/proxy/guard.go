package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/internal/screen"
)

// notForwardable is the error for requests that cannot be forwarded as they were
// verified. It says why.
type notForwardable = screen.NotForwardable

// guard is what each request to the upstream passes last: it holds it against
// what was verified, so that nothing between the verifier and the wire can have
// changed it, and refuses it if something has.
type guard struct {
	next    http.RoundTripper
	resigns bool
}

func (g *guard) RoundTrip(out *http.Request) (*http.Response, error) {
	d := decisionOf(out.Context())
	for _, name := range d.covered {
		if why := arrivesChanged(d.received, out, http.CanonicalHeaderKey(name)); why != "" {
			if out.Body != nil {
				out.Body.Close() // a RoundTripper always closes it
			}
			return nil, notForwardable(fmt.Sprintf("header %s is signed, but would not arrive as it was signed: %s", name, why))
		}
	}
	if g.resigns {
		// They are about the client's signature. The request is the proxy's own.
		for name := range out.Header {
			if name == "Authorization" || name == "X-Sdk-Date" || strings.HasPrefix(name, "X-Sdk-Content-") {
				delete(out.Header, name)
			}
		}
	}
	return g.next.RoundTrip(out)
}

// arrivesChanged says why the upstream would not get a header as it came, or
// nothing.
func arrivesChanged(in, out *http.Request, name string) string {
	if name == "Host" {
		// Without PreserveHost the upstream gets a Host of its own, and the
		// client's as X-Forwarded-Host.
		return ""
	}
	came, sent := in.Header[name], valuesSent(out, name)
	switch {
	case slices.Equal(came, sent):
		return ""
	case len(sent) == 0:
		return "a proxy does not pass it on"
	case name == "User-Agent" || name == "Content-Length" || name == "Cookie":
		return "it is sent in another form"
	}
	return "the proxy sets it itself"
}

// valuesSent is what net/http sends of a header, which is not always what
// Header has: see Request.Write.
func valuesSent(out *http.Request, name string) []string {
	values := out.Header[name]
	switch name {
	case "Transfer-Encoding", "Trailer":
		return nil
	case "Content-Length":
		return contentLengthSent(out)
	case "User-Agent":
		if len(values) == 0 || values[0] == "" {
			return nil
		}
		return values[:1]
	case "Cookie":
		if out.URL.Scheme == "https" { // and so HTTP/2, perhaps
			return cookiesSent(values)
		}
	}
	return values
}

func contentLengthSent(out *http.Request) []string {
	switch {
	case out.Body != nil && out.ContentLength > 0:
		return []string{strconv.FormatInt(out.ContentLength, 10)}
	case out.Body == nil && (out.Method == http.MethodPost || out.Method == http.MethodPut || out.Method == http.MethodPatch):
		return []string{"0"}
	}
	return nil
}

// cookiesSent is what a server makes of cookies that came over HTTP/2, where
// they are sent one by one.
func cookiesSent(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	var each []string
	for _, value := range values {
		for cookie := range strings.SplitSeq(value, ";") {
			if cookie = strings.TrimLeft(cookie, " "); cookie != "" {
				each = append(each, cookie)
			}
		}
	}
	return []string{strings.Join(each, "; ")}
}

// covers reports whether the signature covers a header.
func (d *decision) covers(name string) bool { return screen.Covers(d.covered, name) }

// dropUnsigned drops the unsigned headers that some servers take for one that is
// signed or that the proxy sets, and, if it is told to, all that the body does
// not need.
func (f *forwarder) dropUnsigned(header http.Header, d *decision) {
	for name := range header {
		if d.covers(name) {
			continue
		}
		if f.screen.Drops(name, d.covered) || !d.trusted && screen.IsForwarded(name) ||
			f.ForwardSigned && !isForwardedUnsigned(name, d.tunnel != nil) {
			delete(header, name)
		}
	}
}

// isForwardedUnsigned is for headers that the body needs, and those that an
// upgrade does, which browsers set where nobody can sign them.
func isForwardedUnsigned(name string, upgrade bool) bool {
	switch name {
	case "Content-Length", "Content-Type", "Content-Encoding":
		return true
	case "Connection", "Upgrade":
		return upgrade
	}
	return upgrade && strings.HasPrefix(name, "Sec-Websocket-")
}
