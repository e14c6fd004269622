package proxy

import (
	"context"
	"io"
	"net/http"
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
		"/ADMIN", "/Admin/x", "/admin/..", "/admin/../x", "/admin/%2e%2e/x", "/admin/..%2fx", "/a//b", "/a%2fb", "/a/./b", "/a/c/../b", "/a%2fb%2fc", "/admin%23/../x", "/%c0%afadmin", "/x%c0%af%c0%ae%c0%ae%c0%afadmin",
	} {
		status, body := ask(t, p, "h", target)
		require.Equal(t, 400, status, "%s: %s", target, body)
		require.Contains(t, body, "not_forwardable", target)
	}
	for target, want := range map[string]string{"/admin": "admin", "/admin/x/../y": "admin", "/admin/a%2fb": "admin", "/admin//x": "admin", "/x//y": "all", "/a/b/..%2f..": "", "/x/%2e%2e": "all", "/administer": "all", "/Cased/A": "cased", "/cased": ""} {
		status, body := ask(t, p, "h", target)
		if want == "" {
			require.Equal(t, 400, status, target)
			continue
		}
		require.Equal(t, []any{200, want}, []any{status, body}, target)
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
	} {
		for _, r := range routes {
			r.Upstream = "http://h"
		}
		c := oneRoute("", nil)
		c.Routes = routes
		_, err := New(c)
		require.ErrorContains(t, err, why)
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
	require.Equal(t, "client", u.last().header.Get("Tracestate"))

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
