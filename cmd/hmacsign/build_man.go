//go:build man

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
			plainFlags(root)
			root.Short, root.Long = "sign, send and verify HTTP requests as API gateways do", root.Long+"\n\n"+fmt.Sprint("```\n", io.text(environmentHelp), "\n```")
			root.Short = io.text(root.Short)
			return doc.GenManTreeFromOpts(root, doc.GenManTreeOptions{
				Path: dir, CommandSeparator: "-", Header: &doc.GenManHeader{Section: "1", Source: "hmacsign " + buildInfo().Version, Manual: "hmacsign"},
			})
		},
	}}
}

// markdown keeps brackets from being taken for links and tags of the language that man
// pages are made from.
var markdown = strings.NewReplacer("[", `\[`, "<", `\<`)

// plainFlags takes out the quotes that name a flag's value.
func plainFlags(c *cobra.Command) {
	c.DisableFlagsInUseLine = true // the usage says it
	plain := func(f *pflag.Flag) {
		_, text := pflag.UnquoteUsage(f)
		f.Usage = markdown.Replace(text)
	}
	c.LocalNonPersistentFlags().VisitAll(plain)
	c.PersistentFlags().VisitAll(plain)
	for _, below := range c.Commands() {
		plainFlags(below)
	}
}
