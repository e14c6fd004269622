package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// speaking are the folders whose texts and errors reach the user of the command.
var speaking = []string{
	".", "../../hmacsign", "../../hmacsign/scheme", "../../hmacsign/scheme/*", "../../algo", "../../algo/sm3cgo", "../../algo/sm3openssl",
	"../../internal/proxy", "../../internal/screen", "../../internal/strictflag",
}

// textsOf are the texts that the code has: the first arguments of what makes errors and
// prints lines.
func textsOf(t *testing.T) (all map[string]string) {
	all = map[string]string{}
	makes := map[string]bool{"usagef": true, "Errorf": true, "New": true, "say": true, "note": true, "tell": true, "text": true, "instead": true}
	sentence := regexp.MustCompile(`\b(or|the|as|which|with|to|an)\b`)
	for _, pattern := range speaking {
		files, err := filepath.Glob(filepath.Join(pattern, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "schemetest") {
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, 0)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				texts := 0
				if name := called(call); name == "arguments" {
					texts = len(call.Args)
				} else if makes[name] {
					texts = 1
				}
				for _, arg := range call.Args[:texts] {
					if text, ok := literal(arg); ok && (called(call) != "instead" || sentence.MatchString(text)) {
						all[commandWords(text)] = set.Position(call.Pos()).String()
					}
				}
				return true
			})
		}
	}
	each(newRoot(&streams{}), func(c *cobra.Command) {
		if c.Hidden { // of who builds packages
			return
		}
		all[c.Short], all[c.Long] = c.Name(), c.Name()
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { all[f.Usage] = c.Name() + " --" + f.Name })
	})
	for _, text := range []string{environmentHelp, closingHelp, mismatch, malformed, notListed, notThere} {
		all[text] = "a constant"
	}
	delete(all, "")
	for text := range all { // what has no words needs no other ones
		if !hasWords(text) {
			delete(all, text)
		}
	}
	return all
}

func hasWords(text string) bool {
	return strings.ContainsFunc(verbs.ReplaceAllString(text, ""), unicode.IsLetter)
}

// called is the name of the function that is called: New is that of errors alone.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.Ident); f.Sel.Name == "New" && (!ok || of.Name != "errors") {
			return ""
		}
		return f.Sel.Name
	}
	return ""
}

// literal is the text of a literal, or of several that are joined.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		x, ok := literal(e.X)
		y, also := literal(e.Y)
		return x + y, ok && also
	}
	return "", false
}

func each(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, below := range c.Commands() {
		each(below, do)
	}
}

// system are texts that no call here has: of the operating system, of Go's network and
// files, each at the end of an error that is ours, of backends, and words for a state.
var system = []string{
	"no such file or directory", "not a directory", "is a directory", "permission denied", "no space left on device", "broken pipe", "file already closed",
	"open %s: %v", "read %s: %v", "write %s: %v", "unexpected EOF", "EOF",
	"handshake failure", "protocol version not supported", "bad certificate", "unknown certificate authority",
	"connection refused", "connection reset by peer", "no route to host", "network is unreachable", "i/o timeout", "lookup %s: no such host", "lookup %s on %s: no such host",
	"listen tcp: %v", "listen tcp %s: %v", "listen tcp %s: bind: %v", "listen unix %s: bind: %v", "address %s: %v", "invalid port", "address already in use", "cannot assign requested address",
	"malformed HTTP request %q", "malformed HTTP version %q", "malformed MIME header: missing colon: %q", "malformed MIME header line: %s", "bad Content-Length %q",
	"too many Host headers", "unsupported transfer encoding: %q", "invalid method %q",
	"invalid URL escape %q", "invalid URI for request", "invalid control character in URL", "missing ']' in host", "invalid port %q after host", "invalid character %q in host name",
	"passed", "failed", "not run", "ready", "unchecked", "unusable",
	"libTencentSM %s edition, %s; %v", "a stand-in for tests, not libTencentSM; as %s edition, %s; %v",
	"SM3 and HMAC are the module's; of a stream over 256 bytes, clones and what follows the first Sum are Go's HMAC over the module's SM3",
	"Go standard library", "Go assembly of this module", "portable Go of this module", "portable Go",
}

