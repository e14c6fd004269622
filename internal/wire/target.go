// Package wire tells what stood on the wire of a request, where net/http's
// parsed form of it has lost some of the bytes.
package wire

import (
	"net/http"
	"strings"
)

// Target is the path and the query of req byte by byte: as the request line of
// a server's request has them, and as net/http will write them of a client's.
// An empty path is "/". It is false for a target that has no path: the asterisk,
// an authority, a URL that is opaque.
func Target(req *http.Request) (path, query string, ok bool) {
	if req.RequestURI != "" {
		target, ok := Origin(req)
		path, query, _ = strings.Cut(target, "?")
		return path, query, ok
	}
	u := req.URL
	switch {
	case u == nil:
		return "", "", false
	case u.Opaque == "":
		path, query = u.EscapedPath(), u.RawQuery
	case strings.HasPrefix(u.Opaque, "/") && !strings.HasPrefix(u.Opaque, "//"):
		path, query, _ = strings.Cut(u.RequestURI(), "?")
	default:
		return "", "", false
	}
	if path == "" {
		path = "/"
	}
	return path, query, true
}

// Origin is the target of a server's request in origin form (RFC 9112 section
// 3.2.1) byte by byte, a question mark with nothing behind it too. It is false
// where Target is.
func Origin(req *http.Request) (target string, ok bool) { return OriginForm(req.RequestURI) }

// OriginForm is Origin of a target that is in no *http.Request.
func OriginForm(target string) (origin string, ok bool) {
	if strings.HasPrefix(target, "/") {
		return target, true
	}
	// The absolute form, as clients of a forward proxy send it (RFC 9112
	// section 3.2.2).
	scheme, rest, found := strings.Cut(target, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	start := strings.IndexAny(rest, "/?")
	switch {
	case start < 0:
		return "/", true
	case rest[start] == '?':
		return "/" + rest[start:], true
	}
	return rest[start:], true
}
