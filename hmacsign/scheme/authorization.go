package scheme

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
)

// Limits that no honest client comes near.
const (
	MaxAuthorization = 8 << 10 // bytes of a header or a parameter with a claim
	MaxKeyID         = 256
	MaxSignedHeaders = 64
)

// Authorization returns the Authorization header, [ErrForeign] if there is none. Two
// are refused.
func (m *Message) Authorization() (string, error) {
	values := m.Header["Authorization"]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", ErrForeign
	case len(values) > 1:
		return "", Refuse(ErrMalformed, "authorization_repeated")
	case len(values[0]) > MaxAuthorization:
		return values[0], Refuse(ErrMalformed, "authorization_too_long", "length", strconv.Itoa(len(values[0])), "limit", strconv.Itoa(MaxAuthorization))
	}
	return values[0], nil
}

// ParseHMAC reads the Authorization header of both of Tencent's schemes, and of
// others that took it over, into c:
//
//	hmac id="KEYID", algorithm="hmac-sm3", headers="source x-date", signature="BASE64"
func ParseHMAC(m *Message, c *Claim) error {
	value, err := m.Authorization()
	word, rest, _ := strings.Cut(value, " ")
	if !strings.EqualFold(word, "hmac") {
		if err == nil || value != "" {
			err = ErrForeign
		}
		return err
	}
	if err != nil {
		return err
	}
	var id, algorithm, headers, signature string
	for more := true; more; {
		rest = trimSpaces(rest)
		var field *string
		name, value, quoted := cutQuote(rest)
		if !quoted {
			return Refuse(ErrMalformed, "hmac_form")
		}
		switch name {
		case "id":
			field = &id
		case "algorithm":
			field = &algorithm
		case "headers":
			field = &headers
		case "signature":
			field = &signature
		default:
			name, _, _ = strings.Cut(name, "=") // what follows may be the signature, badly quoted
			return Refuse(ErrMalformed, "hmac_unknown_parameter", "name", Clip(name))
		}
		if *field != "" {
			return Refuse(ErrMalformed, "hmac_repeated_parameter", "name", name)
		}
		end := strings.IndexByte(value, '"')
		if end < 0 {
			return Refuse(ErrMalformed, "hmac_no_closing_quote", "name", name)
		}
		*field, rest = value[:end], trimSpaces(value[end+1:])
		if *field == "" {
			return Refuse(ErrMalformed, "hmac_empty_parameter", "name", name)
		}
		for i := 0; i < len(*field); i++ {
			if b := (*field)[i]; kinds[b]&inValue == 0 || b == '\t' || b == '\\' {
				return Refuse(ErrMalformed, "hmac_control_character", "name", name)
			}
		}
		if more = rest != ""; more {
			if rest[0] != ',' {
				return Refuse(ErrMalformed, "hmac_no_comma", "name", name)
			}
			rest = rest[1:]
		}
	}
	if id == "" || algorithm == "" || headers == "" || signature == "" {
		return Refuse(ErrMalformed, "hmac_missing_parameter")
	}
	if err := CheckKeyIDLength(id); err != nil {
		return err
	}
	c.KeyID, c.Text = id, signature
	if c.Algorithm, err = AlgorithmNamed(algorithm); err != nil {
		return err
	}
	if c.Headers, err = ParseHeaderNames(c.Headers[:0], headers, ' '); err != nil {
		return err
	}
	c.Signature, err = DecodeBase64(c.Signature[:0], signature, base64.StdEncoding)
	return err
}

