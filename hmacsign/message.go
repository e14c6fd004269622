package hmacsign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
)

// DefaultMaxBody is how many bytes of body are read unless [WithMaxBody] says
// otherwise: 10 MiB.
const DefaultMaxBody = 10 << 20

// message is what a scheme sees of a request, the same on the client's side and
// on the server's: the parts as they are on the wire, not as they were decoded.
type message struct {
	method string
	path   string // percent-encoded as sent, "/" when empty
	query  string // without the question mark, encoded as sent
	host   string
	header http.Header
	body   payload

	replaced [4]replacement // by set, for undo
	sets     int
}

type replacement struct {
	name string
	old  []string
}

// set sets a header of the request; name is in canonical form.
func (m *message) set(name, value string) {
	m.replaced[m.sets] = replacement{name, m.header[name]}
	m.sets++
	m.header[name] = []string{value}
}

// undo takes back every set.
func (m *message) undo() {
	for ; m.sets > 0; m.sets-- {
		if r := m.replaced[m.sets-1]; r.old == nil {
			delete(m.header, r.name)
		} else {
			m.header[r.name] = r.old
		}
	}
}

// canonicalName is a header's key in http.Header, without an allocation for the
// names that schemes know.
func canonicalName(name string) string {
	switch name {
	case "x-date":
		return "X-Date"
	case "source":
		return "Source"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// read takes the message out of req. When the message is done with, restore or
// keep gives the request a body that can be read again.
func (m *message) read(req *http.Request, maxBody int64) error {
	m.method, m.host, m.header = req.Method, req.Host, req.Header
	if m.method == "" {
		m.method = http.MethodGet
	}
	if !isToken(m.method) || m.method != strings.ToUpper(m.method) {
		return refuse(ErrMalformed, fmt.Sprintf("method %q: write it in upper case", clip(m.method)))
	}
	if m.host == "" && req.URL != nil {
		m.host = req.URL.Host
	}
	if err := m.target(req); err != nil {
		return err
	}
	m.body = payload{src: req.Body, length: req.ContentLength, limit: maxBody}
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		m.body.src, m.body.length = nil, 0
	case req.ContentLength == 0:
		m.body.length = -1 // on the client's side: unknown
	}
	return nil
}

// target sets path and query. A server's request has the request line's text,
// which is what the client signed: req.URL may have been cleaned or stripped
// since, and would encode some bytes that came unencoded.
func (m *message) target(req *http.Request) error {
	switch {
	case strings.HasPrefix(req.RequestURI, "/"):
		m.path, m.query, _ = strings.Cut(req.RequestURI, "?")
	case req.URL == nil || req.URL.Opaque != "":
		return refuse(ErrMalformed, "the request's URL has no path")
	default:
		m.path, m.query = req.URL.EscapedPath(), req.URL.RawQuery
	}
	if m.path == "" {
		m.path = "/"
	}
	if err := checkEncoded("path", m.path); err != nil {
		return err
	}
	return checkEncoded("query", m.query)
}

// checkEncoded refuses what is not percent-encoded text: a stray %, and bytes
// that would end a line or a field.
func checkEncoded(what, s string) error {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7f:
			return refuse(ErrMalformed, fmt.Sprintf("%s has an unencoded control character or space at byte %d", what, i))
		case c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])):
			return refuse(ErrMalformed, fmt.Sprintf("%s has an invalid percent-encoding at byte %d", what, i))
		}
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// single returns a header's value, trimmed as net/http does when it sends, and
// whether the header is there at all. Name is in canonical form, or "Host". A
// repeated header is refused: which of its values counts is anyone's guess.
func (m *message) single(name string) (value string, present bool, err error) {
	if name == "Host" {
		return m.host, m.host != "", nil
	}
	values := m.header[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", true, refuse(ErrSignedHeaders, fmt.Sprintf("header %s is repeated", clip(name)))
	}
	value = strings.Trim(values[0], " \t")
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", true, refuse(ErrMalformed, fmt.Sprintf("header %s has a control character", clip(name)))
		}
	}
	return value, true, nil
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2, such as a
// method or a header's name.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// clip keeps what a stranger sent from filling a log line.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

// payload reads a body when it is needed, once, and not beyond the limit.
type payload struct {
	src    io.ReadCloser // nil: there is none
	length int64         // as declared, -1 if it is not
	limit  int64
	data   []byte
	err    error
	done   bool
}

// empty reports whether there is no body, reading it only if it does not say.
func (p *payload) empty() (bool, error) {
	if p.length >= 0 {
		return p.length == 0, nil
	}
	data, err := p.bytes()
	return len(data) == 0, err
}

func (p *payload) bytes() ([]byte, error) {
	if p.done || p.src == nil {
		return p.data, p.err
	}
	p.done = true
	if p.length > p.limit {
		p.err = p.tooLarge()
		return nil, p.err
	}
	var buf bytes.Buffer
	if p.length > 0 {
		buf.Grow(int(min(p.length, 64<<10)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(p.src, p.limit+1))
	p.data = buf.Bytes()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || int64(len(p.data)) > p.limit:
		p.err = p.tooLarge()
	case err != nil:
		p.err = &VerifyError{Reason: ErrBody, Cause: err}
	}
	return p.data, p.err
}

func (p *payload) tooLarge() error {
	return refuse(ErrBodyTooLarge, fmt.Sprintf("more than %d bytes: send less or raise the limit", p.limit))
}

// restore gives a server's request what was read of its body, followed by what
// was not.
func (p *payload) restore(req *http.Request) {
	if !p.done {
		return
	}
	var r io.Reader = bytes.NewReader(p.data)
	if p.err != nil {
		r = io.MultiReader(r, p.src)
	}
	req.Body = &readCloser{r, p.src}
}

// keep does the same for a client's request, whose body may be sent more than
// once and has a known length from now on.
func (p *payload) keep(req *http.Request) {
	p.restore(req)
	if !p.done || p.err != nil {
		return
	}
	data := p.data
	req.ContentLength = int64(len(data))
	if len(data) == 0 {
		req.Body = http.NoBody
	}
	req.GetBody = func() (io.ReadCloser, error) {
		if len(data) == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}
}

type readCloser struct {
	io.Reader
	io.Closer
}
