// Package huaweisdk is the scheme huawei-sdk: the request signature of Huawei Cloud's
// API Gateway and ROMA Connect, in the forms SDK-HMAC-SHA256 and SDK-HMAC-SM3 and,
// with a key derived for a day, region and service, V11-HMAC-SHA256 and
// V11-HMAC-SM3. Source: Huawei Cloud's documentation "AK/SK signing algorithm", its
// "Backend signature verification" example, and its SDKs.
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
package huaweisdk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Scheme is huawei-sdk with its options. A signer signs host, x-sdk-date, the
// content-hash header if the request has one, and the headers that it is told to
// sign. Where the request's X-Sdk-Content-Sha256 (for SM3 X-Sdk-Content-Sm3) is
// UNSIGNED-PAYLOAD, the body is not signed.
type Scheme struct {
	scheme.Defaults
	// Region and Service make a signer use a key derived for them and the day. Set
	// both or neither: see [Derived].
	Region, Service string
	// DecodeSlash makes a verifier accept, beside what is documented, paths whose
	// encoded slashes were decoded before the path was split, as several SDKs do:
	// /a%2Fb and /a/b then sign alike.
	DecodeSlash bool
}

var (
	_ scheme.Scheme    = Scheme{}
	_ scheme.Hashed    = Scheme{}
	_ scheme.Deriver   = Scheme{}
	_ scheme.Checker   = Scheme{}
	_ scheme.Explainer = Scheme{}
)

// Derived returns the scheme whose signer uses a key derived for the day, the region
// and the service, the forms V11-HMAC-SHA256 and V11-HMAC-SM3.
func Derived(region, service string) (Scheme, error) {
	for _, part := range []string{region, service} {
		if !scheme.IsToken(part) {
			return Scheme{}, fmt.Errorf("hmacsign: a derived key for %q: give the names of a region and of a service", scheme.Clip(part))
		}
	}
	return Scheme{Region: region, Service: service}, nil
}

// Check implements [scheme.Checker].
func (s Scheme) Check() error {
	if s.Region == "" && s.Service == "" || scheme.IsToken(s.Region) && scheme.IsToken(s.Service) {
		return nil
	}
	return errors.New("a derived key needs the names of a region and of a service: set Region and Service, or neither")
}

// Name implements [scheme.Scheme], like the other methods.
func (Scheme) Name() string { return "huawei-sdk" }

// Algorithms implements [scheme.Scheme].
func (Scheme) Algorithms() []string { return []string{algo.HMACSHA256, algo.HMACSM3} }

// Challenge implements [scheme.Scheme].
func (Scheme) Challenge() string { return "SDK-HMAC-SHA256" }

// A form is a way in which SDKs write the string to sign, beside what is documented.
type form struct {
	name string
	// sorted: the parameters are sorted after they are encoded. Most SDKs do it
	// before, the documentation leaves it open, and either names the same parameters.
	sorted bool
	// hashed: under UNSIGNED-PAYLOAD the body's hash is signed all the same.
	hashed bool
	// slash: see [Scheme.DecodeSlash].
	slash bool
}

var forms = []form{
	{name: "documented"},
	{name: "sorted_encoded", sorted: true},
	{name: "body_hashed", hashed: true},
	{name: "body_hashed_sorted_encoded", hashed: true, sorted: true},
	{name: "slash_decoded", slash: true},
	{name: "slash_decoded_sorted_encoded", slash: true, sorted: true},
	{name: "slash_decoded_body_hashed", slash: true, hashed: true},
	{name: "slash_decoded_body_hashed_sorted_encoded", slash: true, hashed: true, sorted: true},
}

func formNamed(name string) form {
	for _, f := range forms {
		if f.name == name {
			return f
		}
	}
	return forms[0]
}

// Forms implements [scheme.Scheme].
func (s Scheme) Forms() (names []string) {
	for _, f := range forms {
		if !f.slash || s.DecodeSlash {
			names = append(names, f.name)
		}
	}
	return names
}

// sdkDate is the form of X-Sdk-Date.
var sdkDate = scheme.NewDateForm("20060102T150405Z")

const unsignedPayload = "UNSIGNED-PAYLOAD"

// Names of the fields.
const (
	fieldWord  = "word"
	fieldDate  = "date"
	fieldScope = "scope"
)

// word is the first word of the Authorization header and of the string to sign.
func word(c *scheme.Claim) string {
	switch {
	case c.Scope == "" && c.Algorithm == algo.HMACSM3:
		return "SDK-HMAC-SM3"
	case c.Scope == "":
		return "SDK-HMAC-SHA256"
	case c.Algorithm == algo.HMACSM3:
		return "V11-HMAC-SM3"
	}
	return "V11-HMAC-SHA256"
}

// Signs implements [scheme.Scheme].
func (Scheme) Signs(requested []string) []string {
	headers := append([]string{"host", "x-sdk-date"}, requested...)
	slices.Sort(headers)
	return slices.Compact(headers)
}

