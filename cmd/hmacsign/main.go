// Command hmacsign signs, sends and verifies HTTP requests in the formats of
// API gateways. Run it without arguments for its commands.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
)

func main() {
	os.Exit(run(os.Args[1:], &streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// A command has a line of usage, what its help says, and does its work with the
// arguments behind its name.
type command struct {
	name, usage, about string
	run                func(c *command, args []string, io *streams) error
}

// commands is every command in the order of the help.
func commands() []*command {
	return []*command{
		{"demo", "", "The whole path on this machine: a verifying server on loopback, every\nscheme and algorithm signed, sent and accepted, tampered copies refused.", runDemo},
		{"sign", "[flags] URL", "Prints the signed request.", runSign},
		{"send", "[flags] URL", "Signs a request, sends it and prints the response.", runSend},
		{"verify", "--keys FILE [flags] [FILE]", "Reads a raw HTTP/1.1 request from a file or standard input and says whether\nit is signed: exit status 0 if it is accepted, 1 if it is refused, and why.", runVerify},
		{"serve", "--keys FILE --upstream URL [flags]", "A verifying reverse proxy: what is signed goes to the upstream, the rest is\nanswered with 401. It logs one line of JSON a request to standard error.", runServe},
		{"mac", "--algorithm NAME (--key-env NAME | --key-file PATH | --key-hex HEX) [--lines | --check LIST] [FILE]", "Prints the MAC of a file or of standard input in hex. With --lines it prints that\nof each line, one a line; with --check it compares each line with the MAC of the\nsame number in such a list.", runMAC},
		{"algorithms", "[flags]", "Lists the algorithms, their backends, and which one is used.", runAlgorithms},
		{"version", "", "Prints the version.", runVersion},
	}
}

// usageError is for exit status 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is main with the exit status returned: 0 done, 1 refused or failed, 2
// wrong usage.
func run(args []string, io *streams) int {
	err := dispatch(args, io)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	text := strings.TrimPrefix(err.Error(), "hmacsign: ")
	fmt.Fprintln(io.err, "hmacsign: "+strings.ReplaceAll(text, "\n", " "))
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

func dispatch(args []string, io *streams) (err error) {
	defer algo.CatchFailure(&err)
	if len(args) == 0 {
		help(io.err)
		return usagef("name a command")
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		help(io.out)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(c, args[1:], io)
		}
	}
	return usagef("unknown command %q: run hmacsign help", args[0])
}

const environmentHelp = `
Environment:
  HMACSIGN_KEY_ID, HMACSIGN_SECRET
      The credential of sign and send.
  HMACSIGN_REQUIRE=hmac-sm3=tencentsm,hmac-sha256=go
      No other backend computes these algorithms; tencentsm@sha256:HEX: none that
      was loaded from another file.
  HMACSIGN_REQUIRE_SECRET_BITS=128
      No secret of fewer bits is used.
  One of the two last that is set but empty, or not understood, forbids every MAC.
`

func help(w io.Writer) {
	fmt.Fprint(w, "hmacsign signs, sends and verifies HTTP requests in the formats of API gateways.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  hmacsign %s\n      %s\n", strings.TrimSpace(c.name+" "+c.usage), strings.ReplaceAll(c.about, "\n", "\n      "))
	}
	fmt.Fprint(w, environmentHelp)
	fmt.Fprint(w, "\nhmacsign COMMAND --help tells the flags. Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n")
}

// parse reads flags wherever they stand between the arguments, and with their
// value in one word as curl allows for -X, -H, -d and -F. It returns the
// arguments, at most max of them.
func (c *command) parse(fs *flag.FlagSet, args []string, io *streams, max int) ([]string, error) {
	fs.Init(c.name, flag.ContinueOnError)
	fs.SetOutput(discard{})
	fs.Usage = func() {}
	var positional []string
	for rest := args; len(rest) > 0; {
		if rest[0] == "--" {
			positional = append(positional, rest[1:]...)
			break
		}
		if arg := rest[0]; len(arg) > 2 && arg[0] == '-' && strings.IndexByte("XHdF", arg[1]) >= 0 && fs.Lookup(arg[1:2]) != nil {
			rest = append([]string{arg[:2], arg[2:]}, rest[1:]...)
		}
		if arg := rest[0]; arg == "-" || !strings.HasPrefix(arg, "-") {
			positional, rest = append(positional, arg), rest[1:]
			continue
		}
		// One flag and its value at a time: what follows may be glued again.
		n := 1
		if f := fs.Lookup(strings.TrimLeft(rest[0], "-")); f != nil && len(rest) > 1 {
			if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
				n = 2
			}
		}
		if err := fs.Parse(rest[:n]); errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(io.out, "hmacsign %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.usage), c.about)
			printFlags(io.out, fs)
			return nil, err
		} else if err != nil {
			return nil, usagef("%s: %w: run hmacsign %s --help", c.name, err, c.name)
		}
		rest = rest[n:]
	}
	if len(positional) > max {
		return nil, usagef("%s: unexpected argument %q: run hmacsign %s --help", c.name, positional[max], c.name)
	}
	return positional, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// printFlags lists the flags with two dashes, as they are written elsewhere.
func printFlags(w io.Writer, fs *flag.FlagSet) {
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		name, usage := flag.UnquoteUsage(f)
		if name != "" {
			name = " " + name
		}
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %s%s%s\n      %s\n", dashes, f.Name, name, usage)
	})
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
