package hmacsign

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Signer signs requests in one scheme, with one credential or with that of a
// [CredentialProvider]. It is safe for concurrent use.
type Signer struct {
	common
	dialect       *dialect
	algorithm     string
	headers       []string // to be signed, lower-case, in the scheme's order
	signRedirects bool
	provider      CredentialProvider         // or nil
	key           atomic.Pointer[signingKey] // of a provider the last one, or nil
}

// NewSigner returns a signer. The errors are those of [algo.NewKey], or say
// which option or credential cannot be used.
func NewSigner(in Scheme, algorithm string, cred Credential, opts ...SignerOption) (*Signer, error) {
	if in == nil {
		return nil, errors.New("hmacsign: NewSigner: no scheme")
	}
	if err := checkScheme(in); err != nil {
		return nil, err
	}
	s := &Signer{common: defaults(noBudget), dialect: newDialect(in), algorithm: algorithm}
	if !slices.Contains(in.Algorithms(), algorithm) {
		return nil, fmt.Errorf("hmacsign: scheme %s: %w %q: use one of %s", in.Name(), algo.ErrUnknownAlgorithm, scheme.Clip(algorithm), strings.Join(in.Algorithms(), ", "))
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, nilOption("NewSigner", i)
		}
		if err := opt.signer(s); err != nil {
			return nil, err
		}
	}
	requested := s.headers
	s.headers = in.Signs(slices.Clone(requested))
	for _, name := range requested {
		if !slices.Contains(s.headers, name) {
			return nil, fmt.Errorf("hmacsign: WithSignedHeaders: scheme %s cannot sign %s: leave it out", in.Name(), name)
		}
	}
	if len(s.headers) > scheme.MaxSignedHeaders {
		return nil, fmt.Errorf("hmacsign: WithSignedHeaders: %d headers would be signed, verifiers take %d at most", len(s.headers), scheme.MaxSignedHeaders)
	}
	if err := s.takeCredential(cred); err != nil {
		return nil, err
	}
	return s, nil
}

// takeCredential makes the key of a credential. That of a provider is yet to come, but
// not the backend.
func (s *Signer) takeCredential(cred Credential) error {
	if s.provider == nil {
		key, err := s.newKey(cred)
		s.key.Store(key)
		return err
	}
	if cred.KeyID != "" || cred.Secret.reveal != nil {
		return errors.New("hmacsign: WithCredentials: there is a credential beside the provider: give NewSigner Credential{}")
	}
	_, err := algo.NewHash(s.algorithm, algo.WithBackend(s.backend))
	return err
}

// ready panics unless the signer can be used.
func (s *Signer) ready() {
	if s == nil || s.dialect == nil {
		panic("hmacsign: a Signer was used that NewSigner did not make: a nil or a zero one")
	}
}

// Backend tells what computes this signer's MACs, and the digests under them. With
// [WithCredentials] it is that of the last new credential, and before the first the one
// that would be taken now.
func (s *Signer) Backend() algo.Info {
	s.ready()
	if key := s.key.Load(); key != nil {
		return key.mac.Backend()
	}
	return s.expectedBackend()
}

// Sign sets the headers on req, or the parameters of its URL where a scheme's
// signature stands there, that make it a signed request, replacing those of an
// earlier signing. The body is read, up to the limit, and can be read
// again afterwards; its length becomes known. On an error no header has been
// changed. Errors wrap [ErrMalformed], [ErrSignedHeaders], [ErrBodyDigest],
// [ErrBodyTooLarge] or [ErrBody], or algo.ErrBackendUnavailable where the
// backend's library fails, or are those of the provider of [WithCredentials], or of
// [algo.NewKey] for what it gave.
//
// Header keys must be in canonical form, as the methods of http.Header make
// them, and whatever is signed must not change between Sign and sending.
func (s *Signer) Sign(req *http.Request) error {
	_, err := s.sign(req, nil)
	return err
}

// A Signing is what a signer did with one request, all of it at one instant.
type Signing struct {
	Date time.Time // that was signed, as the signer's clock gave it
	// CanonicalRequest is what huawei-sdk puts into the string to sign as a hash; empty
	// for a scheme that has none.
	CanonicalRequest string
	StringToSign     string
	Signature        string // as it is written on the request
	// Headers are those that were set, in that order, Authorization among them. Where a
	// scheme has its signature in the URL, it is there.
	Headers []HeaderField
}

// Explain is [Signer.Sign], and tells what was signed: for whoever shows it, to a person
// or in a log. The clock is read once, and a [CredentialProvider] is asked once, so that
// date, string and signature belong together, as those of [Signer.StringToSign] and a Sign
// after it need not. Neither the secret nor what is derived of it is told. Errors are those
// of Sign.
func (s *Signer) Explain(req *http.Request) (*Signing, error) {
	told := new(Signing)
	if _, err := s.sign(req, told); err != nil {
		return nil, err
	}
	return told, nil
}

// tell takes what there is to say of a request that is signed out of w.
func (told *Signing) tell(w *work, d *dialect, now time.Time) {
	told.Date, told.StringToSign, told.CanonicalRequest = now, string(w.text), string(w.canonical)
	for _, name := range w.message.Replaced() {
		for _, value := range w.message.Header[name] {
			told.Headers = append(told.Headers, HeaderField{name, value})
		}
	}
	var written scheme.Claim
	if d.Parse(&w.message, &written) == nil {
		told.Signature = written.Text
	}
}

