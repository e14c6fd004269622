package httptext

import (
	"strconv"
	"strings"
)

// maxText is the longest text that is read.
const maxText = 16 << 20

// Parse reads a request in whatever form it is: a curl command, HTTP/1.1, HTTP/2 or
// HTTP/3, what curl -v or --trace shows, an entry of a HAR file or a HAR file with one.
// Its error is an [Error].
func Parse(text []byte) (*Request, error) {
	if len(text) > maxText {
		return nil, malformed("text_too_long", "limit", strconv.Itoa(maxText))
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
		return r, err
	case isTrace(start):
		return parseTrace(start)
	case strings.HasPrefix(start, "{"):
		return parseHAR(start)
	}
	return parseHTTP1(text) // which says what is amiss
}

// isCurl reports whether a command line begins, behind a prompt or not; its body may come
// from printf.
func isCurl(start string) bool {
	for _, prompt := range []string{"$", ">", "#", "%"} {
		start = strings.TrimPrefix(start, prompt+" ")
	}
	start = strings.TrimLeft(start, " \t")
	word := start
	if end := strings.IndexAny(start, " \t\r\n"); end >= 0 {
		word = start[:end]
	}
	word = strings.ToLower(strings.Trim(word, `"'`))
	word = word[strings.LastIndexAny(word, `/\`)+1:]
	body, grouped := strings.CutPrefix(start, "{")
	return word == "curl" || word == "curl.exe" || grouped && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "printf ")
}
