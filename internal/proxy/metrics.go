package proxy

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// What is counted of requests. They belong to the process, each server's
// registry holds them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hmacsign_requests_total", Help: "Requests by what became of them."},
		[]string{"route", "outcome", "reason", "scheme", "algorithm", "backend"})
	durations = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hmacsign_request_duration_seconds",
		Help:    "Time from a request's head to the end of its answer.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}})
	replayTimes = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hmacsign_replay_store_duration_seconds",
		Help:    "Time that the replay store took to record a request, failures among them.",
		Buckets: []float64{.00001, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}})
	replayErrors = prometheus.NewCounter(prometheus.CounterOpts{Name: "hmacsign_replay_store_errors_total", Help: "Requests that were refused because the replay store could not record them."})
)

// TimedReplays is the replay store, whose times and errors are in the metrics.
func (c *Config) TimedReplays() hmacsign.ReplayStore { return timedReplays{c.Replays} }

type timedReplays struct{ hmacsign.ReplayStore }

func (t timedReplays) Seen(ctx context.Context, id [16]byte, now, expires time.Time) (bool, error) {
	start := time.Now()
	seen, err := t.ReplayStore.Seen(ctx, id, now, expires)
	replayTimes.Observe(time.Since(start).Seconds())
	if err != nil {
		replayErrors.Inc()
	}
	return seen, err
}

// count counts a request that has been answered. Only words of ours are labels,
// so their number is bounded; an algorithm that a stranger made up is not one.
func (e *Event) count() {
	algorithm := e.Algorithm
	if e.Reason == "algorithm" {
		algorithm = "refused"
	}
	requests.WithLabelValues(e.Route, e.Outcome, e.Reason, e.Scheme, algorithm, e.Backend).Inc()
	durations.Observe(e.Took.Seconds())
}

// keyCounts is what a KeyStore may tell of its keys, as [hmacsign.FileKeys] does.
type keyCounts interface {
	Len() int
	LoadedAt() time.Time
	Err() error
}

// registry is all that /metrics shows of a running server.
func (r *running) registry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(requests, durations, selfTests, newAvailability(r.wanted()), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("hmacsign_build_info", "The program that runs; always 1.", prometheus.Labels{"version": buildinfo.Version(), "goversion": runtime.Version()}, func() float64 { return 1 })
	gauge("hmacsign_connections", "Connections of clients that are open.", nil, func() float64 { return float64(r.connections.Load()) })
	if keys, ok := r.Proxy.Keys.(keyCounts); ok {
		gauge("hmacsign_keys", "Keys in use.", nil, func() float64 { return float64(keys.Len()) })
		gauge("hmacsign_keys_loaded_timestamp_seconds", "When the keys in use were read.", nil, func() float64 { return float64(keys.LoadedAt().UnixMilli()) / 1000 })
		gauge("hmacsign_keys_last_read_successful", "1 if the last keys that were read are in use, 0 if they had a fault and the old ones are.", nil, func() float64 {
			if keys.Err() != nil {
				return 0
			}
			return 1
		})
	}
	if keys, ok := r.Proxy.Keys.(interface{ CheckedAt() time.Time }); ok {
		gauge("hmacsign_keys_checked_timestamp_seconds", "When the keys in use were last known to be all there are.", nil, func() float64 { return float64(keys.CheckedAt().UnixMilli()) / 1000 })
	}
	if r.Proxy.Replays != nil {
		registry.MustRegister(replayTimes, replayErrors)
	}
	if budget := r.Proxy.Budget; budget != nil {
		const held, limit = "hmacsign_buffered_bytes", "hmacsign_buffered_limit_bytes"
		memory, disk := prometheus.Labels{"where": "memory"}, prometheus.Labels{"where": "disk"}
		gauge(held, "Bytes that the requests in hand hold.", memory, func() float64 { m, _ := budget.Held(); return float64(m) })
		gauge(held, "Bytes that the requests in hand hold.", disk, func() float64 { _, d := budget.Held(); return float64(d) })
		gauge(limit, "Bytes that requests may hold.", memory, func() float64 { return float64(r.MaxBuffered) })
		gauge(limit, "Bytes that requests may hold.", disk, func() float64 { return float64(r.MaxBufferedOnDisk) })
	}
	return registry
}
