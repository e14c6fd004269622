package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
	"github.com/gmhmac/hmacsign/internal/strictflag"
)

// serveFlags are those of serve: most are fields of the proxy and of its server.
type serveFlags struct {
	verifierFlags
	resignFlags
	config      *proxy.Config
	route       *proxy.Route
	server      *proxy.Server
	level       slog.LevelVar
	keysFile    string
	replayGuard int
	explain     bool
	given       map[string]bool // the names of the flags that were there
}

// resignFlags sign the request anew for the upstream, in the format of the
// gateway's backend signature.
type resignFlags struct{ keyID, secretEnv, secretFile, algorithm string }

func newServe(io *streams) *cobra.Command {
	f := newServeFlags()
	c := &cobra.Command{
		Use:   "serve --keys FILE --upstream URL [flags]",
		Short: "Verifies as a reverse proxy: what is signed goes to the upstream.",
		Long:  "The rest is answered with 401. It logs one line of JSON a request to standard error, in\nEnglish whatever the language.",
		Args:  arguments(0),
		RunE:  func(*cobra.Command, []string) error { return f.run(io) },
	}
	f.addTo(c.Flags())
	completeFlag(c, "schemes", schemeNames()...)
	completeFlag(c, "forward", "all", "signed")
	completeFlag(c, "allow-upgrade", "websocket")
	completeFlag(c, "log-level", "debug", "info", "warn", "error")
	completeFlag(c, "resign-algorithm", algo.HMACSHA256, algo.HMACSM3)
	completeVerifier(c)
	return c
}

