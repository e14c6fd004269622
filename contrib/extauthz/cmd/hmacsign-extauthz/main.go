// Command hmacsign-extauthz is Envoy's ext_authz service: Envoy asks it of each request,
// and it says whether the request is signed.
//
//	hmacsign-extauthz --keys keys.json --listen unix:/run/hmacsign/extauthz.sock
//
// It logs one line of JSON a request to standard error. SIGHUP has it read the keys
// again, which it also does when their file changes; SIGTERM ends it: the health service
// says so first, calls are still answered for the time of --drain, and those in hand are
// finished. A second one ends it at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	_ "github.com/gmhmac/hmacsign/algo/sm3cgo"     // where the build is tagged for it
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl" // likewise
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
	"github.com/gmhmac/hmacsign/internal/strictflag"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, nil, nil))
}

// run is main with the exit status returned: 0 done, 1 failed, 2 wrong usage. If ready is
// not nil it gets the addresses of the two listeners once they are open.
func run(ctx context.Context, args []string, out, log io.Writer, signals <-chan os.Signal, ready func(addr, admin string)) int {
	c := new(config)
	err := c.parse(args, out)
	if err == nil {
		err = serve(ctx, c, slog.New(slog.NewJSONHandler(log, nil)), signals, ready)
	}
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(log, "hmacsign-extauthz: "+strings.ReplaceAll(strings.TrimPrefix(err.Error(), "hmacsign: "), "\n", " "))
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

// usageError is for exit status 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// config is what the flags say.
type config struct {
	server                 proxy.Server
	keys                   string
	schemes                []hmacsign.Scheme // nil is all
	window                 time.Duration
	required               []string // headers that must be signed
	replayGuard            int
	redis                  string
	maxBody                int64
	clientCA               string
	explain, keepForwarded bool
	acceptUnsaidLength     bool
}

// redisEnv has the URL of a Redis that asks for a password: the arguments of a process
// are no place for it.
const redisEnv = "HMACSIGN_REDIS_URL"

func (c *config) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("hmacsign-extauthz", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.keys, "keys", "", "keys `FILE` (JSON), followed when it changes")
	fs.StringVar(&c.server.Listen, "listen", "127.0.0.1:9191", "`ADDRESS` to listen on, or unix: and the path of a socket (mode 0660)")
	fs.StringVar(&c.server.Admin, "admin", "", "`ADDRESS` of a listener of its own for /metrics (Prometheus), /healthz and /readyz")
	fs.Func("schemes", "`NAMES` of the schemes to accept, separated by commas; without it all", c.parseSchemes)
	fs.DurationVar(&c.window, "window", hmacsign.DefaultWindow, "how far a request's date may be off, either way: `TIME`")
	fs.Func("require-header", "`NAMES` of headers that must be signed, separated by commas", func(names string) error {
		c.required = append(c.required, strings.Split(names, ",")...)
		return nil
	})
	fs.IntVar(&c.replayGuard, "replay-guard", 0, "refuse repeated requests, with room for `N` within twice the window; 0 is off")
	fs.StringVar(&c.redis, "redis", "", "refuse repeated requests, remembered in the Redis at this `URL`, for all that share it; one with a password belongs into "+redisEnv)
	fs.Int64Var(&c.maxBody, "max-body", hmacsign.DefaultMaxBody, "`BYTES` of body that are accepted; no less than Envoy's max_request_bytes")
	fs.Int64Var(&c.server.MaxBuffered, "max-buffered", hmacsign.DefaultMaxBuffered, "`BYTES` of memory that all requests together may hold; more is answered with 503")
	fs.StringVar(&c.server.TLSCert, "tls-cert", "", "certificate `FILE` (PEM); read anew for each connection")
	fs.StringVar(&c.server.TLSKey, "tls-key", "", "its private key's `FILE` (PEM)")
	fs.StringVar(&c.clientCA, "client-ca", "", "`FILE` (PEM) of the authorities whose certificates clients must have")
	fs.DurationVar(&c.server.Drain, "drain", 5*time.Second, "`TIME` that calls are still answered after SIGTERM, with the health service failing")
	fs.BoolVar(&c.explain, "explain", false, "log why a signature does not match; for finding mistakes, not for an open server")
	fs.BoolVar(&c.keepForwarded, "keep-forwarded", false, "pass on X-Real-Ip and X-Forwarded headers that Envoy does not set, of a proxy in front of it")
	fs.BoolVar(&c.acceptUnsaidLength, "accept-unsaid-length", false, "accept POST, PUT, PATCH and the like without a body that do not say Content-Length: 0; only where all of Envoy's routes have with_request_body")
	return fs
}

