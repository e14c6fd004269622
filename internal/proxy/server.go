package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Server is how a proxy is reached, and how it begins and ends.
type Server struct {
	Listen          string // address, or "unix:" and the path of a socket
	Admin           string // of a listener of its own for operators, in the same form; or empty
	Pprof           bool   // profiles on the admin listener
	TLSCert, TLSKey string // files (PEM), followed when they change; or both empty
	Timeout         time.Duration
	AnswerTimeout   time.Duration
	Drain           time.Duration // how long requests are still accepted after it was told to end
	MaxConnections  int           // that are open at a time; 0: any number

	// Signals tell it what to do: SIGHUP to read keys and certificate again, any
	// other to end, a second one of those to end at once.
	Signals <-chan os.Signal
	// Reloads tell it to read them again too. A program that gets signals has
	// SIGHUP here, so that many of them leave no signal to end without room.
	Reloads <-chan os.Signal

	// Backend is the one that was named for every MAC, or empty: no other is asked
	// or tested then. SelfTestInterval is how often the backends in use compute
	// their known answers anew; 0: never.
	Backend          string
	SelfTestInterval time.Duration

	// What is served, for readiness and the metrics: the proxy and the limits of its
	// budget, as far as it has them. Key and replay stores that can be out of reach
	// have a method Ready(context.Context) error.
	Proxy                          *Config
	MaxBuffered, MaxBufferedOnDisk int64

	Log *slog.Logger
}

const (
	maxHeaderBytes  = 64 << 10
	maxStreams      = 64        // of an HTTP/2 connection at a time
	maxReceived     = 128 << 10 // that an HTTP/2 connection holds before it is read, 64 KiB of them a stream's
	adminTimeout    = 10 * time.Second
	shutdownTimeout = 30 * time.Second // for the requests in hand
	echoTime        = 100 * time.Millisecond
)

// Serve runs handler until ctx ends or a signal says so. If ready is not nil it
// gets the addresses of the two listeners once they are open. An error means
// that it could not begin, or that requests in hand were broken off.
func (s *Server) Serve(ctx context.Context, handler http.Handler, ready func(addr, adminAddr string)) error {
	r := &running{Server: s, handler: handler, failed: make(chan error, 2)}
	if s.Proxy != nil {
		r.watch = s.Proxy.backends
	}
	if r.watch == nil {
		r.watch = newBackendWatch(s.Log)
	}
	addr, adminAddr, err := r.start()
	defer r.close()
	if err != nil {
		return err
	}
	if err := r.backendsAtStart(ctx); err != nil {
		s.Log.Error("requests cannot be verified as they should be: not ready", "error", err.Error())
	}
	s.Log.Info("listening", "address", addr, "admin", adminAddr, "tls", s.TLSCert != "")
	if ready != nil {
		ready(addr, adminAddr)
	}
	if s.SelfTestInterval > 0 {
		end := make(chan struct{})
		defer close(end)
		go r.testBackends(end)
	}
	if err := r.wait(ctx); err != nil && err != errToldToEnd {
		return err
	}
	if err := r.drain(); err != nil {
		return err
	}
	return r.shutdown()
}

// running is a server between its beginning and its end.
type running struct {
	*Server
	handler     http.Handler
	data, admin *http.Server
	certificate *certificateFiles
	failed      chan error // of a listener
	draining    atomic.Bool
	connections atomic.Int64
	inHand      sync.WaitGroup // requests, and the tunnels that they became
	watch       *backendWatch
	askMu       sync.Mutex
	asking      *asking // of the backends, while it lasts
}

// start opens the listeners and serves them.
func (r *running) start() (addr, adminAddr string, err error) {
	r.data = r.httpServer(http.HandlerFunc(r.serve))
	r.data.ReadTimeout, r.data.WriteTimeout, r.data.IdleTimeout = r.Timeout, r.AnswerTimeout, 2*time.Minute
	if r.TLSCert != "" {
		if r.certificate, err = openCertificate(r.TLSCert, r.TLSKey, r.Log); err != nil {
			return "", "", err
		}
		r.data.TLSConfig = &tls.Config{GetCertificate: r.certificate.get, MinVersion: tls.VersionTLS12}
	}
	r.admin = r.httpServer(r.operators())
	r.admin.ReadTimeout, r.admin.WriteTimeout = adminTimeout, adminTimeout
	l, err := listen(r.Listen)
	if err != nil {
		return "", "", err
	}
	if r.Admin != "" {
		adminListener, err := listen(r.Admin)
		if err != nil {
			l.Close()
			return "", "", err
		}
		adminAddr = addressOf(adminListener)
		go r.run(func() error { return r.admin.Serve(adminListener) })
	}
	addr, l = addressOf(l), limited(l, r.MaxConnections, &r.connections)
	go r.run(func() error {
		if r.certificate != nil {
			return r.data.ServeTLS(l, "", "")
		}
		return r.data.Serve(l)
	})
	return addr, adminAddr, nil
}

