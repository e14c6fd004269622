package tabs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// Until httptext reads and writes texts.

func parse(text []byte) (*httptext.Request, error) {
	head, body, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	first := strings.Fields(lines[0])
	if len(first) != 3 {
		return nil, &httptext.Error{Reason: httptext.ErrMalformed, Code: "text_unknown"}
	}
	r := &httptext.Request{Method: first[0], Target: first[1], Body: []byte(body)}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			r.Host = value
			continue
		}
		r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
	}
	return r, nil
}

func rawOf(r *httptext.Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	for _, f := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	if len(r.Body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	return b.Bytes()
}

func curlOf(r *httptext.Request) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	text := "curl -q --globoff --path-as-is -X " + quote(r.Method)
	for _, f := range r.Header {
		text += " \\\n  -H " + quote(f.Name+": "+f.Value)
	}
	if len(r.Body) > 0 {
		text += " \\\n  --data-raw " + quote(string(r.Body))
	}
	return text + " \\\n  " + quote(r.Scheme+"://"+r.Host+r.Target) + "\n"
}

func httpOf(r *httptext.Request) (*http.Request, error) {
	path, query, _ := strings.Cut(r.Target, "?")
	req := &http.Request{Method: r.Method, Host: r.Host, URL: &url.URL{Scheme: r.Scheme, Host: r.Host, Opaque: path, RawQuery: query}, Header: http.Header{}, ContentLength: int64(len(r.Body))}
	for _, f := range r.Header {
		req.Header.Add(f.Name, f.Value)
	}
	req.GetBody = func() (io.ReadCloser, error) {
		if len(r.Body) == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(bufio.NewReader(bytes.NewReader(r.Body))), nil
	}
	req.Body, _ = req.GetBody()
	return req, nil
}

func wireOf(r *httptext.Request) *hmacsign.WireRequest {
	return &hmacsign.WireRequest{Method: r.Method, Target: r.Target, Host: r.Host, Header: slices.Clone(r.Header), Body: io.NopCloser(bytes.NewReader(r.Body))}
}
