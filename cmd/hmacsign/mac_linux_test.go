package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lines go through in constant memory as well, short ones and one that is longer than
// memory should be.
func TestLinesStream(t *testing.T) {
	program := builtCommand(t)
	for what, input := range map[string]struct {
		block  []byte
		blocks int
	}{
		"short lines":   {bytes.Repeat([]byte(strings.Repeat("x", 4095)+"\n"), 256), 2 << 10},
		"one long line": {make([]byte, 1<<20), 512},
		"empty lines":   {bytes.Repeat([]byte("\n"), 1<<20), 2},
	} {
		cmd := exec.Command(program, "mac", "--algorithm", "hmac-sha256", "--key-hex", "00", "--lines")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for range input.blocks {
			_, err := in.Write(input.block)
			require.NoError(t, err)
		}
		peak := peakMiB(t, cmd.Process.Pid)
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
		require.Less(t, peak, 64.0, "MiB resident: %s", what)
	}
}

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
