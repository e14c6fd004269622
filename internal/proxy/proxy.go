// Package proxy is the verifying reverse proxy that the command and the gateways
// in contrib share: what is signed goes to the upstream as it was verified, the
// rest is answered with a refusal.
package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Config is what a proxy is told.
type Config struct {
	Routes []*Route // one at least

	// Keys, Replays and the options of a route make its verifier; without Keys
	// nothing is verified, to measure what verification costs.
	Keys    hmacsign.KeyStore
	Replays hmacsign.ReplayStore // or nil

	Budget *hmacsign.Budget // of all that requests make the process hold, or nil

	TunnelTimeout  time.Duration  // how long a tunnel stays open with nothing sent through it; zero: 5 minutes
	TrustedProxies []netip.Prefix // peers whose X-Forwarded headers and request ids are believed
	TrustUnix      bool           // peers at a unix socket are such

	Tracer Tracer // or nil
	Log    *slog.Logger

	backends *backendWatch // from New on
}

// A Proxy verifies and forwards. It serves requests concurrently.
type Proxy struct {
	config *Config
	routes []*routed

	tunnels struct {
		sync.Mutex
		closed bool
		open   sync.WaitGroup
		end    context.CancelFunc
	}
	tunnelsEnd context.Context
}

// New returns the proxy.
func New(c *Config) (*Proxy, error) {
	c.backends = newBackendWatch(c.Log)
	p := &Proxy{config: c}
	p.tunnelsEnd, p.tunnels.end = context.WithCancel(context.Background())
	for _, route := range c.Routes {
		handler, err := p.handlerOf(route)
		if err != nil {
			return nil, err
		}
		p.routes = append(p.routes, &routed{route, handler})
	}
	return p, checkRoutes(c.Routes)
}

// handlerOf verifies the requests of a route, then forwards them.
func (p *Proxy) handlerOf(route *Route) (http.Handler, error) {
	f, err := newForwarder(p, route)
	if err != nil || p.config.Keys == nil {
		return f, err
	}
	opts := []hmacsign.VerifierOption{hmacsign.WithMaxBody(route.MaxBody), hmacsign.WithObserver(observe)}
	if p.config.Budget != nil {
		opts = append(opts, hmacsign.WithBudget(p.config.Budget))
	}
	if p.config.Replays != nil {
		opts = append(opts, hmacsign.WithReplayGuard(p.config.TimedReplays()))
	}
	v, err := hmacsign.NewVerifier(p.config.Keys, append(opts, route.Options...)...)
	if err != nil {
		return nil, err
	}
	return v.Middleware(f), nil
}

// ServeHTTP leaves one line in the log and one count for each request, however
// it ends: also when it panics with http.ErrAbortHandler, as ReverseProxy does
// where an answer breaks off.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, completed := time.Now(), false
	d := p.newDecision(r)
	r, end := p.trace(r, d)
	a := &answer{ResponseWriter: w, decision: d, status: http.StatusOK, informs: r.ProtoAtLeast(1, 1)}
	defer func() {
		r.Header = nil // net/http keeps the request while it waits for the rest of a body
		if !completed {
			d.brokeOff()
		}
		d.Status, d.Took = a.status, time.Since(start)
		p.config.Ended(&d.Event)
		end(&d.Event)
		if d.tunnel != nil {
			d.tunnel.done()
		}
	}()
	p.serve(a, r.WithContext(context.WithValue(r.Context(), decisionKey{}, d)))
	completed = true
}

// serve serves a request that the budget has room for.
func (p *Proxy) serve(a *answer, r *http.Request) {
	if budget := p.config.Budget; budget != nil {
		size := headSize(r)
		if err := budget.Reserve(size); err != nil {
			a.decision.fail(a, err)
			return
		}
		defer budget.Release(size)
	}
	route, err := p.route(r)
	if err != nil {
		a.decision.fail(a, err)
		return
	}
	a.decision.Route = route.Name
	route.handler.ServeHTTP(a, r)
	a.send(r)
}

// refusalTimeout is how long a client may take to receive a refusal.
const refusalTimeout = 10 * time.Second

// send sends what is still buffered of an answer. An HTTP/2 client that opens no
// window makes it wait, and what a stream holds meanwhile counts.
func (a *answer) send(r *http.Request) {
	if r.ProtoMajor != 2 {
		return
	}
	c := http.NewResponseController(a.ResponseWriter)
	if a.decision.Outcome == "refused" {
		c.SetWriteDeadline(time.Now().Add(refusalTimeout))
	}
	c.Flush()
}

// headSize is about what a request takes in memory, its body left out: a header
// takes more than its text, an HTTP/2 stream more than a request of its own
// connection.
func headSize(r *http.Request) int64 {
	const request, stream, header = 4 << 10, 16 << 10, 96
	size := request + len(r.Method) + len(r.RequestURI) + len(r.Host)
	if r.ProtoMajor == 2 {
		size += stream
	}
	for name, values := range r.Header {
		size += header + len(name)
		for _, value := range values {
			size += len(value)
		}
	}
	return int64(size)
}

func (p *Proxy) newDecision(r *http.Request) *decision {
	d := &decision{Event: Event{Outcome: "unverified", Method: r.Method, Host: r.Host, Path: loggedPath(r), Remote: r.RemoteAddr}, multiplexed: r.ProtoMajor == 2}
	d.trusted, d.Client = p.config.peer(r)
	if ids := r.Header[requestIDHeader]; d.trusted && len(ids) == 1 && len(ids[0]) <= 128 && scheme.IsToken(ids[0]) {
		d.RequestID = ids[0]
	} else {
		d.RequestID = rand.Text()
	}
	return d
}

// CloseTunnels closes all tunnels, and every one that would open from now on. It
// returns when each has left its line in the log.
func (p *Proxy) CloseTunnels() {
	p.tunnels.Lock()
	p.tunnels.closed = true
	p.tunnels.Unlock()
	p.tunnels.end()
	p.tunnels.open.Wait()
}

// startTunnel counts a tunnel in, unless they have been closed.
func (p *Proxy) startTunnel() error {
	p.tunnels.Lock()
	defer p.tunnels.Unlock()
	if p.tunnels.closed {
		return errors.New("the server shuts down")
	}
	p.tunnels.open.Add(1)
	return nil
}
