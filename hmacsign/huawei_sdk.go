package hmacsign

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// HuaweiSDK is the request signature of Huawei Cloud's API Gateway and ROMA
// Connect, huawei-sdk, in the forms SDK-HMAC-SHA256 and SDK-HMAC-SM3 and, with
// a key derived for a day, region and service ([WithScope]), V11-HMAC-SHA256 and
// V11-HMAC-SM3. Source: Huawei Cloud's documentation "AK/SK signing algorithm",
// its "Backend signature verification" example, and its SDKs.
//
// A signer signs host, x-sdk-date, the content-hash header if the request has
// one, and the headers that it is told to sign. Where the request's
// X-Sdk-Content-Sha256 (for SM3 X-Sdk-Content-Sm3) is UNSIGNED-PAYLOAD, the body
// is not signed.
//
// The vendor's SDKs differ in what they sign: the v3 SDKs leave out headers
// whose name begins with content-type or holds an underscore, the gateway's own
// SDK signs all, Go SDKs leave out Host unless it is set. A verifier honours the
// list as it is sent. Requests that the v3 Go SDK signs otherwise than it sends,
// and that are therefore refused: one with a header twice in different case
// (listed twice), with an empty parameter name (its equals sign is trimmed on
// the way), or with a Host header that is not the endpoint's (net/http sends the
// endpoint's). It sends a body that is neither JSON nor BSON as
// UNSIGNED-PAYLOAD, so such a body is not protected.
//
// What it does not tell apart, by its definition: a path with and without a
// slash at the end, the order of parameters and of a repeated header's values,
// "a=" and "a", and a character and its percent-encoding. Where servers take the
// two for different things (; and # in the query, # and \ in the path) only the
// encoded form is signed and accepted; a semicolon in the path, which the vendor's
// SDKs send as it is, is not among them.
var HuaweiSDK Scheme = huaweiSDK{}

type huaweiSDK struct{}

func (huaweiSDK) Name() string                                { return "huawei-sdk" }
func (huaweiSDK) Algorithms() []string                        { return []string{algo.HMACSHA256, algo.HMACSM3} }
func (huaweiSDK) queryForms(accepted []QueryForm) []QueryForm { return oneForm }

// alsoSigned: the value of a content-hash header is the last line of what is
// signed.
func (huaweiSDK) alsoSigned(m *message, a *authorization) []string {
	if name, _, err := contentHash(m, a); name != "" && err == nil {
		return []string{name}
	}
	return nil
}

// huaweiDate is the form of X-Sdk-Date.
const huaweiDate = "20060102T150405Z"

const unsignedPayload = "UNSIGNED-PAYLOAD"

// huaweiHash is how the scheme's words name an algorithm.
func huaweiHash(algorithm string) string {
	switch algorithm {
	case algo.HMACSHA256:
		return "SHA256"
	case algo.HMACSM3:
		return "SM3"
	}
	return ""
}

// word is the first word of the Authorization header and of the string to sign.
func (a *authorization) word() string {
	version := "SDK"
	if a.scope != "" {
		version = "V11"
	}
	return version + "-HMAC-" + huaweiHash(a.algorithm)
}

// huaweiPattern is that of the vendor's example of backend verification, for
// both forms.
var huaweiPattern = regexp.MustCompile(`^(SDK|V11)-HMAC-(SHA256|SM3)\s+(Access|Credential)=([^,]+),\s?SignedHeaders=([^,]+),\s?Signature=(\w+)$`)

