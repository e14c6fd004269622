package main

import "github.com/spf13/pflag"

// addFlags defines curl's flags that shape a request.
func (c *curlRequest) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.url, "url", "", "the `URL`, as a flag")
	fs.StringVarP(&c.method, "request", "X", "", "`METHOD`; without it GET, or POST with a body")
	fs.VarP((*words)(&c.headers), "header", "H", "header `\"Name: value\"`, repeatable; \"Name:\" leaves a default one out, \"Name;\" sends it empty, @FILE reads one a line")
	fs.VarP(dataFlag{dataText, &c.data}, "data", "d", "body `DATA`, repeatable (joined by &); @FILE without its newlines; a form unless a Content-Type is given")
	fs.Var(dataFlag{dataText, &c.data}, "data-ascii", "body `DATA` as --data has it")
	fs.Var(dataFlag{dataRaw, &c.data}, "data-raw", "body `DATA` in which @ is no file")
	fs.Var(dataFlag{dataBinary, &c.data}, "data-binary", "body `DATA` as it is, or @FILE")
	fs.Var(dataFlag{dataURLEncoded, &c.data}, "data-urlencode", "body `DATA` percent-encoded: content, =content, name=content, @FILE, name@FILE")
	fs.Var(dataFlag{dataJSON, &c.data}, "json", "body `DATA` or @FILE as JSON, with Content-Type and Accept application/json")
	fs.VarP(formFlag{&c.form, false}, "form", "F", "field of a multipart form: `name=value`, name=@FILE, name=<FILE, then ;type=... or ;filename=...")
	fs.Var(formFlag{&c.form, true}, "form-string", "field of a multipart form: `name=value`, in which @, < and ; are nothing special")
	fs.BoolVarP(&c.get, "get", "G", false, "send the data in the URL's query, with GET")
	fs.Var((*words)(&c.urlQuery), "url-query", "`DATA` for the URL's query, encoded as --data-urlencode does; behind a + as it is")
	fs.BoolVarP(&c.head, "head", "I", false, "ask for the headers alone, with HEAD")
	fs.VarP(&c.agent, "user-agent", "A", "the header User-Agent: `NAME`, empty for none")
	fs.VarP(&c.referer, "referer", "e", "the header Referer: `URL`; behind ;auto redirects set it")
	fs.VarP((*words)(&c.cookies), "cookie", "b", "the header Cookie: `name=value`, repeatable")
	fs.BoolVar(&c.compressed, "compressed", false, "ask for a compressed answer, and decompress it")
	fs.BoolVar(&c.pathAsIs, "path-as-is", false, "leave /./ and /../ in the path")
	fs.BoolVarP(&c.globOff, "globoff", "g", false, "send braces and brackets of the URL as they are")
}

type dataFlag struct {
	kind dataKind
	to   *[]data
}

func (d dataFlag) String() string     { return "" }
func (d dataFlag) Set(s string) error { *d.to = append(*d.to, data{d.kind, s}); return nil }
func (d dataFlag) Type() string       { return "text" }

type formFlag struct {
	to      *[]formField
	literal bool
}

func (f formFlag) String() string     { return "" }
func (f formFlag) Set(s string) error { *f.to = append(*f.to, formField{s, f.literal}); return nil }
func (f formFlag) Type() string       { return "text" }
