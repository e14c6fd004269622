package tabs

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// Sign signs the request of the fields. An error is about one field.
func (d *Desk) Sign(in SignInput) Signed {
	s, err := d.sign(&in)
	if err != nil {
		out := Signed{Error: told(in.Lang, err)}
		var f *fault
		if errors.As(err, &f) {
			out.Field = f.Field
		}
		return out
	}
	return s
}

func (d *Desk) sign(in *SignInput) (out Signed, err error) {
	now, err := d.clock(in.Date)
	if err != nil {
		return out, err
	}
	req, notes, err := in.request()
	if err != nil {
		return out, err
	}
	signer, err := in.signer(now)
	if err != nil {
		return out, err
	}
	given := req.Header.Clone()
	signing, err := signer.Explain(req)
	if err != nil {
		return out, of(fieldOf(err), err)
	}
	r, err := httptext.FromHTTP(req)
	if err != nil {
		return out, of("body", err)
	}
	for _, f := range signing.Headers {
		if was := given[f.Name]; len(was) > 0 && !slices.Equal(was, []string{f.Value}) {
			notes = append(notes, httptext.Note{Code: "sign_replaced", Args: scheme.Args("header", f.Name)})
		}
	}
	if in.Secret != strings.TrimSpace(in.Secret) {
		notes = append(notes, httptext.Note{Code: "secret_space"})
	}
	return Signed{
		StringToSign: signing.StringToSign, CanonicalRequest: signing.CanonicalRequest, Signature: signing.Signature,
		Headers: headerLines(withoutFraming(r.Header)), Curl: r.Curl(), HTTP: string(r.Raw()),
		Date: signing.Date.UTC().Format(time.RFC3339), Notes: texts(in.Lang, notes),
	}, nil
}

// clock is the desk's, or one that stands still at the time of a field.
func (d *Desk) clock(text string) (func() time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return d.now, nil
	}
	// As the command's --date.
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC3339, "20060102T150405Z"} {
		if t, err := time.Parse(layout, text); err == nil {
			return func() time.Time { return t }, nil
		}
	}
	return nil, at("date", "field_date", "value", scheme.Clip(text))
}

// request is what the fields describe, unsigned.
func (in *SignInput) request() (*http.Request, []httptext.Note, error) {
	r := &httptext.Request{Method: strings.TrimSpace(in.Method), Body: []byte(in.Body)}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if !scheme.IsToken(r.Method) {
		return nil, nil, at("method", "field_method")
	}
	if err := in.setURL(r); err != nil {
		return nil, nil, err
	}
	host, err := in.setHeaders(r)
	if err != nil {
		return nil, nil, err
	}
	req, err := r.HTTP()
	if err != nil {
		return nil, nil, of("url", err)
	}
	if host != "" {
		req.Host = host
	}
	if req.Header["User-Agent"] == nil {
		delete(req.Header, "User-Agent") // whoever sends it has one
	}
	return req, r.Notes, nil
}

// setURL cuts the URL into what is sent. It is sent as it is written, but for what is not
// ASCII.
func (in *SignInput) setURL(r *httptext.Request) error {
	text := strings.TrimSpace(in.URL)
	name, rest, _ := strings.Cut(text, "://")
	if r.Scheme = strings.ToLower(name); r.Scheme != "http" && r.Scheme != "https" {
		return at("url", "url_scheme")
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return at("url", "url_space")
	}
	rest, _, fragment := strings.Cut(rest, "#")
	if fragment {
		r.Notes = append(r.Notes, httptext.Note{Code: "url_fragment"})
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	u, err := url.Parse(r.Scheme + "://" + rest[:end])
	switch {
	case err != nil || u.Hostname() == "" || strings.Contains(rest[:end], "\\"):
		return at("url", "url_host")
	case u.User != nil:
		return at("url", "url_user")
	case strings.ContainsFunc(rest[:end], func(c rune) bool { return c > '~' }):
		return at("url", "url_host_ascii")
	}
	r.Host = sentHost(r.Scheme, u.Host)
	r.Target = escapeHigh(rest[end:])
	if len(r.Target) > len(rest)-end {
		r.Notes = append(r.Notes, httptext.Note{Code: "url_encoded"})
	}
	if !strings.HasPrefix(r.Target, "/") {
		r.Target = "/" + r.Target
	}
	return nil
}

// sentHost is the host as browsers and curl send it.
func sentHost(name, host string) string {
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[name])
	return strings.TrimSuffix(host, ":")
}

