package schemetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// reporter is what of a testing.T the checks use.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
}

// suite is a scheme with the signers and verifiers of its checks.
type suite struct {
	reporter
	scheme    scheme.Scheme
	coverage  scheme.Coverage
	options   Options
	signers   map[[2]string]*hmacsign.Signer // by form and algorithm
	plain     *hmacsign.Verifier
	explains  *hmacsign.Verifier
	guarded   *hmacsign.Verifier
	seen      seen
	met       map[string]map[string]string // codes of refusals and their arguments
	errors    map[reporter]int
	signedNow []signed
}

const (
	keyID   = "schemetest"
	secret  = "schemetest-secret-0123456789"
	otherID = "schemetest-2"
)

// now is the time of the suite's clock.
var now = time.Date(2021, 3, 11, 8, 29, 58, 250e6, time.UTC)

func newSuite(s scheme.Scheme, o Options) *suite {
	if o.Headers == nil {
		o.Headers = []string{"source"}
	}
	t := &suite{scheme: s, coverage: s.Coverage(), options: o, signers: make(map[[2]string]*hmacsign.Signer),
		seen: make(seen), met: make(map[string]map[string]string), errors: make(map[reporter]int)}
	t.plain, t.explains, t.guarded = t.verifier(), t.verifier(hmacsign.WithExplanations()), t.verifier(hmacsign.WithReplayGuard(t.seen))
	return t
}

// wrong reports a violation; a check that finds many of them is ended.
func (t *suite) wrong(format string, args ...any) {
	t.Helper()
	if t.errors[t.reporter]++; t.errors[t.reporter] > 5 {
		t.Fatalf("and more of the kind")
	}
	t.Errorf(format, args...)
}

func (t *suite) check(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// verifier accepts the scheme alone, from the suite's two keys.
func (t *suite) verifier(opts ...hmacsign.VerifierOption) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(
		&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)},
		&hmacsign.Key{ID: otherID, Secret: hmacsign.Secret("another " + secret)})
	if err != nil {
		panic(err)
	}
	return newVerifier(t.scheme, keys, now, opts...)
}

func newVerifier(s scheme.Scheme, keys hmacsign.KeyStore, at time.Time, opts ...hmacsign.VerifierOption) *hmacsign.Verifier {
	v, err := hmacsign.NewVerifier(keys, append(opts, hmacsign.AcceptSchemes(s), clock(at))...)
	if err != nil {
		panic(err)
	}
	return v
}

func clock(at time.Time) hmacsign.Option { return hmacsign.WithClock(func() time.Time { return at }) }

// seen is a replay store that can be emptied.
type seen map[[16]byte]bool

func (s seen) Seen(_ context.Context, id [16]byte, _, _ time.Time) (bool, error) {
	before := s[id]
	s[id] = true
	return before, nil
}

// inForm is a scheme in one of its forms alone, for a signer.
type inForm struct {
	scheme.Scheme
	form string
}

func (s inForm) Forms() []string { return []string{s.form} }

// only keeps what else a scheme can do.
func only(s scheme.Scheme, form string) scheme.Scheme {
	alone := inForm{s, form}
	hashed, hashes := s.(scheme.Hashed)
	deriver, derives := s.(scheme.Deriver)
	switch {
	case hashes && derives:
		return struct {
			inForm
			scheme.Hashed
			scheme.Deriver
		}{alone, hashed, deriver}
	case hashes:
		return struct {
			inForm
			scheme.Hashed
		}{alone, hashed}
	case derives:
		return struct {
			inForm
			scheme.Deriver
		}{alone, deriver}
	}
	return alone
}

// headers are those of the options that the scheme can sign.
func (t *suite) headers() []string {
	signed := t.scheme.Signs(slices.Clone(t.options.Headers))
	return slices.DeleteFunc(slices.Clone(t.options.Headers), func(name string) bool { return !slices.Contains(signed, name) })
}

// signer signs in one form.
func (t *suite) signer(form, algorithm string) *hmacsign.Signer {
	t.Helper()
	at := [2]string{form, algorithm}
	if t.signers[at] == nil {
		cred := hmacsign.Credential{KeyID: keyID, Secret: hmacsign.Secret(secret)}
		s, err := hmacsign.NewSigner(only(t.scheme, form), algorithm, cred, clock(now), hmacsign.WithSignedHeaders(t.headers()...))
		t.check(err)
		t.signers[at] = s
	}
	return t.signers[at]
}

