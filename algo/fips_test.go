package algo

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// In Go's FIPS 140 mode that allows nothing else, what it forbids is unavailable
// and says so: no panic comes out.
func TestFIPSOnly(t *testing.T) {
	const setting = "GODEBUG=fips140=only"
	if os.Getenv("HMACSIGN_TEST_FIPS") == "" {
		if runtime.GOARCH == "wasm" {
			t.Skip("needs child processes")
		}
		self, err := os.Executable()
		require.NoError(t, err)
		probe := exec.Command(self, "-test.run=^$")
		probe.Env = append(os.Environ(), setting)
		if out, err := probe.CombinedOutput(); err != nil {
			t.Skipf("needs a build that can run with %s: %.200s", setting, out)
		}
		again := exec.Command(self, "-test.run=^TestFIPSOnly$", "-test.v", "-test.count=1")
		again.Env = append(os.Environ(), setting, "HMACSIGN_TEST_FIPS=1")
		out, err := again.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: TestFIPSOnly")
		return
	}
	able := map[string]bool{}
	for _, algorithm := range Algorithms() {
		for _, info := range Backends(algorithm) {
			able[algorithm+" "+info.Backend] = info.Available
			if !info.Available {
				require.Equal(t, "failed", info.SelfTest, info)
				require.Contains(t, info.Detail, "FIPS 140")
				require.NotContains(t, info.Detail, "\n")
			}
			for _, length := range []int{1, 13, 14, 32, 64, 65, 200} {
				own := []byte(strings.Repeat("k", length))
				for _, opts := range [][]Option{nil, {WithBackend(info.Backend)}} {
					key, err := NewKey(algorithm, own, opts...)
					if err != nil {
						require.Nil(t, key)
						require.ErrorIs(t, err, ErrBackendUnavailable)
						require.NotContains(t, err.Error(), "kkkk")
						continue
					}
					mac := key.Sum(nil, own)
					require.NoError(t, key.VerifyErr(own, mac))
					require.Equal(t, mac, key.SumMany(nil, [][]byte{own}))
					require.Equal(t, mac, streamOf(key.NewMAC(), own))
					require.NotEmpty(t, streamOf(key.NewHash(), own))
					key.Destroy()
				}
			}
			h, err := NewHash(algorithm, WithBackend(info.Backend))
			require.True(t, err == nil && len(h.Sum(nil)) > 0 || errors.Is(err, ErrBackendUnavailable))
		}
	}
	require.True(t, able[HMACSHA256+" go"], "what the mode approves of")
	require.False(t, able[HMACSHA1+" go"])
	_, err := NewKey(HMACSHA256, make([]byte, 16))
	require.NoError(t, err)
	_, err = NewKey(HMACSHA256, make([]byte, 13))
	require.ErrorIs(t, err, ErrBackendUnavailable, "the mode wants 112 bits")
	_, err = NewKey(HMACSHA256, make([]byte, 14))
	require.NoError(t, err, "which is no failure of the backend")
}
