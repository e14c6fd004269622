package main

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// setHeaders sets what the flags say of headers. A name without values is one that is
// not to be sent: it keeps a default one out.
func (c *curlRequest) setHeaders(b *builtRequest) error {
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
		switch own, err := b.takeHeader(line, name, values); {
		case err != nil:
			return err
		case own:
			continue
		}
		if !given[name] {
			b.Header[name] = nil
			given[name] = true
			b.ownType = b.ownType && name != "Content-Type"
		}
		b.Header[name] = append(b.Header[name], values...)
	}
	if agents := b.Header["User-Agent"]; len(agents) > 1 || len(agents) == 1 && agents[0] == "" {
		return usagef("-H \"User-Agent\": one is sent, with a value, or none: -A \"\"")
	}
	return nil
}

// headerLines are the lines of -H, with those of files.
func (c *curlRequest) headerLines() (lines []string, err error) {
	for _, h := range c.headers {
		file, ok := strings.CutPrefix(h, "@")
		if !ok {
			lines = append(lines, h)
			continue
		}
		text, err := c.read(file)
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
			return "", nil, usagef("-H %q: write it as \"Name: value\"", clip(line))
		}
		values = []string{""}
	}
	name = strings.TrimSpace(name)
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return "", nil, usagef("-H %q: a name has no spaces or separators, a value no control characters", clip(line))
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
func (b *builtRequest) takeHeader(line, name string, values []string) (own bool, err error) {
	value := strings.Join(values, "")
	switch name {
	case "Authorization":
		return true, usagef("-H Authorization: the signature goes there: leave it out")
	case "Host":
		if value == "" {
			return true, usagef("-H %q: a request needs its Host: give it a value, or leave it out", line)
		}
		if !sentAsItIs(value) {
			return true, usagef("-H %q: this is no host as it can be sent: write it as HOST or HOST:PORT", line)
		}
		if !b.hostGiven { // of several the first one counts
			b.Host, b.hostGiven = value, true
		}
		return true, nil
	case "Content-Length":
		if len(values) > 0 && value != strconv.FormatInt(b.ContentLength, 10) {
			return true, usagef("-H %q: the body has %d bytes: leave it out", line, b.ContentLength)
		}
		return true, nil
	case "Transfer-Encoding":
		if b.chunked = strings.EqualFold(value, "chunked"); !b.chunked && len(values) > 0 {
			return true, usagef("-H %q: only chunked can be sent: leave it out", line)
		}
		return true, nil
	case "Trailer":
		return true, usagef("-H %q: no trailers are sent: leave it out", line)
	}
	return false, nil
}

// sentAsItIs reports whether net/http sends a Host as it is, which is what is signed: it
// leaves one empty that is none, takes the zone out of an address, and encodes a name.
func sentAsItIs(host string) bool {
	encoded, err := httpguts.PunycodeHostPort(host)
	zone := strings.HasPrefix(host, "[") && strings.Contains(host, "%")
	return err == nil && encoded == host && httpguts.ValidHostHeader(host) && !zone
}

// setDefault sets a header that no flag has set, nor left out; to no value if it is not
// to be sent.
func setDefault(h http.Header, name string, values ...string) {
	if _, set := h[name]; !set {
		h[name] = values
	}
}
