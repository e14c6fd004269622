package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// An output is where the answer goes: a file that is made when something is written, or
// standard output.
type output struct {
	name   string // empty for standard output
	stdout io.Writer
	file   *os.File
}

// newOutput is that of -o and -O. Of several -o the first counts, as curl takes them for
// as many URLs.
func (f *transferFlags) newOutput(t httptext.Target, stdout io.Writer) (*output, error) {
	switch {
	case len(f.output) > 0 && f.output[0] == "-":
		return &output{stdout: stdout}, nil
	case len(f.output) > 0:
		return &output{name: f.output[0]}, nil
	case !f.remoteName:
		return &output{stdout: stdout}, nil
	}
	name := t.Path[strings.LastIndexByte(t.Path, '/')+1:]
	// Local is not what Windows has for a device, such as CON.
	if name == "" || name == "." || !filepath.IsLocal(name) || strings.ContainsAny(name, "\\:") {
		return nil, usagef("-O: the URL's path does not end in a file's name: give one with -o")
	}
	return &output{name: name}, nil
}

func (o *output) Write(p []byte) (int, error) {
	if o.name == "" {
		return o.stdout.Write(p)
	}
	if err := o.open(); err != nil {
		return 0, err
	}
	return o.file.Write(p)
}

func (o *output) open() (err error) {
	if o.file == nil {
		o.file, err = os.Create(o.name)
	}
	return err
}

// done makes the file also of an answer with nothing in it, and closes it.
func (o *output) done() error {
	if o.name == "" {
		return nil
	}
	if err := o.open(); err != nil {
		return err
	}
	return o.file.Close()
}

// truncate forgets what was written to the file, for another try. What is no file, such as
// a pipe, keeps it.
func (o *output) truncate() error {
	if o.file == nil {
		return nil
	}
	o.file.Close()
	o.file = nil
	info, err := os.Stat(o.name)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return os.Truncate(o.name, 0)
}

// headText is the head of an answer as it is printed.
func headText(resp *http.Response) string {
	var b strings.Builder
	proto, status := resp.Proto, resp.Status
	if resp.ProtoMajor > 1 {
		proto, status = fmt.Sprintf("HTTP/%d", resp.ProtoMajor), fmt.Sprintf("%d ", resp.StatusCode)
	}
	fmt.Fprintf(&b, "%s %s\r\n", proto, status)
	for _, line := range headLines(resp) {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}

// headLines are the header lines of an answer, sorted: net/http has lost their order.
func headLines(resp *http.Response) (lines []string) {
	header := resp.Header.Clone()
	if len(resp.TransferEncoding) > 0 {
		header["Transfer-Encoding"] = resp.TransferEncoding
	}
	if announced := slices.Sorted(maps.Keys(resp.Trailer)); len(announced) > 0 {
		header["Trailer"] = announced
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if resp.ProtoMajor > 1 {
				name = strings.ToLower(name)
			}
			lines = append(lines, name+": "+value)
		}
	}
	return lines
}

// maxCodings is how often a body may be encoded, as curl has it: a server can name codings
// without end, and each has a buffer.
const maxCodings = 5

// decoded is the body as it was before it was encoded, for --compressed.
func decoded(body io.Reader, header http.Header) (io.Reader, error) {
	codings := strings.FieldsFunc(strings.ToLower(strings.Join(header.Values("Content-Encoding"), ",")), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
	if len(codings) > maxCodings {
		return nil, fmt.Errorf("the answer is encoded %d times, more than %d: leave out --compressed", len(codings), maxCodings)
	}
	for _, coding := range slices.Backward(codings) {
		in := bufio.NewReader(body)
		first, err := in.Peek(2)
		if len(first) == 0 && err == io.EOF {
			return in, nil
		}
		switch body = in; coding {
		case "identity":
		case "gzip", "x-gzip":
			if body, err = gzip.NewReader(in); err != nil {
				return nil, fmt.Errorf("the answer is not in gzip, as it says it is")
			}
			body = decoding{body}
		case "deflate":
			body = decoding{inflated(in, first)}
		default:
			return nil, fmt.Errorf("the answer is encoded in %q: only gzip and deflate are decoded, leave out --compressed", coding)
		}
	}
	return body, nil
}

// decoding says in plain words that a body does not decode.
type decoding struct{ io.Reader }

func (d decoding) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errors.New("the answer was cut off, or is not in the encoding that it says")
	}
	return n, err
}

// inflated reads deflate with the header of zlib, as it should be, and without, as it is
// sometimes sent.
func inflated(in io.Reader, first []byte) io.Reader {
	if len(first) == 2 && first[0]&0xf == 8 && (int(first[0])<<8|int(first[1]))%31 == 0 {
		var seen bytes.Buffer
		if r, err := zlib.NewReader(io.TeeReader(in, &seen)); err == nil {
			return r
		}
		in = io.MultiReader(&seen, in)
	}
	return flate.NewReader(in)
}
