package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// What the command says stands in the code, in English. texts/zh.json has each such text,
// a format with its verbs, in Chinese. Errors are English as long as they are handed on,
// the library's too; their text is put into the language where it is printed, by the
// formats that it was made with.

//go:embed texts/zh.json
var chineseTexts []byte

// languages are those that the command speaks.
var languages = scheme.Languages()

// texts are the Chinese ones by the English ones.
var texts = sync.OnceValue(func() (all map[string]string) {
	if err := json.Unmarshal(chineseTexts, &all); err != nil {
		panic(err) // a test reads it
	}
	return all
})

// text is an English text of the code in the language of the user.
func (io *streams) text(english string) string {
	if io.lang == "zh" {
		if chinese, ok := texts()[english]; ok {
			return chinese
		}
	}
	return english
}

// say prints a line to standard output.
func (io *streams) say(format string, args ...any) {
	fmt.Fprintf(io.out, io.text(format)+"\n", args...)
}

// note prints a line to standard error.
func (io *streams) note(format string, args ...any) {
	fmt.Fprintf(io.err, "hmacsign: "+io.text(format)+"\n", args...)
}

// translate puts what help says of a command, and of those below it, into the language
// of the user.
func (io *streams) translate(c *cobra.Command) {
	c.Short, c.Long = io.text(c.Short), io.text(c.Long)
	each := func(f *pflag.Flag) { f.Usage = io.text(f.Usage) }
	c.Flags().VisitAll(each)
	c.PersistentFlags().VisitAll(each)
	for _, below := range c.Commands() {
		io.translate(below)
	}
}

// errorText is what an error says to the user.
func (io *streams) errorText(err error) string {
	var refused *hmacsign.VerifyError
	var told inLanguage
	switch {
	case errors.As(err, &told):
		return told.text
	case errors.As(err, &refused): // of a request that cannot be signed
		return refused.In(io.lang)
	}
	text := flagNames.Replace(err.Error())
	if io.lang != "zh" {
		return text
	}
	return inChinese(text)
}

// flagNames has what the library calls by the names of its functions as it is called on
// the command line.
var flagNames = strings.NewReplacer(
	"WithSignedHeaders: ", "--signed-headers: ", "WithWindow: ", "--window: ", "Require: ", "--require: ",
	"call sm3cgo.Init, or set ", "set ",
)

// A pattern finds the texts that a format makes, to make them in Chinese.
type pattern struct {
	matches *regexp.Regexp
	chinese string // with $1 for what the first verb made
}

var verbs = regexp.MustCompile(`%(?:\[\d+\])?[a-zA-Z]`)

// patterns are the formats with verbs, those that say most first.
var patterns = sync.OnceValue(func() (all []pattern) {
	formats := []string{}
	for english := range texts() {
		if verbs.MatchString(english) {
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

func newPattern(english, chinese string) pattern {
	var source strings.Builder
	at := 0
	for _, verb := range verbs.FindAllStringIndex(english, -1) {
		source.WriteString(regexp.QuoteMeta(english[at:verb[0]]))
		switch english[verb[1]-1] {
		case 'q':
			source.WriteString(`("(?:[^"\\]|\\.)*")`)
		case 'd':
			source.WriteString(`(-?\d+)`)
		default:
			source.WriteString(`((?s:.*))`)
		}
		at = verb[1]
	}
	source.WriteString(regexp.QuoteMeta(english[at:]))
	n := 0
	chinese = verbs.ReplaceAllStringFunc(strings.ReplaceAll(chinese, "$", "$$"), func(verb string) string {
		n++
		if index, ok := strings.CutPrefix(verb, "%["); ok {
			return "${" + index[:strings.IndexByte(index, ']')] + "}"
		}
		return fmt.Sprintf("${%d}", n)
	})
	return pattern{regexp.MustCompile("^" + source.String() + "$"), chinese}
}

// inChinese is an error's text in Chinese, as far as its parts are known.
func inChinese(english string) string {
	if chinese, ok := texts()[english]; ok {
		return chinese
	}
	if text, ok := strings.CutPrefix(english, "hmacsign: "); ok {
		return inChinese(text)
	}
	for _, p := range patterns() {
		parts := p.matches.FindStringSubmatch(english)
		if parts == nil {
			continue
		}
		return os.Expand(p.chinese, func(n string) string {
			if n == "$" {
				return n
			}
			part := parts[int(n[0]-'0')]
			if strings.HasPrefix(part, `"`) {
				return part
			}
			return inChinese(part)
		})
	}
	return english
}

// languageOf is the language that the arguments ask for, and if they do not, that of the
// environment. It is needed before they are parsed: what is wrong with them is told in
// it.
func languageOf(args []string) string {
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if name != "--lang" {
			continue
		}
		if arg == name && i+1 < len(args) {
			value = args[i+1]
		}
		if lang, ok := languageOfLocale(value); ok {
			return lang
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := os.Getenv(name); locale != "" {
			if lang, ok := languageOfLocale(locale); ok {
				return lang
			}
			break
		}
	}
	return "en"
}

// languageOfLocale is the language of a locale, such as zh, zh-CN or zh_CN.UTF-8, if
// there are texts in it.
func languageOfLocale(locale string) (lang string, ok bool) {
	lang = strings.ToLower(locale)
	if end := strings.IndexAny(lang, "-_.@"); end >= 0 {
		lang = lang[:end]
	}
	if lang == "c" || lang == "posix" {
		lang = "en"
	}
	return lang, slices.Contains(languages, lang)
}
