package hmacsign

import (
	"net/http"
	"strings"
)

// The reasons why a request is refused, or cannot be signed. Test for them with
// errors.Is; a [VerifyError] carries the details.
var (
	// ErrNoAuthorization: the request has no Authorization header.
	ErrNoAuthorization error = &reason{"no_authorization", "no Authorization header", http.StatusUnauthorized}
	// ErrMalformed: the Authorization header or another part of the request
	// does not have the form that the scheme asks for.
	ErrMalformed error = &reason{"malformed", "malformed request", http.StatusUnauthorized}
	// ErrUnknownKey: the key store has no key of this id. A [KeyStore] returns it.
	ErrUnknownKey error = &reason{"unknown_key", "unknown key id", http.StatusUnauthorized}
	// ErrAlgorithm: the algorithm is unknown, or not allowed for the key.
	ErrAlgorithm error = &reason{"algorithm", "algorithm not supported", http.StatusUnauthorized}
	// ErrScheme: the scheme is not allowed for the key.
	ErrScheme error = &reason{"scheme", "scheme not allowed", http.StatusUnauthorized}
	// ErrScope: the key is for other regions and services, or the request has none.
	ErrScope error = &reason{"scope", "scope not allowed", http.StatusUnauthorized}
	// ErrSignedHeaders: a header that is or must be signed is missing or repeated.
	ErrSignedHeaders error = &reason{"signed_headers", "signed header missing or repeated", http.StatusUnauthorized}
	// ErrDate: the request has no signed date, or one that cannot be read.
	ErrDate error = &reason{"date", "no valid date", http.StatusUnauthorized}
	// ErrExpired: the date is too far from the verifier's clock, either way.
	ErrExpired error = &reason{"expired", "date out of range", http.StatusUnauthorized}
	// ErrSignature: the signature is not that of this request under this key.
	ErrSignature error = &reason{"signature", "signature does not match", http.StatusUnauthorized}
	// ErrBodyDigest: the body is not the one whose digest was signed.
	ErrBodyDigest error = &reason{"body_digest", "body does not match its digest", http.StatusUnauthorized}
	// ErrBodyTooLarge: the body is longer than the limit, see [WithMaxBody].
	ErrBodyTooLarge error = &reason{"body_too_large", "body too large", http.StatusRequestEntityTooLarge}
	// ErrBody: the body could not be read to its end.
	ErrBody error = &reason{"body", "body could not be read", http.StatusBadRequest}
	// ErrReplayed: a request with this signature was accepted before, see
	// [WithReplayGuard].
	ErrReplayed error = &reason{"replayed", "request was accepted before", http.StatusUnauthorized}
	// ErrBusy: the requests in hand leave no room for this one, see [Budget]. It
	// may be sent again.
	ErrBusy error = &reason{"busy", "too much in hand", http.StatusServiceUnavailable}
	// ErrUnavailable: the verifier could not decide, because the key store or
	// the crypto backend failed. The cause is wrapped.
	ErrUnavailable error = &reason{"unavailable", "verification is unavailable", http.StatusServiceUnavailable}
)

// reason is a sentinel: a stable word for programs, a text, an HTTP status.
type reason struct {
	code   string
	text   string
	status int
}

func (r *reason) Error() string { return r.text }

// A VerifyError says why [Verifier.Verify] refused a request. It never holds a
// secret, nor a MAC that the verifier computed.
type VerifyError struct {
	Reason    error  // one of the sentinels of this package
	Detail    string // what exactly, for the operator's log
	Cause     error  // from the key store, the backend or the body, or nil
	Scheme    string // as far as the request was understood, like the rest
	KeyID     string
	Algorithm string
	Header    string // the header that is missing or repeated, if that is it
	// StringToSign is the verifier's own, where Reason is ErrSignature, and
	// CanonicalRequest what huawei-sdk puts into it as a hash; of a text longer
	// than 64 KiB, such as a form's, the beginning.
	StringToSign     string
	CanonicalRequest string
	// Explanation is there if the verifier was told to explain.
	Explanation *Explanation
}

// Error is one line.
func (e *VerifyError) Error() string {
	var b strings.Builder
	b.WriteString("hmacsign: ")
	b.WriteString(e.Reason.Error())
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Unwrap makes errors.Is find the reason and the cause.
func (e *VerifyError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// Code is the reason as a stable word for logs and programs, such as
// "unknown_key" or "expired".
func (e *VerifyError) Code() string { return e.reason().code }

// Status is the HTTP status that [Verifier.Middleware] answers with: 401 for
// nearly all, 413 for ErrBodyTooLarge, 400 for ErrBody, 503 for ErrBusy and
// ErrUnavailable.
func (e *VerifyError) Status() int { return e.reason().status }

func (e *VerifyError) reason() *reason {
	if r, ok := e.Reason.(*reason); ok {
		return r
	}
	return ErrUnavailable.(*reason)
}

// refuse makes the error that the parts of a verifier return; Verify fills in
// what the request was about.
func refuse(why error, detail string) *VerifyError { return &VerifyError{Reason: why, Detail: detail} }
