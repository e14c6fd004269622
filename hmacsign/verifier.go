package hmacsign

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Verifier decides whether requests are signed by a key of its store. It is
// safe for concurrent use.
type Verifier struct {
	common
	keys     KeyStore
	schemes  []*dialect
	required []string // headers that must be signed, lower-case
	window   time.Duration
	replays  ReplayStore
	explain  bool
	observe  func(*http.Request, *Identity, *VerifyError)
	refuse   func(http.ResponseWriter, *http.Request, *VerifyError)
	echo     bool
	last     atomic.Pointer[dialect] // in which a request was accepted last
	latest   atomic.Int64            // Unix milliseconds: the largest time seen
}

// An Identity tells who signed a request, and how that was proven.
type Identity struct {
	KeyID         string
	Scheme        string
	Algorithm     string
	Backend       string   // of package algo, which computed the MAC
	SignedHeaders []string // lower-case, as the client listed them
	AlsoSigned    []string // lower-case: what the scheme signs without listing it, such as accept
	Scope         string   // of a derived key: day, region, service; or empty
	Form          string   // of the string to sign, of those that the scheme accepts
	Date          time.Time
	// PreviousSecret: the client still signs with the secret before the rotation.
	PreviousSecret bool
}

// NewVerifier returns a verifier, of all schemes unless [AcceptSchemes] says
// otherwise. Which ones a key may be used with is up to the key.
func NewVerifier(keys KeyStore, opts ...VerifierOption) (*Verifier, error) {
	if keys == nil {
		return nil, errors.New("hmacsign: NewVerifier: no key store")
	}
	v := &Verifier{common: defaults(defaultBudget), keys: keys, window: DefaultWindow}
	for i, opt := range opts {
		if opt == nil {
			return nil, nilOption("NewVerifier", i)
		}
		if err := opt.verifier(v); err != nil {
			return nil, err
		}
	}
	if v.schemes == nil {
		for _, s := range Schemes() {
			v.schemes = append(v.schemes, newDialect(s))
		}
	}
	if err := v.checkBackend(); err != nil {
		return nil, err
	}
	return v, nil
}

// checkBackend finds a backend's name that no algorithm knows. One that cannot
// run now may be able to later. No key comes of it, which has no secret.
func (v *Verifier) checkBackend() error {
	if v.backend == "" {
		return nil
	}
	var err error
	for _, algorithm := range algo.Algorithms() {
		if _, err = newMAC(algorithm, nil, v.backend); !errors.Is(err, algo.ErrUnknownBackend) {
			return nil
		}
	}
	return err
}

// ready panics unless the verifier can be used.
func (v *Verifier) ready() {
	if v == nil || v.keys == nil {
		panic("hmacsign: a Verifier was used that NewVerifier did not make: a nil or a zero one")
	}
}

// Verify returns who signed the request, or a *[VerifyError] whose reason is
// one of this package's sentinels. It looks the key up, then checks the
// algorithm, the date, the MAC and last what the MAC vouches for; the body is
// read up to the limit, only if needed, and can be read again afterwards.
//
// On a server the request must be as net/http received it: the signature is
// over the request line, so req.RequestURI must not have been changed.
func (v *Verifier) Verify(req *http.Request) (*Identity, error) {
	v.ready()
	return verdict(v.verifyRequest(req, false))
}

// verdict keeps an error that is none from being a nil pointer in an interface.
func verdict(id *Identity, refused *VerifyError) (*Identity, error) {
	if refused != nil {
		return nil, refused
	}
	return id, nil
}

// verifyRequest verifies a request of net/http. If the caller closes the body,
// whatever comes, nobody else has to.
func (v *Verifier) verifyRequest(req *http.Request, closes bool) (*Identity, *VerifyError) {
	w := newWork()
	defer w.free()
	w.readErr = w.read(req, &v.common)
	defer func() { w.body.closes = closes; w.body.restore(req) }()
	return v.verify(req.Context(), w)
}

