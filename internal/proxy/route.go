package proxy

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
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
	if prefix := r.Prefix; prefix != "" && (climbs(prefix) || cleaned(prefix, slashes) != r.below() || strings.ContainsFunc(prefix, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`%;?#\`, c) })) {
		return fmt.Errorf("prefix %q: write it as /orders or /v1/orders, as it is in the request line, in ASCII, without dots, double slashes and what is encoded", prefix)
	}
	for _, host := range r.Hosts {
		if name, ok := hostOf(host); !ok || host == "" || host != name {
			return fmt.Errorf("host %q: write it in lower case and ASCII, without a port and a dot at its end, an IPv6 address as [2001:db8::1]", host)
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
			at := place{host, folded(r.below())}
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
// longest prefix. Where some server would read the host or the path as one of another
// route it is refused: what that one demands would be evaded.
func (p *Proxy) route(r *http.Request) (*routed, error) {
	if len(p.routes) == 1 && p.routes[0].Prefix == "" && p.routes[0].Hosts == nil {
		return p.routes[0], nil
	}
	path, _, ok := wire.Target(r)
	if !ok {
		return nil, notForwardable("the target is not a path")
	}
	routes, err := p.routesOf(r.Host)
	if err != nil {
		return nil, err
	}
	if len(routes) == 1 && routes[0].Prefix == "" {
		return routes[0], nil
	}
	route := longest(routes, path, false)
	for reading := range decodings(path) {
		if climbs(reading) {
			return nil, notForwardable("the path has .. in it, which servers resolve differently, and routes have prefixes")
		}
		for _, separators := range [...]string{slashes, "/"} {
			read := cleaned(reading, separators)
			if longest(routes, read, false) != route || longest(routes, read, true) != route {
				return nil, notForwardable("some servers read the path as " + clipped(read, maxField) + ", which is another route's")
			}
		}
	}
	if route == nil {
		return nil, errNoRoute
	}
	return route, nil
}

// routesOf are the routes that name the host, or if none does those that name none.
func (p *Proxy) routesOf(host string) (of []*routed, err error) {
	some := func(r *routed) bool { return len(r.Hosts) > 0 }
	name, ok := hostOf(host)
	if !ok && slices.ContainsFunc(p.routes, some) {
		return nil, notForwardable("the Host is not a name or an address with a port, so that servers read it differently, and routes have hosts")
	}
	names := func(r *routed) bool { return slices.Contains(r.Hosts, name) }
	if !slices.ContainsFunc(p.routes, names) {
		names = func(r *routed) bool { return !some(r) }
	}
	for _, r := range p.routes {
		if names(r) {
			of = append(of, r)
		}
	}
	return of, nil
}

// longest is the route with the longest prefix of the path, or nil. With fold it does
// not tell upper from lower case, as some servers do not.
func longest(routes []*routed, path string, fold bool) (found *routed) {
	if fold {
		path = folded(path)
	}
	for _, r := range routes {
		prefix := r.below()
		if fold {
			prefix = folded(prefix)
		}
		if isBelow(path, prefix) && (found == nil || len(r.Prefix) > len(found.Prefix)) {
			found = r
		}
	}
	return found
}

// folded is a path without the difference of upper and lower case, by way of the upper:
// some letters beyond ASCII have one of ASCII there.
func folded(path string) string { return strings.ToLower(strings.ToUpper(path)) }

// below is the prefix without the slash at its end: a segment ends with it either way.
func (r *Route) below() string { return strings.TrimSuffix(r.Prefix, "/") }

func isBelow(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// plainHost is a name or an address that no server reads as another one.
var plainHost = regexp.MustCompile(`^([0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?$`)

// hostOf is a host without its port and the dot of a full name, in lower case. It is
// false for what is not the name or the address of one.
func hostOf(host string) (name string, ok bool) {
	if !plainHost.MatchString(host) {
		return "", false
	}
	name = strings.Trim(host, "[]")
	if without, _, err := net.SplitHostPort(host); err == nil {
		name = without
	}
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(name)
		return "[" + addr.String() + "]", err == nil && addr.Is6()
	}
	return strings.TrimRight(strings.ToLower(name), "."), true
}

// climbs reports whether some server finds a segment in the path that leads up. What
// it leads up from is not known: one server drops an empty segment before, and the
// next one does not.
func climbs(path string) bool {
	for segment := range segments(path, slashes) {
		if segment == ".." {
			return true
		}
	}
	return false
}

// cleaned is a path that does not climb without what some servers drop: if one reads
// it as below a prefix, so it is cleaned.
func cleaned(path, separators string) string {
	var b strings.Builder
	for segment := range segments(path, separators) {
		b.WriteString("/" + segment)
	}
	return b.String()
}

// leavesBase reports whether some server may find that the path leads above the
// root, behind which the base path is.
func leavesBase(path string) bool {
	for text := range decodings(path) {
		if leavesRoot(text, slashes) || leavesRoot(text, "/") {
			return true
		}
	}
	return false
}

func leavesRoot(path, separators string) bool {
	depth := 0
	for segment := range segments(path, separators) {
		if segment != ".." {
			depth++
		} else if depth--; depth < 0 {
			return true
		}
	}
	return false
}

// decodings are a path and what comes of it if it is decoded up to three times, and
// both for a server that takes parameters off before.
func decodings(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, text := range [...]string{path, parameters.ReplaceAllString(path, "")} {
			for range 4 {
				text = lookalikes.Replace(text)
				if !yield(text) {
					return
				}
				if !strings.Contains(text, "%") {
					break
				}
				text = percentDecoded(text)
			}
			if !strings.Contains(path, ";") {
				return
			}
		}
	}
}

var parameters = regexp.MustCompile(`;[^/]*`)

// slashes are what ends a segment: some servers take a backslash for a slash.
const slashes = `/\`

// segments are those of a path, for a server that ends a segment where it finds
// parameters, a fragment or a zero byte, and that does not take spaces and dots at
// its end for a part of its name; but none that is empty or a dot.
func segments(path, separators string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if end := strings.IndexAny(segment, ";?#\x00"); end >= 0 {
				segment = segment[:end]
			}
			if segment = strings.TrimSpace(segment); segment != ".." {
				segment = strings.TrimRight(segment, ". ")
			}
			if segment != "" && !yield(segment) {
				return
			}
		}
	}
}

// lookalikes makes characters of ASCII of what some servers take for them: forms of
// UTF-8 that no one may write, and letters of full width. It drops what some drop.
var lookalikes = func() *strings.Replacer {
	pairs := []string{"\t", "", "\n", "", "\r", ""}
	for c := byte('!'); c <= '~'; c++ {
		high, low := c>>6, 0x80|c&0x3f
		for _, form := range []string{string([]byte{0xc0 | high, low}), string([]byte{0xe0, 0x80 | high, low}), string([]byte{0xf0, 0x80, 0x80 | high, low}), string('！' + rune(c-'!'))} {
			pairs = append(pairs, form, string(rune(c)))
		}
	}
	return strings.NewReplacer(pairs...)
}()

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