func (huaweiSDK) parse(value string) (*authorization, error) {
	if !strings.HasPrefix(value, "SDK-HMAC-") && !strings.HasPrefix(value, "V11-HMAC-") {
		return nil, errForeign
	}
	malformed := func(detail string) (*authorization, error) {
		return nil, refuse(ErrMalformed, "Authorization: "+detail)
	}
	if len(value) > maxAuthorization {
		return malformed(fmt.Sprintf("%d bytes long, the limit is %d", len(value), maxAuthorization))
	}
	m := huaweiPattern.FindStringSubmatch(value)
	if m == nil || (m[1] == "SDK") != (m[3] == "Access") || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return malformed("write it as SDK-HMAC-SHA256 Access=..., SignedHeaders=...;..., Signature=...")
	}
	a := &authorization{keyID: m[4], algorithm: algo.HMACSHA256, text: m[6]}
	if m[2] == "SM3" {
		a.algorithm = algo.HMACSM3
	}
	if m[1] == "V11" {
		// Three parts from the right: what is left of them is the key id.
		parts := strings.Split(a.keyID, "/")
		if len(parts) < 4 {
			return malformed("write the credential as Credential=KEY/YYYYMMDD/region/service")
		}
		n := len(parts) - 3
		a.keyID, a.scope = strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/")
	}
	if len(a.keyID) > maxKeyID {
		return malformed(fmt.Sprintf("the key id is %d bytes long, the limit is %d", len(a.keyID), maxKeyID))
	}
	var err error
	if a.headers, err = parseHeaderNames(m[5], ";"); err != nil {
		return nil, err
	}
	if a.signature, err = hex.DecodeString(a.text); err != nil || strings.ToLower(a.text) != a.text {
		return malformed("the signature is not lower-case hex")
	}
	return a, nil
}

func (huaweiSDK) format(a *authorization) string {
	b := make([]byte, 0, 256)
	b = append(append(b, a.word()...), ' ')
	if a.scope == "" {
		b = append(append(b, "Access="...), a.keyID...)
	} else {
		b = append(append(append(append(b, "Credential="...), a.keyID...), '/'), a.scope...)
	}
	b = append(b, ", SignedHeaders="...)
	b = appendJoined(b, a.headers, ';')
	b = append(b, ", Signature="...)
	return string(hex.AppendEncode(b, a.signature))
}

func appendJoined(dst []byte, names []string, separator byte) []byte {
	for i, name := range names {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = append(dst, name...)
	}
	return dst
}

func (huaweiSDK) signs(requested []string) []string {
	headers := append([]string{"host", "x-sdk-date"}, requested...)
	slices.Sort(headers)
	return slices.Compact(headers)
}

func (huaweiSDK) prepare(m *message, s *signing, a *authorization) error {
	date := s.now.UTC().Format(huaweiDate)
	if s.region != "" {
		a.scope = date[:8] + "/" + s.region + "/" + s.service
	}
	if name, _, err := contentHash(m, a); err != nil {
		return err
	} else if name != "" && !slices.Contains(a.headers, name) {
		a.headers = append(slices.Clone(a.headers), name)
		slices.Sort(a.headers)
	}
	if err := (huaweiSDK{}).checkBody(m, a); err != nil {
		return err
	}
	m.set("X-Sdk-Date", date)
	return nil
}

// contentHash finds the header that takes the place of the body's hash, and its
// value. With SM3 some of the vendor's SDKs keep the header named for SHA-256.
func contentHash(m *message, a *authorization) (name, value string, err error) {
	for _, name := range [...]string{"x-sdk-content-sm3", "x-sdk-content-sha256"} {
		if name == "x-sdk-content-sm3" && a.algorithm != algo.HMACSM3 {
			continue
		}
		if value, present, err := m.single(canonicalName(name)); present || err != nil {
			return name, value, err
		}
	}
	return "", "", nil
}

// checkBody holds a content-hash header against the body; UNSIGNED-PAYLOAD only
// counts where the header is signed.
func (huaweiSDK) checkBody(m *message, a *authorization) error {
	name, value, err := contentHash(m, a)
	if name == "" || err != nil {
		return err
	}
	if value == unsignedPayload {
		if !slices.Contains(a.headers, name) {
			return refuse(ErrBodyDigest, "UNSIGNED-PAYLOAD needs "+name+" among the signed headers")
		}
		return nil
	}
	detail := name + " is not the hash of the body"
	sum, err := appendBodyHash(nil, m, a.algorithm)
	if err == nil && value != string(sum) && a.algorithm == algo.HMACSM3 && name == "x-sdk-content-sha256" {
		sum, err = appendBodyHash(nil, m, algo.HMACSHA256)
		if errors.Is(err, algo.ErrUnknownBackend) {
			return refuse(ErrBodyDigest, detail+" with SM3, and backend "+m.digests.backend+" has no "+algo.HMACSHA256+" to compare it with SHA-256: send the SM3")
		}
	}
	if err != nil || value == string(sum) {
		return err
	}
	return refuse(ErrBodyDigest, detail)
}

