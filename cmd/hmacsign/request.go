package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// maxBody is the limit on the command line, where the files are the user's own.
const maxBody = 1 << 40

// requestFlags describe a request in curl's words, and how to sign it.
type requestFlags struct {
	httptext.Command

	scheme, algorithm, backend string
	keyID                      string
	secretEnv, secretFile      string
	profile                    string
	secret                     func(*streams) (hmacsign.SecretText, error) // of the profile, nil without one
	date                       string
	signedHeaders              string
	schemeFlags
}

func (r *requestFlags) add(fs *pflag.FlagSet) {
	r.set = fs
	addRequestFlags(fs, &r.Command)
	fs.StringVar(&r.scheme, "scheme", hmacsign.TencentApp.Name(), "signature `SCHEME`: tencent-app, tencent-keypair, huawei-sdk")
	fs.StringVar(&r.algorithm, "algorithm", algo.HMACSHA256, "`NAME`: hmac-sha1, hmac-sha256, hmac-sm3")
	fs.StringVar(&r.backend, "backend", "", "`NAME` of the backend that must compute the MAC")
	fs.StringVar(&r.keyID, "key-id", "", "key `ID`; without it HMACSIGN_KEY_ID of the environment")
	fs.StringVar(&r.secretEnv, "secret-env", "HMACSIGN_SECRET", "`NAME` of the environment variable with the secret")
	fs.StringVar(&r.secretFile, "secret-file", "", "`PATH` of a file with the secret, one newline at its end left out")
	fs.StringVar(&r.profile, "profile", "", "`NAME` of the profile in the config file to use; without it HMACSIGN_PROFILE; hmacsign profile --help tells more")
	fs.StringVar(&r.date, "date", "", "signing `TIME`: RFC 1123, RFC 3339 or 20060102T150405Z; without it now")
	fs.StringVar(&r.signedHeaders, "signed-headers", "", "`NAMES` of headers to sign beside the scheme's own, separated by commas or spaces")
	fs.StringVar(&r.queryForm, "query-form", "documented", "how parameters are signed: `documented|raw|decoded`")
	fs.StringVar(&r.contentMD5, "content-md5", "hex", "how the body's MD5 is sent: `hex|raw|none`")
	fs.StringVar(&r.region, "region", "", "`REGION` of a derived key (V11), with --service")
	fs.StringVar(&r.service, "service", "", "`SERVICE` of a derived key")
	fs.BoolVar(&r.keepEnvironment, "no-strip-environment", false, "sign the path with its first segment release, test or prepub")
}

// complete has the shell complete the values of these flags.
func (r *requestFlags) complete(c *cobra.Command) {
	completeFlag(c, "scheme", schemeNames()...)
	completeFlag(c, "algorithm", algo.Algorithms()...)
	completeFlag(c, "backend", backendNames()...)
	completeProfile(c)
	completeFlag(c, "query-form", "documented", "raw", "decoded")
	completeFlag(c, "content-md5", "hex", "raw", "none")
}

// takesURL allows one URL, as an argument or in --url.
func (r *requestFlags) takesURL(c *cobra.Command, args []string) error {
	if r.URL != "" {
		return arguments(0)(c, args)
	}
	if len(args) > 1 { // not shown: one may be the end of a secret header
		return ofCommand(c, usagef("there are %d URLs: give one, and quote a value that has spaces", len(args)))
	}
	return arguments(1, "URL")(c, args)
}

// prepare builds what the flags of a command that signs say, with the URL among the
// arguments or in --url.
func (r *requestFlags) prepare(args []string, io *streams) (*builtRequest, *requestSigner, error) {
	if len(args) > 0 {
		r.URL = args[0]
	}
	signer, err := r.signer(io)
	if err != nil {
		return nil, nil, err
	}
	r.ReadFile = io.readFile
	b, err := buildRequest(&r.Command)
	return b, signer, err
}

