package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newCompletion(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Prints a script that completes commands, flags and their values in a shell.",
		Long:      "For one session: source <(hmacsign completion bash). For all: write it to where the\nshell looks, such as /etc/bash_completion.d/hmacsign,\n\"${fpath[1]}/_hmacsign\" of zsh or ~/.config/fish/completions/hmacsign.fish.\nThe one for bash needs the package bash-completion.",
		Args:      arguments(1, "shell: bash, zsh, fish or powershell"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(io.out, true)
			case "zsh":
				return root.GenZshCompletion(io.out)
			case "fish":
				return root.GenFishCompletion(io.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(io.out)
			}
			return usagef("completion: %q: use bash, zsh, fish or powershell", args[0])
		},
	}
}

// forShells takes out of the flags' texts the backquotes that name a value to help.
func forShells(c *cobra.Command) {
	plain := func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) }
	c.Flags().VisitAll(plain)
	c.PersistentFlags().VisitAll(plain)
	for _, below := range c.Commands() {
		forShells(below)
	}
}

// completeFlag has the shell complete the values of a flag.
func completeFlag(c *cobra.Command, name string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}
