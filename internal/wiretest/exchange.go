package wiretest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An Upstream keeps the bytes of each request that it gets and answers 200.
type Upstream struct {
	net.Listener
	mu     sync.Mutex
	seen   []*message
	broken []error // what came and was no request
}

// NewUpstream returns an upstream that the end of the test closes.
func NewUpstream(t *testing.T) *Upstream {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &Upstream{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u
}

func (u *Upstream) serve(conn net.Conn) {
	defer conn.Close()
	r := &reader{bufio.NewReader(conn), true}
	for {
		m, err := r.request()
		if err == nil && r.Buffered() > 0 {
			err = fmt.Errorf("%w: bytes behind the request", errNotHTTP)
		}
		u.mu.Lock()
		if err == nil {
			u.seen = append(u.seen, m)
		} else if errors.Is(err, errNotHTTP) {
			u.broken = append(u.broken, err)
		}
		u.mu.Unlock()
		if err != nil {
			return
		}
		body := "ok"
		if m.start[0] == "HEAD" {
			body = ""
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s", body)
	}
}

// drain returns what came since it was last asked.
func (u *Upstream) drain() (seen []*message, broken []error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen, broken = u.seen, u.broken
	u.seen, u.broken = nil, nil
	return seen, broken
}

// An answer is what the client got for a case, and what the upstream got.
type answer struct {
	status   int // 0: none
	brokeOff bool
	arrived  *message
}

// exchange sends cases over one connection, all at once or one after the other,
// and returns their answers as far as they came.
func (p *Target) exchange(cases []*testCase, pipelined bool) (answers []*answer, err error) {
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if cases[0].alone {
		// A proxy that waits for more than whole takes for all gets no more.
		defer time.AfterFunc(3*time.Second, func() { conn.(*net.TCPConn).CloseWrite() }).Stop()
	}
	written := sync.WaitGroup{}
	defer func() { conn.Close(); written.Wait() }()
	send := func(data []byte) {
		written.Go(func() {
			conn.Write(data) // a refusal may come before all is sent
			if cases[0].alone && !whole(data) {
				conn.(*net.TCPConn).CloseWrite() // the proxy need not wait for the rest
			}
		})
	}
	if pipelined {
		var all []byte
		for _, c := range cases {
			all = append(all, c.raw...)
		}
		send(all)
	}
	r := &reader{bufio.NewReader(conn), false}
	for _, c := range cases {
		if !pipelined {
			send(c.raw)
		}
		method, _, _ := strings.Cut(string(c.raw[:min(len(c.raw), 100)]), " ")
		m, status, err := r.answer(method)
		if err != nil && status < 400 {
			return answers, nil
		}
		answers = append(answers, &answer{status: status, brokeOff: err != nil})
		if err != nil || slices.ContainsFunc(m.values("Connection"), func(s string) bool { return strings.EqualFold(s, "close") }) {
			break
		}
	}
	return answers, nil
}

// whole reports whether data has all of a request.
func whole(data []byte) bool {
	_, err := (&reader{bufio.NewReader(bytes.NewReader(data)), false}).request()
	return err != io.EOF && err != io.ErrUnexpectedEOF
}