// Prepare implements [scheme.Scheme].
func (s Scheme) Prepare(m *scheme.Message, c *scheme.Claim, now time.Time) error {
	if err := s.checkUnambiguous(m); err != nil {
		return err
	}
	date := sdkDate.Format(now)
	if s.Region != "" || s.Service != "" {
		c.Place = s.Region + "/" + s.Service
		c.Scope = date[:8] + "/" + c.Place
	}
	name, _, err := contentHash(m, c)
	if err != nil {
		return err
	}
	if name != "" && !c.Has(name) {
		c.Headers = append(c.Headers, name)
		slices.Sort(c.Headers)
	}
	if err := s.CheckBody(m, c, forms[0].name); err != nil {
		return err
	}
	m.Set("X-Sdk-Date", date)
	return nil
}

// contentHash finds the header that takes the place of the body's hash, and its
// value. With SM3 some of the vendor's SDKs keep the header named for SHA-256.
func contentHash(m *scheme.Message, c *scheme.Claim) (name, value string, err error) {
	if c.Algorithm == algo.HMACSM3 {
		if value, present, err := m.Value("X-Sdk-Content-Sm3"); present || err != nil {
			return "x-sdk-content-sm3", value, err
		}
	}
	if value, present, err := m.Value("X-Sdk-Content-Sha256"); present || err != nil {
		return "x-sdk-content-sha256", value, err
	}
	return "", "", nil
}

// CheckBody holds a content-hash header against the body; UNSIGNED-PAYLOAD only
// counts where the header is signed: whoever is in between could add it to a request
// whose signature has the hash of the body.
func (Scheme) CheckBody(m *scheme.Message, c *scheme.Claim, form string) error {
	name, value, err := contentHash(m, c)
	if name == "" || err != nil {
		return err
	}
	if value == unsignedPayload {
		if !c.Has(name) {
			return scheme.Refuse(scheme.ErrBodyDigest, "unsigned_payload_not_signed", "header", name)
		}
		return nil
	}
	matches, err := hashMatches(m, value, c.Algorithm)
	if err == nil && !matches && c.Algorithm == algo.HMACSM3 && name == "x-sdk-content-sha256" {
		matches, err = hashMatches(m, value, algo.HMACSHA256)
		if errors.Is(err, algo.ErrUnknownBackend) {
			return scheme.Refuse(scheme.ErrBodyDigest, "content_hash_no_sha256", "header", name)
		}
	}
	if err != nil || matches {
		return err
	}
	return scheme.Refuse(scheme.ErrBodyDigest, "content_hash", "header", name)
}

func hashMatches(m *scheme.Message, value, algorithm string) (bool, error) {
	var sum [32]byte
	var text [64]byte
	digest, err := m.AppendBodySum(sum[:0], algorithm)
	return err == nil && value == string(hex.AppendEncode(text[:0], digest)), err
}

// Date finds, in the order of the vendor's example, a signed header that is missing,
// a date that is not signed, and the date.
func (Scheme) Date(m *scheme.Message, c *scheme.Claim) (time.Time, error) {
	for _, name := range c.Headers {
		if len(m.Values(scheme.CanonicalName(name))) == 0 {
			return time.Time{}, scheme.Missing(name)
		}
	}
	if !c.Has("x-sdk-date") {
		return time.Time{}, scheme.Refuse(scheme.ErrDate, "date_not_signed", "header", "x-sdk-date")
	}
	t, err := sdkDate.Read(m, "X-Sdk-Date")
	if err != nil {
		return t, err
	}
	if c.Scope != "" {
		// The credential is for the day of the date.
		if day, _, _ := m.Value("X-Sdk-Date"); !strings.HasPrefix(c.Scope, day[:8]) || c.Scope[8] != '/' {
			return t, scheme.Refuse(scheme.ErrDate, "scope_other_day")
		}
	}
	return t, nil
}

// Parts implements [scheme.Scheme].
func (s Scheme) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, name string) (bool, error) {
	if err := s.checkUnambiguous(m); err != nil {
		return false, err
	}
	f := formNamed(name)
	if f.slash && !scheme.DecodesTo(m.Path, "/") {
		return false, nil
	}
	if ok, err := appendDigest(p, m, c, f.hashed); !ok || err != nil {
		return false, err
	}
	// A byte that is not encoded takes three when it is.
	if err := m.ReserveParams(4*(len(m.Path)+len(m.Query)), m.Query); err != nil {
		return false, err
	}
	p.Path, p.Mark = canonicalPath(m.Path, f.slash), "/\n"
	if strings.HasSuffix(p.Path, "/") {
		p.Mark = "\n"
	}
	p.Params = appendParams(p.Params, m.Query)
	p.Order = byDecoded
	if f.sorted {
		if p.Order = scheme.ByKey; !ordersDiffer(p.Params) {
			return false, nil
		}
	}
	p.Names = append(p.Names, c.Headers...)
	slices.Sort(p.Names)
	p.Colon, p.Method, p.Hash = ":", m.Method, c.Algorithm
	for _, name := range p.Names {
		var err error
		if p.Headers, err = appendHeader(p.Headers, m, name); err != nil {
			return false, err
		}
	}
	date, _, err := m.Value("X-Sdk-Date")
	p.Fields = append(p.Fields, scheme.Line{Name: fieldWord, Value: word(c)}, scheme.Line{Name: fieldDate, Value: date}, scheme.Line{Name: fieldScope, Value: c.Scope})
	return err == nil, err
}

