package wiretest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// keys are ids and secrets; the second id has every byte that an id may have.
var keys = [][2]string{{"test-key", "correct-horse-battery-staple"}, {"k/2!#$%&'()*+-.:<=>?@[]^_`{|}~", "second secret \x7f\u4e2d"}}

// kinds are the kinds of signatures.
var kinds = []string{
	"tencent-app hmac-sha1", "tencent-app hmac-sha256", "tencent-app hmac-sm3", "tencent-keypair hmac-sha1", "tencent-keypair hmac-sha256", "tencent-keypair hmac-sm3",
	"huawei-sdk hmac-sha256", "huawei-sdk hmac-sm3", "huawei-v11 hmac-sha256", "huawei-v11 hmac-sm3",
}

// A testCase is a request in the making, and what is right to do with it.
type testCase struct {
	*rand.Rand
	to       *Target
	features []string
	may      bool // a refusal is right too
	never    bool // nothing but a refusal is right
	alone    bool // the connection is of no use afterwards
	mutated  bool

	signer                signer
	method, path, version string
	query                 string // with its question mark
	hosts                 []string
	fields                []field  // values with the spaces around them
	sign                  []string // names of headers to be signed
	body                  []byte
	encoded               []byte // the body on the wire, where it is not the body
	date                  time.Time
	edit                  func(authorization string) string
	unsigned              []field // added when all is signed

	raw  []byte
	text string // what was signed
}

// An option is one way to do a thing, an axis all ways; the first is the
// plain one.
type option struct {
	name   string
	weight int
	apply  func(c *testCase)
}

type axis struct {
	name    string
	options []option
}

func (c *testCase) coin() bool                { return c.IntN(2) == 0 }
func (c *testCase) one(of ...string) string   { return of[c.IntN(len(of))] }
func (c *testCase) is(schemes ...string) bool { return slices.Contains(schemes, c.signer.scheme) }

