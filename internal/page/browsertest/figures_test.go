package browsertest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The page is one file that is soon there, of sources that are soon read.
func TestSizes(t *testing.T) {
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(2_900_000))
	var sources int64
	names, err := filepath.Glob(filepath.Join(root, "internal/page/web/*"))
	require.NoError(t, err)
	for _, name := range names {
		source, err := os.Stat(name)
		require.NoError(t, err)
		if filepath.Ext(name) != ".go" {
			sources += source.Size()
		}
	}
	require.Positive(t, sources)
	require.Less(t, sources, int64(60_000))
	t.Logf("the page has %d bytes, its sources %d", info.Size(), sources)
}

var measure = flag.Bool("measure", false, "measure how long the page takes")

// Nothing here is held to a time: what else a machine does counts in it.
func TestTimes(t *testing.T) {
	if !*measure {
		t.Skip("measured by make bench-page")
	}
	for name := range browsers {
		t.Run(name, func(t *testing.T) {
			b := in(t, name)
			for source, url := range map[string]string{"file": "file://" + file, "served": servedAt} {
				var ready, explained []time.Duration
				for range 9 {
					start := time.Now()
					p := openReady(t, b, url)
					ready = append(ready, time.Since(start))
					p.choose("check")
					p.example("check", 1)
					for range 5 {
						took := run[float64](p, frame, `
							const tab = document.getElementById('check'), field = document.getElementById('request'), later = setTimeout;
							let run;
							globalThis.setTimeout = work => { run = work; return 0; };
							field.dispatchEvent(new Event('input', {bubbles: true}));
							globalThis.setTimeout = later;
							const start = performance.now();
							run();
							tab.getBoundingClientRect();
							return performance.now() - start`)
						explained = append(explained, time.Duration(took*float64(time.Millisecond)))
					}
					p.tab.close()
				}
				t.Logf("%s: ready within %v, a refusal explained within %v (medians)", source, median(ready), median(explained))
			}
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2].Round(100 * time.Microsecond)
}
