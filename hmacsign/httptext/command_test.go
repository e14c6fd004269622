package httptext

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// A redirect's Location leads where it leads curl.
func TestResolve(t *testing.T) {
	c := new(Command)
	from, err := c.parseTarget("http://h:8080/a/b?c=d")
	require.NoError(t, err)
	for location, want := range map[string]string{
		"/x": "http://h:8080/x", "x": "http://h:8080/a/x", "../x?y": "http://h:8080/x?y", "?q=/": "http://h:8080/a/b?q=/", "//i/z": "http://i/z", "https://i": "https://i/",
		"": "http://h:8080/a/b?c=d", "#f": "http://h:8080/a/b?c=d#f", "x#f": "http://h:8080/a/x#f", "/a b?c d": "http://h:8080/a%20b?c+d", "/é?é": "http://h:8080/%c3%a9?é", "x?u=http://i/": "http://h:8080/a/x?u=http://i/",
	} {
		to, err := c.Resolve(from, location)
		require.NoError(t, err, location)
		require.Equal(t, want, to.String(), location)
	}
	_, err = c.Resolve(from, "ftp://h/")
	require.Error(t, err)
	require.True(t, from.SameOrigin(Target{Scheme: "http", Host: "H", Port: "8080"}))
	require.False(t, from.SameOrigin(Target{Scheme: "https", Host: "h", Port: "8080"}))
	require.False(t, from.SameOrigin(Target{Scheme: "http", Host: "h"}))
}

// Whatever the flags are, they make a request that can be written, or an error.
func FuzzBuild(f *testing.F) {
	for _, url := range []string{"h", "http://[::1]:1/[]?a[]=b", "http://[", "h/%zz/../..?#", "//", "h//a|b", "https://u@h:0", "h:65536", "\xff/\xff?\xff#"} {
		f.Add(url, "A: b", `"a;b"=c;type=x/y; z=";filename=f`, "a=b&c", "/x")
	}
	for _, field := range []string{"a=b;type", `a="b`, "=;headers=", "a=;;", `a=@"x"`, "a=(", "a"} {
		f.Add("h/a", "Transfer-Encoding: chunked", field, "@x", "../..?y")
	}
	f.Fuzz(func(t *testing.T, url, header, field, text, location string) {
		for _, asForm := range []bool{false, true} {
			c := &Command{URL: url, Headers: []string{header}, URLQuery: []string{text}, GlobOff: asForm, ReadFile: func(string) ([]byte, error) { return []byte(text), nil }}
			if asForm {
				c.Form = []FormField{{Value: field}}
			} else {
				c.Data = []Data{{DataText, text}, {DataURLEncoded, field}, {DataJSON, text}}
			}
			b, err := c.Build()
			if err != nil {
				require.ErrorAs(t, err, new(*Error))
				continue
			}
			require.NoError(t, b.Write(io.Discard))
			again, err := c.parseTarget(b.Target.String())
			require.NoError(t, err)
			require.Equal(t, b.Target.String(), again.String())
			if to, err := c.Resolve(b.Target, location); err == nil {
				to.RequestURL()
			}
		}
	})
}
