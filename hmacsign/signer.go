package hmacsign

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Signer signs requests with one credential in one scheme. It is safe for
// concurrent use.
type Signer struct {
	common
	dialect       *dialect
	keyID         string
	algorithm     string
	mac           *algo.Key
	headers       []string // to be signed, lower-case, in the scheme's order
	signRedirects bool
	derived       atomic.Pointer[scopedMAC]
	secret        SecretText // for derived keys
}

// scopedMAC is the derived key of a scope, which changes once a day. It may be in
// use after that, and so is left to the collector.
type scopedMAC struct {
	scope string
	mac   *algo.Key
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
	s := &Signer{common: defaults(noBudget), dialect: newDialect(in), keyID: cred.KeyID, algorithm: algorithm}
	if s.dialect.deriver != nil {
		s.secret = cred.Secret
	}
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
	if err := checkKeyID(cred.KeyID); err != nil {
		return nil, err
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
	mac, err := newMAC(algorithm, cred.Secret.bytes(), s.backend)
	if err != nil {
		return nil, err
	}
	s.mac = mac
	return s, nil
}

// ready panics unless the signer can be used.
func (s *Signer) ready() {
	if s == nil || s.mac == nil {
		panic("hmacsign: a Signer was used that NewSigner did not make: a nil or a zero one")
	}
}

// Backend tells what computes this signer's MACs, and the digests under them.
func (s *Signer) Backend() algo.Info {
	s.ready()
	return s.mac.Backend()
}

// Sign sets the headers on req, or the parameters of its URL where a scheme's
// signature stands there, that make it a signed request, replacing those of an
// earlier signing. The body is read, up to the limit, and can be read
// again afterwards; its length becomes known. On an error no header has been
// changed. Errors wrap [ErrMalformed], [ErrSignedHeaders], [ErrBodyDigest],
// [ErrBodyTooLarge] or [ErrBody], or algo.ErrBackendUnavailable where the
// backend's library fails.
//
// Header keys must be in canonical form, as the methods of http.Header make
// them, and whatever is signed must not change between Sign and sending.
func (s *Signer) Sign(req *http.Request) error {
	_, err := s.sign(req)
	return err
}

// sign is Sign, and tells what is held of the body, or nil.
func (s *Signer) sign(req *http.Request) (*hold, error) {
	s.ready()
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	w := newWork()
	defer w.free()
	err := s.build(w, req, req.Header)
	if err == nil {
		err = s.sum(w)
	}
	if err != nil {
		w.message.Undo()
		return nil, s.describe(err)
	}
	s.dialect.Write(&w.message, &w.claim)
	if w.message.Query != w.query {
		req.URL.RawQuery = w.message.Query
	}
	return w.body.kept.hold, nil
}

// describe completes an error of a request that cannot be signed. One of the backend
// is returned as it is.
func (s *Signer) describe(err error) error {
	var refusal *scheme.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	e := verifyError(err)
	e.Scheme, e.KeyID, e.Algorithm = s.dialect.name, s.keyID, s.algorithm
	return e
}

// sum computes the signature. That a backend's library fails is an error, here
// and in build.
func (s *Signer) sum(w *work) (err error) {
	defer algo.CatchFailure(&err)
	mac := s.mac
	if scope := w.claim.Scope; scope != "" {
		cached := s.derived.Load()
		if cached == nil || cached.scope != scope {
			if mac, err = keyed(s.dialect, s.mac, s.secret, &w.claim); err != nil {
				return err
			}
			cached = &scopedMAC{scope, mac}
			s.derived.Store(cached)
		}
		mac = cached.mac
	}
	w.claim.Signature = mac.Sum(w.claim.Signature[:0], w.text)
	return nil
}

// StringToSign returns the string whose MAC [Signer.Sign] would compute at this
// moment, and leaves the request's headers alone. Errors are those of Sign.
func (s *Signer) StringToSign(req *http.Request) (string, error) {
	s.ready()
	header := req.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	w := newWork()
	defer w.free()
	if err := s.build(w, req, header); err != nil {
		return "", s.describe(err)
	}
	return string(w.text), nil
}

// build prepares header, which is req's own or a copy, and leaves the string to
// sign in w.text.
func (s *Signer) build(w *work, req *http.Request, header http.Header) (err error) {
	defer algo.CatchFailure(&err)
	for key := range header {
		if !isCanonical(key) {
			return refuse(ErrMalformed, "header_key", "header", scheme.Clip(key))
		}
	}
	if err := w.read(req, &s.common); err != nil {
		return err
	}
	if w.body.own = true; w.body.src != nil {
		w.body.open = req.GetBody
	}
	defer w.body.keep(req)
	w.message.Header, w.digests, w.query = header, digests{s.mac, s.algorithm, s.backend}, w.message.Query
	w.claim.KeyID, w.claim.Algorithm = s.keyID, s.algorithm
	w.claim.Headers = append(w.claim.Headers[:0], s.headers...)
	if err := s.dialect.Prepare(&w.message, &w.claim, s.clock()); err != nil {
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
	held, err := t.signer.sign(clone)
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
