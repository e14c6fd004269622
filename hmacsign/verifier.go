package hmacsign

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// A Verifier decides whether requests are signed by a key of its store. It is
// safe for concurrent use.
type Verifier struct {
	common
	keys     KeyStore
	forms    []QueryForm
	required []string // headers that must be signed, lower-case
	window   time.Duration
	echo     bool
}

// An Identity tells who signed a request, and how that was proven.
type Identity struct {
	KeyID         string
	Scheme        string
	Algorithm     string
	Backend       string   // of package algo, which computed the MAC
	SignedHeaders []string // lower-case, as the client listed them
	Date          time.Time
}

// NewVerifier returns a verifier of all schemes; which ones a key may be used
// with is up to the key.
func NewVerifier(keys KeyStore, opts ...VerifierOption) (*Verifier, error) {
	if keys == nil {
		return nil, errors.New("hmacsign: NewVerifier: no key store")
	}
	v := &Verifier{common: defaults(), keys: keys, forms: []QueryForm{QueryDocumented, QueryRaw}, window: DefaultWindow}
	for _, opt := range opts {
		if err := opt.verifier(v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Verify returns who signed the request, or a *[VerifyError] whose reason is
// one of this package's sentinels. It looks the key up, then checks the
// algorithm, the date, the MAC and last what the MAC vouches for; the body is
// read up to the limit, only if needed, and can be read again afterwards.
//
// On a server the request must be as net/http received it: the signature is
// over the request line, so req.RequestURI must not have been changed.
func (v *Verifier) Verify(req *http.Request) (*Identity, error) {
	var seen VerifyError
	id, _, err := v.verify(req, &seen)
	if err != nil {
		return nil, describe(err, &seen)
	}
	return id, nil
}

// describe completes an error with what is known of the request.
func describe(err error, seen *VerifyError) *VerifyError {
	e, ok := err.(*VerifyError)
	if !ok {
		e = &VerifyError{Reason: ErrUnavailable, Cause: err}
	}
	described := *e
	described.Scheme, described.KeyID, described.StringToSign = seen.Scheme, seen.KeyID, seen.StringToSign
	if described.Algorithm == "" {
		described.Algorithm = seen.Algorithm
	}
	return &described
}

// verify does the work; seen collects what the request is about, and the scheme
// is the one whose words suit the answer.
func (v *Verifier) verify(req *http.Request, seen *VerifyError) (id *Identity, scheme Scheme, err error) {
	defer algo.CatchFailure(&err)
	scheme = schemes[0]
	values := req.Header["Authorization"]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil, scheme, refuse(ErrNoAuthorization, "sign the request")
	}
	if len(values) > 1 {
		return nil, scheme, refuse(ErrMalformed, "more than one Authorization header")
	}
	var a *authorization
	for _, scheme = range schemes {
		if a, err = scheme.parse(values[0]); err != errForeign {
			break
		}
	}
	if err != nil {
		return nil, scheme, err
	}
	seen.KeyID, seen.Scheme, seen.Algorithm = a.keyID, scheme.Name(), a.algorithm

	key, err := v.keys.Key(req.Context(), a.keyID)
	if errors.Is(err, ErrUnknownKey) {
		return nil, scheme, refuse(ErrUnknownKey, "")
	}
	if err != nil {
		return nil, scheme, err
	}
	if !key.allows(key.Schemes, scheme.Name()) {
		return nil, scheme, refuse(ErrScheme, "the key is for "+strings.Join(key.Schemes, ", "))
	}
	if !key.allows(key.Algorithms, a.algorithm) {
		return nil, scheme, refuse(ErrAlgorithm, "the key is for "+strings.Join(key.Algorithms, ", "))
	}
	mac, err := key.mac(a.algorithm, v.backend)
	if err != nil {
		return nil, scheme, err
	}

	w := newWork()
	defer w.free()
	if err := w.read(req, v.maxBody); err != nil {
		return nil, scheme, err
	}
	defer w.body.restore(req)
	for _, name := range v.required {
		if !slices.Contains(a.headers, name) {
			return nil, scheme, refuse(ErrSignedHeaders, fmt.Sprintf("header %s must be signed", name))
		}
	}
	date, err := scheme.date(&w.message, a)
	if err != nil {
		return nil, scheme, err
	}
	if off := v.clock().Sub(date).Abs(); off > v.window {
		return nil, scheme, refuse(ErrExpired, fmt.Sprintf("the request's date is %s off, %s are allowed: check the client's clock", off.Round(time.Second), v.window))
	}
	if err := v.checkMAC(w, scheme, a, mac, seen); err != nil {
		return nil, scheme, err
	}
	if err := scheme.checkBody(&w.message); err != nil {
		return nil, scheme, err
	}
	return &Identity{KeyID: a.keyID, Scheme: scheme.Name(), Algorithm: a.algorithm, Backend: mac.Backend().Backend,
		SignedHeaders: a.headers, Date: date}, scheme, nil
}

// checkMAC compares the signature with the MAC of the string to sign, in each
// query form that is accepted.
func (v *Verifier) checkMAC(w *work, scheme Scheme, a *authorization, mac *algo.Key, seen *VerifyError) error {
	var impossible error // why a form cannot be written for this request
	for _, form := range scheme.queryForms(v.forms) {
		w.canonical = canonical{form, v.keepEnvironment}
		text, err := scheme.stringToSign(w.text[:0], &w.message, a, &w.canonical)
		if err != nil {
			impossible = err
			continue
		}
		w.text = text
		if subtle.ConstantTimeCompare(mac.Sum(w.mac[:0], text), a.signature) == 1 {
			return nil
		}
		if seen.StringToSign == "" {
			seen.StringToSign = string(text)
		}
	}
	if seen.StringToSign == "" {
		return impossible
	}
	return refuse(ErrSignature, "")
}

// Middleware returns a handler that passes on what Verify accepts, with the
// [Identity] in the request's context, and answers the rest itself: a JSON
// object whose message is in the vendor's words and whose reason is
// [VerifyError.Code].
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var seen VerifyError
		id, scheme, err := v.verify(req, &seen)
		if err != nil {
			v.answer(w, scheme, describe(err, &seen))
			return
		}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), identityKey{}, id)))
	})
}

type identityKey struct{}

// IdentityFrom returns who signed the request of this context, if
// [Verifier.Middleware] let it through.
func IdentityFrom(ctx context.Context) (*Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	return id, ok
}

func (v *Verifier) answer(w http.ResponseWriter, scheme Scheme, e *VerifyError) {
	message := scheme.message(e)
	if v.echo && e.StringToSign != "" {
		message += ", Server StringToSign:" + strings.ReplaceAll(e.StringToSign, "\n", "#")
	}
	w.Header().Set("Content-Type", "application/json")
	if e.Status() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "hmac") // RFC 9110 section 11.6.1
	}
	w.WriteHeader(e.Status())
	answer := json.NewEncoder(w)
	answer.SetEscapeHTML(false) // an ampersand is to be read
	answer.Encode(struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}{message, e.Code()})
}
