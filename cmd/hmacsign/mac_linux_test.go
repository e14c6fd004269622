package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file of 1 GiB goes through in constant memory.
func TestMACStreams(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "1GiB"))
	require.NoError(t, err)
	require.NoError(t, file.Truncate(1<<30))
	require.NoError(t, file.Close())
	cmd := exec.Command(builtCommand(t), "mac", "--algorithm", "hmac-sha256", "--key-hex", "00", file.Name())
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Len(t, string(out), 65)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	require.Less(t, usage.Maxrss, int64(64<<10), "KiB resident")
}
