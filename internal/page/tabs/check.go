package tabs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Check verifies the request of a text, of whatever key id and scheme, with the secret of
// the box.
func (d *Desk) Check(in CheckInput) Verdict {
	clock, err := d.clock(in.Date)
	if err != nil {
		return Verdict{Error: told(in.Lang, err)}
	}
	r, err := httptext.Parse([]byte(in.Request))
	if err != nil {
		return Verdict{Error: told(in.Lang, err)}
	}
	asked := checking{request: r, lang: in.Lang, at: clock(), secret: in.Secret, verdict: Verdict{Notes: texts(in.Lang, r.Notes)}}
	if asked.secret != strings.TrimSpace(asked.secret) {
		asked.note("secret_space")
	}
	c := asked.judged()
	if strings.TrimSpace(in.Own) == "" {
		return c.verdict
	}
	own := readPasted(in.Own)
	if s := c.schemeOf(own); s != nil {
		asked.only = s
		c = asked.judged()
	}
	c.verdict.Own = c.own(own)
	return c.verdict
}

// A checking is one request on its way to a verdict.
type checking struct {
	request *httptext.Request
	lang    string
	at      time.Time       // of the verifier's clock; of a late request its own date
	secret  string          // empty if there is none
	only    hmacsign.Scheme // nil is all
	verdict Verdict
	id      *hmacsign.Identity // of an accepted request
	strings []rendering        // the verifier's, that which is shown first
}

func (c *checking) text(code string, args ...string) string {
	return scheme.Text(c.lang, code, scheme.Args(args...))
}

func (c *checking) note(code string) { c.verdict.Notes = append(c.verdict.Notes, c.text(code)) }

// A box has one secret for whatever key id.
type box hmacsign.SecretText

func (b box) Key(_ context.Context, id string) (*hmacsign.Key, error) {
	return &hmacsign.Key{ID: id, Secret: hmacsign.SecretText(b)}, nil
}

// verify gives the request to a verifier with a secret.
func (c *checking) verify(secret string, opts ...hmacsign.VerifierOption) (*hmacsign.Identity, *hmacsign.VerifyError) {
	clock := hmacsign.WithClock(func() time.Time { return c.at })
	v, err := hmacsign.NewVerifier(box(hmacsign.Secret(secret)), append(opts, clock, hmacsign.WithMaxBody(maxBody))...)
	if err == nil {
		var id *hmacsign.Identity
		if id, err = v.VerifyWire(context.Background(), c.request.Wire()); err == nil {
			return id, nil
		}
	}
	var refused *hmacsign.VerifyError
	if !errors.As(err, &refused) {
		refused = &hmacsign.VerifyError{Refusal: scheme.Refusal{Reason: hmacsign.ErrUnavailable, Cause: err}}
	}
	return nil, refused
}

// nobodys is a secret that is no request's.
func nobodys() string { return rand.Text() }

// judged is the checking with its verdict and strings. What was asked stays as it is, to
// be judged again.
func (c checking) judged() *checking {
	c.verdict.Notes = slices.Clip(c.verdict.Notes)
	c.judge()
	c.render()
	return &c
}

// schemeOf is the scheme of which the string in the third box is, where it is another than
// that of an unexplained refusal: nil otherwise. A request can be of two schemes.
func (c *checking) schemeOf(own pasted) hmacsign.Scheme {
	if c.verdict.Accepted || len(c.verdict.Mistakes) > 0 || len(c.strings) == 0 || len(own.texts) == 0 {
		return nil
	}
	if s := c.nearest(own).scheme; s.Name() != c.verdict.Scheme {
		return s
	}
	return nil
}

