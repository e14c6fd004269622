package httptext

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// FromHTTP is a client's request, such as one that was signed, with the headers that
// net/http would send, sorted as it sends them. Its body is read by GetBody if there is
// one, else from Body, which is at its end then.
func FromHTTP(req *http.Request) (*Request, error) {
	body, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	r := &Request{Method: req.Method, Scheme: req.URL.Scheme, Host: req.Host, Target: req.URL.RequestURI(), Body: body}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if r.Host != req.URL.Host {
		r.address = req.URL.Host
	}
	add := func(name string) {
		for _, value := range req.Header[name] {
			r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: strings.Trim(value, " \t")})
		}
	}
	add("User-Agent")
	r.addFraming(len(req.TransferEncoding) > 0)
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		switch {
		case len(req.Header[name]) == 0:
			r.leftOut = append(r.leftOut, name)
		case !slices.Contains([]string{"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer"}, name):
			add(name)
		}
	}
	return r, nil
}

func bodyOf(req *http.Request) ([]byte, error) {
	body, err := req.Body, error(nil)
	if req.GetBody != nil {
		body, err = req.GetBody()
	}
	if body == nil || err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// addFraming adds the header that says how long the body is.
func (r *Request) addFraming(chunked bool) {
	posts := r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
	switch {
	case chunked:
		r.Header = append(r.Header, hmacsign.HeaderField{Name: "Transfer-Encoding", Value: "chunked"})
	case posts || len(r.Body) > 0:
		r.Header = append(r.Header, hmacsign.HeaderField{Name: "Content-Length", Value: strconv.Itoa(len(r.Body))})
	}
}

// Raw is the request in HTTP/1.1, with the right length.
func (r *Request) Raw() []byte {
	var b bytes.Buffer
	line := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Method, r.Target)
	if r.Host != "" {
		line("Host", r.Host)
	}
	framed, chunked := false, false
	for _, f := range r.Header {
		switch {
		case strings.EqualFold(f.Name, "Content-Length"):
			f.Value = strconv.Itoa(len(r.Body))
			framed = true
		case strings.EqualFold(f.Name, "Transfer-Encoding"):
			framed, chunked = true, true
		}
		line(f.Name, f.Value)
	}
	if !framed && len(r.Body) > 0 {
		line("Content-Length", strconv.Itoa(len(r.Body)))
	}
	b.WriteString("\r\n")
	if !chunked {
		b.Write(r.Body)
		return b.Bytes()
	}
	if len(r.Body) > 0 {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(r.Body), r.Body)
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// maxArgument is the longest body that goes on curl's command line; Linux
// allows 128 KiB for one argument.
const maxArgument = 64 << 10

// Curl is a command for a POSIX shell that sends exactly this request, but for the
// User-Agent of curl where there is none. A body that cannot be an argument comes from
// the shell's own printf.
func (r *Request) Curl() string {
	var b strings.Builder
	data := ""
	switch {
	case len(r.Body) == 0:
	case isArgument(r.Body):
		data = " \\\n  --data-raw " + quote(string(r.Body))
	default:
		printfOctal(&b, r.Body)
		data = " \\\n  --data-binary @-"
	}
	// -q: no settings of the user's; the others: the URL as it was signed.
	b.WriteString("curl -q --globoff --path-as-is")
	if r.Method == http.MethodHead && len(r.Body) == 0 {
		b.WriteString(" --head")
	} else {
		b.WriteString(" -X " + quote(r.Method))
	}
	if r.address != "" {
		b.WriteString(" \\\n  -H " + quote("Host: "+r.Host))
	}
	for _, name := range r.added() {
		b.WriteString(" \\\n  -H " + quote(name+":"))
	}
	for _, f := range r.Header {
		switch {
		case strings.EqualFold(f.Name, "Content-Length"):
		case f.Value == "":
			b.WriteString(" \\\n  -H " + quote(f.Name+";"))
		default:
			b.WriteString(" \\\n  -H " + quote(f.Name+": "+f.Value))
		}
	}
	url := r.scheme() + "://" + r.connectsTo()
	if needsOwn(r.Target) {
		b.WriteString(" \\\n  --request-target " + quote(r.Target))
		url += "/"
	} else {
		url += r.Target
	}
	b.WriteString(data + " \\\n  " + quote(url) + "\n")
	return b.String()
}

// added are the headers that curl would add, and the others that are left out.
func (r *Request) added() (names []string) {
	names = append(names, r.leftOut...)
	would := []string{"Accept"}
	if len(r.Body) > 0 {
		would = append(would, "Content-Type")
	}
	for _, name := range would {
		if len(r.values(name)) == 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// needsOwn reports whether curl would send another target than the URL has.
func needsOwn(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	return target == "*" || strings.Contains(target, "#") || strings.ContainsFunc(path, func(c rune) bool { return c >= 0x80 })
}

func isArgument(body []byte) bool {
	return len(body) <= maxArgument && !bytes.ContainsFunc(body, func(c rune) bool {
		return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xfffd
	})
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
