package hmacsigncaddy

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// tell sets the placeholders of an accepted request.
func tell(r *http.Request, id *hmacsign.Identity) {
	repl := replacer(r)
	repl.Set("http.auth.user.id", id.KeyID)
	repl.Set("http.hmacsign.key_id", id.KeyID)
	repl.Set("http.hmacsign.scheme", id.Scheme)
	repl.Set("http.hmacsign.algorithm", id.Algorithm)
	repl.Set("http.hmacsign.backend", id.Backend)
}

func replacer(r *http.Request) *caddy.Replacer {
	return r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer) // every request of Caddy's has one
}

// observe learns of each verdict.
func (h *Handler) observe(r *http.Request, _ *hmacsign.Identity, e *hmacsign.VerifyError) {
	if e == nil {
		return
	}
	refused := refusal{reason: e.Code(), detail: e.Detail, keyID: e.KeyID, scheme: e.Scheme, algorithm: e.Algorithm,
		failed: e.Status() >= 500 && e.Reason != hmacsign.ErrBusy}
	if e.Cause != nil {
		refused.detail = e.Cause.Error()
	}
	if e.Explanation != nil {
		refused.explanation = e.Explanation.String()
	}
	h.refused(r, refused)
}

// refusal is what is told of a refused request. It has no secret and no signature.
type refusal struct {
	reason, detail, explanation string
	keyID, scheme, algorithm    string // as far as they are known
	failed                      bool   // it is no fault of the request
}

// refused sets the placeholders of a refused request and logs it.
func (h *Handler) refused(r *http.Request, refused refusal) {
	repl := replacer(r)
	repl.Set("http.hmacsign.reason", refused.reason)
	repl.Set("http.auth.candidate.id", refused.keyID)
	level := zapcore.InfoLevel
	if refused.failed {
		level = zapcore.ErrorLevel
	}
	entry := h.log.Check(level, "refused")
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("method", clipped(r.Method, maxField)), zap.String("host", clipped(r.Host, maxField)), zap.String("path", clipped(path(r), maxField)),
		zap.String("remote", r.RemoteAddr), zap.String("reason", refused.reason)}
	for _, more := range [...]struct {
		name, value string
		limit       int
	}{{"key_id", refused.keyID, maxField}, {"scheme", refused.scheme, maxField}, {"algorithm", refused.algorithm, maxField},
		{"detail", refused.detail, maxField}, {"explanation", refused.explanation, maxExplanation}} {
		if more.value != "" {
			fields = append(fields, zap.String(more.name, clipped(more.value, more.limit)))
		}
	}
	entry.Write(fields...)
}

// path is the path as it came. The query may hold what is no one's business.
func path(r *http.Request) string {
	if path, _, ok := wire.Target(r); ok {
		return path
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// What a stranger sent does not fill the log.
const (
	maxField       = 256
	maxExplanation = 1024
)

// clipped cuts text to so many bytes, not within a character.
func clipped(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
