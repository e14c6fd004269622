package hmacsign

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// ForwardAuthOptions tell [Verifier.ForwardAuth] who asks it, and how.
type ForwardAuthOptions struct {
	// TrustedProxies are the addresses of the proxies that ask, TrustUnix all that
	// reach a unix socket of the server. Nobody else gets a verdict.
	TrustedProxies []netip.Prefix
	TrustUnix      bool
	// BodyForwarded: the proxies send the client's body along, whole, as Traefik does
	// with forwardBody. Without it requests of schemes that sign bodies are refused.
	// If it is set and they do not, whoever has a signed request without a body can
	// send it with any.
	BodyForwarded bool
}

// IdentityHeader is what [Verifier.ForwardAuth] tells a proxy the key id in: the proxy is
// to copy it onto the request, in the place of what the client sent of that name.
const IdentityHeader = "X-Hmacsign-Key-Id"

// ForwardAuth returns a handler that a proxy asks whether to let a request through, as
// Traefik's forwardAuth, Caddy's forward_auth, APISIX's forward-auth and nginx's
// auth_request do. The request that it verifies has the method, target and host that
// the proxy tells in X-Forwarded-Method, X-Forwarded-Uri and X-Forwarded-Host, each of
// them once and as the client sent it, and the headers of the proxy's own request, which
// are the client's, but for those that proxies set themselves: a signed one of these is
// missing. It answers 200 with [IdentityHeader], or as [Verifier.Middleware] does.
//
// A proxy that is not set up right is not answered as a wrong signature is: one that is
// not trusted gets 403, and one that leaves out what it must tell 503. Both reach an
// observer as [ErrUnavailable].
//
// What the proxy then sends on is up to the proxy: what it drops, adds, decodes or
// joins behind this answer, nobody verified.
func (v *Verifier) ForwardAuth(o ForwardAuthOptions) (http.Handler, error) {
	v.ready()
	if len(o.TrustedProxies) == 0 && !o.TrustUnix {
		return nil, errors.New("hmacsign: ForwardAuth: no trusted proxies: give the addresses that requests come from")
	}
	if slices.ContainsFunc(o.TrustedProxies, func(p netip.Prefix) bool { return !p.IsValid() || p.Addr().Is4In6() }) {
		return nil, errors.New("hmacsign: ForwardAuth: a trusted proxy is no address: make it with netip.ParsePrefix, IPv4 in its own form")
	}
	if !o.BodyForwarded && !slices.ContainsFunc(v.schemes, func(d *dialect) bool { return !d.signsBody }) {
		return nil, errors.New("hmacsign: ForwardAuth: every scheme that is accepted signs the body: have the proxy forward it, and say so with BodyForwarded")
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return &forwardAuth{v, o}, nil
}

type forwardAuth struct {
	*Verifier
	ForwardAuthOptions
}

func (f *forwardAuth) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !f.trusts(req) {
		f.forbid(w, req)
		return
	}
	client, err := f.clientsRequest(req)
	if err != nil {
		f.decide(w, req, nil, f.ofNone(err))
		return
	}
	id, refused := f.verifyForwarded(client)
	f.decide(w, client, id, refused)
}

// trusts reports whether a request is a trusted proxy's.
func (f *forwardAuth) trusts(req *http.Request) bool {
	if local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return f.TrustUnix
	}
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(f.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// forbid answers whoever is not trusted, with no word on the request.
func (f *forwardAuth) forbid(w http.ResponseWriter, req *http.Request) {
	refused := f.ofNone(refuse(ErrUnavailable, "forwarded_untrusted", "peer", req.RemoteAddr))
	if f.observe != nil {
		f.observe(req, nil, refused)
	}
	http.Error(w, "this server answers trusted proxies alone", http.StatusForbidden)
}

func (f *forwardAuth) decide(w http.ResponseWriter, req *http.Request, id *Identity, refused *VerifyError) {
	if f.observe != nil {
		f.observe(req, id, refused)
	}
	if refused != nil {
		f.answer(w, req, refused)
		return
	}
	w.Header().Set(IdentityHeader, id.KeyID)
	w.WriteHeader(http.StatusOK)
}

func (f *forwardAuth) verifyForwarded(client *http.Request) (*Identity, *VerifyError) {
	w := newWork()
	defer w.free()
	w.readErr = w.read(client, &f.common)
	w.bodyless = !f.BodyForwarded
	defer func() { w.body.closes = true; w.body.restore(client); client.Body.Close() }()
	return f.verify(client.Context(), w)
}

// clientsRequest is the request that the proxy asks about.
func (f *forwardAuth) clientsRequest(req *http.Request) (*http.Request, error) {
	var told [3]string
	for i, name := range []string{"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"} {
		switch values := req.Header[name]; {
		case len(values) > 1:
			return nil, refuse(ErrUnavailable, "forwarded_repeated", "header", name)
		case len(values) == 0 || values[0] == "":
			return nil, refuse(ErrUnavailable, "forwarded_missing", "header", name)
		default:
			told[i] = values[0]
		}
	}
	client := req.WithContext(req.Context())
	client.Method, client.RequestURI, client.Host = told[0], told[1], told[2]
	var err error
	switch client.URL, err = url.ParseRequestURI(client.RequestURI); {
	case !strings.HasPrefix(client.RequestURI, "/"):
		return nil, refuse(ErrMalformed, "no_path")
	case err != nil:
		return nil, refuse(ErrMalformed, "wire_target")
	}
	client.Header = make(http.Header, len(req.Header))
	for name, values := range req.Header {
		if !ofTheProxy(name, values) {
			client.Header[name] = values
		}
	}
	if !f.BodyForwarded {
		client.ContentLength, client.TransferEncoding, client.Body = 0, nil, nil
		delete(client.Header, "Content-Length") // of the proxy's own request
	}
	if client.Body == nil {
		client.Body = http.NoBody
	}
	return client, nil
}

// ofTheProxy reports whether proxies set a header of their own requests themselves: that
// it is there does not say that the client sent it.
func ofTheProxy(name string, values []string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", IdentityHeader,
		"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect":
		return true
	case "Accept-Encoding": // what net/http adds, as in Traefik
		return slices.Equal(values, []string{"gzip"})
	case "User-Agent":
		return len(values) == 1 && (strings.HasPrefix(values[0], "Go-http-client/") || strings.HasPrefix(values[0], "lua-resty-http/"))
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

// notForwarded refuses a request of a scheme that signs bodies, where none is forwarded:
// that there was none, or which, nobody knows.
func notForwarded(d *dialect) *scheme.Refusal {
	return refuse(ErrScheme, "body_not_forwarded", "scheme", d.name)
}
