package tabs

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// Read tells the fields of the request that a text describes. What follows from the body,
// such as its length, is no field.
func (d *Desk) Read(in Text) Fields {
	r, err := httptext.Parse([]byte(in.Text))
	if err == nil {
		err = isText(r.Body)
	}
	if err != nil {
		return Fields{Error: told(in.Lang, err)}
	}
	notes, name := slices.Clone(r.Notes), r.Scheme
	if name == "" {
		name = "https"
		notes = append(notes, httptext.Note{Code: "read_https"})
	}
	req, err := r.HTTP()
	if err != nil {
		return Fields{Error: told(in.Lang, err)}
	}
	headers := withoutFraming(r.Header)
	if sentHost(name, req.URL.Host) != r.Host {
		headers = append([]hmacsign.HeaderField{{Name: "Host", Value: r.Host}}, headers...)
	}
	if bytes.ContainsRune(r.Body, '\r') {
		notes = append(notes, httptext.Note{Code: "read_carriage_returns"})
	}
	return Fields{
		Method: r.Method, URL: name + "://" + req.URL.Host + r.Target, Headers: headerLines(headers), Body: string(r.Body),
		Notes: texts(in.Lang, notes),
	}
}

// isText refuses a body that a field cannot hold.
func isText(body []byte) error {
	for i := 0; i < len(body); {
		c, size := utf8.DecodeRune(body[i:])
		if c == utf8.RuneError && size == 1 {
			return at("body", "read_body_binary", "at", strconv.Itoa(i+1))
		}
		i += size
	}
	return nil
}

// texts are those of notes, but for lines that end in LF alone: a browser's field has no
// others.
func texts(lang string, notes []httptext.Note) (all []string) {
	for _, n := range notes {
		if n.Code != "http_lf" {
			all = append(all, n.In(lang))
		}
	}
	return all
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
