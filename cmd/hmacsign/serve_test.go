package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServeUsage(t *testing.T) {
	keys := writeFile(t, `[{"id": "test-key", "secret": "`+testSecret+`"}]`)
	for _, args := range [][]string{
		{}, {"--keys", keys}, {"--keys", keys, "--upstream", "ftp://h"}, {"--upstream", "http://h"}, {"--keys", keys, "--upstream", "http://h", "--tls-cert", "x"},
		{"--keys", keys, "--upstream", "http://h", "--schemes", "aws"}, {"--keys", keys, "--upstream", "http://h", "--query-form", "x"},
		{"--keys", keys, "--upstream", "http://h", "--resign-key-id", "k", "--resign-secret-env", "HMACSIGN_TEST_UNSET"},
	} {
		status, _, stderr := hmacsignRun(t, "", append([]string{"serve"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, stderr)
	}
	status, _, stderr := hmacsignRun(t, "", "serve", "--keys", "/nonexistent", "--upstream", "http://h")
	require.Equal(t, 1, status, stderr)
}
