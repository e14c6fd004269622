package hmacsign

import (
	"context"
	"hash"
	"net/http"
	"strings"
	"sync"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// work is the memory that one signing or verification needs. It is pooled: what
// is passed to a scheme or a backend would be allocated anew each time.
type work struct {
	message scheme.Message
	claim   scheme.Claim
	parts   scheme.Parts
	body    payload
	digests digests
	ctx     context.Context

	query   string // of the request, before a signer added to it
	readErr error  // of the request: for every scheme that is tried
	// bodyless: whoever gave the request has not given its body.
	bodyless bool
	keyID    string // of the claim, and what is found for it
	key      *Key
	keyErr   error
	// tried are the schemes in which it was verified, mismatched those in which the
	// signature is not the request's.
	tried, mismatched []*dialect
	canonical         []byte
	text              []byte // the string to sign
	sum               [64]byte
	mac               [32]byte
}

var works = sync.Pool{New: func() any { return new(work) }}

func newWork() *work { return works.Get().(*work) }

// free forgets the request, and keeps the memory of what is not as long as a
// large form.
func (w *work) free() {
	w.body.settle()
	w.body = payload{}
	w.message.Reset()
	w.claim.Reset()
	w.parts.Reset()
	if cap(w.parts.Params) > maxKept {
		w.parts = scheme.Parts{}
	}
	w.digests, w.ctx, w.query, w.readErr = digests{}, nil, "", nil
	w.bodyless = false
	w.keyID, w.key, w.keyErr = "", nil, nil
	w.tried, w.mismatched = w.tried[:0], w.mismatched[:0]
	w.text, w.canonical = reusable(w.text), reusable(w.canonical)
	works.Put(w)
}

// maxKept is how many parameters' room is kept.
const maxKept = 1024

func reusable(text []byte) []byte {
	if cap(text) > 64<<10 {
		return nil
	}
	return text[:0]
}

// digests makes the digests of a request on the backend that computes its MAC. It
// is the [scheme.Hashes] of the request's message.
type digests struct {
	mac       *algo.Key
	algorithm string // of mac
	backend   string // that was asked for by name, or empty: for other algorithms
}

// New returns the digest under an algorithm's MAC.
func (d *digests) New(algorithm string) (hash.Hash, error) {
	if algorithm == d.algorithm {
		return d.mac.NewHash(), nil
	}
	return algo.NewHash(algorithm, algo.WithBackend(d.backend))
}

// Sum appends the digest of a text.
func (d *digests) Sum(dst []byte, algorithm string, text []byte) ([]byte, error) {
	if algorithm == d.algorithm {
		return d.mac.Digest(dst, text), nil
	}
	h, err := algo.NewHash(algorithm, algo.WithBackend(d.backend))
	if err != nil {
		return dst, err
	}
	h.Write(text)
	return h.Sum(dst), nil
}

// backendOf names the backend that computes an algorithm for the request: as
// above, and empty for the preferred one.
func (d *digests) backendOf(algorithm string) string {
	if algorithm == d.algorithm {
		return d.mac.Backend().Backend
	}
	return d.backend
}

// read takes the message out of req. When the message is done with, restore or
// keep gives the request a body that can be read again.
func (w *work) read(req *http.Request, c *common) error {
	m := &w.message
	m.Method, m.Host, m.Header, m.Body, m.Hashes = req.Method, req.Host, req.Header, &w.body, &w.digests
	w.body = payload{src: req.Body, length: req.ContentLength, limit: c.maxBody, budget: c.budget}
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		w.body.src, w.body.length = nil, 0
	case req.ContentLength == 0:
		w.body.length = -1 // on the client's side: unknown
	}
	if m.Method == "" {
		m.Method = http.MethodGet
	}
	if m.Host == "" && req.URL != nil {
		m.Host = req.URL.Host
	}
	// A server's request has the request line's text, which is what the client
	// signed: req.URL may have been cleaned or stripped since, and would encode
	// some bytes that came unencoded.
	var ok bool
	if m.Path, m.Query, ok = wire.Target(req); !ok {
		return refuse(ErrMalformed, "no_path")
	}
	return checkMessage(m)
}

// checkMessage refuses what no scheme can sign.
func checkMessage(m *scheme.Message) error {
	switch m.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead:
	default:
		if !scheme.IsToken(m.Method) || m.Method != strings.ToUpper(m.Method) {
			return refuse(ErrMalformed, "method_case", "method", scheme.Clip(m.Method))
		}
	}
	if err := scheme.CheckEncoded("path", m.Path); err != nil {
		return err
	}
	return scheme.CheckEncoded("query", m.Query)
}

// render leaves the string to sign of a form in w.text, and what its digest is of,
// for a scheme that has such, in w.canonical. It is not there (false) where it is
// that of a form before.
func (w *work) render(d *dialect, form string) (bool, error) {
	w.parts.Reset()
	w.body.reuse()
	ok, err := d.Parts(&w.parts, &w.message, &w.claim, form)
	if !ok || err != nil {
		return false, err
	}
	return true, w.renderParts(d, &w.parts)
}

func (w *work) renderParts(d *dialect, p *scheme.Parts) (err error) {
	if d.hashed == nil {
		w.text = d.Render(w.text[:0], p)
		return nil
	}
	w.canonical = d.Render(w.canonical[:0], p)
	digest, err := w.digests.Sum(w.sum[:0], p.Hash, w.canonical)
	if err == nil {
		w.text = d.hashed.StringToSign(w.text[:0], p, digest)
	}
	return err
}

// keyed returns the key that computes the request's MAC: base, the secret's, or one
// that is derived from the secret on base's backend. A derived one is not kept,
// because whoever sends a request chooses what it is derived for: the caller
// destroys it.
func keyed(d *dialect, base *algo.Key, secret SecretText, c *scheme.Claim) (*algo.Key, error) {
	if d.deriver == nil || c.Scope == "" {
		return base, nil
	}
	info := base.Backend()
	text := secret.bytes()
	defer clear(text)
	derived, err := d.deriver.Derive(c, text, func(key, message []byte) ([]byte, error) {
		mac, err := newMAC(info.Algorithm, append([]byte(nil), key...), info.Backend)
		if err != nil {
			return nil, err
		}
		defer mac.Destroy()
		return mac.Sum(nil, message), nil
	})
	if err != nil {
		return nil, err
	}
	return newMAC(info.Algorithm, derived, info.Backend)
}
