package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
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
)

// speaking are the folders whose texts and errors reach the user of the command.
var speaking = []string{
	".", "../../hmacsign", "../../hmacsign/scheme", "../../hmacsign/scheme/*", "../../algo", "../../algo/sm3cgo", "../../algo/sm3openssl",
	"../../internal/proxy", "../../internal/strictflag",
}

// textsOf are the texts that the code has: the first arguments of what makes errors and
// prints lines.
func textsOf(t *testing.T) (all map[string]string) {
	all = map[string]string{}
	makes := map[string]bool{"usagef": true, "Errorf": true, "New": true, "say": true, "note": true, "text": true}
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
				if !ok || len(call.Args) == 0 || !makes[called(call)] {
					return true
				}
				if text, ok := literal(call.Args[0]); ok {
					all[flagNames.Replace(strings.TrimPrefix(text, "hmacsign: "))] = set.Position(call.Pos()).String()
				}
				return true
			})
		}
	}
	each(newRoot(&streams{}), func(c *cobra.Command) {
		all[c.Short], all[c.Long] = c.Name(), c.Name()
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { all[f.Usage] = c.Name() + " --" + f.Name })
	})
	all[environmentHelp], all[closingHelp] = "help.go", "help.go"
	delete(all, "")
	for text := range all { // what has no words needs no other ones
		if !strings.ContainsFunc(verbs.ReplaceAllString(text, ""), unicode.IsLetter) {
			delete(all, text)
		}
	}
	return all
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

// system are texts that are not in this code: of the operating system, of Go's network
// and files. Each ends an error that is ours.
var system = map[string]bool{
	"no such file or directory": true, "permission denied": true, "is a directory": true, "no space left on device": true,
	"connection refused": true, "connection reset by peer": true, "address already in use": true, "open %s: %s": true, "read %s: %s": true, "write %s: %s": true,
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
		if all[text] == "" && !system[text] {
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
		if !strings.ContainsFunc(chinese, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			continue
		}
		var parts []any
		for _, verb := range verbs.FindAllString(english, -1) {
			if verb[len(verb)-1] == 'd' {
				parts = append(parts, 7)
			} else {
				parts = append(parts, fmt.Sprint("X", len(parts)))
			}
		}
		want := fmt.Sprintf(strings.NewReplacer("%w", "%v", "]w", "]v").Replace(chinese), parts...)
		require.Equal(t, want, inChinese(fmt.Sprintf(strings.ReplaceAll(english, "%w", "%v"), parts...)), english)
	}
	for english, chinese := range map[string]string{
		"": "", "what nobody knows": "what nobody knows", "$1 ${2}": "$1 ${2}",
	} {
		require.Equal(t, chinese, inChinese(english))
	}
}
