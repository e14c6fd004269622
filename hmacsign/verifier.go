package hmacsign

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// A Verifier decides whether requests are signed by a key of its store. It is
// safe for concurrent use.
type Verifier struct {
	common
	keys     KeyStore
	schemes  []Scheme
	forms    []QueryForm
	required []string // headers that must be signed, lower-case
	window   time.Duration
	anyDate  bool
	replays  ReplayStore
	explain  bool
	observe  func(*http.Request, *Identity, *VerifyError)
	echo     bool
	latest   atomic.Int64 // Unix milliseconds: the largest time seen
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
	v := &Verifier{common: defaults(defaultBudget), keys: keys, schemes: Schemes(), forms: []QueryForm{QueryDocumented, QueryRaw}, window: DefaultWindow}
	for i, opt := range opts {
		if opt == nil {
			return nil, nilOption("NewVerifier", i)
		}
		if err := opt.verifier(v); err != nil {
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
	var seen VerifyError
	id, _, err := v.verify(req, &seen, false)
	if err != nil {
		return nil, v.describe(req, err, &seen)
	}
	return id, nil
}

// describe completes an error with what is known of the request.
func (v *Verifier) describe(req *http.Request, err error, seen *VerifyError) *VerifyError {
	e, ok := err.(*VerifyError)
	if !ok {
		e = &VerifyError{Reason: ErrUnavailable, Cause: err}
	}
	described := *e
	described.Scheme, described.KeyID = seen.Scheme, seen.KeyID
	if described.Algorithm == "" {
		described.Algorithm = seen.Algorithm
	}
	if v.explain && described.Explanation == nil {
		described.Explanation = explainHeaders(req, described.Reason)
	}
	return &described
}

// verify does the work; seen collects what the request is about, and the scheme
// is the one whose words suit the answer.
// If the caller closes the body, whatever comes, nobody else has to.
func (v *Verifier) verify(req *http.Request, seen *VerifyError, closes bool) (id *Identity, scheme Scheme, err error) {
	scheme = v.schemes[0]
	values := req.Header["Authorization"]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil, scheme, refuse(ErrNoAuthorization, "sign the request")
	}
	if len(values) > 1 {
		return nil, scheme, refuse(ErrMalformed, "more than one Authorization header")
	}
	w := newWork()
	defer w.free()
	defer func() { w.body.closes = closes; w.body.restore(req) }()
	tried := false
	for _, candidate := range v.schemes {
		a, parseErr := candidate.parse(values[0])
		if parseErr == errForeign {
			continue
		}
		got, attemptErr := (*Identity)(nil), parseErr
		if parseErr == nil {
			got, attemptErr = v.verifyAs(req, w, candidate, a)
		}
		if attemptErr == nil {
			return got, candidate, nil
		}
		// The two schemes of one vendor share a header: the one that gets
		// further tells why.
		if !tried || progress(attemptErr) > progress(err) {
			scheme, err = candidate, attemptErr
			if a != nil {
				seen.KeyID, seen.Scheme, seen.Algorithm = a.keyID, candidate.Name(), a.algorithm
			}
		}
		tried = true
		if errors.Is(err, ErrUnknownKey) {
			break // it is unknown whatever the scheme
		}
	}
	if !tried {
		return nil, scheme, errForeign
	}
	return nil, scheme, err
}

// progress is how far a refused request came.
func progress(err error) int {
	steps := [][]error{{ErrScheme}, {ErrDate}, {ErrSignedHeaders, ErrExpired, ErrSignature}, {ErrBodyDigest, ErrReplayed}}
	for i, step := range steps {
		if slices.ContainsFunc(step, func(reason error) bool { return errors.Is(err, reason) }) {
			return i
		}
	}
	return len(steps) // an error that has nothing to do with the scheme
}

// verifyAs verifies a request as one of a scheme. That a backend fails is an
// error.
func (v *Verifier) verifyAs(req *http.Request, w *work, scheme Scheme, a *authorization) (id *Identity, err error) {
	defer algo.CatchFailure(&err)
	key, err := v.keys.Key(req.Context(), a.keyID)
	if errors.Is(err, ErrUnknownKey) {
		return nil, refuse(ErrUnknownKey, "")
	}
	if err != nil {
		return nil, err
	}
	// A database that takes no notice of case, or of spaces at the end, would
	// make one signature good under several ids.
	if key == nil {
		return nil, refuse(ErrUnknownKey, "the key store gave neither a key nor an error")
	}
	if key.ID != a.keyID {
		return nil, refuse(ErrUnknownKey, "the key store answered with another key")
	}
	if !key.allows(key.Schemes, scheme.Name()) {
		return nil, refuse(ErrScheme, "the key is for "+strings.Join(key.Schemes, ", "))
	}
	if !key.allows(key.Algorithms, a.algorithm) {
		return nil, refuse(ErrAlgorithm, "the key is for "+strings.Join(key.Algorithms, ", "))
	}
	if !key.allows(key.Scopes, regionAndService(a.scope)) {
		return nil, refuse(ErrScope, "the key is for "+strings.Join(key.Scopes, ", "))
	}
	if !w.isRead {
		w.readErr = w.read(req, &v.common)
	}
	if w.readErr != nil {
		return nil, w.readErr
	}
	for _, name := range v.required {
		if !slices.Contains(a.headers, name) {
			return nil, &VerifyError{Reason: ErrSignedHeaders, Header: name, Detail: "header " + name + " must be signed"}
		}
	}
	date, err := scheme.date(&w.message, a)
	if err != nil {
		return nil, err
	}
	if err := v.checkDate(date, v.now(), a); err != nil {
		return nil, err
	}
	if err := scheme.ambiguous(&w.message); err != nil {
		return nil, err
	}
	id = &Identity{KeyID: a.keyID, Scheme: scheme.Name(), Algorithm: a.algorithm, SignedHeaders: a.headers, AlsoSigned: scheme.alsoSigned(&w.message, a), Scope: a.scope, Date: date}
	if err := v.checkMAC(w, scheme, a, key, id); err != nil {
		return nil, err
	}
	if err := scheme.checkBody(&w.message, a); err != nil {
		if e, ok := err.(*VerifyError); ok && v.explain && e.Reason == ErrBodyDigest {
			e.Explanation = explainDigest(&w.message)
		}
		return nil, err
	}
	if w.body.err != nil {
		return nil, w.body.err // read for another scheme's sake, and over the limit
	}
	// Once more, as late as can be: a body that comes slowly must not stretch
	// the window, nor outlive what the replay guard remembers.
	now := v.now()
	if err := v.checkDate(date, now, a); err != nil {
		return nil, err
	}
	if v.replays != nil {
		// The request is refused for its age from this moment on.
		expires := date.Add(v.window)
		if a.anyDate && v.anyDate {
			expires = now.Add(v.window)
		}
		seenBefore, err := v.replays.Seen(req.Context(), replayID(scheme, a), now, expires)
		if err != nil {
			return nil, err
		}
		if seenBefore {
			return nil, refuse(ErrReplayed, "send each request once; those that are alike to the second need a signed header that differs")
		}
	}
	return id, nil
}

// checkDate holds the request's date against the clock.
func (v *Verifier) checkDate(date, now time.Time, a *authorization) error {
	off := now.Sub(date).Abs()
	if off <= v.window || a.anyDate && v.anyDate {
		return nil
	}
	e := refuse(ErrExpired, fmt.Sprintf("the request's date is %s off, %s are allowed: check the client's clock", off.Round(time.Second), v.window))
	if v.explain {
		e.Explanation = explainDate(now.Sub(date), v.window)
	}
	return e
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

// checkMAC compares the signature with the MAC of the string to sign, in each
// query form that is accepted, under each secret of the key.
func (v *Verifier) checkMAC(w *work, scheme Scheme, a *authorization, key *Key, id *Identity) error {
	secrets := []bool{false, true}
	if key.Previous.Reveal() == "" {
		secrets = secrets[:1]
	}
	var macs [2]*algo.Key
	for i, previous := range secrets {
		base, err := key.mac(a.algorithm, v.backend, previous)
		if err != nil {
			return err
		}
		if macs[i], err = forScope(base, key.secret(previous), a); err != nil {
			return err
		}
		if macs[i] != base {
			defer macs[i].Destroy()
		}
		if i == 0 {
			w.digests = digests{base, a.algorithm, v.backend}
		}
	}
	var impossible error // why a form cannot be written for this request
	first := ""
	for _, form := range scheme.queryForms(v.forms) {
		w.canonical = canonical{form, v.keepEnvironment}
		text, err := scheme.stringToSign(w.text[:0], &w.message, a, &w.canonical)
		if err != nil {
			impossible = err
			continue
		}
		w.text = text
		for i, previous := range secrets {
			if subtle.ConstantTimeCompare(macs[i].Sum(w.mac[:0], text), a.signature) == 1 {
				id.PreviousSecret, id.Backend = previous, macs[i].Backend().Backend
				return nil
			}
		}
		if first == "" {
			first = beginning(text)
		}
	}
	if first == "" {
		return impossible
	}
	e := refuse(ErrSignature, "")
	e.StringToSign, e.CanonicalRequest = first, beginning(w.canonicalRequest)
	if v.explain && w.body.charge(maxExplaining) == nil {
		e.Explanation = v.explainMAC(w, scheme, a, key, macs[0], first)
	}
	return e
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
		var seen VerifyError
		received := req.Body
		id, scheme, err := v.verify(req, &seen, true)
		if req.Body != received {
			defer req.Body.Close() // net/http closes what it made, not what replaced it
		}
		var refused *VerifyError
		if err != nil {
			refused = v.describe(req, err, &seen)
		} else if req.Body == received && req.ContentLength > v.maxBody {
			refused = v.describe(req, tooLarge(v.maxBody), &seen)
		}
		if v.observe != nil {
			v.observe(req, id, refused)
		}
		if refused != nil {
			v.answer(w, scheme, refused)
			return
		}
		if req.Body == received && req.Body != nil {
			// The signature did not need the body; the limit holds all the same.
			req.Body = http.MaxBytesReader(w, req.Body, v.maxBody)
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
		challenge := "hmac"
		if scheme == HuaweiSDK {
			challenge = "SDK-HMAC-SHA256"
		}
		w.Header().Set("WWW-Authenticate", challenge) // RFC 9110 section 11.6.1
	}
	if e.Reason == ErrBusy {
		w.Header().Set("Retry-After", "1")
	}
	var body bytes.Buffer
	answer := json.NewEncoder(&body)
	answer.SetEscapeHTML(false) // an ampersand is to be read
	answer.Encode(struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}{message, e.Code()})
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(e.Status())
	w.Write(body.Bytes())
}
