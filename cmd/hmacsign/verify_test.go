package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// verifying runs verify with a keys file of the test's key.
func verifying(t *testing.T, request string, args ...string) (status int, stdout, stderr string) {
	keys := writeFile(t, `[{"id": "test-key", "secret": {"env": "HMACSIGN_SECRET"}}]`)
	return hmacsignRun(t, request, append([]string{"verify", "--keys", keys}, args...)...)
}

// verdictOf is the verdict as programs read it.
func verdictOf(t *testing.T, request string, args ...string) (v verdict) {
	_, stdout, stderr := verifying(t, request, append(args, "--output", "json")...)
	require.NoError(t, json.Unmarshal([]byte(stdout), &v), "%s%s", stdout, stderr)
	return v
}

// signed is a raw request that is signed at the time of the tests.
func signed(t *testing.T, args ...string) string {
	return ok(t, append([]string{"sign", "--output", "http", "--date", worked}, args...)...)
}

// Whatever the machine's language is, the tests' is English where none is set.
func init() { os.Setenv("LC_ALL", "C") }

// locale sets what chooses a language.
func locale(t *testing.T, all, messages, lang string) {
	t.Setenv("LC_ALL", all)
	t.Setenv("LC_MESSAGES", messages)
	t.Setenv("LANG", lang)
}

func TestVerifyLanguage(t *testing.T) {
	raw := signed(t, "http://h/a?b=1")
	accepted, refused := scheme.Text("zh", "verify_string", nil), "hmacsign: 密钥 ID test-key："+scheme.Text("zh", "signature", nil)+"\n"
	changed := strings.Replace(raw, "b=1", "b=2", 1)
	for _, c := range []struct {
		all, messages, lang string
		args                []string
		chinese             bool
	}{
		{"", "", "", nil, false}, {"", "", "zh_CN.UTF-8", nil, true}, {"", "zh_CN", "en_US", nil, true}, {"C", "zh_CN", "zh_CN", nil, false},
		{"zh_TW.UTF-8", "", "en", nil, true}, {"de_DE", "", "zh_CN", nil, false}, {"", "", "de_DE", nil, false},
		{"zh_CN", "", "", []string{"--lang", "en"}, false}, {"", "", "", []string{"--lang", "zh"}, true},
		{"", "", "", []string{"--lang", "ZH"}, true}, {"", "", "", []string{"--lang", "zh-CN"}, true}, {"", "", "", []string{"--lang", "zh_CN.UTF-8"}, true},
		{"", "", "", []string{"--lang", "zh_CN@pinyin"}, true}, {"zh_CN", "", "", []string{"--lang", "en_US"}, false}, {"zh_CN", "", "", []string{"--lang", "C"}, false},
		{"zh_CN", "", "", []string{"--lang", "C.UTF-8"}, false}, {"zh_CN", "", "", []string{"--lang", "POSIX"}, false}, {"zhuang", "", "", nil, false},
	} {
		locale(t, c.all, c.messages, c.lang)
		status, stdout, stderr := verifying(t, changed, append(c.args, "--date", worked)...)
		require.Equal(t, 1, status, stderr)
		require.Equal(t, c.chinese, strings.Contains(stdout, accepted), "%+v: %s", c, stdout)
		require.Equal(t, c.chinese, stderr == refused, "%+v: %s", c, stderr)
		if !c.chinese {
			require.Equal(t, "hmacsign: key id test-key: signature does not match\n", stderr)
		}
		status, stdout, _ = verifying(t, raw, append(c.args, "--date", worked)...)
		require.Zero(t, status)
		require.Equal(t, !c.chinese, strings.HasPrefix(stdout, "accepted: key id test-key, scheme tencent-app, "), stdout)
		require.Contains(t, stdout, "test-key")
	}
	locale(t, "", "", "")
	for _, lang := range []string{"de", "", "zhuang", "english", "z", "_CN", "de_DE.UTF-8", "zh CN"} {
		status, _, stderr := verifying(t, raw, "--lang", lang)
		require.Equal(t, 2, status)
		require.Contains(t, stderr, "use en, zh, or a locale")
	}
}

