package scheme

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strings"
	"unicode/utf8"
)

// A client that counts Content-Length in characters sends a body which is cut short
// by as many bytes as its characters have beyond one each.

// CutTails are what may be missing at the end of such a body, as far as it can be
// told: that a digest is that of the body and such a tail proves it.
func (s *Search) CutTails() (tails []string) {
	surplus := len(s.Body) - utf8.RuneCount(s.Body)
	if surplus <= 0 || !s.HasBody || !utf8.Valid(s.Body) || !s.Afford(2*len(s.Body)) {
		return nil
	}
	add := func(tail string) {
		if tail != "" && len(tail) <= surplus {
			tails = append(tails, tail)
		}
	}
	mediaType, params, _ := mime.ParseMediaType(first(s.Message.Header["Content-Type"]))
	if boundary := params["boundary"]; strings.HasPrefix(mediaType, "multipart/") && boundary != "" {
		for _, end := range []string{"\r\n--" + boundary + "--\r\n", "\r\n--" + boundary + "--", "\n--" + boundary + "--\n"} {
			for missing := 1; missing < len(end); missing++ {
				if bytes.HasSuffix(s.Body, []byte(end[:len(end)-missing])) {
					add(end[len(end)-missing:])
				}
			}
		}
		return tails
	}
	for _, tail := range jsonTails(s.Body, surplus) {
		add(tail)
		add(tail + "\n")
		add(tail + "\r\n")
	}
	return tails
}

// jsonTails are what completes JSON that is cut: quotes and brackets, and the rest of
// a word.
func jsonTails(body []byte, limit int) (tails []string) {
	if json.Valid(body) {
		return nil
	}
	var open []byte
	quoted := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			open = append(open, c+2) // its other half in ASCII
		case (c == '}' || c == ']') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) > limit {
		return nil
	}
	tail := make([]byte, 0, len(open)+1)
	if quoted {
		tail = append(tail, '"')
	}
	for i := len(open) - 1; i >= 0; i-- {
		tail = append(tail, open[i])
	}
	try := func(rest string) {
		if whole := string(body) + rest; json.Valid([]byte(whole)) {
			tails = append(tails, rest)
		}
	}
	if try(string(tail)); len(tails) > 0 || quoted {
		return tails
	}
	for _, word := range []string{"true", "false", "null"} {
		for n := 1; n < len(word); n++ {
			if bytes.HasSuffix(body, []byte(word[:n])) {
				try(word[n:] + string(tail))
			}
		}
	}
	return tails
}

// CutShort reports whether the body looks like one that was cut in this way, with
// nothing to prove it by: it holds characters of several bytes, and ends before it
// is complete.
func (s *Search) CutShort() bool {
	if !s.HasBody || len(s.Message.Header["Content-Length"]) == 0 || !s.Afford(4*len(s.Body)) {
		return false
	}
	whole := withoutCutRune(s.Body)
	if len(whole) == utf8.RuneCount(whole) || !utf8.Valid(whole) {
		return false
	}
	if len(whole) < len(s.Body) {
		return true
	}
	mediaType, params, _ := mime.ParseMediaType(first(s.Message.Header["Content-Type"]))
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		boundary := params["boundary"]
		return boundary != "" && bytes.Contains(whole, []byte("--"+boundary+"\r\n")) && !bytes.Contains(whole, []byte("--"+boundary+"--"))
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		return endsEarly(whole)
	}
	return false
}

// withoutCutRune leaves out a character at the end of which only the first bytes are
// there.
func withoutCutRune(body []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(body); n++ {
		if last := body[len(body)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return body[:len(body)-n]
			}
			break
		}
	}
	return body
}

// endsEarly reports whether a text is the beginning of JSON.
func endsEarly(text []byte) bool {
	var value json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(&value), io.ErrUnexpectedEOF)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
