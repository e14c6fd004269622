package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A writeOut is the format of --write-out, in pieces.
type writeOut []func(*writeOutPrinter)

type writeOutPrinter struct {
	*report
	io *streams
	to io.Writer
}

// A writeOutVariable has a value that is a text, a number, a time, a status, or nil.
type writeOutVariable struct {
	name  string
	value func(*report) any
}

type statusCode int

// writeOutVariables are in the order in which %{json} has them.
func writeOutVariables() []writeOutVariable {
	number := func(n int64) any { return n }
	return []writeOutVariable{
		{"content_type", func(r *report) any { return textOrNil(r.header.Get("Content-Type")) }},
		{"errormsg", func(r *report) any {
			if r.failed == nil {
				return nil
			}
			return r.failed.Error()
		}},
		{"exitcode", func(r *report) any {
			if r.failed == nil {
				return number(0)
			}
			return number(1)
		}},
		{"filename_effective", func(r *report) any { return textOrNil(r.filename) }},
		{"http_code", func(r *report) any { return statusCode(r.code) }},
		{"http_version", func(r *report) any { return httpVersion(r.proto) }},
		{"local_ip", func(r *report) any { return addressOf(r.local) }},
		{"local_port", func(r *report) any { return number(portOf(r.local)) }},
		{"method", func(r *report) any { return r.method }},
		{"num_connects", func(r *report) any { return number(int64(r.connects)) }},
		{"num_headers", func(r *report) any { return number(int64(r.headers)) }},
		{"num_redirects", func(r *report) any { return number(int64(r.redirects)) }},
		{"num_retries", func(r *report) any { return number(int64(r.retries)) }},
		{"redirect_url", func(r *report) any { return textOrNil(r.redirectURL) }},
		{"referer", func(r *report) any { return textOrNil(r.referer) }},
		{"remote_ip", func(r *report) any { return addressOf(r.remote) }},
		{"remote_port", func(r *report) any { return number(portOf(r.remote)) }},
		{"response_code", func(r *report) any { return statusCode(r.code) }},
		{"scheme", func(r *report) any { return textOrNil(strings.ToUpper(r.scheme)) }},
		{"size_download", func(r *report) any { return number(r.downloaded) }},
		{"size_header", func(r *report) any { return number(r.headerSize) }},
		{"size_request", func(r *report) any { return number(r.requestSize) }},
		{"size_upload", func(r *report) any { return number(r.uploaded) }},
		{"speed_download", func(r *report) any { return number(r.speed(r.downloaded)) }},
		{"speed_upload", func(r *report) any { return number(r.speed(r.uploaded)) }},
		{"ssl_verify_result", func(r *report) any { return number(verifyResult(r.failed)) }},
		{"time_appconnect", func(r *report) any { return r.since(r.secured) }},
		{"time_connect", func(r *report) any { return r.since(r.connected) }},
		{"time_namelookup", func(r *report) any { return r.since(r.looked) }},
		{"time_pretransfer", func(r *report) any { return r.since(r.wroteHead) }},
		{"time_redirect", func(r *report) any { return r.redirectTime }},
		{"time_starttransfer", func(r *report) any { return r.since(r.answering) }},
		{"time_total", func(r *report) any { return r.total }},
		{"url", func(r *report) any { return r.given }},
		{"url_effective", func(r *report) any { return r.effective }},
	}
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func httpVersion(proto string) string {
	if proto == "" {
		return "0"
	}
	return strings.TrimSuffix(strings.TrimPrefix(proto, "HTTP/"), ".0")
}

func addressOf(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return ""
}

func portOf(a net.Addr) int64 {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return int64(tcp.Port)
	}
	return 0
}

func (r *report) speed(size int64) int64 {
	if r.total <= 0 {
		return 0
	}
	return int64(float64(size) / r.total.Seconds())
}

func (r *report) since(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return at.Sub(r.started)
}