// Codes are the same in every language, texts are not.
func TestVerifyJSON(t *testing.T) {
	locale(t, "", "", "")
	raw := signed(t, "http://h/a?b=1")
	twice := strings.Replace(raw, "X-Date: ", "X-Date: Thu, 11 Mar 2021 08:29:58 GMT\r\nX-Date: ", 1)
	english, chinese := verdictOf(t, twice, "--date", worked), verdictOf(t, twice, "--date", worked, "--lang", "zh")
	require.Equal(t, []string{"signed_headers", "header_repeated", "X-Date"}, []string{english.Reason, english.DetailCode, english.DetailArgs["header"]})
	require.Equal(t, "header X-Date is repeated", english.Detail)
	require.Equal(t, english.DetailArgs, chinese.DetailArgs)
	require.Equal(t, scheme.Text("zh", "header_repeated", english.DetailArgs), chinese.Detail)

	// Signed with a newline behind the string.
	secret := testSecret + "\n"
	t.Setenv("HMACSIGN_OTHER", secret)
	spoiled := ok(t, "sign", "--output", "http", "--date", worked, "--secret-env", "HMACSIGN_OTHER", "http://h/a?b=1")
	v := verdictOf(t, spoiled, "--date", worked, "--lang", "zh")
	require.Equal(t, "signature", v.Reason)
	require.Equal(t, "space_around_secret", v.Mistake)
	require.Len(t, v.Mistakes, 1)
	require.Equal(t, remark{"space_around_secret", scheme.Text("zh", "space_around_secret", nil), nil}, v.Mistakes[0])
	require.Contains(t, v.Explanation, v.Mistakes[0].Text)
	require.NotEmpty(t, v.StringToSign)
	require.Nil(t, v.Late)
	require.Nil(t, v.Surplus)
}

// What an expired request would have come to is told, and how to verify it so.
func TestVerifyLate(t *testing.T) {
	locale(t, "", "", "")
	const own = "2021-03-11T08:29:58Z"
	for _, args := range [][]string{{}, {"--scheme", "tencent-keypair"}, {"--scheme", "huawei-sdk"}} {
		raw := signed(t, append(args, "http://h/a?b=1", "-d", "c=1")...)
		status, stdout, stderr := verifying(t, raw)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "date out of range")
		shown := strings.Split(stdout, "\n")
		require.Len(t, shown, 4, stdout)
		require.Equal(t, "hmacsign: key id test-key: "+shown[0]+"; --date "+own+" judges it as of its own date\n", stderr, "the date comes first")
		require.Regexp(t, `^date out of range: the request's date is \d+ days off, 15m are allowed: `, shown[0])
		require.Equal(t, scheme.Text("en", "explain_late_accepted", nil), shown[1])
		require.True(t, strings.HasSuffix(shown[2], "--date "+own), shown[2])
		_, stdout, stderr = verifying(t, raw, "--lang", "zh")
		require.Regexp(t, `^日期超出允许范围：请求日期偏差 \d+ 天，允许 15m：`, stdout)
		require.Equal(t, "hmacsign: 密钥 ID test-key："+strings.Split(stdout, "\n")[0]+"；加上 --date "+own+" 可按请求自身的日期验签\n", stderr)
		v := verdictOf(t, raw)
		require.Equal(t, "expired", v.Reason)
		require.Equal(t, "date_off", v.DetailCode)
		require.NotNil(t, v.Late)
		require.True(t, v.Late.Accepted)
		require.Equal(t, own, v.Late.Date)
		status, _, stderr = verifying(t, raw, "--date", v.Late.Date)
		require.Zero(t, status, stderr)
		if len(args) > 0 && args[1] == "tencent-keypair" {
			continue // it signs neither target nor body
		}

		changed := strings.Replace(raw, "b=1", "b=2", 1)
		status, stdout, stderr = verifying(t, changed)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "date out of range")
		require.Contains(t, stdout, "would be refused too: signature does not match\n")
		require.NotContains(t, stdout, "hmacsign: ")
		require.Contains(t, stdout, "b=2", "the string that should be signed")
		require.Contains(t, stdout, "--date "+own+"\n")
		v = verdictOf(t, changed)
		require.Equal(t, "expired", v.Reason)
		require.False(t, v.Late.Accepted)
		require.Equal(t, "signature", v.Late.Reason)
		require.Contains(t, v.Late.StringToSign+v.Late.CanonicalRequest, "b=2")
		status, _, stderr = verifying(t, changed, "--date", v.Late.Date)
		require.Equal(t, 1, status)
		require.Equal(t, "hmacsign: key id test-key: signature does not match\n", stderr)
	}
}

