package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

// serveFlags are those of serve: most are fields of the proxy and of its server.
type serveFlags struct {
	verifierFlags
	resignFlags
	config      *proxy.Config
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

func runServe(c *command, args []string, io *streams) error {
	f, fs := newServeFlags()
	if _, err := c.parse(fs, args, io, 0); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return usagef("serve: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(io.err, &slog.HandlerOptions{Level: &f.level}))
	f.config.Log, f.server.Log, f.server.Proxy = log, log, f.config
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
	limitMemory(f.server.MaxBuffered)
	required, _ := algo.Required() // the server says what is not understood
	log.Info("starting", "version", buildInfo().Version, "keys", keys.Len(), "upstream", f.config.Upstream, "replay_guard", f.replayGuard, "window", f.window.String(),
		"query_form", f.queryForm, "no_strip_environment", f.keepEnvironment, "accept_any_date", f.anyDate, "decode_slash", f.decodeSlash, "max_body", f.config.MaxBody, "max_buffered", f.server.MaxBuffered, "max_buffered_disk", f.server.MaxBufferedOnDisk,
		"max_connections", f.server.MaxConnections, "forward_signed", f.config.ForwardSigned, "allow_upgrade", f.config.AllowUpgrade,
		"trusted_proxies", fmt.Sprint(f.config.TrustedProxies), "trust_unix", f.config.TrustUnix, "preserve_host", f.config.PreserveHost, "backend", f.backend, "required", required, "secret_bits", requiredSecretBits(),
		"self_test_interval", f.server.SelfTestInterval.String(), "resign", f.config.Resign != nil, "explain", f.explain)
	signals, reloads := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(signals)
	defer signal.Stop(reloads)
	f.server.Signals, f.server.Reloads = signals, reloads
	return f.server.Serve(context.Background(), handler, nil)
}

// requiredSecretBits is what the environment demands of secrets, which nothing else
// in this command does.
func requiredSecretBits() int {
	bits, _ := strconv.Atoi(os.Getenv(algo.RequireSecretBitsEnv))
	return bits
}

func newServeFlags() (*serveFlags, *flag.FlagSet) {
	f, fs := &serveFlags{config: proxy.Defaults(""), server: new(proxy.Server), given: map[string]bool{}}, new(flag.FlagSet)
	config, server := f.config, f.server
	fs.StringVar(&f.keysFile, "keys", "", "keys `FILE`, as for verify; followed when it changes")
	fs.StringVar(&server.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on, or unix: and the path of a socket (mode 0660)")
	fs.StringVar(&config.Upstream, "upstream", "", "`URL` that accepted requests go to, or unix: and the path of its socket")
	fs.StringVar(&server.Admin, "admin", "", "`ADDRESS` of a listener of its own for /metrics (Prometheus), /healthz and /readyz, in the forms of --listen")
	fs.BoolVar(&server.Pprof, "pprof", false, "profiles of Go's runtime under /debug/pprof/ of the admin address")
	fs.StringVar(&server.TLSCert, "tls-cert", "", "certificate `FILE` (PEM), for HTTPS and HTTP/2; followed when it changes")
	fs.StringVar(&server.TLSKey, "tls-key", "", "its private key's `FILE` (PEM); followed too")
	fs.DurationVar(&server.Timeout, "timeout", 5*time.Minute, "`TIME` for reading a request, for writing its answer, and without a byte through a tunnel")
	fs.DurationVar(&config.UpstreamTimeout, "upstream-timeout", time.Minute, "`TIME` to wait for the upstream's answer")
	fs.DurationVar(&server.Drain, "drain", 5*time.Second, "`TIME` that requests are still accepted after SIGTERM, with /readyz failing")
	fs.DurationVar(&server.SelfTestInterval, "self-test-interval", 0, "how often the backends in use compute their known answers anew, which brings one back that failed: `TIME`, 1s or more; 0 is never")
	fs.IntVar(&server.MaxConnections, "max-connections", 1024, "`N` connections of clients are open at a time; more wait")
	fs.Int64Var(&config.MaxBody, "max-body", hmacsign.DefaultMaxBody, "`BYTES` of body that are accepted; more is answered with 413")
	fs.Int64Var(&server.MaxBuffered, "max-buffered", hmacsign.DefaultMaxBuffered, "`BYTES` of memory that all requests together may hold; more is answered with 503")
	fs.Int64Var(&server.MaxBufferedOnDisk, "max-buffered-disk", hmacsign.DefaultMaxBufferedOnDisk, "`BYTES` of temporary files that bodies may wait in, all together")
	fs.Func("schemes", "`NAMES` of the schemes to accept, separated by commas; without it all: "+schemeNames(), f.parseSchemes)
	fs.IntVar(&f.replayGuard, "replay-guard", 0, "refuse repeated requests, with room for `N` within twice the window; 0 is off")
	fs.BoolVar(&f.explain, "explain", false, "log why a signature does not match; for finding mistakes, not for an open server")
	fs.StringVar(&config.IdentityHeader, "identity-header", config.IdentityHeader, "`NAME` of the header that tells the upstream the key id")
	fs.Func("forward", "which headers go to the upstream, `all|signed`; signed: those and what the body needs; without it all", oneOf(map[string]func(){
		"all": func() {}, "signed": func() { config.ForwardSigned = true }}))
	fs.Func("allow-upgrade", "the protocol that connections may switch to: `websocket`; without it none", oneOf(map[string]func(){
		"websocket": func() { config.AllowUpgrade = "websocket" }}))
	fs.Func("trusted-proxies", "addresses and `CIDR,CIDR` blocks of proxies, or unix for those at a unix socket, whose X-Forwarded headers and request ids are believed", f.parseTrusted)
	fs.BoolVar(&config.PreserveHost, "preserve-host", false, "the upstream gets the client's Host, not its own")
	fs.Func("log-level", "the least that is logged: `debug|info|warn|error`; without it info", oneOf(map[string]func(){
		"debug": func() { f.level.Set(slog.LevelDebug) }, "info": func() {},
		"warn": func() { f.level.Set(slog.LevelWarn) }, "error": func() { f.level.Set(slog.LevelError) }}))
	fs.StringVar(&f.keyID, "resign-key-id", "", "sign requests to the upstream as huawei-sdk with this key `ID`")
	fs.StringVar(&f.secretEnv, "resign-secret-env", "HMACSIGN_RESIGN_SECRET", "`NAME` of the environment variable with its secret")
	fs.StringVar(&f.secretFile, "resign-secret-file", "", "`PATH` of a file with its secret")
	fs.StringVar(&f.algorithm, "resign-algorithm", "hmac-sha256", "`NAME`: hmac-sha256 or hmac-sm3")
	f.add(fs)
	fs.VisitAll(func(flag *flag.Flag) {
		flag.Value = &once{Value: flag.Value, given: func() bool { was := f.given[flag.Name]; f.given[flag.Name] = true; return was }}
	})
	return f, fs
}

// once is a flag that may be given once, and not as an empty text, which is what
// an unset variable of a start script leaves of it: neither must turn anything
// off unnoticed.
type once struct {
	flag.Value
	given func() bool // whether it was before
}

func (o *once) Set(text string) error {
	if text == "" {
		return errors.New("it is empty: give it a value, or leave the flag out")
	}
	if o.given() {
		return errors.New("the flag is there twice: give it once")
	}
	return o.Value.Set(text)
}

// IsBoolFlag makes flags without a value of those that were.
func (o *once) IsBoolFlag() bool {
	b, ok := o.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
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

func (f *serveFlags) parseTrusted(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		if text == "unix" {
			f.config.TrustUnix = true
			continue
		}
		block, err := parseBlock(text)
		if err != nil {
			return fmt.Errorf("%q: write a block as 10.0.0.0/8, an address as 10.0.0.1, peers at a unix socket as unix", text)
		}
		f.config.TrustedProxies = append(f.config.TrustedProxies, block)
	}
	return nil
}

// parseBlock reads a block of addresses, or an address as the block of itself.
// IPv4 in the form of IPv6, or an address with a zone, would match no peer.
func parseBlock(text string) (netip.Prefix, error) {
	address, _, isBlock := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(address)
	if err == nil && (addr.Is4In6() || addr.Zone() != "") {
		err = errors.New("no peer has this address")
	}
	if err != nil || !isBlock {
		return netip.PrefixFrom(addr, addr.BitLen()), err
	}
	block, err := netip.ParsePrefix(text)
	return block.Masked(), err
}

// maxReplayGuard keeps the guard's memory, set aside at the start, within what
// machines have.
const maxReplayGuard = 100_000_000

// check finds values that are wrong by themselves or beside each other.
func (f *serveFlags) check() error {
	s := f.server
	for _, size := range []struct {
		flag  string
		value int64
	}{
		{"timeout", int64(s.Timeout)}, {"upstream-timeout", int64(f.config.UpstreamTimeout)}, {"window", int64(f.window)},
		{"max-body", f.config.MaxBody}, {"max-buffered", s.MaxBuffered}, {"max-buffered-disk", s.MaxBufferedOnDisk}, {"max-connections", int64(s.MaxConnections)},
	} {
		if size.value <= 0 {
			return fmt.Errorf("--%s: use more than 0", size.flag)
		}
	}
	switch {
	case f.keysFile == "":
		return errors.New("name the keys file with --keys")
	case f.config.Upstream == "":
		return errors.New("name the upstream with --upstream")
	case s.Drain < 0:
		return errors.New("--drain: use 0 or more")
	case s.SelfTestInterval != 0 && s.SelfTestInterval < time.Second:
		return errors.New("--self-test-interval: use 1s or more, or 0 for none")
	case f.replayGuard < 0 || f.replayGuard > maxReplayGuard:
		return fmt.Errorf("--replay-guard: use 1 to %d, or 0 to have none", maxReplayGuard)
	case f.config.MaxBody > s.MaxBufferedOnDisk:
		return errors.New("--max-body is larger than --max-buffered-disk, so the largest bodies would never pass: lower it or raise that")
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case s.Pprof && s.Admin == "":
		return errors.New("--pprof needs an address: give it with --admin")
	case f.keyID == "" && (f.given["resign-secret-env"] || f.given["resign-secret-file"] || f.given["resign-algorithm"]):
		return errors.New("to sign for the upstream name a key with --resign-key-id")
	}
	return cmp.Or(checkAddress("listen", s.Listen), checkAddress("admin", s.Admin), checkIdentityHeader(f.config.IdentityHeader))
}

func checkAddress(flag, address string) error {
	path, isSocket := strings.CutPrefix(address, "unix:")
	if _, _, err := net.SplitHostPort(address); address == "" || isSocket && path != "" || !isSocket && err == nil {
		return nil
	}
	return fmt.Errorf("--%s %q: write 127.0.0.1:8080, :8080, or unix: and the path of a socket", flag, address)
}

// reservedHeaders are those that frame or route a message, say who sent it or
// sign it, or that the proxy writes itself.
var reservedHeaders = strings.Fields(`accept authorization connection content-encoding content-length content-md5 content-type cookie date expect
	forwarded host keep-alive proxy proxy-authorization proxy-connection te trailer transfer-encoding upgrade user-agent via x-date
	x-forwarded-for x-forwarded-host x-forwarded-proto x-request-id x-sdk-date`)

// checkIdentityHeader refuses a name that no header can have, or that has a
// meaning of its own, in any spelling that a server may take for it.
func checkIdentityHeader(name string) error {
	isOther := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}
	if strings.ContainsFunc(name, isOther) {
		return fmt.Errorf("--identity-header %q: this is no name of a header: use letters, digits and -", name)
	}
	folded := strings.Map(func(r rune) rune {
		if strings.ContainsRune("!#$%&'*+.^_`|~", r) {
			return '-'
		}
		return r
	}, strings.ToLower(name))
	if slices.Contains(reservedHeaders, folded) {
		return fmt.Errorf("--identity-header %s: this header has a meaning of its own: use another, such as %s", name, proxy.Defaults("").IdentityHeader)
	}
	return nil
}

// verifier gives the proxy what it verifies and signs with, all within one
// budget.
func (f *serveFlags) verifier() error {
	budget, err := hmacsign.NewBudget(f.server.MaxBuffered, f.server.MaxBufferedOnDisk)
	if err != nil {
		return usageError{err}
	}
	opts, err := f.options()
	if err != nil {
		return err
	}
	opts = append(opts, hmacsign.WithBudget(budget))
	if f.explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	if f.replayGuard > 0 {
		if f.server.Replays, err = hmacsign.NewMemoryReplayStore(f.replayGuard); err != nil {
			return usageError{err}
		}
		opts = append(opts, hmacsign.WithReplayGuard(f.server.Replays))
	}
	f.config.Options, f.config.Budget, f.config.TunnelTimeout = opts, budget, f.server.Timeout
	f.server.Backend, f.server.AnswerTimeout = f.backend, f.server.Timeout+f.config.UpstreamTimeout
	if f.keyID != "" {
		f.config.Resign, err = f.signer(f.config)
	}
	return err
}

func (r *resignFlags) signer(config *proxy.Config) (*hmacsign.Signer, error) {
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
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, r.algorithm, cred, hmacsign.WithMaxBody(config.MaxBody), hmacsign.WithBudget(config.Budget), hmacsign.WithSignedHeaders(config.IdentityHeader))
	if err != nil {
		return nil, usagef("serve: --resign-...: %w", err)
	}
	return signer, nil
}

// memoryBeside is for what a proxy holds beside its keys, its replay guard and
// what requests buffer: connections, and garbage not yet collected.
const memoryBeside = 28 << 20

// limitMemory makes the collector keep to what requests may buffer and what is
// held anyway, which is what is in use now, unless GOMEMLIMIT says otherwise.
func limitMemory(maxBuffered int64) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if room := memoryBeside + int64(m.HeapAlloc); maxBuffered < math.MaxInt64-room {
		debug.SetMemoryLimit(maxBuffered + room)
	}
}
