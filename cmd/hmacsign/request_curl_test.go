package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// built is the request of curl's flags as it would be written, without the Host and the
// length of the body, its lines joined by |.
func built(t *testing.T, args ...string) (string, error) {
	c := new(httptext.Command)
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	addRequestFlags(fs, c)
	require.NoError(t, fs.Parse(args))
	c.URL, c.ReadFile = fs.Arg(0), os.ReadFile
	b, err := buildRequest(c)
	if err != nil {
		return "", err
	}
	setDefault(b.Header, "User-Agent")
	if b.Host == "127.0.0.1" {
		b.Host = "h"
	}
	var w strings.Builder
	require.NoError(t, b.Write(&w))
	text := regexp.MustCompile(`(?m)^Content-Length: .*\r\n`).ReplaceAllString(w.String(), "")
	return strings.TrimRight(strings.NewReplacer(" HTTP/1.1\r\nHost: h\r\n", "|", " HTTP/1.1\r\nHost:", " Host:", "\r\n", "|").Replace(text), "|"), nil
}

// What curl 7.88.1 sends for these flags.
func TestRequestAsCurl(t *testing.T) {
	file := writeFile(t, "a\r\nb=\x00c\n")
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"h/a/../b/./c?x=../y#frag"}, "GET /b/c?x=../y"},
		{[]string{"h/a/..", "--path-as-is"}, "GET /a/.."},
		{[]string{"h/a/.."}, "GET /"}, {[]string{"h/a/."}, "GET /a/"}, {[]string{"h//a//../b"}, "GET //a/b"}, {[]string{"h/.."}, "GET /"},
		{[]string{"h/%7ea/%2e%2e/b/%aF"}, "GET /%7ea/%2e%2e/b/%aF"},
		{[]string{"h/a|b\"<>^`\\?x|y"}, "GET /a|b\"<>^`\\?x|y"},
		{[]string{"h/ä?ä"}, "GET /%c3%a4?ä"},
		{[]string{"h?x"}, "GET /?x"}, {[]string{"h#x?y"}, "GET /"}, {[]string{"h/a?#x"}, "GET /a?"}, {[]string{"HTTP://LocalHost:080/"}, "GET / Host: LocalHost"},
		{[]string{"https://h:443/"}, "GET /"}, {[]string{"http://[::1]:8080/[]?a[]=1"}, "GET /[]?a[]=1 Host: [::1]:8080"},
		{[]string{"h/{a}[1-2]", "-g"}, "GET /{a}[1-2]"}, {[]string{"http://b\u00fccher/"}, "GET / Host: xn--bcher-kva"},
		{[]string{"h", "-d", "@" + file, "-d", "x", "--data-raw", "@f", "--data-binary", "@" + file}, "POST /|" + form + "||ab=c&x&@f&a|b=\x00c\n"},
		{[]string{"h", "--data-urlencode", "@" + file, "--data-urlencode", "=a=b", "--data-urlencode", "n=é/~*!", "--data-urlencode", "n@" + file}, "POST /|" + form + "||a%0D%0Ab%3D%00c%0A&a%3Db&n=%C3%A9%2F~%2A%21&n=a%0D%0Ab%3D%00c%0A"},
		{[]string{"h", "-d", ""}, "POST /|" + form},
		{[]string{"h", "-X", "PUT", "-d", "x"}, "PUT /|" + form + "||x"},
		{[]string{"h?z=1", "-G", "-d", "x=1"}, "GET /?z=1&x=1"}, {[]string{"h/a?", "-G", "-d", "x=1"}, "GET /a?x=1"}, {[]string{"h/a?q", "-d", "x=1", "-G", "-X", "POST"}, "POST /a?q&x=1"},
		{[]string{"h/a?x=%2F", "-G", "-d", "x=%2F"}, "GET /a?x=%2F&x=%2f"}, {[]string{"h/a", "-G", "--data-urlencode", "x=a/b c"}, "GET /a?x=a%2fb+c"}, {[]string{"h/a", "-G", "-d", ""}, "GET /a"},
		{[]string{"h/a", "-I", "-G", "-d", "x=1"}, "HEAD /a?x=1"}, {[]string{"h/a", "-I", "-X", "GET"}, "GET /a"},
		{[]string{"h/a", "--url-query", "+raw=1", "--url-query", "q"}, "GET /a?raw=1&q"}, {[]string{"h/a", "--url-query", "n@" + file}, "GET /a?n=a%0d%0ab%3d%00c%0a"},
		{[]string{"h/a", "-G", "--json", `{"a":1}`}, `GET /a?{"a":1}|Accept: application/json|Content-Type: application/json`},
		{[]string{"h", "--json", `{"a":1}`, "--json", `{"b"}`}, `POST /|Accept: application/json|Content-Type: application/json||{"a":1}{"b"}`},
		{[]string{"h", "--json", "1", "-d", "2"}, "POST /|Accept: application/json|Content-Type: application/json||1&2"}, {[]string{"h", "-d", "2", "--json", "1"}, "POST /|Accept: application/json|Content-Type: application/json||21"},
		{[]string{"h", "--json", "1", "-H", "content-type:", "-H", "Accept: x"}, "POST /|Accept: x||1"},
		{[]string{"h", "-H", "Host: a", "-H", "host: b"}, "GET / Host: a"},
		{[]string{"h", "-H", "Accept: 1", "-H", "Accept: 2", "-H", "X-A:", "-H", "X-B;", "-H", "X-D:  sp  ", "-H", "X-E: é"}, "GET /|Accept: 1|Accept: 2|X-B: |X-D: sp|X-E: é"},
		{[]string{"h", "-H", "@" + writeFile(t, "X-A: b\r\n\nX-E:\nX-F;")}, "GET /|X-A: b|X-F: "},
		{[]string{"h", "-A", "x", "-A", "y"}, "GET /|User-Agent: y"}, {[]string{"h", "-A", "x", "-H", "User-Agent: z"}, "GET /|User-Agent: z"}, {[]string{"h", "-A", ""}, "GET /"},
		{[]string{"h", "-e", "http://r/;auto"}, "GET /|Referer: http://r/"}, {[]string{"h", "-b", "a=b; c=d", "-b", "e=f"}, "GET /|Cookie: a=b; c=d;e=f"}, {[]string{"h", "-b", "a=b", "-H", "Cookie: x=y"}, "GET /|Cookie: x=y"},
		{[]string{"h", "--compressed"}, "GET /|Accept-Encoding: deflate, gzip"}, {[]string{"h", "-d", "x", "-H", "Content-Length: 1"}, "POST /|" + form + "||x"},
	} {
		got, err := built(t, c.args...)
		require.NoError(t, err, c.args)
		require.Equal(t, c.want, got, c.args)
	}
}

