package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
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
	data := s.newHTTPData(handler)
	if s.TLSCert != "" {
		var err error
		if data.certificate, err = openCertificate(s.TLSCert, s.TLSKey, s.Log); err != nil {
			return err
		}
		data.server.TLSConfig = &tls.Config{GetCertificate: data.certificate.get, MinVersion: tls.VersionTLS12}
	}
	return s.ServeData(ctx, data, ready)
}

// Data is what serves the data port. It may have a method Reload() for files to be
// read again, and a method Ready(error) that is told once a second why no more should
// be sent here, or nil.
type Data interface {
	Serve(net.Listener) error       // until it is shut down or closed, and then any error
	Shutdown(context.Context) error // finishes what is in hand
	Close() error                   // breaks it off
}

// ServeData is Serve for what is not net/http's.
func (s *Server) ServeData(ctx context.Context, data Data, ready func(addr, adminAddr string)) error {
	r := &running{Server: s, data: data, failed: make(chan error, 2)}
	if s.Proxy == nil {
		s.Proxy = new(Config)
	}
	if s.Proxy.backends == nil {
		s.Proxy.backends = newBackendWatch(s.Log)
	}
	r.watch = s.Proxy.backends
	addr, adminAddr, err := r.start()
	defer r.close()
	if err != nil {
		return err
	}
	if err := r.notReady(ctx); err != nil {
		s.Log.Error("requests cannot be verified as they should be: not ready", "error", err.Error())
	}
	s.Log.Info("listening", "address", addr, "admin", adminAddr, "tls", s.TLSCert != "")
	if ready != nil {
		ready(addr, adminAddr)
	}
	end := make(chan struct{})
	defer close(end)
	if s.SelfTestInterval > 0 {
		go r.testBackends(end)
	}
	if told, ok := data.(interface{ Ready(error) }); ok {
		r.tell = told.Ready
		go r.tellReadiness(end)
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
	data        Data
	tell        func(notReady error) // or nil
	admin       *http.Server
	failed      chan error // of a listener
	ending      atomic.Bool
	draining    atomic.Bool
	connections atomic.Int64
	watch       *backendWatch
	askMu       sync.Mutex
	asking      *asking // of the backends, while it lasts
}

// start opens the listeners and serves them.
func (r *running) start() (addr, adminAddr string, err error) {
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
	go r.run(func() error { return r.data.Serve(l) })
	return addr, adminAddr, nil
}

// httpData serves a handler of net/http's.
type httpData struct {
	server      *http.Server
	handler     http.Handler
	certificate *certificateFiles // or nil
	inHand      sync.WaitGroup    // requests, and the tunnels that they became
}

func (s *Server) newHTTPData(handler http.Handler) *httpData {
	d := &httpData{handler: handler}
	d.server = s.httpServer(d)
	d.server.ReadTimeout, d.server.WriteTimeout, d.server.IdleTimeout = s.Timeout, s.AnswerTimeout, 2*time.Minute
	return d
}

func (d *httpData) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d.inHand.Add(1)
	defer d.inHand.Done()
	d.handler.ServeHTTP(w, req)
}

func (d *httpData) Serve(l net.Listener) error {
	if d.certificate != nil {
		return d.server.ServeTLS(l, "", "")
	}
	return d.server.Serve(l)
}

// Shutdown ends tunnels, which have no end of their own, once no request can open
// another.
func (d *httpData) Shutdown(ctx context.Context) error {
	if err := d.server.Shutdown(ctx); err != nil {
		return err
	}
	if tunnels, ok := d.handler.(interface{ CloseTunnels() }); ok {
		tunnels.CloseTunnels()
	}
	d.inHand.Wait()
	return nil
}

func (d *httpData) Close() error { return d.server.Close() }

func (d *httpData) Reload() {
	if d.certificate != nil {
		d.certificate.reload()
	}
}

func (r *Server) httpServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, DisableGeneralOptionsHandler: true, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxReceived, MaxReceiveBufferPerStream: maxReceived / 2}, ErrorLog: slog.NewLogLogger(serverLog{r.Log.Handler()}, slog.LevelDebug)}
}

func (r *running) run(serve func() error) {
	if err := serve(); !r.ending.Load() {
		r.failed <- err
	}
}

// readyInterval is how often it is told whether it is ready.
const readyInterval = time.Second

// tellReadiness tells whether it is ready, at once and then every so often.
func (r *running) tellReadiness(end <-chan struct{}) {
	for ticker := time.NewTicker(readyInterval); ; {
		r.tell(r.notReady(context.Background()))
		select {
		case <-ticker.C:
		case <-end:
			ticker.Stop()
			return
		}
	}
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
	if r.tell != nil {
		r.tell(r.notReady(ctx))
	}
	defer cancel()
	return r.brokenOff(r.wait(ctx))
}

// shutdown closes the listener and lets the requests in hand finish.
func (r *running) shutdown() error {
	r.Log.Info("shutting down: the listener is closed, requests in hand are finished")
	r.ending.Store(true)
	limit, cancelLimit := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancelLimit()
	finished, finish := context.WithCancel(limit)
	go func() {
		defer finish()
		r.data.Shutdown(limit)
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
	r.ending.Store(true)
	r.data.Close()
	if r.admin != nil {
		r.admin.Close()
	}
}

// reload reads the keys and the certificate again.
func (r *running) reload() {
	r.Log.Info("told to read keys and certificate again")
	if keys, ok := r.Proxy.Keys.(interface {
		keyCounts
		Reload() error
	}); ok {
		logKeys(r.Log, keys, keys.Reload())
	}
	if files, ok := r.data.(interface{ Reload() }); ok {
		files.Reload()
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
