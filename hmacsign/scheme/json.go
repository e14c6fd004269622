package scheme

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
)

const maxNesting = 100 // of JSON that is serialised anew

// Reserialised are the ways in which libraries write the same JSON, as far as
// they can be afforded.
func (s *Search) Reserialised() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(s.Body) == 0 || !s.Afford(len(s.Body)) {
			return
		}
		var buf bytes.Buffer
		if json.Compact(&buf, s.Body) != nil {
			return
		}
		compact := buf.Bytes()
		shape := shapeOf(compact)
		if !yield(compact) || s.Afford(2*len(compact)) && !yield(spaced(compact)) {
			return
		}
		if shape.depth > maxNesting {
			s.GiveUp()
			return
		}
		if s.Afford(shape.marshalled()) {
			sorted, ok := marshalled(s.Body)
			if ok && (!yield(sorted) || s.Afford(2*len(sorted)) && !yield(spaced(sorted))) {
				return
			}
		}
		for _, indent := range []string{"  ", "    ", "\t"} {
			n := max(shape.indented(len(indent))+len(s.Body), 2*len(s.Body))
			if !s.Afford(n) {
				continue
			}
			var indented bytes.Buffer
			indented.Grow(n)
			if json.Indent(&indented, s.Body, "", indent) == nil && !yield(indented.Bytes()) {
				return
			}
		}
	}
}

// marshalled is JSON with sorted members, as encoding/json writes it.
func marshalled(body []byte) ([]byte, bool) {
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	sorted, err := json.Marshal(value)
	return sorted, err == nil
}

// jsonShape tells what it takes to write JSON in another way, before it is done.
type jsonShape struct {
	length, depth  int // of the compact form
	objects        int
	separators     int // commas and colons
	lines, indents int // of the indented form: how many are begun, and how deep in all
}

func shapeOf(compact []byte) jsonShape {
	s := jsonShape{length: len(compact)}
	depth := 0
	for i := range punctuation(compact) {
		switch compact[i] {
		case '{', '[':
			if depth++; compact[i] == '{' {
				s.objects++
			}
			s.depth = max(s.depth, depth)
		case '}', ']':
			depth--
		default:
			s.separators++
		}
		s.lines++
		s.indents += depth
	}
	return s
}

// indented is at least the length of the form that is indented by width.
func (s *jsonShape) indented(width int) int {
	return s.length + s.separators + s.lines + width*s.indents
}

// marshalled is at least the memory that the function of that name takes: maps
// and values for what there is, six bytes for one that is escaped, in buffers
// that double.
func (s *jsonShape) marshalled() int { return 24*s.length + 256*s.separators + 1024*s.objects }

// punctuation is where JSON has a bracket, brace, comma or colon, outside of
// strings.
func punctuation(text []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		quoted := false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				quoted = !quoted
			case quoted && c == '\\':
				i++ // what it escapes
			case !quoted && strings.IndexByte("{}[],:", c) >= 0:
				if !yield(i) {
					return
				}
			}
		}
	}
}

// spaced puts a space behind commas and colons, as Python's json.dumps does.
func spaced(compact []byte) []byte {
	b := make([]byte, 0, 2*len(compact))
	done := 0
	for i := range punctuation(compact) {
		if c := compact[i]; c == ',' || c == ':' {
			b = append(append(b, compact[done:i+1]...), ' ')
			done = i + 1
		}
	}
	return append(b, compact[done:]...)
}