// signed is a request of the suite, as it was and as it was signed.
type signed struct {
	before, after scheme.Request
	form          string // in which it was signed
	algorithm     string
	id            *hmacsign.Identity // with which it is accepted
	claim         scheme.Claim
}

// sign signs a request in one form, and wants it accepted. It is false for a request
// that the scheme refuses to sign, or that has no such form.
func (t *suite) sign(form, algorithm string, r scheme.Request) (signed, bool) {
	t.Helper()
	req := unsigned(r)
	if err := t.signer(form, algorithm).Sign(req); err != nil {
		if e, ok := err.(*hmacsign.VerifyError); ok {
			t.meet(e)
			if got := unsigned(r); !reflect.DeepEqual(req.Header, got.Header) || req.URL.RawQuery != got.URL.RawQuery {
				t.wrong("%s: refused to be signed (%v), but changed", line(r), err)
			}
		}
		return signed{}, false
	}
	s := signed{before: r, after: r, form: form, algorithm: algorithm}
	s.after.Header, s.after.Query = req.Header, req.URL.RawQuery
	id, refused := t.verify(t.plain, s.after)
	if refused != nil {
		t.wrong("%s: signed in form %s with %s it is refused: %v", line(r), form, algorithm, refused)
		return s, false
	}
	if id.KeyID != keyID || id.Algorithm != algorithm || id.Scheme != t.scheme.Name() || id.Date.Sub(now).Abs() >= time.Second {
		t.wrong("%s: signed with %s it is accepted as %+v", line(r), algorithm, id)
	}
	s.id, s.claim = id, t.claim(s.after, id)
	return s, true
}

// verify asks a verifier, as a server does. A refusal is one of the sentinels, with
// a code.
func (t *suite) verify(v *hmacsign.Verifier, r scheme.Request) (*hmacsign.Identity, *hmacsign.VerifyError) {
	t.Helper()
	id, err := v.Verify(request(r))
	if err == nil {
		return id, nil
	}
	refused, ok := err.(*hmacsign.VerifyError)
	if !ok {
		t.Fatalf("%s: refused with %T: %v", line(r), err, err)
	}
	t.meet(refused)
	return nil, refused
}

// meet keeps the code of a refusal for the check of words.
func (t *suite) meet(e *hmacsign.VerifyError) {
	t.Helper()
	if !slices.Contains(reasons, e.Reason) {
		t.wrong("refused for %v, which is none of the sentinels", e.Reason)
	}
	if e.Reason == scheme.ErrUnavailable {
		t.wrong("a request makes the verifier fail: %v", e)
	}
	if strings.Contains(e.Error(), secret) || strings.ContainsAny(e.Error(), "\r\n") {
		t.wrong("the refusal is not a line without secrets: %q", e.Error())
	}
	if e.DetailCode == "" && e.Detail != "" {
		t.wrong("the refusal %q has no code", e.Detail)
	}
	if e.DetailCode != "" && t.met[e.DetailCode] == nil {
		args := maps.Clone(e.Args)
		if args == nil {
			args = map[string]string{}
		}
		t.met[e.DetailCode] = args
	}
}

// claim is what an accepted request says of its signature.
func (t *suite) claim(r scheme.Request, id *hmacsign.Identity) (c scheme.Claim) {
	t.Helper()
	if err := t.scheme.Parse(message(r), &c); err != nil {
		t.Fatalf("%s: accepted, but Parse = %v", line(r), err)
	}
	c.AlsoHeaders = id.AlsoSigned
	return c
}

// request is r as net/http gives it to a server, with the header of r itself.
func request(r scheme.Request) *http.Request {
	req := &http.Request{Method: r.Method, Host: r.Host, RequestURI: target(r), URL: &url.URL{Path: "/", RawQuery: r.Query}, Header: r.Header}
	if r.Body != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(r.Body)), int64(len(r.Body))
	} else {
		req.Body = http.NoBody
	}
	return req
}