// judge finds the verdict; of a late request, and of that it was late, the one as of its
// own date.
func (c *checking) judge() {
	secret, v := c.secret, &c.verdict
	if secret == "" {
		secret = nobodys()
	}
	opts := []hmacsign.VerifierOption{hmacsign.WithExplanations()}
	if c.only != nil {
		opts = append(opts, hmacsign.AcceptSchemes(c.only))
	}
	id, refused := c.verify(secret, opts...)
	if late := lateness(refused); late != nil {
		v.Late, v.LateText = true, told(c.lang, refused)
		c.mistakes(refused.Explanation)
		c.at = late.Date
		id, refused = c.verify(secret, opts...)
	}
	if refused == nil {
		c.id = id
		v.Accepted, v.Scheme, v.Algorithm, v.KeyID, v.Signed = true, id.Scheme, id.Algorithm, id.KeyID, id.SignedHeaders
		v.Text = c.text("check_accepted", "key_id", id.KeyID, "scheme", id.Scheme, "algorithm", id.Algorithm)
		return
	}
	v.Scheme, v.Algorithm, v.KeyID = refused.Scheme, refused.Algorithm, refused.KeyID
	if c.secret == "" && refused.Reason == hmacsign.ErrSignature {
		v.Reason, v.Text = "no_secret", c.text("check_no_secret")
		return
	}
	v.Reason, v.Text = refused.Code(), told(c.lang, refused)
	if c.isCutShort() {
		v.Mistakes = append(v.Mistakes, Mistake{"content_length_characters", c.text("content_length_characters")})
		return
	}
	c.explain(refused)
}

// isCutShort reports whether the request is right with the whole body that is in the text,
// of which its Content-Length declares less.
func (c *checking) isCutShort() bool {
	longer := func(n httptext.Note) bool { return n.Code == "http_longer" }
	if !slices.ContainsFunc(c.request.Notes, longer) {
		return false
	}
	whole := *c
	for _, end := range []string{"", "\n", "\r\n"} { // of an editor's
		r := *c.request
		r.Header, r.Body = withoutFraming(r.Header), bytes.TrimSuffix(r.Body, []byte(end))
		whole.request = &r
		if _, refused := whole.verify(c.secret); refused == nil {
			return true
		}
	}
	return false
}

func lateness(refused *hmacsign.VerifyError) *hmacsign.Late {
	if refused == nil || refused.Explanation == nil {
		return nil
	}
	return refused.Explanation.Late
}

// mistakes are added to those that are known.
func (c *checking) mistakes(why *hmacsign.Explanation) {
	for _, m := range why.Mistakes() {
		c.verdict.Mistakes = append(c.verdict.Mistakes, Mistake{m.Code, m.In(c.lang)})
	}
}

// explain says what is known of a refusal.
func (c *checking) explain(refused *hmacsign.VerifyError) {
	why := refused.Explanation
	if why == nil {
		return
	}
	c.mistakes(why)
	switch {
	case len(why.Mistakes()) > 0 || refused.Reason != hmacsign.ErrSignature:
	case why.Incomplete:
		c.note("explain_incomplete")
	default:
		c.note("explain_none")
	}
	for _, piece := range why.Pieces() {
		c.verdict.Pieces = append(c.verdict.Pieces, c.piece(piece))
	}
	if why.Diff() != nil {
		c.verdict.Differences = linesOf(why.Client, why.Server)
	}
}

// piece is the name of a piece of a string in words. One of Accept or Content-Type is the
// header's own name.
func (c *checking) piece(name string) string {
	switch kind, header, _ := strings.Cut(name, " "); kind {
	case "method":
		return c.text("piece_method")
	case "path":
		return c.text("piece_path")
	case "parameters":
		return c.text("piece_parameters")
	case "header":
		return c.text("piece_header", "name", header)
	case "headers":
		return c.text("piece_headers")
	case "signed_headers":
		return c.text("piece_signed_headers")
	case "body":
		return c.text("piece_body")
	case "word":
		return c.text("piece_word")
	case "date":
		return c.text("piece_date")
	case "scope":
		return c.text("piece_scope")
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// render finds the strings of the verifier, whatever the verdict is, and shows those of
// the scheme and form that it is about.
func (c *checking) render() {
	c.strings = c.renderings()
	v := &c.verdict
	shown := slices.IndexFunc(c.strings, func(r rendering) bool {
		return r.scheme.Name() == v.Scheme && (c.id == nil || r.form == c.id.Form)
	})
	if shown < 0 {
		return
	}
	first := c.strings[shown]
	c.strings = append([]rendering{first}, slices.Delete(c.strings, shown, shown+1)...)
	v.StringToSign, v.CanonicalRequest = first.text, first.canonical
	if v.Signed == nil {
		v.Signed = first.signed
	}
}
