package hmacsign

import (
	"bytes"
	"errors"
	"hash"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// DefaultMaxBody is how many bytes of body are read unless [WithMaxBody] says
// otherwise: 10 MiB.
const DefaultMaxBody = 10 << 20

// maxMemory is how much of a body waits in memory; a longer one waits in a
// temporary file.
const maxMemory = 64 << 10

// payload is a request's body. It is read when it is needed, once, and not
// beyond the limit, except that a client's body that can be opened again
// (http.Request.GetBody) is hashed from a copy of its own.
type payload struct {
	src    io.ReadCloser // nil: there is none
	length int64         // as declared, -1 if it is not
	limit  int64
	budget *Budget
	open   func() (io.ReadCloser, error) // a client's GetBody

	limited io.LimitedReader // src, for read
	kept    held             // zero as long as nothing was read
	peeked  bool             // src was replaced, to give its first byte again
	done    bool             // src was read, to its end or to err
	err     error
	text    string // of a form, once it was asked for
	asText  bool
	own     bool  // src is to be closed with the body: a client's, not net/http's
	closes  bool  // the body is sure to be closed
	taken   int64 // of the budget, for what is computed from the request
	used    int64 // of what was taken, by the form of the string to sign that is tried
	lasting int64 // of that, by the body as text

	declared *declared // what src reads, of a WireRequest that says how long it is
}

// held is what was read of a body: in memory, or in a file where it is long.
type held struct {
	head []byte
	file *os.File
	size int64
	*hold
}

func (h *held) reader() io.Reader {
	if h.file == nil {
		return bytes.NewReader(h.head)
	}
	return io.NewSectionReader(h.file, 0, h.size)
}

// hold is what a body takes of the budget, and of the system, until it is
// dropped.
type hold struct {
	budget       *Budget
	memory, disk int64
	file         *os.File
	dropped      atomic.Bool
}

func (h *hold) drop() {
	if h == nil || h.dropped.Swap(true) {
		return
	}
	h.budget.memory.give(h.memory)
	h.budget.disk.give(h.disk)
	if h.file != nil {
		h.file.Close()
	}
}

// share has what is held of a request's body dropped when the function that it
// returns was called, and whoever sends the request has closed each copy that
// it opened.
func (h *hold) share(req *http.Request) (sent func()) {
	var users atomic.Int32
	leave := func() {
		if users.Add(-1) == 0 {
			h.drop()
		}
	}
	again := req.GetBody
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := again()
		if err != nil || body == http.NoBody {
			return body, err
		}
		users.Add(1)
		return &copied{body, sync.OnceFunc(leave)}, nil
	}
	users.Add(1)
	req.Body, _ = req.GetBody()
	return leave
}

// copied is a copy of a body that is held.
type copied struct {
	io.Reader
	leave func()
}

func (c *copied) Close() error {
	c.leave()
	return nil
}

// Reserve takes memory for what is computed from the request; settle gives it
// back. Short texts are not worth counting: connections are limited too.
func (p *payload) Reserve(bytes int64) error {
	if bytes <= maxUncounted {
		return nil
	}
	if bytes > p.budget.memory.limit {
		return refuse(ErrBodyTooLarge, "body_memory", "bytes", strconv.FormatInt(bytes, 10))
	}
	if more := p.used + bytes - p.taken; more > 0 {
		if err := p.budget.memory.take(more); err != nil {
			return err
		}
		p.taken += more
	}
	p.used += bytes
	return nil
}

// reuse has what was reserved used again, but for the body's text: a form of the
// string to sign takes the memory of the form before.
func (p *payload) reuse() { p.used = p.lasting }

const maxUncounted = 8 << 10

func (p *payload) settle() {
	if p.taken > 0 {
		p.budget.memory.give(p.taken)
		p.taken, p.used, p.lasting = 0, 0, 0
	}
}

// Empty reports whether there is no body. Of one that does not say it reads the
// first byte.
func (p *payload) Empty() (bool, error) {
	switch {
	case p.done:
		return p.kept.size == 0, p.err
	case p.length >= 0:
		return p.length == 0, nil
	case p.peeked:
		return false, nil
	case p.open != nil:
		n, err := p.copyTo(io.Discard)
		return n == 0, err
	}
	var first [1]byte
	switch _, err := io.ReadFull(p.src, first[:]); err {
	case nil:
		src := p.src
		whole := io.MultiReader(bytes.NewReader(first[:]), src)
		if p.src = io.NopCloser(whole); p.own {
			p.src = struct {
				io.Reader
				io.Closer
			}{whole, src}
		}
		p.peeked = true
		return false, nil
	case io.EOF:
		p.done = true
		return true, nil
	default:
		p.done = true
		p.end(err)
		return false, p.err
	}
}