// parseWriteOut reads a format: text, \n, \r, \t, %%, %{variable} and %header{name}; or
// @FILE that has one.
func parseWriteOut(text string, read func(string) ([]byte, error)) (format writeOut, err error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		content, err := read(file)
		if err != nil {
			return nil, err
		}
		text = strings.NewReplacer("\r", "", "\n", "").Replace(string(content)) // \n makes one
	}
	for text != "" {
		at := strings.IndexAny(text, `%\`)
		if at < 0 {
			at = len(text)
		}
		if at > 0 {
			format = append(format, literalPiece(text[:at]))
			text = text[at:]
			continue
		}
		var piece func(*writeOutPrinter)
		if piece, text, err = specialPiece(text); err != nil {
			return nil, err
		}
		format = append(format, piece)
	}
	return format, nil
}

func literalPiece(text string) func(*writeOutPrinter) {
	return func(p *writeOutPrinter) { io.WriteString(p.to, text) }
}

// specialPiece reads what begins with a percent sign or a backslash.
func specialPiece(text string) (piece func(*writeOutPrinter), rest string, err error) {
	for special, means := range map[string]string{`\n`: "\n", `\r`: "\r", `\t`: "\t", "%%": "%"} {
		if rest, ok := strings.CutPrefix(text, special); ok {
			return literalPiece(means), rest, nil
		}
	}
	if inside, ok := strings.CutPrefix(text, "%header{"); ok {
		if name, rest, ok := strings.Cut(inside, "}"); ok {
			return func(p *writeOutPrinter) { io.WriteString(p.to, strings.TrimSpace(p.header.Get(name))) }, rest, nil
		}
	}
	if inside, ok := strings.CutPrefix(text, "%{"); ok {
		if name, rest, ok := strings.Cut(inside, "}"); ok {
			piece, err = variablePiece(name)
			return piece, rest, err
		}
	}
	return literalPiece(text[:1]), text[1:], nil
}

func variablePiece(name string) (func(*writeOutPrinter), error) {
	switch name {
	case "stdout":
		return func(p *writeOutPrinter) { p.to = p.io.out }, nil
	case "stderr":
		return func(p *writeOutPrinter) { p.to = p.io.err }, nil
	case "onerror":
		return func(p *writeOutPrinter) {
			if p.failed == nil {
				p.to = io.Discard
			}
		}, nil
	case "json":
		return func(p *writeOutPrinter) { io.WriteString(p.to, p.json()) }, nil
	case "header_json":
		return func(p *writeOutPrinter) { io.WriteString(p.to, headerJSON(p.header)) }, nil
	}
	all := writeOutVariables()
	i := slices.IndexFunc(all, func(v writeOutVariable) bool { return v.name == name })
	if i < 0 {
		return nil, usagef("-w: there is no variable %%{%s}: %%{json} shows those that there are", clip(name))
	}
	return func(p *writeOutPrinter) { io.WriteString(p.to, asText(all[i].value(p.report))) }, nil
}

func asText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case time.Duration:
		return strconv.FormatFloat(v.Seconds(), 'f', 6, 64)
	case statusCode:
		return fmt.Sprintf("%03d", int(v))
	}
	return fmt.Sprint(value)
}

// json has every variable.
func (r *report) json() string {
	var lines []string
	for _, v := range writeOutVariables() {
		value := v.value(r)
		if d, ok := value.(time.Duration); ok {
			value = json.Number(asText(d))
		}
		lines = append(lines, fmt.Sprintf("%q:%s", v.name, jsonText(value)))
	}
	return "{" + strings.Join(lines, ",") + "}"
}

func jsonText(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil {
		return "null"
	}
	return strings.TrimSpace(b.String())
}

// headerJSON is the answer's header as curl prints it.
func headerJSON(header http.Header) string {
	var lines []string
	for name, values := range header {
		lines = append(lines, fmt.Sprintf("%s:%s", jsonText(strings.ToLower(name)), jsonText(values)))
	}
	slices.Sort(lines)
	return "{" + strings.Join(lines, ",\n") + "\n}"
}

// print prints what the format says of a try.
func (f writeOut) print(io *streams, r *report) {
	p := &writeOutPrinter{report: r, io: io, to: io.out}
	for _, piece := range f {
		piece(p)
	}
}
