package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A target is a URL in pieces that are sent as they were typed: net/url would encode
// some bytes anew, and the signature is of the bytes.
type target struct {
	scheme, host string // an IPv6 address without its brackets
	port         string // empty for the scheme's own
	path, query  string
	asked        bool   // has a question mark, also with nothing behind it
	fragment     string // with its #; it is not sent
}

// parseTarget reads a URL as curl does: without a scheme it is http, a fragment is left
// out, dot segments are removed unless asIs.
func parseTarget(text string, asIs bool) (target, error) {
	if err := checkUser(text); err != nil {
		return target{}, err
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return target{}, usagef("%q has a space or a control character: write it percent-encoded, a space as %%20", text)
	}
	scheme, rest, found := cutScheme(text)
	if !found {
		scheme, rest = "http", text
	}
	t := target{scheme: strings.ToLower(scheme)}
	if t.scheme != "http" && t.scheme != "https" {
		return target{}, usagef("%q is no http or https URL", text)
	}
	rest, t.fragment = cutFragment(rest)
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	if err := t.setAuthority(authority, text); err != nil {
		return target{}, err
	}
	t.setPath(rest[len(authority):], asIs)
	return t, nil
}

// checkUser refuses a user, whose password no error is to show.
func checkUser(text string) error {
	_, rest, _ := cutScheme(text)
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if strings.Contains(rest, "@") {
		return usagef("a user in the URL would need the Authorization header that the signature takes: leave it out")
	}
	return nil
}

func cutFragment(text string) (rest, fragment string) {
	if at := strings.IndexByte(text, '#'); at >= 0 {
		return text[:at], text[at:]
	}
	return text, ""
}

func (t *target) setAuthority(authority, text string) error {
	u, err := url.Parse(t.scheme + "://" + authority)
	if err != nil || u.Hostname() == "" {
		return usagef("%q is no http or https URL", text)
	}
	if t.host, err = asciiHost(u.Hostname()); err != nil {
		return usagef("%q is no http or https URL: the host is no name", text)
	}
	if u.Port() == "" {
		return nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return usagef("%q is no http or https URL: the port is not a number up to 65535", text)
	}
	if t.port = strconv.FormatUint(port, 10); t.port == defaultPorts[t.scheme] {
		t.port = ""
	}
	return nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// asciiHost is a host's name as it is looked up and sent.
func asciiHost(name string) (string, error) {
	if _, err := netip.ParseAddr(name); err == nil {
		return name, nil
	}
	if strings.ContainsFunc(name, func(c rune) bool { return c > 0x7f }) {
		return idna.Lookup.ToASCII(name)
	}
	if strings.ContainsAny(name, "\"%:<>\\^`{|}[]") {
		return "", fmt.Errorf("%q is no host", name)
	}
	return name, nil
}

func (t *target) setPath(rest string, asIs bool) {
	t.path, t.query, t.asked = strings.Cut(rest, "?")
	if t.path == "" {
		t.path = "/"
	}
	if !asIs {
		t.path = withoutDots(t.path)
	}
	t.path = encodeHigh(t.path)
}

// encodeHigh encodes the bytes of a path that are not ASCII, as curl does; those of a
// query it leaves.
func encodeHigh(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if path[i] < 0x80 {
			b.WriteByte(path[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", path[i])
		}
	}
	return b.String()
}

// withoutDots removes dot segments (RFC 3986 section 5.2.4).
func withoutDots(path string) string {
	var out []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".", "..":
			if segment == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/")
}

// checkGlob refuses what curl would take for a set of URLs.
func checkGlob(text string) error {
	_, rest, _ := cutScheme(text)
	if strings.HasPrefix(rest, "[") { // an IPv6 address
		rest = rest[strings.IndexByte(rest, ']')+1:]
	}
	if rest = strings.ReplaceAll(rest, "[]", ""); strings.ContainsAny(rest, "{}[]") {
		return usagef("%q: braces and brackets would be several URLs: -g sends them as they are", text)
	}
	return nil
}

// addQuery appends to the query. Its escapes are in lower case then, as curl has them.
func (t *target) addQuery(query string) {
	if query == "" {
		return
	}
	query = lowerEscapes(query)
	if t.query != "" {
		query = t.query + "&" + query
	}
	t.query, t.asked = query, true
}

func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(text[i+1:i+3]))
		}
	}
	return string(b)
}

// hostport is the host as a Host header has it.
func (t target) hostport() string {
	switch {
	case t.port != "":
		return net.JoinHostPort(t.host, t.port)
	case strings.Contains(t.host, ":"):
		return "[" + t.host + "]"
	}
	return t.host
}

// hostHeader is the host as it is sent: without the zone of an address, which is of this
// machine alone.
func (t target) hostHeader() string {
	t.host, _, _ = strings.Cut(t.host, "%")
	return t.hostport()
}

// text is the URL in one piece.
func (t target) text() string {
	if t.asked {
		return t.scheme + "://" + t.hostport() + t.path + "?" + t.query + t.fragment
	}
	return t.scheme + "://" + t.hostport() + t.path + t.fragment
}

// url is what net/http sends byte by byte as the path and the query are.
func (t target) url() (*url.URL, error) {
	u := &url.URL{Scheme: t.scheme, Host: t.hostport(), RawPath: t.path, RawQuery: t.query, ForceQuery: t.asked && t.query == ""}
	var err error
	if u.Path, err = url.PathUnescape(t.path); err == nil && u.EscapedPath() == t.path {
		return u, nil
	}
	if strings.HasPrefix(t.path, "//") {
		return nil, usagef("%q: a path of two slashes and a character that is to be percent-encoded cannot be sent: encode it", t.text())
	}
	u.Opaque, u.Path, u.RawPath = t.path, "", ""
	return u, nil
}

// urlText is the text of such a URL.
func urlText(u *url.URL) string {
	return u.Scheme + "://" + u.Host + u.RequestURI()
}

// sameOrigin reports whether a request to the other goes to the same server.
func (t target) sameOrigin(other target) bool {
	return t.scheme == other.scheme && strings.EqualFold(t.host, other.host) && t.port == other.port
}

// resolve is where a redirect leads from here.
func (t target) resolve(location string, asIs bool) (target, error) {
	location = encodeSpaces(location)
	_, _, absolute := cutScheme(location)
	switch {
	case absolute:
		return parseTarget(location, asIs)
	case strings.HasPrefix(location, "//"):
		return parseTarget(t.scheme+":"+location, asIs)
	}
	next := t
	location, next.fragment = cutFragment(location)
	path, query, asked := strings.Cut(location, "?")
	switch {
	case strings.HasPrefix(path, "/"):
	case path == "" && !asked:
		return next, nil
	case path == "":
		path = t.path
	default:
		path = t.path[:strings.LastIndexByte(t.path, '/')+1] + path
	}
	if asked {
		path += "?" + query
	}
	next.setPath(path, asIs)
	return next, nil
}

// cutScheme cuts a URL behind its scheme and the slashes there, of which curl takes one to
// three for two.
func cutScheme(text string) (scheme, rest string, found bool) {
	scheme, rest, found = strings.Cut(text, ":/")
	if !found || scheme == "" || strings.ContainsAny(scheme, "/?#:.") {
		return "", text, false
	}
	rest = strings.TrimPrefix(rest, "/")
	return scheme, strings.TrimPrefix(rest, "/"), true
}

func encodeSpaces(location string) string {
	path, query, asked := strings.Cut(location, "?")
	path = strings.ReplaceAll(path, " ", "%20")
	if asked {
		return path + "?" + strings.ReplaceAll(query, " ", "+")
	}
	return path
}