// tellForm tells of JSON that is sent as a form.
func (b *builtRequest) tellForm(io *streams) {
	if b.AsForm {
		io.note("-d sends this JSON as a form: --json sends it as JSON")
	}
}

// maxInput is the most that is read of a file: /dev/zero has no end. A variable, so that
// a test need not write as much.
var maxInput int64 = 1 << 30

// readFile reads a file that a flag names, - for standard input.
func (s *streams) readFile(name string) ([]byte, error) {
	f, err := s.open([]string{name})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var size int64
	if file, ok := f.(*os.File); ok {
		if info, err := file.Stat(); err == nil {
			size = min(info.Size(), maxInput) // room at once: growing would take three times as much
		}
	}
	b := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	n, err := b.ReadFrom(io.LimitReader(f, maxInput+1))
	if n > maxInput {
		return nil, fmt.Errorf("%q has more than %d bytes, and is held in memory: give a shorter one", name, maxInput)
	}
	return b.Bytes(), err
}

// flagSigner is the signer that the flags describe, after a profile was put into them.
func (r *requestFlags) flagSigner(io *streams) (*requestSigner, error) {
	scheme, err := r.signing(r.scheme)
	if err != nil {
		return nil, err
	}
	s := new(requestSigner)
	if r.date != "" {
		if s.at, s.fixed = parseTime(r.date); !s.fixed {
			return nil, dateError(r.date)
		}
	}
	cred := hmacsign.Credential{KeyID: r.keyID}
	if cred.KeyID == "" {
		cred.KeyID = os.Getenv("HMACSIGN_KEY_ID")
	}
	if cred.KeyID == "" {
		return nil, usagef("no key id: give --key-id or --profile, or set HMACSIGN_KEY_ID")
	}
	if r.secret != nil {
		if cred.Secret, err = r.secret(io); err != nil {
			return nil, err
		}
	} else if r.secretFile != "" {
		if cred.Secret, err = hmacsign.ReadSecretFile(r.secretFile); err != nil {
			return nil, err
		}
	} else if cred.Secret = hmacsign.Secret(os.Getenv(r.secretEnv)); cred.Secret.Reveal() == "" {
		return nil, noSecret(r.secretEnv)
	}
	opts := []hmacsign.SignerOption{
		hmacsign.WithClock(func() time.Time { return s.at }), hmacsign.WithMaxBody(maxBody), hmacsign.WithBackend(r.backend),
		hmacsign.WithSignedHeaders(strings.FieldsFunc(r.signedHeaders, func(c rune) bool { return c == ',' || c == ' ' })...),
	}
	s.Signer, err = hmacsign.NewSigner(scheme, r.algorithm, cred, opts...)
	return s, ofFlags(err)
}

// ofFlags makes an error one of usage, unless it is of what this program, this machine or
// the secret has.
func ofFlags(err error) error {
	of := func(kind error) bool { return errors.Is(err, kind) }
	if err == nil || slices.ContainsFunc([]error{algo.ErrUnknownBackend, algo.ErrBackendUnavailable, algo.ErrSelfTest, algo.ErrShortSecret, algo.ErrEmptySecret}, of) {
		return err
	}
	return usageError{err}
}

// noSecret does not show what is no variable's name: it may be the secret.
func noSecret(variable string) error {
	if strings.ContainsFunc(variable, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		return usagef("--secret-env takes the name of a variable, not the secret")
	}
	return usagef("no secret: set %s, or give --secret-env or --secret-file", variable)
}

// parseClock returns time.Now, or a clock that stands still at the given time.
func parseClock(text string) (func() time.Time, error) {
	if text == "" {
		return time.Now, nil
	}
	t, ok := parseTime(text)
	if !ok {
		return nil, dateError(text)
	}
	return func() time.Time { return t }, nil
}

func dateError(text string) error {
	return usagef("--date %q: write it as %q, 2021-03-11T08:29:58Z or 20210311T082958Z", text, "Thu, 11 Mar 2021 08:29:58 GMT")
}
