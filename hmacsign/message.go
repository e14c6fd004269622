package hmacsign

import (
	"crypto/md5"
	"fmt"
	"hash"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// message is what a scheme sees of a request, the same on the client's side and
// on the server's: the parts as they are on the wire, not as they were decoded.
type message struct {
	method string
	path   string // percent-encoded as sent, "/" when empty
	query  string // without the question mark, encoded as sent
	host   string
	header http.Header
	body   payload
	md5    *[md5.Size]byte // of the body, once it was asked for

	digests          digests
	isRead           bool
	readErr          error  // for every scheme that is tried
	canonicalRequest []byte // of huawei-sdk, which signs its hash

	replaced [4]replacement // by set, for undo
	sets     int
}

// digests makes the digests of a request on the backend that computes its MAC.
type digests struct {
	mac       *algo.Key
	algorithm string // of mac
	backend   string // that was asked for by name, or empty: for other algorithms
}

// of returns the digest under an algorithm's MAC.
func (d *digests) of(algorithm string) (hash.Hash, error) {
	if algorithm == d.algorithm {
		return d.mac.NewHash(), nil
	}
	return algo.NewHash(algorithm, algo.WithBackend(d.backend))
}

// backendOf names the backend that computes an algorithm for the request: as
// above, and empty for the preferred one.
func (d *digests) backendOf(algorithm string) string {
	if algorithm == d.algorithm {
		return d.mac.Backend().Backend
	}
	return d.backend
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
	case "host":
		return "Host"
	case "x-sdk-date":
		return "X-Sdk-Date"
	case "x-sdk-content-sha256":
		return "X-Sdk-Content-Sha256"
	case "x-sdk-content-sm3":
		return "X-Sdk-Content-Sm3"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// read takes the message out of req. When the message is done with, restore or
// keep gives the request a body that can be read again.
func (m *message) read(req *http.Request, c *common) error {
	m.isRead = true
	m.method, m.host, m.header = req.Method, req.Host, req.Header
	if m.method == "" {
		m.method = http.MethodGet
	}
	switch m.method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead:
	default:
		if isToken(m.method) && m.method == strings.ToUpper(m.method) {
			break
		}
		return refuse(ErrMalformed, fmt.Sprintf("method %q: write it in upper case", clip(m.method)))
	}
	if m.host == "" && req.URL != nil {
		m.host = req.URL.Host
	}
	if err := m.target(req); err != nil {
		return err
	}
	m.body = payload{src: req.Body, length: req.ContentLength, limit: c.maxBody, budget: c.budget}
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
	var ok bool
	if m.path, m.query, ok = wire.Target(req); !ok {
		return refuse(ErrMalformed, "the request's URL has no path")
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
		value, err = trimmed(name, m.host)
		return value, m.host != "", err
	}
	values := m.header[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		value, err = trimmed(name, values[0])
		return value, true, err
	}
	return "", true, &VerifyError{Reason: ErrSignedHeaders, Header: clip(name), Detail: "header " + clip(name) + " is repeated"}
}

// values returns all values of a header, untrimmed.
func (m *message) values(name string) []string {
	if name != "Host" {
		return m.header[name]
	}
	if m.host == "" {
		return nil
	}
	return []string{m.host}
}

// trimmed trims a header's value as net/http does when it sends, and refuses
// what would end a line of the string to sign.
func trimmed(name, value string) (string, error) {
	for value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", refuse(ErrMalformed, fmt.Sprintf("header %s has a control character", clip(name)))
		}
	}
	return value, nil
}

// missing refuses a request that lacks a header that is signed.
func missing(name string) error {
	return &VerifyError{Reason: ErrSignedHeaders, Header: clip(name), Detail: "header " + clip(name) + " is to be signed, but is not there"}
}

// bodyMD5 is the MD5 of the body.
func (m *message) bodyMD5() (*[md5.Size]byte, error) {
	if m.md5 == nil {
		h := md5.New()
		if err := m.body.hash(h); err != nil {
			return nil, err
		}
		m.md5 = new([md5.Size]byte)
		h.Sum(m.md5[:0])
	}
	return m.md5, nil
}

// isCanonical reports whether a header's key is in the form that the methods of
// http.Header make.
func isCanonical(key string) bool {
	upper := true
	for i := 0; i < len(key); i++ {
		c := key[i]
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' {
			return false
		}
		upper = c == '-'
	}
	return true
}

// formattedDate is a second in the form of RFC 1123, which takes as long to
// write or to read as a short MAC to compute. Requests come many to the second.
type formattedDate struct {
	second int64
	text   string
}

var lastDate atomic.Pointer[formattedDate]

// formatHTTPDate formats a time as X-Date has it.
func formatHTTPDate(t time.Time) string {
	second := t.Unix()
	if d := lastDate.Load(); d != nil && d.second == second {
		return d.text
	}
	d := &formattedDate{second, t.UTC().Format(http.TimeFormat)}
	lastDate.Store(d)
	return d.text
}

// parseHTTPDate is its reverse.
func parseHTTPDate(text string) (time.Time, error) {
	if d := lastDate.Load(); d != nil && d.text == text {
		return time.Unix(d.second, 0).UTC(), nil
	}
	t, err := time.Parse(http.TimeFormat, text)
	// The text is kept only as it would be written: "08:29:58.5" and a wrong
	// weekday are read too.
	if err == nil && t.Format(http.TimeFormat) == text {
		lastDate.Store(&formattedDate{t.Unix(), strings.Clone(text)})
	}
	return t.UTC(), err
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
