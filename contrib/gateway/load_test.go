package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/loadtest"
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

// distinct is a script for wrk of requests that were all signed before and differ: a
// guard lets each of them pass once.
func distinct(t *testing.T, n int) string {
	s, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)}, hmacsign.WithSignedHeaders("x-nonce"))
	require.NoError(t, err)
	var lua strings.Builder
	fmt.Fprintf(&lua, "local body = '%s'\nlocal r = {\n", loadtest.Body)
	for i := range n {
		req, err := http.NewRequest("POST", "http://h/v1/things?b=2&a=1", strings.NewReader(loadtest.Body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Nonce", fmt.Sprintf("%x", i))
		require.NoError(t, s.Sign(req))
		lua.WriteString("[[POST /v1/things?b=2&a=1 HTTP/1.1\nHost: h\n")
		req.Header.Write(&lua)
		fmt.Fprintf(&lua, "Content-Length: %d\n\n]],\n", len(loadtest.Body))
	}
	lua.WriteString(`}
for n, head in ipairs(r) do r[n] = head:gsub("\r?\n", "\r\n") .. body end
local i = 0
function request()
  i = i + 1
  if not r[i] then wrk.thread:stop() end
  return r[i] or r[1]
end
`)
	return lua.String()
}

// TestLoad drives a gateway with its guard in memory and one with a guard in Redis, in
// turn, and reports the throughput of each.
func TestLoad(t *testing.T) {
	slice := loadtest.Slice(t, "load-contrib")
	upstream := loadtest.Upstream(t)
	redis := redistest.Start(t)
	servers := []*loadtest.Server{{Name: "guard in memory"}, {Name: "guard in Redis"}}
	var processes []*loadtest.Process
	for _, replay := range []string{"memory: 2000000", redisAt(t, redis.URL(), "")} {
		processes = append(processes, loadtest.Start(t, "HMACSIGN_GATEWAY_CONFIG", writeFile(t, "gateway.yaml", configOf(t, upstream.URL, "", replay))))
	}
	for range loadtest.Rounds {
		for i, p := range processes {
			servers[i].Loads = append(servers[i].Loads, loadtest.Run(t, "http://"+p.Addr, distinct(t, 20000*slice), slice))
		}
	}
	loadtest.Report("POST of 1 KiB JSON, hmac-sm3, one gateway and its guard in memory or in Redis", slice, servers...)
}
