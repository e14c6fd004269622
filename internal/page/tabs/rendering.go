package tabs

import (
	"slices"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A rendering is what a verifier signs of a request, in one form of a scheme.
type rendering struct {
	scheme          hmacsign.Scheme
	form            string
	text, canonical string // of a scheme without a canonical request that is empty
	signed          []string
}

// renderings are those of all forms: a verifier renders each to find a signature that no
// secret makes.
func (c *checking) renderings() (all []rendering) {
	var schemes []hmacsign.Scheme
	for _, s := range hmacsign.Schemes() {
		w := witness{s, c.at, &all}
		if hashed, ok := s.(hashedScheme); ok {
			schemes = append(schemes, hashedWitness{w, hashed})
		} else {
			schemes = append(schemes, w)
		}
	}
	c.verify(nobodys(), hmacsign.AcceptSchemes(schemes...))
	return once(all)
}

// once leaves out what was rendered again, to be shown.
func once(all []rendering) (each []rendering) {
	for _, r := range all {
		if !slices.ContainsFunc(each, func(e rendering) bool { return e.scheme == r.scheme && e.form == r.form }) {
			each = append(each, r)
		}
	}
	return each
}

// A hashedScheme has a canonical request, and derives keys.
type hashedScheme interface {
	hmacsign.Scheme
	scheme.Hashed
	scheme.Deriver
}

// A witness is a scheme that takes down what it renders.
type witness struct {
	hmacsign.Scheme
	at   time.Time
	seen *[]rendering
}

// Date is always right: a wrong one changes nothing about the string.
func (w witness) Date(*scheme.Message, *scheme.Claim) (time.Time, error) { return w.at, nil }

func (w witness) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := w.Scheme.Parts(p, m, c, form)
	if ok && err == nil {
		*w.seen = append(*w.seen, rendering{scheme: w.Scheme, form: form, signed: slices.Clone(c.Headers)})
	}
	return ok, err
}

func (w witness) last() *rendering { return &(*w.seen)[len(*w.seen)-1] }

func (w witness) Render(dst []byte, p *scheme.Parts) []byte {
	before := len(dst)
	dst = w.Scheme.Render(dst, p)
	w.last().text = string(dst[before:])
	return dst
}

// A hashedWitness takes down both strings.
type hashedWitness struct {
	witness
	hashed hashedScheme
}

func (w hashedWitness) StringToSign(dst []byte, p *scheme.Parts, digest []byte) []byte {
	before := len(dst)
	dst = w.hashed.StringToSign(dst, p, digest)
	last := w.last()
	last.text, last.canonical = string(dst[before:]), last.text
	return dst
}

func (w hashedWitness) Derive(c *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	return w.hashed.Derive(c, secret, mac)
}

// An ownString is a scheme of which every request signs one string: whether a secret
// makes a signature of it is what a verifier then says.
type ownString struct {
	hmacsign.Scheme
	at         time.Time
	form, text string
}

func (o ownString) Date(*scheme.Message, *scheme.Claim) (time.Time, error) { return o.at, nil }

func (o ownString) Forms() []string { return []string{o.form} }

func (o ownString) Render(dst []byte, _ *scheme.Parts) []byte { return append(dst, o.text...) }

// CheckBody accepts: the string alone counts.
func (ownString) CheckBody(*scheme.Message, *scheme.Claim, string) error { return nil }

// hashedOwn is ownString of a scheme with a canonical request, which that string is, or
// the string around its digest.
type hashedOwn struct {
	ownString
	hashed    hashedScheme
	canonical bool
}

func (o hashedOwn) StringToSign(dst []byte, p *scheme.Parts, digest []byte) []byte {
	if o.canonical {
		return o.hashed.StringToSign(dst, p, digest)
	}
	return append(dst, o.text...)
}

func (o hashedOwn) Derive(c *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	return o.hashed.Derive(c, secret, mac)
}
