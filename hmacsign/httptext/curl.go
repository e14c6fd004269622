package httptext

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// parseCurl reads a curl command as it is typed into sh, cmd.exe or PowerShell. The
// request is what curl sends for it, but for what curl asks of the server beside it, such
// as Expect.
func parseCurl(text string) (*Request, error) {
	r := new(Request)
	line, err := readLine(text, r)
	if err != nil {
		return nil, err
	}
	f, err := parseFlags(line.words)
	if err != nil {
		return nil, quotes(line.words, err)
	}
	f.ReadFile = line.readFile
	b, err := f.Build()
	if err != nil {
		return nil, quotes(line.words, err)
	}
	return r, r.fill(f, b)
}

// quotes is an error of a command, or of the quotes of prose in it, which a word processor
// or a chat puts for those of a shell.
func quotes(words []string, err error) error {
	for _, word := range words {
		for _, quote := range []string{"‘", "’", "“", "”"} {
			if strings.HasPrefix(word, quote) {
				return unsupported("curl_typographic", "quote", quote)
			}
		}
	}
	return err
}

// fill is the request as it stands on the wire.
func (r *Request) fill(f *flags, b *Built) error {
	body, err := b.GetBody()
	if err != nil {
		return err
	}
	if r.Body, err = io.ReadAll(body); err != nil {
		return err
	}
	r.Method, r.Scheme, r.Host, r.Target = b.Method, b.Target.Scheme, b.Host, b.Target.Path
	if b.Target.Asked {
		r.Target += "?" + b.Target.Query
	}
	if f.target != "" {
		if f.target[0] != '/' && f.target != "*" {
			return malformed("http_target")
		}
		r.Target = f.target
	}
	if host := b.Target.HostHeader(); host != b.Host {
		r.address = host
	}
	if _, _, found := cutScheme(f.URL); !found {
		r.note("curl_scheme")
	}
	r.setCurlHeader(&f.Command, b)
	return r.checkHead()
}

// setCurlHeader sets the headers in the order in which curl sends them.
func (r *Request) setCurlHeader(c *Command, b *Built) {
	for name := range b.Header {
		if len(b.Header[name]) == 0 {
			r.leftOut = append(r.leftOut, name)
		}
	}
	slices.Sort(r.leftOut)
	add := func(name string, values ...string) {
		for _, value := range values {
			r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: strings.Trim(value, " \t")})
		}
	}
	ofFlag := func(name string) {
		if !b.named[name] {
			add(name, b.Header[name]...)
		}
	}
	json := slices.ContainsFunc(c.Data, func(d Data) bool { return d.Kind == DataJSON })
	form := len(c.Form) > 0

	ofFlag("User-Agent")
	if _, set := b.Header["User-Agent"]; !set {
		r.note("curl_user_agent")
	}
	if _, set := b.Header["Accept"]; !set {
		add("Accept", "*/*")
		r.note("curl_accept")
	}
	ofFlag("Accept-Encoding")
	if c.Compressed && !b.named["Accept-Encoding"] {
		r.note("curl_compressed")
	}
	ofFlag("Referer")
	ofFlag("Cookie")
	for _, field := range b.typed {
		if !form || !strings.EqualFold(field.Name, "Content-Type") {
			add(field.Name, field.Value)
		}
	}
	if json {
		ofFlag("Content-Type")
		ofFlag("Accept")
		r.note("curl_json")
	}
	if b.Posts && !b.Chunked && !b.named["Content-Length"] {
		add("Content-Length", strconv.Itoa(len(r.Body)))
	}
	switch {
	case form:
		add("Content-Type", b.Header["Content-Type"]...)
		r.note("curl_boundary")
	case !json && !b.named["Content-Type"] && b.Posts:
		add("Content-Type", b.Header["Content-Type"]...)
		r.note("curl_form_type_added")
	}
	if b.AsForm {
		r.note("curl_json_as_form")
	}
}
