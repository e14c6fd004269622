package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A requestSigner signs requests so that what the user gave stays as it was given.
type requestSigner struct {
	*hmacsign.Signer
	at    time.Time // of the signature
	fixed bool      // it was given
}

// sign signs the request and returns the string whose MAC the signature is. A date that
// stands in a header of the user's is that of the signature.
func (s *requestSigner) sign(b *builtRequest) (stringToSign string, err error) {
	given := b.Header.Clone()
	if !s.fixed {
		s.at = time.Now()
	}
	stringToSign, err = s.signNow(b)
	changed := changedHeader(given, b.Header)
	if at, isDate := parseTime(given.Get(changed)); isDate && !s.fixed && err == nil {
		s.at, b.Header = at, given.Clone()
		stringToSign, err = s.signNow(b)
		changed = changedHeader(given, b.Header)
	}
	if err != nil {
		return "", err
	}
	if b.Chunked {
		b.TransferEncoding = []string{"chunked"}
	}
	return stringToSign, s.conflict(changed, given, b.Header)
}

func (s *requestSigner) signNow(b *builtRequest) (stringToSign string, err error) {
	if stringToSign, err = s.StringToSign(b.Request); err != nil {
		return "", err
	}
	return stringToSign, s.Sign(b.Request)
}

// changedHeader is the first header that the user gave, or left out, and that has another
// value now; or empty.
func changedHeader(given, signed http.Header) string {
	var changed []string
	for name, values := range given {
		if !slices.Equal(values, signed[name]) {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return ""
	}
	return slices.Min(changed)
}

// conflict is the error of a header that cannot be signed as the user gave it.
func (s *requestSigner) conflict(name string, given, signed http.Header) error {
	value, writes := strings.Join(given[name], ", "), strings.Join(signed[name], ", ")
	_, isDate := parseTime(value)
	switch {
	case name == "":
		return nil
	case len(given[name]) == 0:
		return usagef("-H %q: the signature needs this header: do not leave it out", name+":")
	case isDate && s.fixed:
		return usagef("-H %q: the date of the signature is %s: give one of the two, or the same", name+": "+clip(value), writes)
	case isDate:
		return usagef("-H %q: the signature writes this date as %s: write it so", name+": "+clip(value), writes)
	}
	return usagef("-H %q: the signature sets this header: leave it out", name+": "+clip(value))
}

// parseTime reads a date in one of the forms that --date takes.
func parseTime(text string) (t time.Time, ok bool) {
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC3339, "20060102T150405Z"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return t, false
}

// clip shortens what an error shows.
func clip(text string) string {
	if len(text) > 80 {
		return text[:80] + "..."
	}
	return text
}

// setDefault sets a header that no flag has set, nor left out; to no value if it is not
// to be sent.
func setDefault(h http.Header, name string, values ...string) {
	if _, set := h[name]; !set {
		h[name] = values
	}
}
