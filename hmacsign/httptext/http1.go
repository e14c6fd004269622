package httptext

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/wire"
)

func malformed(code string, args ...string) error {
	return &Error{ErrMalformed, code, scheme.Args(args...)}
}

func unsupported(code string, args ...string) error {
	return &Error{ErrUnsupported, code, scheme.Args(args...)}
}

func (r *Request) note(code string, args ...string) {
	r.Notes = append(r.Notes, Note{code, scheme.Args(args...)})
}

// parseHTTP1 reads HTTP/1.1, as on the wire or as an editor leaves it.
func parseHTTP1(text string) (*Request, error) {
	r := new(Request)
	text = r.withoutSpace(text)
	h := cutHead(text)
	if h.lf {
		r.note("http_lf")
	}
	if !h.ended {
		r.note("http_no_end")
	}
	if err := r.setHead(h.lines); err != nil {
		return nil, err
	}
	if r.Host == "" {
		r.note("http_no_host")
	}
	return r, r.setBody(h.rest, h.lf)
}

// withoutSpace leaves out what stands before the first line.
func (r *Request) withoutSpace(text string) string {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed != text {
		r.note("http_space")
	}
	return trimmed
}

// A head is the lines before a body, without their ends.
type head struct {
	lines []string
	rest  string // behind the empty line
	lf    bool   // a line ends in LF alone
	ended bool   // there is an empty line
}

func cutHead(text string) (h head) {
	for text != "" {
		line, rest, found := strings.Cut(text, "\n")
		bare := strings.TrimSuffix(line, "\r")
		h.lf = h.lf || found && bare == line
		if text = rest; bare == "" {
			h.ended, h.rest = found, text
			return h
		}
		h.lines = append(h.lines, bare)
		if len(h.lines) > hmacsign.MaxWireHeaders+1 {
			return h // setHead refuses it
		}
	}
	return h
}

// requestLine cuts a first line, such as "GET /a HTTP/1.1".
func requestLine(line string) (method, target, version string, ok bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ = strings.Cut(rest, " ")
	digits, isHTTP := strings.CutPrefix(version, "HTTP/")
	ok = scheme.IsToken(method) && target != "" && isHTTP && digits != "" && strings.Trim(digits, "0123456789.") == ""
	return method, target, version, ok
}

// setHead takes the request line and the headers.
func (r *Request) setHead(lines []string) error {
	if len(lines) == 0 {
		return malformed("text_empty")
	}
	if err := r.setRequestLine(lines[0]); err != nil {
		return err
	}
	return r.setHeaders(lines[1:], 2)
}

func (r *Request) setRequestLine(line string) error {
	method, target, _, ok := requestLine(strings.TrimRight(line, " \t"))
	if !ok {
		return malformed("http_request_line")
	}
	r.Method = method
	return r.setTarget(target)
}

// setTarget takes the target of a request line.
func (r *Request) setTarget(target string) error {
	if strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return malformed("http_target")
	}
	if strings.HasPrefix(target, "/") || target == "*" {
		r.Target = target
		return nil
	}
	name, authority, origin, ok := cutURL(target)
	if !ok {
		return malformed("http_target")
	}
	if strings.Contains(authority, "@") {
		return unsupported("http_user")
	}
	r.Scheme, r.Host, r.Target = name, authority, origin
	r.note("http_absolute", "host", authority)
	return nil
}

// cutURL cuts a whole URL without a fragment.
func cutURL(text string) (name, authority, origin string, ok bool) {
	origin, ok = wire.OriginForm(text)
	name, authority, _ = strings.Cut(text, "://")
	if end := strings.IndexAny(authority, "/?"); end >= 0 {
		authority = authority[:end]
	}
	return strings.ToLower(name), authority, origin, ok && authority != ""
}

