package proxy

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/internal/watch"
)

// certificateFiles follows the files of a certificate and its key as
// [hmacsign.FileKeys] follows keys: a handshake that comes a second or more
// after the last look reads them again if they have changed. A new pair with a
// fault changes nothing.
type certificateFiles struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time
	turn              watch.Turn
	pair              atomic.Pointer[tls.Certificate]

	mu    sync.Mutex // of reading
	files watch.Files
}

func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificateFiles, error) {
	c := &certificateFiles{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	c.turn.Taken(c.now())
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read reads the pair. Its files' states are taken before, so that a change in
// between is found by the next look.
func (c *certificateFiles) read() error {
	c.files = watch.Look(c.certFile, c.keyFile)
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair.Store(&pair)
	return nil
}

// get is for [tls.Config.GetCertificate].
func (c *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.turn.Due(c.now()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.files.Changed() {
			c.readAndLog()
		}
	}
	return c.pair.Load(), nil
}

// reload reads the pair now, whether it has changed or not.
func (c *certificateFiles) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn.Taken(c.now())
	c.readAndLog()
}

func (c *certificateFiles) readAndLog() {
	if err := c.read(); err != nil {
		c.log.Error("the certificate cannot be used as it is now: the old one stays", "error", err.Error())
	} else {
		c.log.Info("the certificate was read again and is in use", "not_after", c.pair.Load().Leaf.NotAfter)
	}
}