// appendDigest appends the last line: the value of a content-hash header or the hash of
// the body. It is not there (false) where the hash would be that of a form before.
func appendDigest(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, hashed bool) (bool, error) {
	name, value, err := contentHash(m, c)
	if err != nil {
		return false, err
	}
	c.AlsoHeaders = alsoSigned(name)
	if hashed && value != unsignedPayload {
		return false, nil
	}
	if name != "" && !hashed {
		p.Digest = append(p.Digest, value...)
		return true, nil
	}
	// The hash is written where its hex will be, to be had without an allocation.
	if p.Digest, err = m.AppendBodySum(p.Digest, c.Algorithm); err != nil {
		return false, err
	}
	size := len(p.Digest)
	p.Digest = hex.AppendEncode(p.Digest, p.Digest)
	p.Digest = p.Digest[:copy(p.Digest, p.Digest[size:])]
	return true, nil
}

// alsoSigned: the value of a content-hash header is the last line of what is signed.
func alsoSigned(name string) []string {
	switch name {
	case "x-sdk-content-sha256":
		return contentSHA256
	case "x-sdk-content-sm3":
		return contentSM3
	}
	return nil
}

var contentSHA256, contentSM3 = []string{"x-sdk-content-sha256"}, []string{"x-sdk-content-sm3"}

// appendHeader appends a line for each value of a header, sorted.
func appendHeader(dst []scheme.Line, m *scheme.Message, name string) ([]scheme.Line, error) {
	key := scheme.CanonicalName(name)
	before := len(dst)
	if name == "host" {
		if m.Host != "" {
			dst = append(dst, scheme.Line{Name: name, Value: m.Host})
		}
	} else {
		for _, value := range m.Header[key] {
			dst = append(dst, scheme.Line{Name: name, Value: value})
		}
	}
	lines := dst[before:]
	if len(lines) == 0 {
		return dst, scheme.Missing(name)
	}
	for i := range lines {
		var err error
		if lines[i].Value, err = scheme.Trim(key, lines[i].Value); err != nil {
			return dst, err
		}
	}
	if len(lines) > 1 {
		slices.SortFunc(lines, func(a, b scheme.Line) int { return strings.Compare(a.Value, b.Value) })
	}
	return dst, nil
}

// Render implements [scheme.Scheme]: the canonical request.
func (Scheme) Render(dst []byte, p *scheme.Parts) []byte {
	dst = append(append(dst, p.Method...), '\n')
	dst = append(append(dst, p.Path...), p.Mark...)
	dst = append(p.AppendParams(dst), '\n')
	dst = append(p.AppendHeaders(dst), '\n')
	dst = append(scheme.AppendJoined(dst, p.Names, ';'), '\n')
	return append(dst, p.Digest...)
}

// StringToSign implements [scheme.Hashed].
func (Scheme) StringToSign(dst []byte, p *scheme.Parts, digest []byte) []byte {
	for i := range p.Fields {
		if field := &p.Fields[i]; field.Name != fieldScope || field.Value != "" {
			dst = append(append(dst, field.Value...), '\n')
		}
	}
	return hex.AppendEncode(dst, digest)
}

// Derive implements [scheme.Deriver]. The key's secret is the hex text of HKDF (RFC
// 5869) from the secret, with the key id as salt: two MACs, because as many bytes are
// wanted as a MAC has.
func (Scheme) Derive(c *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	// A salt is filled up with zeros, as HMAC does with its key: it is no secret, and
	// what is demanded of secrets' length is not meant for it.
	salt := append([]byte(c.KeyID), make([]byte, max(0, 64-len(c.KeyID)))...)
	pseudorandom, err := mac(salt, secret)
	if err != nil {
		return nil, err
	}
	defer clear(pseudorandom)
	derived, err := mac(pseudorandom, append([]byte(c.Scope), 1))
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	return hex.AppendEncode(nil, derived), nil
}

// Answer is the text of the vendor's example of backend verification, with its
// spelling.
func (Scheme) Answer(r *scheme.Refusal) string {
	switch r.Reason {
	case scheme.ErrNoAuthorization:
		return "Authorization not found."
	case scheme.ErrMalformed, scheme.ErrAlgorithm:
		return "Authorization format incorrect."
	case scheme.ErrUnknownKey, scheme.ErrScheme, scheme.ErrScope:
		return "Signing key not found."
	case scheme.ErrSignedHeaders:
		return "Signed header " + strings.ToLower(r.Header) + " not found"
	case scheme.ErrDate:
		return "Header x-sdk-date not found."
	case scheme.ErrExpired:
		return "Signature expired."
	case scheme.ErrSignature, scheme.ErrBodyDigest, scheme.ErrReplayed:
		return "Verify authroization failed."
	}
	return r.Reason.Error()
}
