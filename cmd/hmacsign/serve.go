package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// serveFlags are the settings of the verifying reverse proxy.
type serveFlags struct {
	keys, listen, upstream, metrics string
	tlsCert, tlsKey                 string
	timeout, upstreamTimeout        time.Duration
	maxBody                         int64
	verifier                        verifierFlags
	schemes                         string
	replayGuard                     int
	explain, noVerify               bool
	identityHeader                  string
	resign                          resignFlags
}

// resignFlags sign the request anew for the upstream, in the format of the
// gateway's backend signature.
type resignFlags struct{ keyID, secretEnv, secretFile, algorithm string }

func runServe(c *command, args []string, io *streams) error {
	fs, s := new(flag.FlagSet), new(serveFlags)
	fs.StringVar(&s.keys, "keys", "", "keys `FILE`, as for verify; followed when it changes")
	fs.StringVar(&s.listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on")
	fs.StringVar(&s.upstream, "upstream", "", "`URL` that accepted requests go to")
	fs.StringVar(&s.metrics, "metrics", "", "`ADDRESS` of a listener of its own for Prometheus, at /metrics")
	fs.StringVar(&s.tlsCert, "tls-cert", "", "certificate `FILE` (PEM), for HTTPS and HTTP/2")
	fs.StringVar(&s.tlsKey, "tls-key", "", "its private key's `FILE` (PEM)")
	fs.DurationVar(&s.timeout, "timeout", 5*time.Minute, "`TIME` for reading a request, and for writing its answer")
	fs.DurationVar(&s.upstreamTimeout, "upstream-timeout", time.Minute, "`TIME` to wait for the upstream's answer")
	fs.Int64Var(&s.maxBody, "max-body", hmacsign.DefaultMaxBody, "`BYTES` of body that are accepted; more is answered with 413")
	fs.StringVar(&s.schemes, "schemes", "", "`NAMES` of the schemes to accept, separated by commas; without it all: "+schemeNames())
	fs.IntVar(&s.replayGuard, "replay-guard", 0, "refuse repeated requests, with room for `N` within twice the window; 0 is off")
	fs.BoolVar(&s.explain, "explain", false, "log why a signature does not match; for finding mistakes, not for an open server")
	fs.StringVar(&s.identityHeader, "identity-header", "X-Hmacsign-Key-Id", "`NAME` of the header that tells the upstream the key id")
	fs.StringVar(&s.resign.keyID, "resign-key-id", "", "sign requests to the upstream as huawei-sdk with this key `ID`")
	fs.StringVar(&s.resign.secretEnv, "resign-secret-env", "HMACSIGN_RESIGN_SECRET", "`NAME` of the environment variable with its secret")
	fs.StringVar(&s.resign.secretFile, "resign-secret-file", "", "`PATH` of a file with its secret")
	fs.StringVar(&s.resign.algorithm, "resign-algorithm", "hmac-sha256", "`NAME`: hmac-sha256 or hmac-sm3")
	s.verifier.add(fs)
	if _, err := c.parse(fs, args, io, 0); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return s.serve(ctx, io.err, nil)
}

// serve runs until ctx ends. If ready is not nil it gets the addresses of the
// two listeners once they are open.
func (s *serveFlags) serve(ctx context.Context, logTo io.Writer, ready func(addr, metricsAddr string)) error {
	log := slog.New(slog.NewJSONHandler(logTo, nil))
	handler, err := s.handler(log)
	if err != nil {
		return err
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return usagef("serve: --tls-cert and --tls-key go together")
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: s.timeout, WriteTimeout: s.timeout + s.upstreamTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	addr, metricsAddr := listener.Addr().String(), ""
	if s.tlsCert != "" {
		cert, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
		if err != nil {
			return err
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	ended := make(chan error, 2)
	if s.metrics != "" {
		l, err := net.Listen("tcp", s.metrics)
		if err != nil {
			return err
		}
		metricsAddr = l.Addr().String()
		mux := http.NewServeMux()
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { metrics.WritePrometheus(w, true) })
		metricsServer := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
		go func() { ended <- metricsServer.Serve(l) }()
		defer metricsServer.Close()
	}
	go func() {
		if s.tlsCert != "" {
			ended <- server.ServeTLS(listener, "", "")
		} else {
			ended <- server.Serve(listener)
		}
	}()
	log.Info("listening", "address", addr, "upstream", s.upstream, "metrics", metricsAddr, "tls", s.tlsCert != "")
	if ready != nil {
		ready(addr, metricsAddr)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down, requests in hand are finished")
	shutdown, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return server.Shutdown(shutdown)
}

func (s *serveFlags) handler(log *slog.Logger) (http.Handler, error) {
	upstream, err := url.Parse(s.upstream)
	if err != nil || upstream.Host == "" || upstream.Scheme != "http" && upstream.Scheme != "https" {
		return nil, usagef("serve: --upstream %q: name an http or https URL", s.upstream)
	}
	proxy, err := s.proxy(upstream, log)
	if err != nil {
		return nil, err
	}
	verified := http.Handler(proxy)
	if !s.noVerify {
		v, err := s.newVerifier(log)
		if err != nil {
			return nil, err
		}
		verified = v.Middleware(proxy)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			io.WriteString(w, "ok\n")
			return
		}
		d := &decision{outcome: "unverified"}
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		start := time.Now()
		verified.ServeHTTP(status, r.WithContext(context.WithValue(r.Context(), decisionKey{}, d)))
		d.log(log, r, status.status, time.Since(start))
	}), nil
}

func (s *serveFlags) newVerifier(log *slog.Logger) (*hmacsign.Verifier, error) {
	if s.keys == "" {
		return nil, usagef("serve: name the keys file with --keys")
	}
	keys, err := hmacsign.OpenKeys(s.keys, func(err error) {
		if err != nil {
			log.Error("the keys file has changed and cannot be used: the old keys stay", "error", err.Error())
		} else {
			log.Info("the keys file has changed: its keys are in use")
		}
	})
	if err != nil {
		return nil, err
	}
	opts, err := s.verifier.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, hmacsign.WithMaxBody(s.maxBody), hmacsign.WithObserver(observe))
	if s.explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	if s.schemes != "" {
		var accepted []hmacsign.Scheme
		for name := range strings.SplitSeq(s.schemes, ",") {
			scheme, err := hmacsign.SchemeByName(name)
			if err != nil {
				return nil, usageError{err}
			}
			accepted = append(accepted, scheme)
		}
		opts = append(opts, hmacsign.AcceptSchemes(accepted...))
	}
	if s.replayGuard > 0 {
		store, err := hmacsign.NewMemoryReplayStore(s.replayGuard)
		if err != nil {
			return nil, err
		}
		opts = append(opts, hmacsign.WithReplayGuard(store))
	}
	v, err := hmacsign.NewVerifier(keys, opts...)
	if err != nil {
		return nil, usageError{err}
	}
	return v, nil
}

// proxy sends accepted requests to the upstream, with the key id in a header
// that a client cannot forge.
func (s *serveFlags) proxy(upstream *url.URL, log *slog.Logger) (*httputil.ReverseProxy, error) {
	base := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ResponseHeaderTimeout: s.upstreamTimeout,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, ForceAttemptHTTP2: true}
	var transport http.RoundTripper = base
	if s.resign.keyID != "" {
		signer, err := s.resign.signer(s.identityHeader, s.maxBody, !s.noVerify)
		if err != nil {
			return nil, err
		}
		transport = signer.Transport(base)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(upstream)
			p.SetXForwarded()
			p.Out.Header.Del("Expect") // the body is here already
			// Some servers take an underscore in a name for a dash.
			for name := range p.Out.Header {
				if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), s.identityHeader) {
					delete(p.Out.Header, name)
				}
			}
			if id, ok := hmacsign.IdentityFrom(p.In.Context()); ok {
				p.Out.Header.Set(s.identityHeader, id.KeyID)
			}
		},
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
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
		},
	}, nil
}

