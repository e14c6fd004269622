package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// TestMain lets TestLoad run a gateway in a process of its own: this program, started
// again.
func TestMain(m *testing.M) {
	file := os.Getenv("HMACSIGN_GATEWAY_CONFIG")
	if file == "" {
		os.Exit(m.Run())
	}
	if err := runFile(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runFile(file string) error {
	text, err := os.Open(file)
	if err != nil {
		return err
	}
	config, err := ReadConfig(text)
	if err != nil {
		return err
	}
	g, err := Open(context.Background(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer g.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.Copy(io.Discard, os.Stdin); cancel() }()
	return g.Run(ctx, func(addr, _ string) { fmt.Println(addr) })
}

func startProcess(t *testing.T, config string) (addr string) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "HMACSIGN_GATEWAY_CONFIG="+writeFile(t, "gateway.yaml", config))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); require.NoError(t, cmd.Wait()) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// distinct writes a script for wrk of requests that were all signed before and differ:
// a guard lets each of them pass once.
func distinct(t *testing.T, n int, body string) string {
	s, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, hmacsign.WithSignedHeaders("x-nonce"))
	require.NoError(t, err)
	var lua strings.Builder
	fmt.Fprintf(&lua, "local body = '%s'\nlocal r = {\n", body)
	var date string
	for i := range n {
		req, err := http.NewRequest("POST", "http://h/v1/things?b=2&a=1", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Nonce", fmt.Sprintf("%x", i))
		require.NoError(t, s.Sign(req))
		date = req.Header.Get("X-Date")
		fmt.Fprintf(&lua, "{%q,%q,%q},\n", req.Header.Get("X-Nonce"), date, req.Header.Get("Authorization"))
	}
	lua.WriteString(`}
local i = 0
function request()
  i = i + 1
  local q = r[i]
  if not q then wrk.thread:stop(); q = r[1] end
  return "POST /v1/things?b=2&a=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nX-Nonce: " .. q[1] .. "\r\nX-Date: " .. q[2] .. "\r\nAuthorization: " .. q[3] .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end
`)
	return writeFile(t, "wrk.lua", lua.String())
}

func perSecond(t *testing.T, addr, script string, seconds int) float64 {
	out, err := exec.Command("wrk", "-t1", "-c32", fmt.Sprintf("-d%ds", seconds), "-s", script, "http://"+addr).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "Non-2xx", string(out))
	require.NotContains(t, string(out), "Socket errors", string(out))
	m := regexp.MustCompile(`Requests/sec:\s+([\d.]+)`).FindStringSubmatch(string(out))
	require.NotNil(t, m, string(out))
	n, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	return n
}

// TestLoad drives a gateway with its guard in memory and one with a guard in Redis, in
// turn, and reports the throughput of each.
func TestLoad(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("HMACSIGN_LOAD"))
	if seconds == 0 {
		t.Skip("needs HMACSIGN_LOAD=30 (seconds) and wrk: make load-contrib")
	}
	const rounds = 6
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	defer u.Close()
	redis := redistest.Start(t)
	guards := []struct{ name, replay string }{{"memory", "memory: 2000000"}, {"redis", redisAt(t, redis.URL(), "")}, {"redis, flush_delay 20us", redisAt(t, redis.URL(), ", flush_delay: 20us")}}
	addrs := make([]string, len(guards))
	for i, g := range guards {
		addrs[i] = startProcess(t, configOf(t, u.URL, "", g.replay))
	}
	slice := max(1, seconds/rounds)
	body := `{"name":"` + strings.Repeat("x", 1024-11) + `"}`
	rates := make([][]float64, len(guards))
	for range rounds {
		for i := range guards {
			rates[i] = append(rates[i], perSecond(t, addrs[i], distinct(t, 20000*slice, body), slice))
		}
	}
	fmt.Printf("%d processors, wrk -t1 -c32, POST of 1 KiB JSON, hmac-sm3, one gateway and Redis; slices of %d s in turn\n", runtime.NumCPU(), slice)
	for i, g := range guards {
		var ratios []float64
		for n := range rounds {
			ratios = append(ratios, rates[i][n]/rates[0][n])
		}
		slices.Sort(ratios)
		all := slices.Sorted(slices.Values(rates[i]))
		fmt.Printf("guard %-24s %8.0f requests/s, against memory: median %.3f (%.3f to %.3f)\n", g.name, (all[rounds/2-1]+all[rounds/2])/2, (ratios[rounds/2-1]+ratios[rounds/2])/2, ratios[0], ratios[rounds-1])
	}
}
