package hmacsign

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"runtime"
)

// DefaultMaxBody is how many bytes of body are read unless [WithMaxBody] says
// otherwise: 10 MiB.
const DefaultMaxBody = 10 << 20

const (
	// maxMemory is how much of a body is kept in memory; the rest of a longer
	// one goes to a temporary file.
	maxMemory = 1 << 20
	// maxForm limits a form, whose parameters take memory to be sorted.
	maxForm = 10 << 20
)

// payload is a request's body. It is read when it is needed, once, and not
// beyond the limit, except that a client's body that can be opened again
// (http.Request.GetBody) is hashed from a copy of its own.
type payload struct {
	src    io.ReadCloser // nil: there is none
	length int64         // as declared, -1 if it is not
	limit  int64
	open   func() (io.ReadCloser, error) // a client's GetBody

	kept contents
	done bool // src was read, to its end or to err
	err  error
}

// contents is what was read: in memory, or in a file where it is long.
type contents struct {
	head []byte
	file *os.File
	size int64
}

func (c *contents) reader() io.Reader {
	if c.file == nil {
		return bytes.NewReader(c.head)
	}
	return io.NewSectionReader(c.file, 0, c.size)
}

// empty reports whether there is no body, reading it only if it does not say.
func (p *payload) empty() (bool, error) {
	if p.length >= 0 {
		return p.length == 0, nil
	}
	if p.open != nil {
		n, err := p.copyTo(io.Discard)
		return n == 0, err
	}
	p.read()
	return p.kept.size == 0, p.err
}

// hash writes the body to h.
func (p *payload) hash(h hash.Hash) error {
	if p.open != nil {
		_, err := p.copyTo(h)
		return err
	}
	if p.read(); p.err != nil {
		return p.err
	}
	if p.kept.file == nil {
		h.Write(p.kept.head) // a hash.Hash never fails, but for libTencentSM at 128 GiB
		return nil
	}
	if _, err := io.Copy(h, p.kept.reader()); err != nil {
		return &VerifyError{Reason: ErrBody, Cause: err}
	}
	return nil
}

// form returns the body as text.
func (p *payload) form() (string, error) {
	var b bytes.Buffer
	if p.open != nil {
		limited := *p
		limited.limit = min(p.limit, maxForm)
		_, err := limited.copyTo(&b)
		return b.String(), err
	}
	if p.read(); p.err != nil {
		return "", p.err
	}
	if p.kept.size > maxForm {
		return "", tooLarge(maxForm)
	}
	if p.kept.file == nil {
		return string(p.kept.head), nil
	}
	if _, err := b.ReadFrom(p.kept.reader()); err != nil {
		return "", &VerifyError{Reason: ErrBody, Cause: err}
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
		return 0, &VerifyError{Reason: ErrBody, Cause: err}
	}
	defer body.Close()
	n, err := io.Copy(w, io.LimitReader(body, p.limit+1))
	switch {
	case err != nil:
		return n, &VerifyError{Reason: ErrBody, Cause: err}
	case n > p.limit:
		return n, tooLarge(p.limit)
	}
	return n, nil
}

// read reads src into kept, once.
func (p *payload) read() {
	if p.done || p.src == nil {
		return
	}
	p.done = true
	if p.length > p.limit {
		p.err = tooLarge(p.limit)
		return
	}
	var head bytes.Buffer
	if p.length > 0 {
		head.Grow(int(min(p.length, 64<<10)) + bytes.MinRead)
	}
	src := io.LimitReader(p.src, p.limit+1)
	_, err := head.ReadFrom(io.LimitReader(src, maxMemory+1))
	p.kept = contents{head: head.Bytes(), size: int64(head.Len())}
	if err == nil && p.kept.size > maxMemory {
		err = p.spill(src)
	}
	var tooMany *http.MaxBytesError
	switch {
	case errors.As(err, &tooMany) || p.kept.size > p.limit:
		p.err = tooLarge(p.limit)
	case err != nil:
		p.err = &VerifyError{Reason: ErrBody, Cause: err}
	}
}

// spill moves what was read, and the rest, to a temporary file that nobody else
// finds: it has no name any more where the system allows that.
func (p *payload) spill(rest io.Reader) error {
	file, err := os.CreateTemp("", "hmacsign-body-*")
	if err != nil {
		return err
	}
	if name := file.Name(); os.Remove(name) != nil {
		runtime.AddCleanup(file, func(name string) { os.Remove(name) }, name)
	}
	if _, err := file.Write(p.kept.head); err != nil {
		file.Close()
		return err
	}
	n, err := io.Copy(file, rest)
	p.kept = contents{file: file, size: p.kept.size + n}
	return err
}

func tooLarge(limit int64) error {
	return refuse(ErrBodyTooLarge, fmt.Sprintf("more than %d bytes: send less or raise the limit", limit))
}

// restore gives a server's request what was read of its body, followed by what
// was not.
func (p *payload) restore(req *http.Request) {
	if !p.done {
		return
	}
	r := p.kept.reader()
	if p.err != nil {
		r = io.MultiReader(r, p.src)
	}
	req.Body = &restored{r, p.src, p.kept.file}
}

// keep does the same for a client's request, whose body may be sent more than
// once and has a known length from now on.
func (p *payload) keep(req *http.Request) {
	p.restore(req)
	if !p.done || p.err != nil {
		return
	}
	kept := p.kept
	req.ContentLength = kept.size
	req.GetBody = func() (io.ReadCloser, error) {
		if kept.size == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(kept.reader()), nil
	}
	req.Body, _ = req.GetBody()
	p.src.Close()
}

// restored is a body that was read before. Close closes what it came from and
// drops the temporary file.
type restored struct {
	io.Reader
	src  io.Closer
	file *os.File
}

func (r *restored) Close() error {
	if r.file != nil {
		r.file.Close()
	}
	return r.src.Close()
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