// toHash keeps what a backend cannot hash from being taken for a fault of the
// body: there is no Sum then.
type toHash struct{ hash.Hash }

func (h toHash) Write(p []byte) (int, error) {
	h.Hash.Write(p)
	return len(p), nil
}

// Hash writes the body to h.
func (p *payload) Hash(h hash.Hash) error {
	w := toHash{h}
	if p.open != nil {
		_, err := p.copyTo(w)
		return err
	}
	if p.read(); p.err != nil {
		return p.err
	}
	if p.kept.file == nil {
		w.Write(p.kept.head)
		return nil
	}
	if _, err := io.Copy(w, p.kept.reader()); err != nil {
		return failed(ErrBody, err)
	}
	return nil
}

// Bytes is the body where it is in memory as a whole.
func (p *payload) Bytes() (body []byte, ok bool, err error) {
	if p.open != nil {
		return nil, false, nil
	}
	if p.read(); p.err != nil {
		return nil, false, p.err
	}
	return p.kept.head, p.kept.file == nil, nil
}

// Text returns the body as text.
func (p *payload) Text() (string, error) {
	if p.asText {
		return p.text, nil
	}
	text, err := p.readText()
	if err == nil {
		p.text, p.asText = text, true
	}
	return text, err
}

func (p *payload) readText() (string, error) {
	var b strings.Builder
	if p.open != nil {
		_, err := p.copyTo(&b)
		return b.String(), err
	}
	if p.read(); p.err != nil {
		return "", p.err
	}
	before := p.used
	if err := p.Reserve(p.kept.size); err != nil {
		return "", err
	}
	p.lasting += p.used - before
	if p.kept.file == nil {
		return string(p.kept.head), nil
	}
	b.Grow(int(p.kept.size))
	if _, err := io.Copy(&b, p.kept.reader()); err != nil {
		return "", failed(ErrBody, err)
	}
	return b.String(), nil
}

// copyTo copies a client's body from a fresh copy of it.
func (p *payload) copyTo(w io.Writer) (int64, error) {
	if p.length > p.limit {
		return 0, tooLarge(p.limit)
	}
	body, err := p.open()
	if err != nil {
		return 0, failed(ErrBody, err)
	}
	defer body.Close()
	n, err := io.Copy(w, io.LimitReader(body, oneMore(p.limit)))
	switch {
	case err != nil:
		return n, failed(ErrBody, err)
	case n > p.limit:
		return n, tooLarge(p.limit)
	}
	return n, nil
}

// oneMore is how much is read to see that a body is longer than the limit.
func oneMore(limit int64) int64 {
	if limit == math.MaxInt64 {
		return limit
	}
	return limit + 1
}

// read reads src into kept, once. A buffer grows as the body comes, so a client
// that declares much and sends little holds little.
func (p *payload) read() {
	if p.done || p.src == nil {
		return
	}
	p.done = true
	if p.length > p.limit {
		p.err = tooLarge(p.limit)
		return
	}
	p.kept.hold = &hold{budget: p.budget}
	p.limited = io.LimitedReader{R: p.src, N: oneMore(p.limit)}
	src := &p.limited
	size := int64(4 << 10)
	if p.length >= 0 && p.length < size {
		size = p.length + 1 // room to see the end
	}
	var err error
	for err == nil {
		switch held := len(p.kept.head); {
		case held < cap(p.kept.head):
			var n int
			n, err = src.Read(p.kept.head[held:cap(p.kept.head)])
			p.kept.head = p.kept.head[:held+n]
			p.kept.size = int64(held + n)
		case held <= maxMemory:
			err = p.grow(min(size, maxMemory+1))
			size *= 4
		default:
			err = p.spill(src)
		}
	}
	p.end(err)
}

// grow makes room for a body in memory, which the budget must have.
func (p *payload) grow(size int64) error {
	if err := p.budget.memory.take(size); err != nil {
		return err
	}
	before := int64(cap(p.kept.head))
	p.kept.head = append(make([]byte, 0, size), p.kept.head...)
	p.budget.memory.give(before)
	p.kept.memory += size - before
	return nil
}

