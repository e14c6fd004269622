package proxy

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// A Route is where requests go, and what they must fulfil. Everything but Upstream
// has a zero value that works, but for the limits: a Route starts as [NewRoute].
type Route struct {
	Name   string   // in the log and the metrics, where there are several
	Hosts  []string // that it is for, without a port; none: those that no other route names
	Prefix string   // of the path, whole segments of it; empty: every path

	Upstream        string        // URL that accepted requests go to, or unix:/path of a socket
	UpstreamTimeout time.Duration // of waiting for its answer, and for each next part of that; zero: none
	MaxBody         int64
	Options         []hmacsign.VerifierOption

	IdentityHeader string           // tells the upstream the key id
	Resign         *hmacsign.Signer // signs the request anew for the upstream, or nil
	ForwardSigned  bool             // forward what is signed, and what the body needs, alone
	AllowUpgrade   string           // the one protocol to switch to, "websocket", or empty: none
	PreserveHost   bool             // the upstream gets the client's Host
}

// NewRoute is a Route of every request to an upstream, with the limits as the command
// has them.
func NewRoute(upstream string) *Route {
	return &Route{Upstream: upstream, UpstreamTimeout: time.Minute, MaxBody: hmacsign.DefaultMaxBody, IdentityHeader: "X-Hmacsign-Key-Id"}
}

func (r *Route) check() error {
	if r.AllowUpgrade != "" && r.AllowUpgrade != websocket {
		return fmt.Errorf("upgrade to %q: websocket is the one protocol that can be allowed", r.AllowUpgrade)
	}
	if r.IdentityHeader != "" && !scheme.IsToken(r.IdentityHeader) {
		return fmt.Errorf("identity header %q: give it the name of a header", r.IdentityHeader)
	}
	if prefix := r.Prefix; prefix != "" && (cleaned(prefix) != r.below() || strings.ContainsAny(prefix, "%;?#\\ ")) {
		return fmt.Errorf("prefix %q: write it as /orders or /v1/orders, as it is in the request line, without dots, double slashes and what is encoded", prefix)
	}
	for _, host := range r.Hosts {
		if host == "" || host != hostOf(host) {
			return fmt.Errorf("host %q: write it in lower case, without a port", host)
		}
	}
	return nil
}

// checkRoutes finds routes of which one can never be taken.
func checkRoutes(routes []*Route) error {
	if len(routes) == 0 {
		return errors.New("no routes: name one upstream at least")
	}
	type place struct{ host, prefix string }
	taken := map[place]string{}
	for _, r := range routes {
		hosts := r.Hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, host := range hosts {
			at := place{host, strings.ToLower(r.below())}
			if other, ok := taken[at]; ok {
				return fmt.Errorf("routes %q and %q are for the same host and prefix: change one of them", other, r.Name)
			}
			taken[at] = r.Name
		}
	}
	return nil
}

// routed is a route with what serves it.
type routed struct {
	*Route
	handler http.Handler
}

var errNoRoute = errors.New("no route is for this host and path")

// route is the route that a request takes: of those for its host the one with the
// longest prefix. Where some server would read the path as one of another route it
// is refused: what that one demands would be evaded.
func (p *Proxy) route(r *http.Request) (*routed, error) {
	if len(p.routes) == 1 && p.routes[0].Prefix == "" && p.routes[0].Hosts == nil {
		return p.routes[0], nil
	}
	path, _, ok := wire.Target(r)
	if !ok {
		return nil, notForwardable("the target is not a path")
	}
	routes := p.routesOf(hostOf(r.Host))
	route := longest(routes, path, false)
	for reading := range readings(path) {
		if longest(routes, reading, false) != route || longest(routes, reading, true) != route {
			return nil, notForwardable("some servers read the path as " + clipped(reading, maxField) + ", which is another route's")
		}
	}
	if route == nil {
		return nil, errNoRoute
	}
	return route, nil
}

// routesOf are the routes that name the host, or if none does those that name none.
func (p *Proxy) routesOf(host string) []*routed {
	names := func(r *routed) bool { return slices.Contains(r.Hosts, host) }
	if !slices.ContainsFunc(p.routes, names) {
		names = func(r *routed) bool { return len(r.Hosts) == 0 }
	}
	var of []*routed
	for _, r := range p.routes {
		if names(r) {
			of = append(of, r)
		}
	}
	return of
}

// longest is the route with the longest prefix of the path, or nil. With fold it does
// not tell upper from lower case, as some servers do not.
func longest(routes []*routed, path string, fold bool) (found *routed) {
	if fold {
		path = strings.ToLower(path)
	}
	for _, r := range routes {
		prefix := r.below()
		if fold {
			prefix = strings.ToLower(prefix)
		}
		if isBelow(path, prefix) && (found == nil || len(r.Prefix) > len(found.Prefix)) {
			found = r
		}
	}
	return found
}

// below is the prefix without the slash at its end: a segment ends with it either way.
func (r *Route) below() string { return strings.TrimSuffix(r.Prefix, "/") }

func isBelow(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// hostOf is a host without its port and the dot of a full name, in lower case.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// readings are what servers may take a path for: one that decodes it up to three
// times, and that resolves dots, or ends it where it finds a query, a fragment or a
// zero byte.
func readings(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text := range decodings(path) {
			end := strings.IndexAny(text, "?#\x00")
			if !yield(cleaned(text)) || end >= 0 && !yield(cleaned(text[:end])) {
				return
			}
		}
	}
}

// cleaned is a path with its dots resolved, without what is empty in it.
func cleaned(path string) string {
	var kept []string
	for segment := range segments(path) {
		switch {
		case segment != "..":
			kept = append(kept, segment)
		case len(kept) > 0:
			kept = kept[:len(kept)-1]
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "/" + strings.Join(kept, "/")
}

// leavesBase reports whether some server may find that the path leads above the
// root, behind which the base path is.
func leavesBase(path string) bool {
	for text := range decodings(path) {
		depth := 0
		for segment := range segments(text) {
			if segment != ".." {
				depth++
			} else if depth--; depth < 0 {
				return true
			}
		}
	}
	return false
}

// decodings are a path and what comes of it if it is decoded up to three times.
func decodings(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for range 4 {
			path = overlong.Replace(path)
			if !yield(path) || !strings.Contains(path, "%") {
				return
			}
			path = percentDecoded(path)
		}
	}
}

// segments are those of a path, for a server that takes a backslash for a slash, that
// ends a segment where it finds parameters, a fragment or a zero byte, and that does
// not take spaces for a part of a segment's name; but none that is empty or a dot.
func segments(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			if end := strings.IndexAny(segment, ";?#\x00"); end >= 0 {
				segment = segment[:end]
			}
			if segment = strings.TrimSpace(segment); segment != "" && segment != "." && !yield(segment) {
				return
			}
		}
	}
}

// overlong has the forms of UTF-8 that no one may write and some decode.
var overlong = strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/", "\xc1\x9c", `\`)

// percentDecoded decodes what is well encoded, and keeps what is not.
func percentDecoded(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if decoded, err := url.PathUnescape(s[i : i+3]); err == nil {
				b = append(b, decoded...)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
