package proxy

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// backendWatch logs what becomes of backends: which ones requests come to be
// computed by, which fail, and which are back. It looks when a request or a
// self-test has ended, and asks none of them.
type backendWatch struct {
	log *slog.Logger

	mu      sync.Mutex
	serving map[string]serving       // by algorithm
	known   map[algorithmOn]struct{} // that have been logged
	down    map[algorithmOn]struct{} // that had failed when it last looked
	anyDown atomic.Bool
}

// algorithmOn is an algorithm on a backend.
type algorithmOn struct{ algorithm, backend string }

// serving is what computes an algorithm for requests.
type serving struct {
	backend string
	warned  time.Time // of a change
}

// changeInterval is how long an algorithm that goes to and fro between backends is
// not warned of again: each request's line names its own.
const changeInterval = time.Minute

func newBackendWatch(log *slog.Logger) *backendWatch {
	w := &backendWatch{log: log, serving: map[string]serving{}, known: map[algorithmOn]struct{}{}, down: map[algorithmOn]struct{}{}}
	for _, b := range algo.InUse() {
		w.note(b)
	}
	return w
}

// ended is told of each request that has ended.
func (w *backendWatch) ended(e *Event) {
	if e.computed.backend != "" {
		w.computed(e.computed)
	}
	if e.Failed || w.anyDown.Load() {
		w.look()
	}
}

// computed is told what computed the MAC of a request.
func (w *backendWatch) computed(by algorithmOn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.known[by]; !ok {
		w.known[by] = struct{}{}
		go w.introduce(by) // a file may have to be read
	}
	before := w.serving[by.algorithm]
	switch {
	case before.backend == "":
		w.serving[by.algorithm] = serving{backend: by.backend}
	case before.backend != by.backend && time.Since(before.warned) >= changeInterval:
		w.serving[by.algorithm] = serving{by.backend, time.Now()}
		w.log.Warn(by.algorithm+" is computed by "+by.backend+" now, was "+before.backend, "algorithm", by.algorithm, "backend", by.backend, "before", before.backend)
	}
}

// introduce logs a backend that computes for requests, and where its code is from.
func (w *backendWatch) introduce(by algorithmOn) {
	for _, b := range algo.InUse() {
		if b.Algorithm != by.algorithm || b.Backend != by.backend {
			continue
		}
		attrs := []any{"algorithm", b.Algorithm, "backend", b.Backend, "version", b.Version}
		if m, err := algo.LoadedFrom(b.Algorithm, b.Backend); err != nil {
			attrs = append(attrs, "module_error", err.Error())
		} else {
			attrs = append(attrs, "module", m.Path, "sha256", m.SHA256)
		}
		w.log.Info("the backend computes for requests", attrs...)
	}
}

// look logs the backends in use that have failed since it last looked, and those
// that are back. It reports whether there were such.
func (w *backendWatch) look() (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range algo.InUse() {
		if !w.note(b) {
			continue
		}
		news = true
		log := w.log.With("algorithm", b.Algorithm, "backend", b.Backend)
		if b.Available {
			log.Info("the backend passed its self-test and is available again")
		} else {
			log.Error("the backend failed and computes nothing until it passes a self-test", "error", b.Detail)
		}
	}
	return news
}

// note remembers whether a backend is down, and reports whether that is new.
func (w *backendWatch) note(b algo.Info) bool {
	on := algorithmOn{b.Algorithm, b.Backend}
	_, was := w.down[on]
	if b.Available {
		delete(w.down, on)
	} else {
		w.down[on] = struct{}{}
	}
	w.anyDown.Store(len(w.down) > 0)
	return was == b.Available
}
