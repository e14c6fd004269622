//go:build linux

package hmacsigncaddy

import (
	"context"
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

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

const loadTarget = "/v1/things?b=2&a=1"

// loadBody is 1 KiB of JSON.
var loadBody = `{"name":"` + strings.Repeat("x", 1024-11) + `"}`

// perSecond is what wrk says of one slice.
func perSecond(t *testing.T, url, script string, seconds int) float64 {
	out, err := exec.Command("wrk", "-t1", "-c32", fmt.Sprintf("-d%ds", seconds), "-s", script, url).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "Non-2xx")
	require.NotContains(t, string(out), "Socket errors")
	m := regexp.MustCompile(`Requests/sec:\s+([\d.]+)`).FindSubmatch(out)
	require.NotNil(t, m, string(out))
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	require.NoError(t, err)
	return rate
}

// TestMain lets TestLoad run each Caddy in a process of its own: this program,
// started again.
func TestMain(m *testing.M) {
	config := os.Getenv("HMACSIGN_LOAD_CONFIG")
	if config == "" {
		os.Exit(m.Run())
	}
	if err := caddy.Load([]byte(config), true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	caddy.Stop()
}

// caddyProcess is a Caddy in a process of its own.
type caddyProcess struct {
	name  string
	addr  string
	pid   int
	rates []float64
}

func startCaddyProcess(t *testing.T, name, site string) *caddyProcess {
	s := &server{addr: freeAddress(t), admin: freeAddress(t), dir: t.TempDir()}
	require.NoError(t, os.WriteFile(s.keysFile(), []byte(testKeys), 0o600))
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(context.Background(), exe)
	cmd.Env = append(os.Environ(), "HMACSIGN_LOAD_CONFIG="+string(adapted(t, s.caddyfile(site))))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); require.NoError(t, cmd.Wait()) })
	_, err = io.ReadFull(stdout, make([]byte, len("ready\n")))
	require.NoError(t, err)
	return &caddyProcess{name: name, addr: s.addr, pid: cmd.Process.Pid}
}

func (c *caddyProcess) residentMiB(t *testing.T) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return float64(n) / 1024
}

// TestLoad drives Caddy with and without the handler in turn and reports the
// throughput of each. It asserts what does not depend on the machine: every answer
// is right, and the memory stays flat.
func TestLoad(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("HMACSIGN_LOAD"))
	if seconds == 0 {
		t.Skip("needs HMACSIGN_LOAD=30 (seconds) and wrk: make load-contrib")
	}
	const rounds = 6
	slice := max(1, seconds/rounds)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	defer upstream.Close()
	verifying := startCaddyProcess(t, "verifying", fmt.Sprintf(plainSite, upstream.Listener.Addr()))
	plain := startCaddyProcess(t, "plain", fmt.Sprintf("{{addr}} {\n\treverse_proxy %s\n}", upstream.Listener.Addr()))
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3")
	var ratios, memory []float64
	for range rounds {
		for _, c := range []*caddyProcess{plain, verifying} {
			req := signed(t, signer, "POST", "http://"+c.addr+loadTarget, loadBody, http.Header{"Content-Type": {"application/json"}})
			lua := "wrk.method = 'POST'\nwrk.body = '" + loadBody + "'\n"
			for name := range req.Header {
				lua += fmt.Sprintf("wrk.headers['%s'] = '%s'\n", name, req.Header.Get(name))
			}
			script := filepath.Join(t.TempDir(), "wrk.lua")
			require.NoError(t, os.WriteFile(script, []byte(lua), 0o600))
			c.rates = append(c.rates, perSecond(t, "http://"+c.addr+loadTarget, script, slice))
		}
		ratios = append(ratios, verifying.rates[len(ratios)]/plain.rates[len(ratios)])
		memory = append(memory, verifying.residentMiB(t))
	}
	fmt.Printf("%d processors, wrk -t1 -c32, POST of 1 KiB JSON, hmac-sm3 on backend %s; slices of %d s in turn\n", runtime.NumCPU(), signer.Backend().Backend, slice)
	for _, c := range []*caddyProcess{plain, verifying} {
		fmt.Printf("%-10s %8.0f requests/s, %.0f MiB resident\n", c.name, median(c.rates), c.residentMiB(t))
	}
	fmt.Printf("verifying/plain throughput: median %.3f (%.3f to %.3f)\n", median(ratios), slices.Min(ratios), slices.Max(ratios))
	require.Less(t, memory[rounds-1], memory[0]+40, "MiB: it does not stay flat: %v", memory)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
