package proxy

import (
	"context"
	"errors"
	"fmt"
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
func (r *running) testBackend(before algo.Info) {
	err := algo.SelfTest(before.Algorithm, algo.WithBackend(before.Backend))
	log := r.Log.With("algorithm", before.Algorithm, "backend", before.Backend)
	switch {
	case err != nil:
		selfTests.WithLabelValues("failed").Inc()
		log.Error("the backend failed its self-test and computes nothing until it passes", "error", err.Error())
	case !before.Available:
		selfTests.WithLabelValues("passed").Inc()
		log.Info("the backend passed its self-test and is available again")
	default:
		selfTests.WithLabelValues("passed").Inc()
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
	required, err := algo.Required()
	if err != nil {
		return err
	}
	if r.Backend != "" {
		if err := cannotRun(r.Backend); err != nil {
			return err
		}
	} else {
		for _, algorithm := range algo.Algorithms() {
			if required[algorithm] == "" {
				continue
			}
			if _, err := algo.NewHash(algorithm); err != nil {
				return err
			}
		}
	}
	for _, b := range r.backends() {
		if !b.Available {
			return fmt.Errorf("%s on backend %s: %s", b.Algorithm, b.Backend, b.Detail)
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

// availability tells of the backends in use, as they are when it is asked.
type availability struct{ desc *prometheus.Desc }

func newAvailability() availability {
	return availability{prometheus.NewDesc("hmacsign_backend_available", "1 if a backend in use computes, 0 if it failed.", []string{"algorithm", "backend"}, nil)}
}

func (a availability) Describe(to chan<- *prometheus.Desc) { to <- a.desc }

func (a availability) Collect(to chan<- prometheus.Metric) {
	for _, b := range algo.InUse() {
		value := 0.0
		if b.Available {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, value, b.Algorithm, b.Backend)
	}
}
