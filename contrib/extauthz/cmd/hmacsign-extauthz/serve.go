package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

// What clients may take of the process. A connection of Envoy's is one of its threads'.
const (
	maxConnections  = 1024
	maxStreams      = 256 // of a connection at a time
	connectionAge   = 30 * time.Minute
	shutdownTimeout = 30 * time.Second // for the calls in hand
	openTimeout     = 10 * time.Second // of the replay store
	healthInterval  = time.Second
)

// A server is the service while it runs.
type server struct {
	*config
	log      *slog.Logger
	keys     *hmacsign.FileKeys
	replays  hmacsign.ReplayStore // or nil
	budget   *hmacsign.Budget
	metrics  *metrics
	grpc     *grpc.Server
	health   *health.Server
	draining atomic.Bool
	failed   chan error // of a listener
}

// serve runs the service until ctx ends or a signal says so.
func serve(ctx context.Context, c *config, log *slog.Logger, signals <-chan os.Signal, ready func(addr, admin string)) error {
	s := &server{config: c, log: log, failed: make(chan error, 2)}
	if err := s.open(ctx); err != nil {
		return err
	}
	if store, ok := s.replays.(*redisreplay.Store); ok {
		defer store.Close()
	}
	l, err := listen(c.listen)
	if err != nil {
		return err
	}
	address, adminAddress := addressOf(l), ""
	go func() { s.failed <- s.grpc.Serve(netutil.LimitListener(l, maxConnections)) }()
	defer s.grpc.Stop()
	if c.admin != "" {
		admin := s.adminServer()
		defer admin.Close()
		l, err := listen(c.admin)
		if err != nil {
			return err
		}
		adminAddress = addressOf(l)
		go func() { s.failed <- admin.Serve(l) }()
	}
	s.updateHealth(ctx)
	log.Info("listening", "address", address, "admin", adminAddress, "tls", c.tlsCert != "", "client_ca", c.clientCA != "", "keys", s.keys.Len(), "replay_guard", c.replayGuard, "redis", c.redis != "",
		"window", c.window.String(), "max_body", c.maxBody, "max_buffered", c.maxBuffered, "keep_forwarded", c.keepForwarded, "explain", c.explain)
	if ready != nil {
		ready(address, adminAddress)
	}
	if err := s.wait(ctx, signals); err != nil && err != errToldToEnd {
		return err
	}
	return s.shutdown(signals)
}

// open makes what the service consists of.
func (s *server) open(ctx context.Context) (err error) {
	if s.keys, err = proxy.OpenKeys(s.config.keys, s.log); err != nil {
		return err
	}
	if s.budget, err = hmacsign.NewBudget(s.maxBuffered, hmacsign.DefaultMaxBufferedOnDisk); err != nil {
		return usageError{err}
	}
	s.metrics = newMetrics(s)
	if s.replays, err = s.openReplays(ctx); err != nil {
		return err
	}
	v, err := s.verifier(s.keys, s.replays, s.budget)
	if err != nil {
		return err
	}
	opts := []extauthz.Option{extauthz.WithBudget(s.budget), extauthz.WithObserver(s.observe)}
	if s.keepForwarded {
		opts = append(opts, extauthz.KeepForwarded())
	}
	serverOpts := []grpc.ServerOption{
		extauthz.ServerOption(),
		grpc.MaxRecvMsgSize(int(s.maxMessage())),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: shutdownTimeout, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}
	if s.tlsCert != "" {
		files := &tlsFiles{config: s.config}
		if _, err := files.read(); err != nil {
			return err
		}
		serverOpts = append(serverOpts, grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, GetConfigForClient: files.forClient(s.log)})))
	}
	s.grpc, s.health = grpc.NewServer(serverOpts...), health.NewServer()
	authv3.RegisterAuthorizationServer(s.grpc, extauthz.New(v, opts...))
	healthv1.RegisterHealthServer(s.grpc, s.health)
	return nil
}

