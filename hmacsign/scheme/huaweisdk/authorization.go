package huaweisdk

import (
	"encoding/hex"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Parse reads the Authorization header, as the pattern of the vendor's example of
// backend verification has it, in both forms:
//
//	SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=HEX
//	V11-HMAC-SHA256 Credential=AK/20191115/region/service, SignedHeaders=..., Signature=HEX
func (Scheme) Parse(m *scheme.Message, c *scheme.Claim) error {
	value, err := m.Authorization()
	word, rest, spaced := cutSpace(value)
	derived := strings.HasPrefix(word, "V11-")
	if !derived && !strings.HasPrefix(word, "SDK-") {
		if err == nil || value != "" {
			err = scheme.ErrForeign
		}
		return err
	}
	if err != nil {
		return err
	}
	switch word[len("SDK-"):] {
	case "HMAC-SHA256":
		c.Algorithm = algo.HMACSHA256
	case "HMAC-SM3":
		c.Algorithm = algo.HMACSM3
	default:
		if !spaced || !isWord(word) {
			return malformed()
		}
		return otherAlgorithm(word)
	}
	name := "Access="
	if derived {
		name = "Credential="
	}
	var id, headers string
	ok := cut(&rest, name, &id) && cut(&rest, "SignedHeaders=", &headers)
	text, isSignature := strings.CutPrefix(rest, "Signature=")
	if !ok || !isSignature || text == "" {
		return malformed()
	}
	for i := 0; i < len(value); i++ {
		if value[i] < ' ' || value[i] == 0x7f {
			return malformed()
		}
	}
	if derived {
		// Three parts from the right: what is left of them is the key id.
		place := strings.LastIndexByte(id[:max(0, strings.LastIndexByte(id, '/'))], '/')
		day := strings.LastIndexByte(id[:max(0, place)], '/')
		if day < 1 {
			return scheme.Refuse(scheme.ErrMalformed, "huawei_credential")
		}
		id, c.Scope, c.Place = id[:day], id[day+1:], id[place+1:]
	}
	if err := scheme.CheckKeyIDLength(id); err != nil {
		return err
	}
	c.KeyID, c.Text = id, text
	if c.Headers, err = scheme.ParseHeaderNames(c.Headers[:0], headers, ';'); err != nil {
		return err
	}
	c.Signature, err = scheme.DecodeHex(c.Signature[:0], text)
	return err
}

func malformed() error { return scheme.Refuse(scheme.ErrMalformed, "huawei_form") }

// otherAlgorithm tells of the vendor's words for what is no HMAC.
func otherAlgorithm(word string) error {
	code := "huawei_algorithm"
	if strings.Contains(word, "SM2") || strings.Contains(word, "ECDSA") {
		code = "not_hmac"
	}
	r := scheme.Refuse(scheme.ErrAlgorithm, code, "algorithm", scheme.Clip(word))
	r.Algorithm = scheme.Clip(word)
	return r
}

// isWord reports whether it is made as the vendor's words are.
func isWord(word string) bool {
	for i := 0; i < len(word); i++ {
		if c := word[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// cutSpace cuts at the first run of spaces.
func cutSpace(s string) (before, after string, found bool) {
	before, after, found = strings.Cut(s, " ")
	return before, strings.TrimLeft(after, " "), found
}

// cut takes a field "name" with its value off rest: not empty, up to a comma, behind
// which there may be one space.
func cut(rest *string, name string, value *string) bool {
	s, ok := strings.CutPrefix(*rest, name)
	if !ok {
		return false
	}
	v, after, ok := strings.Cut(s, ",")
	*value, *rest = v, strings.TrimPrefix(after, " ")
	return ok && v != ""
}

// Write implements [scheme.Scheme].
func (Scheme) Write(m *scheme.Message, c *scheme.Claim) {
	var buf [512]byte
	b := append(append(buf[:0], word(c)...), ' ')
	if c.Scope == "" {
		b = append(append(b, "Access="...), c.KeyID...)
	} else {
		b = append(append(append(append(b, "Credential="...), c.KeyID...), '/'), c.Scope...)
	}
	b = append(b, ", SignedHeaders="...)
	b = scheme.AppendJoined(b, c.Headers, ';')
	b = append(b, ", Signature="...)
	m.Set("Authorization", string(hex.AppendEncode(b, c.Signature)))
}
