package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// An error's text is put into Chinese by the formats that made it: what %w and %v stand
// for is a text of its own, what %s and %q stand for is the user's and stays as it is.

// A pattern finds the texts that a format makes, to make them in Chinese.
type pattern struct {
	matches *regexp.Regexp
	kinds   []byte // the verbs' letters
	chinese string // each verb is %[n]s
}

var verbs = regexp.MustCompile(`%%|%(?:\[\d+\])?(?:\.\d+)?[a-zA-Z]`)

// patterns are the formats with verbs, those that say most first.
var patterns = sync.OnceValue(func() (all []pattern) {
	formats := []string{}
	for english := range texts() {
		if isFormat(english) {
			formats = append(formats, english)
		}
	}
	fixed := func(format string) int { return len(verbs.ReplaceAllString(format, "")) }
	slices.SortFunc(formats, func(a, b string) int {
		if d := fixed(b) - fixed(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, english := range formats {
		all = append(all, newPattern(english, texts()[english]))
	}
	return all
})

// isFormat reports whether a text has verbs, and no other percent sign.
func isFormat(text string) bool {
	rest := verbs.ReplaceAllString(text, "")
	return rest != text && !strings.Contains(rest, "%")
}

func newPattern(english, chinese string) pattern {
	var source strings.Builder
	var kinds []byte
	at := 0
	for _, verb := range verbs.FindAllStringIndex(english, -1) {
		source.WriteString(regexp.QuoteMeta(english[at:verb[0]]))
		at = verb[1]
		if english[at-1] == '%' {
			source.WriteByte('%')
			continue
		}
		kinds = append(kinds, english[at-1])
		source.WriteString("(" + madeBy(english[at-1], verb[0] == 0, at == len(english)) + ")")
	}
	source.WriteString(regexp.QuoteMeta(english[at:]))
	n := 0
	chinese = verbs.ReplaceAllStringFunc(chinese, func(verb string) string {
		if verb == "%%" {
			return verb
		}
		n++
		if end := strings.IndexByte(verb, ']'); end > 0 {
			return verb[:end+1] + "s"
		}
		return fmt.Sprintf("%%[%d]s", n)
	})
	return pattern{regexp.MustCompile("^" + source.String() + "$"), kinds, chinese}
}

// Behind the colon that ends a name something else begins; what is in quotes is one
// piece.
const (
	inQuotes = `"(?:[^"\\]|\\.)*"`
	aName    = `(?:[^":]|:[^ "]|:?` + inQuotes + `)*?`
)

// madeBy is what a verb makes, at the beginning or at the end of a format.
func madeBy(verb byte, begins, ends bool) string {
	switch {
	case verb == 'q':
		return inQuotes
	case verb == 'd':
		return `-?\d+`
	case isText(verb) && ends:
		return `(?s:.*)`
	case isText(verb) && !begins:
		return `(?:[^"]|` + inQuotes + `)*?`
	}
	return aName
}

// isText reports whether a verb stands for a text of the code, as %w does.
func isText(verb byte) bool { return verb == 'w' || verb == 'v' }

// translate is a text in Chinese, if the pattern's format made it.
func (p pattern) translate(english string, depth int) (string, bool) {
	parts := p.matches.FindStringSubmatch(english)
	if parts == nil {
		return "", false
	}
	args := []any{}
	for i, part := range parts[1:] {
		if isText(p.kinds[i]) {
			part = chinesePart(part, depth+1)
		}
		args = append(args, part)
	}
	return fmt.Sprintf(p.chinese, args...), true
}

// What is longer, or has more within it, is the user's more than ours, and stays as it
// is: it takes no time to speak of.
const (
	maxTranslated = 8 << 10
	maxDepth      = 16
)

// inChinese is an error's text in Chinese, as far as its parts are known.
func inChinese(english string) string {
	if len(english) > maxTranslated {
		return english
	}
	return chinesePart(english, 0)
}

func chinesePart(english string, depth int) string {
	if depth > maxDepth {
		return english
	}
	if chinese, ok := texts()[english]; ok {
		return chinese
	}
	for _, p := range patterns() {
		if chinese, ok := p.translate(english, depth); ok {
			return chinese
		}
	}
	context := ofWhat.FindString(english)
	if context == "" {
		return english
	}
	what, why := strings.TrimSuffix(context, ": "), english[len(context):]
	text, cause := chinesePart(what, depth+1), chinesePart(why, depth+1)
	if text == what && cause == why {
		return english
	}
	return text + "：" + cause
}

// ofWhat finds what stands before the first colon.
var ofWhat = regexp.MustCompile("^" + aName + ": ")