func trimSpaces(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// cutQuote cuts name="value... behind the opening quote.
func cutQuote(s string) (name, value string, ok bool) {
	for i := 1; i < len(s); i++ {
		if s[i] == '"' && s[i-1] == '=' {
			return s[:i-1], s[i+1:], true
		}
	}
	return "", "", false
}

// CheckKeyIDLength refuses a key id that no honest client sends.
func CheckKeyIDLength(id string) error {
	if len(id) > MaxKeyID {
		return Refuse(ErrMalformed, "key_id_too_long", "length", strconv.Itoa(len(id)), "limit", strconv.Itoa(MaxKeyID))
	}
	return nil
}

// DecodeBase64 appends a signature in base64, written in the one way in which this
// encoding would write it: base64.StdEncoding, base64.RawURLEncoding or another. An
// empty one, and one longer than MaxAuthorization, is refused.
func DecodeBase64(dst []byte, text string, in *base64.Encoding) ([]byte, error) {
	if text == "" || len(text) > MaxAuthorization {
		return dst, Refuse(ErrMalformed, "signature_not_base64")
	}
	decoded, err := in.AppendDecode(dst, []byte(text))
	// What can be written in more than one way: line breaks, which are passed over, and
	// the bits that the last character has too many.
	n := len(decoded) - len(dst)
	var last [4]byte
	if err != nil || in.EncodedLen(n) != len(text) || !strings.HasSuffix(text, string(in.AppendEncode(last[:0], decoded[len(decoded)-n%3:]))) {
		return dst, Refuse(ErrMalformed, "signature_not_base64")
	}
	return decoded, nil
}

// DecodeHex appends a signature in lower-case hex; it refuses as DecodeBase64 does.
func DecodeHex(dst []byte, text string) ([]byte, error) {
	if len(text) > MaxAuthorization || strings.ContainsAny(text, "ABCDEF") {
		return dst, Refuse(ErrMalformed, "signature_not_hex")
	}
	signature, err := hex.AppendDecode(dst, []byte(text))
	if err != nil || len(signature) == len(dst) {
		return dst, Refuse(ErrMalformed, "signature_not_hex")
	}
	return signature, nil
}

// FormatHMAC writes what ParseHMAC reads.
func FormatHMAC(c *Claim) string {
	var buf [512]byte
	b := append(buf[:0], `hmac id="`...)
	b = append(b, c.KeyID...)
	b = append(b, `", algorithm="`...)
	b = append(b, c.Algorithm...)
	b = append(b, `", headers="`...)
	b = AppendJoined(b, c.Headers, ' ')
	b = append(b, `", signature="`...)
	b = base64.StdEncoding.AppendEncode(b, c.Signature)
	b = append(b, '"')
	return string(b)
}

// AppendJoined appends the names with a separator in between.
func AppendJoined(dst []byte, names []string, separator byte) []byte {
	for i, name := range names {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = append(dst, name...)
	}
	return dst
}

// AlgorithmNamed finds an algorithm of package algo whatever the case of its name: a
// PHP sample of Tencent's sends hmac-SM3.
func AlgorithmNamed(name string) (string, error) {
	switch name { // without an allocation
	case algo.HMACSHA1, algo.HMACSHA256, algo.HMACSM3:
		return name, nil
	}
	for _, known := range algo.Algorithms() {
		if strings.EqualFold(name, known) {
			return known, nil
		}
	}
	r := Refuse(ErrAlgorithm, "algorithm_unknown", "algorithm", Clip(name), "known", strings.Join(algo.Algorithms(), ", "))
	r.Algorithm = Clip(name)
	return "", r
}

// ParseHeaderNames splits a list of signed headers and appends the names in lower
// case, none of which may come twice.
func ParseHeaderNames(dst []string, list string, separator byte) ([]string, error) {
	if n := strings.Count(list, string(separator)) + 1; n > MaxSignedHeaders {
		return dst, Refuse(ErrMalformed, "too_many_signed_headers", "count", strconv.Itoa(n), "limit", strconv.Itoa(MaxSignedHeaders))
	}
	for more := true; more; {
		name := list
		i := strings.IndexByte(list, separator)
		if more = i >= 0; more {
			name, list = list[:i], list[i+1:]
		}
		if !IsToken(name) {
			name, _, _ = strings.Cut(name, "=") // what follows may be the signature
			return dst, Refuse(ErrMalformed, "signed_headers_form", "name", Clip(name), "separator", string(separator))
		}
		name = strings.ToLower(name)
		for _, other := range dst {
			if name == other {
				return dst, headerRefusal("header_listed_twice", name)
			}
		}
		dst = append(dst, name)
	}
	return dst, nil
}

// TencentAnswer is the text of Tencent's gateway for a refusal, as far as one is
// known.
func TencentAnswer(r *Refusal) string {
	switch r.Reason {
	case ErrNoAuthorization:
		return "HMAC id or signature missing."
	case ErrMalformed:
		return "HMAC authorization format error."
	case ErrUnknownKey, ErrScheme, ErrScope:
		return "HMAC apikey is invalid for API."
	case ErrAlgorithm:
		return "HMAC algorithm " + r.Algorithm + " not supported."
	case ErrSignedHeaders:
		return "HMAC do not support multiple HTTP header."
	case ErrDate:
		return "HMAC signature cannot be verified, a valid x-date header is required for HMAC Authentication."
	case ErrExpired:
		return "HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication."
	case ErrSignature, ErrBodyDigest, ErrReplayed:
		return "HMAC signature does not match"
	}
	return r.Reason.Error()
}
