package httptext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A command has the limits of a request in another form, and what refuses it is a line
// that can be read.
func TestCurlLimits(t *testing.T) {
	long := strings.Repeat("a", hmacsign.MaxWireHeaderBytes)
	for command, code := range map[string]string{
		"curl http://h/" + strings.Repeat(" -H a:b", hmacsign.MaxWireHeaders+1): "http_many_headers",
		"curl http://h/ -H 'a: " + long + "'":                                   "http_long_head",
		"curl http://h/" + long:                                                 "http_long_head",
		"curl 'http://h/" + strings.Repeat("{", 1_000) + "'":                    "curl_glob",
		"curl 'http://h/ " + long + "'":                                         "curl_url_space",
		"curl '" + long + "://h'":                                               "curl_url",
		"curl http://h:" + long:                                                 "curl_url",
	} {
		_, err := Parse([]byte(command))
		var e *Error
		require.ErrorAs(t, err, &e, "%.40s", command)
		require.Equal(t, code, e.Code, "%.40s", command)
		require.Less(t, len(e.Error()), 400, "%.40s", command)
	}
	_, err := Parse([]byte("curl http://h/" + strings.Repeat(" -H a:b", hmacsign.MaxWireHeaders-1)))
	require.NoError(t, err)
	_, err = Parse([]byte("curl -g 'http://h/" + strings.Repeat("{", 1_000) + "'"))
	require.NoError(t, err)
}
