package main

import (
	"flag"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// verifierFlags are those of verify and serve alike.
type verifierFlags struct {
	schemeFlags
	schemes       []hmacsign.Scheme // nil is all
	date, backend string
	window        time.Duration
}

func (f *verifierFlags) add(fs *flag.FlagSet) {
	f.set = fs
	fs.DurationVar(&f.window, "window", hmacsign.DefaultWindow, "how far the request's date may be off, either way: `TIME`")
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

func runVerify(c *command, args []string, io *streams) error {
	fs, f := new(flag.FlagSet), new(verifierFlags)
	keysFile := fs.String("keys", "", "keys `FILE`, JSON: [{\"id\": \"...\", \"secret\": \"...\" or {\"env\": \"NAME\"} or {\"file\": \"PATH\"}, \"previous_secret\": ..., \"schemes\": [...], \"algorithms\": [...], \"scopes\": [...]}]")
	fs.StringVar(&f.date, "date", "", "the verifier's `TIME`, as in sign; without it now")
	output := fs.String("output", "text", "`text|json`")
	lang := fs.String("lang", localeLanguage(), "`LANGUAGE` of the verdict: "+strings.Join(scheme.Languages(), ", ")+", or a locale such as zh_CN.UTF-8")
	f.add(fs)
	positional, err := c.parse(fs, args, io, 1)
	if err != nil {
		return err
	}
	if *output != "text" && *output != "json" {
		return usagef("verify: --output %q: use text or json", *output)
	}
	spoken, ok := languageOf(*lang)
	if !ok {
		return usagef("verify: --lang %q: use one of %s", *lang, strings.Join(scheme.Languages(), ", "))
	}
	if *keysFile == "" {
		return usagef("verify: name the keys file with --keys")
	}
	keys, err := readKeys(*keysFile)
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
	r, err := verifyRaw(v, file, spoken)
	if err != nil {
		return err
	}
	return r.report(io, *output)
}

func readKeys(path string) (hmacsign.KeyStore, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return hmacsign.ReadKeys(f)
}

// localeLanguage is the language of the environment, English if there are no texts in
// it.
func localeLanguage() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := os.Getenv(name)
		if locale == "" {
			continue
		}
		if lang, ok := languageOf(locale); ok {
			return lang
		}
		break
	}
	return "en"
}

// languageOf is the language of a locale, such as zh, zh-CN or zh_CN.UTF-8, if there
// are texts in it.
func languageOf(locale string) (lang string, ok bool) {
	lang = strings.ToLower(locale)
	if end := strings.IndexAny(lang, "-_.@"); end >= 0 {
		lang = lang[:end]
	}
	if lang == "c" || lang == "posix" {
		lang = "en"
	}
	return lang, slices.Contains(scheme.Languages(), lang)
}
