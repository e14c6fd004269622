package proxy

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// decision is what the log and the metrics tell of a request. It holds nothing
// that a stranger must not see in a log: no secret, no signature.
type decision struct {
	outcome, reason, detail, explanation string
	keyID, scheme, algorithm, backend    string
	previousSecret                       bool
}

type decisionKey struct{}

func observe(r *http.Request, id *hmacsign.Identity, refused *hmacsign.VerifyError) {
	d, ok := r.Context().Value(decisionKey{}).(*decision)
	if !ok {
		return
	}
	if refused != nil {
		d.outcome, d.reason, d.detail = "refused", refused.Code(), refused.Detail
		d.keyID, d.scheme, d.algorithm = refused.KeyID, refused.Scheme, refused.Algorithm
		if refused.Cause != nil {
			d.detail = refused.Cause.Error()
		}
		if refused.Explanation != nil {
			d.explanation = refused.Explanation.String()
		}
		return
	}
	d.outcome = "accepted"
	d.keyID, d.scheme, d.algorithm, d.backend, d.previousSecret = id.KeyID, id.Scheme, id.Algorithm, id.Backend, id.PreviousSecret
}

func (d *decision) log(log *slog.Logger, r *http.Request, status int, took time.Duration) {
	attrs := []any{"outcome", d.outcome, "status", status, "method", r.Method, "path", r.URL.Path, "key_id", d.keyID, "scheme", d.scheme,
		"algorithm", d.algorithm, "backend", d.backend, "duration_ms", float64(took.Microseconds()) / 1000, "remote", r.RemoteAddr}
	for _, more := range [...]struct{ name, value string }{{"reason", d.reason}, {"detail", d.detail}, {"explanation", d.explanation}} {
		if more.value != "" {
			attrs = append(attrs, more.name, more.value)
		}
	}
	if d.previousSecret {
		attrs = append(attrs, "previous_secret", true)
	}
	log.Info("request", attrs...)
	count(d, took)
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
