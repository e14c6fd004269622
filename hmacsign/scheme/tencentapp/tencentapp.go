// Package tencentapp is the scheme tencent-app: application authentication of
// Tencent's API gateway. It signs chosen headers, method, Accept, Content-Type, the
// MD5 of the body, path and parameters. Source: Tencent Cloud's documentation of API
// Gateway, "Application Authentication" (628/55088), and its samples.
package tencentapp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Scheme is tencent-app with its options; the zero value is what is documented.
type Scheme struct {
	scheme.Defaults
	// KeepEnvironment signs the path as it is. Without it a first segment release,
	// test or prepub is left out, as Tencent's gateway does on its own domains; on
	// a custom domain there is no such segment.
	KeepEnvironment bool
	// Query is the form in which a signer writes the parameters, without it the
	// first that is accepted, [Documented].
	Query QueryForm
	// Accept are the forms that a verifier accepts, joined by |; without it
	// Documented, Raw and Decoded.
	Accept QueryForm
	// ContentMD5 is how a signer sends the digest of a body that is not a form,
	// [MD5Hex] without it.
	ContentMD5 ContentMD5
}

var (
	_ scheme.Scheme    = Scheme{}
	_ scheme.Checker   = Scheme{}
	_ scheme.Explainer = Scheme{}
)

// A QueryForm is one of the ways in which clients of the gateway write the
// parameters into the string to sign, or several of them.
type QueryForm uint8

const (
	// Documented is the documentation's: sorted by key and then by value, encoded
	// as sent, an empty value without its equals sign.
	Documented QueryForm = 1 << iota
	// Raw is the vendor's Python sample's: the pieces between ampersands sorted as
	// they are.
	Raw
	// Decoded is that of the vendor's Go, PHP, JavaScript and C# samples: the
	// parameters percent-decoded, the path decoded too (Go) or as sent. A signer
	// decodes both. Different requests can have one decoded text, so it is never
	// used where decoding brings out a character that separates parts, or one that
	// could be decoded again.
	Decoded
	// Joined is that of public clients of gateways that took the scheme over: as
	// Documented, but the values of a repeated key joined by a comma, a=1,2. It
	// does not tell a=1&a=2 from a=1,2, so a verifier accepts it only when told to.
	Joined
)

var queryForms = []struct {
	form  QueryForm
	name  string
	forms []string // of the string to sign
}{
	{Documented, "documented", []string{formDocumented}},
	{Raw, "raw", []string{formRaw}},
	{Decoded, "decoded", []string{formDecoded, formDecodedParameters}},
	{Joined, "joined", []string{formJoined}},
}

// The forms of the string to sign.
const (
	formDocumented        = "documented"
	formRaw               = "raw"
	formDecoded           = "decoded"
	formDecodedParameters = "decoded_parameters"
	formJoined            = "joined"
)

// QueryForms names the query forms.
func QueryForms() []string {
	var names []string
	for _, f := range queryForms {
		names = append(names, f.name)
	}
	return names
}

// ParseQueryForm returns the query form of a name.
func ParseQueryForm(name string) (QueryForm, error) {
	for _, f := range queryForms {
		if f.name == name {
			return f.form, nil
		}
	}
	return 0, fmt.Errorf("hmacsign: unknown query form %q: use %s", scheme.Clip(name), strings.Join(QueryForms(), ", "))
}

// ContentMD5 says how a signer sends the digest of a body that is not a form.
type ContentMD5 uint8

const (
	// MD5Hex sends base64 of the lower-case hex text of the MD5, as nearly all
	// samples of the vendor compute it.
	MD5Hex ContentMD5 = iota
	// MD5Raw sends base64 of the 16 bytes, as the vendor's text and RFC 1864 have it.
	MD5Raw
	// MD5None signs what MD5Hex signs but sends no header, as the vendor's Python
	// and Go samples do.
	MD5None
)

// ParseContentMD5 returns the form of a name: hex, raw or none.
func ParseContentMD5(name string) (ContentMD5, error) {
	i := slices.Index([]string{"hex", "raw", "none"}, name)
	if i < 0 {
		return 0, fmt.Errorf("hmacsign: unknown Content-MD5 form %q: use hex, raw or none", scheme.Clip(name))
	}
	return ContentMD5(i), nil
}

// Name implements [scheme.Scheme], like the other methods.
func (Scheme) Name() string { return "tencent-app" }

// Check implements [scheme.Checker].
func (s Scheme) Check() error {
	var known QueryForm
	one := s.Query == 0
	for _, f := range queryForms {
		known |= f.form
		one = one || s.Query == f.form
	}
	switch {
	case !one:
		return errors.New("option Query is not one form: use Documented, Raw, Decoded or Joined")
	case s.Accept&^known != 0:
		return errors.New("option Accept has a form that is not known: join Documented, Raw, Decoded and Joined by |")
	case s.ContentMD5 > MD5None:
		return errors.New("option ContentMD5 is not known: use MD5Hex, MD5Raw or MD5None")
	}
	return nil
}

// accepted are the query forms of which any may be written, Query's among them.
func (s Scheme) accepted() QueryForm {
	if s.Accept == 0 {
		return s.Query | Documented | Raw | Decoded
	}
	return s.Query | s.Accept
}

// Forms implements [scheme.Scheme]: a signer's own first.
func (s Scheme) Forms() []string {
	var own, others []string
	for _, f := range queryForms {
		switch {
		case f.form == s.Query:
			own = f.forms
		case s.accepted()&f.form != 0:
			others = append(others, f.forms...)
		}
	}
	return append(slices.Clone(own), others...)
}