// unsigned is r for a signer, which signs these bytes and not what net/url makes of
// them, and sets headers.
func unsigned(r scheme.Request) *http.Request {
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = make(http.Header)
	}
	return request(r)
}

func target(r scheme.Request) string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// withTarget is r with another target.
func withTarget(r scheme.Request, target string) scheme.Request {
	r.Path, r.Query, _ = strings.Cut(target, "?")
	return r
}

func withHeader(r scheme.Request, name string, values ...string) scheme.Request {
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if delete(r.Header, name); values != nil {
		r.Header[name] = values
	}
	return r
}

// line shows a request in a message.
func line(r scheme.Request) string {
	body := r.Body
	if len(body) > 80 {
		body = body[:80] + "..."
	}
	text := fmt.Sprintf("%s %s host %s %q", r.Method, target(r), r.Host, body)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		text += fmt.Sprintf(" %s: %q", name, r.Header[name])
	}
	return text
}

// differences shows what differs in two requests.
func differences(a, b scheme.Request) string {
	text := " " + a.Method + " " + target(a)
	show := func(what string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			text += fmt.Sprintf("\n  %s %.300q\n    -> %.300q", what, a, b)
		}
	}
	show("method", a.Method, b.Method)
	show("path", a.Path, b.Path)
	show("query", a.Query, b.Query)
	show("host", a.Host, b.Host)
	show("body", a.Body, b.Body)
	names := maps.Clone(a.Header)
	maps.Copy(names, b.Header)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		show(name, a.Header[name], b.Header[name])
	}
	return text
}

// message is r for a scheme's Parse, which reads no body and takes no digests.
func message(r scheme.Request) *scheme.Message {
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	return &scheme.Message{Method: r.Method, Path: r.Path, Query: r.Query, Host: r.Host, Header: r.Header}
}

// meaning is what of an accepted request its signature covers, written so that
// requests that are declared not to be told apart have one.
func (t *suite) meaning(r scheme.Request, id *hmacsign.Identity) scheme.Request {
	c := t.claim(r, id)
	r.Header = r.Header.Clone()
	r.Host = strings.Trim(r.Host, " \t")
	for name, values := range r.Header {
		for i := range values {
			values[i] = strings.Trim(values[i], " \t") // as it is sent
		}
		// What is not covered must not make a difference to what is.
		if lower := strings.ToLower(name); !t.coverage.Headers || !c.Has(lower) && !slices.Contains(t.coverage.Also, lower) {
			delete(r.Header, name)
		}
	}
	for _, pair := range t.coverage.NotApart {
		pair.Normal(&r, &c, id.Form)
	}
	if !c.Has("host") && !slices.Contains(t.coverage.Also, "host") {
		r.Host = ""
	}
	if !t.coverage.Method {
		r.Method = ""
	}
	if !t.coverage.Path {
		r.Path = ""
	}
	if !t.coverage.Query {
		r.Query = ""
	}
	if !t.coverage.Body {
		r.Body = ""
	}
	return r
}

// explained reports whether the declaration says why two accepted requests have one
// signature.
func (t *suite) explained(s signed, r scheme.Request, id *hmacsign.Identity) bool {
	t.Helper()
	return id.KeyID == s.id.KeyID && id.Algorithm == s.id.Algorithm && id.Scope == s.id.Scope && id.Date.Equal(s.id.Date) &&
		slices.Equal(sorted(id.SignedHeaders), sorted(s.id.SignedHeaders)) &&
		reflect.DeepEqual(t.meaning(s.after, s.id), t.meaning(r, id))
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// changed wants a changed request refused, unless it is declared to be not told
// apart from the signed one.
func (t *suite) changed(s signed, r scheme.Request, what string) (accepted bool) {
	t.Helper()
	id, _ := t.verify(t.plain, r)
	if id != nil && !t.explained(s, r, id) {
		t.wrong("%s changed, and still accepted (%s, in form %s and then %s), though no pair of Coverage says why:\n%s\nto those who do not tell apart what the pairs say:\n%s",
			what, s.algorithm, s.id.Form, id.Form, differences(s.after, r), differences(t.meaning(s.after, s.id), t.meaning(r, id)))
	}
	return id != nil
}