// escapeHigh percent-encodes what is not ASCII, as browsers do.
func escapeHigh(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < 0x80 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// setHeaders takes the lines of headers, and tells the host if one of them does.
func (in *SignInput) setHeaders(r *httptext.Request) (host string, err error) {
	number := 0
	for line := range strings.Lines(in.Headers) {
		if number++; strings.TrimSpace(line) == "" {
			continue
		}
		name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if name = strings.TrimSpace(name); !found || !scheme.IsToken(name) {
			return "", at("headers", "header_line", "line", strconv.Itoa(number))
		}
		value, err := scheme.Trim(name, value)
		switch {
		case err != nil:
			return "", of("headers", err)
		case strings.EqualFold(name, "Host"):
			if value == "" {
				return "", at("headers", "header_host", "line", strconv.Itoa(number), "header", name)
			}
			if u, err := url.Parse("http://" + value); err != nil || u.Host != value {
				return "", at("headers", "http_host")
			}
			host = value
		case isFraming(name):
			if value != strconv.Itoa(len(r.Body)) {
				r.Notes = append(r.Notes, httptext.Note{Code: "sign_framing", Args: scheme.Args("header", name)})
			}
		default:
			r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
		}
	}
	return host, nil
}

// signer is the one that the fields describe.
func (in *SignInput) signer(now func() time.Time) (*hmacsign.Signer, error) {
	s, err := in.scheme()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.Algorithms(), in.Algorithm) {
		return nil, at("algorithm", "field_algorithm", "scheme", s.Name(), "known", strings.Join(s.Algorithms(), ", "))
	}
	switch {
	case in.KeyID == "":
		return nil, at("key_id", "field_no_key_id")
	case in.Secret == "":
		return nil, at("secret", "field_no_secret")
	}
	cred := hmacsign.Credential{KeyID: in.KeyID, Secret: hmacsign.Secret(in.Secret)}
	opts := []hmacsign.SignerOption{hmacsign.WithClock(now), hmacsign.WithMaxBody(maxBody)}
	signer, err := hmacsign.NewSigner(s, in.Algorithm, cred, opts...)
	switch {
	case errors.Is(err, algo.ErrShortSecret):
		return nil, of("secret", err)
	case errors.Is(err, algo.ErrBackendUnavailable) || errors.Is(err, algo.ErrSelfTest):
		return nil, of("algorithm", err)
	case err != nil:
		return nil, at("key_id", "field_key_id", "limit", strconv.Itoa(scheme.MaxKeyID))
	}
	headers, err := in.signedHeaders(s)
	if err != nil || len(headers) == 0 {
		return signer, err
	}
	signer, err = hmacsign.NewSigner(s, in.Algorithm, cred, append(opts, hmacsign.WithSignedHeaders(headers...))...)
	if err != nil {
		return nil, of("signed_headers", err)
	}
	return signer, nil
}

// maxBody is the longest body.
const maxBody = 16 << 20

// scheme is the one that is named, with its options. Those of others count for nothing.
func (in *SignInput) scheme() (hmacsign.Scheme, error) {
	s, err := hmacsign.SchemeByName(in.Scheme)
	if err != nil {
		return nil, at("scheme", "field_scheme")
	}
	switch s.(type) {
	case tencentapp.Scheme:
		return in.tencentApp()
	case huaweisdk.Scheme:
		switch derived := in.Region+in.Service != ""; {
		case derived && !scheme.IsToken(in.Region):
			return nil, at("region", "field_scope")
		case derived && !scheme.IsToken(in.Service):
			return nil, at("service", "field_scope")
		}
		return huaweisdk.Scheme{Region: in.Region, Service: in.Service}, nil
	}
	return s, nil
}

func (in *SignInput) tencentApp() (s tencentapp.Scheme, err error) {
	s.KeepEnvironment = in.KeepEnvironment
	if in.QueryForm != "" {
		if s.Query, err = tencentapp.ParseQueryForm(in.QueryForm); err != nil {
			return s, at("query_form", "field_query_form", "known", strings.Join(tencentapp.QueryForms(), ", "))
		}
	}
	if in.ContentMD5 != "" {
		if s.ContentMD5, err = tencentapp.ParseContentMD5(in.ContentMD5); err != nil {
			return s, at("content_md5", "field_content_md5")
		}
	}
	return s, nil
}

// signedHeaders are the names in their field.
func (in *SignInput) signedHeaders(s hmacsign.Scheme) (names []string, err error) {
	list := strings.FieldsFunc(in.SignedHeaders, func(c rune) bool { return strings.ContainsRune(",; \t\r\n", c) })
	for _, name := range list {
		if !scheme.IsToken(name) {
			return nil, at("signed_headers", "field_signed_header", "name", scheme.Clip(name))
		}
		name = strings.ToLower(name)
		if name == "authorization" || !slices.Contains(s.Signs([]string{name}), name) {
			return nil, at("signed_headers", "field_not_signable", "scheme", s.Name(), "header", name)
		}
		names = append(names, name)
	}
	if len(s.Signs(slices.Clone(names))) > scheme.MaxSignedHeaders {
		return nil, at("signed_headers", "too_many_signed_headers", "count", strconv.Itoa(len(names)), "limit", strconv.Itoa(scheme.MaxSignedHeaders))
	}
	return names, nil
}

// fieldOf is the field that an error of signing is about.
func fieldOf(err error) string {
	var r *scheme.Refusal
	if !errors.As(err, &r) {
		return "algorithm" // its backend failed
	}
	about, _, _ := strings.Cut(r.DetailCode, "_")
	switch {
	case about == "method":
		return "method"
	case about == "path" || about == "query" || r.DetailCode == "no_path" || r.DetailCode == "too_many_parameters":
		return "url"
	case about == "form" || r.Reason == scheme.ErrBodyTooLarge:
		return "body"
	case r.DetailCode == "decoded_ambiguous":
		return "query_form"
	case r.DetailCode == "header_missing":
		return "signed_headers"
	}
	return "headers"
}
