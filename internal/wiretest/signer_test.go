package wiretest

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWireSM3(t *testing.T) {
	require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", hex.EncodeToString(sm3Sum([]byte("abc"))))
	require.Equal(t, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732", hex.EncodeToString(sm3Sum(bytes.Repeat([]byte("abcd"), 16))))
}