// appendBodyHash appends the hex of the body's hash.
func appendBodyHash(dst []byte, m *message, algorithm string) ([]byte, error) {
	h, err := m.digests.of(algorithm)
	if err != nil {
		return nil, err
	}
	if err := m.body.hash(h); err != nil {
		return nil, err
	}
	return hex.AppendEncode(dst, h.Sum(nil)), nil
}

// date finds, in the order of the vendor's example, a signed header that is
// missing, a date that is not signed, and the date.
func (huaweiSDK) date(m *message, a *authorization) (time.Time, error) {
	for _, name := range a.headers {
		if len(m.values(canonicalName(name))) == 0 {
			return time.Time{}, missing(name)
		}
	}
	if !slices.Contains(a.headers, "x-sdk-date") {
		return time.Time{}, refuse(ErrDate, "x-sdk-date is not among the signed headers")
	}
	value, _, err := m.single("X-Sdk-Date")
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(huaweiDate, value)
	if err != nil {
		return time.Time{}, refuse(ErrDate, fmt.Sprintf("X-Sdk-Date %q is not of the form %q", clip(value), huaweiDate))
	}
	if a.scope != "" && !strings.HasPrefix(a.scope, value[:8]+"/") {
		return time.Time{}, refuse(ErrDate, "the credential is not of the day of X-Sdk-Date")
	}
	return t, nil
}

func (huaweiSDK) stringToSign(dst []byte, m *message, a *authorization, _ *canonical) ([]byte, error) {
	date, _, err := m.single("X-Sdk-Date")
	if err != nil {
		return nil, err
	}
	if m.canonicalRequest, err = appendCanonicalRequest(m.canonicalRequest[:0], m, a); err != nil {
		return nil, err
	}
	h, err := m.digests.of(a.algorithm)
	if err != nil {
		return nil, err
	}
	h.Write(m.canonicalRequest)
	dst = append(append(dst, a.word()...), '\n')
	dst = append(append(dst, date...), '\n')
	if a.scope != "" {
		dst = append(append(dst, a.scope...), '\n')
	}
	return hex.AppendEncode(dst, h.Sum(nil)), nil
}

func appendCanonicalRequest(dst []byte, m *message, a *authorization) ([]byte, error) {
	// A byte that is not encoded takes three when it is; path and parameters are
	// decoded first.
	target := len(m.path) + len(m.query)
	dst, err := m.grow(dst, 3*target, countParameters(m.query))
	if err != nil {
		return nil, err
	}
	if err := m.body.charge(int64(target)); err != nil {
		return nil, err
	}
	dst = append(append(dst, m.method...), '\n')
	if dst, err = appendCanonicalURI(dst, m.path); err != nil {
		return nil, err
	}
	dst = append(dst, '\n')
	if dst, err = appendCanonicalQuery(dst, m.query); err != nil {
		return nil, err
	}
	dst = append(dst, '\n')
	var buf [8]string
	names := append(buf[:0], a.headers...)
	slices.Sort(names)
	for _, name := range names {
		if dst, err = appendHeaderValues(dst, m, name); err != nil {
			return nil, err
		}
	}
	dst = append(dst, '\n')
	dst = append(appendJoined(dst, names, ';'), '\n')
	switch name, value, err := contentHash(m, a); {
	case err != nil:
		return nil, err
	case name != "":
		return append(dst, value...), nil
	}
	return appendBodyHash(dst, m, a.algorithm)
}

// appendHeaderValues appends a line "name:value" for each value, sorted.
func appendHeaderValues(dst []byte, m *message, name string) ([]byte, error) {
	var buf [4]string
	values := buf[:0]
	key := canonicalName(name)
	for _, value := range m.values(key) {
		value, err := trimmed(key, value)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return nil, missing(name)
	}
	slices.Sort(values)
	for _, value := range values {
		dst = append(append(append(append(dst, name...), ':'), value...), '\n')
	}
	return dst, nil
}