// What stands behind the declared length is told, and named as the fault where it is
// what the client signed.
func TestVerifySurplus(t *testing.T) {
	locale(t, "", "", "")
	// As many characters as are declared, and more bytes.
	short := func(raw, body string) string {
		return strings.Replace(raw, fmt.Sprintf("Content-Length: %d\r\n", len(body)), fmt.Sprintf("Content-Length: %d\r\n", len([]rune(body))), 1)
	}
	const body = `{"name":"李雷"}`
	for _, args := range [][]string{{}, {"--scheme", "huawei-sdk"}, {"--content-md5", "none"}} {
		raw := signed(t, append(args, "http://h/a", "-H", "Content-Type: application/json", "-d", body)...)
		v := verdictOf(t, raw, "--date", worked)
		require.True(t, v.Accepted)
		require.Nil(t, v.Surplus)
		if len(args) > 0 && args[0] == "--content-md5" {
			continue // nothing of the body is signed
		}
		for _, end := range []string{"", "\n", "\r\n"} {
			for _, date := range []string{worked, "Thu, 11 Mar 2022 08:29:58 GMT"} {
				v = verdictOf(t, short(raw, body)+end, "--date", date)
				require.False(t, v.Accepted)
				require.Equal(t, int64(4+len(end)), v.Surplus.Bytes)
				if date != worked {
					require.Equal(t, "expired", v.Reason)
					require.NotContains(t, v.Explanation, "hmacsign: ")
					require.Contains(t, v.Explanation, "(content_length_characters)")
					v = *v.Late
				}
				require.Equal(t, "content_length_characters", v.Mistake)
				require.Len(t, v.Mistakes, 1)
			}
		}
		_, stdout, _ := verifying(t, short(raw, body), "--date", worked)
		require.Contains(t, stdout, "(content_length_characters)\n")
		require.Contains(t, stdout, "4 bytes follow the declared length of 13: Content-Length counts bytes, not characters\n")
		// Not what was signed: a remark, and no mistake.
		v = verdictOf(t, strings.Replace(raw, "name", "game", 1)+"more", "--date", worked)
		require.False(t, v.Accepted)
		require.Equal(t, int64(4), v.Surplus.Bytes)
		require.NotEqual(t, "content_length_characters", v.Mistake)
		// Nor is an editor's newline anything to tell.
		for _, end := range []string{"\n", "\r\n", "\n\n"} {
			require.Nil(t, verdictOf(t, strings.Replace(raw, "name", "game", 1)+end, "--date", worked).Surplus)
			require.Nil(t, verdictOf(t, raw+end, "--date", worked).Surplus)
		}
	}

	raw := signed(t, "http://h/a")
	v := verdictOf(t, raw+"abc", "--date", worked)
	require.True(t, v.Accepted)
	require.Equal(t, int64(3), v.Surplus.Bytes)
	require.Contains(t, v.Surplus.Text, "no Content-Length")
	long := signed(t, "http://h/a", "-d", "a=b") + strings.Repeat("x", 1<<20)
	v = verdictOf(t, long, "--date", worked)
	require.True(t, v.Accepted)
	require.Equal(t, int64(1<<20), v.Surplus.Bytes)
}

// What is no request is told so, and what to do.
func TestVerifyNoRequest(t *testing.T) {
	locale(t, "", "", "")
	for request, want := range map[string]string{
		"":                                       "there is no request",
		"GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n": "percent-encode",
		"{\"a\": 1}\r\n\r\n":                     "no HAR",
		"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n":   "neither a raw HTTP request nor a curl command",
		"> GET / HTTP/1.1\r\n> Host h\r\n>\r\n":  "line 2 is no header",
		"GET / HTTP/2\r\nHost h\r\n\r\n":         "line 2 is no header",
		"GET / HTTP/1.1\r\nHost h\r\n\r\n":       "line 2 is no header",
		"curl http://h/$A":                       "$A",
	} {
		status, stdout, stderr := verifying(t, request)
		require.Equal(t, 1, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want, "%q", request)
		require.Equal(t, 1, strings.Count(stderr, "\n"))
		_, _, chinese := verifying(t, request, "--lang", "zh")
		require.NotEqual(t, stderr, chinese)
	}
	// What the hints say is enough.
	require.True(t, verdictOf(t, signed(t, "http://h/a"), "--date", worked).Accepted)
}

