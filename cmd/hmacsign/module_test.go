package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

// The file in the log is that of the evidence, whatever the backend is linked from.
func TestModuleOf(t *testing.T) {
	for _, b := range algo.NewEvidence(time.Now()).Algorithms {
		if b.Available && b.Backend != "openssl" {
			m, err := moduleOf(b.Info)
			require.NoError(t, err)
			require.Equal(t, b.Module.Module, m, b.Backend)
		}
	}
	_, err := moduleOf(algo.Info{Algorithm: algo.HMACSM3, Backend: "openssl"})
	require.Error(t, err, "which libcrypto it is cannot be told without asking")
}
