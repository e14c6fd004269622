package proxy

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// count counts a request that was decided on.
func count(d *decision, took time.Duration) {
	// Only words of ours are labels, so their number is bounded; an algorithm
	// that a stranger made up is not one.
	algorithm := d.algorithm
	if d.reason == "algorithm" {
		algorithm = "refused"
	}
	metrics.GetOrCreateCounter(fmt.Sprintf(`hmacsign_requests_total{outcome=%q,reason=%q,scheme=%q,algorithm=%q,backend=%q}`,
		d.outcome, d.reason, d.scheme, algorithm, d.backend)).Inc()
	metrics.GetOrCreateHistogram(`hmacsign_request_duration_seconds`).Update(took.Seconds())
}
