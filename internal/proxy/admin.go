package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof" // also on http.DefaultServeMux, which nothing here serves
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTime is how long a store may take to say that it is ready.
const checkTime = 2 * time.Second

// operators is what the admin listener serves. Nothing of it is on the data
// port, where every path is the upstream's.
func (r *running) operators() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { report(w, nil, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) { report(w, r.notReady(req.Context()), "ready") })
	if r.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
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

// notReady is why no new requests should be sent here, or nil.
func (r *running) notReady(ctx context.Context) error {
	if r.draining.Load() {
		return errors.New("shutting down")
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := r.backendsReady(ctx); err != nil {
		return err
	}
	for _, store := range []any{r.Proxy.Replays, r.Proxy.Keys} {
		if s, ok := store.(interface{ Ready(context.Context) error }); ok {
			if err := s.Ready(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
