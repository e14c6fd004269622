//go:build tencentsm && cgo

package sm3cgo

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

func TestModule(t *testing.T) {
	m, err := module()
	require.NoError(t, err)
	program, err := algo.Program()
	require.NoError(t, err)
	if Linked().Path == "statically linked" {
		require.Equal(t, program, m)
		return
	}
	require.NotEqual(t, program, m)
	file, err := filepath.EvalSymlinks(Linked().Path)
	require.NoError(t, err)
	require.Equal(t, file, m.Path)
}
