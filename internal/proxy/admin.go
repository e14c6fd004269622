package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
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
		mux.HandleFunc("GET /debug/pprof/{$}", listProfiles)
		mux.HandleFunc("GET /debug/pprof/profile", profileCPU)
		mux.HandleFunc("GET /debug/pprof/trace", traceExecution)
		mux.HandleFunc("GET /debug/pprof/{name}", showProfile)
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
	stores := []any{r.Replays}
	if r.Proxy != nil {
		stores = append(stores, r.Proxy.Keys)
	}
	for _, store := range stores {
		if s, ok := store.(interface{ Ready(context.Context) error }); ok {
			if err := s.Ready(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// The profiles that go tool pprof and go tool trace ask for, under the paths
// that they know. net/http/pprof would put them on http.DefaultServeMux as well.

func listProfiles(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "profile?seconds=30\ntrace?seconds=1")
	for _, p := range pprof.Profiles() {
		fmt.Fprintf(w, "%s?debug=1\n", p.Name())
	}
}

func showProfile(w http.ResponseWriter, req *http.Request) {
	p := pprof.Lookup(req.PathValue("name"))
	if p == nil {
		http.Error(w, "no such profile: /debug/pprof/ lists them", http.StatusNotFound)
		return
	}
	debug, _ := strconv.Atoi(req.FormValue("debug"))
	if debug > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		asFile(w, p.Name())
	}
	p.WriteTo(w, debug)
}

func profileCPU(w http.ResponseWriter, req *http.Request) {
	record(w, req, "profile", 30, pprof.StartCPUProfile, pprof.StopCPUProfile)
}

func traceExecution(w http.ResponseWriter, req *http.Request) {
	record(w, req, "trace", 1, trace.Start, trace.Stop)
}

// longestRecord is the most seconds that are recorded at a time.
const longestRecord = 300

// record writes what start and stop record of the seconds that are asked for.
func record(w http.ResponseWriter, req *http.Request, name string, seconds float64, start func(io.Writer) error, stop func()) {
	if text := req.FormValue("seconds"); text != "" {
		var err error
		if seconds, err = strconv.ParseFloat(text, 64); err != nil || !(seconds > 0 && seconds <= longestRecord) {
			http.Error(w, fmt.Sprintf("seconds: use a number above 0 and up to %d", longestRecord), http.StatusBadRequest)
			return
		}
	}
	d := time.Duration(seconds * float64(time.Second))
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + adminTimeout))
	asFile(w, name)
	if err := start(w); err != nil { // another one is being recorded
		w.Header().Del("Content-Disposition")
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	defer stop()
	select {
	case <-time.After(d):
	case <-req.Context().Done():
	}
}

func asFile(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
