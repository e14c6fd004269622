package scheme

import (
	"errors"
	"net/http"
	"strings"
)

// The reasons why a request is refused, or cannot be signed: package hmacsign
// exports and describes them under the same names.
var (
	ErrNoAuthorization = newReason("no_authorization", http.StatusUnauthorized)
	ErrMalformed       = newReason("malformed", http.StatusUnauthorized)
	ErrUnknownKey      = newReason("unknown_key", http.StatusUnauthorized)
	ErrAlgorithm       = newReason("algorithm", http.StatusUnauthorized)
	ErrScheme          = newReason("scheme", http.StatusUnauthorized)
	ErrScope           = newReason("scope", http.StatusUnauthorized)
	ErrSignedHeaders   = newReason("signed_headers", http.StatusUnauthorized)
	ErrDate            = newReason("date", http.StatusUnauthorized)
	ErrExpired         = newReason("expired", http.StatusUnauthorized)
	ErrSignature       = newReason("signature", http.StatusUnauthorized)
	ErrBodyDigest      = newReason("body_digest", http.StatusUnauthorized)
	ErrBodyTooLarge    = newReason("body_too_large", http.StatusRequestEntityTooLarge)
	ErrBody            = newReason("body", http.StatusBadRequest)
	ErrReplayed        = newReason("replayed", http.StatusUnauthorized)
	ErrBusy            = newReason("busy", http.StatusServiceUnavailable)
	ErrUnavailable     = newReason("unavailable", http.StatusServiceUnavailable)
)

// ErrForeign is what [Scheme.Parse] returns, as it is or wrapped, for a request that is
// not signed in its scheme.
var ErrForeign = errors.New("scheme: the request is not signed in this scheme")

// reason is a sentinel: a stable word for programs, its text, an HTTP status.
type reason struct {
	code   string
	status int
}

func newReason(code string, status int) error { return &reason{code, status} }

func (r *reason) Error() string { return Text("en", r.code, nil) }

// A Refusal says why a request is refused. It holds no secret, nor a MAC that was
// not in the request.
type Refusal struct {
	Reason     error             // one of the sentinels
	Detail     string            // what exactly, in English, for the operator's log
	DetailCode string            // the same as a stable word, such as "header_missing"; or empty
	Args       map[string]string // what stands in the gaps of the text, by name
	Cause      error             // from a key store, a backend or the body, or nil
	Header     string            // the header that is missing or repeated, if that is it
	Algorithm  string            // what the request calls it, if that is it
}

// Refuse makes a Refusal. The code is that of a text (see [RegisterTexts]); args are
// the names and values of what goes into its gaps.
func Refuse(reason error, code string, args ...string) *Refusal {
	r := &Refusal{Reason: reason, DetailCode: code}
	if len(args) > 0 {
		r.Args = Args(args...)
	}
	if code != "" {
		r.Detail = Text("en", code, r.Args)
	}
	return r
}

// Args makes a map of names and values in turn.
func Args(pairs ...string) map[string]string {
	args := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i]] = pairs[i+1]
	}
	return args
}

// Error is one line in English.
func (r *Refusal) Error() string { return r.line("en", r.Reason.Error(), r.Detail) }

// In is the same line in a language (see [Languages]).
func (r *Refusal) In(lang string) string {
	detail := r.Detail
	if r.DetailCode != "" {
		detail = Text(lang, r.DetailCode, r.Args)
	}
	return r.line(lang, Text(lang, r.Code(), nil), detail)
}

func (r *Refusal) line(lang, reason, detail string) string {
	var b strings.Builder
	b.WriteString("hmacsign: ")
	b.WriteString(reason)
	for _, more := range []string{detail, text(r.Cause)} {
		if more != "" {
			b.WriteString(Text(lang, "separator", nil))
			b.WriteString(more)
		}
	}
	return b.String()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Unwrap makes errors.Is find the reason and the cause.
func (r *Refusal) Unwrap() []error {
	switch {
	case r == nil: // in an error that is not
		return nil
	case r.Cause == nil:
		return []error{r.Reason}
	}
	return []error{r.Reason, r.Cause}
}

// Code is the reason as a stable word for logs and programs, such as "unknown_key"
// or "expired".
func (r *Refusal) Code() string { return r.reason().code }

// Status is the HTTP status of an answer: 401 for nearly all, 413 for
// ErrBodyTooLarge, 400 for ErrBody, 503 for ErrBusy and ErrUnavailable.
func (r *Refusal) Status() int { return r.reason().status }

func (r *Refusal) reason() *reason {
	if known, ok := r.Reason.(*reason); ok {
		return known
	}
	return ErrUnavailable.(*reason)
}