// Each text of the code has a Chinese one with the same verbs, and no other is there.
func TestTextsAreWhole(t *testing.T) {
	data, err := os.ReadFile("texts/zh.json")
	require.NoError(t, err)
	var chinese map[string]string
	require.NoError(t, json.Unmarshal(data, &chinese))
	require.Equal(t, len(chinese), strings.Count(string(data), "\n")-2, "an entry is there twice, or not on a line of its own")
	all := textsOf(t)
	require.Greater(t, len(all), 250)
	for text, where := range all {
		translated, ok := chinese[text]
		if !ok {
			t.Errorf("%s: %q has no Chinese text", where, text)
			continue
		}
		want, got := verbsOf(text), verbsOf(translated)
		require.Equal(t, want, got, "the verbs of %q", text)
		quoted := regexp.MustCompile("`[^`]*`")
		require.Len(t, quoted.FindAllString(translated, -1), len(quoted.FindAllString(text, -1)), text)
	}
	for text := range chinese {
		if all[text] == "" && !slices.Contains(system, text) && hasWords(text) {
			t.Errorf("%q is no text of the code", text)
		}
	}
}

// verbsOf are the verbs of a format in the order of their arguments.
func verbsOf(format string) (all []string) {
	for i, verb := range verbs.FindAllString(strings.ReplaceAll(format, "%%", ""), -1) {
		index, kind := strconv.Itoa(i+1), verb[len(verb)-1:]
		if end := strings.IndexByte(verb, ']'); end > 0 {
			index = verb[2:end]
		}
		all = append(all, index+kind)
	}
	slices.Sort(all)
	return all
}

// What a format makes is told by that format in Chinese: no other takes it for its own.
func TestErrorsInChinese(t *testing.T) {
	for english, chinese := range texts() {
		if strings.Contains(english, "%") && !isFormat(english) || !hasHan(chinese) {
			continue
		}
		var parts []any
		for _, verb := range verbs.FindAllString(strings.ReplaceAll(english, "%%", ""), -1) {
			if verb[len(verb)-1] == 'd' {
				parts = append(parts, 7)
			} else {
				parts = append(parts, fmt.Sprint("X", len(parts)))
			}
		}
		want := fmt.Sprintf(strings.NewReplacer("%w", "%v", "]w", "]v").Replace(chinese), parts...)
		require.Equal(t, want, inChinese(fmt.Sprintf(strings.ReplaceAll(english, "%w", "%v"), parts...)), english)
	}
	percents := newPattern("100%% of %s", "%s 的 100%%")
	chinese, ok := percents.translate("100% of 5%d", 0)
	require.True(t, ok)
	require.Equal(t, "5%d 的 100%", chinese)
	for english, chinese := range map[string]string{
		"": "", "what nobody knows": "what nobody knows", "$1 ${2}": "$1 ${2}",
	} {
		require.Equal(t, chinese, inChinese(english))
	}
}

// TestMain has the tests speak English wherever they run; those of Chinese say so.
func TestMain(m *testing.M) {
	os.Setenv("LC_ALL", "C")
	os.Exit(m.Run())
}

// chineseRun runs a command line in Chinese.
func chineseRun(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	return hmacsignRun(t, stdin, args...)
}

