package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gmhmac/hmacsign/algo"
)

// selfTests belong to the process, as the backends do.
var selfTests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hmacsign_self_tests_total", Help: "Self-tests of backends that were made while serving, by their outcome."},
	[]string{"outcome"})

func init() {
	selfTests.WithLabelValues("passed")
	selfTests.WithLabelValues("failed")
}

// testBackends makes the self-tests anew, every so often, until end is closed.
func (r *running) testBackends(end <-chan struct{}) {
	ticker := time.NewTicker(r.SelfTestInterval)
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return
		case <-ticker.C:
			for _, b := range r.backends() {
				r.testBackend(b)
			}
		}
	}
}

// testBackend is a chance for a backend that failed, and the end for one that
// computes wrongly by now.
func (r *running) testBackend(b algo.Info) {
	err := algo.SelfTest(b.Algorithm, algo.WithBackend(b.Backend))
	outcome := "passed"
	if err != nil {
		outcome = "failed"
	}
	selfTests.WithLabelValues(outcome).Inc()
	if news := r.watch.look(); err != nil && !news {
		r.Log.Error("the backend did not pass its self-test", "algorithm", b.Algorithm, "backend", b.Backend, "error", err.Error())
	}
}

// backends are those in use; of them the one that was named alone, if one was. No
// other is asked for anything.
func (r *running) backends() []algo.Info {
	var infos []algo.Info
	for _, b := range algo.InUse() {
		if r.Backend == "" || b.Backend == r.Backend {
			infos = append(infos, b)
		}
	}
	return infos
}

// An asking is one look at whether the backends are available, for all that wait
// for it.
type asking struct {
	done chan struct{}
	err  error
}

// backendsReady is notAvailable for no longer than ctx: a library that does not
// return keeps one goroutine, however many ask.
func (r *running) backendsReady(ctx context.Context) error {
	r.askMu.Lock()
	a := r.asking
	if a == nil {
		a = &asking{done: make(chan struct{})}
		r.asking = a
		go func() {
			a.err = r.notAvailable()
			r.askMu.Lock()
			r.asking = nil
			r.askMu.Unlock()
			close(a.done)
		}()
	}
	r.askMu.Unlock()
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return errors.New("a backend does not answer: its library hangs, or its self-test takes too long")
	}
}

// notAvailable is why requests cannot be verified as they should be, or nil. What
// is required or named is asked, whether it was used yet or not; of all others
// what is known is enough.
func (r *running) notAvailable() error {
	err := r.cannotServe()
	for _, b := range r.backends() {
		if !b.Available {
			return fmt.Errorf("%s on backend %s: %s%s", b.Algorithm, b.Backend, b.Detail, r.remedy(b))
		}
	}
	return err
}

// remedy is how an operator gets out of an error state, unless it says so itself.
func (r *running) remedy(b algo.Info) string {
	switch {
	case !strings.HasSuffix(b.Detail, "until a self-test passes"):
		return ""
	case r.SelfTestInterval > 0:
		return ": it is tested every " + r.SelfTestInterval.String() + "; where that does not help, restart"
	}
	return ": restart, or serve with --self-test-interval, which tests it again"
}

// cannotServe is why what is required or named cannot run, or nil.
func (r *running) cannotServe() error {
	required, err := algo.Required()
	if err != nil {
		return err
	}
	if r.Backend != "" {
		return cannotRun(r.Backend)
	}
	for _, algorithm := range algo.Algorithms() {
		if required[algorithm] == "" {
			continue
		}
		if _, err := algo.NewHash(algorithm); err != nil {
			return err
		}
	}
	return nil
}

// cannotRun is why a backend can run for no algorithm, or nil: it need not have
// all of them.
func cannotRun(backend string) (why error) {
	for _, algorithm := range algo.Algorithms() {
		_, err := algo.NewHash(algorithm, algo.WithBackend(backend))
		if err == nil {
			return nil
		}
		if why == nil || !errors.Is(err, algo.ErrUnknownBackend) {
			why = err
		}
	}
	return why
}

// wanted lists what is required, and the named backend for each algorithm that it
// has, be it in use or not.
func (r *running) wanted() []algorithmOn {
	required, _ := algo.Required() // what is understood of it
	var list []algorithmOn
	for _, algorithm := range algo.Algorithms() {
		if backend, _, _ := strings.Cut(required[algorithm], "@"); backend != "" {
			list = append(list, algorithmOn{algorithm, backend})
		} else if r.Backend != "" {
			if _, err := algo.NewHash(algorithm, algo.WithBackend(r.Backend)); !errors.Is(err, algo.ErrUnknownBackend) {
				list = append(list, algorithmOn{algorithm, r.Backend})
			}
		}
	}
	return list
}

// availability tells of the backends in use, as they are when it is asked, and of
// those that should be.
type availability struct {
	desc   *prometheus.Desc
	wanted []algorithmOn
}

func newAvailability(wanted []algorithmOn) availability {
	return availability{prometheus.NewDesc("hmacsign_backend_available", "1 if a backend in use computes, 0 if it failed, or if it is required or named and not in use.", []string{"algorithm", "backend"}, nil), wanted}
}

func (a availability) Describe(to chan<- *prometheus.Desc) { to <- a.desc }

func (a availability) Collect(to chan<- prometheus.Metric) {
	values := map[algorithmOn]float64{}
	for _, on := range a.wanted {
		values[on] = 0
	}
	for _, b := range algo.InUse() {
		on := algorithmOn{b.Algorithm, b.Backend}
		if values[on] = 0; b.Available {
			values[on] = 1
		}
	}
	for on, value := range values {
		to <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, value, on.algorithm, on.backend)
	}
}