// verify decides on the request in w.
func (v *Verifier) verify(ctx context.Context, w *work) (*Identity, *VerifyError) {
	w.ctx = ctx
	tried, id, err := v.try(w)
	if err == nil {
		return id, nil
	}
	if tried == nil {
		return nil, v.ofNone(err)
	}
	refused := v.describe(w, tried, err)
	refused.spoken = tried.Scheme
	return nil, refused
}

// ofNone describes an error of a request that no scheme was found for.
func (v *Verifier) ofNone(err error) *VerifyError {
	e := verifyError(err)
	if v.explain {
		e.Explanation = new(Explanation)
	}
	return e
}

// try verifies the request in each scheme that it may be of, and returns the one in
// which it was accepted, or came furthest; none if it is of none. The order makes no
// difference to what is accepted, but where a scheme reads a body, too long or broken
// off, of which another takes no notice: two schemes of one vendor share a header, and the
// one in which requests, those of this key above all, were accepted last goes first.
func (v *Verifier) try(w *work) (furthest *dialect, id *Identity, err error) {
	for next := -1; next < len(v.schemes); {
		d := v.last.Load()
		if next >= 0 {
			d = v.schemes[next]
		}
		if next++; d == nil || slices.Contains(w.tried, d) {
			continue
		}
		w.claim.Reset()
		triedErr := d.Parse(&w.message, &w.claim)
		if triedErr == scheme.ErrForeign {
			continue
		}
		if triedErr == nil && v.lookUp(w) == nil {
			if likely := v.likely(w.key); likely != nil && likely != d && !slices.Contains(w.tried, likely) {
				d, next = likely, next-1 // d is not tried yet
				w.claim.Reset()
				triedErr = d.Parse(&w.message, &w.claim)
			}
		}
		w.tried = append(w.tried, d)
		if triedErr == nil {
			if id, triedErr = v.verifyAs(w, d); triedErr == nil {
				v.remember(w.key, d)
				return d, id, nil
			}
		}
		if triedErr == errMismatch {
			w.mismatched = append(w.mismatched, d)
		}
		// The one that gets further tells why, and of two the first.
		if further := progress(triedErr) - progress(err); triedErr != scheme.ErrForeign && (furthest == nil || further > 0 || further == 0 && v.before(d, furthest)) {
			furthest, err = d, triedErr
		}
	}
	if furthest == nil {
		return nil, nil, v.unsigned(w)
	}
	return furthest, nil, err
}

// before reports whether a scheme comes before another, whatever was tried first.
func (v *Verifier) before(d, other *dialect) bool {
	return slices.Index(v.schemes, d) < slices.Index(v.schemes, other)
}

// likely is the scheme in which a request of the key was accepted last.
func (v *Verifier) likely(key *Key) *dialect {
	last := key.dialect.Load()
	if last == nil || last == v.last.Load() {
		return last
	}
	for _, d := range v.schemes {
		if d.name == last.name { // the key may be in use with other verifiers
			return d
		}
	}
	return nil
}

func (v *Verifier) remember(key *Key, d *dialect) {
	if v.last.Load() != d {
		v.last.Store(d)
	}
	if key.dialect.Load() != d {
		key.dialect.Store(d)
	}
}

// unsigned refuses a request that no scheme takes for its own.
func (v *Verifier) unsigned(w *work) error {
	value, err := w.message.Authorization()
	switch {
	case err == scheme.ErrForeign:
		return refuse(ErrNoAuthorization, "authorization_none")
	case err != nil && value == "":
		return err
	}
	var names []string
	for _, d := range v.schemes {
		names = append(names, d.name)
	}
	return refuse(ErrMalformed, "authorization_foreign", "schemes", strings.Join(names, ", "))
}

// progress is how far a refused request came.
func progress(err error) int {
	steps := [][]error{{ErrScheme}, {ErrDate}, {ErrSignedHeaders, ErrExpired, ErrSignature}, {ErrBodyDigest, ErrReplayed}}
	for i, step := range steps {
		if slices.ContainsFunc(step, func(reason error) bool { return errors.Is(err, reason) }) {
			if e, ok := err.(*VerifyError); ok && e.Explanation != nil && e.Explanation.Late != nil && e.Explanation.Late.Accepted {
				return i + 1
			}
			return i
		}
	}
	return len(steps) // an error that has nothing to do with the scheme
}