// ambiguous refuses characters that the canonical request does not tell from
// their percent-encoding, but servers do: some end the target at a #, take a
// backslash for a slash, or drop a parameter with a semicolon. Whoever is between
// client and verifier could write one for the other.
func (huaweiSDK) ambiguous(m *message) error {
	for _, part := range [...]struct{ what, text, special string }{{"path", m.path, `#\`}, {"query", m.query, "#;"}} {
		if i := strings.IndexAny(part.text, part.special); i >= 0 {
			c := part.text[i]
			return refuse(ErrMalformed, fmt.Sprintf("the %s has %q at byte %d, which the signature does not tell from %%%02X: send that", part.what, c, i, c))
		}
	}
	return nil
}

// appendCanonicalURI decodes and encodes each segment on its own, so that an
// encoded slash stays one, and ends the path with a slash.
func appendCanonicalURI(dst []byte, path string) ([]byte, error) {
	for {
		segment, rest, more := strings.Cut(path, "/")
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, refuse(ErrMalformed, "invalid percent-encoding in the path")
		}
		dst = appendEscaped(dst, decoded)
		if !more {
			break
		}
		dst, path = append(dst, '/'), rest
	}
	if dst[len(dst)-1] != '/' {
		dst = append(dst, '/')
	}
	return dst, nil
}

// appendCanonicalQuery appends the parameters sorted by name and then by value,
// each with its equals sign.
func appendCanonicalQuery(dst []byte, query string) ([]byte, error) {
	count := countParameters(query)
	if count > maxParameters {
		return nil, refuse(ErrMalformed, fmt.Sprintf("%d parameters, the limit is %d", count, maxParameters))
	}
	var buf [16]parameter
	parameters, err := splitParameters(slices.Grow(buf[:0], count), query, func(s string) (string, error) {
		decoded, err := url.QueryUnescape(s)
		if err != nil {
			return "", refuse(ErrMalformed, "invalid percent-encoding in the query")
		}
		return decoded, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(parameters, parameter.compare)
	for i, p := range parameters {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = appendEscaped(append(appendEscaped(dst, p.key), '='), p.value)
	}
	return dst, nil
}

// appendEscaped percent-encodes all but the unreserved characters of RFC 3986.
func appendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// regionAndService is a scope without its day.
func regionAndService(scope string) string {
	_, rest, _ := strings.Cut(scope, "/")
	return rest
}

// derive makes the key of a scope. Its secret is the hex text of HKDF (RFC 5869)
// from the secret, with the key id as salt: two MACs, because as many bytes are
// wanted as a MAC has. Base is the key of the secret itself, whose backend computes
// these too.
func derive(base *algo.Key, keyID string, secret SecretText, scope string) (*algo.Key, error) {
	info := base.Backend()
	sum := func(key, msg []byte) ([]byte, error) {
		mac, err := newMAC(info.Algorithm, key, info.Backend)
		if err != nil {
			return nil, err
		}
		defer mac.Destroy()
		return mac.Sum(nil, msg), nil
	}
	text := secret.bytes()
	defer clear(text)
	pseudorandom, err := sum(wholeBlock(keyID), text)
	if err != nil {
		return nil, err
	}
	derived, err := sum(pseudorandom, append([]byte(scope), 1))
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	return newMAC(info.Algorithm, hex.AppendEncode(nil, derived), info.Backend)
}

// wholeBlock fills a salt up with zeros, as HMAC does with its key: a salt is no
// secret, and what is demanded of secrets' length is not meant for it.
func wholeBlock(salt string) []byte {
	return append([]byte(salt), make([]byte, max(0, 64-len(salt)))...)
}

// message is the text of the vendor's example of backend verification, with its
// spelling.
func (huaweiSDK) message(e *VerifyError) string {
	switch e.Reason {
	case ErrNoAuthorization:
		return "Authorization not found."
	case ErrMalformed, ErrAlgorithm:
		return "Authorization format incorrect."
	case ErrUnknownKey, ErrScheme, ErrScope:
		return "Signing key not found."
	case ErrSignedHeaders:
		return "Signed header " + strings.ToLower(e.Header) + " not found"
	case ErrDate:
		return "Header x-sdk-date not found."
	case ErrExpired:
		return "Signature expired."
	case ErrSignature, ErrBodyDigest, ErrReplayed:
		return "Verify authroization failed."
	}
	return e.Reason.Error()
}
