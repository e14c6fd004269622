package huaweisdk

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// checkUnambiguous refuses characters that the canonical request does not tell from
// their percent-encoding, but servers do: some end the target at a #, take a
// backslash for a slash, or drop a parameter with a semicolon. Whoever is between
// client and verifier could write one for the other.
func (Scheme) checkUnambiguous(m *scheme.Message) error {
	if i := strings.IndexAny(m.Path, `#\`); i >= 0 {
		return ambiguousAt("path_ambiguous", m.Path, i)
	}
	if i := strings.IndexAny(m.Query, "#;"); i >= 0 {
		return ambiguousAt("query_ambiguous", m.Query, i)
	}
	return nil
}

func ambiguousAt(code, text string, i int) error {
	return scheme.Refuse(scheme.ErrMalformed, code, "character", text[i:i+1], "at", strconv.Itoa(i), "encoded", "%"+strings.ToUpper(strconv.FormatUint(uint64(text[i]), 16)))
}

// canonicalPath decodes and encodes each segment on its own, so that an encoded slash
// stays one unless slashes says that it is decoded first. A slash that is missing at
// the end is for [Scheme.Render] to write.
func canonicalPath(path string, slashes bool) string {
	if isCanonical(path, "/") && !slashes {
		return path
	}
	b := make([]byte, 0, 3*len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '/' {
			b = append(b, '/')
			continue
		}
		b, i = appendCanonical(b, path, i)
	}
	if slashes {
		b = bytes.ReplaceAll(b, []byte("%2F"), []byte("/"))
	}
	return string(b)
}

// appendCanonical appends the character at i, which may be a percent-encoding, as the
// scheme encodes it, and returns where it ends.
func appendCanonical(dst []byte, s string, i int) ([]byte, int) {
	c := s[i]
	if c == '%' && i+2 < len(s) {
		c = scheme.Unhex(s[i+1])<<4 | scheme.Unhex(s[i+2])
		i += 2
	}
	return scheme.AppendEscaped(dst, string([]byte{c})), i
}

// isCanonical reports whether decoding and encoding a text changes nothing.
func isCanonical(s, also string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) && isUpperHex(s[i+1]) && isUpperHex(s[i+2]) && !scheme.Unreserved(scheme.Unhex(s[i+1])<<4|scheme.Unhex(s[i+2])) {
			i += 2
			continue
		}
		if !scheme.Unreserved(c) && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return true
}

func isUpperHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

// canonical decodes a part of a parameter and encodes it as the scheme does.
func canonical(s string) string {
	if isCanonical(s, "") {
		return s
	}
	b := make([]byte, 0, 3*len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '+' {
			b = append(b, "%20"...)
			continue
		}
		b, i = appendCanonical(b, s, i)
	}
	return string(b)
}

// appendParams appends the parameters of a query, each with its equals sign. An empty
// piece is none.
func appendParams(dst []scheme.Param, query string) []scheme.Param {
	for query != "" {
		var piece string
		piece, query, _ = strings.Cut(query, "&")
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		dst = append(dst, scheme.Param{Key: canonical(key), Value: canonical(value), Equals: true})
	}
	return dst
}

// byDecoded sorts encoded parameters as their decoded text is sorted.
func byDecoded(a, b scheme.Param) int {
	if n := compareDecoded(a.Key, b.Key); n != 0 {
		return n
	}
	return compareDecoded(a.Value, b.Value)
}

func compareDecoded(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		c, d := a[i], b[j]
		if c == '%' && i+2 < len(a) {
			c = scheme.Unhex(a[i+1])<<4 | scheme.Unhex(a[i+2])
			i += 2
		}
		if d == '%' && j+2 < len(b) {
			d = scheme.Unhex(b[j+1])<<4 | scheme.Unhex(b[j+2])
			j += 2
		}
		if c != d {
			return int(c) - int(d)
		}
		i, j = i+1, j+1
	}
	return (len(a) - i) - (len(b) - j)
}

// ordersDiffer reports whether parameters sort otherwise encoded than decoded.
func ordersDiffer(params []scheme.Param) bool {
	encoded := false
	for i := range params {
		encoded = encoded || strings.IndexByte(params[i].Key, '%') >= 0 || strings.IndexByte(params[i].Value, '%') >= 0
	}
	if !encoded || len(params) < 2 {
		return false
	}
	slices.SortStableFunc(params, byDecoded)
	return !slices.IsSortedFunc(params, scheme.ByKey)
}