// errMismatch: no form of the string to sign has this signature. What there is to
// say of it costs more than to find out, and is said once all schemes were tried.
var errMismatch error = refuse(ErrSignature, "")

// describe completes an error of a request in a scheme with what is known of it.
func (v *Verifier) describe(w *work, d *dialect, err error) *VerifyError {
	if err == errMismatch {
		return v.mismatch(w, d)
	}
	refusal := verifyError(err)
	e := *refusal
	v.identify(w, d, &e)
	if v.explain && e.Explanation == nil {
		e.Explanation = v.recognise(w, d, &e.Refusal)
	}
	return &e
}

// identify says whose request it is.
func (v *Verifier) identify(w *work, d *dialect, e *VerifyError) {
	w.claim.Reset()
	if d.Parse(&w.message, &w.claim) == nil {
		e.KeyID, e.Scheme = w.claim.KeyID, d.name
		if e.Algorithm == "" {
			e.Algorithm = w.claim.Algorithm
		}
	}
}

// mismatch describes a signature that is not the request's. Where the request may be
// of several schemes, it is taken for one of that in which a mistake explains it, or
// else of the first.
func (v *Verifier) mismatch(w *work, first *dialect) (e *VerifyError) {
	slices.SortFunc(w.mismatched, func(a, b *dialect) int { return slices.Index(v.schemes, a) - slices.Index(v.schemes, b) })
	for _, d := range w.mismatched {
		tried := v.mismatchAs(w, d)
		if tried.Reason != ErrSignature { // the backend failed
			return tried
		}
		explained := tried.Explanation != nil && len(tried.Explanation.mistakes) > 0
		if e == nil || d == first || explained {
			e = tried
		}
		if !v.explain || explained {
			break
		}
	}
	return e
}

func (v *Verifier) mismatchAs(w *work, d *dialect) (e *VerifyError) {
	e = &VerifyError{Refusal: *refuse(ErrSignature, "")}
	v.identify(w, d, e)
	var err error
	defer func() {
		if err != nil { // of the backend, which may have been wrong before
			e.Refusal, e.StringToSign, e.CanonicalRequest = verifyError(err).Refusal, "", ""
		}
	}()
	defer algo.CatchFailure(&err)
	if err = v.lookUp(w); err != nil { // the last one may have been for another scheme
		return e
	}
	base, err := w.key.mac(w.claim.Algorithm, v.backend, false)
	if err != nil {
		return e
	}
	w.digests = digests{base, w.claim.Algorithm, v.backend}
	w.text, w.canonical = w.text[:0], w.canonical[:0] // of another scheme
	written := false
	for _, form := range d.forms {
		if written, _ = w.render(d, form); written {
			break
		}
	}
	e.StringToSign, e.CanonicalRequest = beginning(w.text), beginning(w.canonical)
	if !v.explain {
		return e
	}
	if w.body.Reserve(maxExplaining) != nil {
		e.Explanation = &Explanation{Incomplete: true}
		return e
	}
	mac, err := keyed(d, base, w.key.Secret, &w.claim)
	if err != nil {
		return e
	}
	if mac != base {
		defer mac.Destroy()
	}
	e.Explanation = v.explainMAC(w, d, mac)
	return e
}

// lookUp finds the key of the claim, once for all schemes.
func (v *Verifier) lookUp(w *work) error {
	if w.keyID != w.claim.KeyID || w.keyID == "" {
		w.keyID = w.claim.KeyID
		w.key, w.keyErr = v.find(w.ctx, w.keyID)
	}
	return w.keyErr
}

func (v *Verifier) find(ctx context.Context, id string) (*Key, error) {
	key, err := v.keys.Key(ctx, id)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return nil, refuse(ErrUnknownKey, "key_unknown", "id", id)
	case err != nil:
		return nil, err
	case key == nil:
		return nil, refuse(ErrUnknownKey, "key_none")
	case key.ID != id:
		// A database that takes no notice of case, or of spaces at the end, would
		// make one signature good under several ids.
		return nil, refuse(ErrUnknownKey, "key_other")
	}
	return key, nil
}

