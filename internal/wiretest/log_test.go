package wiretest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShowsSignature(t *testing.T) {
	for line, want := range map[string]bool{
		`hmac id="k", signature="+x4w="`:                               true,
		`{"header":"hmac id=\"k\", signature=\"x4w=\""}`:               true,
		`SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=7be6`: true,
		`write it as hmac id="...", signature="..."`:                   false,
		`{"detail":"write it as signature=\"...\""}`:                   false,
		`write it as Access=..., SignedHeaders=...;..., Signature=...`: false,
		`"reason":"signature"`:                                         false,
	} {
		require.Equal(t, want, ShowsSignature(line), line)
	}
}
