package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// A Server is how a proxy is reached.
type Server struct {
	Listen          string // address
	Admin           string // address of a listener of its own for operators, or empty
	TLSCert, TLSKey string // files (PEM), or both empty
	Timeout         time.Duration
	AnswerTimeout   time.Duration
	Log             *slog.Logger
}

// Serve runs handler until ctx ends. If ready is not nil it gets the addresses
// of the two listeners once they are open.
func (s *Server) Serve(ctx context.Context, handler http.Handler, ready func(addr, adminAddr string)) error {
	log := s.Log
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: s.Timeout, WriteTimeout: s.AnswerTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	addr, adminAddr := listener.Addr().String(), ""
	if s.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return err
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	ended := make(chan error, 2)
	if s.Admin != "" {
		l, err := net.Listen("tcp", s.Admin)
		if err != nil {
			return err
		}
		adminAddr = l.Addr().String()
		mux := http.NewServeMux()
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { metrics.WritePrometheus(w, true) })
		mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
		admin := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
		go func() { ended <- admin.Serve(l) }()
		defer admin.Close()
	}
	go func() {
		if s.TLSCert != "" {
			ended <- server.ServeTLS(listener, "", "")
		} else {
			ended <- server.Serve(listener)
		}
	}()
	log.Info("listening", "address", addr, "admin", adminAddr, "tls", s.TLSCert != "")
	if ready != nil {
		ready(addr, adminAddr)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down, requests in hand are finished")
	shutdown, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return server.Shutdown(shutdown)
}
