package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gmhmac/hmacsign/internal/proxy"
)

// traced runs a gateway whose spans stay in memory.
func traced(t *testing.T, more string) (*instance, *upstreamHeaders, *tracetest.InMemoryExporter) {
	u := newUpstreamHeaders(t)
	c, err := ReadConfig(strings.NewReader(configOf(t, u.URL, "", "off: true") + more))
	require.NoError(t, err)
	log := new(logBuffer)
	g, err := Open(context.Background(), c, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, err)
	exporter := tracetest.NewInMemoryExporter()
	g.server.Proxy.Tracer = tracerOf(sdk.WithSyncer(exporter))
	g.proxy, err = proxy.New(g.server.Proxy)
	require.NoError(t, err)
	return run(t, g, log), u, exporter
}

// upstreamHeaders keeps the headers of the last request.
type upstreamHeaders struct {
	*httptest.Server
	mu   sync.Mutex
	last http.Header
}

func newUpstreamHeaders(t *testing.T) *upstreamHeaders {
	u := new(upstreamHeaders)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.last = r.Header
		if r.URL.Query().Get("id") == "broken" {
			w.WriteHeader(500)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstreamHeaders) header(name string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last.Get(name)
}

const (
	strangersTrace  = "0af7651916cd43dd8448eb211c80319c"
	strangersParent = "00-" + strangersTrace + "-b7ad6b7169203331-01"
)

func attributes(span tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range span.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

// A request is a span of its own with what became of it, and one of its way to the
// upstream below that. A stranger's trace is not continued, a trusted proxy's is.
func TestTraces(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		more := ""
		if trusted {
			more = "trusted_proxies: [127.0.0.1]\n"
		}
		i, u, exporter := traced(t, more)
		req := newRequest(t, "GET", "a")
		req.header.Set("Traceparent", strangersParent)
		require.Equal(t, 200, req.send(i.url))
		require.Eventually(t, func() bool { return len(exporter.GetSpans()) == 2 }, 10*time.Second, 5*time.Millisecond)
		up, server := exporter.GetSpans()[0], exporter.GetSpans()[1]
		require.Equal(t, []any{"upstream", trace.SpanKindClient, "GET all", trace.SpanKindServer}, []any{up.Name, up.SpanKind, server.Name, server.SpanKind})
		require.Equal(t, server.SpanContext.SpanID(), up.Parent.SpanID())
		require.Equal(t, trusted, server.SpanContext.TraceID().String() == strangersTrace)
		require.Equal(t, "00-"+server.SpanContext.TraceID().String()+"-"+up.SpanContext.SpanID().String()+"-01", u.header("Traceparent"))
		got := attributes(server)
		for name, want := range map[string]string{"http.request.method": "GET", "http.response.status_code": "200", "hmacsign.outcome": "accepted", "hmacsign.route": "all", "hmacsign.key_id": "test-key", "hmacsign.scheme": "tencent-app", "hmacsign.algorithm": "hmac-sm3"} {
			require.Equal(t, want, got[name], name)
		}
		require.NotEmpty(t, got["hmacsign.backend"])
		for name, value := range got {
			require.NotContains(t, value, "signature", name)
			require.NotContains(t, value, "id=a", "no query: %s", name)
		}
	}
}

func TestTracesOfRefusals(t *testing.T) {
	i, _, exporter := traced(t, "")
	req := newRequest(t, "GET", "a")
	req.target += "&tampered"
	require.Equal(t, 401, req.send(i.url))
	require.Equal(t, 500, newRequest(t, "GET", "broken").send(i.url))
	req = newRequest(t, "GET", "b")
	req.method = "STRANGE" + strings.Repeat("X", 500)
	require.Equal(t, 401, req.send(i.url))
	require.Eventually(t, func() bool { return len(exporter.GetSpans()) == 4 }, 10*time.Second, 5*time.Millisecond)
	spans := exporter.GetSpans()
	require.Equal(t, "signature", attributes(spans[0])["hmacsign.reason"])
	require.Equal(t, "upstream", spans[1].Name)
	require.Contains(t, spans[1].Attributes, attribute.Int("http.response.status_code", 500))
	require.Equal(t, "HTTP all", spans[3].Name)
}

// Spans reach a collector over OTLP.
func TestTracesAreExported(t *testing.T) {
	names := make(chan string, 10)
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		var export collector.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || proto.Unmarshal(data, &export) != nil {
			names <- "not OTLP: " + r.URL.Path
			return
		}
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					names <- span.Name
				}
			}
		}
	}))
	defer c.Close()
	u := newUpstream(t)
	i := start(t, configOf(t, u.URL, "", "off: true")+"traces: {endpoint: \""+c.URL+"\"}\n")
	require.Equal(t, 200, newRequest(t, "GET", "a").send(i.url))
	require.NoError(t, i.stop()) // sends what is left
	require.ElementsMatch(t, []string{"upstream", "GET all"}, []string{<-names, <-names})
}