// What help says to people is Chinese: what is left in English are names.
func TestHelpInChinese(t *testing.T) {
	english := regexp.MustCompile(`[A-Za-z]+(?:,? +[a-z]+){2,}`)
	commandLine := regexp.MustCompile(`hmacsign [a-z]+`)
	commands := [][]string{{}}
	each(newRoot(&streams{}), func(c *cobra.Command) {
		if c.HasParent() && c.IsAvailableCommand() {
			commands = append(commands, strings.Fields(c.CommandPath())[1:])
		}
	})
	require.Greater(t, len(commands), 9)
	for _, command := range commands {
		for _, args := range [][]string{append(slices.Clone(command), "--help"), append([]string{"help"}, command...)} {
			status, stdout, stderr := chineseRun(t, "", args...)
			require.Zero(t, status, args)
			require.Empty(t, stderr)
			require.Contains(t, stdout, "选项：\n")
			for line := range strings.Lines(stdout) {
				require.Empty(t, english.FindString(commandLine.ReplaceAllString(line, "")), "%s: %s", args, line)
				require.NotContains(t, line, "%!")
			}
			require.NotEqual(t, stdout, ok(t, append(args, "--lang", "en")...))
		}
	}
}

// An error says in Chinese what it says in English, with the same exit status.
func TestUsageInChinese(t *testing.T) {
	keys := writeFile(t, `[{"id": "a", "secret": "0123456789abcdef"}]`)
	wrongKeys := writeFile(t, `[{"id": "a b", "secret": "0123456789abcdef"}]`)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refusing := listener.Addr().String()
	require.NoError(t, listener.Close())
	serve := func(args ...string) []string {
		return append([]string{"serve", "--keys", keys, "--upstream", "http://127.0.0.1:1"}, args...)
	}
	mac := func(args ...string) []string { return append([]string{"mac", "--algorithm", "hmac-sm3"}, args...) }
	for _, test := range []struct {
		want string
		args []string
	}{
		{"请给出命令", nil},
		{"未知命令 \"sgn\"：是否想用 sign？", []string{"sgn"}},
		{"未知命令 \"nonesuch\"：可用命令见 hmacsign help", []string{"help", "nonesuch"}},
		{"没有选项 --nonesuch：请查看 hmacsign --help", []string{"--nonesuch"}},
		{"--version 不带值：请去掉 = 及其后的内容", []string{"--version=1.0"}},
		{"sign：没有选项 --hedaer：是否想用 --header？", []string{"sign", "--hedaer", "a: b", "http://h"}},
		{"sign：没有选项 -W：请查看 hmacsign sign --help", []string{"sign", "-W", "http://h"}},
		{"sign：\"---x\" 不是选项：请查看 hmacsign sign --help", []string{"sign", "---x"}},
		{"sign：--request 需要一个值：请查看 hmacsign sign --help", []string{"sign", "-X"}},
		{"sign：缺少参数：URL", []string{"sign"}},
		{"completion：缺少参数：shell（bash、zsh、fish 或 powershell）", []string{"completion"}},
		{"-u, --user 需要占用 Authorization 请求头，而它由签名使用：请去掉", []string{"send", "-u", "a:b", "http://h"}},
		{"不支持 -T, --upload-file：请使用 -X PUT --data-binary @FILE", []string{"send", "-T", "file", "http://h"}},
		{"不支持 --post301：请使用 -X POST，重定向时保持不变", []string{"send", "--post301", "http://h"}},
		{"-H \"Host:\"：请求必须有 Host：请给出值，或去掉该选项", []string{"sign", "-H", "Host:", "http://h"}},
		{"\"http://h/a b\" 中有空格或控制字符：请做百分号编码，空格写成 %20", []string{"sign", "http://h/a b"}},
		{"-w：没有变量 %{nonesuch}：可用 %{json} 查看全部变量", []string{"send", "-w", "%{nonesuch}", "http://h"}},
		{"sign：有 2 个 URL：请只给一个", []string{"sign", "http://h", "extra"}},
		{"--lang \"fr\"：请使用 en、zh，或 zh_CN.UTF-8 之类的区域设置", []string{"version", "--lang", "fr"}},
		{"未知签名方案 \"aws\"：请使用其中之一：tencent-app, tencent-keypair, huawei-sdk", []string{"sign", "--scheme", "aws", "http://h"}},
		{"未知算法 \"hmac-md5\"：请使用其中之一：hmac-sha1, hmac-sha256, hmac-sm3", []string{"mac", "--algorithm", "hmac-md5", "--key-hex", "00"}},
		{"hmac-sm3：未知后端 \"nonesuch\"：本程序有 ", mac("--key-hex", "00", "--backend", "nonesuch")},
		{"mac：请用 --key-env、--key-file、--key-hex 之一给出密钥", mac()},
		{"mac：--lines 不带值：请去掉 = 及其后的内容", mac("--lines=maybe")},
		{"mac：--check \"\"：请给出一份列表", mac("--check", "")},
		{"打开 /nonesuch：没有那个文件或目录", mac("--key-hex", "00", "/nonesuch")},
		{"读取 /：是一个目录", mac("--key-hex", "00", "/")},
		{"algorithms：--output \"xml\"：请使用 table 或 json", []string{"algorithms", "--output", "xml"}},
		{"algorithms：--require \"hmac-sm3\"：请写成 hmac-sm3=tencentsm", []string{"algorithms", "--require", "hmac-sm3"}},
		{"verify：请用 --keys 指定密钥文件", []string{"verify"}},
		{"打开 /nonesuch：没有那个文件或目录", []string{"verify", "--keys", "/nonesuch"}},
		{"密钥 ID \"a b\"：请使用 1 至 256 个可显示的 ASCII 字符", []string{"verify", "--keys", wrongKeys}},
		{"没有请求：请提供原始 HTTP 请求、curl 命令", []string{"verify", "--keys", keys}},
		{"serve：--window \"5 minutes\"：请写成 5s、1m30s 之类的时间，或 2.5 之类的秒数", serve("--window", "5 minutes")},
		{"serve：--max-body \"ten\"：请写成字节数，例如 65536、64k、10M 或 1G", serve("--max-body", "ten")},
		{"serve：--max-connections \"many\"：请写成整数，例如 1000", serve("--max-connections", "many")},
		{"serve：--schemes \"aws\"：未知签名方案 \"aws\"：请使用其中之一：", serve("--schemes", "aws")},
		{"serve：--forward \"none\"：请使用 all, signed", serve("--forward", "none")},
		{"serve：--keys \"again\"：选项出现了两次：请只给出一次", serve("--keys", "again")},
		{"serve：--tls-cert 与 --tls-key 须同时给出", serve("--tls-cert", "cert.pem")},
		{"serve：--listen \"here\"：请写成 127.0.0.1:8080、:8080，或 unix: 加套接字路径", serve("--listen", "here")},
		{"serve：--identity-header \"a: b\"：不是请求头名称：请使用字母、数字和 -", serve("--identity-header", "a: b")},
		{"也不是 curl 命令：首行应形如 ", []string{"verify", "--keys", keys, writeFile(t, "[")}},
		{"请求行中的目标不是 URL：百分号编码 \"%zz\" 无效：", []string{"verify", "--keys", keys, writeFile(t, "GET /%zz HTTP/1.1\n\n")}},
		{"无法连接到 " + refusing + "：连接被拒绝", []string{"send", "http://" + refusing}},
	} {
		status, _, chinese := chineseRun(t, "", test.args...)
		require.Contains(t, chinese, test.want, test.args)
		require.Regexp(t, `(^|\n)hmacsign: [^\n]+\n$`, chinese, "one line")
		t.Setenv("LC_ALL", "C")
		same, _, english := hmacsignRun(t, "", test.args...)
		require.Equal(t, same, status, test.args)
		require.NotEqual(t, 0, status, test.args)
		require.False(t, hasHan(english), english)
	}
}

func hasHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// A refusal is told in Chinese as it is in English, and a request that is right is
// accepted in both.
func TestVerdictInChinese(t *testing.T) {
	keys := writeFile(t, `[{"id": "test-key", "secret": "`+testSecret+`"}]`)
	sign := func(flags ...string) string {
		return ok(t, append([]string{"sign", "--output", "http", "http://h/"}, flags...)...)
	}
	for _, test := range []struct {
		request, want, english string
		status                 int
	}{
		{sign(), "验签通过：密钥 ID test-key", "accepted", 0},
		{sign("--key-id", "other"), "密钥 ID 不存在", "unknown key", 1},
		{sign("--date", "2021-03-11T08:29:58Z"), "日期超出允许范围", "out of date", 1},
		{strings.Replace(sign(), "GET / ", "GET /other ", 1), "签名不匹配", "does not match", 1},
		{strings.Replace(sign(), "GET / ", "PUT / ", 1), "请对实际发送的方法签名。（other_method）\n", "(other_method)", 1},
	} {
		status, stdout, stderr := chineseRun(t, test.request, "verify", "--keys", keys)
		require.Contains(t, stdout+stderr, test.want)
		require.Equal(t, test.status, status)
		t.Setenv("LC_ALL", "C")
		status, stdout, stderr = hmacsignRun(t, test.request, "verify", "--keys", keys)
		require.False(t, hasHan(stdout+stderr), stdout+stderr)
		require.Equal(t, test.status, status)
	}
}

