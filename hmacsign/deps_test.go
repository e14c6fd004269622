package hmacsign_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who imports the library gets the standard library, gmsm and x/sys with it, and
// nothing of what the command needs.
func TestDependencies(t *testing.T) {
	needsProcesses(t)
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "../algo").CombinedOutput()
	require.NoError(t, err, string(out))
	allowed := regexp.MustCompile(`^(github\.com/gmhmac/hmacsign|github\.com/tjfoc/gmsm|golang\.org/x/sys)(/|$)`)
	paths := strings.Fields(string(out))
	for _, path := range paths {
		require.Regexp(t, allowed, path)
	}
	require.Contains(t, paths, "github.com/gmhmac/hmacsign/hmacsign")
	require.Contains(t, paths, "github.com/tjfoc/gmsm/sm3", "the list is a list")
}
