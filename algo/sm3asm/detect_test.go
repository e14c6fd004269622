package sm3asm_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	. "github.com/gmhmac/hmacsign/algo/sm3asm"
)

const expectKernel = "HMACSIGN_TEST_KERNEL"

// A processor without one of the extensions gets the kernel that does without it,
// and everything here passes on it.
func TestDetection(t *testing.T) {
	if os.Getenv(expectKernel) != "" {
		t.Skip("needs the first process: this is the one that it started")
	}
	if !Available() {
		t.Skip("needs an amd64 processor with AVX2 and BMI2, and a build without purego")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for _, c := range []struct{ off, kernel string }{
		{"", Kernel()},
		{"cpu.bmi1=off", "none"},
		{"cpu.bmi2=off", "none"},
		{"cpu.avx2=off", "none"},
		{"cpu.avx512f=off", "AVX2"},
		{"cpu.avx512bw=off", "AVX2"},
		{"cpu.avx512vl=off", "AVX2"},
	} {
		t.Run(c.off, func(t *testing.T) {
			child := exec.Command(self, "-test.count=1", "-test.v", "-test.run=^(TestDetected|TestHash|TestStreamedMAC|TestKnownMACs|TestSumEach)$")
			child.Env = append(os.Environ(), "GODEBUG="+c.off, expectKernel+"="+c.kernel)
			out, err := child.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "--- PASS: TestDetected ")
			require.NotContains(t, string(out), "--- FAIL")
			for _, name := range []string{"TestHash", "TestSumEach"} {
				require.Equal(t, c.kernel == "none", strings.Contains(string(out), "--- SKIP: "+name+" "), name)
			}
		})
	}
}

// TestDetected runs in the processes of TestDetection.
func TestDetected(t *testing.T) {
	want := os.Getenv(expectKernel)
	if want == "" {
		t.Skip("TestDetection starts it")
	}
	require.Equal(t, want, Kernel())
	require.Equal(t, want != "none", Available())
	infos := algo.Backends(algo.HMACSM3)
	chosen, err := algo.NewKey(algo.HMACSM3, []byte("secret"))
	require.NoError(t, err)
	for _, info := range infos {
		if info.Backend == "asm" && want == "none" {
			require.False(t, info.Available || info.Selected)
			require.Contains(t, info.Detail, "needs an amd64 processor")
			require.Equal(t, "not run", info.SelfTest)
			require.Equal(t, "gmsm", chosen.Backend().Backend)
			_, err := algo.NewKey(algo.HMACSM3, []byte("secret"), algo.WithBackend("asm"))
			require.ErrorIs(t, err, algo.ErrBackendUnavailable)
		} else if info.Backend == "asm" {
			require.True(t, info.Available && info.Selected)
			require.Equal(t, want, info.Version)
		}
	}
	algotest.TestBackend(t, algo.HMACSM3, chosen.Backend().Backend)
}

// Without a kernel nothing reaches the assembly, even if nobody asked Available:
// keys and streams that exist included.
func TestWithoutKernel(t *testing.T) {
	var key *Key
	var digest, mac interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	if Available() {
		key = NewKey([]byte("secret"))
		digest, mac = New(), key.NewMAC()
	}
	msgs := [][]byte{make([]byte, 10), make([]byte, 200), nil, make([]byte, 64)}
	WithoutKernel(func() {
		require.Equal(t, "none", Kernel())
		require.False(t, Available())
		panics := func(what string, f func()) {
			t.Helper()
			require.PanicsWithValue(t, NoKernel, f, what)
		}
		panics("New", func() { New() })
		panics("NewKey", func() { NewKey([]byte("secret")) })
		panics("NewKey with a long secret", func() { NewKey(make([]byte, 100)) })
		panics("NewKey without a secret", func() { NewKey(nil) })
		for name, key := range map[string]*Key{"zero": {}, "made before": key} {
			if key == nil {
				continue
			}
			for _, msg := range msgs {
				panics(name+" key's Sum", func() { key.Sum(nil, msg) })
			}
			panics(name+" key's NewMAC", func() { key.NewMAC().Sum(nil) })
			panics(name+" key's NewMAC", func() { key.NewMAC().Write(make([]byte, 64)) })
			for n := 1; n <= len(msgs); n++ {
				panics(name+" key's SumMany", func() { key.SumMany(nil, msgs[:n]) })
				panics(name+" key's SumEach", func() { SumEach(nil, []*Key{key, key, key, key}[:n], msgs[:n]) })
			}
		}
		if digest != nil {
			panics("Write", func() { digest.Write(make([]byte, 64)) })
			panics("Sum", func() { digest.Sum(nil) })
			panics("Write", func() { mac.Write(make([]byte, 64)) })
			panics("Sum", func() { mac.Sum(nil) })
		}
	})
	if runtime.GOARCH != "amd64" {
		require.False(t, Available())
	}
}

// Destroy leaves nothing of the key.
func TestDestroy(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		key, other := NewKey([]byte("secret")), NewKey([]byte("secret"))
		want := other.Sum(nil, nil)
		require.NotZero(t, key.Values())
		key.Destroy()
		require.Zero(t, key.Values())
		require.Equal(t, want, other.Sum(nil, nil))
	})
}
