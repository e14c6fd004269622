package hmacsign

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/gmhmac/hmacsign/algo"
)

// TencentApp is application authentication of Tencent's API gateway,
// tencent-app: it signs chosen headers, method, Accept, Content-Type, the MD5
// of the body, path and parameters. Source: Tencent Cloud's documentation of
// API Gateway, "Application Authentication" (628/55088), and its samples.
//
// What it does not tell apart, by its definition: a parameter in the query and
// the same in a form body; the order of parameters; "a=" and "a"; and, unless
// [KeepEnvironment] is given, the same path with and without an environment
// segment (release, test, prepub) in front.
var TencentApp Scheme = tencentApp{}

type tencentApp struct{}

func (tencentApp) Name() string { return "tencent-app" }

func (tencentApp) parse(value string) (*authorization, error)  { return parseHMACHeader(value) }
func (tencentApp) format(a *authorization) string              { return formatHMACHeader(a) }
func (tencentApp) message(e *VerifyError) string               { return tencentMessage(e) }
func (tencentApp) queryForms(accepted []QueryForm) []QueryForm { return accepted }
func (tencentApp) Algorithms() []string                        { return algo.Algorithms() }

// ambiguous: the parameters are signed as they are encoded; query form decoded
// looks after itself.
func (tencentApp) ambiguous(*message) error { return nil }

var tencentAppAlsoSigned = []string{"accept", "content-type", "content-md5"}

func (tencentApp) alsoSigned(*message, *authorization) []string { return tencentAppAlsoSigned }

func (tencentApp) signs(requested []string) []string {
	headers := append([]string{"x-date"}, requested...)
	slices.Sort(headers)
	return slices.Compact(headers)
}

func (tencentApp) prepare(m *message, s *signing, _ *authorization) error {
	sent, present, err := m.single("Content-Md5")
	if err != nil {
		return err
	}
	if present {
		matches, err := m.digestMatches(sent)
		if err != nil {
			return err
		}
		if !matches {
			return refuse(ErrBodyDigest, "the request's Content-MD5 is not that of its body: leave it to the signer")
		}
	} else if s.contentMD5 != ContentMD5None && !isForm(m.header) {
		empty, err := m.body.empty()
		if err != nil {
			return err
		}
		if !empty {
			sum, err := m.bodyMD5()
			if err != nil {
				return err
			}
			m.set("Content-Md5", contentMD5(sum, s.contentMD5))
		}
	}
	// Clients tend to add "Accept: */*" on their way out; the gateway would
	// then sign another value than an absent one.
	if _, present := m.header["Accept"]; !present {
		m.set("Accept", "*/*")
	}
	m.set("X-Date", formatHTTPDate(s.now))
	return nil
}

// date reads X-Date, which must be among the signed headers.
func (tencentApp) date(m *message, a *authorization) (time.Time, error) {
	if !slices.Contains(a.headers, "x-date") {
		return time.Time{}, refuse(ErrDate, "x-date is not among the signed headers")
	}
	return httpDate(m, "X-Date")
}

// httpDate reads a header with a date of RFC 1123 in GMT.
func httpDate(m *message, name string) (time.Time, error) {
	value, present, err := m.single(name)
	if err != nil {
		return time.Time{}, err
	}
	if !present {
		return time.Time{}, refuse(ErrDate, "no "+name+" header")
	}
	t, err := parseHTTPDate(value)
	if err != nil {
		return time.Time{}, refuse(ErrDate, fmt.Sprintf("%s %q is not of the form %q", name, clip(value), http.TimeFormat))
	}
	return t, nil
}

func (tencentApp) stringToSign(dst []byte, m *message, a *authorization, c *canonical) ([]byte, error) {
	// The lines of the signed headers, sorted, whatever the order of the list.
	var buf [8]string
	names := append(buf[:0], a.headers...)
	slices.Sort(names)
	dst, err := appendHeaderLines(dst, m, names)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, m.method...), '\n')
	for _, name := range [...]string{"Accept", "Content-Type"} {
		value, _, err := m.single(name)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, value...), '\n')
	}
	form := isForm(m.header)
	if dst, err = appendContentMD5(dst, m, form); err != nil {
		return nil, err
	}
	dst = append(dst, '\n')
	return appendPathAndParameters(dst, m, form, c)
}

