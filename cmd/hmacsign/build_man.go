//go:build man

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// forBuild are the commands that packages are built with: man, for which a library is
// linked that nobody else needs.
func forBuild(io *streams) []*cobra.Command {
	return []*cobra.Command{{
		Use:    "man DIR",
		Short:  "Writes the man pages, one a command, to DIR/man1.",
		Hidden: true,
		Args:   arguments(1, "folder"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := filepath.Join(args[0], "man1")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			root.Short = io.text("sign, send and verify HTTP requests as API gateways do")
			root.Long += fmt.Sprint("\n\n```\n", io.text(environmentHelp), "\n```\n\n", io.text(closingHelp))
			plainFlags(root)
			for _, c := range append(root.Commands(), root) {
				if !c.IsAvailableCommand() || c.Name() == "help" {
					continue
				}
				if c != root {
					c.Long, c.Short = about(c), phrase(c.Short)
				}
				if err := writePage(c, dir); err != nil {
					return err
				}
			}
			return nil
		},
	}}
}

func writePage(c *cobra.Command, dir string) error {
	c.Long = brokenHan.ReplaceAllString(c.Long, "$1$2")
	var page bytes.Buffer
	if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Source: "hmacsign " + buildInfo().Version, Manual: "hmacsign"}, &page); err != nil {
		return err
	}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
	return os.WriteFile(filepath.Join(dir, name), []byte(typeset(page.String())), 0o644)
}

var (
	phraseEnd = regexp.MustCompile(`[:;：；。]|\.(?:\s|$)`)
	brokenHan = regexp.MustCompile(`([\p{Han}，。：；、（）])\n([\p{Han}，。：；、（）])`)
	noDefault = regexp.MustCompile(`(?m)^(\\fB--.*|\\fB-.*)(?:\[=false\]|=""|=\[\]|=)$`)
	markup    = regexp.MustCompile("\\\\?([][*_<>`])")
	wide      = regexp.MustCompile(`[\p{Han}，。：；、）]`)
	notBefore = regexp.MustCompile(`\\:([，。：；、）]|$)`)
	dash      = regexp.MustCompile(`\\?-`)
)

// phrase is what stands beside a name in lists: the beginning of a text, on one line.
func phrase(text string) string {
	begin := strings.ReplaceAll(phraseEnd.Split(text, 2)[0], "\n", " ")
	r, size := utf8.DecodeRuneInString(begin)
	return string(unicode.ToLower(r)) + begin[size:]
}

// typeset is a page whose dashes stay those that are typed, whose lines have no gaps and
// may end between Chinese characters, and which has no defaults that say nothing.
func typeset(page string) string {
	lines := strings.Split(noDefault.ReplaceAllString(page, "$1"), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, ".TH"):
			lines[i] += "\n.ad l"
		case !strings.HasPrefix(line, "."):
			lines[i] = dash.ReplaceAllString(line, `\-`)
			if lines[max(i-1, 0)] != ".SH NAME" {
				lines[i] = notBefore.ReplaceAllString(wide.ReplaceAllString(lines[i], `$0\:`), "$1")
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// plainFlags takes out the quotes that name a flag's value, and has the library that writes
// the pages see no markup in the rest: [:PASSWORD] (PEM) is no link.
func plainFlags(c *cobra.Command) {
	c.DisableFlagsInUseLine = true // the usage says it
	plain := func(f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		f.Usage = markup.ReplaceAllString(usage, `\$1`)
	}
	c.Flags().VisitAll(plain)
	c.PersistentFlags().VisitAll(plain)
	for _, below := range c.Commands() {
		plainFlags(below)
	}
}