// sign is Sign, and tells what is held of the body, or nil. What it did is told where
// that is asked for.
func (s *Signer) sign(req *http.Request, told *Signing) (*hold, error) {
	s.ready()
	key, err := s.currentKey(req.Context())
	if err != nil {
		return nil, err
	}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	w := newWork()
	defer w.free()
	now := s.clock()
	if err = s.build(w, key, req, req.Header, now); err == nil {
		err = s.sum(w, key)
	}
	if err != nil {
		w.message.Undo()
		return nil, s.describe(err, key)
	}
	s.dialect.Write(&w.message, &w.claim)
	if w.message.Query != w.query {
		req.URL.RawQuery = w.message.Query
	}
	if told != nil {
		told.tell(w, s.dialect, now)
	}
	return w.body.kept.hold, nil
}

// describe completes an error of a request that cannot be signed. One of the backend
// is returned as it is.
func (s *Signer) describe(err error, key *signingKey) error {
	var refusal *scheme.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	e := verifyError(err)
	e.Scheme, e.KeyID, e.Algorithm = s.dialect.name, key.id, s.algorithm
	return e
}

// sum computes the signature. That a backend's library fails is an error, here
// and in build.
func (s *Signer) sum(w *work, key *signingKey) (err error) {
	defer algo.CatchFailure(&err)
	mac, err := key.scoped(s.dialect, &w.claim)
	if err == nil {
		w.claim.Signature = mac.Sum(w.claim.Signature[:0], w.text)
	}
	return err
}

// StringToSign returns the string whose MAC [Signer.Sign] would compute at this
// moment, and leaves the request's headers alone. Errors are those of Sign.
func (s *Signer) StringToSign(req *http.Request) (string, error) {
	s.ready()
	key, err := s.currentKey(req.Context())
	if err != nil {
		return "", err
	}
	header := req.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	w := newWork()
	defer w.free()
	if err := s.build(w, key, req, header, s.clock()); err != nil {
		return "", s.describe(err, key)
	}
	return string(w.text), nil
}

// build prepares header, which is req's own or a copy, for a date, and leaves the string
// to sign in w.text.
func (s *Signer) build(w *work, key *signingKey, req *http.Request, header http.Header, now time.Time) (err error) {
	defer algo.CatchFailure(&err)
	for name := range header {
		if !isCanonical(name) {
			return refuse(ErrMalformed, "header_key", "header", scheme.Clip(name))
		}
	}
	if err := w.read(req, &s.common); err != nil {
		return err
	}
	if w.body.own = true; w.body.src != nil {
		w.body.open = req.GetBody
	}
	defer w.body.keep(req)
	w.message.Header, w.digests, w.query = header, digests{key.mac, s.algorithm, s.backend}, w.message.Query
	w.claim.KeyID, w.claim.Algorithm = key.id, s.algorithm
	w.claim.Headers = append(w.claim.Headers[:0], s.headers...)
	if err := s.dialect.Prepare(&w.message, &w.claim, now); err != nil {
		return err
	}
	// A form that is not there has the string of another.
	for _, form := range s.dialect.forms {
		if written, err := w.render(s.dialect, form); written || err != nil {
			return err
		}
	}
	return fmt.Errorf("hmacsign: scheme %s has no form for this request", s.dialect.name)
}

// isCanonical reports whether a header's key is in the form that the methods of
// http.Header make.
func isCanonical(key string) bool {
	upper := true
	for i := 0; i < len(key); i++ {
		c := key[i]
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' {
			return false
		}
		upper = c == '-'
	}
	return true
}

// Transport returns a RoundTripper that signs a clone of each request and sends
// it through base, http.DefaultTransport if that is nil. The caller's request
// stays as it was, but for its body, which is read and closed. It retries
// nothing. An http.Client that follows a redirect gets the new request signed as
// long as it stays with the host of the first one; once it has been elsewhere, or
// falls back from https to http, none is, unless [SignRedirects] says so: another
// host that answers with a redirect must not choose what is signed.
func (s *Signer) Transport(base http.RoundTripper) http.RoundTripper {
	s.ready()
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{s, base}
}

type transport struct {
	signer *Signer
	base   http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.signer.signRedirects && redirectedElsewhere(req) {
		return t.base.RoundTrip(req)
	}
	clone := req.Clone(req.Context())
	held, err := t.signer.sign(clone, nil)
	if err != nil {
		if clone.Body != nil {
			clone.Body.Close() // a RoundTripper always closes it
		}
		return nil, err
	}
	if held != nil {
		defer held.share(clone)()
	}
	return t.base.RoundTrip(clone)
}

// redirectedElsewhere reports whether a redirect that led to req came from, or
// went through, another host, or from https to http.
func redirectedElsewhere(req *http.Request) bool {
	for before := req.Response; before != nil; before = before.Request.Response {
		if before.Request == nil || host(before.Request.URL) != host(req.URL) || before.Request.URL.Scheme == "https" && req.URL.Scheme != "https" {
			return true
		}
	}
	return false
}

// host is the host and the port, which another scheme's default is not told
// apart from: servers send their clients from http to https.
func host(u *url.URL) string {
	name := strings.ToLower(u.Hostname())
	if port := u.Port(); port != "" && !(u.Scheme == "http" && port == "80") && !(u.Scheme == "https" && port == "443") {
		return name + ":" + port
	}
	return name
}
