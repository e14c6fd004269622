package sqlkeys

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Secrets that do not decrypt are tried again at growing distances, up to that at
// which the keys are read anyway.
func TestPlan(t *testing.T) {
	now := time.Now()
	s := &Store{options: defaults()}
	s.now = func() time.Time { return now }
	wait := func(again bool) time.Duration { s.plan(again); return s.reloadAt.Sub(now) }
	require.Equal(t, time.Minute, wait(false))
	for _, want := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		require.Equal(t, time.Duration(want)*time.Second, wait(true))
	}
	require.Equal(t, time.Minute, wait(false))
	require.Equal(t, time.Second, wait(true))
}