// Parse implements [scheme.Scheme].
func (Scheme) Parse(m *scheme.Message, c *scheme.Claim) error { return scheme.ParseHMAC(m, c) }

// Write implements [scheme.Scheme].
func (Scheme) Write(m *scheme.Message, c *scheme.Claim) {
	m.Set("Authorization", scheme.FormatHMAC(c))
}

// Answer implements [scheme.Scheme].
func (Scheme) Answer(r *scheme.Refusal) string { return scheme.TencentAnswer(r) }

// Date reads X-Date, which must be among the signed headers.
func (Scheme) Date(m *scheme.Message, c *scheme.Claim) (time.Time, error) {
	if !c.Has("x-date") {
		return time.Time{}, scheme.Refuse(scheme.ErrDate, "date_not_signed", "header", "x-date")
	}
	return scheme.HTTPDate.Read(m, "X-Date")
}

var alsoSigned = []string{"accept", "content-type", "content-md5"}

// Names of the fields.
const (
	fieldAccept      = "accept"
	fieldContentType = "content-type"
)

// Parts implements [scheme.Scheme].
func (s Scheme) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	// The lines of the signed headers are sorted, whatever the order of the list.
	p.Names = append(p.Names, c.Headers...)
	slices.Sort(p.Names)
	var err error
	if p.Headers, err = m.AppendHeaderLines(p.Headers, p.Names); err != nil {
		return false, err
	}
	p.Colon, p.Method = ": ", m.Method
	accept, _, err := m.Value("Accept")
	if err != nil {
		return false, err
	}
	contentType, _, err := m.Value("Content-Type")
	if err != nil {
		return false, err
	}
	p.Fields = append(p.Fields, scheme.Line{Name: fieldAccept, Value: accept}, scheme.Line{Name: fieldContentType, Value: contentType})
	c.AlsoHeaders = alsoSigned
	body, isForm, err := m.Form()
	if err != nil {
		return false, err
	}
	if p.Digest, err = appendContentMD5(p.Digest, m, isForm); err != nil {
		return false, err
	}
	if p.Path = m.Path; !s.KeepEnvironment {
		p.Path = stripEnvironment(m.Path)
	}
	decoded := form == formDecoded || form == formDecodedParameters
	size := len(p.Path) + len(m.Query) + len(body)
	if decoded {
		size *= 2
	}
	if err := m.ReserveParams(size, m.Query, body); err != nil {
		return false, err
	}
	if decoded && ambiguous(p.Path, m.Query, body, form == formDecoded) {
		return false, scheme.Refuse(scheme.ErrMalformed, "decoded_ambiguous")
	}
	if form == formRaw {
		appendRaw(p, m.Query, body, isForm)
		return true, nil
	}
	p.Params = appendParams(appendParams(p.Params, m.Query, false), body, true)
	p.Order = scheme.ByKey
	switch form {
	case formDecoded:
		changed := decodeParams(p)
		if !changed && strings.IndexByte(p.Path, '%') < 0 && s.accepted()&Documented != 0 {
			return false, nil
		}
		p.Path = scheme.Decode(p.Path, false)
	case formDecodedParameters:
		// It is as formDecoded where the path has nothing to decode, and as
		// formDocumented where the parameters have not.
		if !decodeParams(p) || strings.IndexByte(p.Path, '%') < 0 {
			return false, nil
		}
	case formJoined:
		joinRepeated(p)
	}
	setMark(p)
	return true, nil
}

func setMark(p *scheme.Parts) {
	if p.Mark = ""; len(p.Params) > 0 {
		p.Mark = "?"
	}
}

// Render implements [scheme.Scheme].
func (Scheme) Render(dst []byte, p *scheme.Parts) []byte {
	dst = p.AppendHeaders(dst)
	dst = append(append(dst, p.Method...), '\n')
	for i := range p.Fields {
		dst = append(append(dst, p.Fields[i].Value...), '\n')
	}
	dst = append(append(dst, p.Digest...), '\n')
	dst = append(append(dst, p.Path...), p.Mark...)
	return p.AppendParams(dst)
}

// Signs implements [scheme.Scheme].
func (Scheme) Signs(requested []string) []string {
	headers := append([]string{"x-date"}, requested...)
	slices.Sort(headers)
	return slices.Compact(headers)
}

// Prepare implements [scheme.Scheme].
func (s Scheme) Prepare(m *scheme.Message, _ *scheme.Claim, now time.Time) error {
	sent, present, err := m.Value("Content-Md5")
	if err != nil {
		return err
	}
	if present {
		matches, err := digestMatches(m, sent)
		if err != nil {
			return err
		}
		if !matches {
			return scheme.Refuse(scheme.ErrBodyDigest, "content_md5_given")
		}
	} else if s.ContentMD5 != MD5None && !m.IsForm() {
		empty, err := m.Body.Empty()
		if err != nil {
			return err
		}
		if !empty {
			sum, err := m.BodyMD5()
			if err != nil {
				return err
			}
			m.Set("Content-Md5", string(appendMD5(nil, sum, s.ContentMD5)))
		}
	}
	// Clients tend to add "Accept: */*" on their way out; the gateway would
	// then sign another value than an absent one.
	if _, present := m.Header["Accept"]; !present {
		m.Set("Accept", "*/*")
	}
	m.Set("X-Date", scheme.HTTPDate.Format(now))
	return nil
}
