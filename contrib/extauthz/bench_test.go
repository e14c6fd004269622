package extauthz_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// One call at a time over a unix socket, with 1 KiB of body, as Envoy would wait for it.
func BenchmarkCall(b *testing.B) {
	for _, s := range hmacsign.Schemes() {
		b.Run(s.Name(), func(b *testing.B) {
			service := start(b, testVerifier(b))
			in := signed(b, s, algo.HMACSHA256, "POST", "/v1/things?a=b&c=d", strings.Repeat("x", 1<<10)).raw()
			for range 500 { // until the connection and the processor are warm
				_, d := service.ask(b, in)
				require.NoError(b, d.Err)
			}
			took := make([]time.Duration, 0, 1<<16)
			for b.Loop() {
				start := time.Now()
				_, err := service.Check(b.Context(), in)
				took = append(took, time.Since(start))
				require.NoError(b, err)
				<-service.decisions
			}
			slices.Sort(took)
			micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
			b.ReportMetric(micros(took[len(took)/2]), "p50-us")
			b.ReportMetric(micros(took[len(took)*99/100]), "p99-us")
		})
	}
}

// The service alone, without the call.
func BenchmarkCheck(b *testing.B) {
	for _, s := range hmacsign.Schemes() {
		b.Run(s.Name(), func(b *testing.B) {
			service := extauthz.New(testVerifier(b))
			in := signed(b, s, algo.HMACSHA256, "POST", "/v1/things?a=b&c=d", strings.Repeat("x", 1<<10)).raw()
			b.ReportAllocs()
			for b.Loop() {
				out, err := service.Check(b.Context(), in)
				require.NoError(b, err)
				require.NotNil(b, out.GetOkResponse())
			}
		})
	}
}
