package bench

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each row that make bench prints has a name of its own and says what it measured: a
// benchmark that returns without measuring leaves a row with a time of nothing.
func TestRows(t *testing.T) {
	out, err := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=.", "-test.benchtime=1x").CombinedOutput()
	require.NoError(t, err, string(out))
	rows := regexp.MustCompile(`(?m)^Benchmark\S+ .*$`).FindAllString(string(out), -1)
	require.Greater(t, len(rows), 50)
	for _, row := range rows {
		require.Regexp(t, `ns/op.*allocs/op$`, row)
		require.NotContains(t, strings.Fields(row)[0], "#", "two benchmarks of one name")
	}
}
