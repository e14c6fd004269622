package tabs

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A pasted string is one as some program printed it.
type pasted struct {
	texts  []string // what it may have been, the likeliest first; none of an answer without
	answer bool     // of a gateway
	folded string   // its string to sign, with # for newlines
}

// readPasted takes a string out of what was pasted: in quotes, as Go's %q, JSON and
// Python's repr print it, as it is, or in a gateway's answer.
func readPasted(text string) pasted {
	trimmed := strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if folded, ok := readAnswer(trimmed); ok {
		if folded == "" {
			return pasted{answer: true}
		}
		return pasted{answer: true, folded: folded, texts: []string{strings.ReplaceAll(folded, "#", "\n")}}
	}
	if own, ok := unquote(trimmed); ok {
		return pasted{texts: []string{own}}
	}
	lf := strings.ReplaceAll(text, "\r\n", "\n")
	likely := strings.Trim(lf, "\n")
	all := []string{likely}
	if !strings.Contains(likely, "\n") && strings.Contains(likely, `\n`) {
		if own, ok := unescape(likely, 0); ok {
			all = []string{own, likely}
		}
	}
	for _, other := range []string{likely + "\n", strings.ReplaceAll(likely, "\n", "\r\n"), lf, text} {
		if !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return pasted{texts: all}
}

const stringMark = "Server StringToSign:"

// words are how gateways' messages without a string begin.
var words = []string{"HMAC ", "Authorization not found", "Authorization format incorrect", "Signing key not found", "Signed header ", "Header x-sdk-date not found",
	"Signature expired", "Verify authroization failed", "Verify authorization failed", "Incorrect IAM authentication information"}

// readAnswer takes the gateway's string out of its answer, whole or the message alone: it
// is empty if the answer has none.
func readAnswer(text string) (folded string, isAnswer bool) {
	body := text
	if strings.HasPrefix(text, "HTTP/") {
		isAnswer = true
		_, body, _ = strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	}
	message := body
	if start := strings.IndexByte(body, '{'); start >= 0 && (start == 0 || isAnswer) {
		message, isAnswer = messageOf(body[start:]), true
	}
	if _, after, found := strings.Cut(message, stringMark); found {
		return strings.TrimRight(after, " \r\n"), true
	}
	for _, word := range words {
		isAnswer = isAnswer || strings.HasPrefix(strings.TrimSpace(message), word)
	}
	return "", isAnswer
}

// messageOf is the text of a JSON object that holds the gateway's string, or the object
// as it is.
func messageOf(object string) string {
	var members map[string]any
	if json.NewDecoder(strings.NewReader(object)).Decode(&members) == nil {
		for _, member := range members {
			if text, ok := member.(string); ok && strings.Contains(text, stringMark) {
				return text
			}
		}
		return ""
	}
	// It is not whole: the string ends at its quote, if that is there.
	_, text, found := strings.Cut(object, stringMark)
	if !found {
		return ""
	}
	end := 0
	for end < len(text) && text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	text, _ = unescape(text[:min(end, len(text))], 0)
	return stringMark + text
}

// unquote reads a string in quotes, of Python's bytes too.
func unquote(text string) (string, bool) {
	bytes := strings.HasPrefix(text, `b'`) || strings.HasPrefix(text, `b"`)
	if bytes {
		text = text[1:]
	}
	if len(text) < 2 || text[0] != '"' && text[0] != '\'' || text[len(text)-1] != text[0] {
		return "", false
	}
	return unescape(text[1:len(text)-1], text[0])
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', 'a': '\a', 'v': '\v', '\\': '\\', '\'': '\'', '"': '"', '/': '/'}

// unescape reads the escapes of Go, JSON, JavaScript and Python. The quote around them
// does not stand alone within.
func unescape(text string, quote byte) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote && quote != 0:
			return "", false
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if i++; i == len(text) {
			return "", false
		}
		if c, ok := escapes[text[i]]; ok {
			b.WriteByte(c)
			continue
		}
		digits, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[i]]
		if !ok || len(text)-i-1 < digits {
			return "", false
		}
		value, err := strconv.ParseUint(text[i+1:i+1+digits], 16, 32)
		if err != nil {
			return "", false
		}
		i += digits
		if digits == 2 {
			b.WriteByte(byte(value))
			continue
		}
		r := rune(value)
		if utf16.IsSurrogate(r) && strings.HasPrefix(text[i+1:], `\u`) && len(text)-i-1 >= 6 {
			if low, err := strconv.ParseUint(text[i+3:i+7], 16, 32); err == nil {
				r, i = utf16.DecodeRune(r, rune(low)), i+6
			}
		}
		b.WriteString(string(utf8.AppendRune(nil, r)))
	}
	return b.String(), true
}
