//go:build man

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// forBuild are the commands that packages are built with: man, which nobody else needs.
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
			for _, c := range append(documented(c.Root()), c.Root()) {
				if err := os.WriteFile(filepath.Join(dir, pageName(c)+".1"), io.manPage(c), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}}
}

// documented are the commands with a page of their own.
func documented(root *cobra.Command) (all []*cobra.Command) {
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, c)
		}
	}
	return all
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage has what help has, in the sections of man-pages(7).
func (io *streams) manPage(c *cobra.Command) []byte {
	p := new(manPage)
	p.printf(".TH %s 1 \"\" %q hmacsign\n.ad l\n.nh\n", escaped(strings.ToUpper(pageName(c))), "hmacsign "+buildInfo().Version)
	if c.HasParent() {
		p.section(io.text("Name"))
		p.printf("%s \\- %s\n", escaped(pageName(c)), escaped(phrase(c.Short)))
		p.section(io.text("Synopsis"))
		p.filled(io.usageLine(c))
		p.section(io.text("Description"))
		p.text(about(c))
	} else {
		p.section(io.text("Name"))
		p.printf("hmacsign \\- %s\n", escaped(io.text("sign, send and verify HTTP requests as API gateways do")))
		p.section(io.text("Synopsis"))
		p.filled("hmacsign COMMAND " + io.text("[flags]"))
		p.section(io.text("Description"))
		p.text(c.Long)
		for _, c := range documented(c) {
			p.item(io.usageLine(c), c.Short)
		}
	}
	p.section(io.text("Options"))
	eachFlag(c, func(f *pflag.Flag) {
		names, usage := io.describe(f)
		p.item(names, usage)
	})
	if c.HasParent() {
		p.section(io.text("See also"))
		p.printf(".BR hmacsign (1)\n")
		return []byte(p.String())
	}
	title, variables, _ := strings.Cut(io.text(environmentHelp), "\n")
	p.section(strings.TrimRight(title, ":："))
	p.text(variables)
	p.section(io.text("Exit status"))
	p.text(io.text(closingHelp))
	return []byte(p.String())
}

// phrase is a sentence as it stands beside a name: in small letters, without its end.
func phrase(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToLower(r)) + strings.TrimRight(text[size:], ".。")
}

// A manPage is text of troff, in the macros of man(7).
type manPage struct{ strings.Builder }

func (p *manPage) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *manPage) section(title string) { p.printf(".SH %q\n", strings.ToUpper(title)) }

// item has what is described, and indented below it the description.
func (p *manPage) item(what, description string) {
	p.printf(".TP\n\\fB%s\\fR\n", escaped(what))
	p.filled(description)
}

// text has paragraphs. Those with indented lines stay as they are.
func (p *manPage) text(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if p.printf(".PP\n"); strings.Contains("\n"+paragraph, "\n ") {
			p.printf(".nf\n%s\n.fi\n", escaped(paragraph))
		} else {
			p.filled(paragraph)
		}
	}
}

var (
	wideBreak = regexp.MustCompile(`([\p{Han}，。：；、（）])\n([\p{Han}，。：；、（）])`)
	wide      = regexp.MustCompile(`[\p{Han}，。：；、）]`)
	notBefore = regexp.MustCompile(`\\:([，。：；、）]|\n|$)`)
)

// filled is text whose lines are broken anew: in Chinese between any two characters, and
// no line begins with a mark.
func (p *manPage) filled(text string) {
	text = escaped(wideBreak.ReplaceAllString(text, "$1$2"))
	p.printf("%s\n", notBefore.ReplaceAllString(wide.ReplaceAllString(text, `$0\:`), "$1"))
}

var troff = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\n.", "\n\\&.")

// escaped is text in which nothing is a request or another character than it shows.
func escaped(text string) string { return strings.TrimPrefix(troff.Replace("\n"+text), "\n") }