// appendHeaderLines appends a line "name: value" for each header.
func appendHeaderLines(dst []byte, m *message, names []string) ([]byte, error) {
	for _, name := range names {
		value, present, err := m.single(canonicalName(name))
		if err != nil {
			return nil, err
		}
		if !present {
			return nil, missing(name)
		}
		dst = append(append(append(append(dst, name...), ": "...), value...), '\n')
	}
	return dst, nil
}

// appendContentMD5 appends the field: empty without a body and for a form, else
// the header's value, which checkBody holds against the body, else what the
// samples that send no header compute.
func appendContentMD5(dst []byte, m *message, form bool) ([]byte, error) {
	if form {
		return dst, nil
	}
	if empty, err := m.body.empty(); empty || err != nil {
		return dst, err
	}
	value, present, err := m.single("Content-Md5")
	if present || err != nil {
		return append(dst, value...), err
	}
	sum, err := m.bodyMD5()
	if err != nil {
		return nil, err
	}
	return append(dst, contentMD5(sum, ContentMD5Hex)...), nil
}

// checkBody holds a Content-MD5 header against the body, in either form. It
// also catches an empty one, which would leave the body unsigned.
func (tencentApp) checkBody(m *message, _ *authorization) error {
	value, present, err := m.single("Content-Md5")
	if !present || err != nil {
		return err
	}
	matches, err := m.digestMatches(value)
	if err != nil {
		return err
	}
	if !matches {
		return refuse(ErrBodyDigest, "Content-MD5 is not that of the body")
	}
	return nil
}

