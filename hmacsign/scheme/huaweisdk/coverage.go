package huaweisdk

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Coverage implements [scheme.Scheme].
func (s Scheme) Coverage() scheme.Coverage {
	c := scheme.Coverage{Method: true, Path: true, Query: true, Body: true, Headers: true, Also: []string{contentSHA256[0], contentSM3[0]}}
	if s.DecodeSlash {
		c.NotApart = append(c.NotApart, sameSlash)
	}
	c.NotApart = append(c.NotApart, sameLastSlash, sameEmptyPiece, sameEmptyValue, sameEncoding, scheme.SameOrder, sameHeaderOrder, sameUnsignedBody, sameDigestHeader)
	return c
}

type request = scheme.Request

func pieces(text string) []string { return strings.Split(text, "&") }

// The requests that are not told apart, each for one reason.
var (
	sameSlash = scheme.Pair{Code: "same_slash", A: request{Path: "/a%2Fb"}, B: request{Path: "/a/b"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			if formNamed(form).slash {
				r.Path = strings.NewReplacer("%2F", "/", "%2f", "/").Replace(r.Path)
			}
		}}
	sameLastSlash = scheme.Pair{Code: "same_last_slash", A: request{Path: "/a"}, B: request{Path: "/a/"},
		Normal: func(r *request, _ *scheme.Claim, _ string) {
			if !strings.HasSuffix(r.Path, "/") {
				r.Path += "/"
			}
		}}
	sameEmptyPiece = scheme.Pair{Code: "same_empty_piece", A: request{Query: "a=1&&b=2"}, B: request{Query: "a=1&b=2"},
		Normal: func(r *request, _ *scheme.Claim, _ string) {
			r.Query = strings.Join(slices.DeleteFunc(pieces(r.Query), func(s string) bool { return s == "" }), "&")
		}}
	sameEmptyValue = scheme.Pair{Code: "same_empty_value", A: request{Query: "a="}, B: request{Query: "a"},
		Normal: func(r *request, _ *scheme.Claim, _ string) {
			all := pieces(r.Query)
			for i, piece := range all {
				if !strings.Contains(piece, "=") && piece != "" {
					all[i] += "="
				}
			}
			r.Query = strings.Join(all, "&")
		}}
	sameEncoding = scheme.Pair{Code: "same_encoding", A: request{Path: "/%61'", Query: "b=%63+!"}, B: request{Path: "/a%27", Query: "b=c%20%21"},
		Normal: func(r *request, _ *scheme.Claim, _ string) {
			encode := func(text, separator string, plus bool) string {
				parts := strings.Split(text, separator)
				for i, part := range parts {
					parts[i] = string(scheme.AppendEscaped(nil, scheme.Decode(part, plus)))
				}
				return strings.Join(parts, separator)
			}
			r.Path = encode(r.Path, "/", false)
			all := pieces(r.Query)
			for i, piece := range all {
				if key, value, found := strings.Cut(piece, "="); found {
					all[i] = encode(key, "\x00", true) + "=" + encode(value, "\x00", true)
				}
			}
			r.Query = strings.Join(all, "&")
		}}
	sameHeaderOrder = scheme.Pair{Code: "same_header_order", A: request{Header: http.Header{"Source": {"a", "b"}}}, B: request{Header: http.Header{"Source": {"b", "a"}}},
		Normal: func(r *request, c *scheme.Claim, _ string) {
			for _, name := range c.Headers {
				slices.Sort(r.Header[scheme.CanonicalName(name)])
			}
		}}
	sameUnsignedBody = scheme.Pair{Code: "same_unsigned_body",
		A: request{Method: http.MethodPost, Header: http.Header{"X-Sdk-Content-Sha256": {unsignedPayload}}, Body: "a"},
		B: request{Method: http.MethodPost, Header: http.Header{"X-Sdk-Content-Sha256": {unsignedPayload}}, Body: "b"},
		Normal: func(r *request, c *scheme.Claim, form string) {
			m := scheme.Message{Header: r.Header}
			if name, value, err := contentHash(&m, c); err == nil && value == unsignedPayload && c.Has(name) && !formNamed(form).hashed {
				r.Body = ""
			}
		}}
	// What the header says was held against the body.
	sameDigestHeader = scheme.Pair{Code: "same_digest_header",
		A: request{Method: http.MethodPost, Body: "a"},
		B: request{Method: http.MethodPost, Body: "a", Header: http.Header{
			"X-Sdk-Content-Sha256": {"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}},
		Normal: func(r *request, c *scheme.Claim, _ string) {
			for _, name := range []string{contentSHA256[0], contentSM3[0]} {
				if !c.Has(name) {
					delete(r.Header, scheme.CanonicalName(name))
				}
			}
		}}
)
