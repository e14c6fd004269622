package scheme_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// textFolders are those that have texts of their own, in a file for each language.
func textFolders(t *testing.T) (folders []string) {
	for _, pattern := range []string{"..", "../*", "../../internal/page/*"} {
		files, err := filepath.Glob(pattern + "/texts/en.json")
		require.NoError(t, err)
		for _, file := range files {
			folders = append(folders, filepath.Dir(file))
		}
	}
	require.Contains(t, folders, "../scheme/texts")
	require.Contains(t, folders, "../httptext/texts")
	return folders
}

// table reads a language's file as it is, in which no entry is there twice.
func table(t *testing.T, folder, lang string) map[string]string {
	data, err := os.ReadFile(filepath.Join(folder, lang+".json"))
	require.NoError(t, err)
	var texts map[string]string
	require.NoError(t, json.Unmarshal(data, &texts))
	require.Equal(t, len(texts), strings.Count(string(data), "\n")-2, "%s: %s: an entry is there twice, or not on a line of its own", folder, lang)
	return texts
}

var gap = regexp.MustCompile(`\{\w+(:q|:span)?\}`)

// gaps are those of a text, each once, quoted or not.
func gaps(text string) []string {
	all := gap.FindAllString(text, -1)
	for i := range all {
		all[i], _, _ = strings.Cut(strings.Trim(all[i], "{}"), ":")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Every language has every text, with the same gaps, and no other.
func TestLanguagesAreWhole(t *testing.T) {
	for _, folder := range textFolders(t) {
		checkLanguages(t, folder)
	}
}

func checkLanguages(t *testing.T, folder string) {
	english := table(t, folder, "en")
	files, err := filepath.Glob(folder + "/*.json")
	require.NoError(t, err)
	require.Len(t, files, len(scheme.Languages()))
	for _, lang := range scheme.Languages() {
		texts := table(t, folder, lang)
		for code, text := range english {
			other, ok := texts[code]
			if !ok {
				t.Errorf("%s lacks %s", lang, code)
				continue
			}
			if want, got := gaps(text), gaps(other); !slices.Equal(want, got) {
				t.Errorf("%s: %s has the gaps %v, in English they are %v", lang, code, got, want)
			}
			if other == "" || strings.ContainsAny(other, "\n\r") {
				t.Errorf("%s: %s is not one line", lang, code)
			}
			if lang != "en" && other == text && len(gap.ReplaceAllString(text, "")) > 12 {
				t.Errorf("%s: %s is not translated", lang, code)
			}
		}
		for code := range texts {
			if _, ok := english[code]; !ok {
				t.Errorf("%s has %s, English has not", lang, code)
			}
		}
	}
}

// Every code that the sources use has a text, and every text is used.
func TestCodesHaveTexts(t *testing.T) {
	used := usedCodes(t, "../..", "hmacsign", "cmd", "internal")
	texts := map[string]string{}
	for _, folder := range textFolders(t) {
		maps.Copy(texts, table(t, folder, "en"))
	}
	for code, at := range used {
		if _, ok := texts[code]; !ok {
			t.Errorf("%s: there is no text %q", at, code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(texts)) {
		if _, ok := used[code]; !ok {
			t.Errorf("no source uses the text %q", code)
		}
	}
	require.Greater(t, len(used), 60)
}

// position is a parameter of a function that is a code, or what comes before the end
// of one. Folder is that of a function which other packages do not see.
type position struct {
	folder, function string
	index            int
	end              string
}

// A codeSearch finds the codes in sources: what is given for a parameter that is one,
// and what stands in a field Code. A function that hands a parameter of its own on as
// a code has such a parameter too.
type codeSearch struct {
	t     *testing.T
	files *token.FileSet
	takes map[position]bool
	types map[string]int    // of structs with a code: the field's index
	codes map[string]string // where each is
}

func usedCodes(t *testing.T, root string, folders ...string) map[string]string {
	s := &codeSearch{t, token.NewFileSet(), map[position]bool{
		{"", "Refuse", 1, ""}: true, {"", "Text", 1, ""}: true, {root + "/hmacsign/scheme", "newReason", 0, ""}: true,
	}, map[string]int{}, map[string]string{}}
	var sources []*ast.File
	for _, folder := range folders {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			switch name := entry.Name(); {
			case err != nil:
				return err
			case entry.IsDir() && (name == "schemetest" || name == "testdata" || strings.HasPrefix(name, "example")):
				return filepath.SkipDir // these have texts of their own
			case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(s.files, path, nil, parser.SkipObjectResolution)
			sources = append(sources, file)
			return err
		}))
	}
	for _, file := range sources {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if at, ok := codeField(spec.Type); ok {
					s.types[spec.Name.Name] = at
				}
			}
			return true
		})
	}
	for before := 0; before < len(s.takes); {
		before = len(s.takes)
		for _, file := range sources {
			s.file(file)
		}
	}
	return s.codes
}

// function is where the search is: the parameters of the functions around, and what
// is assigned to a variable.
type function struct {
	folder string // empty of an exported one
	name   string
	params map[string]int
	body   ast.Node
	outer  *function
}

func (s *codeSearch) file(file *ast.File) {
	folder := filepath.Dir(s.files.Position(file.Pos()).Filename)
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			s.walk(decl, &function{folder: folder, body: decl})
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			name = "." + name
		}
		s.walk(f.Body, &function{folder, name, params(f.Type), f.Body, nil})
	}
}

