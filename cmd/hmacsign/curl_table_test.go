package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"time"
)

// Answers of the scripts.
var (
	fine       = reply("200 OK", "hello\n", "Content-Type: text/plain", "X-Answer: 1")
	missing    = reply("404 Not Found", "no such thing\n", "Content-Type: text/plain")
	broken     = reply("500 Internal Server Error", "broken\n")
	noContent  = answer{text: "HTTP/1.1 204 No Content\r\nX-Answer: 1\r\n\r\n"}
	chunked    = answer{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n"}
	old        = answer{text: "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold\n", hangup: true}
	untilClose = answer{text: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", hangup: true}
	partial    = answer{text: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", hangup: true}
	nothing    = answer{hangup: true}
	garbage    = answer{text: "what is this?\r\n\r\n", hangup: true}
	late       = answer{text: fine.text, after: time.Second}
	busy       = reply("503 Service Unavailable", "busy\n", "Retry-After: 0")
	gzipped    = reply("200 OK", gzippedText, "Content-Encoding: gzip")
	deflated   = reply("200 OK", deflatedText, "Content-Encoding: deflate")
	notGzipped = reply("200 OK", "not packed\n", "Content-Encoding: gzip")
)

// "unpacked\n" in the encodings of HTTP. What HTTP calls deflate has a header of
// zlib's around it; some servers send it bare.
var (
	gzippedText  = packed(func(b *bytes.Buffer) io.WriteCloser { return gzip.NewWriter(b) })
	deflatedText = packed(func(b *bytes.Buffer) io.WriteCloser { return zlib.NewWriter(b) })
	rawDeflated  = deflatedText[2 : len(deflatedText)-4]
)

func packed(with func(*bytes.Buffer) io.WriteCloser) string {
	var b bytes.Buffer
	w := with(&b)
	io.WriteString(w, "unpacked\n")
	w.Close()
	return b.String()
}

func to(status int, location string) answer {
	return reply(fmt.Sprintf("%d Elsewhere", status), "moved\n", "Location: "+location)
}

// of puts answers to a case.
func of(answers ...answer) []answer { return answers }

// missingFile is why a body's file that is not there is an error.
const missingFile = "curl 7.88 sends an empty body for a file that is not there"

// bothQueries is why -G and --url-query go together.
const bothQueries = "curl 7.88 forgets --url-query beside the data of -G"

// otherForm is why -F does not go with every Content-Type.
const otherForm = "a multipart form has its type: curl puts a boundary behind any"

const negated = "a flag that is not wanted is left out"

// signedForm is why not every body is sent as a form.
const signedForm = "the fields of a form are signed: it has no space and no line break in it"

// noHeader is why not every -H is taken.
const noHeader = "what is no header is an error: curl drops it or sends what servers refuse"

// brokenEscape is why not every URL is sent.
const brokenEscape = "servers do not agree on what it means, so it is not signed"

// curlTable goes flag by flag, and where flags are known to meet.
func curlTable() []curlCase {
	table := []curlCase{
		{}, // a URL alone

		// The body.
		{args: []string{"-d", "a=b"}},
		{args: []string{"--data", "a=b"}},
		{args: []string{"--data-ascii", "a=b"}},
		{args: []string{"-d", "a=b", "-d", "c=d&e"}},
		{args: []string{"-d", ""}},
		{args: []string{"-d", "", "-d", "a"}},
		{args: []string{"-d", "a", "-d", ""}},
		{args: []string{"-d=foo"}},
		{args: []string{"-da=b"}},
		{args: []string{"-d", "@{in}/lines"}},
		{args: []string{"-d@{in}/lines"}},
		{args: []string{"-d", "@{in}/empty"}},
		{args: []string{"-d", "@{in}/lines", "-d", "more=1"}},
		{args: []string{"-d", "@{in}/none"}, bug: missingFile},
		{args: []string{"-d", "@-"}, stdin: "from=input\n&x\r\n"},
		{args: []string{"-d", "-dash"}},
		{args: []string{"--data", "--double"}},
		{args: []string{"--data-raw", "@x"}},
		{args: []string{"--data-raw", "a\nb\r\n", "-H", "Content-Type: text/plain"}},
		{args: []string{"--data-raw", "a", "-d", "b", "--data-binary", "c"}},
		{args: []string{"--data-binary", "@{in}/bytes", "-H", "Content-Type: text/plain"}},
		{args: []string{"--data-binary", "@{in}/lines", "-H", "Content-Type: text/plain"}},
		{args: []string{"--data-binary", "@-", "-H", "Content-Type: text/plain"}, stdin: "a\x00\n"},
		{args: []string{"--data-binary", "a b\n"}, instead: signedForm},
		{args: []string{"--data-binary", "@{in}/lines", "--data-binary", "@{in}/at", "-H", "Content-Type: text/plain"}},
		{args: []string{"--data-binary", "@{in}/none"}, bug: missingFile},
		{args: []string{"--data-urlencode", "a b&c=d"}, instead: signedForm},
		{args: []string{"--data-urlencode", "just content/+~é"}},
		{args: []string{"--data-urlencode", "=a=b c"}},
		{args: []string{"--data-urlencode", "name=a b&c=d"}},
		{args: []string{"--data-urlencode", "@{in}/value"}},
		{args: []string{"--data-urlencode", "name@{in}/value"}},
		{args: []string{"--data-urlencode", "name@{in}/none"}, bug: missingFile},
		{args: []string{"--data-urlencode", "name@-"}, stdin: "a b\n"},
		{args: []string{"--data-urlencode", "a=1 2", "-d", "b=3", "--data-urlencode", "=x/y"}},
		{args: []string{"--json", `{"a": 1}`}},
		{args: []string{"--json", `{"a":`, "--json", ` 1}`}},
		{args: []string{"--json", "@{in}/json"}},
		{args: []string{"--json", "@-"}, stdin: "{\n}\n"},
		{args: []string{"--json", "{}", "-H", "Content-Type: application/vnd.api+json"}},
		{args: []string{"--json", "{}", "-H", "accept: text/plain"}},
		{args: []string{"--json", "{}", "-H", "Accept:", "-H", "Content-Type:"}},
		{args: []string{"--json", "{}", "-X", "PUT"}},
		{args: []string{"--json", "{}", "-d", "x"}},
		{args: []string{"-d", "x", "--json", "{}"}},
		{args: []string{"-F", "a=b"}},
		{args: []string{"-F", "a=b", "-F", "c=d e"}},
		{args: []string{"-F", "file=@{in}/lines"}},
		{args: []string{"-F", "file=@{in}/json;type=application/json;filename=x.json"}},
		{args: []string{"-F", "text=<{in}/lines"}},
		{args: []string{"-F", "a=b;type=text/x"}},
		{args: []string{"-F", `quo"te=v`}},
		{args: []string{"-F", `file=@{in}/lines;filename="a b.txt"`}},
		{args: []string{"-F", "file=@{in}/none"}},
		{args: []string{"--form-string", "a=@x;type=y"}},
		{args: []string{"--form-string", "a=b", "-F", "c=d"}},
		{args: []string{"-F", "novalue"}},
		{args: []string{"-F", "a=b", "-d", "c"}},
		{args: []string{"-F", "a=b", "-H", "Content-Type: multipart/form-data"}},
		{args: []string{"-F", "a=b", "-H", "Content-Type: multipart/mixed"}, instead: otherForm},
		{args: []string{"-F", "a=b", "-H", "Content-Type:"}, instead: otherForm},

		// The query.
		{args: []string{"-G", "-d", "a=b c"}},
		{args: []string{"-G", "-d", "a=b", "-d", "c=d"}},
		{args: []string{"-G", "--data-urlencode", "a=b c"}},
		{args: []string{"-G", "-d", "a=b"}, url: "{http}/path"},
		{args: []string{"-G", "-d", "a=b"}, url: "{http}"},
		{args: []string{"-G", "-d", "a=b"}, url: "{http}/path?"},
		{args: []string{"-G", "-d", "a=b"}, url: "{http}/path#frag"},
		{args: []string{"-G", "-d", "@{in}/lines"}},
		{args: []string{"-G"}},
		{args: []string{"--get", "-d", "a=b", "-X", "DELETE"}},
		{args: []string{"-G", "-I", "-d", "a=b"}},
		{args: []string{"-G", "-F", "a=b"}},
		{args: []string{"--json", "{}", "-G"}},
		{args: []string{"--url-query", "name=a b/c"}},
		{args: []string{"--url-query", "a b"}},
		{args: []string{"--url-query", "=a b"}},
		{args: []string{"--url-query", "+raw=a%20b&c"}},
		{args: []string{"--url-query", "@{in}/value"}},
		{args: []string{"--url-query", "name@{in}/value"}},
		{args: []string{"--url-query", "a=1", "--url-query", "b=2"}},
		{args: []string{"--url-query", "a=1", "-d", "body"}},
		{args: []string{"--url-query", "a=1", "-G", "-d", "b=2"}, bug: bothQueries},
		{args: []string{"--url-query", "a=1"}, url: "{http}/p"},
		{args: []string{"--url-query", "a=1"}, url: "{http}/p#f"},
		{args: []string{"--url-query", ""}},

		// The method.
		{args: []string{"-I"}},
		{args: []string{"--head"}, answers: of(missing)},
		{args: []string{"-I", "-i"}},
		{args: []string{"-I", "-X", "GET"}, answers: of(noContent)},
		{args: []string{"-I", "-d", "a"}},
		{args: []string{"-X", "PUT"}},
		{args: []string{"-XPOST"}},
		{args: []string{"-X", "POST"}},
		{args: []string{"--request", "DELETE"}},
		{args: []string{"-X", "PATCH", "-d", "a=b"}},
		{args: []string{"-X", "GET", "-d", "a=b"}},
		{args: []string{"-X", "GET", "-X", "PUT"}},
		{args: []string{"-X", "get"}, instead: "a method is signed in upper case: one in lower case is refused"},
		{args: []string{"-X", "PROPFIND"}},
		{args: []string{"-X", "PUT", "-d", ""}},

		// Headers.
		{args: []string{"-H", "X-A: b"}},
		{args: []string{"--header", "X-A:b"}},
		{args: []string{"-HX-A: b"}},
		{args: []string{"-H", "x-lower: b", "-H", "X-LOWER: c"}},
		{args: []string{"-H", "X-A: b", "-H", "X-A: c"}},
		{args: []string{"-H", "X-Empty;"}},
		{args: []string{"-H", "X-None:"}},
		{args: []string{"-H", "X-Spaces:   a  b  "}},
		{args: []string{"-H", "X-Utf8: é"}},
		{args: []string{"-H", "@{in}/headers"}},
		{args: []string{"-H", "@-"}, stdin: "X-A: from input\n"},
		{args: []string{"-H", "Accept:"}},
		{args: []string{"-H", "Accept: application/json"}},
		{args: []string{"-H", "User-Agent:"}},
		{args: []string{"-H", "User-Agent: me"}},
		{args: []string{"-H", "User-Agent: me", "-A", "you"}},
		{args: []string{"-H", "Host: example.test"}},
		{args: []string{"-H", "host: example.test:81"}},
		{args: []string{"-H", "Host: one", "-H", "Host: two"}},
		{args: []string{"-H", "Content-Type: text/plain", "-d", "x"}},
		{args: []string{"-H", "content-type: text/plain", "-d", "x"}},
		{args: []string{"-H", "Content-Type:", "-d", "x"}},
		{args: []string{"-H", "Content-Type;", "-d", "x"}},
		{args: []string{"-H", "Content-Type: text/plain"}},
		{args: []string{"-H", "Accept-Encoding: gzip"}, answers: of(gzipped)},
		{args: []string{"-H", "Connection: close"}},
		{args: []string{"-H", "Transfer-Encoding: chunked", "-d", "a=b"}},
		{args: []string{"-H", "Content-Length: 3", "-d", "a=b"}},
		{args: []string{"-H", "no colon"}, instead: noHeader},
		{args: []string{"-H", ""}, instead: noHeader},
		{args: []string{"-H", "X-A : b"}, instead: noHeader},
		{args: []string{"-H", "Range: bytes=0-1"}, answers: of(reply("206 Partial Content", "he", "Content-Range: bytes 0-1/6"))},
		{args: []string{"-H", "If-None-Match: \"x\""}, answers: of(reply("304 Not Modified", ""))},
		{args: []string{"-H", "Cookie: a=b"}},
		{args: []string{"-H", "Cookie: a=b", "-b", "c=d"}},
		{args: []string{"-H", "Referer: x", "-e", "y"}},
		{args: []string{"-A", "agent/1"}},
		{args: []string{"--user-agent", "agent two"}},
		{args: []string{"-A", ""}},
		{args: []string{"-A", "a", "-A", "b"}},
		{args: []string{"-e", "http://from/"}},
		{args: []string{"--referer", "http://from/;auto"}},
		{args: []string{"-e", ";auto"}},
		{args: []string{"-e", ""}},
		{args: []string{"-b", "a=b"}},
		{args: []string{"--cookie", "a=b; c=d"}},
		{args: []string{"-b", "a=b", "-b", "c=d"}},

		// Encodings of the answer.
		{args: []string{"--compressed"}},
		{args: []string{"--compressed"}, answers: of(gzipped)},
		{args: []string{"--compressed"}, answers: of(deflated)},
		{args: []string{"--compressed", "-i"}, answers: of(gzipped)},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", gzippedText, "Content-Encoding: x-gzip"))},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", gzippedText, "content-encoding: GZIP"))},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", "plain\n", "Content-Encoding: identity"))},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", rawDeflated, "Content-Encoding: deflate"))},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", gzippedText[:20], "Content-Encoding: gzip")), instead: "a body that was cut is an error"},
		{args: []string{"--compressed"}, answers: of(reply("200 OK", "", "Content-Encoding: gzip"))},
		{args: []string{"--compressed", "-f"}, answers: of(reply("404 Not Found", gzippedText, "Content-Encoding: gzip"))},
		{args: []string{"--compressed"}, answers: of(notGzipped)},
		{args: []string{"--compressed", "-I"}, answers: of(gzipped)},
		{args: []string{"--compressed", "-w", "%{size_download}"}, answers: of(gzipped)},
		{args: []string{"--compressed", "-H", "Accept-Encoding: gzip"}, answers: of(gzipped)},
		{answers: of(gzipped)},

		// The URL.
		{url: "{http}"},
		{url: "{http}/"},
		{url: "{http}?"},
		{url: "{http}?a=b"},
		{url: "{http}/p?"},
		{url: "{http}/p??a"},
		{url: "{http}/p#fragment"},
		{url: "{http}#fragment"},
		{url: "{http}?a#b?c"},
		{url: "127.0.0.1:{httpport}/no/scheme"},
		{url: "HTTP://LOCALHOST:{httpport}/Upper"},
		{url: "{localhost}/p"},
		{url: "{http}/a/./b/../c"},
		{url: "{http}/a/b/.."},
		{url: "{http}/a/b/."},
		{url: "{http}/../../a"},
		{url: "{http}/a//b///c"},
		{url: "{http}/a/%2e%2e/b/%2E/c"},
		{url: "{http}/a/..?q=../x/./y"},
		{url: "{http}/.."},
		{url: "{http}/.a/..b/...", args: nil},
		{args: []string{"--path-as-is"}, url: "{http}/a/./b/../c/.."},
		{args: []string{"--path-as-is"}, url: "{http}/../a?q"},
		{args: []string{"--path-as-is"}, url: "{http}/a/%2e%2e/b"},
		{url: "{http}/é/ü?q=ö&中=文"},
		{url: "{http}/%C3%A9/%c3%bc?q=%C3%b6"},
		{url: "{http}/p?q=%zz", instead: brokenEscape},
		{url: "{http}/100%/x%2", instead: brokenEscape},
		{url: `{http}/a"b<c>d^e` + "`f|g?h\"i<j>"},
		{url: `{http}/back\slash?a\b`},
		{url: "{http}/a;b=c,d:e@f!$&'()*+~"},
		{url: "{http}/p?a+b=c%2Bd&&e&=f"},
		{args: []string{"-g"}, url: "{http}/{a,b}/[1-2]?x={y}&z[]=1"},
		{args: []string{"--globoff"}, url: "{http}/[1-2]"},
		{args: []string{"--url", "{http}/by/flag"}, url: "-"},
		{url: "http:/127.0.0.1:{httpport}/one/slash"},
		{url: "http:///127.0.0.1:{httpport}/three"},
		{url: "ftp://127.0.0.1:1/"},
		{url: "nonesuch://127.0.0.1:1/"},
		{url: "http://"},
		{url: "http://127.0.0.1:99999/"},
		{url: "http://127.0.0.1:{httpport}x/"},
		{url: "{http}/with space"},
		{args: []string{"--resolve", "example.test:{httpport}:127.0.0.1"}, url: "http://example.test:{httpport}/p"},
		{args: []string{"--resolve", "EXAMPLE.test:{httpport}:127.0.0.1"}, url: "http://example.TEST:{httpport}/p"},
		{args: []string{"--resolve", "*:{httpport}:127.0.0.1"}, url: "http://any.example:{httpport}/p"},
		{args: []string{"--resolve", "example.test:{httpport}:127.0.0.1,127.0.0.9"}, url: "http://example.test:{httpport}/p"},
		{args: []string{"--resolve", "example.test:1:127.0.0.1"}, url: "http://example.test.invalid:{httpport}/p"},
		{args: []string{"--resolve", "nonsense"}},
		{args: []string{"--resolve", "example.test:{tlsport}:127.0.0.1", "--cacert", "{in}/ca.pem"}, url: "https://example.test:{tlsport}/p"},
		{args: []string{"-4"}},
		{args: []string{"--ipv4"}, url: "{localhost}/p"},
		{args: []string{"-6"}, url: "{http}/p"},
		{args: []string{"--ipv6"}, url: "{localhost}/p"},

		// Where the options stand, and in which form.
		{args: []string{"{http}/p", "-d", "a=b", "-H", "X-A: b"}, url: "-"},
		{args: []string{"-X", "PUT", "{http}/p", "-s"}, url: "-"},
		{args: []string{"-sSLo", "{dir}/out"}},
		{args: []string{"-sSLo{dir}/out"}},
		{args: []string{"-sSfXPUT"}},
		{args: []string{"-sda=b"}},
		{args: []string{"-isw", "%{http_code}"}},
		{args: []string{"--", "{http}/p"}, url: "-"},
		{args: []string{"-H", "-X: y"}},
		{args: []string{"-s", "--no-silent"}, instead: negated},
		{args: []string{"--no-location", "-s"}, answers: of(to(302, "/x")), instead: negated},
		{args: []string{"-w"}, url: "-"},
		{args: []string{"--nonesuch"}},
		{args: []string{}, url: "-"},

		// The output.
		{args: []string{"-i"}},
		{args: []string{"--include"}, answers: of(missing)},
		{args: []string{"-i"}, answers: of(noContent)},
		{args: []string{"-i", "-L"}, answers: of(to(302, "/next"), fine)},
		{args: []string{"-s"}},
		{args: []string{"--silent"}, url: "http://127.0.0.1:1/"},
		{args: []string{"-s", "-S"}, url: "http://127.0.0.1:1/"},
		{args: []string{"-s", "--show-error"}, url: "http://127.0.0.1:1/"},
		{args: []string{"-sS"}, url: "http://127.0.0.1:1/"},
		{args: []string{"-o", "{dir}/out"}},
		{args: []string{"--output", "{dir}/out", "-i"}},
		{args: []string{"-o", "{dir}/out"}, answers: of(missing)},
		{args: []string{"-o", "{dir}/out"}, answers: of(noContent)},
		{args: []string{"-o", "{dir}/none/out"}},
		{args: []string{"-o", "-"}},
		{args: []string{"-o", "/dev/null", "-w", "%{http_code}"}},
		{args: []string{"-o", "{dir}/out", "-w", "%{filename_effective} %{size_download}"}},
		{args: []string{"-O"}, process: true},
		{args: []string{"--remote-name"}, process: true, url: "{http}/a/file.txt?q=1#f"},
		{args: []string{"-O"}, process: true, url: "{http}/a/"},
		{args: []string{"-O"}, process: true, url: "{http}"},
		{args: []string{"-O", "-L"}, process: true, answers: of(to(302, "/other/name"), fine)},
		{args: []string{"-O", "-i", "-w", "%{filename_effective}"}, process: true},
		{args: []string{"-O"}, process: true, url: "{http}/a/%2e%2e%2fx"},
		{args: []string{"-o", "relative"}, process: true},
		{args: []string{"-fsO"}, process: true, answers: of(missing)},
		{args: []string{"-f"}, answers: of(missing)},
		{args: []string{"--fail"}, answers: of(broken)},
		{args: []string{"-f"}},
		{args: []string{"-f", "-i"}, answers: of(missing)},
		{args: []string{"-f", "-s"}, answers: of(missing)},
		{args: []string{"-f", "-sS"}, answers: of(missing)},
		{args: []string{"-f", "-o", "{dir}/out"}, answers: of(missing)},
		{args: []string{"-f", "-w", "%{http_code}"}, answers: of(missing)},
		{args: []string{"-f", "-L"}, answers: of(to(302, "/x"), missing)},
		{args: []string{"-f"}, answers: of(to(302, "/x"))},
		{args: []string{"-f"}, answers: of(reply("400 Bad Request", "bad\n"))},
		{args: []string{"--fail-with-body"}, answers: of(missing)},
		{args: []string{"--fail-with-body", "-i"}, answers: of(broken)},
		{args: []string{"--fail-with-body", "-o", "{dir}/out"}, answers: of(missing)},
		{args: []string{"--fail-with-body", "-f"}, answers: of(missing)},
		{args: []string{"-f", "--fail-with-body"}, answers: of(missing)},
		{answers: of(missing)},
		{answers: of(broken)},
		{answers: of(chunked)},
		{args: []string{"-i"}, answers: of(chunked)},
		{args: []string{"-w", "%{size_download} %{http_version}"}, answers: of(chunked)},
		{answers: of(old)},
		{args: []string{"-i", "-w", "%{http_version}"}, answers: of(old)},
		{answers: of(untilClose)},
		{answers: of(partial)},
		{args: []string{"-o", "{dir}/out"}, answers: of(partial)},
		{answers: of(nothing)},
		{answers: of(garbage)},
		{args: []string{"-i"}, answers: of(answer{text: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + fine.text})},
		{args: []string{"-i"}, answers: of(answer{text: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"})},
		{args: []string{"-i"}, answers: of(reply("299 Fine by me", "ok", "x-lower: 1", "X-LOWER: 2", "X-Odd_Name:  spaces  "))},
		{answers: of(answer{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhel", hangup: true})},
		{args: []string{"-w", "%{http_code}"}, answers: of(reply("304 Not Modified", ""))},
		{answers: of(reply("401 Unauthorized", "who?\n", "WWW-Authenticate: Basic realm=x"))},
		{args: []string{"-I"}, answers: of(noContent)},

		// Redirects that are not followed, and those that are, beyond the product below.
		{answers: of(to(302, "/next"))},
		{args: []string{"-L", "-w", "%{num_redirects} %{url_effective} %{http_code} %{method}\\n"}, answers: of(to(302, "/a"), to(301, "b"), to(303, "?c"), fine)},
		{args: []string{"-w", "%{redirect_url}"}, answers: of(to(302, "next/../x?y#z"))},
		{args: []string{"-w", "%{redirect_url}"}, answers: of(to(302, "//127.0.0.1:1/x"))},
		{args: []string{"-L", "--max-redirs", "1"}, answers: of(to(302, "/a"), to(302, "/b"), fine)},
		{args: []string{"-L", "--max-redirs", "2"}, answers: of(to(302, "/a"), to(302, "/b"), fine)},
		{args: []string{"-L", "--max-redirs", "0"}, answers: of(to(302, "/a"), fine)},
		{args: []string{"-L", "--max-redirs", "-1"}, answers: of(to(302, "/a"), fine)},
		{args: []string{"--location"}, answers: of(to(302, "/"))}, // for ever: 50
		{args: []string{"-L"}, answers: of(reply("302 Found", "no location\n"))},
		{args: []string{"-L"}, answers: of(reply("302 Found", "", "Location:"))},
		{args: []string{"-L"}, answers: of(reply("300 Choices", "", "Location: /x"), fine)},
		{args: []string{"-L"}, answers: of(reply("304 Not Modified", "", "Location: /x"), fine)},
		{args: []string{"-L"}, answers: of(reply("305 Use Proxy", "", "Location: /x"), fine)},
		{args: []string{"-L"}, answers: of(reply("201 Created", "made\n", "Location: /x"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "relative"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "../up/./x"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "?only=query"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "#frag"), fine), bug: "curl before 8.9 goes to the folder, not to the same document"},
		{args: []string{"-L"}, answers: of(to(302, "/with space?and space"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "/é/中"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "{localhost}/x"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "HTTP://127.0.0.1:{httpport}/x"), fine)},
		{args: []string{"-L", "-u", ""}, answers: of(to(302, "/x"), fine), instead: "-u needs the header that the signature has"},
		{args: []string{"-L"}, answers: of(to(302, "//127.0.0.1:{httpport}/x"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "/x?a=[1]&b={2}"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "http:/next"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "ftp://127.0.0.1:1/"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "file:///etc/passwd"), fine)},
		{args: []string{"-L"}, answers: of(to(302, "http://127.0.0.1:1/"), fine)},
		{args: []string{"-L", "-k"}, answers: of(to(302, "{tls}/secure"), fine)},
		{args: []string{"-L", "--path-as-is"}, answers: of(to(302, "/a/../b"), fine)},
		{args: []string{"-L", "-G", "-d", "a=b"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "--url-query", "a=b"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-I"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-I", "-X", "DELETE"}, answers: of(reply("302 Found", "", "Location: /x"), noContent)},
		{args: []string{"-L", "-e", ";auto"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-e", "http://from/;auto"}, answers: of(to(302, "/x"), to(302, "/y"), fine)},
		{args: []string{"-L", "-e", "http://from/"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-H", "Host: example.test"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-H", "Host: example.test"}, answers: of(to(302, "{other}/x"), fine), instead: "the given Host is of one server: curl forgets the port when it looks whether another is meant"},
		{args: []string{"-L", "-H", "X-Mine: 1"}, answers: of(to(302, "{other}/x"), fine)},
		{args: []string{"-L", "-H", "Cookie: a=b"}, answers: of(to(302, "{other}/x"), fine)},
		{args: []string{"-L", "-H", "Cookie: a=b"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-b", "a=b"}, answers: of(to(302, "{other}/x"), fine)},
		{args: []string{"-L", "-b", "a=b"}, answers: of(to(302, "{other}/x"), to(302, "{http}/back"), fine)},
		{args: []string{"-L", "-b", "a=b"}, answers: of(reply("302 Found", "", "Location: /x", "Set-Cookie: c=d"), fine)},
		{args: []string{"-L"}, answers: of(reply("302 Found", "", "Location: /x", "Set-Cookie: c=d"), fine)},
		{args: []string{"-L", "-F", "a=b"}, answers: of(to(307, "/x"), fine)},
		{args: []string{"-L", "-F", "a=b"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "-d", "a=b", "-H", "Content-Type: text/x"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "--json", "{}"}, answers: of(to(302, "/x"), fine)},
		{args: []string{"-L", "--json", "{}"}, answers: of(to(308, "/x"), fine)},
		{args: []string{"-L", "-o", "{dir}/out", "-i"}, answers: of(to(302, "/x"), fine)},

		// Time.
		{args: []string{"-m", "5"}},
		{args: []string{"--max-time", "0.3"}, answers: of(late)},
		{args: []string{"-m", "0.3", "-s"}, answers: of(late)},
		{args: []string{"-m", "0.3", "-L"}, answers: of(to(302, "/x"), late)},
		{args: []string{"-m", "0"}},
		{args: []string{"-m", "soon"}},
		{args: []string{"-m", "-1"}},
		{args: []string{"--connect-timeout", "0.3", "-k"}, url: "https://{silent}/"},
		{args: []string{"--connect-timeout", "5.5"}},
		{args: []string{"--connect-timeout", "x"}},

		// Trying again. Retry-After: 0 is no time in curl: it waits its own second.
		{args: []string{"--retry", "1"}, answers: of(busy, fine)},
		{args: []string{"--retry", "1", "-s"}, answers: of(busy, busy, fine)},
		{args: []string{"--retry", "1", "-f"}, answers: of(reply("503 Busy", "", "Retry-After: 1"), fine)},
		{args: []string{"--retry", "0"}, answers: of(busy, fine)},
		{args: []string{"--retry", "2", "--retry-delay", "1", "-f"}, answers: of(busy, busy, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-f"}, answers: of(busy, busy, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-o", "{dir}/out"}, answers: of(busy, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-i", "-d", "a=b"}, answers: of(busy, fine)},
		{args: []string{"--retry", "1"}, answers: of(missing, fine)},
		{args: []string{"--retry", "1"}, answers: of(reply("501 Not Implemented", "no\n"), fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, answers: of(reply("429 Too Many Requests", "later\n", "Retry-After: 1"), fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, answers: of(reply("408 Request Timeout", ""), fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, answers: of(broken, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, answers: of(reply("504 Gateway Timeout", ""), fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-w", "%{http_code}\\n"}, answers: of(busy, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, url: "http://127.0.0.1:1/"},
		{args: []string{"--retry", "1", "--retry-delay", "1", "--retry-connrefused"}, url: "http://127.0.0.1:1/"},
		{args: []string{"--retry", "1", "--retry-delay", "1", "--retry-all-errors"}, answers: of(nothing, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1"}, answers: of(nothing, nothing, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "--retry-all-errors", "-f"}, answers: of(missing, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-m", "0.3"}, answers: of(late, fine)},
		{args: []string{"--retry", "3", "--retry-delay", "3", "--retry-max-time", "1"}, answers: of(busy, fine)},
		{args: []string{"--retry", "1", "--retry-delay", "1", "-L"}, answers: of(to(302, "/x"), busy, to(302, "/y"), fine)},
		{args: []string{"--retry", "x"}},
		{args: []string{"--retry", "-1"}},

		// Ways to the server.
		{args: []string{"-x", "http://{proxy}"}},
		{args: []string{"-x", "{proxy}"}, url: "{http}/p?q#f"},
		{args: []string{"-x", "{proxy}"}, url: "{http}"},
		{args: []string{"-x", "{proxy}"}, url: "http://example.test:80/p"},
		{args: []string{"-x", "{proxy}"}, url: "http://example.test./p"},
		{args: []string{"-x", "{proxy}"}, url: "http://EXAMPLE.Test?a"},
		{args: []string{"-x", "{proxy}"}, url: "http://[::1]:8080/p"},
		{args: []string{"-x", "{proxy}"}, url: "http://example.test:0080/p"},
		{args: []string{"-x", "{proxy}", "-I", "--compressed"}},
		{args: []string{"-x", "{proxy}", "-g"}, url: "{http}/[a]?{b}"},
		{args: []string{"-x", "{proxy}"}, url: "{http}/é?ü", bug: "curl escapes the path, but not to a proxy"},
		{args: []string{"-x", "{proxy}", "-k"}, url: "https://example.test:443/p"},
		{args: []string{"-x", "{proxy}", "-k"}, url: "https://example.test/p"},
		{args: []string{"-x", "https://{tlsproxy}"}},
		{args: []string{"-x", "https://{tlsproxy}", "--cacert", "{in}/ca.pem"}, instead: "--cacert is for the proxy too"},
		{args: []string{"--proxy", "http://{proxy}", "-d", "a=b"}},
		{args: []string{"-x", "http://{proxy}", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "http://{proxy}", "-k", "-d", "a=b"}, url: "{tls1}/p"},
		{args: []string{"-x", "http://{proxy}", "-k", "-i"}, url: "{tls1}/p"},
		{args: []string{"-x", "http://{refusing}", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "http://user:pass%20word@{proxy}"}},
		{args: []string{"-x", "http://user:pass@{proxy}", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "http://{proxy}", "-A", "agent", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "http://{proxy}", "-H", "X-A: b", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "http://{proxy}", "-H", "Host: example.test"}},
		{args: []string{"-x", "http://{proxy}"}, url: "http://no.such.host.invalid/p"},
		{args: []string{"-x", "http://{proxy}", "-L"}, answers: of(to(302, "{other}/x"), fine)},
		{args: []string{"-x", "http://{proxy}", "--noproxy", "127.0.0.1"}},
		{args: []string{"-x", "http://{proxy}", "--noproxy", "*"}},
		{args: []string{"-x", "http://{proxy}", "--noproxy", "example.test,localhost"}},
		{args: []string{"-x", "http://{proxy}", "--noproxy", ".test,localhost"}, url: "http://a.test/p"},
		{args: []string{"-x", "", "-s"}, env: []string{"http_proxy=http://{proxy}"}},
		{args: []string{"-x", "http://127.0.0.1:1"}},
		{args: []string{"-x", "nonesuch://{proxy}"}},
		{args: []string{"-x", "socks5://{socks}"}},
		{args: []string{"-x", "socks5h://{socks}"}, url: "{localhost}/p"},
		{args: []string{"-x", "socks5://{socks}"}, url: "{localhost}/p"},
		{args: []string{"-x", "socks5h://{socks}", "-k"}, url: "{tls}/p"},
		{args: []string{"-x", "socks5h://user:pass@{socks}"}},
		{env: []string{"http_proxy=http://{proxy}"}},
		{env: []string{"http_proxy={proxy}"}},
		{env: []string{"HTTP_PROXY=http://{proxy}"}},
		{env: []string{"all_proxy=http://{proxy}"}},
		{env: []string{"ALL_PROXY=socks5://{socks}"}},
		{env: []string{"https_proxy=http://{proxy}"}, args: []string{"-k"}, url: "{tls}/p"},
		{env: []string{"HTTPS_PROXY=http://{proxy}"}, args: []string{"-k"}, url: "{tls}/p"},
		{env: []string{"https_proxy=http://{proxy}"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=127.0.0.1"}},
		{env: []string{"http_proxy=http://{proxy}", "NO_PROXY=127.0.0.1"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=*"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=localhost, 127.0.0.0/8"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=.0.1,example.test"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=test"}, url: "http://a.test/p"},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=127.0.0.1"}, args: []string{"--noproxy", "other"}},
		{env: []string{"http_proxy=http://{proxy}", "no_proxy=127.0.0.1:{httpport}"}},
		{args: []string{"--unix-socket", "{unix}"}, url: "http://localhost/p?q=1"},
		{args: []string{"--unix-socket", "{unix}"}, url: "http://localhost:80/p"},
		{args: []string{"--unix-socket", "{unix}", "--cacert", "{in}/ca.pem"}, url: "https://localhost/p"},
		{args: []string{"--unix-socket", "{unix}"}, url: "http://localhost:8080"},
		{args: []string{"--unix-socket", "{unix}", "-d", "a=b", "-H", "Host: example.test"}, url: "http://any/p"},
		{args: []string{"--unix-socket", "{dir}/none"}, url: "http://localhost/p"},
		{args: []string{"--unix-socket", "{unix}", "-L"}, url: "http://localhost/p", answers: of(to(302, "/x"), fine)},
		{args: []string{"--unix-socket", "{unix}", "-x", "http://{proxy}"}, url: "http://localhost/p"},

		// TLS and versions of HTTP.
		{url: "{tls}/p"},
		{args: []string{"-k"}, url: "{tls}/p"},
		{args: []string{"--insecure", "-i"}, url: "{tls}/p"},
		{args: []string{"-k", "-d", "a=b"}, url: "{tls}/p"},
		{args: []string{"-k", "-I"}, url: "{tls}/p"},
		{args: []string{"-k"}, url: "{tls1}/p"},
		{args: []string{"-k", "-w", "%{http_version} %{scheme} %{ssl_verify_result}"}, url: "{tls}/p", mask: ` \d+$`},
		{args: []string{"--cacert", "{in}/ca.pem", "-w", "%{ssl_verify_result}"}, url: "{tls}/p"},
		{args: []string{"--cacert", "{in}/ca.pem"}, url: "https://localhost:{tlsport}/p"},
		{args: []string{"--cacert", "{in}/none"}, url: "{tls}/p"},
		{args: []string{"--cacert", "{in}/lines"}, url: "{tls}/p"},
		{args: []string{"--cacert", "{in}/ca.pem", "--resolve", "wrong.test:{tlsport}:127.0.0.1"}, url: "https://wrong.test:{tlsport}/p"},
		{args: []string{"-k", "--cert", "{in}/both.pem"}, url: "{tls}/p"},
		{args: []string{"-k", "-E", "{in}/both.pem"}, url: "{tls1}/p"},
		{args: []string{"-k", "--cert", "{in}/cert.pem", "--key", "{in}/key.pem"}, url: "{tls}/p"},
		{args: []string{"-k", "--cert", "{in}/none"}, url: "{tls}/p"},
		{args: []string{"-k", "--cert", "{in}/cert.pem"}, url: "{tls}/p"},
		{args: []string{"-k", "--cert", "{in}/cert.pem", "--key", "{in}/ca.pem"}, url: "{tls}/p"},
		{args: []string{"--http1.1"}},
		{args: []string{"--http1.1", "-k"}, url: "{tls}/p"},
		{args: []string{"--http2"}, instead: "without TLS there is HTTP/1.1, and no offer to upgrade"},
		{args: []string{"--http2", "-k"}, url: "{tls}/p"},
		{args: []string{"--http2", "-k"}, url: "{tls1}/p"},
		{args: []string{"--http2", "--http1.1", "-k"}, url: "{tls}/p"},
		{args: []string{"--http1.1", "--http2", "-k"}, url: "{tls}/p"},
		{args: []string{"--http2", "-k", "--json", "{}", "-i", "-w", "%{http_version}"}, url: "{tls}/p"},
		{args: []string{"-k", "-L"}, url: "{tls}/p", answers: of(to(302, "/x"), fine)},
		{args: []string{"-k", "-L"}, url: "{tls}/p", answers: of(to(302, "{http}/x"), fine)},
		{args: []string{"-k", "-f"}, url: "{tls}/p", answers: of(missing)},
		{args: []string{"-k", "--compressed"}, url: "{tls}/p", answers: of(gzipped)},
		{args: []string{"-k"}, url: "{tls}/é?ü"},
		{args: []string{"-k", "-g"}, url: `{tls}/[a]{b}|"x?{y}`},
		{args: []string{"-k", "-H", "Connection: close"}, url: "{tls}/p"},

		// 100-continue.
		{args: []string{"--data-binary", "@{in}/big"}},
		{args: []string{"--data-binary", "@{in}/big", "-H", "Expect:"}},
		{args: []string{"--data-binary", "@{in}/big", "-H", "Expect:"}, answers: of(missing)},
		{args: []string{"--data-binary", "@{in}/big"}, answers: of(answer{text: fine.text, silent: true})},
		{args: []string{"--data-binary", "@{in}/big"}, answers: of(answer{text: reply("401 Unauthorized", "no\n", "Connection: close").text, early: true})},
		{args: []string{"--data-binary", "@{in}/big"}, answers: of(answer{text: reply("417 Expectation Failed", "").text, early: true}, fine), bug: "the body may follow, to keep the connection: curl drops it and keeps it too"},
		{args: []string{"--data-binary", "@{in}/big", "-i"}},
		{args: []string{"-F", "file=@{in}/big"}},
		{args: []string{"-d", "a=b", "-H", "Expect: 100-continue"}},
		{args: []string{"--data-binary", "@{in}/big", "-k"}, url: "{tls}/p"},
	}
	table = append(table, redirects()...)
	return append(table, variables()...)
}

// redirects is each status with each method to the same host and another.
func redirects() (table []curlCase) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, args := range [][]string{nil, {"-d", "a=b"}, {"-X", "POST"}, {"-X", "PUT", "-d", "a=b"}, {"-X", "GET", "-d", "a=b"}, {"-X", "DELETE"}, {"-I"}} {
			for _, location := range []string{"/next?r=1", "{other}/next"} {
				args := append([]string{"-L", "-b", "c=d", "-A", "me"}, args...)
				table = append(table, curlCase{args: args, answers: of(to(status, location), fine)})
			}
		}
		table = append(table, curlCase{args: []string{"-L", "-d", "a=b"}, answers: of(to(status, "{other}/away"), to(status, "{http}/back"), fine)})
	}
	return table
}

// variables is -w: those with one right value, the shape of those without.
func variables() (table []curlCase) {
	for _, name := range strings.Fields(`http_code response_code http_version method scheme url url_effective redirect_url num_redirects num_connects
		num_headers content_type size_download size_upload size_header filename_effective ssl_verify_result errormsg exitcode header_json remote_ip local_ip
		referer stderr stdout onerror`) {
		for _, args := range [][]string{nil, {"-d", "a=b"}, {"-L", "-o", "{dir}/out"}} {
			c := curlCase{args: append([]string{"-w", "<%{" + name + "}>\\n"}, args...), sorted: name == "header_json"}
			if args != nil {
				c.answers = of(to(302, "/next"), fine)
			}
			table = append(table, c)
		}
	}
	for _, name := range strings.Fields("http_connect proxy_ssl_verify_result urlnum ftp_entry_path") {
		table = append(table, curlCase{args: []string{"-w", "%{" + name + "}"}, instead: "a variable of what send does not do is refused"})
	}
	for _, name := range strings.Fields("time_total time_connect time_starttransfer time_namelookup time_appconnect time_pretransfer time_redirect speed_download speed_upload remote_port local_port size_request") {
		table = append(table, curlCase{args: []string{"-w", "<%{" + name + "}>", "-o", "/dev/null"}, mask: `\d+`})
	}
	return append(table,
		curlCase{args: []string{"--write-out", "%{http_code}"}},
		curlCase{args: []string{"-w", "@{in}/format"}},
		curlCase{args: []string{"-w", "@-"}, stdin: "%{http_code}"},
		curlCase{args: []string{"-w", "@{in}/none"}, bug: missingFile},
		curlCase{args: []string{"-w", `a\tb\nc\rd\\e\x%%f%g%`}},
		curlCase{args: []string{"-w", `%{http_code`}},
		curlCase{args: []string{"-w", "%header{content-type}|%header{X-NONE}|%header{x-answer}"}},
		curlCase{args: []string{"-w", "out%{stderr}err%{stdout}out"}},
		curlCase{args: []string{"-w", "%{http_code}%{onerror} failed %{http_code}"}, answers: of(missing)},
		curlCase{args: []string{"-f", "-w", "%{http_code}%{onerror} failed %{http_code}"}, answers: of(missing)},
		curlCase{args: []string{"-w", "%{http_code} %{num_connects}"}, url: "http://127.0.0.1:1/"},
		curlCase{args: []string{"-w", ""}},
		curlCase{args: []string{"-w", "a", "-w", "b"}},
		curlCase{args: []string{"-w", "%{http_code} %{num_connects}", "-L"}, answers: of(to(302, "/x"), untilClose)},
		curlCase{args: []string{"-w", "%{size_upload} %{size_download}", "-d", "@{in}/lines"}},
		curlCase{args: []string{"-w", "%{json}", "-o", "/dev/null"}, mask: `(?s).*`},
		curlCase{args: []string{"-w", "%{header_json}", "-o", "/dev/null"}, answers: of(reply("200 OK", "", "X-A: 1", "x-a: 2", "X-Quote: \"\\")), sorted: true},
	)
}

// atoms are what the pairs are made of: a flag, and the answers that it is about.
func atoms() []curlCase {
	return []curlCase{
		{args: []string{"-X", "PUT"}},
		{args: []string{"-H", "X-Extra: 1"}},
		{args: []string{"-H", "User-Agent:"}},
		{args: []string{"-H", "Content-Type: text/plain"}},
		{args: []string{"-d", "a=b"}},
		{args: []string{"-d", "@{in}/lines"}},
		{args: []string{"--data-raw", "@x"}},
		{args: []string{"--data-binary", "@{in}/at"}},
		{args: []string{"--data-urlencode", "q=a b&c"}},
		{args: []string{"--json", `{"a":1}`}},
		{args: []string{"-F", "f=v"}},
		{args: []string{"-G"}},
		{args: []string{"--url-query", "z=1 2"}},
		{args: []string{"-I"}},
		{args: []string{"-A", "agent"}},
		{args: []string{"-e", "http://from/;auto"}},
		{args: []string{"-b", "k=v"}},
		{args: []string{"--compressed"}, answers: of(gzipped)},
		{args: []string{"-i"}},
		{args: []string{"-s"}},
		{args: []string{"-o", "{dir}/out"}},
		{args: []string{"-w", "%{http_code} %{method} %{num_redirects} %{url_effective} %{redirect_url} %{content_type} %{size_download} %{http_version} %{scheme} %{num_headers}\n"}},
		{args: []string{"-f"}, answers: of(missing)},
		{args: []string{"--fail-with-body"}, answers: of(broken)},
		{args: []string{"-L"}, answers: of(to(302, "/next"), to(307, "{other}/away"), fine)},
		{args: []string{"--max-redirs", "1"}},
		{args: []string{"-m", "10"}},
		{args: []string{"--retry", "1"}},
		{args: []string{"-x", "http://{proxy}"}},
		{args: []string{"--unix-socket", "{unix}"}},
		{args: []string{"--http1.1"}},
		{args: []string{"-k"}, url: "{tls}/p"},
		{args: []string{"--cert", "{in}/both.pem", "--cacert", "{in}/ca.pem"}, url: "{tls1}/a/../b"},
		{args: []string{"--path-as-is"}, url: "{http}/a/../b"},
		{args: []string{"-g"}, url: "{http}/[a]/{b}?c[]=1"},
	}
}
