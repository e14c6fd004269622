package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// verifierFlags are those of verify and serve alike.
type verifierFlags struct {
	schemeFlags
	schemes       []hmacsign.Scheme // nil is all
	date, backend string
	window        time.Duration
}

func (f *verifierFlags) add(fs *pflag.FlagSet) {
	f.set = fs
	durationVar(fs, &f.window, "window", "", hmacsign.DefaultWindow, "how far the request's date may be off, either way: `TIME`")
	fs.StringVar(&f.queryForm, "query-form", "documented,raw,decoded", "query `FORMS` to accept, separated by commas: documented, raw, decoded, joined")
	fs.BoolVar(&f.keepEnvironment, "no-strip-environment", false, "the path is signed with its first segment release, test or prepub")
	fs.BoolVar(&f.anyDate, "accept-any-date", false, "do not check the time of a signed Date (not X-Date) of tencent-keypair")
	fs.BoolVar(&f.decodeSlash, "decode-slash", false, "accept huawei-sdk paths that were signed with %2F decoded, which does not tell /a%2Fb from /a/b")
	fs.StringVar(&f.backend, "backend", "", "`NAME` of the backend that must compute the MAC")
}

func (f *verifierFlags) options() ([]hmacsign.VerifierOption, error) {
	clock, err := parseClock(f.date)
	if err != nil {
		return nil, err
	}
	schemes, err := f.accepted()
	if err != nil {
		return nil, err
	}
	opts := []hmacsign.VerifierOption{hmacsign.WithClock(clock), hmacsign.WithWindow(f.window), hmacsign.WithBackend(f.backend), hmacsign.AcceptSchemes(schemes...)}
	return opts, nil
}

// verifyFlags are those of verify alone.
type verifyFlags struct {
	verifierFlags
	keysFile, output string
}

func newVerify(io *streams) *cobra.Command {
	f := new(verifyFlags)
	c := &cobra.Command{
		Use:   "verify --keys FILE [flags] [FILE]",
		Short: "Says whether a request is signed, and if not, why.",
		Long:  "The request is from FILE or standard input, as text in any of these forms: HTTP/1.1 as on the\nwire or as an editor leaves it, HTTP/2 as browsers show it, a curl command, what curl -v or\n--trace shows, a HAR file with one request. What is assumed of the text is told. Exit status:\n0 if it is accepted, 1 if it is refused.",
		Args:  arguments(0, "file"),
		RunE:  func(_ *cobra.Command, args []string) error { return f.run(io, args) },
	}
	fs := c.Flags()
	fs.StringVar(&f.keysFile, "keys", "", "keys `FILE`, JSON: [{\"id\": \"...\", \"secret\": \"...\" or {\"env\": \"NAME\"} or {\"file\": \"PATH\"}, \"previous_secret\": ..., \"schemes\": [...], \"algorithms\": [...], \"scopes\": [...]}]")
	fs.StringVar(&f.date, "date", "", "the verifier's `TIME`, as in sign; without it now")
	fs.StringVar(&f.output, "output", "text", "`text|json`")
	f.add(fs)
	completeFlag(c, "output", "text", "json")
	completeVerifier(c)
	return c
}

func (f *verifyFlags) run(io *streams, positional []string) error {
	if f.output != "text" && f.output != "json" {
		return usagef("verify: --output %q: use text or json", f.output)
	}
	if f.keysFile == "" {
		return usagef("verify: name the keys file with --keys")
	}
	keys, err := readKeys(f.keysFile)
	if err != nil {
		return err
	}
	opts, err := f.options()
	if err != nil {
		return err
	}
	v, err := hmacsign.NewVerifier(keys, append(opts, hmacsign.WithMaxBody(maxBody), hmacsign.WithExplanations())...)
	if err != nil {
		return usageError{err}
	}
	file, err := io.open(positional)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := verifyRaw(v, file, io.lang)
	if err != nil {
		return err
	}
	return r.report(io, f.output)
}

func readKeys(path string) (hmacsign.KeyStore, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return hmacsign.ReadKeys(f)
}