// verifyAs verifies a request as one of a scheme, whose claim is in w. That a backend
// fails is an error.
func (v *Verifier) verifyAs(w *work, d *dialect) (id *Identity, err error) {
	defer algo.CatchFailure(&err)
	c := &w.claim
	if err := v.lookUp(w); err != nil {
		return nil, err
	}
	if err := w.key.permits(d.name, c); err != nil {
		return nil, err
	}
	if w.readErr != nil {
		return nil, w.readErr
	}
	for _, name := range v.required {
		if !c.Has(name) {
			e := refuse(ErrSignedHeaders, "header_required", "header", name)
			e.Header = name
			return nil, e
		}
	}
	date, err := d.Date(&w.message, c)
	if err != nil {
		return nil, err
	}
	if err := v.checkDate(date, v.now(), c); err != nil {
		if v.explain {
			err = v.expired(w, d, date, err)
		}
		return nil, err
	}
	form, previous, err := v.checkMAC(w, d)
	if err != nil {
		return nil, err
	}
	if err := d.CheckBody(&w.message, c, form); err != nil {
		return nil, err
	}
	if w.body.err != nil {
		return nil, w.body.err // read for another scheme's sake, and over the limit
	}
	// Once more, as late as can be: a body that comes slowly must not stretch
	// the window, nor outlive what the replay guard remembers.
	now := v.now()
	if err := v.checkDate(date, now, c); err != nil {
		return nil, err
	}
	if v.replays != nil {
		// The request is refused for its age from this moment on.
		expires := date.Add(v.window)
		if c.AnyDate {
			expires = now.Add(v.window)
		}
		seenBefore, err := v.replays.Seen(w.ctx, replayID(d.name, c), now, expires)
		if err != nil {
			return nil, err
		}
		if seenBefore {
			return nil, refuse(ErrReplayed, "replayed_alike")
		}
	}
	return newIdentity(c, d.name, w.digests.mac.Backend().Backend, form, date, previous), nil
}

// newIdentity is one allocation for an identity with few signed headers. What it has is
// its own: a handler may change it.
func newIdentity(c *scheme.Claim, name, backend, form string, date time.Time, previous bool) *Identity {
	i := &struct {
		Identity
		names [4]string
		also  [3]string
	}{Identity: Identity{KeyID: c.KeyID, Scheme: name, Algorithm: c.Algorithm, Backend: backend,
		Scope: c.Scope, Form: form, Date: date, PreviousSecret: previous}}
	i.SignedHeaders = append(i.names[:0], c.Headers...)
	if len(c.AlsoHeaders) > 0 {
		i.AlsoSigned = append(i.also[:0], c.AlsoHeaders...)
	}
	return &i.Identity
}

// expired explains the refusal of a request for its date: the rest is looked at too,
// and nothing comes of it but the explanation.
func (v *Verifier) expired(w *work, d *dialect, date time.Time, refusal error) error {
	e := verifyError(refusal)
	e.Explanation = new(Explanation)
	explainDate(e.Explanation, v.clock().Sub(date), v.window)
	late := &Late{Date: date}
	e.Explanation.Late = late
	switch err := v.checkRest(w, d); err {
	case nil:
		late.Accepted = true
	case errMismatch:
		late.Refusal = v.mismatchAs(w, d)
	default:
		late.Refusal = v.describe(w, d, err)
	}
	return e
}

// checkRest checks what there is beside the date. That a backend fails is an error,
// which does not make the date right.
func (v *Verifier) checkRest(w *work, d *dialect) (err error) {
	defer algo.CatchFailure(&err)
	form, _, err := v.checkMAC(w, d)
	if err != nil {
		return err
	}
	return d.CheckBody(&w.message, &w.claim, form)
}

// checkDate holds the request's date against the clock.
func (v *Verifier) checkDate(date, now time.Time, c *scheme.Claim) error {
	off := now.Sub(date).Abs()
	if off <= v.window || c.AnyDate {
		return nil
	}
	return refuse(ErrExpired, "date_off", "off", off.Round(time.Second).String(), "window", v.window.String())
}

