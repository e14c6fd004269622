//go:build linux

package hmacsigncaddy

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/loadtest"
)

const loadTarget = "/v1/things?b=2&a=1"

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
	fmt.Println(os.Getenv("HMACSIGN_LOAD_ADDR"))
	io.Copy(io.Discard, os.Stdin)
	caddy.Stop()
}

func startCaddyProcess(t *testing.T, site string) *loadtest.Process {
	s := &server{addr: freeAddress(t), admin: freeAddress(t), dir: t.TempDir()}
	require.NoError(t, os.WriteFile(s.keysFile(), []byte(testKeys), 0o600))
	t.Setenv("HMACSIGN_LOAD_ADDR", s.addr)
	return loadtest.Start(t, "HMACSIGN_LOAD_CONFIG", string(adapted(t, s.caddyfile(site))))
}

// TestLoad drives Caddy with and without the handler in turn and reports the
// throughput of each. It asserts what does not depend on the machine: every answer
// is right, and the memory stays flat.
func TestLoad(t *testing.T) {
	slice := loadtest.Slice(t, "load-contrib")
	upstream := loadtest.Upstream(t).Listener.Addr()
	plain := startCaddyProcess(t, fmt.Sprintf("{{addr}} {\n\treverse_proxy %s\n}", upstream))
	verifying := startCaddyProcess(t, fmt.Sprintf(plainSite, upstream))
	servers := []*loadtest.Server{{Name: "plain Caddy"}, {Name: "with hmacsign"}}
	signer := newSigner(t, hmacsign.TencentApp, "hmac-sm3")
	var memory []float64
	for range loadtest.Rounds {
		for i, p := range []*loadtest.Process{plain, verifying} {
			req := signed(t, signer, "POST", "http://"+p.Addr+loadTarget, loadtest.Body, http.Header{"Content-Type": {"application/json"}})
			servers[i].Loads = append(servers[i].Loads, loadtest.Run(t, "http://"+p.Addr+loadTarget, loadtest.Repeat(req), slice))
		}
		memory = append(memory, verifying.ResidentMiB(t))
	}
	loadtest.Report("POST of 1 KiB JSON, hmac-sm3 on backend "+signer.Backend().Backend, slice, servers...)
	fmt.Printf("resident memory: plain %.0f MiB, with hmacsign %.0f MiB\n", plain.ResidentMiB(t), verifying.ResidentMiB(t))
	require.Less(t, memory[len(memory)-1], memory[0]+40, "MiB: it does not stay flat: %v", memory)
}
