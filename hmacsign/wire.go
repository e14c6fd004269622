package hmacsign

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// A WireRequest is a request as it was on the wire, for [Verifier.VerifyWire]: of a
// server that is not net/http's, a function that gets an event, HTTP/2 or gRPC.
type WireRequest struct {
	Method string
	// Target is what the request line has, or HTTP/2's :path: path and query, or a
	// whole URL, every byte as it was sent. A framework's decoded or cleaned path
	// will not do.
	Target string
	// Host is that of HTTP/2's :authority, or of whoever knows it, where the Host
	// header is not in Header. The host of a Target that is a whole URL goes before
	// both.
	Host string
	// Header is all headers in the order in which they came, but none whose name
	// begins with a colon, which are Method, Target and Host.
	Header []HeaderField
	// Body is the body without its framing, or nil. After VerifyWire it is the whole
	// body still, what is behind its length too, and is to be read from here. Closing it closes the one that was
	// here before, and gives back what is held of it.
	Body io.ReadCloser
	// Length is how many bytes the body has, if that is known: otherwise 0 or -1, and
	// it counts what Content-Length says, if there is one.
	Length int64
}

// A HeaderField is a header of a [WireRequest], its name in any case. A header that
// was sent twice is two fields.
type HeaderField struct{ Name, Value string }

// What a WireRequest may have of headers: as much as net/http's server takes.
const (
	MaxWireHeaders     = 4096                       // fields
	MaxWireHeaderBytes = http.DefaultMaxHeaderBytes // of the target, the names and the values together
)

// VerifyWire is [Verifier.Verify] for a request that is not net/http's. The verdict is
// the same as on the same bytes there. What net/http's server does not let pass is
// refused here too, as [ErrMalformed]: names that are no token, values with control
// characters (a header that was continued on a second line has them), more headers
// than [MaxWireHeaders] and [MaxWireHeaderBytes], two of Host or of Content-Length, a
// length that is none or is contradicted.
//
// The body is read up to the limit, only if the signature needs it. One that turns out
// longer or shorter than its length is refused as [ErrBody]: what is behind the
// length was not signed. If the signature does not cover the body, neither its limit
// nor its length was looked at.
func (v *Verifier) VerifyWire(ctx context.Context, r *WireRequest) (*Identity, error) {
	v.ready()
	head, err := r.head()
	if err != nil {
		return nil, v.ofNone(err)
	}
	w := newWork()
	defer w.free()
	w.readErr = w.readWire(r, head, &v.common)
	defer w.body.restoreWire(r)
	return verdict(v.verify(ctx, w))
}

// readWire takes the message out of r, as read does out of an *http.Request.
func (w *work) readWire(r *WireRequest, head *wireHead, c *common) error {
	m, length := &w.message, head.length
	m.Method, m.Host, m.Header, m.Body, m.Hashes = r.Method, head.host, head.header, &w.body, &w.digests
	w.body = payload{limit: c.maxBody, budget: c.budget, length: length, own: true}
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		w.body.length = 0
	case length == 0:
		// Nothing was declared: that this is so is seen where it is read.
		w.body.length = -1
		w.body.declare(r.Body, 0)
	case length > 0:
		w.body.declare(r.Body, length)
	default:
		w.body.src = r.Body
	}
	target, ok := wire.OriginForm(r.Target)
	if !ok {
		return refuse(ErrMalformed, "no_path")
	}
	m.Path, m.Query, _ = strings.Cut(target, "?")
	return checkMessage(m)
}

func (p *payload) declare(body io.ReadCloser, length int64) {
	p.declared = &declared{ReadCloser: body, left: length}
	p.src = p.declared
}

// wireHead is what a WireRequest says before its body.
type wireHead struct {
	header http.Header
	host   string
	length int64 // of the body, -1 if it is not known
}

// head refuses what net/http would not have handed on.
func (r *WireRequest) head() (*wireHead, error) {
	header, err := r.header()
	if err != nil {
		return nil, err
	}
	host, err := r.host(header)
	if err != nil {
		return nil, err
	}
	length, err := r.length(header)
	if err != nil {
		return nil, err
	}
	delete(header, "Host") // as net/http does
	return &wireHead{header, host, length}, nil
}

func unfit(code string, args ...string) error { return refuse(ErrMalformed, code, args...) }

