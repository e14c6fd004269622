package hmacsign

import (
	"context"
	"net/http"
)

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

type identityKey struct{}

// ContextWithIdentity returns a context that holds who signed a request, as
// [Verifier.Middleware] gives it to its handler: for middleware of one's own.
func ContextWithIdentity(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns who signed the request of this context, if
// [Verifier.Middleware] let it through or [ContextWithIdentity] made the context.
func IdentityFrom(ctx context.Context) (*Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	return id, ok && id != nil
}
