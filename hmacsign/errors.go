package hmacsign

import (
	"errors"
	"io"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// The reasons why a request is refused, or cannot be signed. Test for them with
// errors.Is; a [VerifyError] carries the details.
var (
	// ErrNoAuthorization: the request is not signed: it has no Authorization header,
	// nor a signature elsewhere, of a scheme that has it there.
	ErrNoAuthorization = scheme.ErrNoAuthorization
	// ErrMalformed: the Authorization header or another part of the request
	// does not have the form that the scheme asks for.
	ErrMalformed = scheme.ErrMalformed
	// ErrUnknownKey: the key store has no key of this id. A [KeyStore] returns it.
	ErrUnknownKey = scheme.ErrUnknownKey
	// ErrAlgorithm: the algorithm is unknown, or not allowed for the key.
	ErrAlgorithm = scheme.ErrAlgorithm
	// ErrScheme: the scheme is not allowed for the key.
	ErrScheme = scheme.ErrScheme
	// ErrScope: the key is for other regions and services, or the request has none.
	ErrScope = scheme.ErrScope
	// ErrSignedHeaders: a header that is or must be signed is missing or repeated.
	ErrSignedHeaders = scheme.ErrSignedHeaders
	// ErrDate: the request has no signed date, or one that cannot be read.
	ErrDate = scheme.ErrDate
	// ErrExpired: the date is too far from the verifier's clock, either way.
	ErrExpired = scheme.ErrExpired
	// ErrSignature: the signature is not that of this request under this key.
	ErrSignature = scheme.ErrSignature
	// ErrBodyDigest: the body is not the one whose digest was signed.
	ErrBodyDigest = scheme.ErrBodyDigest
	// ErrBodyTooLarge: the body is longer than the limit, see [WithMaxBody].
	ErrBodyTooLarge = scheme.ErrBodyTooLarge
	// ErrBody: the body could not be read to its end.
	ErrBody = scheme.ErrBody
	// ErrReplayed: a request with this signature was accepted before, see
	// [WithReplayGuard].
	ErrReplayed = scheme.ErrReplayed
	// ErrBusy: the requests in hand leave no room for this one, see [Budget]. It
	// may be sent again.
	ErrBusy = scheme.ErrBusy
	// ErrUnavailable: the verifier could not decide, because the key store or
	// the crypto backend failed. The cause is wrapped.
	ErrUnavailable = scheme.ErrUnavailable
)

// A VerifyError says why [Verifier.Verify] refused a request, or [Signer.Sign] would
// not sign it. It never holds a secret, nor a MAC that the verifier computed.
type VerifyError struct {
	scheme.Refusal
	Scheme string // as far as the request was understood, like the rest
	KeyID  string
	// Algorithm is that of package algo, or what the request calls it.
	Algorithm string
	// StringToSign is the verifier's own, where Reason is ErrSignature, and
	// CanonicalRequest what huawei-sdk puts into it as a hash; of a text longer
	// than 64 KiB, such as a form's, the beginning.
	StringToSign     string
	CanonicalRequest string
	// Explanation is there if the verifier was told to explain, but for a repetition and
	// what is not the client's fault (5xx).
	Explanation *Explanation

	spoken Scheme // whose words suit the answer, or nil
}

// refuse makes the error that the parts of a verifier return; Verify fills in what
// the request was about.
func refuse(why error, code string, args ...string) *scheme.Refusal {
	return scheme.Refuse(why, code, args...)
}

// failed wraps what is no fault of the request, and a body that broke off.
func failed(reason, cause error) *scheme.Refusal {
	code := ""
	if reason == ErrBody && errors.Is(cause, io.ErrUnexpectedEOF) {
		code = "body_short"
	}
	r := scheme.Refuse(reason, code)
	r.Cause = cause
	return r
}

// verifyError completes what was refused; any other error means that it could not be
// decided.
func verifyError(err error) *VerifyError {
	var whole *VerifyError
	if errors.As(err, &whole) {
		return whole
	}
	var refusal *scheme.Refusal
	switch {
	case !errors.As(err, &refusal):
		refusal = failed(ErrUnavailable, err)
	case refusal == nil || refusal.Reason == nil:
		refusal = failed(ErrUnavailable, errors.New("the scheme refused it for no reason"))
	}
	return &VerifyError{Refusal: *refusal, Algorithm: refusal.Algorithm}
}

// As finds the refusal without what the verifier adds to it, for errors.As.
func (e *VerifyError) As(target any) bool {
	refusal, ok := target.(**scheme.Refusal)
	if ok {
		*refusal = &e.Refusal
	}
	return ok
}
