// Package proxy is the verifying reverse proxy that the command and the gateways
// in contrib share: what is signed goes to the upstream as it was verified, the
// rest is answered with a refusal.
package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// Config is what a proxy is told. Everything but Upstream has a zero value that
// works, but for the limits: a Config starts as [Defaults].
type Config struct {
	Upstream        string // URL that accepted requests go to
	UpstreamTimeout time.Duration
	MaxBody         int64

	// Keys and Options make the verifier; without Keys nothing is verified, to
	// measure what verification costs.
	Keys    hmacsign.KeyStore
	Options []hmacsign.VerifierOption

	Budget *hmacsign.Budget // of all that requests make the process hold

	IdentityHeader string           // tells the upstream the key id
	Resign         *hmacsign.Signer // signs the request anew for the upstream, or nil
	ForwardSigned  bool             // forward what is signed, and what the body needs, alone
	AllowUpgrade   string           // the one protocol to switch to, "websocket", or empty: none
	TunnelTimeout  time.Duration    // how long a tunnel stays open with nothing sent through it
	PreserveHost   bool             // the upstream gets the client's Host
	TrustedProxies []netip.Prefix   // peers whose X-Forwarded headers and request ids are believed

	Log *slog.Logger
}

// Defaults is a Config of an upstream with the limits as the command has them.
func Defaults(upstream string) *Config {
	return &Config{Upstream: upstream, UpstreamTimeout: time.Minute, MaxBody: hmacsign.DefaultMaxBody,
		IdentityHeader: "X-Hmacsign-Key-Id", Log: slog.Default()}
}

// New returns the proxy. It serves requests concurrently.
func New(c *Config) (http.Handler, error) {
	upstream, err := url.Parse(c.Upstream)
	if err != nil || upstream.Host == "" || upstream.Scheme != "http" && upstream.Scheme != "https" {
		return nil, fmt.Errorf("upstream %q: name an http or https URL", c.Upstream)
	}
	proxied := http.Handler(c.forward(upstream))
	if c.Keys != nil {
		opts := append([]hmacsign.VerifierOption{hmacsign.WithMaxBody(c.MaxBody), hmacsign.WithObserver(observe)}, c.Options...)
		v, err := hmacsign.NewVerifier(c.Keys, opts...)
		if err != nil {
			return nil, err
		}
		proxied = v.Middleware(proxied)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := &decision{outcome: "unverified"}
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		start := time.Now()
		proxied.ServeHTTP(status, r.WithContext(context.WithValue(r.Context(), decisionKey{}, d)))
		d.log(c.Log, r, status.status, time.Since(start))
	}), nil
}

// forward sends accepted requests to the upstream, with the key id in a header
// that a client cannot forge.
func (c *Config) forward(upstream *url.URL) *httputil.ReverseProxy {
	base := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ResponseHeaderTimeout: c.UpstreamTimeout,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, ForceAttemptHTTP2: true}
	var transport http.RoundTripper = base
	if c.Resign != nil {
		transport = c.Resign.Transport(base)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(upstream)
			p.SetXForwarded()
			p.Out.Header.Del("Expect") // the body is here already
			// Some servers take an underscore in a name for a dash.
			for name := range p.Out.Header {
				if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), c.IdentityHeader) {
					delete(p.Out.Header, name)
				}
			}
			if id, ok := hmacsign.IdentityFrom(p.In.Context()); ok {
				p.Out.Header.Set(c.IdentityHeader, id.KeyID)
			}
		},
		Transport:    transport,
		ErrorLog:     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		ErrorHandler: answerFailure,
	}
}

// answerFailure answers for an upstream that did not.
func answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	status, reason := http.StatusBadGateway, "upstream"
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &tooLarge) || errors.Is(err, hmacsign.ErrBodyTooLarge):
		status, reason = http.StatusRequestEntityTooLarge, "body_too_large"
	case errors.As(err, &timeout) && timeout.Timeout():
		status, reason = http.StatusGatewayTimeout, "upstream_timeout"
	case r.Context().Err() != nil:
		status, reason = 499, "client_gone" // nobody reads it; for the log
	}
	if d, ok := r.Context().Value(decisionKey{}).(*decision); ok {
		d.reason, d.detail = reason, err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": http.StatusText(status), "reason": reason})
}
