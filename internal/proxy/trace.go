package proxy

import (
	"context"
	"net/http"
)

// A Tracer follows requests in a system for traces. It is called from concurrent
// requests.
type Tracer interface {
	// Begin is called for each request that comes. If its peer is trusted, the trace
	// that the headers name is its own. The context goes with the request, end is
	// called when it was answered.
	Begin(r *http.Request, trusted bool) (ctx context.Context, end func(*Event))
	// Forward is called for each request that goes to the upstream, which headers name
	// the trace, unless the client signed such.
	Forward(ctx context.Context, out http.Header) (end func(status int, err error))
}

// traceHeaders name a trace (W3C Trace Context, W3C Baggage).
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// trace begins the trace of a request.
func (p *Proxy) trace(r *http.Request, d *decision) (traced *http.Request, end func(*Event)) {
	if p.config.Tracer == nil {
		return r, func(*Event) {}
	}
	ctx, end := p.config.Tracer.Begin(r, d.trusted)
	return r.WithContext(ctx), end
}

// tracing is a request's way to the upstream, with its trace.
type tracing struct {
	next   http.RoundTripper
	tracer Tracer
}

func (t tracing) RoundTrip(out *http.Request) (*http.Response, error) {
	d := decisionOf(out.Context())
	out = out.Clone(out.Context())
	header := out.Header
	for _, name := range traceHeaders {
		if d.covers(name) {
			header = http.Header{} // the client's trace stays, which was verified
		} else {
			delete(out.Header, name)
		}
	}
	end := t.tracer.Forward(out.Context(), header)
	res, err := t.next.RoundTrip(out)
	if err != nil {
		end(0, err)
		return nil, err
	}
	end(res.StatusCode, nil)
	return res, nil
}
