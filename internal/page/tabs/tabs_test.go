package tabs_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/page/tabs"
)

// Every option changes what it is for.
func TestSignOptions(t *testing.T) {
	for option, set := range map[string]struct {
		set  func(*tabs.SignInput)
		want string // in the string to sign, or the canonical request
	}{
		"query form raw":     {func(in *tabs.SignInput) { in.URL, in.QueryForm = "http://h/a?b=&a=1", "raw" }, "/a?a=1&b="},
		"query form":         {func(in *tabs.SignInput) { in.URL = "http://h/a?b=&a=1" }, "/a?a=1&b"},
		"query form decoded": {func(in *tabs.SignInput) { in.URL, in.QueryForm = "http://h/a%20b?b=%41", "decoded" }, "/a b?b=A"},
		"content md5 raw":    {func(in *tabs.SignInput) { in.Body, in.ContentMD5 = "{}", "raw" }, "\nmZFLkyvTelC5g8XnyQrpOw==\n"},
		"content md5 hex":    {func(in *tabs.SignInput) { in.Body, in.ContentMD5 = "{}", "hex" }, "\nOTk5MTRiOTMyYmQzN2E1MGI5ODNjNWU3YzkwYWU5M2I=\n"},
		"keep environment":   {func(in *tabs.SignInput) { in.KeepEnvironment = true }, "\n/release/a%20b?"},
		"environment":        {func(in *tabs.SignInput) {}, "\n/a%20b?"},
		"signed headers":     {func(in *tabs.SignInput) { in.SignedHeaders = "Source, content-type;Accept" }, "accept: */*\ncontent-type: application/json\nsource: apigw test\nx-date: "},
		"date":               {func(in *tabs.SignInput) { in.Date = " 2022-01-02T03:04:05+01:00 " }, "x-date: Sun, 02 Jan 2022 02:04:05 GMT\n"},
		"method":             {func(in *tabs.SignInput) { in.Method = "PATCH" }, "\nPATCH\n"},
		"no method":          {func(in *tabs.SignInput) { in.Method, in.Body = "", "" }, "\nGET\n"},
		"not ASCII":          {func(in *tabs.SignInput) { in.URL = "https://h/中?é=1" }, "/%E4%B8%AD?%C3%A9=1"},
		"port":               {func(in *tabs.SignInput) { in.URL, in.Scheme, in.SignedHeaders = "https://h:8443/", "huawei-sdk", "" }, "host:h:8443\n"},
		"default port":       {func(in *tabs.SignInput) { in.URL, in.Scheme, in.SignedHeaders = "https://h:443/", "huawei-sdk", "" }, "host:h\n"},
		"host header":        {func(in *tabs.SignInput) { in.Headers, in.Scheme, in.SignedHeaders = "hOst: other:1", "huawei-sdk", "" }, "host:other:1\n"},
		"region and service": {func(in *tabs.SignInput) { in.Region, in.Service, in.Scheme = "north-1", "apig", "huawei-sdk" }, "V11-HMAC-SHA256\n20210311T082958Z\n20210311/north-1/apig\n"},
		"unsigned payload": {func(in *tabs.SignInput) {
			in.Headers, in.Scheme, in.SignedHeaders = "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD", "huawei-sdk", ""
		}, "\nUNSIGNED-PAYLOAD"},
		"keypair":             {func(in *tabs.SignInput) { in.Scheme, in.SignedHeaders = "tencent-keypair", "source date" }, "source: apigw test\ndate: Thu, 11 Mar 2021 08:29:58 GMT"},
		"another's options":   {func(in *tabs.SignInput) { in.Scheme, in.QueryForm, in.Region = "tencent-keypair", "none such", "r" }, "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nsource: apigw test"},
		"empty header":        {func(in *tabs.SignInput) { in.Headers += "\n\nX-Empty:\n"; in.SignedHeaders = "x-empty" }, "x-empty: \n"},
		"header with a colon": {func(in *tabs.SignInput) { in.Headers = "X-A : b:c \r\n"; in.SignedHeaders = "x-a" }, "x-a: b:c\n"},
	} {
		in := input("tencent-app")
		set.set(&in)
		out := call[tabs.Signed](t, "sign", in)
		require.Empty(t, out.Error, option)
		require.Contains(t, out.CanonicalRequest+"\n\n"+out.StringToSign, set.want, option)
		for _, text := range []string{out.HTTP, out.Curl} {
			v := check(t, tabs.CheckInput{Request: text, Secret: in.Secret, Date: out.Date})
			if option != "keep environment" { // which a verifier does not expect
				require.True(t, v.Accepted && !v.Late, "%s: %+v\n%s", option, v, text)
			}
		}
	}
}

