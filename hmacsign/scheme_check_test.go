package hmacsign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// Options that do not go together are found where a scheme is taken into use, by
// signers and verifiers alike.
func TestSchemesAreChecked(t *testing.T) {
	keys, err := StaticKeys()
	require.NoError(t, err)
	const all = tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded | tencentapp.Joined
	for _, c := range []struct {
		scheme Scheme
		want   string // none: it is right
	}{
		{tencentapp.Scheme{}, ""}, {tencentapp.Scheme{Query: tencentapp.Joined, Accept: all, ContentMD5: tencentapp.MD5None}, ""},
		{tencentapp.Scheme{Query: tencentapp.Raw | tencentapp.Decoded}, "Query"}, {tencentapp.Scheme{Query: 16}, "Query"}, {tencentapp.Scheme{Query: 17}, "Query"},
		{tencentapp.Scheme{Accept: 16}, "Accept"}, {tencentapp.Scheme{Accept: all | 128}, "Accept"}, {tencentapp.Scheme{ContentMD5: 3}, "ContentMD5"},
		{HuaweiSDK, ""}, {huaweisdk.Scheme{Region: "r", Service: "s", DecodeSlash: true}, ""},
		{huaweisdk.Scheme{Region: "r"}, "region"}, {huaweisdk.Scheme{Service: "s"}, "region"}, {huaweisdk.Scheme{Region: "r/r", Service: "s"}, "region"}, {huaweisdk.Scheme{Region: "r", Service: "a b"}, "region"},
	} {
		_, signs := NewSigner(c.scheme, "hmac-sm3", Credential{testID, Secret(testSecret)})
		_, verifies := NewVerifier(keys, AcceptSchemes(TencentKeyPair, c.scheme))
		for _, err := range []error{signs, verifies} {
			if c.want == "" {
				require.NoError(t, err, "%+v", c.scheme)
				continue
			}
			require.ErrorContains(t, err, c.want, "%+v", c.scheme)
			require.ErrorContains(t, err, "hmacsign: "+c.scheme.Name()+": ")
		}
	}
}