func (r *running) httpServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, DisableGeneralOptionsHandler: true, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxReceived, MaxReceiveBufferPerStream: maxReceived / 2}, ErrorLog: slog.NewLogLogger(serverLog{r.Log.Handler()}, slog.LevelDebug)}
}

func (r *running) run(serve func() error) {
	if err := serve(); err != http.ErrServerClosed {
		r.failed <- err
	}
}

func (r *running) serve(w http.ResponseWriter, req *http.Request) {
	r.inHand.Add(1)
	defer r.inHand.Done()
	r.handler.ServeHTTP(w, req)
}

var (
	errToldToEnd = errors.New("told to end")
	errBrokenOff = errors.New("ended at once by a second signal: requests in hand were broken off")
	errTooSlow   = errors.New("requests in hand took longer than " + shutdownTimeout.String() + " and were broken off")
)

// wait follows signals until ctx ends (nil), one says to end (errToldToEnd) or a
// listener fails.
func (r *running) wait(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return err
		case signal := <-r.Signals:
			if signal != syscall.SIGHUP {
				r.forgetEchoes()
				return errToldToEnd
			}
			r.reload()
		case <-r.Reloads:
			r.reload()
		}
	}
}

// forgetEchoes takes what comes with a signal for the same one: some supervisors
// signal a process and then its group.
func (r *running) forgetEchoes() {
	for echo := time.After(echoTime); ; {
		select {
		case <-r.Signals:
		case <-echo:
			return
		}
	}
}

// drain lets those who ask for readiness send their requests elsewhere, while
// all that still come are served.
func (r *running) drain() error {
	r.draining.Store(true)
	r.Log.Info("shutting down: not ready any more, requests are still served", "drain", r.Drain.String())
	ctx, cancel := context.WithTimeout(context.Background(), r.Drain)
	defer cancel()
	return r.brokenOff(r.wait(ctx))
}

// shutdown closes the listener, lets the requests in hand finish, and ends
// tunnels, which have no end of their own.
func (r *running) shutdown() error {
	r.Log.Info("shutting down: the listener is closed, requests in hand are finished")
	limit, cancelLimit := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancelLimit()
	finished, finish := context.WithCancel(limit)
	go func() {
		defer finish()
		if r.data.Shutdown(limit) != nil {
			return
		}
		if tunnels, ok := r.handler.(interface{ CloseTunnels() }); ok {
			tunnels.CloseTunnels()
		}
		r.inHand.Wait()
	}()
	if err := r.brokenOff(r.wait(finished)); err != nil {
		return err
	}
	if limit.Err() != nil {
		return errTooSlow
	}
	r.Log.Info("shut down")
	return nil
}

func (r *running) brokenOff(err error) error {
	if err == errToldToEnd {
		return errBrokenOff
	}
	return err
}

// close ends what is left.
func (r *running) close() {
	for _, server := range []*http.Server{r.data, r.admin} {
		if server != nil {
			server.Close()
		}
	}
}

// reload reads the keys and the certificate again.
func (r *running) reload() {
	r.Log.Info("told to read keys and certificate again")
	if r.Proxy != nil {
		if keys, ok := r.Proxy.Keys.(interface {
			keyCounts
			Reload() error
		}); ok {
			logKeys(r.Log, keys, keys.Reload())
		}
	}
	if r.certificate != nil {
		r.certificate.reload()
	}
}

// serverLog gives what net/http says its level: what strangers cause is for
// debugging, the rest is an error.
type serverLog struct{ slog.Handler }

func (l serverLog) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.Handler.Enabled(ctx, slog.LevelError)
}

func (l serverLog) Handle(ctx context.Context, record slog.Record) error {
	for _, ours := range []string{"http: panic serving ", "http2: panic serving ", "http: Accept error"} {
		if strings.HasPrefix(record.Message, ours) {
			record.Level = slog.LevelError
		}
	}
	if !l.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, record)
}
