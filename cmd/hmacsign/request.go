package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// maxBody is the limit on the command line, where the files are the user's own.
const maxBody = 1 << 40

// requestFlags describe a request in curl's words, and how to sign it.
type requestFlags struct {
	method  string
	headers []string
	data    []data

	scheme, algorithm, backend string
	keyID                      string
	secretEnv, secretFile      string
	date                       string
	signedHeaders              string
	schemeFlags
}

// data is a piece of the body, from one of curl's flags.
type data struct {
	kind  string // d, binary, urlencode, F
	value string
}

type dataFlag struct {
	kind string
	to   *[]data
}

func (d dataFlag) String() string     { return "" }
func (d dataFlag) Set(s string) error { *d.to = append(*d.to, data{d.kind, s}); return nil }
func (d dataFlag) Type() string       { return "text" }

func (r *requestFlags) add(fs *pflag.FlagSet) {
	r.set = fs
	fs.StringVarP(&r.method, "request", "X", "", "`METHOD`; without it GET, or POST with a body")
	fs.VarP((*words)(&r.headers), "header", "H", "header `\"Name: value\"`, repeatable; \"Name:\" leaves a default one out, \"Name;\" sends it empty, @FILE reads one a line")
	fs.VarP(dataFlag{"d", &r.data}, "data", "d", "body `DATA`, repeatable (joined by &); @FILE without its newlines; a form unless a Content-Type is given")
	fs.Var(dataFlag{"binary", &r.data}, "data-binary", "body `DATA` as it is, or @FILE")
	fs.Var(dataFlag{"urlencode", &r.data}, "data-urlencode", "body `DATA` percent-encoded: content, =content, name=content, @FILE, name@FILE")
	fs.VarP(dataFlag{"F", &r.data}, "form", "F", "field of a multipart form: `name=value`, name=@FILE, name=<FILE, then ;type=... or ;filename=...")
	fs.StringVar(&r.scheme, "scheme", hmacsign.TencentApp.Name(), "signature `SCHEME`: tencent-app, tencent-keypair, huawei-sdk")
	fs.StringVar(&r.algorithm, "algorithm", algo.HMACSHA256, "`NAME`: hmac-sha1, hmac-sha256, hmac-sm3")
	fs.StringVar(&r.backend, "backend", "", "`NAME` of the backend that must compute the MAC")
	fs.StringVar(&r.keyID, "key-id", "", "key `ID`; without it HMACSIGN_KEY_ID of the environment")
	fs.StringVar(&r.secretEnv, "secret-env", "HMACSIGN_SECRET", "`NAME` of the environment variable with the secret")
	fs.StringVar(&r.secretFile, "secret-file", "", "`PATH` of a file with the secret, one newline at its end left out")
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
	completeFlag(c, "query-form", "documented", "raw", "decoded")
	completeFlag(c, "content-md5", "hex", "raw", "none")
}

// prepare builds what the flags of a command that signs say.
func (r *requestFlags) prepare(url string, io *streams) (*http.Request, *hmacsign.Signer, error) {
	signer, err := r.signer()
	if err != nil {
		return nil, nil, err
	}
	req, err := r.request(url, io)
	return req, signer, err
}

func (r *requestFlags) signer() (*hmacsign.Signer, error) {
	scheme, err := r.signing(r.scheme)
	if err != nil {
		return nil, err
	}
	clock, err := parseClock(r.date)
	if err != nil {
		return nil, err
	}
	cred := hmacsign.Credential{KeyID: r.keyID}
	if cred.KeyID == "" {
		cred.KeyID = os.Getenv("HMACSIGN_KEY_ID")
	}
	if cred.KeyID == "" {
		return nil, usagef("no key id: give --key-id or set HMACSIGN_KEY_ID")
	}
	if r.secretFile != "" {
		if cred.Secret, err = hmacsign.ReadSecretFile(r.secretFile); err != nil {
			return nil, err
		}
	} else if cred.Secret = hmacsign.Secret(os.Getenv(r.secretEnv)); cred.Secret.Reveal() == "" {
		return nil, usagef("no secret: set %s, or give --secret-env or --secret-file", r.secretEnv)
	}
	opts := []hmacsign.SignerOption{
		hmacsign.WithClock(clock), hmacsign.WithMaxBody(maxBody), hmacsign.WithBackend(r.backend),
		hmacsign.WithSignedHeaders(strings.FieldsFunc(r.signedHeaders, func(c rune) bool { return c == ',' || c == ' ' })...),
	}
	return hmacsign.NewSigner(scheme, r.algorithm, cred, opts...)
}

// parseClock returns time.Now, or a clock that stands still at the given time.
func parseClock(text string) (func() time.Time, error) {
	if text == "" {
		return time.Now, nil
	}
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC3339, "20060102T150405Z"} {
		if t, err := time.Parse(layout, text); err == nil {
			return func() time.Time { return t }, nil
		}
	}
	return nil, usagef("--date %q: write it as %q, 2021-03-11T08:29:58Z or 20210311T082958Z", text, "Thu, 11 Mar 2021 08:29:58 GMT")
}

