package hmacsign_test

import (
	"encoding/xml"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A drawn box is one or more packages, or those below a folder (contrib/...).
type box struct {
	Rect struct {
		X      float64 `xml:"x,attr"`
		Y      float64 `xml:"y,attr"`
		Width  float64 `xml:"width,attr"`
		Height float64 `xml:"height,attr"`
	} `xml:"rect"`
	Texts []struct {
		Class string `xml:"class,attr"`
		Text  string `xml:",chardata"`
	} `xml:"text"`
}

// touches tells whether an arrow begins or ends at the box's edge.
func (b *box) touches(x, y float64) bool {
	r, near := b.Rect, 1.0
	return x >= r.X-near && x <= r.X+r.Width+near && y >= r.Y-near && y <= r.Y+r.Height+near
}

func (b *box) packages() (patterns []string) {
	for _, text := range b.Texts {
		if text.Class == "package" {
			patterns = append(patterns, text.Text)
		}
	}
	return patterns
}

// imported are the packages of this project that those of a pattern import, with every
// build tag and without their tests.
func imported(t *testing.T, pattern string) map[string]bool {
	const module = "github.com/gmhmac/hmacsign/"
	folder, below := strings.CutSuffix(pattern, "/...")
	all, files := map[string]bool{}, 0
	root := filepath.Join("..", folder)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && !below {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if name, ok := strings.CutPrefix(name, module); ok && name != folder {
				all[name] = true
			}
		}
		return nil
	}))
	require.NotZero(t, files, "%s is drawn and has no Go files", pattern)
	return all
}

// arrow finds the boxes at the two ends of a path.
func arrow(t *testing.T, boxes []box, d string) (from, to int) {
	number := regexp.MustCompile(`-?[0-9.]+`)
	value := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return v
	}
	parts := regexp.MustCompile(`[MVHLC][^MVHLC]*`).FindAllString(d, -1)
	require.Len(t, parts, 2, "an arrow is one line or curve: %s", d)
	start, end := number.FindAllString(parts[0], -1), number.FindAllString(parts[1], -1)
	x, y := value(start[0]), value(start[1])
	endX, endY := x, y
	switch last := value(end[len(end)-1]); parts[1][0] {
	case 'V':
		endY = last
	case 'H':
		endX = last
	default:
		endX, endY = value(end[len(end)-2]), last
	}
	from, to = -1, -1
	for i := range boxes {
		if boxes[i].touches(x, y) {
			from = i
		}
		if boxes[i].touches(endX, endY) {
			to = i
		}
	}
	require.True(t, from >= 0 && to >= 0 && from != to, "the arrow %s does not go from a box to another", d)
	return from, to
}

// The drawing of ARCHITECTURE.md is read as it is seen: each box names packages that
// exist, each arrow is an import of each package at its ends, and each import between
// boxes is an arrow or a path of arrows.
func TestArchitectureDrawing(t *testing.T) {
	data, err := os.ReadFile("architecture.svg")
	require.NoError(t, err)
	var drawing struct {
		Boxes  []box `xml:"g"`
		Arrows []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	require.NoError(t, xml.Unmarshal(data, &drawing))
	boxes := drawing.Boxes
	require.Greater(t, len(boxes), 8)

	// imports reports whether each package of one box imports one of the other, and each of
	// the other is imported.
	imports := func(from, to int) (some, each bool) {
		reached := map[string]bool{}
		each = true
		for _, pattern := range boxes[from].packages() {
			of, one := imported(t, pattern), false
			for _, name := range boxes[to].packages() {
				if of[name] {
					one, reached[name] = true, true
				}
			}
			some, each = some || one, each && one
		}
		return some, each && len(reached) == len(boxes[to].packages())
	}
	reach := make([][]bool, len(boxes))
	for i := range reach {
		reach[i] = make([]bool, len(boxes))
	}
	for _, a := range drawing.Arrows {
		from, to := arrow(t, boxes, a.D)
		_, each := imports(from, to)
		require.True(t, each, "an arrow from %v to %v, which is no import of each", boxes[from].packages(), boxes[to].packages())
		reach[from][to] = true
	}
	for k := range boxes {
		for i := range boxes {
			for j := range boxes {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	for i := range boxes {
		require.False(t, reach[i][i], "%v imports itself", boxes[i].packages())
		for j := range boxes {
			if some, _ := imports(i, j); some && i != j {
				require.True(t, reach[i][j], "%v imports %v, and no arrow leads there", boxes[i].packages(), boxes[j].packages())
			}
		}
	}
}

// The order of reading names files that are there, and tells how long they are.
func TestArchitectureReading(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| [0-9]+ \\| (`.*`) \\| ([0-9,]+) \\|").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(rows), 5)
	for _, row := range rows {
		said, err := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		require.NoError(t, err)
		lines := 0
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			files, err := filepath.Glob(filepath.Join("..", name[1]))
			require.NoError(t, err)
			require.NotEmpty(t, files, name[1])
			for _, file := range files {
				if strings.HasSuffix(file, "_test.go") {
					continue
				}
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				lines += strings.Count(string(content), "\n")
			}
		}
		require.InDelta(t, lines, said, 20+float64(lines)/5, "%s", row[1])
	}
}
