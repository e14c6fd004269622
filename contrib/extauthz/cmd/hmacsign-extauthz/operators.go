package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// metrics are counted under the names that hmacsign serve has.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.CounterVec
	durations    prometheus.Histogram
	replayTimes  prometheus.Histogram
	replayErrors prometheus.Counter
}

func newMetrics(s *server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hmacsign_requests_total", Help: "Requests by what became of them."},
			[]string{"outcome", "reason", "scheme", "algorithm", "backend"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hmacsign_request_duration_seconds", Help: "Time from a call to its answer.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}}),
		replayTimes: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hmacsign_replay_store_duration_seconds", Help: "Time that the replay store took to record a request, failures among them.",
			Buckets: []float64{.00001, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}}),
		replayErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "hmacsign_replay_store_errors_total", Help: "Requests that were refused because the replay store could not record them."}),
	}
	m.registry.MustRegister(m.requests, m.durations, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.redis != "" {
		m.registry.MustRegister(m.replayTimes, m.replayErrors)
	}
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("hmacsign_build_info", "The program that runs; always 1.", prometheus.Labels{"version": buildinfo.Version(), "goversion": runtime.Version()}, func() float64 { return 1 })
	gauge("hmacsign_keys", "Keys in use.", nil, func() float64 { return float64(s.keys.Len()) })
	gauge("hmacsign_keys_loaded_timestamp_seconds", "When the keys in use were read.", nil, func() float64 { return float64(s.keys.LoadedAt().UnixMilli()) / 1000 })
	gauge("hmacsign_keys_last_read_successful", "1 if the last keys that were read are in use, 0 if they had a fault and the old ones are.", nil, func() float64 {
		if s.keys.Err() != nil {
			return 0
		}
		return 1
	})
	gauge("hmacsign_buffered_bytes", "Bytes that the requests in hand hold.", prometheus.Labels{"where": "memory"}, func() float64 { memory, _ := s.budget.Held(); return float64(memory) })
	gauge("hmacsign_buffered_limit_bytes", "Bytes that requests may hold.", prometheus.Labels{"where": "memory"}, func() float64 { return float64(s.maxBuffered) })
	return m
}

func (m *metrics) replay(took time.Duration, err error) {
	m.replayTimes.Observe(took.Seconds())
	if err != nil {
		m.replayErrors.Inc()
	}
}

// operators is what the admin listener serves.
func (s *server) operators() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { report(w, nil, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) { report(w, s.notReady(req.Context()), "ready") })
	return mux
}

// report says fine, or why not with 503 in one line.
func report(w http.ResponseWriter, err error, fine string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fine = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	fmt.Fprintln(w, fine)
}

// notAvailable is why requests cannot be verified as they should be, or nil: what is
// required is asked, of all other backends what is known is enough.
func notAvailable() error {
	required, err := algo.Required()
	if err != nil {
		return err
	}
	for algorithm := range required {
		if _, err := algo.NewHash(algorithm); err != nil {
			return err
		}
	}
	for _, b := range algo.InUse() {
		if !b.Available {
			return fmt.Errorf("%s on backend %s: %s", b.Algorithm, b.Backend, b.Detail)
		}
	}
	return nil
}

// What a stranger sent does not fill the log.
const (
	maxField       = 256
	maxExplanation = 1024
)

// observe logs and counts a request. No secret and no signature is in what it says.
func (s *server) observe(d *extauthz.Decision) {
	outcome, level := "accepted", slog.LevelInfo
	var keyID, scheme, algorithm, backend, detail, explanation string
	var refused *hmacsign.VerifyError
	switch {
	case d.Identity != nil && d.Err == nil:
		keyID, scheme, algorithm, backend = d.Identity.KeyID, d.Identity.Scheme, d.Identity.Algorithm, d.Identity.Backend
	case errors.As(d.Err, &refused):
		outcome, detail = "refused", refused.Detail
		keyID, scheme, algorithm = refused.KeyID, refused.Scheme, refused.Algorithm
		if refused.Cause != nil {
			detail = strings.TrimSpace(detail + " " + refused.Cause.Error())
		}
		if refused.Explanation != nil {
			explanation = refused.Explanation.String()
		}
		var failure *algo.Failure
		if errors.As(refused.Cause, &failure) {
			backend = failure.Backend
		}
		if refused.Status() >= 500 && refused.Reason != hmacsign.ErrBusy {
			level = slog.LevelError
		}
	default:
		outcome, detail = "refused", d.Err.Error()
	}
	attrs := []any{"outcome", outcome, "status", d.Status, "method", clipped(d.Method, maxField), "host", clipped(d.Host, maxField), "path", clipped(d.Path, maxField),
		"key_id", clipped(keyID, maxField), "scheme", scheme, "algorithm", clipped(algorithm, maxField), "backend", backend,
		"duration_ms", float64(d.Took.Microseconds()) / 1000, "client", d.Client, "request_id", clipped(d.RequestID, maxField)}
	for _, more := range [...]struct {
		name, value string
		limit       int
	}{{"reason", d.Reason, maxField}, {"detail", detail, 4 * maxField}, {"explanation", explanation, maxExplanation}} {
		if more.value != "" {
			attrs = append(attrs, more.name, clipped(more.value, more.limit))
		}
	}
	if d.Identity != nil && d.Identity.PreviousSecret {
		attrs = append(attrs, "previous_secret", true)
	}
	s.log.Log(context.Background(), level, "request", attrs...)
	if d.Reason == "algorithm" {
		algorithm = "refused" // it may be made up
	}
	s.metrics.requests.WithLabelValues(outcome, d.Reason, scheme, algorithm, backend).Inc()
	s.metrics.durations.Observe(d.Took.Seconds())
}

// clipped cuts text to so many bytes, not within a character.
func clipped(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "..."
}
