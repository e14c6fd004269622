package extauthz_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// What was verified is what arrives, as far as it is ours: behind a stand-in for Envoy
// that does with the service's answer what Envoy does. It is no Envoy: what that changes
// of a request by itself is here as its documentation has it.
func TestWireProperty(t *testing.T) {
	keys, err := hmacsign.ReadKeys(strings.NewReader(string(wiretest.Keys())))
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	upstream := wiretest.NewUpstream(t)
	e := &standIn{upstream: fmt.Sprint(upstream.Addr())}
	e.service = extauthz.New(v, extauthz.AcceptUnsaidLength(), extauthz.WithObserver(e.log))
	server := httptest.NewUnstartedServer(e)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)
	wiretest.Run(t, &wiretest.Target{Address: server.Listener.Addr().String(), Upstream: upstream, Identity: extauthz.IdentityHeader,
		HostHeader: "Host", ForwardedFor: "127.0.0.1", Log: e.logged,
		MayRefuse: mayRefuse,
		Refuses:   map[string]string{"query: unencoded": "it may have a # too"},
		Accepts: map[string]string{"connection: names a header that is signed": "Envoy takes the Connection header off first, and nothing that it names",
			"connection: names what schemes sign": "likewise"},
		Differs: map[string]string{"trailers": "a Trailer header that is signed goes on",
			"another signed header: x-forwarded-proto": "where a byte of it was changed, Envoy set what was signed"}})
}

func mayRefuse(path string, signed []string) string {
	if strings.Contains(path, "#") {
		return "Envoy refuses a path with a fragment, or cuts it off"
	}
	for _, f := range ofEnvoy {
		if slices.Contains(signed, f.Name) {
			return "Envoy sets it before it asks"
		}
	}
	return ""
}

// standIn is a server in the place of Envoy.
type standIn struct {
	service  *extauthz.Server
	upstream string
	mu       sync.Mutex
	lines    strings.Builder
}

func (e *standIn) log(d *extauthz.Decision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(&e.lines, "%d %s %s %v\n", d.Status, d.Method, d.Path, d.Err)
}

func (e *standIn) logged() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lines.String()
}

// ofHop are headers that Envoy keeps for itself.
var ofHop = map[string]bool{"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Upgrade": true, "Expect": true,
	"X-Forwarded-For": true, "X-Forwarded-Proto": true, "X-Request-Id": true}

func (e *standIn) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r := &sent{method: req.Method, target: req.RequestURI, host: req.Host, body: body, size: int64(len(body)), hasBody: req.ContentLength != 0}
	if scheme, rest, ok := strings.Cut(r.target, "://"); ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		r.target = "/"
		if start := strings.IndexAny(rest, "/?"); start >= 0 {
			r.target = "/" + strings.TrimPrefix(rest[start:], "/")
		}
	}
	for name, values := range req.Header {
		for _, value := range values {
			if !ofHop[name] {
				r.add(name, value)
			}
		}
	}
	out, _ := e.service.Check(req.Context(), r.raw())
	if denied := out.GetDeniedResponse(); denied != nil {
		for _, h := range denied.GetHeaders() {
			w.Header().Set(h.GetHeader().GetKey(), h.GetHeader().GetValue())
		}
		w.WriteHeader(int(denied.GetStatus().GetCode()))
		io.WriteString(w, denied.GetBody())
		return
	}
	drop := map[string]bool{}
	for _, name := range out.GetOkResponse().GetHeadersToRemove() {
		drop[name] = true
	}
	set := out.GetOkResponse().GetHeaders()[0].GetHeader()
	drop[set.GetKey()] = true
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nhost: %s\r\n%s: %s\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: https\r\nx-request-id: 1\r\n", r.method, r.target, r.host, set.GetKey(), set.GetValue())
	for _, f := range r.header {
		if name := strings.ToLower(f.Name); !drop[name] {
			fmt.Fprintf(&head, "%s: %s\r\n", name, f.Value)
		}
	}
	if r.hasBody && r.get("Content-Length") == "" {
		fmt.Fprintf(&head, "content-length: %d\r\n", len(body))
	}
	e.forward(w, req, head.String()+"\r\n"+string(body))
}

func (e *standIn) forward(w http.ResponseWriter, req *http.Request, raw string) {
	conn, err := net.Dial("tcp", e.upstream)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer conn.Close()
	io.WriteString(conn, raw)
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}
