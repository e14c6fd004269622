package hmacsign

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
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
		if err := AcceptSchemes(Schemes()...).verifier(v); err != nil {
			return nil, err
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
	if w.bodyless && d.signsBody {
		return nil, notForwarded(d)
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
