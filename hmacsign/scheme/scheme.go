// Package scheme says what a way of signing HTTP requests is, and holds what such
// schemes share. A scheme is a [Scheme]: most often one folder and one type, whose
// fields are the options that concern it alone. It imports this package and package
// algo, never the engine (package hmacsign), which reads requests, keeps to the
// limits, computes the MACs and compares them.
//
// A verifier asks a scheme for its steps in the order of its methods: [Scheme.Parse]
// reads the claim that a request makes of its signature, [Scheme.Date] the time that
// was signed, [Scheme.Parts] collects what the string to sign is made of,
// [Scheme.Render] writes it, and once the MAC is right [Scheme.CheckBody] holds the
// body against the digest that it vouches for. A signer calls [Scheme.Prepare], Parts,
// Render and [Scheme.Write].
//
// Package schemetest tests a scheme against its own declaration, [Coverage]. Package
// exampledialect is one to start from.
package scheme

import (
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// A Scheme is a way to sign requests. Its values are compared and are used from
// concurrent requests: use a struct of plain fields that nobody changes.
//
// Methods return a *[Refusal] (see [Refuse]) where a request is at fault; any other
// error means that it could not be decided.
type Scheme interface {
	// Name is the scheme's name in keys files, logs and on the command line.
	Name() string
	// Algorithms lists the algorithms of package algo that it has words for.
	Algorithms() []string
	// Coverage declares what a signature covers, and what it does not tell apart.
	Coverage() Coverage
	// Forms names the ways in which the string to sign may be written. A signer
	// writes the first; a verifier accepts each, and tries them in this order. It
	// is asked once.
	Forms() []string

	// Parse reads what the request says of its own signature into c, wherever that
	// stands; [ErrForeign] if there is no signature of this scheme. It refuses an empty
	// one, what is there twice, and what is longer than [MaxAuthorization] before it
	// copies or decodes it.
	Parse(m *Message, c *Claim) error
	// Date is the signed time of the request. It refuses with [ErrDate] where
	// there is none.
	Date(m *Message, c *Claim) (time.Time, error)
	// Parts collects what the string to sign is rendered from, in one of the forms.
	// It is not there (false) where the form gives the same string as another of
	// Forms, which then is there.
	Parts(p *Parts, m *Message, c *Claim, form string) (bool, error)
	// Render appends the canonical text of the parts, which is the string to sign
	// unless the scheme is [Hashed]. It has no other source: what is not in the parts
	// is not signed. The parameters may be sorted in place.
	Render(dst []byte, p *Parts) []byte
	// CheckBody holds the body, and what else the request says of it, against what
	// the string in this form took of it from the headers.
	CheckBody(m *Message, c *Claim, form string) error

	// Signs is what a signer signs, in the scheme's order, of the headers that it
	// was asked to sign (in lower case): a fixed list where it has one, and then no
	// others can be asked for. It is asked once, by NewSigner.
	Signs(requested []string) []string
	// Prepare checks an unsigned request, sets what must be there beside the
	// signature with [Message.Set] and [Message.SetQuery], and completes c, which
	// has the key id, the algorithm and the headers that Signs gave: it appends to
	// c.Headers only what is signed of some requests and not of others.
	Prepare(m *Message, c *Claim, now time.Time) error
	// Write puts the claim with its signature onto the request.
	Write(m *Message, c *Claim)

	// Answer is what the vendor's gateway tells a client that is refused, and
	// Challenge its WWW-Authenticate (RFC 9110 section 11.6.1).
	Answer(r *Refusal) string
	Challenge() string
}

// A Hashed scheme's string to sign holds a digest of the canonical text: the one
// under the algorithm that [Parts.Hash] names.
type Hashed interface {
	// StringToSign appends the string around the digest.
	StringToSign(dst []byte, p *Parts, digest []byte) []byte
}

// A Deriver's MACs are keyed with what is derived from the secret, where
// [Claim.Scope] is not empty.
type Deriver interface {
	// Derive returns the derived secret. Each step of a chain is one call of mac,
	// which computes under any key on the backend that computes the request's MAC.
	// It depends on the secret, the key id and the scope alone: results are kept.
	// The caller clears secret and result, Derive what is in between.
	Derive(c *Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error)
}

// An Explainer knows the mistakes of its clients.
type Explainer interface {
	// Mistakes lists those that change a signature, in the order in which they are
	// tried: what is more particular first. It is asked anew for each search, so a list
	// may keep what it found on the way.
	Mistakes() []Mistake
	// Recognise names mistakes of a request that was refused before its MAC was
	// compared, or for another reason than its MAC, by looking at it.
	Recognise(s *Search, r *Refusal) []Found
}

// A Checker can have options that do not go together, or are none.
type Checker interface {
	// Check is asked before a signer or a verifier takes the scheme into use. Its
	// error says what to set instead.
	Check() error
}

// A Claim is what a request says of its own signature. It is used again for other
// requests: a scheme fills it, and keeps nothing of it.
type Claim struct {
	KeyID     string
	Algorithm string   // as package algo names it
	Headers   []string // signed headers, lower-case, as listed; append to Headers[:0]
	// AlsoHeaders are what is signed of the headers without being listed, lower-case:
	// known once Parts was called.
	AlsoHeaders []string
	Signature   []byte // append to Signature[:0]
	Text        string // the signature as it was written
	// Scope says what a derived key is for; empty for the secret itself. Place is
	// what of it a key's list of scopes allows, such as "region/service".
	Scope, Place string
	// AnyDate: the date is not to be checked.
	AnyDate bool
}

// Has reports whether a header, in lower case, is among the signed ones.
func (c *Claim) Has(name string) bool {
	for _, header := range c.Headers {
		if header == name {
			return true
		}
	}
	return false
}

// Reset empties the claim and keeps its memory.
func (c *Claim) Reset() {
	clear(c.Headers)
	c.Headers, c.Signature, c.AlsoHeaders = c.Headers[:0], c.Signature[:0], nil
	c.KeyID, c.Algorithm, c.Text, c.Scope, c.Place, c.AnyDate = "", "", "", "", "", false
}

// Defaults are methods for a scheme to embed that has nothing particular to say.
type Defaults struct{}

// Algorithms are all of package algo.
func (Defaults) Algorithms() []string { return algo.Algorithms() }

// Forms is one form.
func (Defaults) Forms() []string { return []string{"documented"} }

// CheckBody accepts: for schemes whose string holds a digest that Parts computed,
// or nothing of the body.
func (Defaults) CheckBody(*Message, *Claim, string) error { return nil }

// Answer is the reason in English.
func (Defaults) Answer(r *Refusal) string { return r.Reason.Error() }

// Challenge is "hmac".
func (Defaults) Challenge() string { return "hmac" }
