package tabs

import (
	"embed"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// The texts by their codes, one file a language.
//
//go:embed texts
var textFiles embed.FS

func init() {
	for _, lang := range scheme.Languages() {
		data, err := textFiles.ReadFile("texts/" + lang + ".json")
		own := make(map[string]string)
		if err == nil {
			err = json.Unmarshal(data, &own)
		}
		if err != nil {
			panic("tabs: texts of " + lang + ": " + err.Error())
		}
		scheme.RegisterTexts(lang, own)
	}
}

// A fault is what is wrong with one field.
type fault struct {
	Field string // by its JSON name
	Code  string // of the text, or empty
	Args  map[string]string
	Err   error // which tells itself
}

// at is what is wrong with a field.
func at(field, code string, args ...string) error {
	return &fault{Field: field, Code: code, Args: scheme.Args(args...)}
}

// of is an error that is about a field.
func of(field string, err error) error { return &fault{Field: field, Err: err} }

func (f *fault) Error() string { return f.In("en") }

// In is the text in a language.
func (f *fault) In(lang string) string {
	if f.Err != nil {
		return told(lang, f.Err)
	}
	return scheme.Text(lang, f.Code, f.Args)
}

// told is an error in a language, if it has a text in it, without this project's name.
func told(lang string, err error) string {
	text := err.Error()
	var speaks interface{ In(lang string) string }
	if errors.As(err, &speaks) {
		text = speaks.In(lang)
	}
	return strings.TrimPrefix(text, "hmacsign: ")
}