// What people read is in their language; what programs read is the same in each.
func TestOutputInChinese(t *testing.T) {
	lines := writeFile(t, "1\n2\n3\n4\n")
	mac := func(args ...string) []string {
		return append([]string{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00"}, args...)
	}
	_, list, _ := hmacsignRun(t, "", mac("--lines", lines)...)
	listed := writeFile(t, list)
	for content, want := range map[string]string{
		"1\n2\n3\n4\n":    "全部 4 行都与其 MAC 匹配\n",
		"1\n3\n2\n4\n":    "第 2 至 3 行：MAC 不匹配：原第 2 行移到了第 3 行\n",
		"1\n3\n4\n":       "第 2 至 3 行：MAC 不匹配：列表第 2 行对应的行缺失，其后各行依次前移\n第 4 行：文件已结束\n",
		"1\nx\n2\n3\n4\n": "第 2 至 4 行：MAC 不匹配：第 2 行是新增的，其后各行依次后移\n第 5 行：列表已结束\n",
	} {
		_, stdout, _ := chineseRun(t, "", mac("--check", listed, writeFile(t, content))...)
		require.Equal(t, want, stdout)
	}
	for _, args := range [][]string{mac("--lines", lines), {"version"}, {"sign", "--output", "json", "--date", "2021-03-11T08:29:58Z", "http://h"}} {
		_, chinese, _ := chineseRun(t, "", args...)
		require.Equal(t, ok(t, append(args, "--lang", "en")...), chinese)
	}
	for _, args := range [][]string{{"algorithms"}, {"demo"}} {
		status, stdout, _ := chineseRun(t, "", args...)
		require.Zero(t, status)
		require.NotRegexp(t, `(?i)\b(yes|ok|tampered|another|backend|available|detail|passed|not run)\b`, stdout)
		require.True(t, hasHan(stdout))
	}
	t.Setenv("PROFILE_SECRET", testSecret)
	for settings, want := range map[string]string{
		`secret_env = "PROFILE_SECRET"`:           "可用\n",
		`secret_env = "PROFILE_NONE"`:             "不可用：环境变量 PROFILE_NONE 未设置：请设为密钥值\n",
		`secret_command = ["` + program(t) + `"]`: "未检查：可用 hmacsign profile a 读取密钥值\n",
	} {
		writeConfig(t, "[profiles.a]\nkey_id = \"a\"\n"+settings+"\n")
		_, stdout, _ := chineseRun(t, "", "profile")
		require.Contains(t, stdout, " "+want)
		require.NotRegexp(t, `ready|un[cu]`, stdout)
		_, stdout, _ = chineseRun(t, "", "profile", "--output", "json")
		require.Regexp(t, `"state": "(ready|unusable|unchecked)"`, stdout, "a program reads it")
	}
}

// The columns of a table stand below each other for who sees it, whose Chinese characters
// are two columns wide.
func TestTable(t *testing.T) {
	var out strings.Builder
	printTable(&out, [][]string{{"ALGORITHM", "后端", "说明"}, {"sm3", "asm", "Go 汇编"}, {"sm3", "", ""}})
	require.Equal(t, "ALGORITHM  后端  说明\nsm3        asm   Go 汇编\nsm3              \n", out.String())
}

func TestLanguageOf(t *testing.T) {
	for _, test := range []struct {
		all, messages, lang string
		args                []string
		want                string
	}{
		{"", "", "", nil, "en"},
		{"", "", "zh_CN.GBK", nil, "en"}, {"zh_TW.Big5", "", "zh_CN.UTF-8", nil, "en"}, {"", "", "zh_CN.utf8@x", nil, "zh"}, {"", "", "zh_CN.GBK", []string{"--lang", "zh_CN.GBK"}, "zh"},
		{"", "", "zh_CN.UTF-8", nil, "zh"}, {"", "", "zh_TW.UTF-8", nil, "zh"}, {"", "", "zh_HK", nil, "zh"}, {"", "", "zh-Hant", nil, "zh"}, {"", "", "zh", nil, "zh"},
		{"", "", "en_US.UTF-8", nil, "en"}, {"", "", "C", nil, "en"}, {"", "", "POSIX", nil, "en"}, {"", "", "C.UTF-8", nil, "en"}, {"", "", "de_DE@euro", nil, "en"}, {"", "", "zhuang", nil, "en"},
		{"C", "", "zh_CN.UTF-8", nil, "en"}, {"C.UTF-8", "zh_CN", "zh_CN", nil, "en"}, {"", "en_US.UTF-8", "zh_CN.UTF-8", nil, "en"}, {"", "zh_CN", "en_US", nil, "zh"}, {"de_DE", "", "zh_CN", nil, "en"},
		{"C", "", "", []string{"sign", "--lang", "zh"}, "zh"}, {"C", "", "", []string{"--lang=zh_CN.UTF-8", "sign"}, "zh"}, {"zh_CN", "", "", []string{"--lang=en"}, "en"},
		{"C", "", "", []string{"--lang", "zh", "--lang", "en"}, "en"}, {"C", "", "", []string{"sign", "--", "--lang", "zh"}, "en"},
		{"zh_CN", "", "", []string{"--lang", "fr"}, "zh"}, {"zh_CN", "", "", []string{"--lang"}, "zh"}, {"zh_CN", "", "", []string{"--language", "en"}, "zh"},
	} {
		t.Setenv("LC_ALL", test.all)
		t.Setenv("LC_MESSAGES", test.messages)
		t.Setenv("LANG", test.lang)
		require.Equal(t, test.want, languageOf(test.args), "%+v", test)
	}
}

// What a user gave stays as it is in an error, whatever it looks like.
func TestWhatAUserGaveStays(t *testing.T) {
	for english, chinese := range map[string]string{
		`upstream "$1 ${2} %s %[1]d": leave out query and fragment`:                                     `上游 "$1 ${2} %s %[1]d"：请去掉查询串和片段`,
		`key "a": previous secret: secret too short: it has 8 bits, 128 are required: use a longer one`: `密钥 "a"：旧密钥值：密钥值过短：只有 8 比特，要求 128 比特：请使用更长的密钥值`,
		`key "a": unknown scheme "sm3": use one of b, c`:                                                `密钥 "a"：未知签名方案 "sm3"：请使用其中之一：b, c`,
		`key "a": unknown algorithm "sm3": use one of b, c`:                                             `密钥 "a"：未知算法 "sm3"：请使用其中之一：b, c`,
		`a stand-in for tests, not libTencentSM; as Lite edition, /a b/libTencentSM.so; SM3 and HMAC are the module's; of a stream over 256 bytes, clones and what follows the first Sum are Go's HMAC over the module's SM3`: `测试用替身库，不是 libTencentSM；按 Lite 版，/a b/libTencentSM.so；SM3 和 HMAC 由该模块计算；流超过 256 字节时，其克隆以及第一次 Sum 之后写入的内容由 Go 的 HMAC 加该模块的 SM3 计算`,
		`-H "empty secret: \"no\"": the signature sets this header: leave it out`:                       `-H "empty secret: \"no\""：此请求头由签名设置：请去掉`,
		`open empty secret: permission denied`:                                                          `打开 empty secret：权限不够`,
		`open "a: b": permission denied`:                                                                `打开 "a: b"：权限不够`,
		`serve: --keys "a: b": it is empty: give it a value, or leave the flag out`:                     `serve：--keys "a: b"：值为空：请给出值，或去掉该选项`,
		`"x": "y": write a block as 10.0.0.0/8, an address as 10.0.0.1, peers at a unix socket as unix`: `"x"："y"：地址段请写成 10.0.0.0/8，地址写成 10.0.0.1，来自 unix 套接字的对端写成 unix`,
		`a "quote that does not end: permission denied`:                                                 `a "quote that does not end: permission denied`,
		"unknown: of: all: of: us":                                                                      "unknown: of: all: of: us",
		"bits %d: permission denied":                                                                    "bits %d：权限不够",
	} {
		require.Equal(t, chinese, inChinese(english))
	}
	long := strings.Repeat("a: ", 1<<20) + "permission denied"
	require.Equal(t, long, inChinese(long))
	require.Equal(t, 1, strings.Count(inChinese(strings.Repeat("serve: ", 6)+"permission denied"), "权限不够"))
}

// Errors that are listed behind each other are each told by themselves.
func TestListInChinese(t *testing.T) {
	io := &streams{lang: "zh"}
	one, other := fmt.Errorf("algo: %s: %w", "hmac-sm3", algo.ErrEmptySecret), fmt.Errorf("algo: %w %q: use one of %s", algo.ErrUnknownAlgorithm, "x; y", "a, b")
	require.Equal(t, `hmac-sm3：密钥值为空；未知算法 "x; y"：请使用其中之一：a, b`, io.errorText(list{one, other}))
	require.Equal(t, `hmac-sm3: empty secret; unknown algorithm "x; y": use one of a, b`, new(streams).errorText(list{one, other}))
	require.Equal(t, "hmac-sm3：密钥值为空", io.errorText(list{one}))
}

// No text makes it fail, or take so long that the fuzzer gives up, and what is quoted
// stays as it is.
func FuzzInChinese(f *testing.F) {
	for english := range texts() {
		f.Add(english)
		f.Add("serve: " + english + ": " + english)
	}
	f.Add(strings.Repeat(`"`, 100) + ": " + strings.Repeat(`\`, 100))
	f.Add(strings.Repeat("a: ", 2000))
	f.Add(strings.Repeat(`key "a": `, 400) + "empty secret")
	f.Fuzz(func(t *testing.T, english string) {
		chinese := inChinese(english)
		if !strings.Contains(english, "%!") {
			require.NotContains(t, chinese, "%!")
		}
		if len(english) > maxTranslated {
			require.Equal(t, english, chinese)
		}
		for _, quoted := range regexp.MustCompile(`^[^"]*("[^"\\]*")[^"]*$`).FindAllStringSubmatch(english, 1) {
			require.Contains(t, chinese, quoted[1])
		}
	})
}

// What the library says of a command is told in the language, also within what the
// command says itself.
func TestCommandErrorsInChinese(t *testing.T) {
	_, err := (&httptext.Command{URL: "ftp://h"}).Build()
	zh := &streams{lang: "zh"}
	require.Equal(t, `"ftp://h" 不是 http 或 https 的 URL`, zh.errorText(ofText(err)))
	require.Equal(t, `无法跟随到 "ftp://h" 的重定向："ftp://h" 不是 http 或 https 的 URL`, zh.errorText(notFollowed("ftp://h", err)))
	require.Equal(t, `the redirect to "ftp://h" cannot be followed: "ftp://h" is no http or https URL`, new(streams).errorText(notFollowed("ftp://h", err)))
	require.NotErrorAs(t, notFollowed("ftp://h", err), new(usageError), "it is the server's")
}
