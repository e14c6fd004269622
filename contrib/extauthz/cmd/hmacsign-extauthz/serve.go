package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
	"github.com/gmhmac/hmacsign/internal/screen"
)

// What clients may take of the process. A connection of Envoy's is one of its threads'.
const (
	maxConnections = 1024
	maxStreams     = 256 // of a connection at a time
	connectionAge  = 30 * time.Minute
	ageGrace       = 30 * time.Second // for the calls of a connection that is too old
	openTimeout    = 10 * time.Second // of the replay store
)

// serve runs the service until ctx ends or a signal says so, the process's own if signals
// is nil.
func serve(ctx context.Context, c *config, log *slog.Logger, signals <-chan os.Signal, ready func(addr, admin string)) error {
	keys, err := proxy.OpenKeys(c.keys, log)
	if err != nil {
		return err
	}
	budget, err := hmacsign.NewBudget(c.server.MaxBuffered, c.server.MaxBufferedOnDisk)
	if err != nil {
		return usageError{err}
	}
	replays, err := c.openReplays(ctx)
	if err != nil {
		return err
	}
	if store, ok := replays.(*redisreplay.Store); ok {
		defer store.Close()
	}
	state := &proxy.Config{Keys: keys, Replays: replays, Budget: budget, Log: log}
	v, err := c.verifier(state)
	if err != nil {
		return err
	}
	opts := []extauthz.Option{extauthz.WithBudget(budget), extauthz.WithObserver(func(d *extauthz.Decision) { state.Ended(eventOf(d)) })}
	if c.keepForwarded {
		opts = append(opts, extauthz.KeepForwarded())
	}
	if c.acceptUnsaidLength {
		opts = append(opts, extauthz.AcceptUnsaidLength())
	}
	d, err := c.newData(extauthz.New(v, opts...), log)
	if err != nil {
		return err
	}
	s := &c.server
	s.Log, s.Proxy, s.Signals = log, state, signals
	if signals == nil {
		defer s.Notify()()
	}
	s.LimitMemory()
	log.Info("starting", "keys", keys.Len(), "replay_guard", c.replayGuard, "redis", c.redis != "", "window", c.window.String(), "max_body", c.maxBody, "max_buffered", s.MaxBuffered,
		"client_ca", c.clientCA != "", "keep_forwarded", c.keepForwarded, "accept_unsaid_length", c.acceptUnsaidLength, "explain", c.explain)
	return s.ServeData(ctx, d, ready)
}

func (c *config) openReplays(ctx context.Context) (hmacsign.ReplayStore, error) {
	switch {
	case c.redis != "":
		ctx, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		store, err := redisreplay.Open(ctx, c.redis)
		if err != nil {
			return nil, err
		}
		return store, nil
	case c.replayGuard > 0:
		return hmacsign.NewMemoryReplayStore(c.replayGuard)
	}
	return nil, nil
}

// data is the gRPC server, as [proxy.Server] runs it.
type data struct {
	grpc   *grpc.Server
	health *health.Server
}

func (c *config) newData(service *extauthz.Server, log *slog.Logger) (*data, error) {
	opts := []grpc.ServerOption{
		extauthz.ServerOption(),
		grpc.MaxRecvMsgSize(int(c.maxMessage())),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: ageGrace, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}
	if c.server.TLSCert != "" {
		files := &tlsFiles{config: c, log: log}
		if _, err := files.read(); err != nil {
			return nil, err
		}
		opts = append(opts, grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, GetConfigForClient: files.forClient})))
	}
	d := &data{grpc.NewServer(opts...), health.NewServer()}
	authv3.RegisterAuthorizationServer(d.grpc, service)
	healthv1.RegisterHealthServer(d.grpc, d.health)
	d.Ready(errors.New("starting"))
	return d, nil
}

func (d *data) Serve(l net.Listener) error { return d.grpc.Serve(l) }

// Shutdown finishes the calls in hand.
func (d *data) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, d.grpc.Stop)
	defer stop()
	d.grpc.GracefulStop()
	return ctx.Err()
}

func (d *data) Close() error {
	d.grpc.Stop()
	return nil
}

// Ready says through grpc.health.v1 whether calls should come here.
func (d *data) Ready(notReady error) {
	status := healthv1.HealthCheckResponse_SERVING
	if notReady != nil {
		status = healthv1.HealthCheckResponse_NOT_SERVING
	}
	for _, service := range []string{"", authv3.Authorization_ServiceDesc.ServiceName} {
		d.health.SetServingStatus(service, status)
	}
}

// eventOf is a decision as the log and the metrics tell of it.
func eventOf(d *extauthz.Decision) *proxy.Event {
	e := &proxy.Event{Status: d.Status, Took: d.Took, RequestID: d.RequestID, Method: d.Method, Host: d.Host, Path: d.Path, Client: d.Client}
	var refused *hmacsign.VerifyError
	if errors.As(d.Err, &refused) || d.Err == nil {
		e.Decided(d.Identity, refused)
	} else {
		e.Outcome, e.Reason, e.Detail = "refused", screen.Code, d.Err.Error()
	}
	return e
}
