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

	"github.com/gmhmac/hmacsign/hmacsign"
)

func runVerify(c *command, args []string, io *streams) error {
	fs := new(flag.FlagSet)
	keysFile := fs.String("keys", "", "keys `FILE`, JSON: [{\"id\": \"...\", \"secret\": \"...\" or {\"env\": \"NAME\"} or {\"file\": \"PATH\"}, \"schemes\": [...], \"algorithms\": [...]}]")
	date := fs.String("date", "", "the verifier's `TIME`, as in sign; without it now")
	window := fs.Duration("window", hmacsign.DefaultWindow, "how far the request's date may be off, either way: `TIME`")
	forms := fs.String("query-form", "documented,raw", "query `FORMS` to accept, separated by commas")
	keep := fs.Bool("no-strip-environment", false, "the path is signed with its first segment release, test or prepub")
	backend := fs.String("backend", "", "`NAME` of the backend that must compute the MAC")
	output := fs.String("output", "text", "`text|json`")
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
	clock, err := parseClock(*date)
	if err != nil {
		return err
	}
	opts := []hmacsign.VerifierOption{hmacsign.WithClock(clock), hmacsign.WithWindow(*window), hmacsign.WithMaxBody(maxBody), hmacsign.WithBackend(*backend)}
	var accepted []hmacsign.QueryForm
	for form := range strings.SplitSeq(*forms, ",") {
		accepted = append(accepted, hmacsign.QueryForm(form))
	}
	opts = append(opts, hmacsign.AcceptQueryForms(accepted...))
	if *keep {
		opts = append(opts, hmacsign.KeepEnvironment())
	}
	v, err := hmacsign.NewVerifier(keys, opts...)
	if err != nil {
		return usageError{err}
	}
	f, err := io.open(positional)
	if err != nil {
		return err
	}
	defer f.Close()
	req, err := http.ReadRequest(bufio.NewReader(f))
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
}

func report(io *streams, output string, id *hmacsign.Identity, err error) error {
	var r verdict
	var refused *hmacsign.VerifyError
	switch {
	case err == nil:
		r = verdict{Accepted: true, KeyID: id.KeyID, Scheme: id.Scheme, Algorithm: id.Algorithm, Backend: id.Backend, Signed: id.SignedHeaders}
	case errors.As(err, &refused):
		r = verdict{Reason: refused.Code(), Detail: refused.Detail, KeyID: refused.KeyID, Scheme: refused.Scheme,
			Algorithm: refused.Algorithm, StringToSign: refused.StringToSign}
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
	} else if r.StringToSign != "" {
		fmt.Fprintf(io.out, "The signature should be that of this string, which the client can compare with its own:\n%s\n", r.StringToSign)
	}
	return err
}
