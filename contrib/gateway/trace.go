package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gmhmac/hmacsign/internal/buildinfo"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

// closeTimeout is how long a store or an exporter may take to end.
const closeTimeout = 5 * time.Second

// A tracer makes a span of each request and one of its way to the upstream. No
// attribute holds a query, a signature or a secret.
type tracer struct {
	provider   *sdk.TracerProvider
	spans      trace.Tracer
	propagator propagation.TextMapPropagator
}

// newTracer exports to the collector of the configuration.
func newTracer(ctx context.Context, c *Traces, log *slog.Logger) (*tracer, error) {
	otel.SetLogger(logr.FromSlogHandler(withoutValues{log.Handler()}))
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimRight(c.Endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("traces could not be sent", "error", clipped(err.Error())) // it may hold the collector's whole answer
	}))
	sample := 1.0
	if c.Sample != nil {
		sample = *c.Sample
	}
	return tracerOf(sdk.WithBatcher(exporter), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(sample)))), nil
}

func tracerOf(opts ...sdk.TracerProviderOption) *tracer {
	service := resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("hmacsign-gateway"), semconv.ServiceVersion(buildinfo.Version()))
	if named, err := resource.New(context.Background(), resource.WithFromEnv()); err == nil {
		if merged, err := resource.Merge(service, named); err == nil { // OTEL_SERVICE_NAME goes before ours
			service = merged
		}
	}
	provider := sdk.NewTracerProvider(append(opts, sdk.WithResource(service))...)
	return &tracer{provider, provider.Tracer("github.com/gmhmac/hmacsign/contrib/gateway"),
		propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}
}

func (t *tracer) close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Begin implements [proxy.Tracer]. The trace that a peer names is continued only if the
// peer is trusted: a stranger must not write into it, nor have it sampled.
func (t *tracer) Begin(r *http.Request, trusted bool) (context.Context, func(*proxy.Event)) {
	ctx := r.Context()
	if trusted {
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	method := knownMethod(r.Method)
	ctx, span := t.spans.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method)))
	return ctx, func(e *proxy.Event) {
		defer span.End()
		if !span.IsRecording() {
			return
		}
		span.SetAttributes(semconv.HTTPResponseStatusCode(e.Status), attribute.String("hmacsign.request_id", e.RequestID))
		for name, value := range map[string]string{"hmacsign.route": e.Route, "hmacsign.outcome": e.Outcome, "hmacsign.reason": e.Reason,
			"hmacsign.key_id": e.KeyID, "hmacsign.scheme": e.Scheme, "hmacsign.algorithm": e.Algorithm, "hmacsign.backend": e.Backend} {
			if value != "" {
				span.SetAttributes(attribute.String(name, clipped(value)))
			}
		}
		if e.Route != "" {
			span.SetName(method + " " + e.Route)
		}
		if e.Failed {
			span.SetStatus(codes.Error, e.Reason)
		}
	}
}

// Forward implements [proxy.Tracer].
func (t *tracer) Forward(ctx context.Context, out http.Header) func(int, error) {
	ctx, span := t.spans.Start(ctx, "upstream", trace.WithSpanKind(trace.SpanKindClient))
	t.propagator.Inject(ctx, propagation.HeaderCarrier(out))
	return func(status int, err error) {
		defer span.End()
		if err != nil {
			span.SetStatus(codes.Error, "no answer")
			return
		}
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= 500 {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
	}
}

// knownMethod keeps the names of spans few, whatever a stranger sends.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "HTTP"
}

// withoutValues logs what OpenTelemetry finds wrong in the environment, but not the
// values, which may be secret headers: it would write them to standard error.
type withoutValues struct{ slog.Handler }

func (h withoutValues) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}

func (h withoutValues) Handle(ctx context.Context, r slog.Record) error {
	told := slog.NewRecord(r.Time, r.Level, "a variable OTEL_... of the environment cannot be used", 0)
	told.AddAttrs(slog.String("step", r.Message))
	return h.Handler.Handle(ctx, told)
}

func (h withoutValues) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h withoutValues) WithGroup(string) slog.Handler { return h }

// clipped bounds what a stranger can make an attribute hold, and makes text of it: with
// one that is none all spans that are sent beside it would be lost.
func clipped(text string) string {
	const limit = 256
	if len(text) > limit {
		text = text[:limit] + "..."
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
