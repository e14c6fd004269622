package hmacsign_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// The pieces in which the client's string differs are named, and the lines shown.
func TestExplanationNamesPieces(t *testing.T) {
	v := wireVerifier(t, WithExplanations())
	accept := func(r *WireRequest, value string) {
		for i := range r.Header {
			if r.Header[i].Name == "accept" {
				r.Header[i].Value = value
			}
		}
	}
	for _, c := range []struct {
		scheme         Scheme
		change         func(*WireRequest)
		mistakes, want []string
		client, server string // in the lines that differ
	}{
		{TencentApp, func(r *WireRequest) { r.Method = "HEAD" }, []string{"other_method"}, []string{"method"}, "GET", "HEAD"},
		{TencentApp, func(r *WireRequest) { accept(r, "") }, []string{"other_accept"}, []string{"accept"}, "*/*", ""},
		{TencentApp, func(r *WireRequest) { accept(r, ""); r.Method = "HEAD" },
			nil, []string{"method", "accept"}, "GET", "HEAD"},
	} {
		r := signedWire(t, c.scheme, "GET", "/a?b=c", "", "")
		_, err := v.VerifyWire(t.Context(), r)
		require.NoError(t, err)
		c.change(r)
		_, err = v.VerifyWire(t.Context(), r)
		var refused *VerifyError
		require.ErrorAs(t, err, &refused)
		why := refused.Explanation
		var found []string
		for _, m := range why.Mistakes() {
			found = append(found, m.Code)
		}
		if c.mistakes != nil {
			require.Equal(t, c.mistakes, found)
		}
		require.Equal(t, c.want, why.Pieces())
		require.Equal(t, []string{c.client}, why.Diff()[0].Client)
		require.Equal(t, []string{c.server}, why.Diff()[0].Server)
	}

	// Unexplained: no pieces and no lines.
	r := signedWire(t, HuaweiSDK, "POST", "/a?b=c", "text/plain", "text")
	r.Body = io.NopCloser(strings.NewReader("another"))
	_, err := v.VerifyWire(t.Context(), r)
	var refused *VerifyError
	require.ErrorAs(t, err, &refused)
	require.Empty(t, refused.Explanation.Mistakes())
	require.Empty(t, refused.Explanation.Pieces())
	require.Empty(t, refused.Explanation.Diff())
}
