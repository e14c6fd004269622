package algo

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseProcessor(t *testing.T) {
	for what, c := range map[string]struct{ cpuinfo, model, features string }{
		"amd64":   {"processor\t: 0\nmodel name\t: A Processor @ 2 GHz\nflags\t\t: fpu avx2 bmi2 sha_ni avx512f\n\nprocessor\t: 1\nmodel name\t: Another\n", "A Processor @ 2 GHz", "avx2 bmi2 sha_ni avx512f"},
		"arm64":   {"processor\t: 0\nFeatures\t: fp asimd sha2 sm3\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nCPU part\t: 0xd0d\n", "cpu implementer 0x41, cpu part 0xd0c", "asimd sha2 sm3"},
		"loong64": {"system type\t: generic\n\nprocessor\t: 0\nModel Name\t: A-3A5000\nFeatures\t: cpucfg lsx lasx\n", "A-3A5000", "lsx lasx"},
		"riscv64": {"processor\t: 0\nisa\t\t: rv64imafdcv_zicsr_zvkb_zvksed_zvksh_zvkt\nuarch\t\t: maker,core\n", "maker,core", "zvkb zvksed zvksh zvkt"},
		"nothing": {"", "", ""},
		"odd":     {":\n:::\nflags\n\x00\xff", "", ""},
	} {
		model, features, err := parseProcessor(strings.NewReader(c.cpuinfo))
		require.NoError(t, err, what)
		require.Equal(t, c.model, model, what)
		require.Equal(t, strings.Fields(c.features), features, what)
	}
	_, _, err := parseProcessor(strings.NewReader(strings.Repeat("x", maxProcessor)))
	require.Error(t, err)
}

func TestKernel(t *testing.T) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	got, err := kernel()
	require.NoError(t, err)
	require.Contains(t, got, "Linux "+strings.TrimSpace(string(release))+" ")
}