// spill moves what was read, and the rest, to a temporary file that nobody else
// finds: it has no name any more where the system allows that. It returns why it
// ended, io.EOF at the end of the body.
func (p *payload) spill(rest io.Reader) error {
	file, err := os.CreateTemp("", "hmacsign-body-*")
	if err != nil {
		return failed(ErrUnavailable, err)
	}
	p.kept.hold.file = file
	if name := file.Name(); os.Remove(name) != nil {
		runtime.AddCleanup(file, func(name string) { os.Remove(name) }, name)
	}
	buffer := p.kept.head // holds the first piece, and then each next one
	var ended error
	p.kept.size = 0
	for {
		if err = p.budget.disk.take(int64(len(buffer))); err != nil {
			break
		}
		p.kept.disk += int64(len(buffer))
		if _, err = file.Write(buffer); err != nil {
			err = failed(ErrUnavailable, err)
			break
		}
		p.kept.size += int64(len(buffer))
		if ended != nil {
			err = ended
			break
		}
		n := 0
		for n < cap(buffer) && ended == nil {
			var more int
			more, ended = rest.Read(buffer[n:cap(buffer)])
			n += more
		}
		buffer = buffer[:n] // to be written, however it ended
	}
	p.kept.file, p.kept.head = file, nil
	p.budget.memory.give(p.kept.memory)
	p.kept.memory = 0
	return err
}

// end takes down why reading ended, which may be that the body did.
func (p *payload) end(err error) {
	if err == io.EOF && p.kept.size <= p.limit {
		return
	}
	var tooMany *http.MaxBytesError
	var refused *scheme.Refusal
	switch {
	case errors.As(err, &tooMany) || p.kept.size > p.limit:
		p.err = tooLarge(p.limit)
	case errors.As(err, &refused):
		p.err = refused
	default:
		p.err = failed(ErrBody, err)
	}
}

func tooLarge(limit int64) error {
	return refuse(ErrBodyTooLarge, "body_over_limit", "limit", strconv.FormatInt(limit, 10))
}

// restore gives a request what was read of its body, followed by what was not.
func (p *payload) restore(req *http.Request) {
	switch {
	case p.done:
		body := p.restored()
		if req.Body = body; p.err == nil {
			req.ContentLength, req.TransferEncoding = body.kept.size, nil
			req.GetBody = body.again
		}
	case p.peeked:
		req.Body = p.src
	}
}

// restored is a body that was read: what is held of it, and what comes behind that
// where reading failed.
func (p *payload) restored() *restored {
	body := &restored{kept: p.kept}
	if body.Reader = &body.memory; p.kept.file == nil {
		body.memory.Reset(p.kept.head)
	} else {
		body.Reader = p.kept.reader()
	}
	if !p.closes && p.kept.hold != nil {
		// One that nobody closes is dropped when nothing can read it any more.
		runtime.AddCleanup(body, (*hold).drop, p.kept.hold)
	}
	if p.own {
		body.src = p.src
	}
	if p.err != nil {
		body.Reader = io.MultiReader(body.Reader, p.src)
	}
	return body
}

// keep does the same for a client's request, whose body may be sent more than
// once.
func (p *payload) keep(req *http.Request) {
	p.restore(req)
	if p.done && p.err == nil {
		req.Body, _ = req.GetBody()
		p.src.Close()
	}
}

// restored is a body that was read before. Close drops what is held of it, and
// closes a client's own. A server's is net/http's to close: where something of it
// is still to come, it must be read or the connection be closed.
type restored struct {
	io.Reader
	src    io.Closer // or nil
	kept   held
	memory bytes.Reader // Reader, where it is in memory
}

func (r *restored) Close() error {
	r.kept.drop()
	if r.src == nil {
		return nil
	}
	return r.src.Close()
}

// again is for http.Request.GetBody.
func (r *restored) again() (io.ReadCloser, error) {
	if r.kept.size == 0 {
		return http.NoBody, nil
	}
	return io.NopCloser(r.kept.reader()), nil
}

// SetBody gives req a body that can be sent and signed without being held in
// memory: an *os.File, a *bytes.Reader, anything that can be read at any place.
// It must stay readable until the request is done, and the caller closes it.
func SetBody(req *http.Request, body io.ReaderAt, size int64) {
	req.ContentLength = size
	req.GetBody = func() (io.ReadCloser, error) {
		if size == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(io.NewSectionReader(body, 0, size)), nil
	}
	req.Body, _ = req.GetBody()
}