// now is the clock's time, but with a replay guard never before one that it told
// earlier: what the guard has forgotten since then would be accepted again.
func (v *Verifier) now() time.Time {
	now := v.clock()
	if v.replays == nil {
		return now
	}
	for {
		latest, ms := v.latest.Load(), now.UnixMilli()
		if ms < latest {
			return time.UnixMilli(latest)
		}
		if ms == latest || v.latest.CompareAndSwap(latest, ms) {
			return now
		}
	}
}

// checkMAC compares the signature with the MAC of the string to sign, in each form
// that is accepted, under each secret of the key. It tells which form and whether
// the secret is the one before.
func (v *Verifier) checkMAC(w *work, d *dialect) (form string, previous bool, err error) {
	var macs, derived [2]*algo.Key
	defer func() {
		for i, mac := range derived {
			switch {
			case mac == nil:
			case form != "" && previous == (i == 1):
				w.key.keep(mac, d, w.claim.Scope, macKey{w.claim.Algorithm, v.backend, previous})
			default:
				mac.Destroy()
			}
		}
	}()
	secrets := 1
	if w.key.Previous.Reveal() != "" {
		secrets = 2
	}
	for i := range secrets {
		base, err := w.key.mac(w.claim.Algorithm, v.backend, i == 1)
		if err != nil {
			return "", false, err
		}
		if i == 0 {
			w.digests = digests{base, w.claim.Algorithm, v.backend}
		}
		if macs[i] = base; d.deriver == nil || w.claim.Scope == "" {
			continue
		}
		if macs[i] = w.key.kept(d, w.claim.Scope, macKey{w.claim.Algorithm, v.backend, i == 1}); macs[i] != nil {
			continue
		}
		if derived[i], err = keyed(d, base, w.key.secret(i == 1), &w.claim); err != nil {
			return "", false, err
		}
		macs[i] = derived[i]
	}
	var impossible error // why a form cannot be written for this request
	written := false
	for _, form := range d.forms {
		ok, err := w.render(d, form)
		if err != nil {
			if impossible = cmp.Or(impossible, err); !errors.Is(err, ErrMalformed) {
				return "", false, err
			}
		}
		if !ok {
			continue
		}
		written = true
		for i, mac := range macs[:secrets] {
			if subtle.ConstantTimeCompare(mac.Sum(w.mac[:0], w.text), w.claim.Signature) == 1 {
				return form, i == 1, nil
			}
		}
	}
	if !written && impossible != nil {
		return "", false, impossible
	}
	return "", false, errMismatch
}

// maxShown bounds the copy of a string to sign that a refusal holds.
const maxShown = 64 << 10

func beginning(text []byte) string {
	if len(text) > maxShown {
		return string(text[:maxShown]) + "..."
	}
	return string(text)
}

// Middleware returns a handler that passes on what Verify accepts, with the
// [Identity] in the request's context, and answers the rest itself: a JSON
// object whose message is in the vendor's words and whose reason is
// [VerifyError.Code].
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	v.ready()
	if next == nil {
		panic("hmacsign: Middleware: no handler: give the one that the requests are for")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// A copy: by the body of its own request net/http tells whether the rest of
		// it is still to come, and must not be taken for the next request.
		req = req.WithContext(req.Context())
		received := req.Body
		id, refused := v.verifyRequest(req, true)
		if req.Body != received {
			defer req.Body.Close() // net/http closes what it made, not what replaced it
		}
		if refused == nil && req.Body == received && req.ContentLength > v.maxBody {
			refused = verifyError(tooLarge(v.maxBody))
			refused.Scheme, refused.KeyID, refused.Algorithm = id.Scheme, id.KeyID, id.Algorithm
			id = nil
		}
		if v.observe != nil {
			v.observe(req, id, refused)
		}
		if refused != nil {
			v.answer(w, req, refused)
			return
		}
		if req.Body == received && req.Body != nil {
			// The signature did not need the body; the limit holds all the same.
			req.Body = http.MaxBytesReader(w, req.Body, v.maxBody)
		}
		next.ServeHTTP(w, req.WithContext(ContextWithIdentity(req.Context(), id)))
	})
}