// letters returns n bytes of the alphabet.
func (c *testCase) letters(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[c.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	unencoded    = "|\"<>{}^`\\[]'!$()*,:@~#" // what a target carries though it should not, and what it may
	highBytes    = "\x80\x81\x9f\xa0\xc3\xa4\xc0\xe4\xb8\xad\xf0\xfe\xff"
)

// cased writes a header's name as some client does.
func (c *testCase) cased(name string) string {
	switch c.IntN(4) {
	case 0:
		return strings.ToLower(name)
	case 1:
		return strings.ToUpper(name)
	case 2:
		b := []byte(name)
		for i := range b {
			if b[i]|0x20 >= 'a' && b[i]|0x20 <= 'z' && c.coin() {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	return name
}

func (c *testCase) has(name string) bool {
	return slices.ContainsFunc(c.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
}

// add adds a header that is not there yet.
func (c *testCase) add(name, value string, sign bool) {
	if c.has(name) {
		return
	}
	c.repeat(name, value)
	if sign {
		c.sign = append(c.sign, strings.ToLower(name))
	}
}

func (c *testCase) repeat(name, value string) {
	before, after := c.one(" ", "", "\t", "  \t "), c.one("", "", " ", "\t ")
	if strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Transfer-Encoding") {
		// Some servers take no tab there.
		before, after = strings.ReplaceAll(before, "\t", ""), strings.ReplaceAll(after, "\t", "")
	}
	c.fields = append(c.fields, field{c.cased(name), before + value + after})
}

// optional marks what may be refused.
func optional(apply func(c *testCase)) func(c *testCase) {
	return func(c *testCase) { c.may = true; apply(c) }
}

// hostile marks what may be refused and leaves the connection of no use.
func hostile(apply func(c *testCase)) func(c *testCase) {
	return func(c *testCase) { c.may, c.alone = true, true; apply(c) }
}

func setMethod(of ...string) func(*testCase) { return func(c *testCase) { c.method = c.one(of...) } }
func setPath(of ...string) func(*testCase)   { return func(c *testCase) { c.path = c.one(of...) } }
func setQuery(of ...string) func(*testCase)  { return func(c *testCase) { c.query = c.one(of...) } }
func setHost(of ...string) func(*testCase) {
	return func(c *testCase) { c.hosts = []string{c.one(of...)} }
}

// pieces is a query of random pieces of an alphabet.
func pieces(alphabet string) func(*testCase) {
	return func(c *testCase) {
		for i := range 1 + c.IntN(4) {
			c.query += "&"[:min(i, 1)] + c.letters(1+c.IntN(4), alphabet) + c.one("=", "=", "") + c.letters(c.IntN(6), alphabet)
		}
		c.query = "?" + c.query
	}
}

func setBody(contentType string, body func(*testCase) string) func(*testCase) {
	return func(c *testCase) {
		c.body = []byte(body(c))
		if contentType != "" {
			c.add("Content-Type", contentType, !c.is("tencent-app") && c.coin())
		}
	}
}

func constant(of ...string) func(*testCase) string {
	return func(c *testCase) string { return c.one(of...) }
}

func random(sizes ...int) func(*testCase) string {
	return func(c *testCase) string {
		b := make([]byte, sizes[c.IntN(len(sizes))])
		for i := range b {
			b[i] = byte(c.Uint32())
		}
		return string(b)
	}
}

const formType = "application/x-www-form-urlencoded"

var axes = []axis{
	{"version", []option{
		{"1.1", 30, func(*testCase) {}},
		{"1.0", 1, func(c *testCase) { c.version, c.alone = "HTTP/1.0", true }},
		{"1.0 kept alive", 1, func(c *testCase) { c.version = "HTTP/1.0"; c.add("Connection", "keep-alive", false) }},
		{"1.2", 0, hostile(func(c *testCase) { c.version = "HTTP/1.2" })},
		{"2.0", 0, hostile(func(c *testCase) { c.version = "HTTP/2.0" })},
	}},
	{"method", []option{
		{"usual", 20, setMethod("GET", "POST", "PUT", "DELETE", "PATCH")},
		{"HEAD", 2, setMethod("HEAD")},
		{"OPTIONS", 1, setMethod("OPTIONS")},
		{"extension", 1, setMethod("PROPFIND", "M-SEARCH", "REPORT", "X")},
		{"odd token", 1, setMethod("X!#$%&'*+-.^_`|~1", "0", "-", "~")},
		{"lower case", 0, optional(setMethod("get", "Post"))},
		{"TRACE", 0, optional(setMethod("TRACE"))},
		{"CONNECT", 0, hostile(setMethod("CONNECT"))},
		{"PRI", 0, hostile(setMethod("PRI"))},
		{"no token", 0, hostile(setMethod("G(T", "", "G\xe4T"))},
	}},
	{"path", []option{
		{"plain", 10, func(c *testCase) { c.path = "/v1/" + c.letters(c.IntN(12), alphanumeric+"-._~") }},
		{"root", 2, setPath("/")},
		{"sub-delimiters", 2, func(c *testCase) { c.path = "/" + c.letters(8, "!$&'()*+,;=:@ab/") + "z" }},
		{"encoded", 2, setPath("/a%20b", "/%41%42", "/%e4%B8%ad", "/%25", "/%252e", "/%c3", "/a%3Fb%23c", "/%26=%3d")},
		{"encoded zero byte", 1, setPath("/%00", "/a%00b")},
		{"encoded slash", 2, setPath("/a%2fb", "/a%2Fb/c", "/s%2F", "/%2f")},
		{"semicolon", 2, setPath("/a;v=1/b", "/a%3Bv=1/b%3bc", "/;")},
		{"unencoded", 3, func(c *testCase) { c.path = "/p" + c.letters(1+c.IntN(6), unencoded) + "q" }},
		{"backslash", 1, setPath(`/a\b`, `/a\b\c`, `/a/\`)},
		{"high bytes", 2, func(c *testCase) { c.path = "/h" + c.letters(1+c.IntN(8), highBytes) }},
		{"number sign", 1, setPath("/a#b", "/#", "/a#b/c")},
		{"dots inside", 2, setPath("/a/../b", "/a/./b", "/a/%2e%2E/b|", "/a/b/..", "/a/..%2fb", "/./a", "/.a/..b/c..")},
		{"dots that leave", 2, func(c *testCase) {
			c.path = c.one("/../admin", "/files/..%2f..%2fadmin|", "/..", "/%2e%2e/x", "/a/%252e%252e/%252e%252e/x", `/..\x`, "/a/..;v=1/..;/x", "/.%2e/x", "/a//../../x", "/%2E.%5cx")
			c.never = c.never || c.to.Base != ""
		}},
		{"slashes inside", 2, setPath("/a//b", "/a///", "/a//", "/a/%2f/b")},
		{"slashes in front", 1, optional(setPath("//", "//a/b", "///", "//h:80/a", "//a|b", "//user@h/x"))},
		{"long", 1, func(c *testCase) { c.path = "/" + strings.Repeat(c.letters(7, alphanumeric)+"/", 100+c.IntN(3000)) }},
		{"environment", 3, setPath("/release/v1", "/release", "/test/", "/prepub/x|", "/release//x", "/release/release/x", "/releases/v1", "/Test/x", "/test%2fx", "/release;/x")},
		{"absolute", 2, func(c *testCase) {
			c.path = c.one("http", "HTTP", "https") + "://" + c.hosts[0] + c.one("/a%2fb|", "/", "/release/x", "/a//b")
		}},
		{"absolute of another host", 1, setPath("http://other.example/a", "http://h:8080/x;y")},
		{"absolute without path", 1, func(c *testCase) { c.path, c.may = c.one("http://h", "https://h:80"), true }},
		{"absolute with user", 0, optional(setPath("http://user:pw@h/a"))},
		{"absolute, odd", 0, hostile(setPath("http:///a", "http:/a", "http:a", "ftp://h/a", "http://h//", "http://[::1/a", "http://h#/a", "http://h\\x/a", "://h/a"))},
		{"asterisk", 0, hostile(setPath("*"))},
		{"asterisk of OPTIONS", 0, hostile(func(c *testCase) { c.method, c.path = "OPTIONS", "*" })},
		{"authority", 0, hostile(setPath("h:80", "h"))},
		{"no path", 0, hostile(setPath("", "a/b", "#", "%2fa"))},
		{"broken encoding", 0, optional(setPath("/%", "/a%z1", "/%4", "/%%41"))},
		{"control character", 0, hostile(setPath("/a\x01b", "/a\x7fb", "/a\x00b", "/a b", "/a\tb", "/a\rb"))},
	}},
	{"query", []option{
		{"none", 5, func(*testCase) {}},
		{"usual", 4, pieces(alphanumeric)},
		{"lone question mark", 2, setQuery("?")},
		{"question marks", 1, setQuery("??", "?a?b=c?", "?/a/b?c")},
		{"empty pieces", 2, setQuery("?&", "?a=1&", "?&a=1&&b=2", "?&&")},
		{"names alone", 2, setQuery("?a", "?a&b&a", "?a=&b", "?b=1&a", "?a&a=", "?acl")},
		{"values alone", 1, setQuery("?=", "?=v", "?==", "?a==b=")},
		{"repeats", 2, setQuery("?a=2&a=1&a=2", "?a=1&A=1&a=", "?b=1&a=3&b=0", "?a-=1&a=2&a%3D=1")},
		{"semicolons", 3, setQuery("?filter=a;b", "?filter=a%3Bb", "?a=1;b=2&c=3", "?;", "?a%3b=;")},
		{"spaces", 2, setQuery("?q=a+b", "?q=a%20b", "?+=%2B", "?q=a%2bb")},
		{"encoded separators", 2, setQuery("?a=1%26b%3D2", "?a%3d=1%23", "?a=%25&b=%2541", "?a=%00%0a")},
		{"unencoded", 3, pieces(unencoded)},
		{"high bytes", 2, pieces(highBytes)},
		{"sub-delimiters", 2, pieces("!$'()*+,;:@/?.-_~")},
		{"encoded in either case", 1, setQuery("?a=%e4%b8%ad&b=%E4%B8%AD", "?%c3%BC=1&%C3%bc=0", "?%41=1&A=0", "?%61=1")},
		{"long", 1, func(c *testCase) { c.query = "?a=" + strings.Repeat(c.letters(9, alphanumeric+";|"), 100+c.IntN(2500)) }},
		{"9,999 parameters", 0, setQuery("?"+strings.Repeat("a&", 9_998)+"b", "?"+strings.Repeat("b=&", 9_998)+"a")},
		{"10,000 parameters", 0, setQuery("?"+strings.Repeat("a&", 9_999)+"b", "?"+strings.Repeat("b=&", 9_999)+"a")},
		{"10,001 parameters", 0, optional(setQuery("?"+strings.Repeat("a&", 10_000)+"b", "?a=1"+strings.Repeat("&", 10_001)))},
		{"broken encoding", 0, optional(setQuery("?%", "?a=%4", "?a=%zz", "?%%=1"))},
		{"control character", 0, hostile(setQuery("?a\x01", "?a=\x7f", "?a=\x00"))},
	}},
	{"host", []option{
		{"usual", 20, setHost("h", "example.com:8080", "127.0.0.1:1")},
		{"upper case", 2, setHost("EXAMPLE.com", "Example.COM:80")},
		{"IPv6", 1, setHost("[::1]:443", "[::1]", "[2001:DB8::1]:80")},
		{"odd bytes", 1, setHost("a_b-c.~d", "a,b;c=d", "h!$&'()*+")},
		{"odd port or byte", 0, optional(setHost("h:", "h:x", "%41.h", "h:80:80", ":80", "[fe80::1%25eth0]:80", "[::1", "h/x", "h?x", "h@x"))},
		{"empty", 0, optional(setHost(""))},
		{"none", 0, hostile(func(c *testCase) { c.hosts = nil })},
		{"two", 0, hostile(func(c *testCase) { c.hosts = append(c.hosts, c.one(c.hosts[0], "other")) })},
	}},
	{"body", []option{
		{"none", 8, func(*testCase) {}},
		{"length 0", 1, func(c *testCase) { c.body = []byte{} }},
		{"text", 3, setBody("text/plain; charset=utf-8", constant("hello", "x", "a\r\nb\r\n\r\n", "\u4e2d\u6587"))},
		{"without type", 1, setBody("", constant("hello", "0\r\n\r\n"))},
		{"JSON", 4, setBody("application/json", constant(`{"a":1}`, `{"a": [1, "\u4e2d"]}`+"\n", "{}"))},
		{"binary", 2, setBody("application/octet-stream", random(1, 2, 63, 1000, 4097))},
		{"form", 4, setBody(formType, constant("a=1&b=2", "b=%E4%B8%AD&a=x+y", "p=test", "a=&b&a=1"))},
		{"form, type in odd case", 2, setBody("Application/X-WWW-Form-URLEncoded ; charset=UTF-8", constant("b=2&a=1", "z"))},
		{"form with odd pieces", 2, setBody(formType, constant("a=1;b=2", "&&a=1&", "=v&=", "a=|\"<>", "\xe4=\xff", "a%26b=%3B", "&", "?a=1?", "a==b"))},
		{"form that is broken", 1, optional(setBody(formType, constant("a=%", "a=%zz", "a b", "a=\x00", "a=1\r\n", "%")))},
		{"form without parameters", 0, optional(setBody(formType, constant("")))},
		{"form of 10,000", 0, setBody(formType, constant(strings.Repeat("a&", 9_999)+"b"))},
		{"form of 10,001", 0, optional(setBody(formType, constant(strings.Repeat("a&", 10_000)+"b")))},
		{"multipart", 1, setBody("multipart/form-data; boundary=xyz", constant("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xyz--\r\n"))},
		{"like a request", 2, setBody("text/plain", constant("POST /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"))},
		{"64 KiB", 1, setBody("application/octet-stream", random(1<<16-1, 1<<16, 1<<16+1))},
		{"1 MiB", 0, setBody("application/octet-stream", random(1<<20-1, 1<<20, 1<<20+1))},
		{"type repeated", 0, optional(func(c *testCase) {
			setBody("text/plain", constant("a=1"))(c)
			c.repeat("Content-Type", formType)
		})},
	}},
	{"framing", []option{
		{"length", 20, func(c *testCase) { c.length(fmt.Sprint(len(c.body)), c.IntN(8) == 0) }},
		{"length with tabs", 1, func(c *testCase) { c.length(c.one("\t", " \t")+fmt.Sprint(len(c.body))+c.one("", "\t"), false) }},
		{"chunked", 3, func(c *testCase) { c.chunked("chunked", 1+c.IntN(100_000), "", "%x", "") }},
		{"odd chunks", 2, func(c *testCase) { c.chunked("chunked", 1+c.IntN(7), "", "%x", "") }},
		{"chunk extensions", 1, func(c *testCase) {
			c.chunked("chunked", 1+c.IntN(90), c.one(";a=b", `;q="x y"`, ";;", ";0"), "%X", "")
		}},
		{"chunk sizes in upper case with zeros", 1, func(c *testCase) { c.chunked("Chunked", 10+c.IntN(90), "", "%06X", "") }},
		{"trailers", 2, func(c *testCase) {
			c.chunked("chunked", 1+c.IntN(90), "", "%x", c.cased(c.one("X-Sum", "Source", "X-Date", c.to.Identity, "X_Hmacsign_Key_Id", "Content-Length", "Authorization"))+": forged\r\n")
		}},
		{"trailers announced", 2, func(c *testCase) {
			name := c.one("X-Sum", "X-Custom-1", c.to.Identity, "X-Hmacsign-Key.Id")
			c.chunked("chunked", 1+c.IntN(90), "", "%x", c.cased(name)+": forged\r\n")
			c.add("Trailer", c.cased(name), false)
		}},
		{"trailers that are not allowed", 0, hostile(func(c *testCase) {
			c.chunked("chunked", 10, "", "%x", "Content-Length: 1\r\n")
			c.add("Trailer", c.one("Content-Length", "Transfer-Encoding", "Trailer"), false)
		})},
		{"chunked and empty", 1, func(c *testCase) {
			if len(c.body) == 0 && c.version != "HTTP/1.0" {
				c.framed("Transfer-Encoding", "chunked", "0\r\n\r\n")
				return
			}
			c.length(fmt.Sprint(len(c.body)), false)
		}},
		{"chunked and length", 0, hostile(func(c *testCase) {
			c.chunked("chunked", 10, "", "%x", "")
			c.add("Content-Length", c.one(fmt.Sprint(len(c.body)), "0", "3"), c.coin())
		})},
		{"codings", 0, hostile(func(c *testCase) {
			c.chunked(c.one("gzip, chunked", "chunked, chunked", "xchunked", "chunked;q=1", "identity", "", "\"chunked\"", "chunked,", ",chunked", "\x0bchunked", "chunked\x00"), 10, "", "%x", "")
		})},
		{"coding twice", 0, hostile(func(c *testCase) {
			c.chunked("chunked", 10, "", "%x", "")
			c.repeat("Transfer-Encoding", c.one("chunked", "identity", ""))
		})},
		{"coding in a name alike", 1, func(c *testCase) {
			c.length(fmt.Sprint(len(c.body)), false)
			c.add(c.one("Transfer_Encoding", "Transfer.Encoding", "Content_Length", "Content~Type"), c.one("chunked", "3"), false)
		}},
		{"length twice", 0, hostile(func(c *testCase) {
			c.length(fmt.Sprint(len(c.body)), c.coin())
			c.repeat("Content-Length", c.one(fmt.Sprint(len(c.body)), "1", "", "0"))
		})},
		{"odd length", 0, hostile(func(c *testCase) {
			n := fmt.Sprint(len(c.body))
			c.length(c.one("+"+n, "00"+n, n+", "+n, "-1", "0x"+n, n+".0", n+"\x0b", "99999999999999999999", "", "1_0"), c.coin())
		})},
		{"broken chunks", 0, hostile(func(c *testCase) {
			c.chunked("chunked", 10, "", "%x", "")
			c.encoded = []byte(c.one("5\r\nhelloXX0\r\n\r\n", "g\r\n", "5\nhello\n0\n\n", "ffffffffffffffffff\r\n", "-5\r\nhello\r\n0\r\n\r\n", "\r\n", "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5;"+strings.Repeat("x", 5000)+"\r\nhello\r\n0\r\n\r\n"))
		})},
		{"body cut short", 0, hostile(func(c *testCase) {
			if c.coin() {
				c.length(fmt.Sprint(len(c.body)+5), false)
				return
			}
			c.chunked("chunked", 10, "", "%x", "")
			c.encoded = c.encoded[:len(c.encoded)-1-c.IntN(min(7, len(c.encoded)))]
		})},
	}},
	{"digest", []option{
		{"none", 8, func(*testCase) {}},
		{"a header", 6, func(c *testCase) { c.digest(c.one("hex", "raw")) }},
		{"the hash of the other algorithm", 1, func(c *testCase) { c.digest("other") }},
		{"UNSIGNED-PAYLOAD", 3, func(c *testCase) { c.digest("UNSIGNED-PAYLOAD") }},
		{"UNSIGNED-PAYLOAD not signed", 0, func(c *testCase) { c.never = c.digest("unsigned") || c.never }},
		{"bare hex", 0, optional(func(c *testCase) { c.digest("bare") })},
		{"empty", 0, optional(func(c *testCase) { c.never = c.digest("empty") && c.is("huawei-sdk") || c.never })},
		{"wrong", 0, func(c *testCase) { c.never = c.digest("wrong") || c.never }},
	}},
	{"connection", []option{
		{"nothing", 20, func(*testCase) {}},
		{"close", 1, func(c *testCase) { c.add("Connection", c.one("close", "Close"), false); c.alone = true }},
		{"keep-alive", 2, func(c *testCase) { c.add("Connection", "keep-alive", false) }},
		{"names what is not signed", 1, func(c *testCase) {
			c.add("X-Hop", "1", false)
			c.add("Connection", c.one("X-Hop", "x-hop, X-None", "keep-alive,X-HOP"), false)
		}},
		{"names what may be signed", 0, optional(func(c *testCase) {
			c.add("Source", "a", true)
			c.names(c.one("X-Date", "X-Sdk-Date", "Host", "Content-Length", "Transfer-Encoding"), c.IntN(4) == 0)
		})},
		{"names a header that is signed", 0, func(c *testCase) {
			c.add("Source", "a", true)
			c.never = c.names(c.one("Source", "keep-alive, source"), false) || c.never
		}},
		{"names what schemes sign", 0, func(c *testCase) {
			c.digest("hex")
			c.add("Accept", "text/plain", false)
			c.never = c.names(c.one("Accept", "Content-Type", "Content-MD5", "X-Sdk-Content-Sha256", "X-Sdk-Content-Sm3"), false) || c.never
		}},
		{"names what is forwarded", 0, optional(func(c *testCase) {
			c.names(c.one(c.to.Identity, "X-Forwarded-For", "X-Forwarded-Host", "Authorization", "X-Request-Id"), false)
		})},
		{"upgrade", 0, hostile(func(c *testCase) {
			c.add("Connection", c.one("Upgrade", "upgrade, HTTP2-Settings"), false)
			c.add("Upgrade", c.one("h2c", "websocket", "TLS/1.0", "h2c, websocket"), false)
			c.add("HTTP2-Settings", "AAMAAABkAAQAAP__", false)
		})},
		{"upgrade without connection", 0, hostile(func(c *testCase) { c.add("Upgrade", "h2c", c.coin()) })},
		{"expect", 1, func(c *testCase) { c.add("Expect", "100-continue", false) }},
		{"expect, signed", 0, optional(func(c *testCase) { c.add("Expect", "100-continue", true) })},
		{"expect, odd", 0, hostile(func(c *testCase) { c.add("Expect", c.one("200-ok", "100-Continue", "")+c.one("", ", x"), false) })},
		{"TE", 1, func(c *testCase) { c.add("TE", c.one("trailers", "gzip, trailers", "deflate;q=0.5"), false) }},
		{"hop by hop, signed", 0, optional(func(c *testCase) {
			c.add(c.one("TE", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Connection", "Trailer", "Upgrade", "Transfer-Encoding"), c.one("trailers", "timeout=5", "gzip, trailers", "close"), true)
			c.alone = true
		})},
	}},
	{"authorization", []option{
		{"plain", 20, func(*testCase) {}},
		{"accept", 4, func(c *testCase) {
			c.add("Accept", c.one("*/*", "application/json", "", "text/html;q=0.5, */*"), !c.is("tencent-app"))
		}},
		{"raw query form", 4, func(c *testCase) { c.signer.form = "raw" }},
		{"decoded query form", 4, func(c *testCase) { c.signer.form = "decoded" }},
		{"algorithm in upper case", 1, func(c *testCase) {
			if !c.is("huawei-sdk") {
				c.edit = func(s string) string { return strings.Replace(s, `algorithm="hmac`, `algorithm="HMAC`, 1) }
			}
		}},
		{"list in upper case", 0, optional(func(c *testCase) {
			c.edit = func(s string) string {
				return strings.NewReplacer("date", "DATE", "source", "Source", "host", "Host").Replace(s)
			}
		})},
		{"quote missing", 0, func(c *testCase) {
			c.edit = func(s string) string { return strings.Replace(s, `signature="`, `signature=`, 1) }
			c.never = c.never || !c.is("huawei-sdk")
		}},
		{"twice", 0, optional(func(c *testCase) { c.unsigned = append(c.unsigned, field{"Authorization", " none"}) })},
		{"another secret", 0, func(c *testCase) { c.signer.secret += "x"; c.never = true }},
		{"another key", 0, func(c *testCase) { c.signer.keyID += "x"; c.never = true }},
		{"none", 0, func(c *testCase) { c.edit = func(string) string { return "" }; c.never = true }},
		{"expired", 0, func(c *testCase) { c.date, c.never = c.date.Add(c.pm()*time.Hour), true }},
		{"date repeated", 0, optional(func(c *testCase) {
			c.unsigned = append(c.unsigned, field{c.cased(c.dateName()), " " + c.one("forged", "Thu, 11 Mar 2021 08:29:58 GMT")})
		})},
		{"signed header repeated", 0, func(c *testCase) {
			c.add("Source", "a", true)
			c.unsigned = append(c.unsigned, field{c.cased("Source"), c.one(" b", " a", "")})
			c.never = true
		}},
		{"signed header missing", 0, func(c *testCase) { c.sign = append(c.sign, c.one("x-none", "transfer-encoding")); c.never = true }},
		{"signed header alike", 3, func(c *testCase) {
			c.add("X-Tenant-Id", "1", true)
			for _, name := range []string{"X_Tenant_Id", "x-tenant.id", "X~Tenant-Id", "X-Tenant_Id", "X'Tenant-Id", "X.Tenant.Id"} {
				if c.IntN(3) == 0 {
					c.unsigned = append(c.unsigned, field{c.cased(name), " forged"})
				}
			}
		}},
		{"implied header alike", 2, func(c *testCase) {
			c.unsigned = append(c.unsigned, field{c.cased(c.one("Content_Type", "Content.MD5", "X_Sdk-Content-Sha256", "X-Sdk_Date", "X_Date", "Host_")), " forged"})
		}},
	}},
}

var extraHeaders = axis{"header", []option{
	{"custom", 8, func(c *testCase) { c.add("X-Custom-"+c.letters(2, "123456789"), c.value(), c.coin()) }},
	{"source", 4, func(c *testCase) { c.add("Source", c.one("apigw test", "AndriodApp", "x"), c.coin()) }},
	{"empty", 2, func(c *testCase) { c.add("X-Empty-"+c.letters(1, "1234"), "", c.coin()) }},
	{"inner spaces", 2, func(c *testCase) { c.add("X-Spaces", c.one("a  b", "a \t b", "a\tb", "a ,  b"), c.coin()) }},
	{"high bytes", 2, func(c *testCase) { c.add("X-High", "v"+c.letters(6, highBytes), c.coin()) }},
	{"long", 1, func(c *testCase) { c.add("X-Long", strings.Repeat("0123456789", 1+c.IntN(500)), c.coin()) }},
	{"odd name", 2, func(c *testCase) {
		c.add(c.one("X!#$%&'*+.^`|~1", "1", "X-A.B", "X--", "_", "X_Under_Score"), c.value(), c.coin())
	}},
	{"repeated", 3, func(c *testCase) {
		if name := "X-Many"; !c.has(name) {
			c.add(name, c.value(), c.is("huawei-sdk") && c.coin())
			c.repeat(name, c.value())
			c.repeat(name, c.one("", "a", "a, b"))
		}
	}},
	{"folded line", 1, func(c *testCase) { c.add("X-Folded", "a"+c.one("\r\n b", "\r\n\t \tb", " \r\n  "), c.coin()) }},
	{"cookie", 2, func(c *testCase) { c.add("Cookie", c.one("a=1; b=2", `a="x,y"`), c.coin()) }},
	{"usual", 4, func(c *testCase) {
		c.add(c.one("Accept-Language", "Referer", "Origin", "Range", "If-None-Match", "If-Modified-Since", "Cache-Control", "Accept-Encoding", "Via", "X-NameSpace-Code", "X-MicroService-Name", "Content-Language", "Content-Encoding", "X-Real-IP", "Max-Forwards", "From", "Warning"), c.one("1", "no-cache", "gzip", "bytes=0-1", `"tag"`), c.coin())
	}},
	{"pragma", 1, func(c *testCase) { c.add("Pragma", "no-cache", c.coin()) }},
	{"date", 1, func(c *testCase) {
		if !c.is("tencent-keypair") {
			c.add("Date", "Fri, 09 Oct 2015 00:00:00 GMT", c.coin())
		}
	}},
	{"user agent", 3, func(c *testCase) { c.add("User-Agent", c.one("curl/8", "Mozilla/5.0 (X; \u4e2d) ", "a"), c.coin()) }},
	{"user agent empty", 0, optional(func(c *testCase) { c.add("User-Agent", "", true) })},
	{"user agent twice", 0, optional(func(c *testCase) { c.add("User-Agent", "a", c.coin()); c.repeat("User-Agent", c.one("b", "a", "")) })},
	{"identity", 2, func(c *testCase) { c.add(c.to.Identity, c.one("forged", "test-key"), false) }},
	{"identity alike", 4, func(c *testCase) {
		for range 1 + c.IntN(3) {
			c.add(strings.Map(func(r rune) rune {
				if r == '-' || r == '_' {
					return rune(c.one("-", "_", ".", "~", "!", "'")[0])
				}
				return r
			}, c.to.Identity), "forged", false)
		}
	}},
	{"identity, signed", 0, optional(func(c *testCase) {
		c.add(c.one(c.to.Identity, strings.ReplaceAll(c.to.Identity, "-", "_")), "forged", true)
	})},
	{"forwarded", 3, func(c *testCase) {
		c.add(c.one("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X_Forwarded_For", "X-Forwarded.Host", "X-Forwarded-Port"), c.one("10.0.0.1", "for=10.0.0.1", "https"), false)
	}},
	{"forwarded, signed", 0, optional(func(c *testCase) {
		c.add(c.one("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"), c.one("10.0.0.1", "https"), true)
	})},
	{"proxy", 1, func(c *testCase) { c.add("Proxy", "http://evil.example", false) }},
	{"proxy, signed", 0, optional(func(c *testCase) { c.add("Proxy", "http://evil.example", true) })},
	{"request id", 1, func(c *testCase) { c.add("X-Request-Id", "abc-"+c.letters(5, alphanumeric), c.coin()) }},
	{"hop by hop", 2, func(c *testCase) {
		c.add(c.one("Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate"), "x", false)
	}},
	{"host, signed", 3, func(c *testCase) { c.sign = append(c.sign, "host") }},
	{"authorization, signed", 0, optional(func(c *testCase) { c.sign = append(c.sign, "authorization") })},
	{"alike, both signed", 0, optional(func(c *testCase) { c.add("X-Both-Id", "1", true); c.add("X_Both_Id", "2", true) })},
	{"no name", 0, hostile(func(c *testCase) {
		c.unsigned = append(c.unsigned, field{c.one("", "X Y", "X-A ", "X(", "X\x00", "X-\xe4", " X"), " v"})
	})},
	{"control character", 0, hostile(func(c *testCase) {
		c.unsigned = append(c.unsigned, field{"X-Control", " a" + c.one("\x00", "\x01", "\x7f", "\x0b", "\r", "\rSource: forged") + "b"})
	})},
	{"line feed alone", 0, hostile(func(c *testCase) {
		c.unsigned = append(c.unsigned, field{"X-Feed", " a\nX-Injected: 1"})
	})},
}}

// names adds a Connection header with that name, if there is none yet.
func (c *testCase) names(name string, sign bool) bool {
	if c.has("Connection") {
		return false
	}
	c.add("Connection", c.cased(name), sign)
	return true
}

func (c *testCase) value() string {
	return c.one("1", "a b", "a,b;c=\"d\"", "\u4e2d\u6587", "=?&#%2f", c.letters(1+c.IntN(20), alphanumeric))
}

func (c *testCase) pm() time.Duration { return []time.Duration{-1, 1}[c.IntN(2)] }

func (c *testCase) dateName() string {
	if c.is("huawei-sdk") {
		return "X-Sdk-Date"
	}
	return "X-Date"
}

// length frames the body by its length.
func (c *testCase) length(value string, sign bool) {
	if c.body == nil {
		return
	}
	c.add("Content-Length", value, sign)
	c.may = c.may || sign && len(c.body) == 0 // net/http sends none with GET
}

// chunked frames the body in chunks; HTTP/1.0 has none.
func (c *testCase) chunked(coding string, size int, extension, number, trailers string) {
	if len(c.body) == 0 {
		c.body = []byte("a=1&b=hello")
	}
	if c.version == "HTTP/1.0" {
		c.length(fmt.Sprint(len(c.body)), false)
		c.encoded = c.body
		return
	}
	size = max(size, len(c.body)/1000)
	var b strings.Builder
	for chunk := range slices.Chunk(c.body, size) {
		fmt.Fprintf(&b, number+"%s\r\n%s\r\n", len(chunk), extension, chunk)
	}
	c.framed("Transfer-Encoding", coding, b.String()+"0"+extension+"\r\n"+trailers+"\r\n")
}

func (c *testCase) framed(name, value, encoded string) {
	c.add(name, value, false)
	c.encoded = []byte(encoded)
}

// digest adds the scheme's header with a digest of the body, of some kind, if
// the scheme has that.
func (c *testCase) digest(kind string) bool {
	before := len(c.fields)
	form := slices.ContainsFunc(c.fields, func(f field) bool {
		return strings.EqualFold(f.name, "content-type") && strings.Contains(strings.ToLower(f.value), "form-urlencoded")
	})
	switch c.signer.scheme {
	case "tencent-app":
		values := map[string]string{"hex": contentMD5Hex(c.body), "raw": contentMD5Raw(c.body), "other": contentMD5Raw(c.body), "bare": digest(md5.New, c.body), "wrong": contentMD5Hex([]byte("wrong")), "empty": ""}
		if value, ok := values[kind]; ok && (!form || kind == "empty") {
			c.add("Content-MD5", value, c.coin())
		}
	case "huawei-sdk":
		name, other := "X-Sdk-Content-Sha256", digest(sha256.New, c.body)
		if c.signer.algorithm == "hmac-sm3" && (kind != "other" && c.coin()) {
			name = "X-Sdk-Content-Sm3"
		}
		values := map[string]string{"hex": digest(c.signer.newHash(), c.body), "raw": digest(c.signer.newHash(), c.body), "other": other, "UNSIGNED-PAYLOAD": "UNSIGNED-PAYLOAD", "unsigned": "UNSIGNED-PAYLOAD", "wrong": digest(sha256.New, []byte("wrong")), "empty": ""}
		if value, ok := values[kind]; ok {
			c.add(name, value, kind == "UNSIGNED-PAYLOAD" || kind != "unsigned" && c.coin())
		}
	}
	return len(c.fields) > before
}

// newCase makes the i-th case of a seed. At first each option comes alone
// for each scheme, then they come together.
func newCase(seed, i uint64, targets []*Target) *testCase {
	c := &testCase{Rand: rand.New(rand.NewPCG(seed, i)), version: "HTTP/1.1", hosts: []string{"h"}}
	c.to = targets[c.IntN(len(targets))]
	var alone single
	if i < uint64(len(singles)) {
		alone = singles[i]
	}
	kind := c.one(kinds...)
	for !strings.HasPrefix(kind, alone.scheme) {
		kind = c.one(kinds...)
	}
	c.features = append(c.features, "kind: "+kind, "base: "+c.to.Base)
	c.signer.scheme, c.signer.algorithm, _ = strings.Cut(kind, " ")
	key := keys[c.IntN(len(keys))]
	c.signer.keyID, c.signer.secret, c.signer.form = key[0], key[1], "documented"
	c.date = time.Now().UTC().Add(c.pm() * time.Duration(c.IntN(600)) * time.Second)
	if c.signer.scheme == "huawei-v11" {
		c.signer.scheme, c.signer.scope = "huawei-sdk", c.date.Format("20060102")+"/"+c.one("cn-north-1", "r")+"/"+c.one("apigw", "s-1")
	}
	for _, axis := range axes {
		c.choose(axis, alone.option)
	}
	if headers := c.IntN(5); alone.option == nil {
		for range headers {
			c.choose(extraHeaders, nil)
		}
	} else if alone.header {
		c.choose(extraHeaders, alone.option)
	}
	c.finish()
	if alone.option == nil && c.IntN(6) == 0 {
		c.mutate()
	}
	c.excuse()
	return c
}

// excuse does without what the target does not promise.
func (c *testCase) excuse() {
	c.may = c.may || c.to.MayRefuse != nil && c.to.MayRefuse(c.path, c.signer.headers) != ""
	for _, feature := range c.features {
		c.may = c.may || c.to.Refuses[feature] != ""
		if c.never && c.to.Accepts[feature] != "" {
			c.may, c.never = true, false
		}
	}
}

// A single is an option that comes alone, with a scheme.
type single struct {
	option *option
	header bool // it is one of extraHeaders
	scheme string
}

var singles = func() (all []single) {
	for _, axis := range append(slices.Clone(axes), extraHeaders) {
		for i := range axis.options {
			for _, scheme := range []string{"tencent-app", "tencent-keypair", "huawei-sdk", "huawei-v11"} {
				all = append(all, single{&axis.options[i], axis.name == extraHeaders.name, scheme})
			}
		}
	}
	return all
}()

// choose applies an option of an axis: the one that comes alone, else the plain
// one; if none comes alone, any by its weight.
func (c *testCase) choose(a axis, alone *option) {
	chosen := 0
	if alone == nil {
		total := 0
		for _, o := range a.options {
			total += 20*o.weight + 1 // every option comes, rarely
		}
		for n := c.IntN(total); n >= 20*a.options[chosen].weight+1; chosen++ {
			n -= 20*a.options[chosen].weight + 1
		}
	}
	for i := range a.options {
		if alone == &a.options[i] {
			chosen = i
		}
	}
	o := a.options[chosen]
	c.features = append(c.features, a.name+": "+o.name)
	o.apply(c)
}

// finish signs the request and writes it out.
func (c *testCase) finish() {
	layout := "20060102T150405Z"
	if !c.is("huawei-sdk") {
		layout = "Mon, 02 Jan 2006 15:04:05 GMT"
	}
	date := c.dateName()
	if c.is("tencent-keypair") && c.coin() {
		date = "Date"
	}
	c.add(date, c.date.Format(layout), true)
	if c.is("huawei-sdk") && c.IntN(4) > 0 {
		c.sign = append(c.sign, "host")
	}
	slices.Sort(c.sign)
	c.signer.headers = slices.Compact(c.sign)
	c.Shuffle(len(c.signer.headers), func(i, j int) {
		c.signer.headers[i], c.signer.headers[j] = c.signer.headers[j], c.signer.headers[i]
	})
	for _, host := range c.hosts {
		c.fields = append(c.fields, field{c.cased("Host"), " " + host})
	}
	c.Shuffle(len(c.fields), func(i, j int) { c.fields[i], c.fields[j] = c.fields[j], c.fields[i] })

	start := c.method + " " + c.path + c.query + " " + c.version + "\r\n"
	reader := &reader{bufio.NewReader(strings.NewReader(start + headerLines(c.fields))), false}
	authorization := ""
	if m, err := reader.head(); err == nil {
		m.body = c.body
		r := requestSent(m)
		c.text = c.signer.stringToSign(&r, c.signer.form)
		authorization = c.signer.authorization(&r)
		ampersands := strings.Count(r.query, "&")
		if r.isForm() {
			ampersands += strings.Count("&"[:min(1, len(r.query))]+string(c.body), "&")
		}
		c.may = c.may || ampersands >= 10_000
		// huawei-sdk signs these as it signs their encoded form.
		c.never = c.never || c.is("huawei-sdk", "huawei-v11") && (strings.ContainsAny(r.path, `#\`) || strings.ContainsAny(r.query, "#;"))
	} else {
		c.may = true
	}
	if c.edit != nil {
		authorization = c.edit(authorization)
	}
	if authorization != "" {
		c.unsigned = append(c.unsigned, field{c.cased("Authorization"), " " + authorization})
	}
	for _, f := range c.unsigned {
		c.fields = slices.Insert(c.fields, c.IntN(len(c.fields)+1), f)
	}
	if c.encoded == nil {
		c.encoded = c.body
	}
	head := start + headerLines(c.fields)
	c.raw = append([]byte(head), c.encoded...)
	c.may = c.may || len(head) > 64<<10 // as long as servers take without being told to
}

func headerLines(fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.name + ":" + f.value + "\r\n")
	}
	return b.String() + "\r\n"
}

// mutate changes one byte of what was signed.
func (c *testCase) mutate() {
	c.mutated, c.may, c.never, c.alone = true, true, false, true
	c.features = append(c.features, "one byte changed after signing")
	end := len(c.raw)
	if head := bytes.Index(c.raw, []byte("\r\n\r\n")); c.IntN(3) > 0 && head > 0 {
		end = head
	}
	at := c.IntN(end)
	b := c.letters(1, "%;&=?/.+ \t\r\n\x00\x7f\xff_-~:,\"0aA")[0]
	switch c.IntN(5) {
	case 0:
		c.raw = slices.Insert(c.raw, at, b)
	case 1:
		c.raw = slices.Delete(c.raw, at, at+1)
	case 2:
		c.raw[at] = b
	case 3:
		c.raw[at] ^= 0x20
	default:
		c.raw[at] ^= 1 << c.IntN(8)
	}
}
