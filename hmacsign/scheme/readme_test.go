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

// The README's table of what a signature does not tell apart is what the schemes
// declare, and package schemetest holds them to.
func TestReadmeTable(t *testing.T) {
	const file, begin, end = "../../README.md", "<!-- coverage -->\n", "<!-- /coverage -->\n"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), begin)
	require.True(t, found, "no %q in the README", begin)
	table, after, found := strings.Cut(rest, end)
	require.True(t, found, "no %q in the README", end)
	if want := coverageTable(); *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644))
	} else {
		require.Equal(t, want, table, "write it with go test ./hmacsign/scheme -run ReadmeTable -update")
	}
}

// A declared scheme is one as it is, and with every option that makes it tell less.
type declared struct{ plain, lenient scheme.Scheme }

func coverageTable() string {
	all := tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded | tencentapp.Joined
	schemes := []declared{
		{tencentapp.Scheme{}, tencentapp.Scheme{Accept: all}},
		{tencentkeypair.Scheme{}, tencentkeypair.Scheme{}},
		{huaweisdk.Scheme{}, huaweisdk.Scheme{DecodeSlash: true}},
	}
	var b strings.Builder
	b.WriteString("| scheme | covered | not covered |\n|---|---|---|\n")
	for _, d := range schemes {
		c := d.plain.Coverage()
		sides := map[bool][]string{}
		for _, part := range []struct {
			name    string
			covered bool
		}{{"method", c.Method}, {"path", c.Path}, {"query", c.Query}, {"body", c.Body}} {
			sides[part.covered] = append(sides[part.covered], part.name)
		}
		sides[c.Headers] = append(sides[c.Headers], "listed headers")
		sides[true] = append(sides[true], c.Also...)
		sides[false] = append(sides[false], "other headers")
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.plain.Name(), strings.Join(sides[true], ", "), strings.Join(sides[false], ", "))
	}
	b.WriteString("\n| scheme | not told apart | for example |\n|---|---|---|\n")
	for _, d := range schemes {
		plain := d.plain.Coverage().NotApart
		for _, pair := range d.lenient.Coverage().NotApart {
			option := ""
			if !slices.ContainsFunc(plain, func(p scheme.Pair) bool { return p.Code == pair.Code }) {
				option = " (by option)"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s and %s |\n", d.plain.Name(), scheme.Text("en", pair.Code, nil), option, shown(pair.A), shown(pair.B))
		}
	}
	return b.String()
}

// shown is what an example has.
func shown(r scheme.Request) string {
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
			parts = append(parts, "no "+name)
		}
	}
	if r.Body != "" {
		parts = append(parts, "body "+code(r.Body))
	}
	return strings.Join(parts, ", ")
}

func code(text string) string {
	quoted := fmt.Sprintf("%+q", text)
	return "`" + quoted[1:len(quoted)-1] + "`"
}
