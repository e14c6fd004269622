package redistest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy passes connections on to a server and delays what the client sends, so
// that each round trip takes so much longer; what is sent meanwhile is delayed by
// as much, not by the sum.
type Proxy struct {
	listener net.Listener
	target   string
	delay    atomic.Int64
	hold     atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

// NewProxy listens on a free port of 127.0.0.1 until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(p.close)
	go p.serve()
	return p
}

// Addr is where the proxy listens, URL the same as a redis:// URL.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is Addr as a redis:// URL.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// SetDelay delays what is sent from now on.
func (p *Proxy) SetDelay(d time.Duration) { p.delay.Store(int64(d)) }

// HoldAnswers keeps back what the server sends from now on, until it is told not
// to; what was held back when Cut comes never arrives.
func (p *Proxy) HoldAnswers(hold bool) { p.hold.Store(hold) }

// Cut closes all connections, in the middle of whatever they carry.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.Cut()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		if p.keep(client, server) {
			go p.forward(server, client, func() time.Duration { return time.Duration(p.delay.Load()) })
			go p.forward(client, server, p.held)
		}
	}
}

// keep notes connections to be cut.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.ended
}

// held is for so long that only Cut ends it.
func (p *Proxy) held() time.Duration {
	if p.hold.Load() {
		return time.Hour
	}
	return 0
}

// piece is something sent, and when it is due.
type piece struct {
	data []byte
	due  time.Time
}

func (p *Proxy) forward(to, from net.Conn, delay func() time.Duration) {
	pieces, cut := make(chan piece, 4096), make(chan struct{})
	go func() {
		defer to.Close()
		defer from.Close()
		for piece := range pieces {
			select {
			case <-time.After(time.Until(piece.due)):
			case <-cut:
				continue
			}
			if _, err := to.Write(piece.data); err != nil {
				break
			}
		}
		for range pieces { // until the reader has seen the end
		}
		p.mu.Lock()
		delete(p.conns, to)
		delete(p.conns, from)
		p.mu.Unlock()
	}()
	defer close(pieces)
	for {
		data := make([]byte, 16<<10)
		n, err := from.Read(data)
		if n > 0 {
			pieces <- piece{data[:n], time.Now().Add(delay())}
		}
		if err != nil {
			if err != io.EOF {
				close(cut)
			}
			return
		}
	}
}
