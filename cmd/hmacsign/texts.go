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
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
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
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = io.errorText(err)
		}
	}
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
	var text *httptext.Error
	switch list := listed(err); {
	case len(list) > 1:
		return strings.Join(mapped(list, io.errorText), io.text("; "))
	case errors.As(err, &with):
		return with.In(io.lang)
	case errors.As(err, &told):
		return told.text
	case errors.As(err, &refused): // of a request that cannot be signed
		return ofKey(io.lang, refused.KeyID, refused.In(io.lang))
	case errors.As(err, &text):
		const gap = "\x00" // a text of ours has none
		around := strings.Replace(err.Error(), text.Error(), gap, 1)
		return strings.Replace(io.translated(commandWords(around)), gap, text.In(io.lang), 1)
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
			if lang, ok := languageOfLocale(locale); ok && unicodeLocale.MatchString(locale) {
				return lang
			}
			break
		}
	}
	return "en"
}

// unicodeLocale matches a locale whose terminal shows what we print, zh_CN.GBK not.
var unicodeLocale = regexp.MustCompile(`(?i)^[^.]*(\.utf-?8(@.*)?)?$`)

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
