package httptext

import (
	"net/textproto"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// setHeaders sets what the flags say of headers. A name without values is one that is
// not to be sent: it keeps a default one out.
func (c *Command) setHeaders(b *Built) error {
	lines, err := c.headerLines()
	if err != nil {
		return err
	}
	given := map[string]bool{} // a given header replaces a default one, further ones add
	for _, line := range lines {
		name, values, err := parseHeader(line)
		if err != nil {
			return err
		}
		if name != "Host" {
			b.addTyped(line, name, values)
		}
		switch own, err := b.takeHeader(line, name, values); {
		case err != nil:
			return err
		case own:
			continue
		}
		if !given[name] {
			b.Header[name] = nil
			given[name] = true
			b.OwnType = b.OwnType && name != "Content-Type"
		}
		b.Header[name] = append(b.Header[name], values...)
	}
	if agents := b.Header["User-Agent"]; len(agents) > 1 || len(agents) == 1 && agents[0] == "" {
		return malformed("curl_agent")
	}
	return nil
}

// addTyped takes down a header as it was typed.
func (b *Built) addTyped(line, name string, values []string) {
	b.named[name] = true
	for _, value := range values {
		as := strings.TrimSpace(line[:strings.IndexAny(line, ":;")])
		b.typed = append(b.typed, hmacsign.HeaderField{Name: as, Value: value})
	}
}

// headerLines are the lines of -H, with those of files.
func (c *Command) headerLines() (lines []string, err error) {
	for _, h := range c.Headers {
		file, ok := strings.CutPrefix(h, "@")
		if !ok {
			lines = append(lines, h)
			continue
		}
		text, err := c.readFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// parseHeader reads "Name: value", "Name:" that leaves a default one out, or "Name;" that
// is sent empty.
func parseHeader(line string) (name string, values []string, err error) {
	name, value, ok := strings.Cut(line, ":")
	if value = strings.Trim(value, " \t\r\n\v\f"); value != "" {
		values = []string{value}
	}
	if !ok {
		if name, ok = strings.CutSuffix(line, ";"); !ok {
			return "", nil, malformed("curl_header", "header", clip(line))
		}
		values = []string{""}
	}
	name = strings.TrimSpace(name)
	if !validName(name) || !validValue(value) {
		return "", nil, malformed("curl_header_bytes", "header", clip(line))
	}
	return textproto.CanonicalMIMEHeaderKey(name), values, nil
}

// clip shortens what an error shows.
func clip(text string) string {
	if len(text) > 80 {
		return text[:80] + "..."
	}
	return text
}

// takeHeader takes the headers that stand elsewhere in a request than among its others.
func (b *Built) takeHeader(line, name string, values []string) (own bool, err error) {
	value := strings.Join(values, "")
	switch name {
	case "Host":
		if value == "" {
			return true, malformed("curl_host_empty", "header", line)
		}
		if !sentAsItIs(value) {
			return true, malformed("curl_host", "header", line)
		}
		if !b.HostGiven { // of several the first one counts
			b.Host, b.HostGiven = value, true
		}
		return true, nil
	case "Content-Length":
		if len(values) > 0 && value != strconv.FormatInt(b.ContentLength, 10) {
			return true, malformed("curl_length", "header", line, "bytes", strconv.FormatInt(b.ContentLength, 10))
		}
		return true, nil
	case "Transfer-Encoding":
		if b.Chunked = strings.EqualFold(value, "chunked"); !b.Chunked && len(values) > 0 {
			return true, malformed("curl_coding", "header", line)
		}
		return true, nil
	case "Trailer":
		return true, malformed("curl_trailer", "header", line)
	}
	return false, nil
}

// sentAsItIs reports whether net/http sends a Host as it is, which is what is signed: it
// leaves one empty that is none, takes the zone out of an address, and encodes a name.
func sentAsItIs(host string) bool {
	const others = "!$%&'()*+,-.:;=[]_~"
	for _, c := range []byte(host) {
		if !isAlphanumeric(c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return !strings.HasPrefix(host, "[") || !strings.Contains(host, "%")
}

// validName reports whether a header's name is a token (RFC 9110 section 5.6.2).
func validName(name string) bool {
	for _, c := range []byte(name) {
		if !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// validValue reports whether a header's value has no control characters but tabs.
func validValue(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c > 0x7f })
}
