// Package screen decides which headers may stand beside what was signed when a
// verified request is passed on, by the proxy and by the gateways in contrib: one
// that some server could take for a signed header, for the request's target or
// for what only the server in between says is dropped, and a request whose signed
// headers would not arrive is refused.
package screen

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// NotForwardable is the error for requests that cannot be passed on as they were
// verified. It says why.
type NotForwardable string

func (e NotForwardable) Error() string { return string(e) }

// Code is that of the refusal, which is answered with status 400.
const Code = "not_forwardable"

// A Screen knows the headers that the server which passes requests on sets by
// itself.
type Screen struct {
	identity string   // lower-case, or empty
	reserved []string // lower-case, identity among them
}

// New returns the screen of a server that tells the key id in this header, or in
// none if it is empty.
func New(identityHeader string) *Screen {
	s := &Screen{identity: strings.ToLower(identityHeader), reserved: slices.Clone(reserved)}
	if s.identity != "" {
		s.reserved = append(s.reserved, s.identity)
	}
	return s
}

// reserved are headers that servers set, that frame the message, or whose absence
// is signed.
var reserved = []string{"host", "content-length", "transfer-encoding", "content-type", "connection",
	"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-request-id", "x-sdk-content-sha256", "x-sdk-content-sm3"}

// Check refuses a request whose signature covers these headers if not all of them
// would arrive as what they are.
func (s *Screen) Check(header http.Header, covered []string) error {
	if err := checkConnection(header, covered); err != nil {
		return err
	}
	return s.checkFolded(covered)
}

// Drops reports whether a header is to be dropped beside those that the signature
// covers: some servers take it for one of them, or for one that is reserved, or
// let it change where the request goes.
func (s *Screen) Drops(name string, covered []string) bool {
	if Covers(covered, name) {
		return false
	}
	isLookalike := func(of string) bool { return isOtherSpelling(name, of) }
	return strings.EqualFold(name, s.identity) ||
		contains(rewriting, name) ||
		slices.ContainsFunc(s.reserved, isLookalike) || slices.ContainsFunc(covered, isLookalike)
}

// Covers reports whether a header is among those that a signature covers.
func Covers(covered []string, name string) bool { return contains(covered, name) }

func contains(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// needed are headers that a request's meaning hangs on, signed or not: a
// Connection header must not take them away.
var needed = []string{"accept", "content-type", "content-encoding", "content-length", "content-md5", "content-digest", "repr-digest", "digest",
	"x-sdk-content-sha256", "x-sdk-content-sm3", "host", "authorization"}

// checkConnection refuses a Connection header that names a header that must
// arrive: it would be dropped after it was verified.
func checkConnection(header http.Header, covered []string) error {
	for name := range ConnectionOptions(header) {
		if contains(covered, name) || contains(needed, name) {
			return NotForwardable("the Connection header names " + name + ", which so would not arrive")
		}
	}
	return nil
}

// ConnectionOptions are the names in Connection headers.
func ConnectionOptions(header http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, value := range header["Connection"] {
			for name := range strings.SplitSeq(value, ",") {
				if name = strings.Trim(name, " \t"); name != "" && !yield(name) {
					return
				}
			}
		}
	}
}

// checkFolded refuses signed headers that some servers take for one that is
// reserved.
func (s *Screen) checkFolded(covered []string) error {
	for _, name := range covered {
		if strings.EqualFold(name, s.identity) {
			return NotForwardable("header " + name + " is signed, but only the proxy sets it")
		}
		for _, reserved := range s.reserved {
			if isOtherSpelling(name, reserved) {
				return NotForwardable("header " + name + " is signed, but some servers take it for " + reserved)
			}
		}
	}
	return nil
}

// rewriting are headers that make some servers take another method, path or proxy
// than the request's: Proxy is a CGI program's HTTP_PROXY.
var rewriting = []string{"Proxy", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// IsForwarded is for headers in which a proxy tells the client's address, or how
// it was reached, in any spelling. Those that proxies set anew are not among them:
// X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto. From a peer that is no
// trusted proxy they are dropped, unless they are signed.
func IsForwarded(name string) bool {
	const prefix = "X-Forwarded-"
	if len(name) >= len(prefix) && isSpelling(name[:len(prefix)], prefix) {
		return !contains(setAnew, name)
	}
	return isSpelling(name, "X-Real-Ip") || isSpelling(name, "Forwarded")
}

var setAnew = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// isOtherSpelling reports whether two names of headers differ, but not for a
// server that takes every character but letters and digits for one and the same,
// as CGI and its kin do.
func isOtherSpelling(a, b string) bool { return isSpelling(a, b) && !strings.EqualFold(a, b) }

func isSpelling(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return c
	}
	return '-'
}

// meaning are headers that frame or route a message, say who sent it or sign it,
// or that servers write themselves.
var meaning = strings.Fields(`accept authorization connection content-encoding content-length content-md5 content-type cookie date expect
	forwarded host keep-alive proxy proxy-authorization proxy-connection te trailer transfer-encoding upgrade user-agent via x-date
	x-forwarded-for x-forwarded-host x-forwarded-proto x-request-id x-sdk-date`)

// CheckIdentityHeader refuses a name for the header that tells the key id that no
// header can have, or that has a meaning of its own, in any spelling that a server
// may take for it. The error begins with the name.
func CheckIdentityHeader(name string) error {
	if !scheme.IsToken(name) {
		return fmt.Errorf("%q: this is no name of a header: use letters, digits and -", name)
	}
	for _, other := range meaning {
		if strings.EqualFold(name, other) || isOtherSpelling(name, other) {
			return fmt.Errorf("%s: this header has a meaning of its own: use another, such as X-Hmacsign-Key-Id", name)
		}
	}
	return nil
}
