package scheme

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// CheckEncoded refuses what is not percent-encoded text: a stray %, and bytes that
// would end a line or a field. Part names it: path, query or form.
func CheckEncoded(part, s string) error {
	for i := 0; i < len(s); i++ {
		if kinds[s[i]]&plain != 0 {
			continue
		}
		if s[i] != '%' {
			return Refuse(ErrMalformed, part+"_unencoded", "at", strconv.Itoa(i))
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return Refuse(ErrMalformed, part+"_percent", "at", strconv.Itoa(i))
		}
	}
	return nil
}

// What a byte may be, looked up: every byte of a request is looked at more than once.
const (
	plain   = 1 << iota // in a percent-encoded text: no control character, no space, no %
	inToken             // RFC 9110 section 5.6.2
	inValue             // of a header: no control character but a tab
)

var kinds = func() (all [256]byte) {
	for i := range all {
		c := byte(i)
		if c > ' ' && c != 0x7f && c != '%' {
			all[i] |= plain
		}
		if c > ' ' && c < 0x7f && strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) < 0 {
			all[i] |= inToken
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			all[i] |= inValue
		}
	}
	return all
}()

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// Unhex is the value of a hexadecimal digit.
func Unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// AppendDecoded appends a percent-encoded text decoded; plus says whether + is a
// space. What CheckEncoded passes is encoded.
func AppendDecoded(dst []byte, s string, plus bool) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%' && i+2 < len(s):
			dst = append(dst, Unhex(s[i+1])<<4|Unhex(s[i+2]))
			i += 2
		case c == '+' && plus:
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Decode is AppendDecoded of a string, which it returns where nothing is encoded.
func Decode(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && !(plus && strings.IndexByte(s, '+') >= 0) {
		return s
	}
	return string(AppendDecoded(make([]byte, 0, len(s)), s, plus))
}

// DecodesTo reports whether decoding a percent-encoded text brings out one of these
// characters, or a control character.
func DecodesTo(s, special string) bool {
	for i := strings.IndexByte(s, '%'); i >= 0 && i+2 < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if c := Unhex(s[i+1])<<4 | Unhex(s[i+2]); c < ' ' || c == 0x7f || strings.IndexByte(special, c) >= 0 {
			return true
		}
		i += 2
	}
	return false
}

// AppendEscaped percent-encodes all but the unreserved characters of RFC 3986.
func AppendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; Unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// Unreserved reports whether a character is one of RFC 3986 section 2.3.
func Unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// A DateForm writes and reads times in one layout of package time, in UTC. It keeps
// the last second: to write or to read one takes as long as a short MAC, and requests
// come many to the second. It is safe for concurrent use.
type DateForm struct {
	layout string
	last   atomic.Pointer[formattedDate]
}

type formattedDate struct {
	second int64
	text   string
}

// NewDateForm returns the form of a layout whose smallest unit is a second.
func NewDateForm(layout string) *DateForm { return &DateForm{layout: layout} }

// Format formats a time.
func (f *DateForm) Format(t time.Time) string {
	second := t.Unix()
	if d := f.last.Load(); d != nil && d.second == second {
		return d.text
	}
	d := &formattedDate{second, t.UTC().Format(f.layout)}
	f.last.Store(d)
	return d.text
}

// Parse is its reverse.
func (f *DateForm) Parse(text string) (time.Time, error) {
	if d := f.last.Load(); d != nil && d.text == text {
		return time.Unix(d.second, 0).UTC(), nil
	}
	t, err := time.Parse(f.layout, text)
	// The text is kept only as it would be written: "08:29:58.5" and a wrong
	// weekday are read too.
	if err == nil && t.Format(f.layout) == text {
		f.last.Store(&formattedDate{t.Unix(), strings.Clone(text)})
	}
	return t.UTC(), err
}

// Read reads a header, in canonical form, with a date in this form.
func (f *DateForm) Read(m *Message, name string) (time.Time, error) {
	value, present, err := m.Value(name)
	if err != nil {
		return time.Time{}, err
	}
	if !present {
		return time.Time{}, Refuse(ErrDate, "date_missing", "header", name)
	}
	t, err := f.Parse(value)
	if err != nil {
		return time.Time{}, Refuse(ErrDate, "date_form", "header", name, "value", Clip(value), "form", f.layout)
	}
	return t, nil
}

// HTTPDate is RFC 1123 in GMT.
var HTTPDate = NewDateForm(http.TimeFormat)

// IsToken reports whether s is a token of RFC 9110 section 5.6.2, such as a method or
// a header's name.
func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if kinds[s[i]]&inToken == 0 {
			return false
		}
	}
	return s != ""
}

// Clip keeps what a stranger sent from filling a log line.
func Clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