func (s *server) openReplays(ctx context.Context) (hmacsign.ReplayStore, error) {
	switch {
	case s.redis != "":
		ctx, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		store, err := redisreplay.Open(ctx, s.redis, redisreplay.WithObserver(s.metrics.replay))
		if err != nil {
			return nil, err
		}
		return store, nil
	case s.replayGuard > 0:
		return hmacsign.NewMemoryReplayStore(s.replayGuard)
	}
	return nil, nil
}

// notReady is why no calls should come here, or nil.
func (s *server) notReady(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("shutting down")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, store := range []any{s.keys, s.replays} {
		if store, ok := store.(interface{ Ready(context.Context) error }); ok {
			if err := store.Ready(ctx); err != nil {
				return err
			}
		}
	}
	return notAvailable()
}

// updateHealth says through grpc.health.v1 what readiness is.
func (s *server) updateHealth(ctx context.Context) {
	status := healthv1.HealthCheckResponse_SERVING
	if s.notReady(ctx) != nil {
		status = healthv1.HealthCheckResponse_NOT_SERVING
	}
	for _, service := range []string{"", authv3.Authorization_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(service, status)
	}
}

var (
	errToldToEnd = errors.New("told to end")
	errBrokenOff = errors.New("ended at once by a second signal: calls in hand were broken off")
	errTooSlow   = errors.New("calls in hand took longer than " + shutdownTimeout.String() + " and were broken off")
)

// wait follows signals until ctx ends (nil), one says to end (errToldToEnd) or a listener
// fails.
func (s *server) wait(ctx context.Context, signals <-chan os.Signal) error {
	ticker := time.NewTicker(healthInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-ticker.C:
			s.updateHealth(ctx)
		case signal := <-signals:
			if signal != syscall.SIGHUP {
				return errToldToEnd
			}
			if err := s.keys.Reload(); err != nil {
				s.log.Error("the keys file cannot be used as it is now: the old keys stay", "error", err.Error())
			} else {
				s.log.Info("the keys file was read again and its keys are in use", "keys", s.keys.Len())
			}
		}
	}
}

// shutdown lets those who ask for health send their calls elsewhere, then finishes the
// calls in hand.
func (s *server) shutdown(signals <-chan os.Signal) error {
	s.draining.Store(true)
	s.health.Shutdown()
	s.log.Info("shutting down: not serving any more, calls are still answered", "drain", s.drain.String())
	ctx, cancel := context.WithTimeout(context.Background(), s.drain)
	defer cancel()
	if err := s.wait(ctx, signals); err == errToldToEnd {
		return errBrokenOff
	} else if err != nil {
		return err
	}
	finished, finish := context.WithTimeout(context.Background(), shutdownTimeout)
	defer finish()
	done := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-finished.Done():
		return errTooSlow
	case <-signals:
		return errBrokenOff
	}
	s.log.Info("shut down")
	return nil
}

// listen opens an address, or the socket at the path behind "unix:", in the place of one
// that nobody listens on any more.
func listen(address string) (net.Listener, error) {
	path, isSocket := strings.CutPrefix(address, "unix:")
	if !isSocket {
		return net.Listen("tcp", address)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
			return nil, fmt.Errorf("listen unix %s: another process listens there: end it, or name another path", path)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil { // a group: this service's and Envoy's
		l.Close()
		return nil, err
	}
	return l, nil
}

// addressOf is a listener's address in the form in which listen takes it.
func addressOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}

// tlsFiles are read for each connection, of which Envoy keeps few for long. Files with a
// fault change nothing.
type tlsFiles struct {
	*config
	last atomic.Pointer[tls.Config]
}

func (f *tlsFiles) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if f.clientCA != "" {
		pem, err := os.ReadFile(f.clientCA)
		if err != nil {
			return nil, err
		}
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--client-ca %s: there is no certificate (PEM) in it", f.clientCA)
		}
	}
	f.last.Store(c)
	return c, nil
}

func (f *tlsFiles) forClient(log *slog.Logger) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := f.read()
		if err != nil {
			log.Error("the certificate cannot be used as it is now: the old one stays", "error", err.Error())
			c = f.last.Load()
		}
		return c, nil
	}
}

// adminServer serves operators.
func (s *server) adminServer() *http.Server {
	return &http.Server{Handler: s.operators(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
}