// The date may be written as the command takes it.
func TestSignDates(t *testing.T) {
	for _, date := range []string{"Thu, 11 Mar 2021 08:29:58 GMT", "2021-03-11T08:29:58Z", "2021-03-11T16:29:58+08:00", "20210311T082958Z", "", "  "} {
		in := input("tencent-app")
		in.Date = date
		require.Equal(t, "2021-03-11T08:29:58Z", sign(t, in).Date, date)
	}
}

// An error names the field that it is about, in either language.
func TestSignFaults(t *testing.T) {
	for _, c := range []struct {
		field string
		set   func(*tabs.SignInput)
	}{
		{"method", func(in *tabs.SignInput) { in.Method = "GE T" }},
		{"method", func(in *tabs.SignInput) { in.Method = "get" }},
		{"url", func(in *tabs.SignInput) { in.URL = "" }},
		{"url", func(in *tabs.SignInput) { in.URL = "h.example/a" }},
		{"url", func(in *tabs.SignInput) { in.URL = "ftp://h/" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http:///a" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://h:port/" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://h/a b" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://h/100%" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://h/?100%" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://user:word@h/" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://例子.example/" }},
		{"url", func(in *tabs.SignInput) { in.URL = "http://h/?" + strings.Repeat("a&", 10_000) }},
		{"headers", func(in *tabs.SignInput) { in.Headers = "no colon" }},
		{"headers", func(in *tabs.SignInput) { in.Headers = "a: b\nb c: d" }},
		{"headers", func(in *tabs.SignInput) { in.Headers = "a: b\x01" }},
		{"headers", func(in *tabs.SignInput) { in.Headers = "Host:" }},
		{"headers", func(in *tabs.SignInput) { in.Headers += "Content-MD5: wrong" }},
		{"headers", func(in *tabs.SignInput) { in.Headers += "Source: again" }},
		{"body", func(in *tabs.SignInput) {
			in.Headers, in.Body, in.SignedHeaders = "Content-Type: application/x-www-form-urlencoded", "a=b c", ""
		}},
		{"body", func(in *tabs.SignInput) { in.Body = strings.Repeat("a", 16<<20+1) }},
		{"scheme", func(in *tabs.SignInput) { in.Scheme = "" }},
		{"algorithm", func(in *tabs.SignInput) { in.Algorithm = "md5" }},
		{"algorithm", func(in *tabs.SignInput) { in.Scheme, in.Algorithm = "huawei-sdk", "hmac-sha1" }},
		{"key_id", func(in *tabs.SignInput) { in.KeyID = "" }},
		{"key_id", func(in *tabs.SignInput) { in.KeyID = "a b" }},
		{"key_id", func(in *tabs.SignInput) { in.KeyID = strings.Repeat("a", 257) }},
		{"secret", func(in *tabs.SignInput) { in.Secret = "" }},
		{"date", func(in *tabs.SignInput) { in.Date = "yesterday" }},
		{"signed_headers", func(in *tabs.SignInput) { in.SignedHeaders = "x-not-there" }},
		{"signed_headers", func(in *tabs.SignInput) { in.SignedHeaders = "a:b" }},
		{"signed_headers", func(in *tabs.SignInput) { in.SignedHeaders = "Authorization" }},
		{"signed_headers", func(in *tabs.SignInput) {
			for i := range 70 {
				in.SignedHeaders += " h" + strings.Repeat("x", i)
			}
		}},
		{"query_form", func(in *tabs.SignInput) { in.QueryForm = "other" }},
		{"query_form", func(in *tabs.SignInput) { in.QueryForm, in.URL = "decoded", "http://h/?a=%26" }},
		{"content_md5", func(in *tabs.SignInput) { in.ContentMD5 = "other" }},
		{"region", func(in *tabs.SignInput) { in.Scheme, in.Service = "huawei-sdk", "s" }},
		{"service", func(in *tabs.SignInput) { in.Scheme, in.Region, in.Service = "huawei-sdk", "r", "a/b" }},
	} {
		in := input("tencent-app")
		c.set(&in)
		var texts []string
		for _, lang := range scheme.Languages() {
			in.Lang = lang
			out := call[tabs.Signed](t, "sign", in)
			require.Equal(t, c.field, out.Field, "%s", out.Error)
			require.NotEmpty(t, out.Error)
			require.Less(t, len(out.Error), 1000)
			require.Equal(t, tabs.Signed{Error: out.Error, Field: c.field}, out, "nothing else is told")
			require.NotContains(t, out.Error, "hmacsign: ")
			texts = append(texts, out.Error)
		}
		require.NotEqual(t, texts[0], texts[1], "%s", c.field)
	}
	require.Empty(t, call[tabs.Signed](t, "sign", input("tencent-app")).Error, "the same without a fault")
}

// What the signature sets in the place of what was given is told.
func TestSignReplaces(t *testing.T) {
	in := input("tencent-app")
	first := sign(t, in)
	require.NotContains(t, strings.Join(first.Notes, "\n"), "replaced")
	in.Headers = "X-Date: yesterday\nAuthorization: Bearer token\nContent-Length: 3\nTransfer-Encoding: chunked\nUser-Agent: mine\n" + in.Headers
	out := sign(t, in)
	notes := strings.Join(out.Notes, "\n")
	for _, name := range []string{"X-Date", "Authorization"} {
		require.Contains(t, notes, "The "+name+" that was given is replaced")
	}
	require.Contains(t, notes, "Content-Length is left out")
	require.Contains(t, notes, "Transfer-Encoding is left out")
	require.NotContains(t, out.HTTP+out.Curl+out.Headers+notes, "token")
	require.Equal(t, first.StringToSign, out.StringToSign)
	require.Equal(t, first.Headers, strings.Replace(out.Headers, "User-Agent: mine\n", "", 1))
	require.Contains(t, out.HTTP, "\r\nUser-Agent: mine\r\n")

	in.Headers = first.Headers // signed again as of the same time
	out = sign(t, in)
	require.NotContains(t, strings.Join(out.Notes, "\n"), "replaced")
	require.Equal(t, first, out)
	in.Secret = " " + in.Secret
	require.Contains(t, strings.Join(sign(t, in).Notes, "\n"), "begins or ends with a space")
}

// What a text describes goes into the fields, and what is signed of them is the same
// request.
func TestRead(t *testing.T) {
	for _, s := range hmacsign.Schemes() {
		in := input(s.Name())
		signed := sign(t, in)
		for form, text := range map[string]string{"raw": signed.HTTP, "curl": signed.Curl} {
			f := call[tabs.Fields](t, "read", tabs.Text{Text: text})
			require.Empty(t, f.Error, text)
			again := in
			again.Method, again.URL, again.Headers, again.Body = f.Method, f.URL, f.Headers, f.Body
			require.Equal(t, "https://h.example/release/a%20b?b=2&a=1", f.URL)
			out := sign(t, again)
			out.Notes = signed.Notes
			require.Equal(t, signed, out, "%s: %+v", form, f)
		}
	}
	f := call[tabs.Fields](t, "read", tabs.Text{Text: "POST /a HTTP/1.1\r\nHost: h:443\r\nContent-Length: 4\r\n\r\na\r\nb"})
	require.Equal(t, "https://h:443/a", f.URL)
	require.Equal(t, "Host: h:443\n", f.Headers, "which a client with this URL would not send")
	require.Len(t, f.Notes, 2)
	require.Contains(t, strings.Join(f.Notes, "\n"), "https is taken")
	require.Contains(t, strings.Join(f.Notes, "\n"), "CR LF")
	f = call[tabs.Fields](t, "read", tabs.Text{Text: "curl http://127.0.0.1:8000/a -H 'Host: other'"})
	require.Equal(t, "http://127.0.0.1:8000/a", f.URL)
	require.Contains(t, f.Headers, "Host: other\n")
}

// A text that is no request, or one that no field can hold, is told with the reason.
func TestReadRefuses(t *testing.T) {
	har := `{"request":{"method":"POST","url":"https://h/","headers":[],"postData":{"mimeType":"x/y","text":"YWL/","encoding":"base64"}}}`
	for text, why := range map[string]string{"": "", "hello": "", "curl -o": "", har: "from byte 3 on", "GET / HTTP/1.1\r\n\r\n": "host", "{": "HAR"} {
		english := call[tabs.Fields](t, "read", tabs.Text{Text: text})
		require.Contains(t, english.Error, why)
		require.NotEmpty(t, english.Error)
		require.Equal(t, tabs.Fields{Error: english.Error}, english)
		require.NotEqual(t, english, call[tabs.Fields](t, "read", tabs.Text{Text: text, Lang: "zh"}))
	}
	f := call[tabs.Fields](t, "read", tabs.Text{Text: strings.Replace(har, "YWL/", "YWJj", 1)})
	require.Equal(t, "abc", f.Body)
	require.Empty(t, f.Error)
}

// A request that is late is judged as of its own date, and said to be late.
func TestCheckLate(t *testing.T) {
	for _, s := range hmacsign.Schemes() {
		good := sign(t, input(s.Name()))
		for _, date := range []string{"2021-03-11T08:44:58Z", "2021-03-11T08:44:59Z", "2031-01-01T00:00:00Z", "2001-01-01T00:00:00Z"} {
			late := date != "2021-03-11T08:44:58Z"
			v := check(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Date: date})
			require.True(t, v.Accepted, date)
			require.Equal(t, late, v.Late, date)
			require.Equal(t, late, v.LateText != "", date)
			require.Equal(t, good.StringToSign, v.StringToSign)
			require.Contains(t, v.Signed, "source")
			v = check(t, tabs.CheckInput{Request: strings.Replace(good.HTTP, "apigw", "other", 1), Secret: secret, Date: date})
			require.False(t, v.Accepted)
			require.Equal(t, late, v.Late)
			require.Equal(t, "signature", v.Reason)
			require.NotEmpty(t, v.StringToSign)
		}
		v := check(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Date: "2021-03-11T00:29:58Z"})
		require.True(t, v.Accepted && v.Late)
		require.Equal(t, "local_time", v.Mistakes[0].Code)
	}
}

