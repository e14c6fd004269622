// Package loadtest drives servers with the load generator wrk, in turn, and compares
// their throughput. It is for tests, which are skipped unless HMACSIGN_LOAD says for how
// many seconds each server is driven.
package loadtest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Rounds are the slices in which each server is driven, in turn with the others:
// machines are shared, and what is measured at one time is not at another.
const Rounds = 6

// Body is 1 KiB of JSON.
var Body = `{"name":"` + strings.Repeat("x", 1024-11) + `"}`

// Slice is how many seconds a slice takes. Without HMACSIGN_LOAD the test is skipped,
// and says that this make target runs it.
func Slice(t *testing.T, target string) int {
	seconds, _ := strconv.Atoi(os.Getenv("HMACSIGN_LOAD"))
	if seconds == 0 {
		t.Skip("needs HMACSIGN_LOAD=30 (seconds) and wrk: make " + target)
	}
	return max(1, seconds/Rounds)
}

// Upstream answers every request with a word, once it has read its body.
func Upstream(t *testing.T) *httptest.Server {
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	t.Cleanup(u.Close)
	return u
}

// A Load is what wrk says of one slice.
type Load struct {
	PerSecond float64
	P50, P99  time.Duration
}

// Run drives the server at a URL with a script of wrk's for a slice. Every answer must be
// a right one.
func Run(t *testing.T, url, script string, slice int) Load {
	file := filepath.Join(t.TempDir(), "wrk.lua")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	out, err := exec.Command("wrk", "-t1", "-c32", fmt.Sprintf("-d%ds", slice), "--latency", "-s", file, url).CombinedOutput()
	text := string(out)
	require.NoError(t, err, text)
	require.NotContains(t, text, "Non-2xx", text)
	require.NotContains(t, text, "Socket errors", text)
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, m, text)
		return m[1]
	}
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		require.NoError(t, err)
		return d
	}
	perSecond, err := strconv.ParseFloat(find(`Requests/sec:\s+([\d.]+)`), 64)
	require.NoError(t, err)
	return Load{perSecond, duration(find(`(?m)^\s+50%\s+(\S+)`)), duration(find(`(?m)^\s+99%\s+(\S+)`))}
}

// Repeat is a script that sends a request with [Body] again and again.
func Repeat(req *http.Request) string {
	script := fmt.Sprintf("wrk.method = %q\nwrk.body = '%s'\n", req.Method, Body)
	for name := range req.Header {
		script += fmt.Sprintf("wrk.headers['%s'] = '%s'\n", name, req.Header.Get(name))
	}
	return script
}

// A Process is a server in a process of its own, whose memory can be told from the
// test's.
type Process struct {
	Addr string
	PID  int
}

// Start starts this program again, with one more environment variable by which its
// TestMain knows what it is for. It writes its address in a line, and ends when its
// standard input does.
func Start(t *testing.T, variable, value string) *Process {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), variable+"="+value)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); require.NoError(t, cmd.Wait()) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return &Process{strings.TrimSpace(line), cmd.Process.Pid}
}

// ResidentMiB is the process's resident memory.
func (p *Process) ResidentMiB(t *testing.T) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return float64(n) / 1024
}

// A Server is one that is compared with others, by its name.
type Server struct {
	Name  string
	Loads []Load
}

// Report prints the medians of the servers, and the throughput of each but the first as
// ratios to the first's in the same round.
func Report(what string, slice int, servers ...*Server) {
	fmt.Printf("%d processors, wrk -t1 -c32, %s; slices of %d s in turn\n", runtime.NumCPU(), what, slice)
	fmt.Printf("%-24s %12s %10s %10s   against %s\n", "", "requests/s", "p50", "p99", servers[0].Name)
	for i, s := range servers {
		of := func(value func(Load) float64) float64 {
			var values []float64
			for _, l := range s.Loads {
				values = append(values, value(l))
			}
			return Median(values)
		}
		fmt.Printf("%-24s %12.0f %8.2fms %8.2fms", s.Name, of(func(l Load) float64 { return l.PerSecond }), of(func(l Load) float64 { return l.P50.Seconds() * 1000 }), of(func(l Load) float64 { return l.P99.Seconds() * 1000 }))
		if i > 0 {
			var ratios []float64
			for round := range s.Loads {
				ratios = append(ratios, s.Loads[round].PerSecond/servers[0].Loads[round].PerSecond)
			}
			fmt.Printf("   median %.3f (%.3f to %.3f)", Median(ratios), slices.Min(ratios), slices.Max(ratios))
		}
		fmt.Println()
	}
}

// Median is the middle of some values, of an even number that of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
