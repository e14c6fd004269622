package scheme_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

var update = flag.Bool("update", false, "write the README's table anew")

// The READMEs' tables of what a signature does not tell apart are what the schemes
// declare, and package schemetest holds them to.
func TestReadmeTable(t *testing.T) {
	const begin, end = "<!-- coverage -->\n", "<!-- /coverage -->\n"
	for file, w := range map[string]words{"../../README.md": inEnglish, "../../README.zh-CN.md": inChinese} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		before, rest, found := strings.Cut(string(data), begin)
		require.True(t, found, "no %q in %s", begin, file)
		table, after, found := strings.Cut(rest, end)
		require.True(t, found, "no %q in %s", end, file)
		if want := w.coverageTable(); *update {
			require.NoError(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644))
		} else {
			require.Equal(t, want, table, "write %s with go test ./hmacsign/scheme -run ReadmeTable -update", file)
		}
	}
}

// words are those of the tables in a language, beside the schemes' own texts.
type words struct {
	lang, comma                 string
	covered, notApart           string // the heads of the tables
	method, path, query, body   string
	listed, other               string
	byOption, and, no, withBody string
}

var (
	inEnglish = words{"en", ", ", "| scheme | covered | not covered |", "| scheme | not told apart | for example |",
		"method", "path", "query", "body", "listed headers", "other headers", " (by option)", " and ", "no ", "body "}
	inChinese = words{"zh", "、", "| 签名方案 | 覆盖 | 不覆盖 |", "| 签名方案 | 不区分的内容 | 示例 |",
		"方法", "路径", "查询串", "请求体", "列出的请求头", "其他请求头", "（需通过选项启用）", " 与 ", "无 ", "请求体 "}
)

// A declared scheme is one as it is, and with every option that makes it tell less.
type declared struct{ plain, lenient scheme.Scheme }

func (w words) coverageTable() string {
	all := tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded | tencentapp.Joined
	schemes := []declared{
		{tencentapp.Scheme{}, tencentapp.Scheme{Accept: all}},
		{tencentkeypair.Scheme{}, tencentkeypair.Scheme{}},
		{huaweisdk.Scheme{}, huaweisdk.Scheme{DecodeSlash: true}},
	}
	var b strings.Builder
	b.WriteString(w.covered + "\n|---|---|---|\n")
	for _, d := range schemes {
		c := d.plain.Coverage()
		sides := map[bool][]string{}
		for _, part := range []struct {
			name    string
			covered bool
		}{{w.method, c.Method}, {w.path, c.Path}, {w.query, c.Query}, {w.body, c.Body}} {
			sides[part.covered] = append(sides[part.covered], part.name)
		}
		sides[c.Headers] = append(sides[c.Headers], w.listed)
		sides[true] = append(sides[true], c.Also...)
		sides[false] = append(sides[false], w.other)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.plain.Name(), strings.Join(sides[true], w.comma), strings.Join(sides[false], w.comma))
	}
	b.WriteString("\n" + w.notApart + "\n|---|---|---|\n")
	for _, d := range schemes {
		plain := d.plain.Coverage().NotApart
		for _, pair := range d.lenient.Coverage().NotApart {
			option := ""
			if !slices.ContainsFunc(plain, func(p scheme.Pair) bool { return p.Code == pair.Code }) {
				option = w.byOption
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s%s%s |\n", d.plain.Name(), scheme.Text(w.lang, pair.Code, nil), option, w.shown(pair.A), w.and, w.shown(pair.B))
		}
	}
	return b.String()
}

// shown is what an example has.
func (w words) shown(r scheme.Request) string {
	var parts []string
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	if target != "" {
		parts = append(parts, code(target))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if len(value) > 40 {
				value = value[:8] + "..."
			}
			parts = append(parts, code(strings.TrimSpace(name+": "+value)))
		}
		if len(r.Header[name]) == 0 {
			parts = append(parts, w.no+name)
		}
	}
	if r.Body != "" {
		parts = append(parts, w.withBody+code(r.Body))
	}
	return strings.Join(parts, w.comma)
}

func code(text string) string {
	quoted := fmt.Sprintf("%+q", text)
	return "`" + quoted[1:len(quoted)-1] + "`"
}