// Without a secret there is no verdict on the signature, and the strings all the same.
func TestCheckWithoutSecret(t *testing.T) {
	good := sign(t, input("huawei-sdk"))
	v := check(t, tabs.CheckInput{Request: good.HTTP})
	require.Equal(t, "no_secret", v.Reason)
	require.False(t, v.Accepted)
	require.Equal(t, good.StringToSign, v.StringToSign)
	require.Equal(t, good.CanonicalRequest, v.CanonicalRequest)
	require.Empty(t, v.Mistakes)
	require.Empty(t, v.Notes)
	v = check(t, tabs.CheckInput{Request: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"})
	require.Equal(t, "no_authorization", v.Reason, "which no secret changes")
}

// A box of a browser leaves LF alone of what is pasted into it: that says nothing.
func TestNoNoteOfTheBrowsersLines(t *testing.T) {
	pasted := strings.ReplaceAll(sign(t, input("tencent-app")).HTTP, "\r\n", "\n")
	require.Empty(t, check(t, tabs.CheckInput{Request: pasted, Secret: secret}).Notes)
	require.Len(t, call[tabs.Fields](t, "read", tabs.Text{Text: pasted}).Notes, 1, "https is taken")
	short := strings.Replace(pasted, "Content-Length: ", "Content-Length: 0", 1) + "\n"
	require.Len(t, check(t, tabs.CheckInput{Request: short, Secret: secret}).Notes, 1, "other notes stay")
}

// The strings of the verifier are there whatever it refuses a request for.
func TestCheckAlwaysShowsTheStrings(t *testing.T) {
	in := input("tencent-app")
	good := sign(t, in)
	for reason, request := range map[string]string{
		"body_digest": strings.Replace(good.HTTP, "中", "文", 1),
		"date":        strings.Replace(good.HTTP, "X-Date: Thu, 11", "X-Date: 11", 1),
		"signature":   strings.Replace(good.HTTP, "POST", "PUT", 1),
	} {
		v := check(t, tabs.CheckInput{Request: request, Secret: secret})
		require.Equal(t, reason, v.Reason, "%+v", v)
		require.Contains(t, v.StringToSign, "/a%20b?a=1&b=2")
		require.Equal(t, []string{"source", "x-date"}, v.Signed)
	}
}

// Where the mistake tells what was signed, the lines are side by side.
func TestCheckDifferences(t *testing.T) {
	in := input("tencent-app")
	accept := sign(t, in)
	v := check(t, tabs.CheckInput{Request: strings.Replace(accept.HTTP, "Accept: */*\r\n", "", 1), Secret: secret})
	require.Equal(t, "other_accept", v.Mistakes[0].Code)
	require.Equal(t, []string{"Accept"}, v.Pieces)
	require.Equal(t, tabs.Line{Client: &tabs.Marked{Differs: "*/*"}, Server: &tabs.Marked{}}, v.Differences[3])
	require.Len(t, v.Differences, 7)
}

// What differs has a name in both languages.
func TestCheckPieces(t *testing.T) {
	for _, c := range []struct{ scheme, sent, received, english, chinese string }{
		{"tencent-app", "POST", "PUT", "the method", "请求方法"},
		{"huawei-sdk", "POST", "PUT", "the method", "请求方法"},
	} {
		good := sign(t, input(c.scheme))
		in := tabs.CheckInput{Request: strings.Replace(good.HTTP, c.sent, c.received, 1), Secret: secret}
		require.Equal(t, []string{c.english}, check(t, in).Pieces, c.scheme)
		in.Lang = "zh"
		require.Equal(t, []string{c.chinese}, check(t, in).Pieces, c.scheme)
	}
	require.Equal(t, "请求头 x-date", scheme.Text("zh", "piece_header", scheme.Args("name", "x-date")))
	for _, text := range []string{"method", "path", "parameters", "header", "headers", "signed_headers", "body", "word", "date", "scope"} {
		for _, lang := range scheme.Languages() {
			require.NotEqual(t, "piece_"+text, scheme.Text(lang, "piece_"+text, nil), lang)
		}
	}
}

// A body that is longer than its Content-Length is the request as the server reads it.
func TestCheckCutShort(t *testing.T) {
	in := input("tencent-app")
	in.Headers = "Content-Type: text/plain"
	in.SignedHeaders, in.Body = "", "中文"
	cut := strings.Replace(sign(t, in).HTTP, "Content-Length: 6", "Content-Length: 2", 1)
	for _, end := range []string{"", "\n", "\r\n"} {
		v := check(t, tabs.CheckInput{Request: cut + end, Secret: secret})
		require.False(t, v.Accepted)
		require.Equal(t, "content_length_characters", v.Mistakes[len(v.Mistakes)-1].Code)
		require.Len(t, v.Mistakes, 1)
	}
	v := check(t, tabs.CheckInput{Request: cut, Secret: "another"})
	require.False(t, v.Accepted)
	require.NotContains(t, v.Mistakes, "content_length_characters")
}

// Lines are aligned where they are alike, and what differs is cut at whole characters.
func TestOwnLines(t *testing.T) {
	good := sign(t, input("tencent-app"))
	lines := strings.Split(good.StringToSign, "\n")
	show := func(own string) (shown []string) {
		side := func(m *tabs.Marked) string {
			if m == nil {
				return "-"
			}
			return m.Before + "[" + m.Differs + "]" + m.After
		}
		var client, server []string
		for _, line := range check(t, tabs.CheckInput{Request: good.HTTP, Secret: "another", Own: own}).Own.Lines {
			if line.Client != nil {
				client = append(client, line.Client.Before+line.Client.Differs+line.Client.After)
			}
			if line.Server != nil {
				server = append(server, line.Server.Before+line.Server.Differs+line.Server.After)
			}
			if a, b := side(line.Client), side(line.Server); a != b {
				shown = append(shown, a+" "+b)
			}
		}
		require.Equal(t, own, strings.Join(client, "\n"), "all lines of both")
		require.Equal(t, good.StringToSign, strings.Join(server, "\n"))
		return shown
	}
	require.Equal(t, []string{"[] [*/*]"}, show(strings.Replace(good.StringToSign, "*/*", "", 1)))
	require.Equal(t, []string{"- [*/*]"}, show(strings.Join(slices.Delete(slices.Clone(lines), 3, 4), "\n")))
	require.Equal(t, []string{"[more] -"}, show(strings.Join(slices.Insert(slices.Clone(lines), 3, "more"), "\n")))
	require.Equal(t, []string{"source: apigw t[é]st source: apigw t[e]st"}, show(strings.Replace(good.StringToSign, "test", "tést", 1)))
	require.Equal(t, []string{"source: apigw [ ]test source: apigw []test"}, show(strings.Replace(good.StringToSign, "apigw", "apigw ", 1)))
}

// The secret is in no output of any call, in whatever language, whatever else is wrong.
func TestSecretsStaySecret(t *testing.T) {
	for _, secret := range []string{hidden, " " + hidden + strings.Repeat(hidden, 10) + "\n"} {
		see := func(name string, in any) {
			input, err := json.Marshal(in)
			require.NoError(t, err)
			require.Contains(t, string(input), hidden)
			answer := string(desk().Call(name, input))
			require.NotContains(t, answer, hidden)
			require.NotContains(t, answer, "very-hidden")
		}
		for _, lang := range scheme.Languages() {
			for _, s := range hmacsign.Schemes() {
				in := input(s.Name())
				in.Secret, in.Lang = secret, lang
				see("sign", in)
				good := sign(t, in)
				for _, faulty := range []func(*tabs.SignInput){
					func(in *tabs.SignInput) { in.URL = "" }, func(in *tabs.SignInput) { in.KeyID = "" }, func(in *tabs.SignInput) { in.Algorithm = "" },
					func(in *tabs.SignInput) { in.Date = "x" }, func(in *tabs.SignInput) { in.SignedHeaders = "x-a" }, func(in *tabs.SignInput) { in.Headers = "x" },
				} {
					f := in
					faulty(&f)
					see("sign", f)
				}
				for _, request := range []string{good.Curl, strings.Replace(good.HTTP, "POST", "PUT", 1), strings.Replace(good.HTTP, "中", "x", 1), "", "curl"} {
					for _, own := range []string{"", good.StringToSign, good.CanonicalRequest + "x", `{"message":"HMAC signature does not match, Server StringToSign:a#b"}`} {
						for _, date := range []string{"", "2031-01-01T00:00:00Z", "x"} {
							see("check", tabs.CheckInput{Request: request, Secret: secret, Own: own, Date: date, Lang: lang})
						}
					}
				}
			}
		}
		see("sign", map[string]any{"secret": []string{secret}})
		see("check", map[string]any{"secret": map[string]string{secret: ""}})
		see("no such call", map[string]any{"secret": secret})
	}
	require.NotContains(t, string(desk().Call("sign", []byte(`{"secret": 1234567890123}`))), "1234567890123")
	require.NotContains(t, string(desk().Call("sign", []byte(`{"secret": "hidden`))), "hidden")
}

// What is no call, or no input of one, is answered.
func TestCall(t *testing.T) {
	for _, name := range []string{"", "sign", "check", "read", "other"} {
		for _, input := range []string{"", "{", "[]", "1", `{"secret":1}`, `{"text":1}`, "\xff"} {
			var out map[string]any
			require.NoError(t, json.Unmarshal(desk().Call(name, []byte(input)), &out))
			require.NotEmpty(t, out["error"], "%s %s", name, input)
		}
	}
	var o tabs.Options
	require.NoError(t, json.Unmarshal(desk().Call("options", nil), &o))
	require.Equal(t, scheme.Languages(), o.Languages)
	require.Len(t, o.Schemes, len(hmacsign.Schemes()))
	has := map[string][]string{}
	for _, s := range o.Schemes {
		has[s.Name] = s.Algorithms
		for _, algorithm := range s.Algorithms {
			for _, form := range append(s.QueryForms, "") {
				for _, md5 := range append(s.ContentMD5, "") {
					in := input(s.Name)
					in.Algorithm, in.QueryForm, in.ContentMD5 = algorithm, form, md5
					sign(t, in)
				}
			}
		}
		require.Equal(t, s.Name == "tencent-app", s.Environment && len(s.QueryForms) == 4 && len(s.ContentMD5) == 3)
		require.Equal(t, s.Name == "huawei-sdk", s.Derived)
	}
	require.Equal(t, []string{"hmac-sha256", "hmac-sm3"}, has["huawei-sdk"])
	require.Equal(t, []string{"huawei-sdk", "tencent-app", "tencent-keypair"}, slices.Sorted(maps.Keys(has)))
}
