package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
)

// sent tells the requests of all runs apart: a guard remembers them.
var sent atomic.Int64

// BenchmarkGateway sends distinct GETs through a gateway over loopback, the client's
// signing and the upstream's work included, with each kind of guard.
func BenchmarkGateway(b *testing.B) {
	redis := redistest.Start(b)
	for name, replay := range map[string]string{"off": "off: true", "memory": "memory: 2000000", "redis": redisAt(b, redis.URL(), "")} {
		b.Run(name, func(b *testing.B) {
			u := newUpstream(b)
			g := start(b, configOf(b, u.URL, "", replay))
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequest("GET", fmt.Sprintf("%s/v1/things?id=%s-%d", g.url, name, sent.Add(1)), nil)
					require.NoError(b, err)
					require.NoError(b, signer.Sign(req))
					resp, err := client.Do(req)
					require.NoError(b, err)
					resp.Body.Close()
					require.Equal(b, 200, resp.StatusCode)
				}
			})
		})
	}
}

// BenchmarkReadConfig is what it costs to read a configuration with a hundred routes.
func BenchmarkReadConfig(b *testing.B) {
	var text strings.Builder
	text.WriteString("keys: {file: keys.json}\nreplay: {memory: 1000}\nroutes:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - {name: r%d, prefix: /r%d, upstream: \"http://127.0.0.1:9000\"}\n", i, i)
	}
	for b.Loop() {
		_, err := ReadConfig(strings.NewReader(text.String()))
		require.NoError(b, err)
	}
}