// request builds the request as curl would.
func (r *requestFlags) request(target string, io *streams) (*http.Request, error) {
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	body, contentType, err := r.body(io)
	if err != nil {
		return nil, err
	}
	method := r.method
	if method == "" {
		if method = http.MethodGet; body != nil {
			method = http.MethodPost
		}
	}
	req, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		return nil, usagef("%w", err)
	}
	if s := req.URL.Scheme; s != "http" && s != "https" || req.URL.Host == "" {
		return nil, usagef("%q is no http or https URL", target)
	}
	if user := req.URL.User; user != nil {
		return nil, usagef("a user in the URL would need the Authorization header that the signature takes: leave it out")
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, r.setHeaders(req)
}

func (r *requestFlags) setHeaders(req *http.Request) error {
	var lines []string
	for _, h := range r.headers {
		file, ok := strings.CutPrefix(h, "@")
		if !ok {
			lines = append(lines, h)
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		lines = append(lines, strings.Split(strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n"), "\n")...)
	}
	replaced := map[string]bool{} // a given header replaces a default one, further ones add
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !ok {
			if name, ok = strings.CutSuffix(line, ";"); !ok {
				return usagef("-H %q: write it as \"Name: value\"", line)
			}
		} else if value == "" {
			req.Header.Del(name)
			continue
		}
		name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		if name == "Host" {
			req.Host = value
			continue
		}
		if !replaced[name] {
			req.Header.Del(name)
			replaced[name] = true
		}
		req.Header.Add(name, value)
	}
	return nil
}

// body joins the pieces of the body; nil if there are none.
func (r *requestFlags) body(io *streams) (body []byte, contentType string, err error) {
	if len(r.data) == 0 {
		return nil, "", nil
	}
	if r.data[0].kind == "F" {
		return r.multipart(io)
	}
	body = []byte{}
	for i, d := range r.data {
		var piece []byte
		switch d.kind {
		case "d":
			if piece, err = readPiece(d.value, io); err == nil && strings.HasPrefix(d.value, "@") {
				piece = slices.DeleteFunc(piece, func(c byte) bool { return c == '\r' || c == '\n' || c == 0 })
			}
		case "binary":
			piece, err = readPiece(d.value, io)
		case "urlencode":
			piece, err = urlencode(d.value, io)
		default:
			err = usagef("-F makes a multipart form: it does not go with -d")
		}
		if err != nil {
			return nil, "", err
		}
		if i > 0 {
			body = append(body, '&')
		}
		body = append(body, piece...)
	}
	return body, "application/x-www-form-urlencoded", nil
}

func readPiece(value string, io *streams) ([]byte, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		return readFile(file, io)
	}
	return []byte(value), nil
}

func readFile(name string, streams *streams) ([]byte, error) {
	f, err := streams.open([]string{name})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func urlencode(value string, io *streams) ([]byte, error) {
	at := strings.IndexAny(value, "=@")
	if at < 0 {
		return escape([]byte(value)), nil
	}
	name, content := value[:at], []byte(value[at+1:])
	if value[at] == '@' {
		var err error
		if content, err = readFile(value[at+1:], io); err != nil {
			return nil, err
		}
	}
	if content = escape(content); name != "" {
		content = append([]byte(name+"="), content...)
	}
	return content, nil
}

// escape is curl's: a space becomes %20, not a plus.
func escape(b []byte) []byte {
	return []byte(strings.ReplaceAll(url.QueryEscape(string(b)), "+", "%20"))
}

// multipart builds the form of the -F flags.
func (r *requestFlags) multipart(streams *streams) ([]byte, string, error) {
	var form []hmacsign.Part
	for _, d := range r.data {
		if d.kind != "F" {
			return nil, "", usagef("-F makes a multipart form: it does not go with -d")
		}
		name, value, ok := strings.Cut(d.value, "=")
		if !ok {
			return nil, "", usagef("-F %q: write it as name=value or name=@FILE", d.value)
		}
		part := hmacsign.Part{Name: name}
		content, settings, _ := strings.Cut(value, ";")
		for setting := range strings.SplitSeq(settings, ";") {
			switch key, v, _ := strings.Cut(strings.TrimSpace(setting), "="); key {
			case "":
			case "type":
				part.Type = v
			case "filename":
				part.Filename = strings.Trim(v, `"`)
			default:
				content += ";" + setting
			}
		}
		part.Content = strings.NewReader(content)
		if strings.HasPrefix(content, "@") || strings.HasPrefix(content, "<") {
			text, err := readFile(content[1:], streams)
			if err != nil {
				return nil, "", err
			}
			part.Content = bytes.NewReader(text)
			if content[0] == '@' && part.Filename == "" {
				part.Filename = filepath.Base(content[1:])
			}
		}
		form = append(form, part)
	}
	req, err := hmacsign.NewMultipartRequest(context.Background(), "http://localhost", form...)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(req.Body)
	return body, req.Header.Get("Content-Type"), err
}
