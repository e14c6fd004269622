package main

import (
	"errors"
	"io"
	"net/url"

	"github.com/spf13/pflag"
	"golang.org/x/net/idna"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// A builtRequest is the request of curl's flags.
type builtRequest struct{ httptext.Built }

// buildRequest makes the request of curl's flags. The signature takes a header of its own.
func buildRequest(c *httptext.Command) (*builtRequest, error) {
	c.ASCIIHost = idna.Lookup.ToASCII
	b, err := c.Build()
	if err != nil {
		return nil, ofText(err)
	}
	if _, given := b.Header["Authorization"]; given {
		return nil, usagef("-H Authorization: the signature goes there: leave it out")
	}
	return &builtRequest{*b}, nil
}

// ofText makes an error about a text one of usage, and not one about a file.
func ofText(err error) error {
	if errors.As(err, new(*httptext.Error)) {
		return usageError{err}
	}
	return err
}

func (b *builtRequest) bodyBytes() ([]byte, error) {
	body, err := b.GetBody()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

// urlText is the text of a URL of a request.
func urlText(u *url.URL) string {
	return u.Scheme + "://" + u.Host + u.RequestURI()
}

// optional is a text that may be given, the last time it is.
type optional httptext.Optional

func (o *optional) Set(text string) error { *o = optional{Text: text, Given: true}; return nil }
func (o *optional) String() string        { return o.Text }
func (*optional) Type() string            { return "text" }

// addRequestFlags defines curl's flags that shape a request.
func addRequestFlags(fs *pflag.FlagSet, c *httptext.Command) {
	fs.StringVar(&c.URL, "url", "", "the `URL`, as a flag")
	fs.StringVarP(&c.Method, "request", "X", "", "`METHOD`; without it GET, or POST with a body")
	fs.VarP((*words)(&c.Headers), "header", "H", "header `\"Name: value\"`, repeatable; \"Name:\" leaves a default one out, \"Name;\" sends it empty, @FILE reads one a line")
	fs.VarP(dataFlag{httptext.DataText, &c.Data}, "data", "d", "body `DATA`, repeatable (joined by &); @FILE without its newlines; a form unless a Content-Type is given")
	fs.Var(dataFlag{httptext.DataText, &c.Data}, "data-ascii", "body `DATA` as --data has it")
	fs.Var(dataFlag{httptext.DataRaw, &c.Data}, "data-raw", "body `DATA` in which @ is no file")
	fs.Var(dataFlag{httptext.DataBinary, &c.Data}, "data-binary", "body `DATA` as it is, or @FILE")
	fs.Var(dataFlag{httptext.DataURLEncoded, &c.Data}, "data-urlencode", "body `DATA` percent-encoded: content, =content, name=content, @FILE, name@FILE")
	fs.Var(dataFlag{httptext.DataJSON, &c.Data}, "json", "body `DATA` or @FILE as JSON, with Content-Type and Accept application/json")
	fs.VarP(formFlag{&c.Form, false}, "form", "F", "field of a multipart form: `name=value`, name=@FILE, name=<FILE, then ;type=... or ;filename=...")
	fs.Var(formFlag{&c.Form, true}, "form-string", "field of a multipart form: `name=value`, in which @, < and ; are nothing special")
	fs.BoolVarP(&c.Get, "get", "G", false, "send the data in the URL's query, with GET")
	fs.Var((*words)(&c.URLQuery), "url-query", "`DATA` for the URL's query, encoded as --data-urlencode does; behind a + as it is")
	fs.BoolVarP(&c.Head, "head", "I", false, "ask for the headers alone, with HEAD")
	fs.VarP((*optional)(&c.UserAgent), "user-agent", "A", "the header User-Agent: `NAME`, empty for none")
	fs.VarP((*optional)(&c.Referer), "referer", "e", "the header Referer: `URL`; behind ;auto redirects set it")
	fs.VarP((*words)(&c.Cookies), "cookie", "b", "the header Cookie: `name=value`, repeatable")
	fs.BoolVar(&c.Compressed, "compressed", false, "ask for a compressed answer, and decompress it")
	fs.BoolVar(&c.PathAsIs, "path-as-is", false, "leave /./ and /../ in the path")
	fs.BoolVarP(&c.GlobOff, "globoff", "g", false, "send braces and brackets of the URL as they are")
}

type dataFlag struct {
	kind httptext.DataKind
	to   *[]httptext.Data
}

func (d dataFlag) String() string { return "" }
func (d dataFlag) Set(s string) error {
	*d.to = append(*d.to, httptext.Data{Kind: d.kind, Value: s})
	return nil
}
func (d dataFlag) Type() string { return "text" }

type formFlag struct {
	to      *[]httptext.FormField
	literal bool
}

func (f formFlag) String() string { return "" }
func (f formFlag) Set(s string) error {
	*f.to = append(*f.to, httptext.FormField{Value: s, Literal: f.literal})
	return nil
}
func (f formFlag) Type() string { return "text" }
