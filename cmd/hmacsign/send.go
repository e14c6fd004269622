package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// sendFlags are those of send beside those of sign.
type sendFlags struct {
	requestFlags
	verbose bool
	timeout time.Duration
}

func newSend(io *streams) *cobra.Command {
	f := new(sendFlags)
	c := &cobra.Command{
		Use:   "send [flags] URL",
		Short: "Signs a request, sends it and prints the response.",
		Args:  arguments(1, "URL"),
		RunE:  func(_ *cobra.Command, args []string) error { return f.run(args[0], io) },
	}
	f.add(c.Flags())
	f.complete(c)
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show on standard error what was signed, sent and answered")
	durationVar(c.Flags(), &f.timeout, "timeout", "", 30*time.Second, "give up after this `TIME`")
	return c
}

func (f *sendFlags) run(url string, streams *streams) error {
	req, signer, err := f.prepare(url, streams)
	if err != nil {
		return err
	}
	signed, err := sign(signer, req)
	if err != nil {
		return err
	}
	if f.verbose {
		fmt.Fprintf(streams.err, "* string to sign:\n  %s\n", strings.ReplaceAll(signed.stringToSign, "\n", "\n  "))
		fmt.Fprintf(streams.err, "> %s %s\n> Host: %s\n", req.Method, req.URL.RequestURI(), req.Host)
		signed.eachHeader(func(name, value string) { fmt.Fprintf(streams.err, "> %s: %s\n", name, value) })
	}
	client := &http.Client{Timeout: f.timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // as curl: the signature is for this URL
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if f.verbose {
		fmt.Fprintf(streams.err, "< %s %s\n", resp.Proto, resp.Status)
		(&signedRequest{Request: &http.Request{Header: resp.Header}}).eachHeader(func(name, value string) {
			fmt.Fprintf(streams.err, "< %s: %s\n", name, value)
		})
	}
	if _, err := io.Copy(streams.out, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil
}
