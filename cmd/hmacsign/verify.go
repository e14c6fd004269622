package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// verifierFlags are those of verify and serve alike.
type verifierFlags struct {
	schemeFlags
	date, backend string
	window        time.Duration
}

func (f *verifierFlags) add(fs *flag.FlagSet) {
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
	schemes, err := f.verifying()
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
	f.add(fs)
	positional, err := c.parse(fs, args, io, 1)
	if err != nil {
		return err
	}
	if *output != "text" && *output != "json" {
		return usagef("verify: --output %q: use text or json", *output)
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
	req, err := http.ReadRequest(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("not a raw HTTP/1.1 request: %w", err)
	}
	id, err := v.Verify(req)
	return report(io, *output, id, err)
}

func readKeys(path string) (hmacsign.KeyStore, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return hmacsign.ReadKeys(f)
}

// verdict is what verify prints as JSON.
type verdict struct {
	Accepted     bool     `json:"accepted"`
	Reason       string   `json:"reason,omitempty"`
	Detail       string   `json:"detail,omitempty"`
	KeyID        string   `json:"key_id"`
	Scheme       string   `json:"scheme"`
	Algorithm    string   `json:"algorithm"`
	Backend      string   `json:"backend,omitempty"`
	Signed       []string `json:"signed_headers,omitempty"`
	StringToSign string   `json:"string_to_sign,omitempty"`
	// CanonicalRequest is what huawei-sdk puts into the string as a hash.
	CanonicalRequest string `json:"canonical_request,omitempty"`
	Mistake          string `json:"mistake,omitempty"`
	Explanation      string `json:"explanation,omitempty"`
}

func report(io *streams, output string, id *hmacsign.Identity, err error) error {
	var r verdict
	var refused *hmacsign.VerifyError
	switch {
	case err == nil:
		r = verdict{Accepted: true, KeyID: id.KeyID, Scheme: id.Scheme, Algorithm: id.Algorithm, Backend: id.Backend, Signed: id.SignedHeaders}
	case errors.As(err, &refused):
		r = verdict{Reason: refused.Code(), Detail: refused.Detail, KeyID: refused.KeyID, Scheme: refused.Scheme,
			Algorithm: refused.Algorithm, StringToSign: refused.StringToSign, CanonicalRequest: refused.CanonicalRequest}
		if why := refused.Explanation; why != nil && (why.Mistake.Code != "" || r.StringToSign != "") {
			r.Mistake, r.Explanation = why.Mistake.Code, why.String()
		}
	default:
		return err
	}
	if output == "json" {
		e := json.NewEncoder(io.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if jsonErr := e.Encode(r); jsonErr != nil {
			return jsonErr
		}
	} else if r.Accepted {
		fmt.Fprintf(io.out, "accepted: key id %s, scheme %s, algorithm %s on backend %s, signed headers %s\n",
			r.KeyID, r.Scheme, r.Algorithm, r.Backend, strings.Join(r.Signed, " "))
	} else {
		fmt.Fprint(io.out, r.Explanation)
		if r.CanonicalRequest != "" {
			fmt.Fprintf(io.out, "The canonical request should be:\n%s\n", r.CanonicalRequest)
		}
		if r.StringToSign != "" {
			fmt.Fprintf(io.out, "The signature should be that of this string:\n%s\n", r.StringToSign)
		}
	}
	return err
}
