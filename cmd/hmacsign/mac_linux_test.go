package main

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// 1 GiB goes through in constant memory. It is measured before the end of the input:
// what the kernel tells of a process that has ended counts its parent's memory too.
func TestMACStreams(t *testing.T) {
	cmd := exec.Command(builtCommand(t), "mac", "--algorithm", "hmac-sha256", "--key-hex", "00")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	block := make([]byte, 1<<20)
	for range 1 << 10 {
		_, err := in.Write(block)
		require.NoError(t, err)
	}
	peak := peakMiB(t, cmd.Process.Pid)
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.Equal(t, 65, out.Len())
	require.Less(t, peak, 64.0, "MiB resident")
}
