package httptext

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Target is a URL in pieces that are sent as they were typed: net/url would encode
// some bytes anew, and the signature is of the bytes.
type Target struct {
	Scheme, Host string // an IPv6 address without its brackets
	Port         string // empty for the scheme's own
	Path, Query  string
	Asked        bool   // has a question mark, also with nothing behind it
	Fragment     string // with its #; it is not sent
}

// parseTarget reads a URL as curl does: without a scheme it is http, a fragment is left
// out, dot segments are removed unless PathAsIs.
func (c *Command) parseTarget(text string) (Target, error) {
	if err := checkUser(text); err != nil {
		return Target{}, err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Target{}, malformed("curl_url_space", "url", clip(text))
	}
	scheme, rest, found := cutScheme(text)
	if !found {
		scheme, rest = "http", text
	}
	t := Target{Scheme: strings.ToLower(scheme)}
	if t.Scheme != "http" && t.Scheme != "https" {
		return Target{}, malformed("curl_url", "url", clip(text))
	}
	rest, t.Fragment = cutFragment(rest)
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	if err := c.setAuthority(&t, authority, text); err != nil {
		return Target{}, err
	}
	t.setPath(rest[len(authority):], c.PathAsIs)
	return t, nil
}

// checkUser refuses a user, whose password no error is to show.
func checkUser(text string) error {
	_, rest, _ := cutScheme(text)
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if strings.Contains(rest, "@") {
		return malformed("curl_user")
	}
	return nil
}

func cutFragment(text string) (rest, fragment string) {
	if at := strings.IndexByte(text, '#'); at >= 0 {
		return text[:at], text[at:]
	}
	return text, ""
}

func (c *Command) setAuthority(t *Target, authority, text string) error {
	u, err := url.Parse(t.Scheme + "://" + authority)
	if err != nil || u.Hostname() == "" {
		return malformed("curl_url", "url", clip(text))
	}
	if t.Host, err = c.asciiHost(u.Hostname()); err != nil {
		return err
	} else if t.Host == "" {
		return malformed("curl_url_host", "url", clip(text))
	}
	if u.Port() == "" {
		return nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return malformed("curl_url_port", "url", clip(text))
	}
	if t.Port = strconv.FormatUint(port, 10); t.Port == defaultPorts[t.Scheme] {
		t.Port = ""
	}
	return nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// asciiHost is a host's name as it is looked up and sent, empty if it is none.
func (c *Command) asciiHost(name string) (string, error) {
	if _, err := netip.ParseAddr(name); err == nil {
		return name, nil
	}
	if !isASCII(name) {
		if c.ASCIIHost == nil {
			return "", unsupported("curl_host_ascii", "host", clip(name))
		}
		name, err := c.ASCIIHost(name)
		if err != nil {
			name = ""
		}
		return name, nil
	}
	if strings.ContainsAny(name, "\"%:<>\\^`{|}[]") {
		return "", nil
	}
	return name, nil
}

func (t *Target) setPath(rest string, asIs bool) {
	t.Path, t.Query, t.Asked = strings.Cut(rest, "?")
	if t.Path == "" {
		t.Path = "/"
	}
	if !asIs {
		t.Path = withoutDots(t.Path)
	}
	t.Path = encodeHigh(t.Path)
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

// oneURL is the URL as it is where it stands for one alone: curl takes braces and brackets
// for a set of them, unless a backslash stands before each.
func (c *Command) oneURL() (string, error) {
	if c.GlobOff {
		return c.URL, nil
	}
	_, rest, _ := cutScheme(c.URL)
	if strings.HasPrefix(rest, "[") { // an IPv6 address
		rest = rest[strings.IndexByte(rest, ']')+1:]
	}
	escapes := strings.NewReplacer(`\{`, "", `\}`, "", `\[`, "", `\]`, "")
	if rest = strings.ReplaceAll(escapes.Replace(rest), "[]", ""); strings.ContainsAny(rest, "{}[]") {
		return "", malformed("curl_glob", "url", clip(c.URL))
	}
	return strings.NewReplacer(`\{`, "{", `\}`, "}", `\[`, "[", `\]`, "]").Replace(c.URL), nil
}

// addQuery appends to the query, be it nothing. As curl has it, the escapes of what is
// appended are in lower case then, and the path has no dot segments, whatever was asked for.
func (t *Target) addQuery(query string) {
	if t.Query != "" && !strings.HasSuffix(t.Query, "&") {
		t.Query += "&"
	}
	t.Query += lowerEscapes(query)
	t.Asked = t.Query != ""
	t.Path = withoutDots(t.Path)
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

// HostPort is the host as a Host header has it.
func (t Target) HostPort() string {
	switch {
	case t.Port != "":
		return net.JoinHostPort(t.Host, t.Port)
	case strings.Contains(t.Host, ":"):
		return "[" + t.Host + "]"
	}
	return t.Host
}

// HostHeader is the host as it is sent: without the zone of an address, which is of this
// machine alone.
func (t Target) HostHeader() string {
	t.Host, _, _ = strings.Cut(t.Host, "%")
	return t.HostPort()
}

// String is the URL in one piece.
func (t Target) String() string {
	if t.Asked {
		return t.Scheme + "://" + t.HostPort() + t.Path + "?" + t.Query + t.Fragment
	}
	return t.Scheme + "://" + t.HostPort() + t.Path + t.Fragment
}

// RequestURL is what net/http sends byte by byte as the path and the query are.
func (t Target) RequestURL() (*url.URL, error) {
	u := &url.URL{Scheme: t.Scheme, Host: t.HostPort(), RawQuery: t.Query, ForceQuery: t.Asked && t.Query == ""}
	if !setPath(u, t.Path) {
		return nil, malformed("curl_url_slashes", "url", clip(t.String()))
	}
	return u, nil
}

// SameOrigin reports whether a request to the other goes to the same server.
func (t Target) SameOrigin(other Target) bool {
	return t.Scheme == other.Scheme && strings.EqualFold(t.Host, other.Host) && t.Port == other.Port
}

// Resolve is where a redirect leads from a target.
func (c *Command) Resolve(from Target, location string) (Target, error) {
	location = encodeSpaces(location)
	_, _, absolute := cutScheme(location)
	switch {
	case absolute:
		return c.parseTarget(location)
	case strings.HasPrefix(location, "//"):
		return c.parseTarget(from.Scheme + ":" + location)
	}
	next := from
	location, next.Fragment = cutFragment(location)
	path, query, asked := strings.Cut(location, "?")
	switch {
	case strings.HasPrefix(path, "/"):
	case path == "" && !asked:
		return next, nil
	case path == "":
		path = from.Path
	default:
		path = from.Path[:strings.LastIndexByte(from.Path, '/')+1] + path
	}
	if asked {
		path += "?" + query
	}
	next.setPath(path, c.PathAsIs)
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
