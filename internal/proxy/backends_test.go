package proxy

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// The first request that a backend computes for leaves a line that says which file
// its code is from, or why that is not known; no other request does.
func TestFirstUseOfABackend(t *testing.T) {
	registerBackends()
	u := newUpstream(t)
	program, err := algo.Program()
	require.NoError(t, err)
	for backend, want := range map[string]string{
		"gmsm":     `"version":"` + sm3pure.Version() + `","module":"` + program.Path + `","sha256":"` + program.SHA256 + `"`,
		"fileless": `"version":"1.0","module_error":"no such file"`,
	} {
		before := probed.Load()
		p := startServe(t, u.URL, func(s *settings) {
			s.Options = []hmacsign.VerifierOption{hmacsign.WithBackend(backend)}
		})
		send := func(signer *hmacsign.Signer) int {
			req := request(t, "GET", p.url+"/a", nil)
			require.NoError(t, signer.Sign(req))
			status, _ := do(t, nil, req)
			return status
		}
		line := `"level":"INFO","msg":"the backend computes for requests","algorithm":"hmac-sm3","backend":"` + backend + `",` + want
		forger, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret("another")}, hmacsign.WithBackend("gmsm"))
		require.NoError(t, err)
		require.Equal(t, 401, send(forger))
		for range 3 {
			require.Equal(t, 200, send(testSigner(t, hmacsign.WithBackend("gmsm"))))
		}
		require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), line) }, 20*time.Second, 5*time.Millisecond, p.logs)
		require.Equal(t, 1, strings.Count(p.logs.String(), "the backend computes for requests"))
		require.Equal(t, before, probed.Load(), "no other backend was asked for anything")
		require.NoError(t, p.stop())
	}
}

// That an algorithm's requests come to be computed by another backend is warned of,
// once where they go to and fro.
func TestAnotherBackendComputes(t *testing.T) {
	logs := new(lockedBuffer)
	w := newBackendWatch(slog.New(slog.NewJSONHandler(logs, nil)))
	warnings := func() int { return strings.Count(logs.String(), `"level":"WARN"`) }
	w.computed(algorithmOn{"hmac-sha256", "go"})
	w.computed(algorithmOn{"hmac-sm3", "tencentsm"})
	w.computed(algorithmOn{"hmac-sm3", "tencentsm"})
	require.Zero(t, warnings())
	w.computed(algorithmOn{"hmac-sm3", "asm"})
	require.Contains(t, logs.String(), `"level":"WARN","msg":"hmac-sm3 is computed by asm now, was tencentsm","algorithm":"hmac-sm3","backend":"asm","before":"tencentsm"`)
	for range 3 {
		w.computed(algorithmOn{"hmac-sm3", "tencentsm"})
		w.computed(algorithmOn{"hmac-sm3", "asm"})
	}
	require.Equal(t, 1, warnings())
	w.serving["hmac-sm3"] = serving{"asm", time.Now().Add(-changeInterval)}
	w.computed(algorithmOn{"hmac-sm3", "asm"})
	require.Equal(t, 1, warnings())
	w.computed(algorithmOn{"hmac-sm3", "tencentsm"})
	require.Contains(t, logs.String(), "hmac-sm3 is computed by tencentsm now, was asm")
	require.Equal(t, 2, warnings())
}

// A backend that is named and cannot run does not keep the proxy from starting, but
// it says so at the start and in the metrics.
func TestNamedBackendThatCannotRun(t *testing.T) {
	registerBackends()
	u := newUpstream(t)
	for backend, want := range map[string]string{"unlicensed": "0", "bystander": "1"} {
		p := startServe(t, u.URL, func(s *settings) {
			s.Options, s.Backend = []hmacsign.VerifierOption{hmacsign.WithBackend(backend)}, backend
		})
		require.Equal(t, want == "0", strings.Contains(p.logs.String(), `"level":"ERROR","msg":"requests cannot be verified as they should be: not ready"`), p.logs)
		require.Equal(t, want == "0", strings.Contains(p.logs.String(), "no license"))
		status, body := do(t, nil, request(t, "GET", p.admin+"/readyz", nil))
		require.Equal(t, map[string]int{"0": 503, "1": 200}[want], status, body)
		_, body = do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
		require.Contains(t, body, `hmacsign_backend_available{algorithm="hmac-sm3",backend="`+backend+`"} `+want)
		require.NotContains(t, body, `algorithm="hmac-sha256",backend="`+backend+`"`)
		require.NoError(t, p.stop())
	}
}
