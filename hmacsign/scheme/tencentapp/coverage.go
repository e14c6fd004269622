package tencentapp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Coverage implements [scheme.Scheme].
func (s Scheme) Coverage() scheme.Coverage {
	c := scheme.Coverage{Method: true, Path: true, Query: true, Body: true, Headers: true, Also: alsoSigned}
	if !s.KeepEnvironment {
		c.NotApart = append(c.NotApart, sameEnvironment)
	}
	c.NotApart = append(c.NotApart, sameQueryAndForm)
	if accepted := s.accepted(); accepted != Raw {
		c.NotApart = append(c.NotApart, sameEmptyPiece, sameEmptyValue)
		if accepted&Decoded != 0 {
			c.NotApart = append(c.NotApart, sameDecoded)
		}
		if accepted&Joined != 0 {
			c.NotApart = append(c.NotApart, sameJoined)
		}
	}
	c.NotApart = append(c.NotApart, scheme.SameOrder, sameEmptyHeader, sameDigestHeader)
	return c
}

type request = scheme.Request

func pieces(text string) []string { return strings.Split(text, "&") }

// The requests that are not told apart, each for one reason.
var (
	sameEnvironment = scheme.Pair{Code: "same_environment", A: request{Path: "/release/v1"}, B: request{Path: "/v1"},
		Normal: func(r *request, _ *scheme.Claim, _ string) { r.Path = stripEnvironment(r.Path) }}
	sameQueryAndForm = scheme.Pair{Code: "same_query_and_form",
		A: request{Query: "a=1", Header: formHeader, Body: "b=2"}, B: request{Query: "b=2", Header: formHeader, Body: "a=1"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			switch {
			case !r.IsForm():
			case r.Query == "":
				r.Query, r.Body = r.Body, ""
			case r.Body != "" || form == formRaw: // which has an empty piece too
				r.Query, r.Body = r.Query+"&"+r.Body, ""
			}
		}}
	sameEmptyPiece = scheme.Pair{Code: "same_empty_piece", A: request{Query: "a=1&&b=2"}, B: request{Query: "a=1&b=2"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			if form != formRaw {
				r.Query = strings.Join(slices.DeleteFunc(pieces(r.Query), func(s string) bool { return s == "" }), "&")
			}
		}}
	sameEmptyValue = scheme.Pair{Code: "same_empty_value", A: request{Query: "a="}, B: request{Query: "a"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			all := pieces(r.Query)
			for i, piece := range all {
				if key, value, _ := strings.Cut(piece, "="); value == "" && form != formRaw {
					all[i] = key
				}
			}
			r.Query = strings.Join(all, "&")
		}}
	sameDecoded = scheme.Pair{Code: "same_decoded", A: request{Query: "a=%E4b"}, B: request{Query: "a=\xe4%62"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			switch form {
			case formDecoded:
				r.Path = decodePlain(r.Path, specialInPath, false)
				fallthrough
			case formDecodedParameters:
				r.Query = decodePlain(r.Query, specialInParams, true)
			}
		}}
	sameJoined = scheme.Pair{Code: "same_joined", A: request{Query: "a=1&a=2"}, B: request{Query: "a=1,2"},
		Normal: func(r *request, _ *scheme.Claim, form string) {
			if form != formJoined {
				return
			}
			var joined []string
			at := make(map[string]int)
			for _, piece := range pieces(r.Query) {
				key, value, _ := strings.Cut(piece, "=")
				if i, again := at[key]; again {
					if joined[i] == key {
						joined[i] += "="
					}
					joined[i] += "," + value
				} else {
					at[key] = len(joined)
					joined = append(joined, piece)
				}
			}
			r.Query = strings.Join(joined, "&")
		}}
	sameEmptyHeader = scheme.Pair{Code: "same_empty_header", A: request{Header: http.Header{"Accept": {""}}}, B: request{Header: http.Header{"Accept": nil}},
		Normal: func(r *request, c *scheme.Claim, _ string) {
			for _, name := range []string{"Accept", "Content-Type"} {
				if strings.Join(r.Header[name], "") == "" && !c.Has(strings.ToLower(name)) {
					delete(r.Header, name)
				}
			}
		}}
	// What the header says was held against the body.
	sameDigestHeader = scheme.Pair{Code: "same_digest_header",
		A: request{Method: http.MethodPut, Body: "a", Header: http.Header{"Content-Md5": {"MGNjMTc1YjljMGYxYjZhODMxYzM5OWUyNjk3NzI2NjE="}}},
		B: request{Method: http.MethodPut, Body: "a"},
		Normal: func(r *request, c *scheme.Claim, _ string) {
			if !c.Has("content-md5") {
				delete(r.Header, "Content-Md5")
			}
		}}
	formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
)

// decodePlain decodes what is not special.
func decodePlain(text, special string, plus bool) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '%' && i+2 < len(text) && !scheme.DecodesTo(text[i:i+3], special):
			b.WriteString(scheme.Decode(text[i:i+3], false))
			i += 2
		case c == '+' && plus:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
