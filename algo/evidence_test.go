package algo

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

func TestEvidence(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	t.Setenv(RequireSecretBitsEnv, "112")
	library := Module{Path: "/usr/lib/libtest.so", SHA256: "ab"}
	r := newRegistry(setting("hmac-sm3=library", "112"))
	r.register(Backend{Algorithm: HMACSM3, Name: "library", NewHash: sm3pure.New, Module: func() (Module, error) { return library, nil }})
	r.register(Backend{Algorithm: HMACSM3, Name: "program", NewHash: sm3pure.New})
	r.register(Backend{Algorithm: HMACSM3, Name: "unknown", NewHash: sm3pure.New, Module: func() (Module, error) { return Module{}, errors.New("from several files") }})
	r.register(Backend{Algorithm: HMACSM3, Name: "panics", NewHash: sm3pure.New, Module: func() (Module, error) { panic("hush") }})
	now := time.Unix(1700000000, 0).UTC()
	e := newEvidence(now, r)

	require.Equal(t, now, e.Time)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, []any{host, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}, []any{e.Host, e.Platform, e.Go})
	require.NotEmpty(t, e.Kernel)
	require.NotEmpty(t, e.Processor)
	require.Equal(t, map[string]string{HMACSM3: "library"}, e.Required)
	require.Equal(t, 112, e.SecretBits)
	require.Equal(t, "112", e.Environment[RequireSecretBitsEnv])
	require.NotContains(t, e.Environment, "LD_PRELOAD", "it is empty")
	program := loaded(Program())
	require.Equal(t, runtime.GOARCH == "wasm", program.Error != "", "WebAssembly does not know its file")
	require.Equal(t, program, e.Program)
	got := map[string]BackendEvidence{}
	for _, b := range e.Algorithms {
		got[b.Backend] = b
	}
	require.Len(t, got, 4)
	require.True(t, got["library"].Selected)
	require.False(t, got["program"].Available, "another is required")
	require.Equal(t, []LoadedModule{{Module: library}, program}, []LoadedModule{got["library"].Module, got["program"].Module})
	require.Equal(t, "from several files", got["unknown"].Module.Error)
	require.NotEmpty(t, got["panics"].Module.Error)

	// Programs read it by these names.
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	require.Equal(t, []string{"algorithms", "build_settings", "environment", "fips140", "go", "host", "kernel", "main_module", "main_version", "modules", "platform",
		"processor", "processor_features", "program", "required", "secret_bits", "time"}, slices.Sorted(maps.Keys(fields)))
	first := fields["algorithms"].([]any)[0].(map[string]any)
	require.Equal(t, []string{"algorithm", "available", "backend", "detail", "module", "selected", "self_test", "version"}, slices.Sorted(maps.Keys(first)))
	delete(fields["program"].(map[string]any), "error")
	require.Equal(t, []string{"build_id", "device", "inode", "path", "sha256", "size"}, slices.Sorted(maps.Keys(fields["program"].(map[string]any))))

	broken := newEvidence(now, newRegistry(setting("nonsense", "")))
	require.Contains(t, broken.RequiredError, "is not understood")
}
