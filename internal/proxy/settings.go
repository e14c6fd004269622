package proxy

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/screen"
)

// Check finds values that are wrong by themselves or beside each other, in a server
// and what it serves. An error names settings as the flags of the command do.
func (s *Server) Check() error {
	for _, size := range []struct {
		flag  string
		value int64
	}{
		{"timeout", int64(s.Timeout)}, {"max-buffered", s.MaxBuffered}, {"max-buffered-disk", s.MaxBufferedOnDisk}, {"max-connections", int64(s.MaxConnections)},
	} {
		if size.value <= 0 {
			return moreThanZero(size.flag)
		}
	}
	switch {
	case s.Drain < 0:
		return errors.New("--drain: use 0 or more")
	case s.SelfTestInterval != 0 && s.SelfTestInterval < time.Second:
		return errors.New("--self-test-interval: use 1s or more, or 0 for none")
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case s.Pprof && s.Admin == "":
		return errors.New("--pprof needs an address: give it with --admin")
	}
	if err := checkAddress("listen", s.Listen); err != nil {
		return err
	}
	if s.Admin == "" {
		return nil
	}
	return checkAddress("admin", s.Admin)
}

// Check is the like for a route of a server.
func (r *Route) Check(s *Server) error {
	switch {
	case r.Upstream == "":
		return errors.New("name the upstream with --upstream")
	case r.UpstreamTimeout <= 0:
		return moreThanZero("upstream-timeout")
	case r.MaxBody <= 0:
		return moreThanZero("max-body")
	case r.MaxBody > s.MaxBufferedOnDisk:
		return errors.New("--max-body is larger than --max-buffered-disk, so the largest bodies would never pass: lower it or raise that")
	}
	if err := screen.CheckIdentityHeader(r.IdentityHeader); err != nil {
		return fmt.Errorf("--identity-header %w", err)
	}
	return r.check()
}

func moreThanZero(flag string) error { return fmt.Errorf("--%s: use more than 0", flag) }

func checkAddress(flag, address string) error {
	path, isSocket := strings.CutPrefix(address, "unix:")
	if _, _, err := net.SplitHostPort(address); isSocket && path != "" || !isSocket && err == nil {
		return nil
	}
	return fmt.Errorf("--%s %q: write 127.0.0.1:8080, :8080, or unix: and the path of a socket", flag, address)
}

// ParseTrusted adds the addresses and blocks of trusted proxies in a list, or
// "unix" for those at a unix socket.
func (c *Config) ParseTrusted(list ...string) error {
	for _, text := range list {
		if text == "unix" {
			c.TrustUnix = true
			continue
		}
		block, err := parseBlock(text)
		if err != nil {
			return fmt.Errorf("%q: write a block as 10.0.0.0/8, an address as 10.0.0.1, peers at a unix socket as unix", text)
		}
		c.TrustedProxies = append(c.TrustedProxies, block)
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

// MaxReplayGuard keeps the memory of a replay guard, set aside at the start, within
// what machines have.
const MaxReplayGuard = 100_000_000

// Resigner signs the requests of a route to its upstream, in the format of the
// gateway's backend signature.
func (c *Config) Resigner(r *Route, algorithm string, cred hmacsign.Credential) (*hmacsign.Signer, error) {
	opts := []hmacsign.SignerOption{hmacsign.WithMaxBody(r.MaxBody), hmacsign.WithSignedHeaders(r.IdentityHeader)}
	if c.Budget != nil {
		opts = append(opts, hmacsign.WithBudget(c.Budget))
	}
	return hmacsign.NewSigner(hmacsign.HuaweiSDK, algorithm, cred, opts...)
}

// memoryBeside is for what a proxy holds beside its keys, its replay guard and
// what requests buffer: connections, and garbage not yet collected.
const memoryBeside = 28 << 20

// gcPercent is how much more than is held may be garbage, as long as the memory limit
// is far. A proxy holds little and makes much: with Go's own 100 it would collect each
// time that a few megabytes were made.
const gcPercent = 400

// LimitMemory makes the collector keep to what requests may buffer and what is
// held anyway, which is what is in use now, and below that run seldom, unless
// GOMEMLIMIT or GOGC says otherwise.
func (s *Server) LimitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	room := memoryBeside + int64(m.HeapAlloc)
	if s.MaxBuffered >= math.MaxInt64-room {
		return
	}
	debug.SetMemoryLimit(s.MaxBuffered + room)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// Notify makes the process's signals the server's, until the function that it
// returns is called.
func (s *Server) Notify() (stop func()) {
	signals, reloads := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reloads, syscall.SIGHUP)
	s.Signals, s.Reloads = signals, reloads
	return func() { signal.Stop(signals); signal.Stop(reloads) }
}
