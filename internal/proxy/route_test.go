package proxy

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// startRoutes starts a proxy of routes, each to an upstream of its own that answers with
// the route's name.
func startRoutes(t *testing.T, routes ...*Route) *proxy {
	return startServe(t, "", func(s *settings) {
		for _, route := range routes {
			u := newUpstream(t)
			u.hook = func(w http.ResponseWriter, _ *http.Request) bool { io.WriteString(w, route.Name); return true }
			route.Upstream = u.URL
		}
		s.Routes = routes
	})
}

func routeFor(name, prefix string, hosts ...string) *Route {
	r := NewRoute("")
	r.Name, r.Prefix, r.Hosts = name, prefix, hosts
	return r
}

// ask sends a signed request with this host and target, and returns what came.
func ask(t *testing.T, p *proxy, host, target string) (int, string) {
	text := raw{host: host, target: target}.signedBy(t, signerOf(t, hmacsign.TencentApp))
	resp, body := exchange(t, p, text)
	return resp.StatusCode, body
}

func TestRoutes(t *testing.T) {
	p := startRoutes(t, routeFor("all", ""), routeFor("orders", "/orders"), routeFor("old orders", "/orders/v1"), routeFor("shop", "", "shop.example"), routeFor("shop admin", "/admin", "shop.example", "admin.example"))
	for _, c := range []struct{ host, target, want string }{
		{"h", "/", "all"}, {"h", "/x", "all"}, {"h", "/orders", "orders"}, {"h", "/orders?a=1", "orders"}, {"h", "/orders/", "orders"}, {"h", "/orders/1", "orders"},
		{"h", "/ordersx", "all"}, {"h", "/orders/v1", "old orders"}, {"h", "/orders/v1/2", "old orders"}, {"h", "/orders/v12", "orders"}, {"h", "/x/orders", "all"},
		{"h", "/orders/a%2Fb", "orders"}, {"h", "/orders//a", "orders"}, {"h", "/x%20y", "all"}, {"h:8080", "/orders", "orders"},
		{"shop.example", "/orders", "shop"}, {"SHOP.example:80", "/x", "shop"}, {"shop.example.", "/x", "shop"}, {"shop.example", "/admin/x", "shop admin"},
		{"admin.example", "/admin", "shop admin"}, {"other.example", "/admin", "all"},
	} {
		status, body := ask(t, p, c.host, c.target)
		require.Equal(t, []any{200, c.want}, []any{status, body}, "%s %s", c.host, c.target)
	}
	status, body := ask(t, p, "admin.example", "/x")
	require.Equal(t, 404, status)
	require.Contains(t, body, "no_route")
	lines := p.awaitLines(t, 22)
	require.Equal(t, "orders", lines[2]["route"])
	require.Equal(t, "no_route", lines[21]["reason"])
}