func params(f *ast.FuncType) map[string]int {
	all := map[string]int{}
	for _, field := range f.Params.List {
		for _, name := range field.Names {
			all[name.Name] = len(all)
		}
	}
	return all
}

func (s *codeSearch) walk(node ast.Node, in *function) {
	elements := map[*ast.CompositeLit]int{} // of a list, with their type left out
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			// A function that is called by a variable's name.
			for i, right := range n.Rhs {
				if f, ok := right.(*ast.FuncLit); ok && i < len(n.Lhs) {
					s.walk(f.Body, &function{in.folder, text(n.Lhs[i]), params(f.Type), f.Body, in})
					return false
				}
			}
		case *ast.FuncLit:
			s.walk(n.Body, &function{in.folder, "", params(n.Type), n.Body, in})
			return false
		case *ast.CallExpr:
			for p := range s.takes {
				if p.function == called(n.Fun) && p.index < len(n.Args) && (p.folder == "" || p.folder == in.folder) {
					s.code(n.Args[p.index], p.end, in)
				}
			}
		case *ast.CompositeLit:
			if list, ok := n.Type.(*ast.ArrayType); ok {
				if at, ok := s.codeOf(list.Elt); ok {
					for _, element := range n.Elts {
						if literal, ok := element.(*ast.CompositeLit); ok {
							elements[literal] = at
						}
					}
				}
			}
			at, ok := elements[n]
			if !ok {
				at, ok = s.codeOf(n.Type)
			}
			if ok {
				s.coded(n, at, in)
			}
		}
		return true
	})
}

// codeField is where a struct has its code.
func codeField(e ast.Expr) (at int, ok bool) {
	s, ok := e.(*ast.StructType)
	if !ok {
		return 0, false
	}
	for _, field := range s.Fields.List {
		for _, name := range field.Names {
			if strings.EqualFold(name.Name, "code") && text(field.Type) == "string" {
				return at, true
			}
			at++
		}
	}
	return 0, false
}

func (s *codeSearch) codeOf(kind ast.Expr) (at int, ok bool) {
	if at, ok = s.types[text(kind)]; ok {
		return at, true
	}
	return codeField(kind)
}

func (s *codeSearch) coded(n *ast.CompositeLit, at int, in *function) {
	for i, element := range n.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		switch {
		case keyed && strings.EqualFold(text(pair.Key), "code"):
			s.code(pair.Value, "", in)
		case !keyed && i == at:
			s.code(element, "", in)
		}
	}
}

// code takes down what an expression gives, with the end of a code: words, parameters
// of the functions around and variables that are set in them.
func (s *codeSearch) code(e ast.Expr, end string, in *function) {
	switch e := e.(type) {
	case *ast.BasicLit:
		word, err := strconv.Unquote(e.Value)
		require.NoError(s.t, err)
		if word += end; word != "" && s.codes[word] == "" {
			s.codes[word] = s.files.Position(e.Pos()).String()
		}
		return
	case *ast.SelectorExpr, *ast.CallExpr: // of what has a code
		return
	case *ast.BinaryExpr:
		if last, ok := e.Y.(*ast.BasicLit); ok {
			word, err := strconv.Unquote(last.Value)
			require.NoError(s.t, err)
			s.code(e.X, word+end, in)
			return
		}
	case *ast.Ident:
		for f := in; f != nil; f = f.outer {
			if i, ok := f.params[e.Name]; ok {
				p := position{f.folder, f.name, i, end}
				if ast.IsExported(f.name) {
					p.folder = ""
				}
				s.takes[p] = s.takes[p] || f.name != ""
				return
			}
			if words := assigned(e.Name, f); words != nil {
				for _, word := range words {
					s.code(word, end, in)
				}
				return
			}
		}
	}
	s.t.Errorf("%s: write the code as a word", s.files.Position(e.Pos()))
}

// assigned are the words that a function assigns to a variable.
func assigned(name string, f *function) (all []ast.Expr) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for i, left := range a.Lhs {
				if text(left) == name && i < len(a.Rhs) {
					if word, ok := a.Rhs[i].(*ast.BasicLit); ok {
						all = append(all, word)
					}
				}
			}
		}
		return true
	})
	return all
}

// called is the name of a function, or of a method behind a dot.
func called(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if of, ok := s.X.(*ast.Ident); !ok || of.Name != "scheme" && of.Name != "hmacsign" {
			return "." + s.Sel.Name
		}
	}
	return text(e)
}

// text is the last name of an expression: f of pkg.f, s.f and f.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return text(e.X)
	}
	return ""
}

// A duration is rounded to what a person would say.
func TestSpans(t *testing.T) {
	for off, want := range map[string]string{
		"87647h20m0s": "3652 days", "48h0m0s": "2 days", "60h0m0s": "3 days", "47h59m59s": "47h59m59s", "15m0s": "15m", "15m1s": "15m1s", "8h0m0s": "8h",
		"-9h30m0s": "-9h30m", "8h0m5s": "8h0m5s", "10h0m0s": "10h", "1h10m0s": "1h10m", "0s": "0s", "30s": "30s", "1m30s": "1m30s", "a word": "a word",
	} {
		require.Equal(t, "the request's date is "+want+" off, 15m are allowed: check the client's clock", scheme.Text("en", "date_off", scheme.Args("off", off, "window", "15m0s")))
	}
	require.Contains(t, scheme.Text("zh", "date_off", scheme.Args("off", "87647h20m0s", "window", "72h0m0s")), "偏差 3652 天，允许 3 天")
}
