package redisreplay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// What comes from the other end of a connection is held against what Redis can
// answer before the driver reads it. The driver trusts lengths and the number of
// answers, and ends the process where they are wrong; something else that
// listens on Redis' port, or a fault on the way, must cost a connection and no
// more.
const (
	maxLine  = 64 << 10
	maxBulk  = 1 << 20
	maxParts = 1 << 16 // of an array
	maxDepth = 8
)

var (
	errNotRedis  = errors.New("what answers does not speak Redis' protocol: check the address")
	errUnasked   = errors.New("an answer came that nothing was asked for: check what stands between here and Redis")
	errTooLarge  = errors.New("an answer is larger than any that Redis gives: check the address")
	errPushed    = errors.New("a message came that nothing subscribed to: check what stands between here and Redis")
	crlf         = "\r\n"
	lengthOfType = map[byte]int64{'$': maxBulk, '!': maxBulk, '=': maxBulk, '*': maxParts, '~': maxParts, '%': maxParts / 2, '>': maxParts}
)

type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// checked is a function to dial with whose connections are checked. A connection
// that is being made outlives the request that asked for it: one that takes
// longer than a request may wait is there for the next one.
func checked(opt *rueidis.ClientOption) dialFunc {
	dial, subscribes := opt.DialCtxFn, opt.Sentinel.MasterSet != ""
	if old := opt.DialFn; dial == nil && old != nil {
		dial = func(_ context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
			return old(address, dialer, config)
		}
	}
	if dial == nil {
		dial = dialTCP
	}
	return func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		conn, err := dial(context.WithoutCancel(ctx), address, dialer, config)
		if err != nil {
			return nil, err
		}
		return &checkedConn{Conn: conn, subscribes: subscribes}, nil
	}
}

func dialTCP(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	if config != nil {
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
	}
	return dialer.DialContext(ctx, "tcp", address)
}

// checkedConn is a connection to Redis, or to a sentinel, which is subscribed to.
type checkedConn struct {
	net.Conn
	asked, answered messages
	subscribes      bool
	pending         atomic.Int64 // questions without an answer yet
}

func (c *checkedConn) Write(b []byte) (int, error) {
	n, err := c.asked.read(b)
	if err != nil {
		return 0, err
	}
	c.pending.Add(int64(n))
	return c.Conn.Write(b)
}

func (c *checkedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 {
		return n, err
	}
	answers, wrong := c.answered.read(b[:n])
	switch {
	case wrong == nil && c.answered.pushed && !c.subscribes:
		wrong = errPushed
	case wrong == nil && c.pending.Add(-int64(answers)) < 0:
		wrong = errUnasked
	}
	if wrong != nil {
		c.Close()
		return 0, wrong
	}
	return n, err
}

// messages follows a stream of Redis' protocol, in whatever pieces it comes.
type messages struct {
	line   []byte  // of the header that is being read
	bulk   int64   // bytes left of a string, with its end
	parts  []int64 // parts left of each array that is open
	pushed bool    // a message that is no answer was among them
	isPush bool    // the message that is being read is none
}

// read takes the next piece and returns how many answers end in it.
func (m *messages) read(piece []byte) (answers int, err error) {
	for len(piece) > 0 {
		if m.bulk > 0 {
			n := min(m.bulk, int64(len(piece)))
			for i := range n { // the last two are the end of a line
				if left := m.bulk - i; left <= 2 && piece[i] != crlf[2-left] {
					return answers, errNotRedis
				}
			}
			m.bulk -= n
			piece = piece[n:]
			if m.bulk == 0 {
				answers += m.end()
			}
			continue
		}
		c := piece[0]
		piece = piece[1:]
		if m.line = append(m.line, c); len(m.line) > maxLine {
			return answers, errTooLarge
		}
		if c != '\n' {
			continue
		}
		ended, err := m.header(m.line)
		if err != nil {
			return answers, err
		}
		m.line = m.line[:0]
		if ended {
			answers += m.end()
		}
	}
	return answers, nil
}

// header reads a line that begins a message or a part of one, and reports whether
// it is all of it.
func (m *messages) header(line []byte) (ended bool, err error) {
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return false, errNotRedis
	}
	kind, text := line[0], string(line[1:len(line)-2])
	switch kind {
	case '+', '-', ':', ',', '(':
		return true, nil
	case '_':
		return true, wrongUnless(text == "")
	case '#':
		return true, wrongUnless(text == "t" || text == "f")
	}
	most, ok := lengthOfType[kind]
	if !ok {
		return false, errNotRedis
	}
	if text == "-1" && (kind == '$' || kind == '*') {
		return true, nil
	}
	length, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return false, errNotRedis
	}
	if int64(length) > most || len(m.parts) == maxDepth {
		return false, errTooLarge
	}
	if most == maxBulk {
		m.bulk = int64(length) + int64(len(crlf))
		return false, nil
	}
	if kind == '>' {
		if len(m.parts) > 0 {
			return false, errNotRedis
		}
		m.isPush = true
	}
	if kind == '%' {
		length *= 2
	}
	if length > 0 {
		m.parts = append(m.parts, int64(length))
	}
	return length == 0, nil
}

func wrongUnless(right bool) error {
	if right {
		return nil
	}
	return errNotRedis
}

// end closes what ends with the part that was read, and returns 1 if that is an
// answer.
func (m *messages) end() int {
	for last := len(m.parts) - 1; last >= 0; last-- {
		if m.parts[last]--; m.parts[last] > 0 {
			return 0
		}
		m.parts = m.parts[:last]
	}
	if m.isPush {
		m.isPush, m.pushed = false, true
		return 0
	}
	return 1
}
