package hmacsign_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

func TestReadKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from the file\r\n"), 0o600))
	t.Setenv("TEST_SECRET", "from the environment")
	keys, err := ReadKeys(strings.NewReader(`[
		{"id": "a", "secret": "from the text", "schemes": ["tencent-app"], "algorithms": ["hmac-sm3"], "scopes": ["cn-north-4/apig"]},
		{"id": "b", "secret": {"env": "TEST_SECRET"}},
		{"id": "c", "secret": {"file": "` + file + `"}}]`))
	require.NoError(t, err)
	for id, want := range map[string]string{"a": "from the text", "b": "from the environment", "c": "from the file"} {
		key, err := keys.Key(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, want, key.Secret.Reveal())
	}
	key, _ := keys.Key(context.Background(), "a")
	require.Equal(t, []string{"hmac-sm3"}, key.Algorithms)
	require.Equal(t, []string{"tencent-app"}, key.Schemes)
	require.Equal(t, []string{"cn-north-4/apig"}, key.Scopes)
	_, err = keys.Key(context.Background(), "d")
	require.ErrorIs(t, err, ErrUnknownKey)
}

func TestReadKeysRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":          `[{"id": "a", "secret": "hushhush"`,
		"bad syntax":        `[{"id": "a", "secret": "hushhush"]`,
		"an object":         `{"id": "a", "secret": "hushhush"}`,
		"unknown member":    `[{"id": "a", "secret": "hushhush", "algorithm": "hmac-sm3"}]`,
		"more behind it":    `[{"id": "a", "secret": "hushhush"}] []`,
		"a bracket behind":  `[{"id": "a", "secret": "hushhush"}] ]`,
		"a brace behind":    `[{"id": "a", "secret": "hushhush"}]}`,
		"text behind it":    `[{"id": "a", "secret": "hushhush"}] hushhush`,
		"null":              `null`,
		"nothing":           ``,
		"schemes empty":     `[{"id": "a", "secret": "hushhush", "schemes": []}]`,
		"schemes null":      `[{"id": "a", "secret": "hushhush", "schemes": null}]`,
		"schemes text":      `[{"id": "a", "secret": "hushhush", "schemes": "hushhush"}]`,
		"algorithms empty":  `[{"id": "a", "secret": "hushhush", "algorithms": []}]`,
		"both empty":        `[{"id": "a", "secret": "hushhush", "schemes": [], "algorithms": []}]`,
		"algorithms null":   `[{"id": "a", "secret": "hushhush", "algorithms": null}]`,
		"scopes empty":      `[{"id": "a", "secret": "hushhush", "scopes": []}]`,
		"scope malformed":   `[{"id": "a", "secret": "hushhush", "scopes": ["apig"]}]`,
		"no id":             `[{"secret": "hushhush"}]`,
		"bad id":            `[{"id": "a b", "secret": "hushhush"}]`,
		"no secret":         `[{"id": "a"}]`,
		"empty secret":      `[{"id": "a", "secret": ""}]`,
		"secret a number":   `[{"id": "a", "secret": 5}]`,
		"two sources":       `[{"id": "a", "secret": {"env": "A", "file": "B"}}]`,
		"unset variable":    `[{"id": "a", "secret": {"env": "HMACSIGN_TEST_UNSET"}}]`,
		"missing file":      `[{"id": "a", "secret": {"file": "/nonexistent/secret"}}]`,
		"unknown scheme":    `[{"id": "a", "secret": "hushhush", "schemes": ["tencent"]}]`,
		"unknown algorithm": `[{"id": "a", "secret": "hushhush", "algorithms": ["sm3"]}]`,
		"id twice":          `[{"id": "a", "secret": "hushhush"}, {"id": "a", "secret": "x"}]`,
	} {
		_, err := ReadKeys(strings.NewReader(text))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hushhush", name)
		require.NotContains(t, err.Error(), "\n", name)
		require.NotContains(t, err.Error(), "json:", name)
		require.NotContains(t, err.Error(), "EOF", name)
	}
	for _, text := range []string{`{"id": "a", "secret": "hushhush"}`, `["hushhush"]`} {
		_, err := ReadKeys(strings.NewReader(text))
		require.ErrorContains(t, err, "not an array of keys: write [{", text)
		require.NotContains(t, err.Error(), "hushhush")
	}
}

// An empty list is allowed, it revokes all keys; an empty list of a key's schemes
// must not mean all of them, and the refusal says which key and what to do.
func TestReadKeysEmptyLists(t *testing.T) {
	for _, text := range []string{"[]", " [ ] \n", `[{"id": "a", "secret": "hushhush"}]` + "\n\n"} {
		_, err := ReadKeys(strings.NewReader(text))
		require.NoError(t, err, text)
	}
	for _, member := range []string{"schemes", "algorithms"} {
		_, err := ReadKeys(strings.NewReader(`[{"id": "a", "secret": "hushhush", "` + member + `": []}]`))
		require.ErrorContains(t, err, `key "a": "`+member+`" is an empty list: `)
		require.ErrorContains(t, err, "leave it out")
	}
}

func TestSchemeByName(t *testing.T) {
	for _, s := range Schemes() {
		got, err := SchemeByName(s.Name())
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	_, err := SchemeByName("aws")
	require.ErrorContains(t, err, "tencent-app")
}
