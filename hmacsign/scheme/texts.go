package scheme

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The texts that people read, one file a language. A gap is {name}, or {name:q} for
// a value that is written as a quoted string, or {name:span} for a time.Duration, which
// is told as a person would.
//
//go:embed texts
var textFiles embed.FS

var texts = sync.OnceValue(func() map[string]map[string]string {
	all := make(map[string]map[string]string)
	for _, lang := range Languages() {
		data, err := textFiles.ReadFile("texts/" + lang + ".json")
		table := make(map[string]string)
		if err == nil {
			err = json.Unmarshal(data, &table)
		}
		if err != nil {
			panic("scheme: texts of " + lang + ": " + err.Error())
		}
		all[lang] = table
	}
	return all
})

var textsMu sync.RWMutex

// Languages are those that there are texts in, English ("en") first.
func Languages() []string { return []string{"en", "zh"} }

// RegisterTexts adds a scheme's own texts in a language: of details of refusals and
// of mistakes, by code. A gap {name} takes the argument of that name as it is,
// {name:q} as a quoted string, {name:span} as a time.Duration. Call it in an init
// function, before requests come. It panics on a code that is there already, or a
// language that is not.
func RegisterTexts(lang string, own map[string]string) {
	textsMu.Lock()
	defer textsMu.Unlock()
	table, ok := texts()[lang]
	if !ok {
		panic("scheme: RegisterTexts: no language " + lang)
	}
	for code, text := range own {
		if _, again := table[code]; again {
			panic("scheme: RegisterTexts: there is a text " + code + " already")
		}
		table[code] = text
	}
}

// Text is the text of a code in a language, in English where that has none, and
// where neither has the code and its arguments.
func Text(lang, code string, args map[string]string) string {
	textsMu.RLock()
	text, ok := texts()[lang][code]
	if !ok {
		text, ok = texts()["en"][code]
	}
	textsMu.RUnlock()
	if !ok {
		var b strings.Builder
		b.WriteString(code)
		for _, name := range slices.Sorted(maps.Keys(args)) {
			fmt.Fprintf(&b, " %s=%q", name, args[name])
		}
		return b.String()
	}
	return fill(lang, text, args)
}

// fill puts the arguments into the gaps.
func fill(lang, text string, args map[string]string) string {
	if len(args) == 0 {
		return text
	}
	var b strings.Builder
	for {
		before, gap, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := strings.Cut(gap, "}")
		bare, as, _ := strings.Cut(name, ":")
		value, ok := args[bare]
		switch {
		case !closed || !ok:
			b.WriteByte('{')
			text = gap
			continue
		case as == "q":
			value = strconv.Quote(value)
		case as == "span":
			value = span(lang, value)
		}
		b.WriteString(value)
		text = rest
	}
}

// span is a duration in days, or in hours, minutes and seconds without those at its
// end that are zero.
func span(lang, text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	const day = 24 * time.Hour
	if d.Abs() >= 2*day {
		return Text(lang, "days", Args("count", strconv.FormatInt(int64(d.Round(day)/day), 10)))
	}
	text = d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