func (f *serveFlags) run(io *streams) error {
	if err := f.check(); err != nil {
		return usagef("serve: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(io.err, &slog.HandlerOptions{Level: &f.level}))
	f.config.Log, f.server.Log = log, log
	if err := f.verifier(); err != nil {
		return err
	}
	keys, err := proxy.OpenKeys(f.keysFile, log)
	if err != nil {
		return err
	}
	f.config.Keys = keys
	handler, err := proxy.New(f.config)
	if err != nil {
		return usagef("serve: %w", err)
	}
	f.server.LimitMemory()
	required, _ := algo.Required() // the server says what is not understood
	log.Info("starting", "version", buildInfo().Version, "keys", keys.Len(), "upstream", f.route.Upstream, "replay_guard", f.replayGuard, "window", f.window.String(),
		"schemes", f.schemeNames(), "query_form", f.queryForm, "no_strip_environment", f.keepEnvironment, "accept_any_date", f.anyDate, "decode_slash", f.decodeSlash, "max_body", f.route.MaxBody, "max_buffered", f.server.MaxBuffered, "max_buffered_disk", f.server.MaxBufferedOnDisk,
		"max_connections", f.server.MaxConnections, "forward_signed", f.route.ForwardSigned, "allow_upgrade", f.route.AllowUpgrade,
		"trusted_proxies", fmt.Sprint(f.config.TrustedProxies), "trust_unix", f.config.TrustUnix, "preserve_host", f.route.PreserveHost, "backend", f.backend, "required", required, "secret_bits", requiredSecretBits(),
		"self_test_interval", f.server.SelfTestInterval.String(), "resign", f.route.Resign != nil, "explain", f.explain)
	defer f.server.Notify()()
	return f.server.Serve(context.Background(), handler, nil)
}

// schemeNames are the schemes that are accepted.
func (f *serveFlags) schemeNames() (names []string) {
	for _, s := range f.schemes {
		names = append(names, s.Name())
	}
	if f.schemes == nil {
		return schemeNames()
	}
	return names
}

// requiredSecretBits is what the environment demands of secrets, which nothing else
// in this command does.
func requiredSecretBits() int {
	bits, _ := strconv.Atoi(os.Getenv(algo.RequireSecretBitsEnv))
	return bits
}

func newServeFlags() *serveFlags {
	f := &serveFlags{config: new(proxy.Config), route: proxy.NewRoute(""), server: new(proxy.Server)}
	f.config.Routes, f.server.Proxy = []*proxy.Route{f.route}, f.config
	return f
}

func (f *serveFlags) addTo(fs *pflag.FlagSet) {
	config, route, server := f.config, f.route, f.server
	fs.StringVar(&f.keysFile, "keys", "", "keys `FILE`, as for verify; followed when it changes")
	fs.StringVar(&server.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on, or unix: and the path of a socket (mode 0660)")
	fs.StringVar(&route.Upstream, "upstream", "", "`URL` that accepted requests go to, or unix: and the path of its socket")
	fs.StringVar(&server.Admin, "admin", "", "`ADDRESS` of a listener of its own for /metrics (Prometheus), /healthz and /readyz, in the forms of --listen")
	fs.BoolVar(&server.Pprof, "pprof", false, "profiles of Go's runtime under /debug/pprof/ of the admin address")
	fs.StringVar(&server.TLSCert, "tls-cert", "", "certificate `FILE` (PEM), for HTTPS and HTTP/2; followed when it changes")
	fs.StringVar(&server.TLSKey, "tls-key", "", "its private key's `FILE` (PEM); followed too")
	durationVar(fs, &server.Timeout, "timeout", "", 5*time.Minute, "`TIME` for reading a request, for writing its answer, and without a byte through a tunnel")
	durationVar(fs, &route.UpstreamTimeout, "upstream-timeout", "", time.Minute, "`TIME` to wait for the upstream's answer")
	durationVar(fs, &server.Drain, "drain", "", 5*time.Second, "`TIME` that requests are still accepted after SIGTERM, with /readyz failing")
	durationVar(fs, &server.SelfTestInterval, "self-test-interval", "", 0, "how often the backends in use compute their known answers anew, which brings one back that failed: `TIME`, 1s or more; 0 is never")
	countVar(fs, &server.MaxConnections, "max-connections", 1024, "`N` connections of clients are open at a time; more wait")
	sizeVar(fs, &route.MaxBody, "max-body", hmacsign.DefaultMaxBody, "`BYTES` of body that are accepted; more is answered with 413")
	sizeVar(fs, &server.MaxBuffered, "max-buffered", hmacsign.DefaultMaxBuffered, "`BYTES` of memory that all requests together may hold; more is answered with 503")
	sizeVar(fs, &server.MaxBufferedOnDisk, "max-buffered-disk", hmacsign.DefaultMaxBufferedOnDisk, "`BYTES` of temporary files that bodies may wait in, all together")
	fs.Func("schemes", "`NAMES` of the schemes to accept, separated by commas; without it all: tencent-app, tencent-keypair, huawei-sdk", f.parseSchemes)
	countVar(fs, &f.replayGuard, "replay-guard", 0, "refuse repeated requests, with room for `N` within twice the window; 0 is off")
	fs.BoolVar(&f.explain, "explain", false, "log why a signature does not match; for finding mistakes, not for an open server")
	fs.StringVar(&route.IdentityHeader, "identity-header", route.IdentityHeader, "`NAME` of the header that tells the upstream the key id")
	fs.Func("forward", "which headers go to the upstream, `all|signed`; signed: those and what the body needs; without it all", oneOf(map[string]func(){
		"all": func() {}, "signed": func() { route.ForwardSigned = true }}))
	fs.Func("allow-upgrade", "the protocol that connections may switch to: `websocket`; without it none", oneOf(map[string]func(){
		"websocket": func() { route.AllowUpgrade = "websocket" }}))
	fs.Func("trusted-proxies", "addresses and `CIDR,CIDR` blocks of proxies, or unix for those at a unix socket, whose X-Forwarded headers and request ids are believed", func(list string) error {
		return config.ParseTrusted(strings.Split(list, ",")...)
	})
	fs.BoolVar(&route.PreserveHost, "preserve-host", false, "the upstream gets the client's Host, not its own")
	fs.Func("log-level", "the least that is logged: `debug|info|warn|error`; without it info", oneOf(map[string]func(){
		"debug": func() { f.level.Set(slog.LevelDebug) }, "info": func() {},
		"warn": func() { f.level.Set(slog.LevelWarn) }, "error": func() { f.level.Set(slog.LevelError) }}))
	fs.StringVar(&f.keyID, "resign-key-id", "", "sign requests to the upstream as huawei-sdk with this key `ID`")
	fs.StringVar(&f.secretEnv, "resign-secret-env", "HMACSIGN_RESIGN_SECRET", "`NAME` of the environment variable with its secret")
	fs.StringVar(&f.secretFile, "resign-secret-file", "", "`PATH` of a file with its secret")
	fs.StringVar(&f.algorithm, "resign-algorithm", "hmac-sha256", "`NAME`: hmac-sha256 or hmac-sm3")
	f.add(fs)
	f.given = strictflag.Make(fs)
}

// oneOf is a flag that has one of these values.
func oneOf(values map[string]func()) func(string) error {
	return func(text string) error {
		set, ok := values[text]
		if !ok {
			return fmt.Errorf("use %s", strings.Join(slices.Sorted(maps.Keys(values)), ", "))
		}
		set()
		return nil
	}
}

func (f *serveFlags) parseSchemes(names string) error {
	for name := range strings.SplitSeq(names, ",") {
		scheme, err := hmacsign.SchemeByName(name)
		if err != nil {
			return err
		}
		f.schemes = append(f.schemes, scheme)
	}
	return nil
}

// check finds values that are wrong by themselves or beside each other.
func (f *serveFlags) check() error {
	switch {
	case f.keysFile == "":
		return errors.New("name the keys file with --keys")
	case f.window <= 0:
		return errors.New("--window: use more than 0")
	case f.replayGuard < 0 || f.replayGuard > proxy.MaxReplayGuard:
		return fmt.Errorf("--replay-guard: use 1 to %d, or 0 to have none", proxy.MaxReplayGuard)
	case f.keyID == "" && (f.given["resign-secret-env"] || f.given["resign-secret-file"] || f.given["resign-algorithm"]):
		return errors.New("to sign for the upstream name a key with --resign-key-id")
	}
	return cmp.Or(f.server.Check(), f.route.Check(f.server))
}

// verifier gives the proxy what it verifies and signs with, all within one
// budget.
func (f *serveFlags) verifier() error {
	var err error
	if f.config.Budget, err = hmacsign.NewBudget(f.server.MaxBuffered, f.server.MaxBufferedOnDisk); err != nil {
		return usageError{err}
	}
	if f.route.Options, err = f.options(); err != nil {
		return err
	}
	if f.explain {
		f.route.Options = append(f.route.Options, hmacsign.WithExplanations())
	}
	if f.replayGuard > 0 {
		if f.config.Replays, err = hmacsign.NewMemoryReplayStore(f.replayGuard); err != nil {
			return usageError{err}
		}
	}
	f.config.TunnelTimeout = f.server.Timeout
	f.server.Backend, f.server.AnswerTimeout = f.backend, f.server.Timeout+f.route.UpstreamTimeout
	if f.keyID != "" {
		f.route.Resign, err = f.signer()
	}
	return err
}

func (f *serveFlags) signer() (*hmacsign.Signer, error) {
	cred := hmacsign.Credential{KeyID: f.keyID, Secret: hmacsign.Secret(os.Getenv(f.secretEnv))}
	if f.secretFile != "" {
		var err error
		if cred.Secret, err = hmacsign.ReadSecretFile(f.secretFile); err != nil {
			return nil, err
		}
	}
	if cred.Secret.Reveal() == "" {
		return nil, usagef("serve: no secret to sign for the upstream: set %s or give --resign-secret-file", f.secretEnv)
	}
	signer, err := f.config.Resigner(f.route, f.algorithm, cred)
	if err != nil {
		return nil, usagef("serve: --resign-...: %w", err)
	}
	return signer, nil
}
