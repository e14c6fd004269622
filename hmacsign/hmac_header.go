package hmacsign

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
)

// The Authorization header of both of Tencent's schemes:
//
//	hmac id="KEYID", algorithm="hmac-sm3", headers="source x-date", signature="BASE64"

// Limits that no honest client comes near.
const (
	maxAuthorization = 8 << 10
	maxKeyID         = 256
	maxSignedHeaders = 64
)

func parseHMACHeader(value string) (*authorization, error) {
	malformed := func(detail string) (*authorization, error) {
		return nil, refuse(ErrMalformed, "Authorization: "+detail)
	}
	if len(value) > maxAuthorization {
		return malformed(fmt.Sprintf("%d bytes long, the limit is %d", len(value), maxAuthorization))
	}
	word, rest, _ := strings.Cut(value, " ")
	if !strings.EqualFold(word, "hmac") {
		return nil, errForeign
	}
	var id, algorithm, headers, signature string
	for {
		var name string
		var quoted bool
		name, rest, quoted = strings.Cut(strings.TrimLeft(rest, " "), `="`)
		if !quoted {
			return malformed(`write it as hmac id="...", algorithm="...", headers="...", signature="..."`)
		}
		var field *string
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
			return malformed(fmt.Sprintf("unknown parameter %q, or one without quotes", clip(name)))
		}
		if *field != "" {
			return malformed("parameter " + name + " is repeated")
		}
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return malformed("parameter " + name + " has no closing quote")
		}
		*field, rest = rest[:end], strings.TrimLeft(rest[end+1:], " ")
		if *field == "" {
			return malformed("parameter " + name + " is empty")
		}
		if strings.ContainsFunc(*field, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
			return malformed("parameter " + name + " has a control character or a backslash")
		}
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return malformed("no comma behind parameter " + name)
		}
		rest = rest[1:]
	}
	if id == "" || algorithm == "" || headers == "" || signature == "" {
		return malformed("id, algorithm, headers and signature must all be there")
	}
	if len(id) > maxKeyID {
		return malformed(fmt.Sprintf("the key id is %d bytes long, the limit is %d", len(id), maxKeyID))
	}
	a := &authorization{keyID: id, text: signature}
	var err error
	if a.algorithm, err = algorithmNamed(algorithm); err != nil {
		return nil, err
	}
	if a.headers, err = parseHeaderNames(headers, " "); err != nil {
		return nil, err
	}
	if a.signature, err = base64.StdEncoding.Strict().DecodeString(signature); err != nil {
		return malformed("the signature is not base64")
	}
	return a, nil
}

// algorithmNamed finds an algorithm whatever its case: a PHP sample of the
// vendor sends hmac-SM3.
func algorithmNamed(name string) (string, error) {
	for _, known := range algo.Algorithms() {
		if strings.EqualFold(name, known) {
			return known, nil
		}
	}
	return "", &VerifyError{Reason: ErrAlgorithm, Algorithm: clip(name), Detail: "use one of " + strings.Join(algo.Algorithms(), ", ")}
}

// parseHeaderNames splits a list of signed headers; the names come out in lower
// case and no name comes twice.
func parseHeaderNames(list, separator string) ([]string, error) {
	n := strings.Count(list, separator) + 1
	if n > maxSignedHeaders {
		return nil, refuse(ErrMalformed, fmt.Sprintf("%d signed headers, the limit is %d", n, maxSignedHeaders))
	}
	names := make([]string, 0, n)
	for name := range strings.SplitSeq(list, separator) {
		if !isToken(name) {
			name, _, _ = strings.Cut(name, "=") // as above
			return nil, refuse(ErrMalformed, fmt.Sprintf("signed headers: %q is not a header's name; separate names by one %q", clip(name), separator))
		}
		name = strings.ToLower(name)
		for _, other := range names {
			if name == other {
				return nil, &VerifyError{Reason: ErrSignedHeaders, Header: clip(name), Detail: clip(name) + " is listed twice"}
			}
		}
		names = append(names, name)
	}
	return names, nil
}

func formatHMACHeader(a *authorization) string {
	b := make([]byte, 0, 256)
	b = append(b, `hmac id="`...)
	b = append(b, a.keyID...)
	b = append(b, `", algorithm="`...)
	b = append(b, a.algorithm...)
	b = append(b, `", headers="`...)
	b = appendJoined(b, a.headers, ' ')
	b = append(b, `", signature="`...)
	b = base64.StdEncoding.AppendEncode(b, a.signature)
	b = append(b, '"')
	return string(b)
}

// tencentMessage is the vendor's text for a refusal, as far as one is known.
func tencentMessage(e *VerifyError) string {
	switch e.Reason {
	case ErrNoAuthorization:
		return "HMAC id or signature missing."
	case ErrMalformed:
		return "HMAC authorization format error."
	case ErrUnknownKey, ErrScheme, ErrScope:
		return "HMAC apikey is invalid for API."
	case ErrAlgorithm:
		return "HMAC algorithm " + e.Algorithm + " not supported."
	case ErrSignedHeaders:
		return "HMAC do not support multiple HTTP header."
	case ErrDate:
		return "HMAC signature cannot be verified, a valid x-date header is required for HMAC Authentication."
	case ErrExpired:
		return "HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication."
	case ErrSignature, ErrBodyDigest, ErrReplayed:
		return "HMAC signature does not match"
	}
	return e.Reason.Error()
}