// The parts of a multipart form as curl 7.88.1 sends them.
func TestFormAsCurl(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, content := range map[string]string{"x.txt": "hello", "y.json": "j", "a.HTML": "h"} {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	for field, want := range map[string]string{
		"a=b":                            `; name="a"||b`,
		"d=e;type=text/x":                `; name="d"|Content-Type: text/x||e`,
		"f=@x.txt":                       `; name="f"; filename="x.txt"|Content-Type: text/plain||hello`,
		"g=@y.json;filename=z;type=a/b":  `; name="g"; filename="z"|Content-Type: a/b||j`,
		"g=@y.json":                      `; name="g"; filename="y.json"|Content-Type: application/octet-stream||j`,
		"g=@a.HTML;filename=q.bin":       `; name="g"; filename="q.bin"|Content-Type: text/html||h`,
		"f=@x.txt;filename=":             `; name="f"; filename=""|Content-Type: text/plain||hello`,
		"h=<x.txt":                       `; name="h"||hello`,
		"h=<a.HTML":                      `; name="h"|Content-Type: text/html||h`,
		"x=<x.txt;filename=n.txt":        `; name="x"||hello`,
		`i="a;b\"c"`:                     `; name="i"||a;b"c`,
		`q"n=v`:                          `; name="q%22n"||v`,
		`k=@"x.txt";filename="a;\"b"`:    `; name="k"; filename="a;%22b"|Content-Type: text/plain||hello`,
		"a=b;type=text/plain":            `; name="a"|Content-Type: text/plain||b`,
		"c=d;type=text/html; charset=u8": `; name="c"|Content-Type: text/html; charset=u8||d`,
		"x=y;filename=a.png":             `; name="x"; filename="a.png"|Content-Type: image/png||y`,
		"f= lead ;type=a/b":              `; name="f"|Content-Type: a/b||lead`,
		`b=c;headers="X-A: b"`:           `; name="b"|X-A: b||c`,
		"=noname":                        `||noname`,
	} {
		got, err := built(t, "h", "-F", field)
		require.NoError(t, err, field)
		m := regexp.MustCompile(`(?s)^POST /\|Content-Type: multipart/form-data; boundary=(-{24}[0-9a-f]{16})\|\|--(.*?)\|Content-Disposition: form-data(.*)\|--(.*?)--$`).FindStringSubmatch(got)
		require.NotNil(t, m, got)
		require.Equal(t, []string{m[1], want, m[1]}, m[2:], field)
	}
	got, err := built(t, "h", "--form-string", "a=@x;type=y")
	require.NoError(t, err)
	require.Contains(t, got, `name="a"||@x;type=y|--`)
}

// What is refused, with the request beside it that is not.
func TestRequestRefused(t *testing.T) {
	for _, c := range []struct{ args, right, want string }{
		{"h/a b", "h/a%20b", "percent-encoded"}, {"h/{a,b}", "h/{a,b}|-g", "-g"}, {"h/[1-2]", "h/[1-2]|-g", "-g"}, {"ftp://h", "http://h", "no http"},
		{"http://u:p@h", "http://h", "leave it out"}, {"http://h:99999", "http://h:9999", "65535"}, {"http://", "http://h", "no http"}, {"h//a|b", "h//a%7Cb", "encode it"},
		{"h|-d|x|-F|a=b", "h|-F|a=b", "-F"}, {"h|-I|-d|x", "h|-I|-d|x|-G", "-G"}, {"h|-b|file", "h|-b|a=b", "name=value"}, {"h|-G|-d|a b", "h|-G|--data-urlencode|a b", "--data-urlencode"},
		{"h|-H|no colon", "h|-H|no: colon", "Name: value"}, {"h|-H|a b: c", "h|-H|a-b: c", "no spaces"}, {"h|-H|Host:", "h|-H|Host: x", "Host"}, {"h|-H|Authorization: x", "h|-H|X-Authorization: x", "the signature goes there"},
		{"h|-d|x|-H|Content-Length: 2", "h|-d|x|-H|Content-Length: 1", "leave it out"}, {"h|-H|Transfer-Encoding: gzip", "h|-H|Transfer-Encoding: chunked", "chunked"}, {"h|-H|Trailer: x", "h|-H|X-Trailer: x", "trailers"},
		{"h|-H|User-Agent;", "h|-H|User-Agent:", "-A"}, {"h|-F|a", "h|-F|a=", "name=value"}, {"h|-F|a=b;c", `h|-F|a="b;c"`, "quote"}, {"h|-F|a=(b", `h|-F|a="(b"`, "quote"}, {"h|-F|a=b;type=x", "h|-F|a=b;type=x/y", "text/plain"},
		{"h|-F|a=b;type", "h|-F|a=b;", "behind a semicolon"},
		{"h|-X|A B", "h|-X|AB", "method"},
	} {
		_, err := built(t, split(c.args)...)
		require.ErrorAs(t, err, new(usageError), c.args)
		require.ErrorContains(t, err, c.want, c.args)
		_, err = built(t, split(c.right)...)
		require.NoError(t, err, c.right)
	}
}

// split splits at each | but for that of the first word.
func split(args string) []string {
	if url, rest, ok := strings.Cut(args, "|-"); ok {
		return append([]string{url}, strings.Split("-"+rest, "|")...)
	}
	return []string{args}
}

// A header of the user's is signed as it was given, or refused.
func TestGivenHeadersStay(t *testing.T) {
	at := "X-Date: " + worked
	require.Contains(t, ok(t, "sign", "http://h/a", "-H", at), "\n"+at+"\n")
	require.Equal(t, ok(t, "sign", "http://h/a", "--date", worked), ok(t, "sign", "http://h/a", "-H", at))
	require.Equal(t, ok(t, "sign", "http://h/a", "--date", worked), ok(t, "sign", "http://h/a", "-H", at, "--date", "2021-03-11T08:29:58Z"))
	huawei := []string{"sign", "http://h/a", "--scheme", "huawei-sdk"}
	require.Contains(t, ok(t, append(huawei, "-H", "X-Sdk-Date: 20210311T082958Z")...), "X-Sdk-Date: 20210311T082958Z\n")
	require.Contains(t, ok(t, append(huawei, "-d", "x", "-H", "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD")...), "UNSIGNED-PAYLOAD")
	keypair := []string{"sign", "http://h/a", "--scheme", "tencent-keypair", "--signed-headers", "date"}
	require.Contains(t, ok(t, append(keypair, "-H", "Date: "+worked)...), "Date: "+worked)
	require.Contains(t, ok(t, "sign", "http://h/a", "-H", "Date: yesterday"), "Date: yesterday\n", "which this scheme leaves alone")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-H", at, "--date", "2021-03-11T08:29:59Z"}, 2, "give one of the two"},
		{[]string{"-H", "X-Date: 2021-03-11T08:29:58Z"}, 2, "write it so"},
		{[]string{"-H", "X-Date: yesterday"}, 2, "X-Date"},
		{[]string{"-H", "X-Date:"}, 2, "do not leave it out"},
		{[]string{"-H", "authorization: x"}, 2, "leave it out"},
		{[]string{"--data-binary", "x", "-H", "Content-Type: text/plain", "-H", "Content-MD5: AAAA"}, 1, "Content-MD5"},
	} {
		status, stdout, stderr := hmacsignRun(t, "", append([]string{"sign", "http://h/a"}, c.args...)...)
		require.Equal(t, c.status, status, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	stdout := ok(t, "sign", "http://h/a", "-H", "Accept:", "--output", "string-to-sign")
	require.Contains(t, stdout, "GET\n\n\n", "none is sent, so none is signed")
	require.Contains(t, ok(t, "sign", "http://h/a", "-H", "Accept:", "--output", "curl"), "-H 'Accept:'")
	require.NotContains(t, ok(t, "sign", "http://h/a", "-H", "Accept:", "--output", "json"), "Accept")
}

// JSON that is sent as a form is told of.
func TestJSONAsForm(t *testing.T) {
	for args, told := range map[string]bool{
		`-d|{"a": 1}`: true, `-d| [1]`: true, `-d|{"a": 1|-d|"b": 2}`: false, `-d|a=1`: false, `-d|1`: false, `--json|{"a": 1}`: false, `-G|-d|{"a":1}`: false,
		`-d|{"a": 1}|-H|Content-Type: application/json`: false, `-d|{"a":1}|-H|Content-Type: application/x-www-form-urlencoded`: false,
	} {
		status, _, stderr := hmacsignRun(t, "", append([]string{"sign", "--scheme", "huawei-sdk", "http://h/a"}, strings.Split(args, "|")...)...)
		require.Zero(t, status, stderr)
		require.Equal(t, told, strings.Contains(stderr, "--json"), "%s: %s", args, stderr)
	}
}
