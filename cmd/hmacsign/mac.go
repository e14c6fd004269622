package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// macHelp is what mac --help says beyond what help does.
const macHelp = `A MAC is printed in hex, with --lines one for each line. --check compares each line with
the MAC of the same number in such a list: it names the lines that are wrong, those that
follow each other with one fault together, and exits 1 if there are any, or if there is
nothing to check.

A line is the bytes before a newline, whatever they are: a CR belongs to it, and it
may be empty or of any length. Whether the last one ends with a newline makes no
difference. A list holds MACs alone: the records stay as they are, for the
programs that read them, and may have any bytes.

Whoever can change the file and not the list can change, add, remove or move no
line unseen. Whoever can change both cannot make up a line, but can remove, repeat
or move lines together with their MACs, at the end or anywhere, or bring them from
another list of the key. So keep the list, or its own MAC (hmacsign mac LIST),
out of reach.`

// macFlags are those of mac.
type macFlags struct {
	algorithm, backend      string
	keyEnv, keyFile, keyHex string
	lines                   bool
	list                    string // to check
}

func (f *macFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.algorithm, "algorithm", "", "`NAME`: hmac-sha1, hmac-sha256 or hmac-sm3")
	fs.StringVar(&f.backend, "backend", "", "`NAME` of the backend that must compute it: hmacsign algorithms lists them")
	fs.StringVar(&f.keyEnv, "key-env", "", "`NAME` of the environment variable with the key")
	fs.StringVar(&f.keyFile, "key-file", "", "`PATH` of a file whose bytes are the key, one newline at its end left out")
	fs.StringVar(&f.keyHex, "key-hex", "", "the key in `HEX`; everyone on this machine can read it in the process list: for test vectors")
	fs.BoolVar(&f.lines, "lines", false, "print the MAC of each line, in order: the list for --check")
	fs.Func("check", "compare each line with the MAC of the same number in `LIST`, which --lines printed; - is standard input", func(list string) error {
		if list == "" || f.list != "" {
			return errors.New("name one list") // an unset variable must not turn the check off
		}
		f.list = list
		return nil
	})
}

func newMAC(io *streams) *cobra.Command {
	f := new(macFlags)
	c := &cobra.Command{
		Use:   "mac --algorithm NAME (--key-env NAME | --key-file PATH | --key-hex HEX) [--lines | --check LIST] [FILE]",
		Short: "Prints the MAC of a file or of standard input, or of each of its lines.",
		Long:  macHelp,
		Args:  arguments(0, "file"),
		RunE:  func(_ *cobra.Command, args []string) error { return f.run(io, args) },
	}
	f.add(c.Flags())
	refuseFlag(c.Flags(), "key", "", true, openSecret)
	completeFlag(c, "algorithm", algo.Algorithms()...)
	completeFlag(c, "backend", backendNames()...)
	return c
}

func (f *macFlags) run(streams *streams, positional []string) error {
	fromStdin := len(positional) == 0 || positional[0] == "-"
	switch {
	case f.algorithm == "":
		return usagef("mac: name an algorithm with --algorithm")
	case f.lines && f.list != "":
		return usagef("mac: --lines makes a list and --check reads one: leave one of them out")
	case f.list == "-" && fromStdin:
		return usagef("mac: the list and the lines cannot both come from standard input: name a file")
	}
	key, err := f.key()
	if err != nil {
		return err
	}
	defer key.Destroy()
	in, err := streams.open(positional)
	if err != nil {
		return err
	}
	defer in.Close()
	switch {
	case f.lines:
		return printLineMACs(key, in, streams)
	case f.list != "":
		return checkLineMACs(key, f.list, in, streams)
	}
	return printMAC(key, in, streams.out)
}

func printMAC(key *algo.Key, in io.Reader, out io.Writer) error {
	mac := key.NewMAC()
	if _, err := io.Copy(mac, in); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%x\n", mac.Sum(nil))
	return err
}

func (f *macFlags) key() (*algo.Key, error) {
	secret, err := f.secret()
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	key, err := algo.NewKey(f.algorithm, secret, algo.WithBackend(f.backend))
	return key, ofFlags(err)
}

// secret is from the one source that was named.
func (f *macFlags) secret() ([]byte, error) {
	sources := 0
	for _, s := range []string{f.keyEnv, f.keyFile, f.keyHex} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, usagef("mac: give the key with one of --key-env, --key-file and --key-hex")
	case f.keyEnv != "":
		secret := os.Getenv(f.keyEnv)
		if secret == "" {
			return nil, fmt.Errorf("mac: the environment variable %s is not set or empty: put the key into it", f.keyEnv)
		}
		return []byte(secret), nil
	case f.keyFile != "":
		secret, err := hmacsign.ReadSecretFile(f.keyFile)
		return []byte(secret.Reveal()), err
	}
	secret, err := hex.DecodeString(f.keyHex)
	if err != nil {
		return nil, usagef("mac: --key-hex is not hex") // without the value
	}
	return secret, nil
}
