package httptext

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// How browsers write a word of their "copy as cURL".

// chromePosix: in single quotes, or as C's where a control character, a quote or an
// exclamation mark is in it.
func chromePosix(s string) string {
	special := regexp.MustCompile(`[\x00-\x1f\x{7f}-\x{9f}!]`)
	if !strings.Contains(s, "'") && !special.MatchString(s) {
		return "'" + s + "'"
	}
	s = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s)
	return "$'" + special.ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf(`\u%04x`, []rune(c)[0]) }) + "'"
}

// firefoxPosix writes all that is not printable ASCII as C's escapes, of two digits where
// they are enough.
func firefoxPosix(s string) string {
	if !strings.Contains(s, "'") && !regexp.MustCompile(`[^\x20-\x7e]`).MatchString(s) {
		return "'" + s + "'"
	}
	s = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "!", `\041`).Replace(s)
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 0x20 && c < 0x7f:
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return "$'" + b.String() + "'"
}

// chromeCmd escapes for the runtime first, then for cmd.exe, all but what it knows to be
// harmless; a line break is an escaped one.
func chromeCmd(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
	s = regexp.MustCompile(`[^a-zA-Z0-9\s_\-:=+~'/.',?;()*`+"`]").ReplaceAllString(s, "^$0")
	s = regexp.MustCompile(`%([a-zA-Z0-9_])`).ReplaceAllString(s, "%^$1")
	return `^"` + regexp.MustCompile(`\r?\n`).ReplaceAllString(s, "^\n\n") + `^"`
}

