package hmacsigncaddy

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// passedBody is the body of a request that is passed on. It tells a client's failure
// from that of whoever is behind, and may still be read when the handler has
// returned.
type passedBody struct {
	io.ReadCloser
	mu     sync.Mutex
	failed error
}

func (b *passedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.failed = err
		b.mu.Unlock()
	}
	return n, err
}

// failure is why the body could not be read, or nil.
func (b *passedBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// brokenOff is the refusal of a request whose body the signature does not need, and
// that cannot be read to its end.
func brokenOff(failure error, id *hmacsign.Identity, limit int64) *hmacsign.VerifyError {
	e := &hmacsign.VerifyError{KeyID: id.KeyID, Scheme: id.Scheme, Algorithm: id.Algorithm}
	var tooMany *http.MaxBytesError
	if errors.As(failure, &tooMany) {
		e.Refusal = *scheme.Refuse(hmacsign.ErrBodyTooLarge, "body_over_limit", "limit", strconv.FormatInt(min(limit, tooMany.Limit), 10))
		return e
	}
	e.Refusal = *scheme.Refuse(hmacsign.ErrBody, "")
	e.Cause = failure
	return e
}

// answer refuses a request that the verifier had accepted, in the verifier's words.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, e *hmacsign.VerifyError) {
	h.observe(r, nil, e)
	a := h.verifier.Answer(e)
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}
