package hmacsigncaddy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/screen"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// notPassedOn are headers that reverse_proxy takes away, adds to or sets anew.
var notPassedOn = []string{"alt-svc", "connection", "early-data", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
	"te", "trailer", "transfer-encoding", "upgrade", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}

// forwardable fails for a verified request that reverse_proxy would not pass on as
// it was verified.
func (h *Handler) forwardable(r *http.Request, id *hmacsign.Identity) error {
	covered := covered(id)
	if err := h.screen.Check(r.Header, covered); err != nil {
		return err
	}
	if err := checkTarget(r); err != nil {
		return err
	}
	if asksForUpgrade(r) {
		return screen.NotForwardable("what follows an upgrade is not verified")
	}
	if strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c > '~' || c == '%' }) {
		return screen.NotForwardable("the Host is not one that can be passed on as it is")
	}
	for _, name := range covered {
		if slices.Contains(notPassedOn, name) || !arrives(r, name) {
			return screen.NotForwardable(fmt.Sprintf("header %s is signed, but would not arrive as it was signed", name))
		}
	}
	return nil
}

func covered(id *hmacsign.Identity) []string { return slices.Concat(id.SignedHeaders, id.AlsoSigned) }

// checkTarget refuses a path that net/http writes in another form than it came in,
// and what is no path.
func checkTarget(r *http.Request) error {
	target, ok := wire.Origin(r)
	if !ok || r.Method == http.MethodConnect {
		return screen.NotForwardable("the target is not a path")
	}
	path, _, _ := strings.Cut(target, "?")
	if sent := r.URL.EscapedPath(); sent != path && !(sent == "" && path == "/") {
		return screen.NotForwardable("the path has characters that are not percent-encoded, which Caddy encodes")
	}
	return nil
}

func asksForUpgrade(r *http.Request) bool {
	for option := range screen.ConnectionOptions(r.Header) {
		if strings.EqualFold(option, "upgrade") {
			return true
		}
	}
	return len(r.Header["Upgrade"]) > 0 || len(r.Header[":protocol"]) > 0
}

// arrives reports whether net/http sends a header as it came.
func arrives(r *http.Request, name string) bool {
	switch name {
	case "content-length":
		return slices.Equal(r.Header["Content-Length"], contentLengthSent(r))
	case "user-agent":
		values := r.Header["User-Agent"]
		return len(values) == 0 || len(values) == 1 && values[0] != ""
	case "cookie":
		values := r.Header["Cookie"]
		return len(values) == 0 || len(values) == 1 && values[0] == overHTTP2(values[0])
	}
	return true
}

func contentLengthSent(r *http.Request) []string {
	switch {
	case r.ContentLength > 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	case r.ContentLength == 0 && (r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch):
		return []string{"0"}
	}
	return nil
}

// overHTTP2 is what a server makes of cookies that came over HTTP/2, where they are
// sent one by one.
func overHTTP2(cookies string) string {
	var each []string
	for cookie := range strings.SplitSeq(cookies, ";") {
		if cookie = strings.TrimLeft(cookie, " "); cookie != "" {
			each = append(each, cookie)
		}
	}
	return strings.Join(each, "; ")
}

// clean takes from a request what was not signed and must not stand beside what
// was, and tells the key id.
func (h *Handler) clean(r *http.Request, id *hmacsign.Identity, wasRead bool) {
	covered, trusted := covered(id), isTrusted(r)
	for name := range r.Header {
		if h.screen.Drops(name, covered) || !trusted && screen.IsForwarded(name) && !screen.Covers(covered, name) {
			delete(r.Header, name)
		}
	}
	for name := range screen.ConnectionOptions(r.Header) {
		r.Header.Del(name) // as reverse_proxy does, which would take the identity header too
	}
	r.Header.Del("Connection")
	if wasRead && !screen.Covers(covered, "expect") {
		r.Header.Del("Expect") // the body is here already
	}
	r.Trailer = nil // never signed
	r.Header.Set(h.IdentityHeader, id.KeyID)
}

// isTrusted reports whether the request came from one of the server's
// trusted_proxies.
func isTrusted(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// refuse answers for a verified request that cannot be passed on as it is.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, id *hmacsign.Identity, err error) {
	h.refused(r, refusal{reason: screen.Code, detail: err.Error(), keyID: id.KeyID, scheme: id.Scheme, algorithm: id.Algorithm})
	body, _ := json.Marshal(map[string]string{"message": http.StatusText(http.StatusBadRequest), "reason": screen.Code})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	w.Write(append(body, '\n'))
}
