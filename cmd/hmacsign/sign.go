package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newSign(io *streams) *cobra.Command {
	r, output := new(requestFlags), ""
	c := &cobra.Command{
		Use:   "sign [flags] URL",
		Short: "Prints the signed request.",
		Args:  arguments(0, "URL"),
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
	setDefault(s.Header, "User-Agent") // none: net/http would add its own
	return s.Write(io.out)
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

// maxArgument is the longest body that goes on curl's command line; Linux
// allows 128 KiB for one argument.
const maxArgument = 64 << 10

// printCurl prints a command for a POSIX shell that sends exactly this request.
// A body that cannot be an argument comes from the shell's own printf.
func printCurl(streams *streams, s *signedRequest) error {
	var b strings.Builder
	var data string
	switch {
	case len(s.body) == 0:
	case len(s.body) <= maxArgument && !bytes.ContainsFunc(s.body, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xfffd }):
		data = " \\\n  --data-raw " + quote(string(s.body))
	default:
		printfOctal(&b, s.body)
		data = " \\\n  --data-binary @-"
	}
	// -q: no settings of the user's; the others: the URL as it was signed.
	fmt.Fprintf(&b, "curl -q --globoff --path-as-is")
	if s.Method == http.MethodHead && len(s.body) == 0 {
		b.WriteString(" --head")
	} else {
		b.WriteString(" -X " + quote(s.Method))
	}
	if s.Host != s.URL.Host {
		b.WriteString(" \\\n  -H " + quote("Host: "+s.Host))
	}
	if data != "" {
		setDefault(s.Header, "Content-Type")
	}
	s.eachLeftOut(func(name string) { b.WriteString(" \\\n  -H " + quote(name+":")) })
	s.eachHeader(func(name, value string) {
		if value = strings.TrimSpace(value); value == "" {
			b.WriteString(" \\\n  -H " + quote(name+";"))
			return
		}
		b.WriteString(" \\\n  -H " + quote(name+": "+value))
	})
	fmt.Fprintf(&b, "%s \\\n  %s\n", data, quote(urlText(s.URL)))
	_, err := io.WriteString(streams.out, b.String())
	return err
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// printfOctal writes printf commands that print b, joined in a pipe to what
// follows. Each is kept to a length that every shell takes.
func printfOctal(w *strings.Builder, b []byte) {
	w.WriteString("{\n")
	for chunk := range slices.Chunk(b, 4096) {
		w.WriteString("printf '")
		for i, c := range chunk {
			option := c == '-' && i == 0
			if !option && c >= ' ' && c < 0x7f && c != '\'' && c != '%' && c != '\\' {
				w.WriteByte(c)
			} else {
				fmt.Fprintf(w, `\%03o`, c)
			}
		}
		w.WriteString("'\n")
	}
	w.WriteString("} | ")
}
