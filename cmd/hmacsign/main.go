// Command hmacsign signs, sends and verifies HTTP requests in the formats of
// API gateways. Run it without arguments for its commands.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
)

func main() {
	os.Exit(run(os.Args[1:], &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// streams are what a command reads and writes, and the language that it speaks.
type streams struct {
	in       io.Reader
	out, err io.Writer
	lang     string // empty is English
}

// usageError is for exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is main with the exit status returned: 0 done, 1 refused or failed, 2
// wrong usage.
func run(args []string, given *streams) int {
	out := &checkedWriter{Writer: given.out}
	io := &streams{given.in, out, given.err, languageOf(args)}
	err := dispatch(args, io)
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output: %w", out.err)
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		text := strings.TrimPrefix(io.errorText(err), "hmacsign: ")
		fmt.Fprintln(io.err, "hmacsign: "+printable(strings.ReplaceAll(text, "\n", " ")))
	}
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

// errSilent is of a failure that is not told.
var errSilent = errors.New("silent")

// checkedWriter keeps the first error of writing, so that none is lost.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

func dispatch(args []string, io *streams) (err error) {
	defer algo.CatchFailure(&err)
	root := newRoot(io)
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		forShells(root)
	}
	root.SetArgs(separateValues(root, args))
	return root.Execute()
}

func init() { cobra.EnableCommandSorting = false } // they are in the order of use

// newRoot is the command with all that are below it.
func newRoot(io *streams) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:  "hmacsign",
		Long: "hmacsign signs, sends and verifies HTTP requests in the formats of API gateways.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(args[0], newRoot(io))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if version {
				return printVersion(io)
			}
			io.help(c, io.err)
			return usagef("name a command")
		},
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Flags().BoolVarP(&version, "version", "V", false, "print the version")
	// languageOf has read it before; here it is for the help and for completion.
	root.PersistentFlags().String("lang", "en", "`LANGUAGE` of help, errors and verdicts: en, zh, or a locale such as zh_CN.UTF-8; without it that of the environment")
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { io.help(c, io.out) })
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp(io))
	root.AddCommand(newDemo(io), newSign(io), newSend(io), newVerify(io), newServe(io), newMAC(io), newAlgorithms(io), newProfile(io), newPage(io), newVersion(io), newCompletion(io))
	root.AddCommand(forBuild(io)...)
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if lang := c.Flag("lang"); lang.Changed {
			if _, known := languageOfLocale(lang.Value.String()); !known {
				return usagef("--lang %q: use en, zh, or a locale such as zh_CN.UTF-8", lang.Value)
			}
		}
		return nil
	}
	completeFlag(root, "lang", languages...)
	root.InitDefaultHelpCmd() // what cobra would do later
	io.translate(root)
	return root
}

// arguments allows as many arguments as there are names, of which the first are needed.
func arguments(needed int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return ofCommand(c, usagef("unexpected argument %q: run %s --help", args[len(names)], c.CommandPath()))
		case len(args) < needed:
			return ofCommand(c, usagef("name a %v", names[len(args)]))
		}
		return nil
	}
}

// ofCommand has an error say which command it is of.
func ofCommand(c *cobra.Command, err error) error {
	if name, below := strings.CutPrefix(c.CommandPath(), "hmacsign "); below {
		return usagef("%s: %w", name, err)
	}
	return err
}

// separateValues gives each value of a flag a word of its own, as curl has it: -dx is
// -d x, -d=x is -d =x, where pflag would lose the equals sign.
func separateValues(root *cobra.Command, args []string) []string {
	c, _, err := root.Find(args)
	if err != nil || len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return args
	}
	c.InheritedFlags() // pflag merges those of the parents here
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		flag, value := lastFlag(c.Flags(), arg)
		if flag == nil || flag.NoOptDefVal != "" { // none, or one without a value
			out = append(out, arg)
			continue
		}
		if value != "" {
			out = append(out, strings.TrimSuffix(arg, value), value)
			continue
		}
		if out = append(out, arg); i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

// lastFlag is the last flag in a word, and the value of a short one that is in that
// word too.
func lastFlag(flags *pflag.FlagSet, arg string) (flag *pflag.Flag, value string) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		return flags.Lookup(name), "" // nil of --name=value, which pflag reads well
	}
	letters, short := strings.CutPrefix(arg, "-")
	for i := 0; short && i < len(letters); i++ {
		if flag = flags.ShorthandLookup(letters[i : i+1]); flag == nil || flag.NoOptDefVal == "" {
			return flag, letters[i+1:]
		}
	}
	return flag, ""
}

// flagError tells of a flag that is not there, or of a value that it does not take.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var alone *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var malformed *pflag.InvalidSyntaxError
	var refused *flagRefusal
	switch {
	case errors.As(err, &refused): // without its value, which may be a password
		return refused.error
	case errors.As(err, &unknown):
		err = unknownFlag(c, unknown)
	case errors.As(err, &alone):
		err = usagef("%s needs a value: run %s --help", dashed(alone.GetFlag()), c.CommandPath())
	case errors.As(err, &invalid) && errors.Is(err, strconv.ErrSyntax): // of a flag without a value
		err = usagef("%s takes no value: leave out = and what follows it", dashed(invalid.GetFlag()))
	case errors.As(err, &invalid):
		err = usagef("%s %q: %w", dashed(invalid.GetFlag()), invalid.GetValue(), invalid.Unwrap())
	case errors.As(err, &malformed):
		err = usagef("%q is no flag: run %s --help", malformed.GetSpecifiedFlag(), c.CommandPath())
	}
	return ofCommand(c, usageError{err})
}

func unknownFlag(c *cobra.Command, err *pflag.NotExistError) error {
	if letters := err.GetSpecifiedShortnames(); letters != "" {
		return usagef("there is no flag -%s: run %s --help", err.GetSpecifiedName(), c.CommandPath())
	}
	var flags []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	if near := nearest(err.GetSpecifiedName(), flags); near != "" {
		return usagef("there is no flag --%s: did you mean --%s?", err.GetSpecifiedName(), near)
	}
	return usagef("there is no flag --%s: run %s --help", clip(err.GetSpecifiedName()), c.CommandPath())
}

func unknownCommand(name string, root *cobra.Command) error {
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return usagef("unknown command %q: did you mean %s?", name, near[0])
	}
	return usagef("unknown command %q: run hmacsign help", name)
}

// nearest is the name that was probably meant, if there is one.
func nearest(typed string, names []string) string {
	if len(typed) > 64 {
		return ""
	}
	among := &cobra.Command{}
	for _, name := range names {
		among.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	for among.SuggestionsMinimumDistance <= 2 {
		if near := among.SuggestionsFor(typed); len(near) > 0 {
			return near[0]
		}
		among.SuggestionsMinimumDistance++
	}
	return ""
}

func dashed(f *pflag.Flag) string {
	if len(f.Name) == 1 {
		return "-" + f.Name
	}
	return "--" + f.Name
}

// open returns the file of that name, or standard input for none and for "-".
func (io *streams) open(positional []string) (readCloser, error) {
	if len(positional) == 0 || positional[0] == "-" {
		return standardInput{io.in}, nil
	}
	f, err := os.Open(positional[0])
	if err != nil {
		return nil, err
	}
	return f, nil
}

type readCloser = io.ReadCloser

type standardInput struct{ io.Reader }

func (standardInput) Close() error { return nil }
