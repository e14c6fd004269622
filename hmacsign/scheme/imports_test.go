package scheme_test

import (
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/gmhmac/hmacsign/"
	engine = module + "hmacsign"
	here   = engine + "/scheme"
)

// imports are what packages of this module import, without their tests.
func imports(t *testing.T, patterns ...string) map[string][]string {
	t.Helper()
	if runtime.GOARCH == "wasm" {
		t.Skip("needs child processes")
	}
	args := append([]string{"list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`}, patterns...)
	out, err := exec.Command("go", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	all := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[1:]
	}
	return all
}

// A scheme imports this package, package algo and the standard library: not the
// engine, and not another scheme.
func TestSchemesImportNoEngine(t *testing.T) {
	schemes := 0
	for path, imported := range imports(t, "./...") {
		if strings.HasPrefix(path, here+"/schemetest") {
			continue // it asks the engine
		}
		if path != here {
			schemes++
			require.Contains(t, imported, here, path)
		}
		for _, other := range imported {
			standard := !strings.Contains(strings.Split(other, "/")[0], ".")
			require.True(t, standard || other == module+"algo" || other == here && path != here, "%s imports %s", path, other)
		}
	}
	require.GreaterOrEqual(t, schemes, 4)
}

// The engine names the schemes in one file, in which a new one takes a line.
func TestEngineNamesSchemesOnce(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	named := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(path, here+"/") {
				require.Equal(t, "scheme.go", filepath.Base(file), "imports %s", path)
				named++
			}
		}
	}
	require.GreaterOrEqual(t, named, 3)
}
