//go:build openssl && cgo

package sm3openssl

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

// The evidence names libcrypto's file, not the program that loaded it.
func TestModule(t *testing.T) {
	for _, b := range algo.NewEvidence(time.Now()).Algorithms {
		if b.Backend == name {
			require.Regexp(t, `/libcrypto\.so`, b.Module.Path)
			require.Len(t, b.Module.SHA256, 64)
			return
		}
	}
	t.Fatal("no backend " + name)
}