// setHeaders takes header lines, of which the first is that number of the text.
func (r *Request) setHeaders(lines []string, number int) error {
	for i, line := range lines {
		if line[0] == ' ' || line[0] == '\t' {
			return malformed("http_folded", "line", strconv.Itoa(number+i))
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !scheme.IsToken(name) {
			return malformed("http_header_line", "line", strconv.Itoa(number+i))
		}
		if err := r.addHeader(name, value); err != nil {
			return err
		}
	}
	return r.checkHead()
}

// addHeader adds a header, or takes the host that it names.
func (r *Request) addHeader(name, value string) error {
	if !scheme.IsToken(name) {
		return malformed("http_header_name", "name", scheme.Clip(name))
	}
	value, err := scheme.Trim(name, value)
	if err != nil {
		return malformed("http_header_value", "name", scheme.Clip(name))
	}
	r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
	return nil
}

// checkHead takes the host out of the headers, and refuses a head that no server takes.
func (r *Request) checkHead() error {
	size := len(r.Target) + len(r.Host)
	rest, hosts := r.Header[:0], 0
	for _, f := range r.Header {
		size += len(f.Name) + len(f.Value)
		if !strings.EqualFold(f.Name, "Host") {
			rest = append(rest, f)
			continue
		}
		if hosts++; r.Host == "" { // that of the target goes before
			r.Host = f.Value
		}
	}
	r.Header = rest
	switch {
	case hosts > 1:
		return malformed("http_repeated", "name", "Host")
	case strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`/?#@\`, c) }):
		return malformed("http_host")
	case len(r.Header)+hosts > hmacsign.MaxWireHeaders:
		return malformed("http_many_headers", "limit", strconv.Itoa(hmacsign.MaxWireHeaders))
	case size > hmacsign.MaxWireHeaderBytes:
		return malformed("http_long_head", "limit", strconv.Itoa(hmacsign.MaxWireHeaderBytes))
	}
	return nil
}

// values are those of a header.
func (r *Request) values(name string) (all []string) {
	for _, f := range r.Header {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// A framing is what the headers say of the body's length.
type framing struct {
	length  int64 // of Content-Length
	stated  bool  // there is one
	chunked bool
}

func (r *Request) framing() (f framing, err error) {
	coding, lengths := r.values("Transfer-Encoding"), r.values("Content-Length")
	f.chunked, f.stated = len(coding) > 0, len(lengths) > 0
	switch {
	case len(coding) > 1 || f.chunked && !strings.EqualFold(coding[0], "chunked"):
		return f, unsupported("http_transfer_encoding")
	case f.chunked && f.stated:
		return f, malformed("http_length_and_chunked")
	case len(lengths) > 1:
		return f, malformed("http_repeated", "name", "Content-Length")
	case f.stated:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return f, malformed("http_length", "value", scheme.Clip(lengths[0]))
		}
		f.length = int64(n)
	}
	return f, nil
}

// setBody takes the body out of what follows the head.
func (r *Request) setBody(rest string, lf bool) error {
	f, err := r.framing()
	if err != nil {
		return err
	}
	switch {
	case f.chunked:
		r.setChunked(rest, lf)
	case f.stated:
		r.setDeclared(rest, f.length, lf)
	case strings.Trim(rest, "\r\n") == "" || hasBody(r.Method):
		r.setUndeclared(rest)
		if len(r.Body) > 0 {
			r.note("http_no_length", "bytes", strconv.Itoa(len(r.Body)))
		}
	default:
		r.note("http_no_body", "bytes", strconv.Itoa(len(rest)), "method", r.Method)
	}
	return nil
}

// hasBody reports whether requests of a method have a body, as a rule.
func hasBody(method string) bool {
	return !slices.Contains([]string{"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"}, method)
}

// setDeclared takes a body whose length is known. Editors add newlines at the end, and
// turn those within into others.
func (r *Request) setDeclared(rest string, length int64, lf bool) {
	body, newline, fits := fit(rest, length)
	other, changed := otherNewlines(rest, lf)
	restored, _, otherFits := fit(other, length)
	switch {
	case fits:
		if newline {
			r.note("http_newline")
		}
	case changed && otherFits:
		body = restored
		r.noteNewlines(lf)
	default:
		body = rest
	}
	r.Body = []byte(body)
	r.noteLength(length)
}

// noteLength tells of a body that is longer or shorter than is declared.
func (r *Request) noteLength(length int64) {
	args := []string{"bytes", strconv.Itoa(len(r.Body)), "length", strconv.FormatInt(length, 10)}
	switch n := int64(len(r.Body)); {
	case n > length:
		r.note("http_longer", args...)
	case n < length:
		r.note("http_shorter", args...)
	}
}

// fit is the text up to a length, if nothing but newlines is behind it.
func fit(text string, length int64) (body string, newline, ok bool) {
	if int64(len(text)) < length || strings.Trim(text[length:], "\r\n") != "" {
		return "", false, false
	}
	return text[:length], int64(len(text)) > length, true
}

// otherNewlines is a body as it was before an editor changed its newlines; false if it
// did not.
func otherNewlines(body string, lf bool) (other string, changed bool) {
	pairs, all := strings.Count(body, "\r\n"), strings.Count(body, "\n")
	switch {
	case all == 0:
		return "", false
	case lf && pairs == 0:
		return strings.ReplaceAll(body, "\n", "\r\n"), true
	case !lf && pairs == all:
		return strings.ReplaceAll(body, "\r\n", "\n"), true
	}
	return "", false
}

// noteNewlines tells that otherNewlines were taken.
func (r *Request) noteNewlines(lf bool) {
	if lf {
		r.note("http_body_crlf")
	} else {
		r.note("http_body_lf")
	}
}

// setUndeclared takes a body of which no length is known, without the newline at its end.
func (r *Request) setUndeclared(rest string) {
	body := strings.TrimSuffix(strings.TrimSuffix(rest, "\n"), "\r")
	if strings.Trim(rest, "\r\n") == "" {
		body = ""
	}
	if body != rest {
		r.note("http_newline")
	}
	r.Body = []byte(body)
}

// setChunked takes a body out of its chunks, or as it is if they were taken off.
func (r *Request) setChunked(rest string, lf bool) {
	c, ok := dechunk(rest)
	if other, changed := otherNewlines(rest, lf); !ok && changed {
		if c, ok = dechunk(other); ok {
			r.noteNewlines(lf)
		}
	}
	if !ok {
		r.setUndeclared(rest)
		r.note("http_chunks_off")
		return
	}
	r.Body = c.body
	if c.trailer {
		r.note("http_trailer")
	}
	switch {
	case c.behind == "":
	case strings.Trim(c.behind, "\r\n") == "":
		r.note("http_newline")
	default:
		r.note("http_behind", "bytes", strconv.Itoa(len(c.behind)))
	}
}

// chunks are what a body in chunks is made of.
type chunks struct {
	body    []byte
	trailer bool
	behind  string
}

// dechunk reads chunks; false if there are none, or not all of them.
func dechunk(text string) (c chunks, ok bool) {
	for {
		line, rest, found := strings.Cut(text, "\n")
		size, _, _ := strings.Cut(strings.TrimSuffix(line, "\r"), ";")
		n, err := strconv.ParseUint(strings.TrimRight(size, " \t"), 16, 31)
		if err != nil {
			return c, false
		}
		if n == 0 {
			c.trailer, c.behind, ok = cutTrailer(rest)
			return c, ok
		}
		if !found || uint64(len(rest)) < n {
			return c, false
		}
		c.body = append(c.body, rest[:n]...)
		if text, ok = strings.CutPrefix(strings.TrimPrefix(rest[n:], "\r"), "\n"); !ok {
			return c, false
		}
	}
}

// cutTrailer cuts what follows the last chunk behind the empty line, which editors
// take off.
func cutTrailer(text string) (found bool, behind string, ok bool) {
	h := cutHead(text)
	r := new(Request)
	if h.ended {
		behind = h.rest
	}
	return len(h.lines) > 0, behind, r.setHeaders(h.lines, 1) == nil
}