func contentMD5(sum *[md5.Size]byte, form ContentMD5) string {
	if form == ContentMD5Raw {
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	return base64.StdEncoding.EncodeToString(hex.AppendEncode(nil, sum[:]))
}

// digestMatches holds a Content-MD5 against the body, in either form.
func (m *message) digestMatches(value string) (bool, error) {
	if value == "" {
		return m.body.empty()
	}
	sum, err := m.bodyMD5()
	return err == nil && (value == contentMD5(sum, ContentMD5Hex) || value == contentMD5(sum, ContentMD5Raw)), err
}

// isForm reports whether the body's parameters are signed with the query's.
func isForm(h http.Header) bool {
	values := h["Content-Type"]
	if len(values) == 0 {
		return false
	}
	mediaType, _, _ := strings.Cut(values[0], ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// maxParameters bounds the work that an unauthenticated request can ask for.
const maxParameters = 10_000

// appendPathAndParameters appends the last field: the path without its
// environment segment, and the parameters of query and form together.
func appendPathAndParameters(dst []byte, m *message, form bool, c *canonical) ([]byte, error) {
	path := m.path
	if !c.keepEnvironment {
		path = stripEnvironment(path)
	}
	var body string
	var err error
	if form {
		if body, err = m.body.form(); err != nil {
			return nil, err
		}
		if err := checkEncoded("form body", body); err != nil {
			return nil, err
		}
	}
	count := countParameters(m.query) + countParameters(body)
	if count > maxParameters {
		return nil, refuse(ErrMalformed, fmt.Sprintf("%d parameters, the limit is %d", count, maxParameters))
	}
	if dst, err = m.grow(dst, len(path)+len(m.query)+len(body)+2, count); err != nil {
		return nil, err
	}
	switch c.form {
	case QueryRaw:
		return appendRaw(append(dst, path...), m.query, body, form), nil
	case QueryDecoded:
		if err := m.body.charge(int64(len(m.query) + len(body))); err != nil {
			return nil, err
		}
		decoded, err := decodePath(path)
		if err != nil {
			return nil, err
		}
		return appendParameters(append(dst, decoded...), m.query, body, decodeParameter)
	}
	return appendParameters(append(dst, path...), m.query, body, asSent)
}

// countParameters counts the pieces between ampersands, empty ones too.
func countParameters(text string) int {
	if text == "" {
		return 0
	}
	return strings.Count(text, "&") + 1
}

// grow makes room in dst for a text of that length at once, and sees that the
// budget has it, with what sorting so many parameters takes.
func (m *message) grow(dst []byte, length, parameters int) ([]byte, error) {
	need := parameters * int(unsafe.Sizeof(parameter{}))
	if cap(dst)-len(dst) < length {
		need += length
	}
	if err := m.body.charge(int64(need)); err != nil {
		return nil, err
	}
	return slices.Grow(dst, length), nil
}

// stripEnvironment drops a first segment that is wholly the name of one of the
// gateway's environments. The vendor's samples cut the prefix off /releases/v1
// too, and fail on /release alone.
func stripEnvironment(path string) string {
	rest := strings.TrimPrefix(path, "/")
	segment, _, _ := strings.Cut(rest, "/")
	switch segment {
	case "release", "test", "prepub":
		if rest = rest[len(segment):]; rest == "" {
			return "/"
		}
		return rest
	}
	return path
}

// appendRaw does what the Python sample does, its oddities included: for a form
// the body comes first, the question mark always, and an empty piece counts.
func appendRaw(dst []byte, query, body string, form bool) []byte {
	if query == "" && !form {
		return dst
	}
	var pieces []string
	if form {
		pieces = strings.Split(body, "&")
	}
	if query != "" {
		pieces = append(pieces, strings.Split(query, "&")...)
	}
	slices.Sort(pieces)
	dst = append(dst, '?')
	for i, piece := range pieces {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, piece...)
	}
	return dst
}

type parameter struct{ key, value string }

func (p parameter) compare(q parameter) int {
	if n := strings.Compare(p.key, q.key); n != 0 {
		return n
	}
	return strings.Compare(p.value, q.value)
}

// splitParameters appends the parameters of a query or form, each part read by
// read. An empty piece is none.
func splitParameters(dst []parameter, text string, read func(string) (string, error)) ([]parameter, error) {
	for text != "" {
		var piece string
		piece, text, _ = strings.Cut(text, "&")
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		key, err := read(key)
		if err != nil {
			return nil, err
		}
		if value, err = read(value); err != nil {
			return nil, err
		}
		dst = append(dst, parameter{key, value})
	}
	return dst, nil
}

// appendParameters appends the parameters sorted by key and then by value, an
// empty value without its equals sign; none, no question mark.
func appendParameters(dst []byte, query, body string, read func(string) (string, error)) ([]byte, error) {
	var buf [16]parameter
	parameters := slices.Grow(buf[:0], countParameters(query)+countParameters(body))
	parameters, err := splitParameters(parameters, query, read)
	if err != nil {
		return nil, err
	}
	if parameters, err = splitParameters(parameters, body, read); err != nil {
		return nil, err
	}
	slices.SortFunc(parameters, parameter.compare)
	separator := byte('?')
	for _, p := range parameters {
		dst = append(append(dst, separator), p.key...)
		if p.value != "" {
			dst = append(append(dst, '='), p.value...)
		}
		separator = '&'
	}
	return dst, nil
}

func asSent(s string) (string, error) { return s, nil }

func decodeParameter(s string) (string, error) {
	decoded, err := url.QueryUnescape(s)
	return unambiguous(s, decoded, "&=#?%+;", err)
}

func decodePath(s string) (string, error) {
	decoded, err := url.PathUnescape(s)
	return unambiguous(s, decoded, "&=#?/%+;", err)
}

// unambiguous refuses a decoded text in which a separator or a control character
// came out of the decoding, or what could be decoded again: another request could
// have the same text. A plus that stood for a space is none that came out.
func unambiguous(encoded, decoded, special string, err error) (string, error) {
	if err != nil {
		return "", refuse(ErrMalformed, "invalid percent-encoding")
	}
	for i := 0; i+2 < len(encoded); i++ {
		if encoded[i] != '%' {
			continue
		}
		if c := unhex(encoded[i+1])<<4 | unhex(encoded[i+2]); c < ' ' || c == 0x7f || strings.IndexByte(special, c) >= 0 {
			return "", refuse(ErrMalformed, "a percent-encoded separator, plus, percent sign or control character cannot be signed in query form decoded")
		}
		i += 2
	}
	return decoded, nil
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
