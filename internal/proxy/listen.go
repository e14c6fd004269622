package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/netutil"
)

// socketMode lets a group reach a unix socket: the server's and its clients'.
const socketMode = 0o660

// listen opens an address, or the socket at the path behind "unix:". The
// socket's file goes when the listener is closed.
func listen(address string) (net.Listener, error) {
	path, isSocket := strings.CutPrefix(address, "unix:")
	if !isSocket {
		return net.Listen("tcp", address)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more, and nothing
// else: what else is in the way stays.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // nothing is there, or listening tells why not
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen unix %s: this file is no socket: remove it, or name another path", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("listen unix %s: another process listens there: end it, or name another path", path)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	return err
}

// addressOf is a listener's address in the form in which listen takes it.
func addressOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}

// limited lets so many connections be open at a time, any number if max is 0,
// and counts them. Those that are too many wait to be accepted.
func limited(l net.Listener, max int, open *atomic.Int64) net.Listener {
	if max > 0 {
		l = netutil.LimitListener(l, max)
	}
	return countingListener{l, open}
}

type countingListener struct {
	net.Listener
	open *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &countedConn{conn, sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
