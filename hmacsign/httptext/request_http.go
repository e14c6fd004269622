package httptext

import (
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// HTTP is the request for [hmacsign.Signer.Sign] and for net/http, which sends these
// bytes: the target as it is, no header that is not here, a body that can be read again
// and its right length, whatever Content-Length says. Where the text does not tell http
// from https, it is http, as with curl. A scheme's headers belong to HTTP's Header.
func (r *Request) HTTP() (*http.Request, error) {
	u, err := r.url()
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: r.Method, URL: u, Host: r.Host, Header: make(http.Header, len(r.Header)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(r.Body)),
		GetBody: func() (io.ReadCloser, error) { return r.reader(len(r.Body)), nil },
	}
	req.Body, _ = req.GetBody()
	for _, f := range r.Header {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		switch name {
		case "Content-Length":
		case "Transfer-Encoding":
			req.TransferEncoding = []string{"chunked"}
		default:
			req.Header[name] = append(req.Header[name], f.Value)
		}
	}
	for _, name := range append([]string{"User-Agent"}, r.leftOut...) {
		if _, given := req.Header[name]; !given {
			req.Header[name] = nil // net/http would add its own
		}
	}
	return req, nil
}

// url is what net/http sends byte by byte as the target is.
func (r *Request) url() (*url.URL, error) {
	if r.Host == "" {
		return nil, unsupported("http_needs_host")
	}
	path, query, asked := strings.Cut(r.Target, "?")
	u := &url.URL{Scheme: r.scheme(), Host: r.connectsTo(), RawQuery: query, ForceQuery: asked && query == ""}
	if !setPath(u, path) {
		return nil, unsupported("http_two_slashes")
	}
	return u, nil
}

// setPath has net/http send a path byte by byte; false where it cannot.
func setPath(u *url.URL, path string) bool {
	decoded, err := url.PathUnescape(path)
	u.Path, u.RawPath = decoded, path
	if err == nil && path != "*" && u.EscapedPath() == path {
		return true
	}
	u.Opaque, u.Path, u.RawPath = path, "", ""
	return !strings.HasPrefix(path, "//")
}

func (r *Request) scheme() string {
	if r.Scheme == "" {
		return "http"
	}
	return r.Scheme
}

// connectsTo is the host of the URL.
func (r *Request) connectsTo() string {
	if r.address != "" {
		return r.address
	}
	return r.Host
}

// reader is the beginning of the body. An empty one is no nil: a length may have been
// declared.
func (r *Request) reader(n int) io.ReadCloser {
	if len(r.Body) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(r.Body[:n]))
}

// Wire is the request for [hmacsign.Verifier.VerifyWire], as a server gets it: of a body
// that is longer than its Content-Length what is declared, and one that is shorter is
// refused there, if the signature covers it.
func (r *Request) Wire() *hmacsign.WireRequest {
	w := &hmacsign.WireRequest{Method: r.Method, Target: r.Target, Host: r.Host, Header: slices.Clone(r.Header)}
	length := int64(len(r.Body))
	f, err := r.framing()
	switch {
	case err != nil || f.chunked:
	case f.stated:
		length = min(length, f.length)
	default:
		w.Length = length
	}
	w.Body = io.NopCloser(bytes.NewReader(r.Body[:length]))
	return w
}