// A path that some server reads as one of another route is refused: it would evade what
// that route demands.
func TestRoutesThatAreEvaded(t *testing.T) {
	p := startRoutes(t, routeFor("all", ""), routeFor("admin", "/admin"), routeFor("deep", "/a/b"), routeFor("cased", "/Cased"))
	for _, target := range []string{
		"//admin", "/./admin", "/x/../admin", "/x/..;/admin", "/%61dmin", "/%2561dmin", "/%252561dmin", "/x/%2e%2e/admin", "/x%2f..%2fadmin", "/x/..%5cadmin", "/admin%2fx", "/%2fadmin", "/admin;x=1", "/admin%3Fx", "/admin%23x", "/admin%00", "/admin%20", "/x/..%2fadmin",
		// What one server drops, another one takes for a segment that .. ends.
		"/x/../admin//..", "/x/../admin/;/..", "/x/../admin/%20/..", `/x/../admin/\\/..`, "/x/../admin/y/..;/..;/..", "/x/../admin%2f%2f..", "/admin/x/../y", "/x/%2e%2e", "/x/..",
		// What some servers do not tell apart from other letters.
		"/adm%C4%B1n", "/adm%C4%B0n", "/ca%C5%BFed", "/%EF%BD%81dmin", "/%EF%BC%8Fadmin", "/x%EF%BC%8F%EF%BC%8E%EF%BC%8E/admin", "/\xef\xbc\x8fadmin", "/%c1%a1dmin", "/%e0%80%afadmin", "/%f0%80%80%afadmin", "/adm%09in", "/adm%0d%0ain",
		"/admin.", "/admin./x", "/%3bx%5cy%3b/admin", "/admin.%20.", "/admin%2e",
		"/ADMIN", "/Admin/x", "/admin/..", "/admin/../x", "/admin/%2e%2e/x", "/admin/..%2fx", "/a//b", "/a%2fb", "/a/./b", "/a/c/../b", "/a%2fb%2fc", "/admin%23/../x", "/%c0%afadmin", "/x%c0%af%c0%ae%c0%ae%c0%afadmin",
	} {
		status, body := ask(t, p, "h", target)
		require.Equal(t, 400, status, "%s: %s", target, body)
		require.Contains(t, body, "not_forwardable", target)
	}
	for target, want := range map[string]string{"/admin": "admin", "/admin/a%2fb": "admin", "/admin//x": "admin", "/x//y": "all", "/a/b/..%2f..": "", "/x/a..b/...c": "all", "/admin.json": "all", "/x/%EF%BC%88": "all", "/administer": "all", "/Cased/A": "cased", "/cased": ""} {
		status, body := ask(t, p, "h", target)
		if want == "" {
			require.Equal(t, 400, status, target)
			continue
		}
		require.Equal(t, []any{200, want}, []any{status, body}, target)
	}
}

