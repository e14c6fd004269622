package httptext

import (
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// parseHTTP2 reads HTTP/2 or HTTP/3: the list of pseudo-headers and headers that browsers
// show, or a first line such as "GET /a HTTP/2". A body needs no Content-Length there.
func parseHTTP2(text string) (*Request, error) {
	r := new(Request)
	text = r.withoutSpace(text)
	h := cutHead(text)
	lines := h.lines
	if len(lines) > 0 && !strings.HasPrefix(lines[0], ":") {
		if err := r.setRequestLine(lines[0]); err != nil {
			return nil, err
		}
		lines = lines[1:]
	}
	if err := r.setFields(lines, 1+len(h.lines)-len(lines)); err != nil {
		return nil, err
	}
	return r, r.setHTTP2Body(h)
}

// setFields takes pseudo-headers and headers.
func (r *Request) setFields(lines []string, number int) error {
	if len(lines) > 1 && isName(lines[0]) && !isName(lines[1]) {
		lines = joinPairs(lines)
	}
	pseudo := make(map[string]string)
	rest := lines[:0:0]
	for _, line := range lines {
		name, value, found := cutPseudo(line)
		if !found {
			rest = append(rest, line)
			continue
		}
		if _, again := pseudo[name]; again {
			return malformed("http_repeated", "name", name)
		}
		pseudo[name] = value
	}
	if r.Method == "" || len(pseudo) > 0 {
		if err := r.setPseudo(pseudo); err != nil {
			return err
		}
	}
	return r.setHeaders(rest, number+len(lines)-len(rest))
}

// cutPseudo cuts a line such as ":path: /a".
func cutPseudo(line string) (name, value string, ok bool) {
	bare, isPseudo := strings.CutPrefix(line, ":")
	name, value, found := strings.Cut(bare, ":")
	return ":" + name, strings.Trim(value, " \t"), isPseudo && found
}

// setPseudo takes what stands in the place of the request line and the Host.
func (r *Request) setPseudo(pseudo map[string]string) error {
	for name, value := range pseudo {
		switch name {
		case ":method":
			r.Method = value
		case ":scheme":
			r.Scheme = strings.ToLower(value)
		case ":authority":
			r.Host = value
		case ":path":
			if value != "*" && !strings.HasPrefix(value, "/") {
				return malformed("http_target") // a whole URL would tell the authority anew
			}
			if err := r.setTarget(value); err != nil {
				return err
			}
		default:
			return unsupported("http_pseudo", "name", scheme.Clip(name))
		}
	}
	switch {
	case r.Method == "":
		return malformed("http_no_pseudo", "name", ":method")
	case r.Target == "":
		return malformed("http_no_pseudo", "name", ":path")
	case !scheme.IsToken(r.Method):
		return malformed("http_method")
	case r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https":
		return malformed("http_scheme")
	}
	return nil
}

// isName reports whether a line has a name alone, as browsers copy names and values
// line by line.
func isName(line string) bool {
	line = strings.TrimRight(line, " \t")
	name := strings.TrimPrefix(strings.TrimSuffix(line, ":"), ":")
	return strings.HasPrefix(line, ":") && scheme.IsToken(name)
}

// joinPairs makes header lines of names and values in turn.
func joinPairs(lines []string) (joined []string) {
	for i := 0; i < len(lines); i += 2 {
		line := strings.TrimSuffix(strings.TrimRight(lines[i], " \t"), ":") + ":"
		if i+1 < len(lines) {
			line += " " + lines[i+1]
		}
		joined = append(joined, line)
	}
	return joined
}

func (r *Request) setHTTP2Body(h head) error {
	f, err := r.framing()
	switch {
	case err != nil:
		return err
	case r.Host == "":
		r.note("http_no_host")
	}
	if f.stated || f.chunked {
		return r.setBody(h.rest, h.lf)
	}
	r.setUndeclared(h.rest)
	return nil
}
