package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

func newSign(io *streams) *cobra.Command {
	r, output := new(requestFlags), ""
	c := &cobra.Command{
		Use:   "sign [flags] URL",
		Short: "Prints the signed request.",
		Args:  r.takesURL,
		RunE:  func(_ *cobra.Command, args []string) error { return runSign(r, args, output, io) },
	}
	r.add(c.Flags())
	r.complete(c)
	c.Flags().StringVar(&output, "output", "headers", "what to print: `headers|curl|http|json|string-to-sign`")
	refuseTransfer(c.Flags())
	refuseOthers(c.Flags())
	completeFlag(c, "output", "headers", "curl", "http", "json", "string-to-sign")
	return c
}

func runSign(r *requestFlags, args []string, output string, io *streams) error {
	print, ok := map[string]func(*streams, *signedRequest) error{
		"headers": printHeaders, "curl": printCurl, "http": printHTTP, "json": printJSON, "string-to-sign": printStringToSign,
	}[output]
	if !ok {
		return usagef("sign: --output %q: use headers, curl, http, json or string-to-sign", output)
	}
	b, signer, err := r.prepare(args, io)
	if err != nil {
		return err
	}
	b.tellForm(io)
	text, err := signer.sign(b)
	if err != nil {
		return err
	}
	body, err := b.bodyBytes()
	if err != nil {
		return err
	}
	return print(io, &signedRequest{b.Request, body, text})
}

// signedRequest is a request with its body in memory and the string it signs.
type signedRequest struct {
	*http.Request
	body         []byte
	stringToSign string
}

// eachHeader calls f with each header line in the order of the names.
func (s *signedRequest) eachHeader(f func(name, value string)) {
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		for _, value := range s.Header[name] {
			f(name, value)
		}
	}
}

// eachLeftOut calls f with each header that is not to be sent.
func (s *signedRequest) eachLeftOut(f func(name string)) {
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		if len(s.Header[name]) == 0 {
			f(name)
		}
	}
}

func printHeaders(io *streams, s *signedRequest) error {
	s.eachHeader(func(name, value string) { fmt.Fprintf(io.out, "%s: %s\n", name, value) })
	return nil
}

func printStringToSign(io *streams, s *signedRequest) error {
	_, err := fmt.Fprintln(io.out, s.stringToSign)
	return err
}

func printHTTP(io *streams, s *signedRequest) error {
	r, err := httptext.FromHTTP(s.Request)
	if err == nil {
		_, err = io.out.Write(r.Raw())
	}
	return err
}

// printCurl prints a command for a POSIX shell that sends exactly this request.
func printCurl(streams *streams, s *signedRequest) error {
	r, err := httptext.FromHTTP(s.Request)
	if err == nil {
		_, err = io.WriteString(streams.out, r.Curl())
	}
	return err
}

func printJSON(io *streams, s *signedRequest) error {
	s.eachLeftOut(s.Header.Del)
	e := json.NewEncoder(io.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Method       string      `json:"method"`
		URL          string      `json:"url"`
		Host         string      `json:"host"`
		Headers      http.Header `json:"headers"`
		Body         []byte      `json:"body_base64"`
		StringToSign string      `json:"string_to_sign"`
	}{s.Method, urlText(s.URL), s.Host, s.Header, s.body, s.stringToSign})
}