func (r *resignFlags) signer(identityHeader string, maxBody int64, identified bool) (*hmacsign.Signer, error) {
	cred := hmacsign.Credential{KeyID: r.keyID, Secret: hmacsign.Secret(os.Getenv(r.secretEnv))}
	if r.secretFile != "" {
		var err error
		if cred.Secret, err = hmacsign.ReadSecretFile(r.secretFile); err != nil {
			return nil, err
		}
	}
	if cred.Secret.Reveal() == "" {
		return nil, usagef("serve: no secret to sign for the upstream: set %s or give --resign-secret-file", r.secretEnv)
	}
	opts := []hmacsign.SignerOption{hmacsign.WithMaxBody(maxBody)}
	if identified {
		opts = append(opts, hmacsign.WithSignedHeaders(identityHeader))
	}
	return hmacsign.NewSigner(hmacsign.HuaweiSDK, r.algorithm, cred, opts...)
}

// decision is what the log and the metrics tell of a request. It holds nothing
// that a stranger must not see in a log: no secret, no signature.
type decision struct {
	outcome, reason, detail, explanation string
	keyID, scheme, algorithm, backend    string
	previousSecret                       bool
}

type decisionKey struct{}

func observe(r *http.Request, id *hmacsign.Identity, refused *hmacsign.VerifyError) {
	d, ok := r.Context().Value(decisionKey{}).(*decision)
	if !ok {
		return
	}
	if refused != nil {
		d.outcome, d.reason, d.detail = "refused", refused.Code(), refused.Detail
		d.keyID, d.scheme, d.algorithm = refused.KeyID, refused.Scheme, refused.Algorithm
		if refused.Cause != nil {
			d.detail = refused.Cause.Error()
		}
		if refused.Explanation != nil {
			d.explanation = refused.Explanation.String()
		}
		return
	}
	d.outcome = "accepted"
	d.keyID, d.scheme, d.algorithm, d.backend, d.previousSecret = id.KeyID, id.Scheme, id.Algorithm, id.Backend, id.PreviousSecret
}

func (d *decision) log(log *slog.Logger, r *http.Request, status int, took time.Duration) {
	attrs := []any{"outcome", d.outcome, "status", status, "method", r.Method, "path", r.URL.Path, "key_id", d.keyID, "scheme", d.scheme,
		"algorithm", d.algorithm, "backend", d.backend, "duration_ms", float64(took.Microseconds()) / 1000, "remote", r.RemoteAddr}
	for _, more := range [...]struct{ name, value string }{{"reason", d.reason}, {"detail", d.detail}, {"explanation", d.explanation}} {
		if more.value != "" {
			attrs = append(attrs, more.name, more.value)
		}
	}
	if d.previousSecret {
		attrs = append(attrs, "previous_secret", true)
	}
	log.Info("request", attrs...)
	// Only words of ours are labels, so their number is bounded; an algorithm
	// that a stranger made up is not one.
	algorithm := d.algorithm
	if d.reason == "algorithm" {
		algorithm = "refused"
	}
	metrics.GetOrCreateCounter(fmt.Sprintf(`hmacsign_requests_total{outcome=%q,reason=%q,scheme=%q,algorithm=%q,backend=%q}`,
		d.outcome, d.reason, d.scheme, algorithm, d.backend)).Inc()
	metrics.GetOrCreateHistogram(`hmacsign_request_duration_seconds`).Update(took.Seconds())
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
