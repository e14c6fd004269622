package hmacsign

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// ofNone describes an error of a request that no scheme was found for.
func (v *Verifier) ofNone(err error) *VerifyError {
	e := verifyError(err)
	if v.explain {
		e.Explanation = new(Explanation)
	}
	return e
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
	if refusal, ok := err.(*scheme.Refusal); ok && refusal != nil && refusal.DetailCode == "body_not_forwarded" {
		return 2 // as far as a wrong signature: of two schemes of one header it may be either
	}
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
	if v.explain && e.Explanation == nil && e.Reason != ErrReplayed && e.Status() < http.StatusInternalServerError {
		e.Explanation = v.recognise(w, d, &e.Refusal) // those others are no mistakes of how it was signed
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

// expired explains the refusal of a request for its date: the rest is looked at too,
// and nothing comes of it but the explanation.
func (v *Verifier) expired(w *work, d *dialect, date time.Time, refusal error) error {
	e := verifyError(refusal)
	e.Explanation = new(Explanation)
	explainDate(e.Explanation, &w.message, date, v.clock(), v.window)
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

// maxShown bounds the copy of a string to sign that a refusal holds.
const maxShown = 64 << 10

func beginning(text []byte) string {
	if len(text) > maxShown {
		return string(text[:maxShown]) + "..."
	}
	return string(text)
}
