package sm3_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	. "github.com/gmhmac/hmacsign/algo/sm3"
	"github.com/gmhmac/hmacsign/algo/sm3asm"
)

// The environment names the kernel that is expected, and the emulator that programs are
// started by, where there is one.
const (
	expectKernel = "HMACSIGN_TEST_KERNEL"
	emulator     = "HMACSIGN_TEST_EMULATOR"
	childProcess = "HMACSIGN_TEST_CHILD"
)

// A processor without one of the extensions gets the kernel that does without it,
// and everything here passes on it.
func TestDetection(t *testing.T) {
	if os.Getenv(childProcess) != "" {
		t.Skip("needs the first process: this is the one that it started")
	}
	if runtime.GOARCH == "wasm" {
		t.Skip("needs child processes")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for _, c := range withoutFeature() {
		t.Run(c.off, func(t *testing.T) {
			args := []string{self, "-test.count=1", "-test.v", "-test.run=^(TestDetected|TestHash|TestStreamedMAC|TestKnownMACs|TestSumEach)$"}
			emulated := os.Getenv(emulator) != ""
			if emulated {
				args = append([]string{os.Getenv(emulator)}, args...)
			}
			child := exec.Command(args[0], args[1:]...)
			child.Env = append(os.Environ(), "GODEBUG="+c.off, childProcess+"=1", expectKernel+"="+c.kernel)
			out, err := child.CombinedOutput()
			if errors.Is(err, syscall.ENOEXEC) && !emulated {
				t.Skip("needs " + emulator + ", the emulator that this program runs under")
			}
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "--- PASS: TestDetected ")
			require.Contains(t, string(out), "--- PASS: TestSumEach/"+strings.ReplaceAll(c.kernel, " ", "_")+" ")
			require.NotContains(t, string(out), "--- FAIL")
		})
	}
}

// withoutFeature is which kernel is the best without one of the extensions.
func withoutFeature() []struct{ off, kernel string } {
	list := []struct{ off, kernel string }{{"", best().String()}}
	if best() == Portable {
		return list
	}
	switch runtime.GOARCH {
	case "amd64":
		for _, off := range []string{"cpu.bmi1=off", "cpu.bmi2=off", "cpu.avx2=off"} {
			list = append(list, struct{ off, kernel string }{off, "portable"})
		}
		for _, off := range []string{"cpu.avx512f=off", "cpu.avx512bw=off", "cpu.avx512vl=off"} {
			list = append(list, struct{ off, kernel string }{off, "AVX2"})
		}
	case "arm64":
		list = append(list, struct{ off, kernel string }{"cpu.sm3=off", "NEON"},
			struct{ off, kernel string }{"cpu.asimd=off", "portable"})
	case "loong64":
		list = append(list, struct{ off, kernel string }{"cpu.lasx=off", "portable"}, struct{ off, kernel string }{"cpu.lsx=off", "portable"})
	case "riscv64":
		list = append(list, struct{ off, kernel string }{"cpu.zvks=off", "portable"}, struct{ off, kernel string }{"cpu.v=off", "portable"})
	}
	return list
}

// TestDetected runs in the processes of TestDetection.
func TestDetected(t *testing.T) {
	want := os.Getenv(expectKernel)
	if want == "" {
		t.Skip("TestDetection starts it")
	}
	require.Equal(t, want, best().String())
	kernel, ok := Assembly()
	require.Equal(t, want != "portable", ok)
	require.Equal(t, best(), kernel)
	chosen, err := algo.NewKey(algo.HMACSM3, []byte("secret"))
	require.NoError(t, err)
	require.Equal(t, want, chosen.Backend().Version)
	for _, info := range algo.Backends(algo.HMACSM3) {
		if info.Backend == "asm" && !ok {
			require.False(t, info.Available || info.Selected)
			require.Contains(t, info.Detail, "needs "+sm3asm.Needs)
			require.Equal(t, "not run", info.SelfTest)
			require.Equal(t, "go", chosen.Backend().Backend)
			_, err := algo.NewKey(algo.HMACSM3, []byte("secret"), algo.WithBackend("asm"))
			require.ErrorIs(t, err, algo.ErrBackendUnavailable)
		} else if info.Backend == "asm" {
			require.True(t, info.Available && info.Selected)
		}
	}
	algotest.TestBackend(t, algo.HMACSM3, chosen.Backend().Backend)
}

// Destroy leaves nothing of the key.
func TestDestroy(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, other := k.NewKey([]byte("secret")), k.NewKey([]byte("secret"))
		want := other.Sum(nil, nil)
		require.NotZero(t, key.Values())
		key.Destroy()
		require.Zero(t, key.Values())
		require.Equal(t, want, other.Sum(nil, nil))
	})
}