// A request is verified in whatever form it comes, and what was assumed is told.
func TestVerifyForms(t *testing.T) {
	locale(t, "", "", "")
	raw := signed(t, "http://h/a?b=1", "-d", "c=1")
	lf := strings.ReplaceAll(raw, "\r\n", "\n")
	head, _, _ := strings.Cut(lf, "\n\n")
	_, headers, _ := strings.Cut(head, "\n")
	trace := "* Connected to h\n> " + strings.ReplaceAll(head, "\n", "\n> ") + "\n> \n< HTTP/1.1 200 OK\n"
	for _, c := range []struct {
		text     string
		accepted bool
		notes    []string
	}{
		{raw, true, nil},
		{lf, true, []string{"http_lf"}},
		{"\ufeff" + raw + "\n", true, []string{"http_newline", "text_bom"}},
		{strings.Replace(raw, "Content-Length: 3\r\n", "", 1), true, []string{"http_no_length"}},
		{strings.Replace(raw, "HTTP/1.1", "HTTP/2", 1), true, nil},
		{":method: POST\n:path: /a?b=1\n:scheme: http\n:authority: h\n" + strings.ToLower(strings.SplitN(headers, "\n", 2)[0]) + "\n" + strings.SplitN(headers, "\n", 2)[1] + "\n\nc=1", false, nil},
		{trace, false, []string{"trace_no_body"}},
		{strings.Replace(raw, "b=1", "b=2", 1), false, nil},
	} {
		if strings.HasPrefix(c.text, ":") { // Host is :authority there
			c.text = strings.Replace(c.text, "\nhost: h\n", "\n", 1)
			c.accepted = true
		}
		v := verdictOf(t, c.text, "--date", worked)
		require.Equal(t, c.accepted, v.Accepted, "%q", c.text)
		var codes []string
		for _, n := range v.Notes {
			codes = append(codes, n.Code)
		}
		require.Equal(t, c.notes, codes, "%q", c.text)
		_, stdout, stderr := verifying(t, c.text, "--date", worked)
		_, _, chinese := verifying(t, c.text, "--date", worked, "--lang", "zh")
		for _, n := range v.Notes {
			require.Contains(t, stderr, "hmacsign: "+n.Text+"\n")
			require.NotContains(t, stdout, n.Text)
			require.Contains(t, chinese, scheme.Text("zh", n.Code, n.Args))
		}
	}
}

// What sign prints is accepted as it is, whatever the scheme and the body.
func TestVerifyWhatSignPrints(t *testing.T) {
	for _, scheme := range []string{"tencent-app", "tencent-keypair", "huawei-sdk"} {
		for _, args := range [][]string{
			{}, {"-X", "DELETE"}, {"-I"}, {"-X", "POST"}, {"-d", "a=1&b=李"}, {"-d", ""}, {"--json", `{"a": "it's"}`}, {"-H", "Content-Type: a/b", "--data-binary", "\x01\xff\r\n%\\\n"}, {"-H", "Content-Type: a/b", "--data-raw", "\n\n"},
			{"-F", "a=1", "-F", "b=x\ny"}, {"-d", strings.Repeat("a", 100<<10)}, {"-H", "Host: other:81"}, {"-H", "Empty;", "-H", "Accept: text/html"},
			{"-A", "", "-H", "Accept:"}, {"-H", "Transfer-Encoding: chunked", "-d", "a=1"}, {"-H", "Content-Type:", "-d", "a=1"},
		} {
			for _, output := range []string{"curl", "http"} {
				text := ok(t, append([]string{"sign", "--output", output, "--scheme", scheme, "--date", worked, "http://h:8080/a//b/%20/李?b=&a=%2F|&c"}, args...)...)
				status, stdout, stderr := verifying(t, text, "--date", worked)
				require.Zero(t, status, "%s: %s%s", text, stdout, stderr)
				if output == "http" {
					require.Empty(t, stderr, text)
				}
				changed := strings.Replace(text, "test-key", "other-key", 1)
				status, _, _ = verifying(t, changed, "--date", worked)
				require.Equal(t, 1, status, changed)
			}
		}
	}
}

// What is longer than a text may be is HTTP/1.1 as on the wire, and read as it comes.
func TestVerifyLong(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<20+1)
	for _, scheme := range []string{"tencent-app", "huawei-sdk"} {
		raw := signed(t, "--scheme", scheme, "http://h/a", "-H", "Content-Type: text/plain", "--data-binary", "@"+writeFile(t, body))
		v := verdictOf(t, raw, "--date", worked)
		require.True(t, v.Accepted)
		require.Nil(t, v.Surplus)
		require.Nil(t, verdictOf(t, raw+"\r\n", "--date", worked).Surplus)
		require.Equal(t, int64(5), verdictOf(t, raw+"\nmore\n", "--date", worked).Surplus.Bytes)
		require.False(t, verdictOf(t, strings.Replace(raw, "abcdef", "abcdee", 1), "--date", worked).Accepted)
		status, _, stderr := verifying(t, "\ufeff"+raw)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "more than 16777216 bytes")
	}
}

// A target with a stray percent sign is no URL, and yet a client's mistake.
func TestVerifyTargetNotEncoded(t *testing.T) {
	raw := signed(t, "http://h/a%25b")
	require.True(t, verdictOf(t, raw, "--date", worked).Accepted)
	stray := strings.Replace(raw, "/a%25b", "/a%b", 1)
	v := verdictOf(t, stray, "--date", worked)
	require.False(t, v.Accepted)
	require.Equal(t, "malformed", v.Reason)
	require.Equal(t, "target_not_encoded", v.Mistake)
	status, stdout, stderr := verifying(t, stray, "--date", worked)
	require.Equal(t, 1, status)
	require.Contains(t, stdout, "(target_not_encoded)")
	require.Contains(t, stderr, "percent-encode")
}