func (c *config) parse(args []string, out io.Writer) error {
	fs := c.flags()
	strictflag.Make(fs)
	err := fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(out, "Usage: hmacsign-extauthz --keys FILE [flags]")
		fs = new(config).flags()
		fs.SetOutput(out)
		fs.PrintDefaults()
		return err
	}
	if err != nil {
		return usageError{err}
	}
	if fs.NArg() > 0 {
		return usagef("%q: all is said with flags, see --help", fs.Arg(0))
	}
	if c.redis == "" {
		c.redis = os.Getenv(redisEnv)
	} else if u, err := url.Parse(c.redis); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return usagef("--redis: others see the arguments of a process: set %s to a URL with a password", redisEnv)
		}
	}
	return c.check()
}

func (c *config) parseSchemes(names string) error {
	for name := range strings.SplitSeq(names, ",") {
		scheme, err := hmacsign.SchemeByName(name)
		if err != nil {
			return err
		}
		c.schemes = append(c.schemes, scheme)
	}
	return nil
}

// maxMessage is what one call may have: the largest body, and the headers beside it.
func (c *config) maxMessage() int64 { return c.maxBody + hmacsign.MaxWireHeaderBytes + 64<<10 }

// check finds values that are wrong by themselves or beside each other.
func (c *config) check() error {
	s := &c.server
	s.Timeout, s.MaxConnections, s.MaxBufferedOnDisk = time.Minute, maxConnections, hmacsign.DefaultMaxBufferedOnDisk
	if err := s.Check(); err != nil {
		return usageError{err}
	}
	switch {
	case c.keys == "":
		return usagef("name the keys file with --keys")
	case c.window <= 0:
		return usagef("--window: use more than 0")
	case c.maxBody <= 0 || c.maxBody > 1<<30:
		return usagef("--max-body: use 1 to %d", 1<<30)
	case s.MaxBuffered < c.maxMessage():
		return usagef("--max-buffered: use %d or more, or the largest bodies would never pass", c.maxMessage())
	case c.replayGuard < 0 || c.replayGuard > proxy.MaxReplayGuard:
		return usagef("--replay-guard: use 1 to %d, or 0 to have none", proxy.MaxReplayGuard)
	case c.replayGuard > 0 && c.redis != "":
		return usagef("--replay-guard is the memory of this process alone: leave it out beside --redis and %s", redisEnv)
	case c.clientCA != "" && s.TLSCert == "":
		return usagef("--client-ca needs --tls-cert and --tls-key")
	}
	return nil
}

// verifier is what the flags ask for.
func (c *config) verifier(state *proxy.Config) (*hmacsign.Verifier, error) {
	opts := []hmacsign.VerifierOption{hmacsign.WithWindow(c.window), hmacsign.WithMaxBody(c.maxBody), hmacsign.WithBudget(state.Budget), hmacsign.RequireSignedHeaders(c.required...)}
	if c.schemes != nil {
		opts = append(opts, hmacsign.AcceptSchemes(c.schemes...))
	}
	if c.explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	if state.Replays != nil {
		opts = append(opts, hmacsign.WithReplayGuard(state.TimedReplays()))
	}
	v, err := hmacsign.NewVerifier(state.Keys, opts...)
	if err != nil {
		return nil, usageError{err}
	}
	return v, nil
}
