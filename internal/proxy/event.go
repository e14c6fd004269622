package proxy

import (
	"context"
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// An Event is what became of a request, for the log, the metrics and traces. It holds
// nothing that a stranger must not see there: no secret, no signature.
type Event struct {
	Outcome                           string // accepted, refused or unverified
	Status                            int    // that it was answered with
	Reason, Detail, Explanation       string // why it was refused or failed
	KeyID, Scheme, Algorithm, Backend string
	PreviousSecret                    bool
	Failed                            bool // because of us or the upstream
	Took                              time.Duration

	Route, RequestID, Method, Host, Path, Remote, Client string

	computed algorithmOn // the MAC of an accepted request
}

// Decided takes down what a verifier found.
func (e *Event) Decided(id *hmacsign.Identity, refused *hmacsign.VerifyError) {
	if refused == nil {
		e.Outcome, e.KeyID, e.Scheme, e.Algorithm, e.Backend, e.PreviousSecret = "accepted", id.KeyID, id.Scheme, id.Algorithm, id.Backend, id.PreviousSecret
		e.computed = algorithmOn{id.Algorithm, id.Backend}
		return
	}
	e.Outcome, e.Reason, e.Detail = "refused", refused.Code(), refused.Detail
	e.KeyID, e.Scheme, e.Algorithm = refused.KeyID, refused.Scheme, refused.Algorithm
	e.Failed = refused.Status() >= 500 && refused.Reason != hmacsign.ErrBusy
	if refused.Cause != nil {
		e.Detail = refused.Cause.Error()
		e.blame(refused.Cause)
	}
	if refused.Explanation != nil {
		e.Explanation = refused.Explanation.String()
	}
}

// blame names the backend whose failure the error is, if it is one.
func (e *Event) blame(err error) {
	var failure *algo.Failure
	if errors.As(err, &failure) {
		e.Backend = failure.Backend
	}
}

// What a stranger sent does not fill the log.
const (
	maxField       = 256
	maxExplanation = 1024
)

// Ended is told of each request that has ended: it leaves a line in the log and a count
// in the metrics, and looks at what computed the MAC.
func (c *Config) Ended(e *Event) {
	e.log(c.Log)
	e.count()
	c.backends.ended(e)
}

func (e *Event) log(log *slog.Logger) {
	attrs := []any{"outcome", e.Outcome, "status", e.Status, "method", clipped(e.Method, maxField), "host", clipped(e.Host, maxField), "path", clipped(e.Path, maxField),
		"key_id", clipped(e.KeyID, maxField), "scheme", e.Scheme, "algorithm", clipped(e.Algorithm, maxField), "backend", e.Backend,
		"duration_ms", float64(e.Took.Microseconds()) / 1000, "remote", clipped(e.Remote, maxField), "client", clipped(e.Client, maxField), "request_id", clipped(e.RequestID, maxField)}
	for _, more := range [...]struct {
		name, value string
		limit       int
	}{{"route", e.Route, maxField}, {"reason", e.Reason, maxField}, {"detail", e.Detail, maxField}, {"explanation", e.Explanation, maxExplanation}} {
		if more.value != "" {
			attrs = append(attrs, more.name, clipped(more.value, more.limit))
		}
	}
	if e.PreviousSecret {
		attrs = append(attrs, "previous_secret", true)
	}
	level := slog.LevelInfo
	if e.Failed {
		level = slog.LevelError
	}
	log.Log(context.Background(), level, "request", attrs...)
}

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
