package httptext

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// isTrace reports whether a text is what curl shows with -v, --trace or --trace-ascii.
func isTrace(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		sent, ok := strings.CutPrefix(withoutTime(line), "> ")
		if _, _, _, isRequest := requestLine(sent); ok && isRequest || isBlock(line, "=> Send header") {
			return true
		}
	}
	return false
}

// parseTrace reads what curl shows: what was sent, and nothing else of it.
func parseTrace(text string) (*Request, error) {
	sent := sentLines(text)
	bodies := strings.Contains(text, "=> Send ")
	if bodies {
		var err error
		if sent, err = sentBlocks(text); err != nil {
			return nil, err
		}
	}
	sent = withoutConnect(sent)
	if len(sent) != 1 {
		return nil, unsupported("trace_requests", "count", strconv.Itoa(len(sent)))
	}
	r, err := parseForm(string(sent[0].text))
	if err != nil {
		return nil, err
	}
	f, err := r.framing()
	switch {
	case err != nil:
		return nil, err
	case len(r.Body) == 0 && (f.length > 0 || f.chunked && !bodies):
		r.Notes = slices.DeleteFunc(r.Notes, func(n Note) bool { return n.Code == "http_shorter" || n.Code == "http_chunks_off" })
		r.note("trace_no_body")
	case len(r.Body) > 0 && sent[0].dots && strings.Contains(string(r.Body), "."):
		r.note("trace_dots")
	}
	return r, nil
}

// A sending is a request that was sent, as it was on the wire.
type sending struct {
	text []byte
	dots bool // of --trace-ascii, which shows a dot for what cannot be printed
}

// withoutConnect leaves out what was said to a proxy.
func withoutConnect(all []sending) (rest []sending) {
	for _, s := range all {
		if !bytes.HasPrefix(s.text, []byte("CONNECT ")) {
			rest = append(rest, s)
		}
	}
	return rest
}

// sentLines are the requests in what curl -v shows, without their bodies.
func sentLines(text string) (all []sending) {
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(withoutTime(line), "\r\n")
		sent, ok := strings.CutPrefix(line, ">")
		sent = strings.TrimPrefix(sent, " ")
		_, _, _, begins := requestLine(sent)
		if open = ok && (open || begins); !open {
			continue
		}
		if begins {
			all = append(all, sending{})
		}
		last := &all[len(all)-1]
		last.text = append(append(last.text, sent...), "\r\n"...)
		open = sent != ""
	}
	for i := range all {
		if !bytes.HasSuffix(all[i].text, []byte("\r\n\r\n")) {
			all[i].text = append(all[i].text, "\r\n"...) // the last line went with a terminal's spaces
		}
	}
	return all
}

// withoutTime leaves out what --trace-time puts before a line.
func withoutTime(line string) string {
	const form = "00:00:00.000000 "
	if len(line) < len(form) {
		return line
	}
	for i := range len(form) {
		if c := line[i]; form[i] == '0' && (c < '0' || c > '9') || form[i] != '0' && c != form[i] {
			return line
		}
	}
	return line[len(form):]
}

// isBlock reports whether a line begins a block of --trace of that kind.
func isBlock(line, kind string) bool { return strings.HasPrefix(withoutTime(line), kind+", ") }

// sentBlocks are the requests in what --trace and --trace-ascii show.
func sentBlocks(text string) (all []sending, err error) {
	var block []string
	size := ""
	end := func() error {
		if size == "" {
			return nil
		}
		sent, dots, ok := blockBytes(block, size)
		if !ok {
			return malformed("trace_block")
		}
		line, _, _ := strings.Cut(sent, "\r\n")
		if _, _, _, begins := requestLine(line); begins {
			all = append(all, sending{})
		} else if len(all) == 0 {
			return nil
		}
		last := &all[len(all)-1]
		last.text = append(last.text, sent...)
		last.dots = last.dots || dots
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		bare := withoutTime(line)
		if !strings.HasPrefix(bare, "== ") && !strings.HasPrefix(bare, "=> ") && !strings.HasPrefix(bare, "<= ") {
			block = append(block, line)
			continue
		}
		if err := end(); err != nil {
			return nil, err
		}
		block, size = nil, ""
		if isBlock(line, "=> Send header") || isBlock(line, "=> Send data") {
			_, size, _ = strings.Cut(bare, ", ")
			size, _, _ = strings.Cut(size, " ")
		}
	}
	return all, end()
}

// blockBytes are the bytes that the lines of a block show, such as "0010: 2f 31 /1" or
// "0010: Host: h".
func blockBytes(lines []string, size string) (sent string, dots, ok bool) {
	total, err := strconv.ParseUint(size, 10, 31)
	if err != nil {
		return "", false, false
	}
	var b strings.Builder
	for i, line := range lines {
		at, shown, ok := cutOffset(line)
		if !ok && i > 0 && i == len(lines)-1 && line == "" {
			break // at the end of the text
		}
		if !ok || at != uint64(b.Len()) {
			return "", false, false
		}
		next := total
		if i+1 < len(lines) {
			if after, _, ok := cutOffset(lines[i+1]); ok {
				next = after
			}
		}
		if next < at {
			return "", false, false
		}
		piece, inHex := fromHex(shown, next-at)
		if !inHex {
			piece, dots = shown, true
			for strings.HasSuffix(piece, " ") && uint64(len(piece)) > next-at {
				piece = piece[:len(piece)-1]
			}
			if uint64(len(piece))+2 == next-at {
				piece += "\r\n"
			}
		}
		b.WriteString(piece)
	}
	return b.String(), dots, uint64(b.Len()) == total
}

// cutOffset cuts a line such as "0010: Host: h".
func cutOffset(line string) (at uint64, shown string, ok bool) {
	offset, shown, found := strings.Cut(line, ":")
	at, err := strconv.ParseUint(offset, 16, 31)
	return at, strings.TrimPrefix(shown, " "), found && err == nil && len(offset) >= 4
}

// fromHex are the n bytes of a line in hex; false if it is none.
func fromHex(shown string, n uint64) (string, bool) {
	if n == 0 || n > 16 || uint64(len(shown)) < 3*16+n {
		return "", false
	}
	digits := strings.ReplaceAll(shown[:3*n], " ", "")
	b, err := hex.DecodeString(digits)
	return string(b), err == nil && uint64(len(b)) == n
}
