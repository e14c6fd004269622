package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

// resignFlags sign the request anew for the upstream, in the format of the
// gateway's backend signature.
type resignFlags struct{ keyID, secretEnv, secretFile, algorithm string }

func runServe(c *command, args []string, io *streams) error {
	log := slog.New(slog.NewJSONHandler(io.err, nil))
	fs := new(flag.FlagSet)
	config, server := proxy.Defaults(""), &proxy.Server{Log: log}
	config.Log = log
	var keysFile, schemes string
	var replayGuard int
	var explain bool
	var verifier verifierFlags
	var resign resignFlags
	fs.StringVar(&keysFile, "keys", "", "keys `FILE`, as for verify; followed when it changes")
	fs.StringVar(&server.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on")
	fs.StringVar(&config.Upstream, "upstream", "", "`URL` that accepted requests go to")
	fs.StringVar(&server.Admin, "admin", "", "`ADDRESS` of a listener of its own for /metrics (Prometheus) and /healthz")
	fs.StringVar(&server.TLSCert, "tls-cert", "", "certificate `FILE` (PEM), for HTTPS and HTTP/2")
	fs.StringVar(&server.TLSKey, "tls-key", "", "its private key's `FILE` (PEM)")
	fs.DurationVar(&server.Timeout, "timeout", 5*time.Minute, "`TIME` for reading a request, and for writing its answer")
	fs.DurationVar(&config.UpstreamTimeout, "upstream-timeout", time.Minute, "`TIME` to wait for the upstream's answer")
	fs.Int64Var(&config.MaxBody, "max-body", hmacsign.DefaultMaxBody, "`BYTES` of body that are accepted; more is answered with 413")
	fs.StringVar(&schemes, "schemes", "", "`NAMES` of the schemes to accept, separated by commas; without it all: "+schemeNames())
	fs.IntVar(&replayGuard, "replay-guard", 0, "refuse repeated requests, with room for `N` within twice the window; 0 is off")
	fs.BoolVar(&explain, "explain", false, "log why a signature does not match; for finding mistakes, not for an open server")
	fs.StringVar(&config.IdentityHeader, "identity-header", config.IdentityHeader, "`NAME` of the header that tells the upstream the key id")
	fs.StringVar(&resign.keyID, "resign-key-id", "", "sign requests to the upstream as huawei-sdk with this key `ID`")
	fs.StringVar(&resign.secretEnv, "resign-secret-env", "HMACSIGN_RESIGN_SECRET", "`NAME` of the environment variable with its secret")
	fs.StringVar(&resign.secretFile, "resign-secret-file", "", "`PATH` of a file with its secret")
	fs.StringVar(&resign.algorithm, "resign-algorithm", "hmac-sha256", "`NAME`: hmac-sha256 or hmac-sm3")
	verifier.add(fs)
	if _, err := c.parse(fs, args, io, 0); err != nil {
		return err
	}
	if (server.TLSCert == "") != (server.TLSKey == "") {
		return usagef("serve: --tls-cert and --tls-key go together")
	}
	if keysFile == "" {
		return usagef("serve: name the keys file with --keys")
	}
	opts, err := verifier.options()
	if err != nil {
		return err
	}
	if explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	if schemes != "" {
		var accepted []hmacsign.Scheme
		for name := range strings.SplitSeq(schemes, ",") {
			scheme, err := hmacsign.SchemeByName(name)
			if err != nil {
				return usageError{err}
			}
			accepted = append(accepted, scheme)
		}
		opts = append(opts, hmacsign.AcceptSchemes(accepted...))
	}
	if replayGuard > 0 {
		store, err := hmacsign.NewMemoryReplayStore(replayGuard)
		if err != nil {
			return usageError{err}
		}
		opts = append(opts, hmacsign.WithReplayGuard(store))
	}
	config.Options = opts
	if resign.keyID != "" {
		if config.Resign, err = resign.signer(config); err != nil {
			return err
		}
	}
	config.Keys, err = hmacsign.OpenKeys(keysFile, func(err error) {
		if err != nil {
			log.Error("the keys file has changed and cannot be used: the old keys stay", "error", err.Error())
		} else {
			log.Info("the keys file has changed: its keys are in use")
		}
	})
	if err != nil {
		return err
	}
	handler, err := proxy.New(config)
	if err != nil {
		return usagef("serve: %w", err)
	}
	server.AnswerTimeout = server.Timeout + config.UpstreamTimeout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return server.Serve(ctx, handler, nil)
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
	return hmacsign.NewSigner(hmacsign.HuaweiSDK, r.algorithm, cred, hmacsign.WithMaxBody(config.MaxBody), hmacsign.WithSignedHeaders(config.IdentityHeader))
}
