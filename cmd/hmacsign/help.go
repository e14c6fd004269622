package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const environmentHelp = `Environment:
  HMACSIGN_KEY_ID, HMACSIGN_SECRET
      The credential of sign and send.
  HMACSIGN_PROFILE=staging
      The profile of sign and send, in place of the credential.
  HMACSIGN_REQUIRE=hmac-sm3=tencentsm,hmac-sha256=go
      No other backend computes these algorithms; tencentsm@sha256:HEX: none that
      was loaded from another file.
  HMACSIGN_REQUIRE_SECRET_BITS=128
      No secret of fewer bits is used.
  One of the two last that is set but empty, or not understood, forbids every MAC.`

const closingHelp = "hmacsign COMMAND --help tells the flags. Exit status: 0 done, 1 refused or failed, 2 wrong usage."

func newHelp(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tells what a command does, and its flags.",
		Args:  arguments(0, "COMMAND"),
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			for _, c := range c.Root().Commands() {
				if c.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				io.help(c.Root(), io.out)
				return nil
			}
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 || of == c.Root() {
				return unknownCommand(args[0], c.Root())
			}
			io.help(of, io.out)
			return nil
		},
	}
}

// help prints what a command does. Its texts are in the language already.
func (io *streams) help(c *cobra.Command, w io.Writer) {
	if c.HasParent() {
		fmt.Fprintf(w, "%s\n\n%s\n", io.usageLine(c), about(c))
		io.printFlags(w, c)
		return
	}
	fmt.Fprintf(w, "%s\n\n", c.Long)
	for _, c := range c.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			fmt.Fprintf(w, "  %s\n      %s\n", io.usageLine(c), strings.ReplaceAll(c.Short, "\n", "\n      "))
		}
	}
	fmt.Fprintf(w, "\n%s\n", io.text(environmentHelp))
	io.printFlags(w, c)
	fmt.Fprintf(w, "\n%s\n", io.text(closingHelp))
}

func (io *streams) usageLine(c *cobra.Command) string {
	return c.Parent().CommandPath() + " " + strings.ReplaceAll(c.Use, "[flags]", io.text("[flags]"))
}

func about(c *cobra.Command) string {
	if c.Long == "" {
		return c.Short
	}
	return c.Short + "\n\n" + c.Long
}

// printFlags lists the flags of a command, each with its text below it: they are too
// long for columns.
func (io *streams) printFlags(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "\n%s\n", io.text("Flags:"))
	eachFlag(c, func(f *pflag.Flag) {
		names, usage := io.describe(f)
		fmt.Fprintf(w, "  %s\n      %s\n", names, usage)
	})
}

func eachFlag(c *cobra.Command, do func(*pflag.Flag)) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			do(f)
		}
	})
}

// describe has a flag's names with what stands for its value, and its text.
func (io *streams) describe(f *pflag.Flag) (names, usage string) {
	names = dashed(f)
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	value, usage := pflag.UnquoteUsage(f)
	if value != "" {
		names += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.Name != "lang" {
		usage += fmt.Sprintf(io.text(" (default %s)"), f.DefValue)
	}
	return names, usage
}
