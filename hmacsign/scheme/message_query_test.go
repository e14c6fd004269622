package scheme_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

func TestQueryValue(t *testing.T) {
	for query, want := range map[string]struct {
		value   string
		present bool
	}{
		"": {}, "b=1": {}, "aa=1": {}, "A=1": {}, "%61=1": {}, "b=a=1": {},
		"a": {"", true}, "a=": {"", true}, "a=1": {"1", true}, "a=1=2&b=3": {"1=2", true}, "&b&a=%20+&": {"%20+", true},
	} {
		value, present, err := (&scheme.Message{Query: query}).QueryValue("a")
		require.NoError(t, err, query)
		require.Equal(t, want.value, value, query)
		require.Equal(t, want.present, present, query)
	}
	for _, query := range []string{"a=1&a=1", "a&b&a", "a=&a", "a=1&b=2&a=2"} {
		_, _, err := (&scheme.Message{Query: query}).QueryValue("a")
		require.ErrorIs(t, err, scheme.ErrMalformed, query)
		require.ErrorContains(t, err, "parameter a is repeated")
	}
}

// There is one way to write a signature, in each encoding.
func TestDecodeBase64(t *testing.T) {
	for text, in := range map[string]*base64.Encoding{"+/8=": base64.StdEncoding, "-_8=": base64.URLEncoding, "-_8": base64.RawURLEncoding} {
		got, err := scheme.DecodeBase64([]byte("before"), text, in)
		require.NoError(t, err, text)
		require.Equal(t, "before\xfb\xff", string(got))
		for _, other := range []string{"", "+/9=", "-_9=", "-_9", text + "\n", "\n" + text, text[:2] + "\r\n" + text[2:], text + "=", text[:1], "+_8=", "+_8"} {
			_, err := scheme.DecodeBase64(nil, other, in)
			require.ErrorIs(t, err, scheme.ErrMalformed, "%q", other)
		}
	}
}