// servers are ways in which servers read a path.
var servers = map[string]func(path string) string{
	"as it is":           func(path string) string { return path },
	"RFC 3986":           resolved,
	"decoded":            func(path string) string { return resolved(percentDecoded(path)) },
	"decoded after":      func(path string) string { return percentDecoded(resolved(path)) },
	"decoded twice":      func(path string) string { return resolved(percentDecoded(resolved(percentDecoded(path)))) },
	"merged and decoded": func(path string) string { return resolved(merged(percentDecoded(path))) },
	"merged after":       func(path string) string { return merged(resolved(percentDecoded(path))) },
	"parameters cut, then decoded": func(path string) string {
		return merged(resolved(percentDecoded(parameters.ReplaceAllString(path, ""))))
	},
	"decoded, then cut": func(path string) string {
		return merged(resolved(parameters.ReplaceAllString(percentDecoded(path), "")))
	},
	"backslashes": func(path string) string {
		return strings.ToLower(resolved(strings.ReplaceAll(percentDecoded(path), `\`, "/")))
	},
	"backslashes and dots": func(path string) string {
		return resolved(trailing.ReplaceAllString(merged(strings.ReplaceAll(percentDecoded(path), `\`, "/")), ""))
	},
}

var (
	trailing    = regexp.MustCompile(`\b[. ]+$|\b[. ]+(?:/)`)
	manySlashes = regexp.MustCompile(`//+`)
)

func merged(path string) string { return manySlashes.ReplaceAllString(path, "/") }

// resolved is a path without dots, as RFC 3986 section 5.2.4 resolves it.
func resolved(path string) string {
	var out []string
	for _, segment := range strings.Split(path, "/") {
		switch {
		case segment == ".":
		case segment != "..":
			out = append(out, segment)
		case len(out) > 1:
			out = out[:len(out)-1]
		}
	}
	return strings.Join(out, "/")
}

// Whatever a path is made of: if a server reads it as below a prefix, its route is that
// of the prefix or it is refused; and what is nothing but names is not refused.
func TestRoutesHoldWhateverServersRead(t *testing.T) {
	c := oneRoute("http://h", nil)
	c.Routes = []*Route{routeFor("all", ""), routeFor("admin", "/admin"), routeFor("deep", "/x/admin")}
	for _, r := range c.Routes {
		r.Upstream = "http://h"
	}
	p, err := New(c)
	require.NoError(t, err)
	pieces := []string{"/", "/", "/", "admin", "admin", "x", "x", "y", "..", ".", ";", ";z", `\`, "%2f", "%5c", "%2e", "%2E.", "%61dmin", "%252f", "%3b", "%20", "%09", "ADMIN", "%2561dmin", "."}
	rnd := rand.New(rand.NewPCG(1, 2))
	taken, refused := map[string]int{}, 0
	for range 50_000 {
		path := "/"
		for range 1 + rnd.IntN(9) {
			path += pieces[rnd.IntN(len(pieces))]
		}
		route, err := p.route(&http.Request{RequestURI: path, Host: "h"})
		if err != nil {
			refused++
			require.Regexp(t, `[^a-z/]|//|^/admin|^/x/admin`, path, "refused for nothing")
			continue
		}
		taken[route.Name]++
		for server, read := range servers {
			require.Equal(t, route.Name, longest(p.routes, read(path), false).Name, "%s, for a server that reads it %s: %s", path, server, read(path))
		}
	}
	require.Len(t, taken, 3)
	require.Positive(t, refused)
}

// A Host that some server reads as another one is refused where hosts have routes.
func TestRoutesOfStrangeHosts(t *testing.T) {
	p := startRoutes(t, routeFor("all", ""), routeFor("shop", "", "shop.example", "[::1]"))
	for _, host := range []string{"x@shop.example", "shop.example@x", "shop.example,x", "shop.example/x", `shop.example\x`, "shop.example?x", "shop.example#x", "shop%2eexample", "shop.example%00", "shop.example:80:80", "shop.example:x",
		"[::1", "::1]", "[::1]x", "[::1%25lo]", "sho\xc2\xadp.example", "\xef\xbd\x93hop.example", "shop\xe3\x80\x82example", "(shop.example)", "shop.example;x", "[shop.example]"} {
		status, body := ask(t, p, host, "/a")
		require.Equal(t, 400, status, host)
		if !strings.Contains(body, "Bad Request: malformed Host header") { // which net/http says
			require.Contains(t, body, "not_forwardable", host)
		}
	}
	for host, want := range map[string]string{"shop.example..": "shop", "shop.example:": "shop", "Shop.Example.:8080": "shop", "[::1]": "shop", "[::1]:80": "shop", "[0:0::1]": "shop", "shop.example.x": "all", "xn--shop-0na.example": "all", "a_b-c": "all", "127.0.0.1:80": "all", "[::2]": "all"} {
		status, body := ask(t, p, host, "/a")
		require.Equal(t, []any{200, want}, []any{status, body}, host)
	}
	// The target's host counts, as it does for the request itself.
	for target, want := range map[string]string{"http://shop.example/a": "shop", "http://x/a": "all", "http://u@shop.example:80/a": "shop"} {
		resp, body := exchange(t, p, raw{host: "other", target: "/a", sent: target}.signedBy(t, signerOf(t, hmacsign.TencentApp)))
		require.Equal(t, []any{200, want}, []any{resp.StatusCode, body}, target)
	}
}

// Where a host has one route for all paths, no path is another route's.
func TestRoutesOfHostsAlone(t *testing.T) {
	p := startRoutes(t, routeFor("a", "", "a"), routeFor("b", "", "b"))
	for _, target := range []string{"/x/../y", "//x", "/%2e%2e/x", "/"} {
		status, body := ask(t, p, "b", target)
		require.Equal(t, []any{200, "b"}, []any{status, body}, target)
	}
}

// What one route demands holds for it alone.
func TestRoutesHaveTheirOwnVerifiers(t *testing.T) {
	strict, lax := routeFor("strict", "/strict"), routeFor("lax", "")
	strict.Options = []hmacsign.VerifierOption{hmacsign.AcceptSchemes(hmacsign.HuaweiSDK), hmacsign.RequireSignedHeaders("x-nonce")}
	strict.MaxBody = 4
	p := startRoutes(t, strict, lax)
	status, _ := ask(t, p, "h", "/strict")
	require.Equal(t, 401, status)
	status, _ = ask(t, p, "h", "/lax")
	require.Equal(t, 200, status)
	huawei := signerOf(t, hmacsign.HuaweiSDK, hmacsign.WithSignedHeaders("x-nonce"))
	for body, want := range map[string]int{"1234": 200, "12345": 413} {
		req := request(t, "POST", p.url+"/strict/a", strings.NewReader(body))
		req.Header.Set("X-Nonce", "n")
		require.NoError(t, huawei.Sign(req))
		status, _ := do(t, nil, req)
		require.Equal(t, want, status)
	}
}

func TestRoutesAreChecked(t *testing.T) {
	for why, routes := range map[string][]*Route{
		"no routes":       {},
		"the same host":   {routeFor("a", "/x"), routeFor("b", "/x/")},
		"same host":       {routeFor("a", "", "h", "i"), routeFor("b", "", "i")},
		"host and prefix": {routeFor("a", "/x"), routeFor("b", "/X")},
		"double slashes":  {routeFor("a", "/x//y")},
		"dots":            {routeFor("a", "/x/../y")},
		"prefix":          {routeFor("a", "x")},
		"encoded":         {routeFor("a", "/%61")},
		"lower case":      {routeFor("a", "", "H")},
		"a port":          {routeFor("a", "", "h:80")},
		"host \"h.\"":     {routeFor("a", "", "h.")},
		"host \"a/b\"":    {routeFor("a", "", "a/b")},
		"host \"[0::1]\"": {routeFor("a", "", "[0::1]")},
		"host \"::1\"":    {routeFor("a", "", "::1")},
		"ASCII":           {routeFor("a", "/\u00e9")},
	} {
		for _, r := range routes {
			r.Upstream = "http://h"
		}
		c := oneRoute("", nil)
		c.Routes = routes
		_, err := New(c)
		require.ErrorContains(t, err, why, why)
	}
}

// spans is a tracer that remembers.
type spans struct {
	mu      sync.Mutex
	trusted []bool
	ended   []Event
}

type spanKey struct{}

func (s *spans) Begin(r *http.Request, trusted bool) (context.Context, func(*Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted = append(s.trusted, trusted)
	return context.WithValue(r.Context(), spanKey{}, "trace of "+r.URL.Path), func(e *Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, *e)
	}
}

func (s *spans) Forward(ctx context.Context, out http.Header) func(int, error) {
	out.Set("Traceparent", ctx.Value(spanKey{}).(string))
	return func(int, error) {}
}

// A trace's headers are the proxy's, unless the client signed its own.
func TestTracer(t *testing.T) {
	u := newUpstream(t)
	tracer := new(spans)
	p := startServe(t, u.URL, func(s *settings) { s.Tracer = tracer; require.NoError(t, s.ParseTrusted("127.0.0.1")) })
	huawei := signerOf(t, hmacsign.HuaweiSDK, hmacsign.WithSignedHeaders("traceparent"))
	req := request(t, "GET", p.url+"/a", nil)
	req.Header.Set("Traceparent", "signed")
	req.Header.Set("Tracestate", "client")
	require.NoError(t, huawei.Sign(req))
	status, _ := do(t, nil, req)
	require.Equal(t, 200, status)
	require.Equal(t, "signed", u.last().header.Get("Traceparent"))
	require.Empty(t, u.last().header["Tracestate"], "it is not signed: whoever is in between can have added it to the client's trace")

	req = request(t, "GET", p.url+"/b", nil)
	require.NoError(t, testSigner(t).Sign(req))
	req.Header.Set("Traceparent", "added on the way")
	req.Header.Set("Tracestate", "added on the way")
	status, _ = do(t, nil, req)
	require.Equal(t, 200, status)
	require.Equal(t, []string{"trace of /b"}, u.last().header["Traceparent"])
	require.Empty(t, u.last().header["Tracestate"])

	req = request(t, "GET", p.url+"/c", nil)
	status, _ = do(t, nil, req)
	require.Equal(t, 401, status)
	p.awaitLines(t, 3)
	require.Equal(t, []bool{true, true, true}, tracer.trusted)
	require.Equal(t, []any{200, "accepted", "huawei-sdk", "test-key"}, []any{tracer.ended[0].Status, tracer.ended[0].Outcome, tracer.ended[0].Scheme, tracer.ended[0].KeyID})
	require.Equal(t, []any{401, "refused", "no_authorization"}, []any{tracer.ended[2].Status, tracer.ended[2].Outcome, tracer.ended[2].Reason})
}
