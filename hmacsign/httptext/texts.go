package httptext

import (
	"embed"
	"encoding/json"
	"errors"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Why a text is refused. Test for them with errors.Is; an [Error] has the details.
var (
	// ErrMalformed: the text is no request in any form that is known.
	ErrMalformed = errors.New("this is no request")
	// ErrUnsupported: the text is understood, and what it stands for cannot be had, such
	// as the value of a shell's variable or the content of a file.
	ErrUnsupported = errors.New("this cannot be had from the text")
)

// An Error says why a text is no request, and what to do.
type Error struct {
	Reason error  // ErrMalformed or ErrUnsupported
	Code   string // a stable word
	Args   map[string]string
}

// Error is the text in English.
func (e *Error) Error() string { return e.In("en") }

// In is the text in a language, see [scheme.Languages].
func (e *Error) In(lang string) string { return scheme.Text(lang, e.Code, e.Args) }

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Reason }

// In is the text of a note in a language, see [scheme.Languages].
func (n Note) In(lang string) string { return scheme.Text(lang, n.Code, n.Args) }

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
			panic("httptext: texts of " + lang + ": " + err.Error())
		}
		scheme.RegisterTexts(lang, own)
	}
}
