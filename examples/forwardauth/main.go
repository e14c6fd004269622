// Command forwardauth answers proxies that ask whether a request is signed: Traefik's
// forwardAuth, Caddy's forward_auth, APISIX's forward-auth, nginx's auth_request. README.md
// has their settings. It reads a keys file as hmacsign verify does, and follows it:
//
//	go run ./forwardauth -keys keys.json -listen 127.0.0.1:8080 -trusted-proxies 127.0.0.1 -body-forwarded
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, os.Args[1:], log, nil); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "forwardauth:", err)
		}
		os.Exit(1)
	}
}

// remembered is how many signatures of the last half hour are known again at most: what
// comes beyond is refused.
const remembered = 1_000_000

// run serves until ctx ends. If ready is not nil it gets the address.
func run(ctx context.Context, args []string, log *slog.Logger, ready func(net.Addr)) error {
	fs := flag.NewFlagSet("forwardauth", flag.ContinueOnError)
	keysFile := fs.String("keys", "", "keys `FILE`")
	listen := fs.String("listen", "127.0.0.1:8080", "`ADDRESS`, or unix:/path of a socket")
	trusted := fs.String("trusted-proxies", "", "addresses and `CIDR,CIDR` blocks of the proxies that ask, or unix for those at a unix socket")
	bodyForwarded := fs.Bool("body-forwarded", false, "the proxies send the whole body along; without it requests of schemes that sign bodies are refused")
	maxBody := fs.Int64("max-body", hmacsign.DefaultMaxBody, "`BYTES` of a body that are read")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0: // -body-forwarded false would be true
		return fmt.Errorf("%q: all is said with flags, a switch is set off by -name=false", fs.Arg(0))
	case *keysFile == "" || *trusted == "":
		return errors.New("name the keys file with -keys and who may ask with -trusted-proxies: addresses, blocks, or unix")
	}
	options, err := parseTrusted(*trusted)
	if err != nil {
		return err
	}
	options.BodyForwarded = *bodyForwarded
	keys, err := hmacsign.OpenKeys(*keysFile, func(err error) {
		if err != nil {
			log.Error("the keys file cannot be read, the keys before stay", "error", err.Error())
		}
	})
	if err != nil {
		return err
	}
	replays, err := hmacsign.NewMemoryReplayStore(remembered)
	if err != nil {
		return err
	}
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(replays), hmacsign.WithMaxBody(*maxBody), hmacsign.WithObserver(observer(log)))
	if err != nil {
		return err
	}
	handler, err := verifier.ForwardAuth(options)
	if err != nil {
		return err
	}
	return serve(ctx, *listen, handler, log, ready)
}

// parseTrusted reads addresses and blocks.
func parseTrusted(list string) (o hmacsign.ForwardAuthOptions, err error) {
	for text := range strings.SplitSeq(list, ",") {
		switch text = strings.TrimSpace(text); {
		case text == "unix":
			o.TrustUnix = true
			continue
		case !strings.Contains(text, "/"):
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return o, fmt.Errorf("-trusted-proxies %q: write a block as 10.0.0.0/8, an address as 10.0.0.1, peers at a unix socket as unix", text)
			}
			o.TrustedProxies = append(o.TrustedProxies, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		block, err := netip.ParsePrefix(text)
		if err != nil {
			return o, fmt.Errorf("-trusted-proxies %q: write a block as 10.0.0.0/8", text)
		}
		o.TrustedProxies = append(o.TrustedProxies, block)
	}
	return o, nil
}

// observer logs each verdict. A proxy that is not set up right is an error, which no
// client can mend.
func observer(log *slog.Logger) func(*http.Request, *hmacsign.Identity, *hmacsign.VerifyError) {
	return func(req *http.Request, id *hmacsign.Identity, refused *hmacsign.VerifyError) {
		if refused == nil {
			log.Info("accepted", "method", req.Method, "host", req.Host, "key_id", id.KeyID, "scheme", id.Scheme)
			return
		}
		level := slog.LevelInfo
		if errors.Is(refused, hmacsign.ErrUnavailable) || refused.DetailCode == "body_not_forwarded" {
			level = slog.LevelError
		}
		log.Log(req.Context(), level, "refused", "method", req.Method, "host", req.Host, "reason", refused.Code(), "key_id", refused.KeyID, "error", refused.Error())
	}
}

func serve(ctx context.Context, listen string, handler http.Handler, log *slog.Logger, ready func(net.Addr)) error {
	network, address := "tcp", listen
	if path, isSocket := strings.CutPrefix(listen, "unix:"); isSocket {
		network, address = "unix", path
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, DisableGeneralOptionsHandler: true}
	log.Info("listening", "address", l.Addr().String())
	if ready != nil {
		ready(l.Addr())
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return server.Shutdown(limit)
}