// olderCmd is what both browsers wrote before: a percent sign outside of quotes.
func olderCmd(s string) string {
	return `"` + strings.NewReplacer(`"`, `""`, `%`, `"%"`, `\`, `\\`).Replace(s) + `"`
}

// asCmd is what curl gets of what was copied for cmd.exe, which reads no CR. Browsers double
// each backslash, which the runtime takes back before a quote alone.
func asCmd(s string) string {
	return regexp.MustCompile(`\\+("|$|[^\\"])`).ReplaceAllStringFunc(strings.ReplaceAll(s, "\r", ""), func(run string) string {
		bare := strings.TrimLeft(run, `\`)
		if bare == "" || bare == `"` {
			return run
		}
		return strings.Repeat(`\`, 2*(len(run)-len(bare))) + bare
	})
}

// What browsers copy is read as what they sent.
func TestBrowsersCurl(t *testing.T) {
	type browser struct {
		name  string
		quote func(string) string
		goOn  string // to the next word
	}
	headers := []string{"accept: */*", `sec-ch-ua: "Chromium";v="152", "Not A(Brand";v="99"`, "x-odd: 100% ^ & | < > ( ) ! $HOME %PATH% `x` '' \\ \\\\ \\\" {} []", "user-agent: Mozilla/5.0 (X11; Linux x86_64)"}
	bodies := []string{`{"a":"b c","d":[1,2],"e":"100%25 %41%42 it's"}`, "", "a=1&b=%20%C3%A9", "line one\nline \"two\"\r\nend\\", "é 你好 \\n", `\`, `\\"`, strings.Repeat(`a"b\`, 50)}
	for _, b := range []browser{
		{"Chrome, bash", chromePosix, " \\\n  "}, {"Chrome, cmd", chromeCmd, " ^\n  "}, {"Chrome, cmd, CRLF", chromeCmd, " ^\r\n  "},
		{"Firefox, bash", firefoxPosix, " "}, {"older, cmd", olderCmd, " "}, {"older, bash", firefoxPosix, " \\\n"},
		{"PowerShell", func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }, " `\n  "},
		{"PowerShell, double", func(s string) string {
			return `"` + strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"").Replace(s) + `"`
		}, " `\r\n  "},
	} {
		for _, body := range bodies {
			old := strings.HasPrefix(b.name, "older, cmd")
			if strings.Contains(b.name, "Firefox") || strings.Contains(b.name, "older") {
				if !isASCII(body) || old && strings.ContainsAny(body, "\n") {
					continue // these did not write them so that curl sends them
				}
			}
			if old && strings.Contains(body, `\"`) || strings.HasPrefix(b.name, "PowerShell") && strings.Contains(body, `\"`) {
				continue
			}
			words := []string{"http://example.com/a%20b/{c}?x=%25&y=1"}
			for _, h := range headers {
				if old && strings.Contains(h, `\"`) || strings.HasPrefix(b.name, "PowerShell") && strings.Contains(h, `\"`) {
					h = strings.ReplaceAll(h, `\"`, "")
				}
				words = append(words, "-H", h)
			}
			if body != "" {
				words = append(words, "--data-raw", body)
			}
			command := "curl"
			if strings.HasPrefix(b.name, "PowerShell") {
				command = "curl.exe"
			}
			for i, word := range words {
				if !strings.HasPrefix(word, "-") {
					word = b.quote(word)
				}
				if i == 0 { // so that curl takes it for one URL
					word = regexp.MustCompile(`[{}[\]]`).ReplaceAllString(word, `\$0`)
				}
				command += b.goOn + word
			}
			r, err := parseCurl(command)
			require.NoError(t, err, command)
			want := body
			if strings.Contains(b.name, "cmd") {
				want = asCmd(want)
			}
			require.Equal(t, want, string(r.Body), "%s: %s", b.name, command)
			require.Equal(t, "/a%20b/{c}?x=%25&y=1", r.Target, b.name)
			for _, word := range words {
				if name, value, ok := strings.Cut(word, ": "); ok && strings.HasPrefix(name, "x-") {
					if strings.Contains(b.name, "cmd") {
						value = asCmd(value)
					}
					require.Equal(t, []string{strings.TrimSpace(value)}, r.values(name), "%s: %s", b.name, command)
				}
			}
		}
	}
}

// How each shell takes what people type.
func TestShells(t *testing.T) {
	for command, want := range map[string]string{
		// sh
		"$ curl h": "/", "> curl h": "/", " \n curl h \n": "/", "/usr/bin/curl h;": "/", `'curl' h/"a"'b'\c`: "/abc", "curl \\\n h \\\n": "/", "curl \\\r\n h\r\n": "/",
		`curl "h/?\$a\"\\\x"`: `/?$a"\\x`, `curl h/?a=$`: "/?a=$", `curl "h/?$"`: "/?$", "curl h/?x=~": "/?x=~", "curl h/?x={}": "", "curl -g h/?x={}": "/?x={}", "curl h#x": "/",
		"curl h?%PATH%": "/?%PATH%", "curl 'h?$A`b`'": "/?$A`b`", "curl -- h": "/", "curl h -sXGET": "/", "curl --url=h/x": "/x", "curl h --max-time=5": "/",
		// cmd.exe
		`C:\> curl "h/?a"`: "/?a", `C:\Users\a b>curl h/?a^&b`: "/?a&b", "curl ^\n h/^?^%^41^&^^ ^\n -s": "/?%41&^", `curl.exe "h/?a=%41%42&c"`: "/?a=%41%42&c", `curl.exe "h/?""a""b"`: `/?"a"b`, `curl "h/?""a"""`: `/?"a"`, `curl "h/?a"%"20" -d ""`: "/?a%20", `curl.exe "h/?\\a\\\"b"`: `/?\\a\"b`, "curl ^\r\n h": "/",
		// PowerShell
		"PS C:\\> curl.exe h": "/", "curl.exe 'h/?a''b$c'": "/?a'b$c", "curl.exe `\n\"h/?`$a`\"\"\"b`\"\"": `/?$a""b"`, "PS > curl.exe \"h/?a$\"": "/?a$",
	} {
		r, err := parseCurl(command)
		if want == "" {
			require.Error(t, err, command)
			continue
		}
		require.NoError(t, err, command)
		require.Equal(t, want, r.Target, command)
	}
}

// What cannot be known from the text is refused with the reason.
func TestCurlRefused(t *testing.T) {
	for _, c := range []struct{ right, command, code string }{
		{`curl '$A'`, `curl $A`, "curl_variable"}, {`curl "\$A"`, `curl "$A"`, "curl_variable"}, {"curl h", "curl ${A}h", "curl_variable"}, {"curl h -H 'a: $1'", `curl h -H "a: $1"`, "curl_variable"}, {"curl h -d '~'", "curl h -d ~", "curl_variable"},
		{"curl h -d '`a`'", "curl h -d `a`", "curl_substitution"}, {"curl h -d '$(a)'", `curl h -d "$(a)"`, "curl_substitution"},
		{"curl ^\n h", "curl ^\n h/%USER%", "curl_variable"}, {`curl "h/%41%42"`, `curl "h/%USER_1%"`, "curl_variable"}, {"curl ^\n h/%U^SER%", "curl ^\n h/%USER:a=b%", "curl_variable"},
		{"curl.exe 'h' -d '$env:A'", `curl.exe 'h' -d "$env:A"`, "curl_variable"}, {"curl.exe `\n h", "curl.exe `\n h -d $a", "curl_variable"}, {"curl.exe `\n 'h'", "curl.exe `\n h -d (a)", "curl_syntax"},
		{"printf a | curl h -d @-", "echo a | curl h -d @-", "curl_pipe"}, {"curl h", "curl h | jq .", "curl_pipe"}, {"printf '%%' | curl h", "printf '%s' | curl h", "curl_pipe"}, {"curl ^\n h", "curl ^\n h | more", "curl_pipe"},
		{"curl h -o x", "curl h > x", "curl_redirect"}, {"curl 'h?a&b'", "curl h?a&b", "curl_ampersand"}, {"curl h", "curl h\ncurl i", "curl_several"}, {"curl 'h' '-d#'", "curl h #", "curl_comment"}, {"curl 'h(a)'", "curl h(a)", "curl_syntax"},
		{"curl 'h' -d '{a,b}'", "curl h -d {a,b}", "curl_braces"}, {"curl 'h/\\{a\\}'", "curl 'h/{a}'", "curl_glob"}, {"curl h -d a@b", "curl h -d @b", "curl_file"}, {"curl h -d a", "curl h -d @-", "curl_input"}, {"curl h -F a=b", "curl h -F a=@b", "curl_file"}, {"curl h -H a:b", "curl h -H @b", "curl_file"},
		{"curl h", "curl h i", "curl_urls"}, {"curl -d '“a b”' h", "curl -d “a b” h", "curl_typographic"}, {"curl h", "curl ‘http://h/’", "curl_typographic"}, {"curl h", "curl", "curl_no_url"}, {"curl h", "curl -s", "curl_no_url"}, {"curl h", "wget h", "curl_no_command"}, {"curl 'h'", "curl 'h", "curl_quote"}, {`curl "h"`, `curl "h`, "curl_quote"}, {"curl $'h'", "curl $'h", "curl_quote"}, {`curl h -d $'a\1'`, `curl h -d $'a\0'`, "curl_nul"},
		{"curl h", "curl h --next i", "curl_flag_several"}, {"curl h", "curl -ua:b h", "curl_flag_authorization"}, {"curl h", "curl h --oauth2-bearer t", "curl_flag_authorization"}, {"curl h", "curl h -T f", "curl_flag_file"}, {"curl h", "curl h -K f", "curl_flag_file"}, {"curl h", "curl h -r 1-2", "curl_flag_header"}, {"curl h", "curl -V", "curl_flag_no_request"}, {"curl h", "curl h --hsts f", "curl_flag_other"},
		{"curl h --header a:b", "curl h --heade a:b", ""}, {"curl h -s", "curl h --sile=1", "curl_flag_no_value"}, {"curl h", "curl h --nonesuch", "curl_flag_unknown"}, {"curl h", "curl h -W", "curl_flag_unknown"}, {"curl h -sS", "curl h -sW", "curl_flag_unknown"}, {"curl h", "curl h --dat x", "curl_flag_ambiguous"}, {"curl h -H a:b", "curl h -H", "curl_flag_value"},
		{"curl h" + strings.Repeat(" -s", 1000), "curl h" + strings.Repeat(" -s", 10_000), "curl_words"}, {"curl ^\n h", "curl ^\n h" + strings.Repeat(" -s", 10_000), "curl_words"}, {"curl.exe `\n h", "curl.exe `\n h" + strings.Repeat(" -s", 10_000), "curl_words"},
		{"curl h" + strings.Repeat(" -Ha:b", 50), "curl h" + strings.Repeat(" -Ha:b", hmacsign.MaxWireHeaders), "http_many_headers"},
		{"curl http://xn--bcher-kva", "curl http://bücher", "curl_host_ascii"}, {"curl h", "curl a:b@h", "curl_user"},
	} {
		_, err := parseCurl(c.right)
		require.NoError(t, err, c.right)
		_, err = parseCurl(c.command)
		if c.code == "" {
			require.NoError(t, err, c.command)
			continue
		}
		var told *Error
		require.ErrorAs(t, err, &told, clip(c.command))
		require.Equal(t, c.code, told.Code, clip(c.command))
	}
}

// What was assumed is told.
func TestCurlNotes(t *testing.T) {
	for command, want := range map[string]string{
		"curl http://h -A a -H accept:": "", "curl http://h": "curl_user_agent curl_accept", "curl h -Aa -H accept:": "curl_scheme", "curl http://h/?a -Aa -H accept:": "curl_shell_glob", "curl 'http://h/?a' -Aa -H accept:b": "",
		"curl http://h -Aa -d b -H accept:": "curl_form_type_added", "curl http://h -Aa -d '[1]' -H accept:": "curl_form_type_added curl_json_as_form", "curl http://h -Aa -d '[1]' -H accept: -H content-type:b": "",
		"curl http://h -Aa --json 1": "curl_json", "curl http://h -Aa -H accept: -F a=b": "curl_boundary", "curl http://h -Aa -H accept: --compressed": "curl_compressed",
		"curl.exe `\n http://h -Aa -H accept: -H a:b -d 'a=\"b\"'": "curl_powershell_new curl_form_type_added", "curl.exe `\n http://h -Aa -H accept: -d 'a=\\\"b\\\"'": "curl_powershell_old curl_form_type_added",
	} {
		r, err := parseCurl(command)
		require.NoError(t, err, command)
		require.Equal(t, strings.Fields(want), append([]string{}, codes(r)...), command)
	}
}

// Whatever is pasted is read or refused, and what is read is written so that it is read as
// the same.
func FuzzCurl(f *testing.F) {
	for _, text := range []string{
		"curl h", "curl 'http://h/a?b#c' -H 'X: y' -H 'Z;' -d '{}' -X PUT", "curl ^\"http://h^\" ^\n -H ^\"a: ^\\^\"^\"", "curl.exe `\n 'h' -d \"a`n\"", "{\nprintf '\\001'\n} | curl h --data-binary @-", "$ curl -sSLd$'\\u00e9' h",
		"curl h -F 'a=b;type=c/d' -F e=f -H 'Host: i'", "curl --json 1 -G h?x", "curl -I h --url-query + -b a=b -e c -A ''", "curl h -H 'Transfer-Encoding: chunked' -d x", "curl h --request-target '*'", "curl h --request-target h", "curl h --request-target /i?", "PS C:\\> curl.exe h", "C:\\> curl h",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseCurl(text)
		if err != nil {
			require.ErrorAs(t, err, new(*Error))
			return
		}
		req, err := r.HTTP()
		if err != nil {
			return // what net/http cannot send
		}
		require.Equal(t, r.Method, req.Method)
		again, err := parseCurl(r.Curl())
		require.NoError(t, err, r.Curl())
		require.Equal(t, sorted(same(r)), sorted(same(again)), r.Curl())
	})
}
