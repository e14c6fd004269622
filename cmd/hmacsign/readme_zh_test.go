package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A section of a README is a heading and what follows up to the next: what it is made of
// (paragraphs, items, tables of so many rows and columns, code blocks with all that they
// have), and its text without the blocks.
type section struct {
	level, heading string
	outline        []string
	text           string
}

var (
	codeSpan = regexp.MustCompile("`[^`]+`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	number   = regexp.MustCompile(`[0-9]+(?:[.,][0-9]+)*`)
	item     = regexp.MustCompile(`^ *(?:(-)|([0-9]+\.)) `)
)

// sections reads a README. Tables within the comments of coverage are generated, each in
// its language: of these only the size counts.
func sections(text string) []*section {
	var all []*section
	fence, generated, newBlock := false, false, true
	rows := 0
	s := &section{}
	add := func(kind string) { s.outline = append(s.outline, kind) }
	for line := range strings.SplitSeq(text, "\n") {
		table := !fence && strings.HasPrefix(strings.TrimSpace(line), "|")
		if !table && rows > 0 {
			add(fmt.Sprintf("a table of %d rows", rows))
			rows = 0
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case fence || strings.HasPrefix(trimmed, "```"):
			if strings.HasPrefix(trimmed, "```") {
				fence = !fence
			}
			add(line)
			continue
		case strings.HasPrefix(line, "#"):
			level, heading, _ := strings.Cut(line, " ")
			s = &section{level: level, heading: heading}
			all = append(all, s)
			newBlock = true
			continue
		case strings.HasPrefix(line, "<!--"):
			generated = !generated
			add(line)
		case table:
			rows++
			if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1; rows == 1 {
				add(fmt.Sprintf("of %d columns", cells))
			}
		case trimmed == "":
			newBlock = true
			continue
		case item.MatchString(line):
			marks := item.FindStringSubmatch(line)
			add("an item " + marks[1] + marks[2])
		case newBlock:
			add("a paragraph")
		}
		newBlock = false
		if !generated {
			s.text += " " + trimmed
		}
	}
	return all
}

// code, links and numbers are what stands in a text that no translation changes.
func (s *section) code() []string { return once(codeSpan.FindAllString(s.text, -1)) }

func (s *section) links() []string {
	var all []string
	for _, to := range link.FindAllStringSubmatch(s.text, -1) {
		all = append(all, to[1])
	}
	return once(all)
}

func (s *section) numbers() []string {
	return once(number.FindAllString(link.ReplaceAllString(codeSpan.ReplaceAllString(s.text, ""), ""), -1))
}

func once(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// README.zh-CN.md says what README.md says: the same sections of the same paragraphs,
// items and tables, the same blocks of code to the byte, the same names, links and
// figures in the text.
func TestChineseREADME(t *testing.T) {
	read := func(name string) []*section {
		text, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		return sections(string(text))
	}
	english, chinese := read("README.md"), read("README.zh-CN.md")
	var levels, others []string
	for _, s := range english {
		levels = append(levels, s.level)
	}
	for _, s := range chinese {
		others = append(others, s.level)
	}
	require.Equal(t, levels, others, "headings")
	require.Greater(t, len(english), 10)
	other := strings.NewReplacer("](README.zh-CN.md)", "](README.md)")
	require.NotEqual(t, english[0].text, other.Replace(english[0].text), "README.md links to the Chinese one")
	english[0].text = other.Replace(english[0].text)
	for i, e := range english {
		t.Run(e.heading, func(t *testing.T) {
			c := chinese[i]
			require.Equal(t, e.outline, c.outline)
			require.Equal(t, e.code(), c.code())
			require.Equal(t, e.links(), c.links())
			require.Subset(t, c.numbers(), e.numbers(), "figures")
			require.Regexp(t, `\p{Han}`, c.text, "what is not translated")
		})
	}
}
