package hmacsign

import (
	"fmt"
	"strings"
	"time"
)

// A Scheme is a way to sign a request: which headers are set, which string is
// signed, how the Authorization header is written. The schemes are those of
// this package; use [SchemeByName] to get one from a configuration.
type Scheme interface {
	// Name is the scheme's name in keys files and on the command line.
	Name() string
	// Algorithms lists the algorithms of package algo that it has words for.
	Algorithms() []string

	// signs is what a signer signs, in the scheme's order, of the headers that
	// it was asked to sign.
	signs(requested []string) []string
	// prepare checks an unsigned request, sets the headers that are needed
	// beside Authorization and completes a.
	prepare(m *message, s *signing, a *authorization) error
	// format writes an Authorization value, parse reads one; errForeign if it
	// is of another scheme.
	format(a *authorization) string
	parse(value string) (*authorization, error)
	// date is the signed time of a signed request.
	date(m *message, a *authorization) (time.Time, error)
	// ambiguous refuses a request that has the string to sign of one with
	// another meaning.
	ambiguous(m *message) error
	// stringToSign appends it to dst.
	stringToSign(dst []byte, m *message, a *authorization, c *canonical) ([]byte, error)
	// queryForms is in how many ways a verifier tries stringToSign.
	queryForms(accepted []QueryForm) []QueryForm
	// checkBody compares the body with the digest that was signed, where the
	// string to sign takes the digest from a header.
	checkBody(m *message, a *authorization) error
	// alsoSigned is what the string to sign takes of the headers beside those
	// that are listed, in lower case.
	alsoSigned(m *message, a *authorization) []string
	// message is what the vendor's gateway tells a client that is refused.
	message(e *VerifyError) string
}

// schemes is every scheme, in the order in which a verifier tries them.
var schemes = []Scheme{TencentApp, TencentKeyPair, HuaweiSDK}

// Schemes lists all schemes.
func Schemes() []Scheme { return append([]Scheme(nil), schemes...) }

// SchemeByName returns the scheme of that name.
func SchemeByName(name string) (Scheme, error) {
	var names []string
	for _, s := range schemes {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, fmt.Errorf("hmacsign: unknown scheme %q: use one of %s", clip(name), strings.Join(names, ", "))
}

// authorization is what an Authorization header says.
type authorization struct {
	keyID     string
	algorithm string   // as package algo names it
	headers   []string // signed headers, lower-case, as listed
	signature []byte
	text      string // the signature as it was written
	scope     string // of a derived key (huawei-sdk, V11), or empty
	anyDate   bool   // the vendor's server does not check this date
}

// canonical is how the string to sign is formed, where a scheme leaves a choice.
type canonical struct {
	form            QueryForm
	keepEnvironment bool
}

// signing is what a signer hands to a scheme to prepare a request.
type signing struct {
	now        time.Time
	contentMD5 ContentMD5
	region     string // of a derived key, with service
	service    string
}

// A QueryForm is one of the ways in which clients of Tencent's gateway write
// the parameters into the string to sign.
type QueryForm string

const (
	// QueryDocumented is the documentation's: sorted by key and then by value,
	// encoded as sent, an empty value without its equals sign.
	QueryDocumented QueryForm = "documented"
	// QueryRaw is the vendor's Python sample's: the pieces between ampersands
	// sorted as they are.
	QueryRaw QueryForm = "raw"
	// QueryDecoded is that of the vendor's Go, PHP, JavaScript and C# samples:
	// path and parameters percent-decoded. Different requests can have one
	// decoded form, so a verifier accepts it only when told to, and never where
	// decoding brings out a character that separates parts.
	QueryDecoded QueryForm = "decoded"
)

// QueryForms lists the query forms.
func QueryForms() []QueryForm { return []QueryForm{QueryDocumented, QueryRaw, QueryDecoded} }

// ContentMD5 says how a tencent-app signer sends the digest of a body that is
// not a form.
type ContentMD5 string

const (
	// ContentMD5Hex sends base64 of the lower-case hex text of the MD5, as
	// nearly all samples of the vendor compute it.
	ContentMD5Hex ContentMD5 = "hex"
	// ContentMD5Raw sends base64 of the 16 bytes, as the vendor's text and
	// RFC 1864 have it.
	ContentMD5Raw ContentMD5 = "raw"
	// ContentMD5None signs what ContentMD5Hex signs but sends no header, as
	// the vendor's Python and Go samples do.
	ContentMD5None ContentMD5 = "none"
)

// errForeign is for Authorization values of another scheme.
var errForeign = refuse(ErrMalformed, "the Authorization header is of no accepted scheme")
