package tabs

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Read tells the fields of the request that a text describes. What follows from the body,
// such as its length, is no field.
func (d *Desk) Read(in Text) Fields {
	r, err := parse([]byte(in.Text))
	if err == nil {
		err = fits(r)
	}
	if err != nil {
		return Fields{Error: told(in.Lang, err)}
	}
	f := Fields{Method: r.Method, Body: string(r.Body), Notes: notes(in.Lang, r)}
	if r.Scheme == "" {
		r.Scheme = "https"
		f.Notes = append(f.Notes, scheme.Text(in.Lang, "read_https", nil))
	}
	f.URL = r.Scheme + "://" + r.Host + r.Target
	f.Headers = headerLines(withoutFraming(r.Header))
	if strings.Contains(f.Body, "\r") {
		f.Notes = append(f.Notes, scheme.Text(in.Lang, "read_carriage_returns", nil))
	}
	return f
}

// fits refuses what the fields cannot hold.
func fits(r *httptext.Request) error {
	for i := 0; i < len(r.Body); {
		c, size := utf8.DecodeRune(r.Body[i:])
		if c == utf8.RuneError && size == 1 {
			return at("body", "read_body_binary", "at", strconv.Itoa(i+1))
		}
		i += size
	}
	if r.Host == "" {
		return at("url", "read_no_host")
	}
	return nil
}

// notes are what was assumed of a text.
func notes(lang string, r *httptext.Request) (texts []string) {
	for _, n := range r.Notes {
		texts = append(texts, n.In(lang))
	}
	return texts
}

// withoutFraming leaves out the headers that whoever sends the body sets.
func withoutFraming(all []hmacsign.HeaderField) (rest []hmacsign.HeaderField) {
	for _, f := range all {
		if !isFraming(f.Name) {
			rest = append(rest, f)
		}
	}
	return rest
}

func isFraming(name string) bool {
	return strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Transfer-Encoding")
}

// headerLines are headers as they stand in their field.
func headerLines(all []hmacsign.HeaderField) string {
	var b strings.Builder
	for _, f := range all {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return b.String()
}