// header is the headers by their canonical names, with their values trimmed.
func (r *WireRequest) header() (http.Header, error) {
	if len(r.Header) > MaxWireHeaders {
		return nil, unfit("wire_too_many_headers", "count", strconv.Itoa(len(r.Header)), "limit", strconv.Itoa(MaxWireHeaders))
	}
	size := len(r.Target) + len(r.Host)
	for _, f := range r.Header {
		size += len(f.Name) + len(f.Value)
	}
	if size > MaxWireHeaderBytes {
		return nil, unfit("wire_too_long", "bytes", strconv.Itoa(size), "limit", strconv.Itoa(MaxWireHeaderBytes))
	}
	header := make(http.Header, len(r.Header))
	values := make([]string, len(r.Header))
	for i, f := range r.Header {
		if !scheme.IsToken(f.Name) {
			return nil, unfit("wire_header_name", "name", scheme.Clip(f.Name))
		}
		value, err := scheme.Trim(f.Name, f.Value)
		if err != nil {
			return nil, err
		}
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		if before, ok := header[name]; ok {
			header[name] = append(before, value)
			continue
		}
		values[i] = value
		header[name] = values[i : i+1 : i+1]
	}
	return header, nil
}

// host is the host that the request is for.
func (r *WireRequest) host(header http.Header) (string, error) {
	host, err := scheme.Trim("Host", r.Host)
	if err != nil {
		return "", err
	}
	switch named := header["Host"]; {
	case len(named) > 1 || len(named) == 1 && host != "" && named[0] != host:
		return "", unfit("wire_repeated", "header", "Host")
	case len(named) == 1:
		host = named[0]
	}
	if strings.HasPrefix(r.Target, "/") || !strings.Contains(r.Target, "://") {
		return host, nil
	}
	u, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return "", unfit("wire_target")
	}
	if u.Host != "" {
		host = u.Host
	}
	return host, nil
}

// length is that of the body, -1 if it is not known. What says how the body was sent
// is no header any more then, as in net/http.
func (r *WireRequest) length(header http.Header) (int64, error) {
	length := int64(-1)
	if r.Length > 0 {
		length = r.Length
	}
	coding, stated := header["Transfer-Encoding"], header["Content-Length"]
	switch {
	case len(coding) > 1 || len(coding) == 1 && !strings.EqualFold(coding[0], "chunked"):
		return 0, unfit("wire_transfer_encoding")
	case len(coding)+len(stated) > 1:
		return 0, unfit("wire_repeated", "header", "Content-Length")
	case len(coding) == 1:
		delete(header, "Transfer-Encoding")
		delete(header, "Trailer")
	case len(stated) == 1:
		n, err := strconv.ParseUint(stated[0], 10, 63)
		switch {
		case err != nil:
			return 0, unfit("wire_length", "value", scheme.Clip(stated[0]))
		case length >= 0 && length != int64(n):
			return 0, unfit("wire_repeated", "header", "Content-Length")
		}
		length = int64(n)
	}
	if length > 0 && (r.Body == nil || r.Body == http.NoBody) {
		return 0, unfit("wire_no_body", "length", strconv.FormatInt(length, 10))
	}
	return length, nil
}

// declared is a body that must be as long as was said. It reads one byte behind that,
// to see that there is more.
type declared struct {
	io.ReadCloser
	left     int64
	behind   io.Reader // what is behind the length, if anything
	verified bool      // it is the caller's again
}

func (d *declared) Read(p []byte) (int, error) {
	if d.behind != nil && d.verified {
		return d.behind.Read(p)
	}
	if d.behind != nil {
		return 0, refuse(ErrBody, "body_longer")
	}
	if int64(len(p)) > d.left {
		p = p[:d.left+1]
	}
	n, err := d.ReadCloser.Read(p)
	switch d.left -= int64(n); {
	case d.left < 0:
		d.behind = io.MultiReader(bytes.NewReader([]byte{p[n-1]}), d.ReadCloser)
		return n - 1, refuse(ErrBody, "body_longer")
	case err == io.EOF && d.left > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// restoreWire gives a request what was read of its body, followed by what was not.
func (p *payload) restoreWire(r *WireRequest) {
	if p.declared != nil {
		p.declared.verified = true
	}
	switch {
	case p.done:
		r.Body = p.restored()
	case p.peeked:
		r.Body = p.src
	}
}
