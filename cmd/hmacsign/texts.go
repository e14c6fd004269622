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
// formats that it was made with: what %w and %v stand for is put into the language too,
// what %s and %q stand for is the user's.

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
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Usage = "print this help"
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
	var with *profileError
	switch list := listed(err); {
	case len(list) > 1:
		return strings.Join(mapped(list, io.errorText), io.text("; "))
	case errors.As(err, &with):
		return with.In(io.lang)
	case errors.As(err, &told):
		return told.text
	case errors.As(err, &refused): // of a request that cannot be signed
		return ofKey(io.lang, refused.KeyID, refused.In(io.lang))
	}
	return io.translated(commandWords(err.Error()))
}

// translated is a text that was made already, in the language of the user.
func (io *streams) translated(text string) string {
	if io.lang == "zh" {
		return inChinese(text)
	}
	return text
}

// A list is errors that are told behind each other.
type list []error

func (l list) Error() string   { return strings.Join(mapped(l, error.Error), "; ") }
func (l list) Unwrap() []error { return l }

// listed are the errors of a list, of the library's too; of any other, none.
func listed(err error) list {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || list(several.Unwrap()).Error() != err.Error() {
		return nil
	}
	return several.Unwrap()
}

func mapped(l list, text func(error) string) (all []string) {
	for _, err := range l {
		all = append(all, text(err))
	}
	return all
}

// commandWords has what the library says in the words of the command: without the names
// of packages, with the flags in place of the functions.
func commandWords(text string) string {
	return flagNames.Replace(packageNames.ReplaceAllString(text, "$1"))
}

var packageNames = regexp.MustCompile(`(^|: )(?:hmacsign|algo|sm3cgo): `)

var flagNames = strings.NewReplacer(
	"WithSignedHeaders: ", "--signed-headers: ", "WithWindow: ", "--window: ", "Require: ", "--require: ",
	"call sm3cgo.Init, or set ", "set ",
)

// A pattern finds the texts that a format makes, to make them in Chinese.
type pattern struct {
	matches *regexp.Regexp
	kinds   []byte // the verbs' letters
	chinese string // each verb is %[n]s
}

var verbs = regexp.MustCompile(`%(?:\[\d+\])?(?:\.\d+)?[a-zA-Z]`)

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

// Behind the colon that ends a name something else begins; what is in quotes is one
// piece.
const (
	quoted = `"(?:[^"\\]|\\.)*"`
	name   = `(?:[^":]|:[^ "]|:?` + quoted + `)*?`
)

func newPattern(english, chinese string) pattern {
	var source strings.Builder
	var kinds []byte
	at := 0
	for _, verb := range verbs.FindAllStringIndex(english, -1) {
		source.WriteString(regexp.QuoteMeta(english[at:verb[0]]))
		at = verb[1]
		kind := english[at-1]
		kinds = append(kinds, kind)
		switch {
		case kind == 'q':
			source.WriteString("(" + quoted + ")")
		case kind == 'd':
			source.WriteString(`(-?\d+)`)
		case isText(kind) && at == len(english):
			source.WriteString(`((?s:.*))`)
		case isText(kind) && verb[0] > 0:
			source.WriteString(`((?:[^"]|` + quoted + `)*?)`)
		default:
			source.WriteString("(" + name + ")")
		}
	}
	source.WriteString(regexp.QuoteMeta(english[at:]))
	n := 0
	chinese = verbs.ReplaceAllStringFunc(chinese, func(verb string) string {
		n++
		if end := strings.IndexByte(verb, ']'); end > 0 {
			return verb[:end+1] + "s"
		}
		return fmt.Sprintf("%%[%d]s", n)
	})
	return pattern{regexp.MustCompile("^" + source.String() + "$"), kinds, chinese}
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
var ofWhat = regexp.MustCompile("^" + name + ": ")

// languageOf is the language that the arguments ask for, and if they do not, that of the
// environment. It is needed before they are parsed: what is wrong with them is told in
// it.
func languageOf(args []string) string {
	asked := ""
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if name == "--" {
			break
		}
		if arg == "--lang" && i+1 < len(args) {
			value = args[i+1]
		}
		if lang, ok := languageOfLocale(value); ok && name == "--lang" {
			asked = lang // the last one is what the flag has
		}
	}
	if asked != "" {
		return asked
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
