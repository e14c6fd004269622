package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL

	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/buildinfo"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

const (
	openTimeout = 15 * time.Second // for a database to tell its keys
	maxConns    = 2                // to it: one goroutine asks
)

// driverOf are the names of database/sql's drivers by those of databases.
var driverOf = map[string]string{"mysql": "mysql", "postgres": "pgx"}

func drivers() []string { return slices.Sorted(maps.Keys(driverOf)) }

// A Gateway is a configuration with all that it names opened.
type Gateway struct {
	server *proxy.Server
	proxy  *proxy.Proxy
	log    *slog.Logger
	closes []func(context.Context) error
}

// Open opens the stores of keys and of replays, which must be in reach, and the
// exporter of traces. Close the gateway, also when Run has returned. An error names the
// setting, and no secret.
func Open(ctx context.Context, c *Config, log *slog.Logger) (g *Gateway, err error) {
	g = &Gateway{server: c.server(), log: log}
	defer func() {
		if err != nil {
			g.Close()
			g = nil
		}
	}()
	config := &proxy.Config{TunnelTimeout: c.Timeout, Log: log}
	g.server.Log, g.server.Proxy = log, config
	if err := config.ParseTrusted(c.TrustedProxies...); err != nil {
		return g, err
	}
	if config.Budget, err = hmacsign.NewBudget(c.MaxBuffered, c.MaxOnDisk); err != nil {
		return g, err
	}
	if config.Keys, err = g.openKeys(ctx, c.Keys); err != nil {
		return g, fmt.Errorf("keys: %w", err)
	}
	if config.Replays, err = g.openReplays(ctx, c.Replay); err != nil {
		return g, fmt.Errorf("replay: %w", err)
	}
	if c.Traces != nil {
		tracer, err := newTracer(ctx, c.Traces, log)
		if err != nil {
			return g, fmt.Errorf("traces: %w", err)
		}
		config.Tracer = tracer
		g.closes = append(g.closes, tracer.close)
	}
	for i := range c.Routes {
		route, err := c.Routes[i].open(c, config)
		if err != nil {
			return g, fmt.Errorf("route %q: %w", c.Routes[i].Name, err)
		}
		config.Routes = append(config.Routes, route)
	}
	g.proxy, err = proxy.New(config)
	return g, err
}

// open makes the proxy's route.
func (r *Route) open(c *Config, config *proxy.Config) (*proxy.Route, error) {
	route := r.route()
	var err error
	if route.Options, err = r.options(c); err != nil || r.Resign == nil {
		return route, err
	}
	secret, err := r.Resign.Secret.read("resign.secret")
	if err != nil {
		return nil, err
	}
	route.Resign, err = config.Resigner(route, r.Resign.Algorithm, hmacsign.Credential{KeyID: r.Resign.KeyID, Secret: hmacsign.Secret(secret)})
	return route, err
}

func (g *Gateway) openKeys(ctx context.Context, k Keys) (hmacsign.KeyStore, error) {
	if k.SQL == nil {
		return proxy.OpenKeys(k.File, g.log)
	}
	dsn, err := k.SQL.DSN.read("sql.dsn")
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(driverOf[k.SQL.Driver], dsn)
	if err != nil {
		return nil, errors.New("sql.dsn: this is no address of a " + k.SQL.Driver + " database") // the driver may show it
	}
	g.closes = append(g.closes, func(context.Context) error { return db.Close() })
	db.SetMaxOpenConns(maxConns)
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	store, err := sqlkeys.Open(ctx, db, sqlkeys.WithReport(g.reportKeys), sqlkeys.WithInterval(k.SQL.Interval), sqlkeys.WithStaleLimit(k.SQL.StaleLimit))
	if err != nil {
		return nil, err
	}
	g.closes = append(g.closes, func(context.Context) error { return store.Close() })
	return store, nil
}

// reportKeys logs how the keys were read again.
func (g *Gateway) reportKeys(err error) {
	if err != nil {
		g.log.Error("the keys of the database cannot all be used as they are now", "error", err.Error())
		return
	}
	g.log.Info("the keys of the database were read again and are in use")
}

// openReplays returns nil where there is no guard.
func (g *Gateway) openReplays(ctx context.Context, r Replay) (hmacsign.ReplayStore, error) {
	switch {
	case r.Memory > 0:
		return hmacsign.NewMemoryReplayStore(r.Memory)
	case r.Redis == nil:
		return nil, nil
	}
	url, err := r.Redis.URL.read("redis.url")
	if err != nil {
		return nil, err
	}
	opts := []redisreplay.Option{redisreplay.WithTimeout(r.Redis.Timeout), redisreplay.WithReplicas(r.Redis.Replicas), redisreplay.WithFlushDelay(r.Redis.FlushDelay)}
	if r.Redis.AllowEviction {
		opts = append(opts, redisreplay.AllowEviction())
	}
	store, err := redisreplay.Open(ctx, url, opts...)
	if err != nil {
		return nil, err
	}
	g.closes = append(g.closes, func(context.Context) error { store.Close(); return nil })
	return store, nil
}

// Run serves until ctx ends or the process is told to end (SIGTERM, interrupt), and
// then drains; SIGHUP makes it read the keys file and the certificate again. If ready is
// not nil it gets the addresses of the two listeners once they are open. An error means
// that it could not begin, or that requests in hand were broken off.
func (g *Gateway) Run(ctx context.Context, ready func(addr, adminAddr string)) error {
	defer g.server.Notify()()
	g.server.LimitMemory()
	for _, r := range g.server.Proxy.Routes {
		g.log.Info("route", "route", r.Name, "hosts", r.Hosts, "prefix", r.Prefix, "upstream", r.Upstream, "max_body", r.MaxBody, "forward_signed", r.ForwardSigned, "allow_upgrade", r.AllowUpgrade, "preserve_host", r.PreserveHost, "resign", r.Resign != nil)
	}
	g.log.Info("starting", "version", buildinfo.Version(), "replay_guard", g.server.Proxy.Replays != nil, "traces", g.server.Proxy.Tracer != nil, "trusted_proxies", fmt.Sprint(g.server.Proxy.TrustedProxies), "trust_unix", g.server.Proxy.TrustUnix, "backend", g.server.Backend)
	return g.server.Serve(ctx, g.proxy, ready)
}

// Close closes what Open opened.
func (g *Gateway) Close() error {
	var all []error
	for _, closes := range slices.Backward(g.closes) {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		all = append(all, closes(ctx))
		cancel()
	}
	g.closes = nil
	return errors.Join(all...)
}

// noKeys is a store to check options with.
type noKeys struct{}

func (noKeys) Key(context.Context, string) (*hmacsign.Key, error) {
	return nil, hmacsign.ErrUnknownKey
}
