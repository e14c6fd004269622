package httptext

import (
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// MaxText is the longest text that is read.
const MaxText = 16 << 20

// Parse reads a request in whatever form it is: a curl command, HTTP/1.1, HTTP/2 or
// HTTP/3, what curl -v or --trace shows, an entry of a HAR file or a HAR file with one.
// Its error is an [Error].
func Parse(text []byte) (*Request, error) {
	if len(text) > MaxText {
		return nil, malformed("text_too_long", "limit", strconv.Itoa(MaxText))
	}
	s := string(text)
	if strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff") {
		return nil, unsupported("text_utf16")
	}
	bare := strings.TrimPrefix(s, "\ufeff")
	r, err := parseForm(bare)
	if err != nil {
		return nil, err
	}
	if bare != s {
		r.note("text_bom")
	}
	return r, nil
}

// parseForm finds out which form it is.
func parseForm(text string) (*Request, error) {
	start := strings.TrimLeft(text, " \t\r\n")
	first, _, _ := strings.Cut(start, "\n")
	first = strings.TrimRight(first, " \t\r")
	_, _, version, isRequest := requestLine(first)
	switch {
	case start == "":
		return nil, malformed("text_empty")
	case isRequest && strings.HasPrefix(version, "HTTP/1"):
		return parseHTTP1(text)
	case isRequest || strings.HasPrefix(start, ":"):
		return parseHTTP2(text)
	case isCurl(start):
		r, err := parseCurl(text)
		if err != nil && isTrace(start) { // the command, and what it printed
			return parseTrace(start)
		}
		if err != nil {
			return nil, err
		}
		return r, r.check()
	case isTrace(start):
		return parseTrace(start)
	case strings.HasPrefix(start, "{"):
		return parseHAR(start)
	case strings.HasPrefix(start, "HTTP/"):
		return nil, malformed("text_answer")
	case isOtherClient(start):
		return nil, unsupported("text_no_curl")
	}
	return parseHTTP1(text) // which says what is amiss
}

// isOtherClient reports whether a text begins as what browsers copy beside curl commands
// (PowerShell, fetch), or as another client's command.
func isOtherClient(start string) bool {
	for _, begin := range []string{"$session ", "Invoke-WebRequest ", "Invoke-RestMethod ", "fetch(", "await fetch(", "wget ", "http ", "https "} {
		if strings.HasPrefix(start, begin) {
			return true
		}
	}
	return false
}

// check holds what does not come as text of HTTP to what does.
func (r *Request) check() error {
	if !scheme.IsToken(r.Method) {
		return malformed("http_method")
	}
	if err := r.setTarget(r.Target); err != nil {
		return err
	}
	fields := r.Header
	r.Header = nil
	for _, f := range fields {
		if err := r.addHeader(f.Name, f.Value); err != nil {
			return err
		}
	}
	if err := r.checkHead(); err != nil {
		return err
	}
	f, err := r.framing()
	if err == nil && f.stated {
		r.noteLength(f.length)
	}
	return err
}

// isCurl reports whether a command line begins, behind a prompt or not.
func isCurl(start string) bool {
	command, _ := cutPrompt(start)
	return beginsCommand(command)
}
