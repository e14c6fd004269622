package tencentapp

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A wrongDigest is what a client may have taken for the body's Content-MD5. It gives
// add each way to write it.
type wrongDigest struct {
	code    string
	clients uint
	find    func(s *scheme.Search, add func(digest string) bool)
}

// wrongDigests are those of a body that is not a form, what is more particular first.
func wrongDigests() []wrongDigest {
	ofBody := func(write func(sum *[md5.Size]byte) []string) func(*scheme.Search, func(string) bool) {
		return func(s *scheme.Search, add func(string) bool) {
			sum, ok := md5Of(s, s.Body)
			if !ok || !s.HasBody {
				return
			}
			for _, digest := range write(sum) {
				if !add(digest) {
					return
				}
			}
		}
	}
	upper := func(sum *[md5.Size]byte) string { return strings.ToUpper(hex.EncodeToString(sum[:])) }
	return []wrongDigest{
		{"content_length_characters", ofJavaScript | ofPython, func(s *scheme.Search, add func(string) bool) {
			for _, tail := range s.CutTails() {
				if !addSums(s, add, s.Body, []byte(tail)) {
					return
				}
			}
		}},
		{"content_md5_raw", 0, ofBody(func(sum *[md5.Size]byte) []string { return []string{string(appendMD5(nil, sum, MD5Raw))} })},
		{"content_md5_hex", 0, ofBody(func(sum *[md5.Size]byte) []string { return []string{string(appendMD5(nil, sum, MD5Hex))} })},
		{"content_md5_not_base64", 0, ofBody(func(sum *[md5.Size]byte) []string { return []string{hex.EncodeToString(sum[:]), upper(sum)} })},
		{"content_md5_upper_case", 0, ofBody(func(sum *[md5.Size]byte) []string {
			return []string{base64.StdEncoding.EncodeToString([]byte(upper(sum)))}
		})},
		{"content_md5_leading_zero", 0, ofBody(func(sum *[md5.Size]byte) []string {
			return []string{base64.StdEncoding.EncodeToString([]byte(new(big.Int).SetBytes(sum[:]).Text(16)))}
		})},
		{"body_not_signed", ofGo | ofJava, func(_ *scheme.Search, add func(string) bool) { add("") }},
		{"body_newline", 0, func(s *scheme.Search, add func(string) bool) {
			if s.HasBody {
				_ = addSums(s, add, s.Body, []byte("\n")) && addSums(s, add, bytes.TrimRight(s.Body, "\r\n"))
			}
		}},
		{"empty_body_signed", 0, func(s *scheme.Search, add func(string) bool) { addSums(s, add) }},
		{"empty_object_signed", 0, func(s *scheme.Search, add func(string) bool) { addSums(s, add, []byte("{}")) }},
		{"body_serialised_again", 0, func(s *scheme.Search, add func(string) bool) {
			for other := range s.Reserialised() {
				if !addSums(s, add, other) {
					return
				}
			}
		}},
	}
}

// addSums adds the MD5 of parts in a row, written as clients write it.
func addSums(s *scheme.Search, add func(string) bool, parts ...[]byte) bool {
	sum, ok := md5Of(s, parts...)
	return ok && add(string(appendMD5(nil, sum, MD5Hex))) && add(string(appendMD5(nil, sum, MD5Raw)))
}

// md5Of is the MD5 of parts in a row, if it can be afforded.
func md5Of(s *scheme.Search, parts ...[]byte) (sum *[md5.Size]byte, ok bool) {
	h := md5.New()
	for _, part := range parts {
		if !s.Afford(len(part)) {
			return nil, false
		}
		h.Write(part)
	}
	sum = new([md5.Size]byte)
	h.Sum(sum[:0])
	return sum, true
}

// digestMistakes are of the field of the body's digest. What a body's digests may be
// is found once for a search.
func digestMistakes() []scheme.Mistake {
	mistakes := []scheme.Mistake{
		{Code: "form_md5_signed", Parts: formMD5Signed},
		{Code: "empty_body_md5", Parts: func(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if empty, err := s.Message.Body.Empty(); empty && err == nil && !s.Message.IsForm() {
				addSums(s, func(digest string) bool { return setDigest(p, yield, digest) })
			}
		}},
	}
	for _, wrong := range wrongDigests() {
		var digests []string
		found := false
		mistakes = append(mistakes, scheme.Mistake{Code: wrong.code, Clients: wrong.clients, Parts: func(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if empty, err := s.Message.Body.Empty(); empty || err != nil || s.Message.IsForm() {
				return
			}
			if !found {
				found = true
				wrong.find(s, func(digest string) bool {
					digests = append(digests, digest)
					return true
				})
			}
			for _, digest := range digests {
				if !setDigest(p, yield, digest) {
					return
				}
			}
		}})
	}
	return mistakes
}

func setDigest(p *scheme.Parts, yield yielding, digest string) bool {
	if digest == string(p.Digest) {
		return true
	}
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Digest = []byte(digest) })
}

// formMD5Signed puts a digest where a form has none: the one that is sent, or that of
// the body.
func formMD5Signed(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if !s.Message.IsForm() {
		return
	}
	if sent, present, err := s.Message.Value("Content-Md5"); present && err == nil && !setDigest(p, yield, sent) {
		return
	}
	if s.HasBody {
		_ = addSums(s, func(digest string) bool { return setDigest(p, yield, digest) }, s.Body)
	}
}

// recogniseDigest looks for the mistake in a Content-MD5 that is not the body's.
func recogniseDigest(s *scheme.Search) []scheme.Found {
	sent, present, err := s.Message.Value("Content-Md5")
	if !present || err != nil {
		return nil
	}
	for _, wrong := range wrongDigests() {
		matches := false
		wrong.find(s, func(digest string) bool {
			matches = matches || digest == sent
			return !matches
		})
		if matches {
			return []scheme.Found{{Code: wrong.code}}
		}
	}
	if s.CutShort() {
		return []scheme.Found{{Code: "content_length_characters"}}
	}
	return nil
}
