package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What has no end is not read until the memory is full; a file is read whole, however
// large it is.
func TestInputsEnd(t *testing.T) {
	defer func(limit int64) { maxInput = limit }(maxInput)
	maxInput = 10
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, []byte("ten in all"), 0o600))
	base := []string{"sign", "--key-id", "test-key", "--output", "http", "-H", "Content-Type: a/b"}
	t.Setenv("HMACSIGN_SECRET", testSecret)
	sign := func(input string, args ...string) (int, string, string) {
		var out, said strings.Builder
		status := run(append(append(base, args...), "http://localhost/"), &streams{in: strings.NewReader(input), out: &out, err: &said})
		return status, out.String(), said.String()
	}

	status, out, said := sign("", "--data-binary", "@"+file)
	require.Zero(t, status, said)
	require.Contains(t, out, "ten in all")
	require.NoError(t, os.WriteFile(file, []byte("eleven more"), 0o600))
	status, _, said = sign("", "--data-binary", "@"+file)
	require.Equal(t, 1, status)
	require.Contains(t, said, "more than 10 bytes")
	status, out, said = sign("ten in all", "--data-binary", "@-")
	require.Zero(t, status, said)
	require.Contains(t, out, "ten in all")
	status, _, said = sign("eleven more", "--data-binary", "@-")
	require.Equal(t, 1, status)
	require.Equal(t, "hmacsign: \"-\" has more than 10 bytes, and is held in memory: give a shorter one\n", said)
	if _, err := os.Stat("/dev/zero"); err == nil {
		for _, flags := range [][]string{{"--data-binary", "@/dev/zero"}, {"-F", "a=@/dev/zero"}, {"--url-query", "a@/dev/zero"}} {
			status, _, said = sign("", flags...)
			require.Equal(t, 1, status)
			require.Contains(t, said, "\"/dev/zero\" has more than 10 bytes")
		}
	}
}

// An error shows no control characters, whoever wrote them.
func TestErrorsShowNoControls(t *testing.T) {
	t.Setenv("HMACSIGN_SECRET", testSecret)
	for _, args := range [][]string{{"--\x1b[31mred"}, {"-\x1b"}, {"-d", "@/nowhere\x1b[31m"}, {"--secret-file", "/nowhere\x1b[31m"}, {"--\x9b"}} {
		for _, lang := range []string{"en", "zh"} {
			var said strings.Builder
			require.NotZero(t, run(append([]string{"--lang", lang, "send", "--key-id", "a", "http://localhost:1/"}, args...), &streams{in: strings.NewReader(""), out: &said, err: &said}))
			require.NotContains(t, said.String(), "\x1b")
			require.NotContains(t, strings.TrimSuffix(said.String(), "\n"), "\n")
			require.True(t, strings.HasPrefix(said.String(), "hmacsign: "))
		}
	}
}
