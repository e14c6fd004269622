package scheme

import (
	"net/http"
	"slices"
	"strings"
)

// Coverage declares what a signature covers. Package schemetest holds a scheme to it:
// no byte of what is covered can be changed, but for what is declared to be not told
// apart, and of the rest each is shown to be open.
type Coverage struct {
	Method, Path, Query, Body bool
	// Headers: those that are listed as signed are. Also are further ones that are
	// signed, in lower case.
	Headers bool
	Also    []string
	// NotApart are requests of different bytes that have one signature, by the
	// definition of the scheme.
	NotApart []Pair
}

// A Pair is two ways to write what a signature does not tell apart. Code is that of
// a text which says so.
type Pair struct {
	Code string
	// A and B are an example: empty fields are any.
	A, B Request
	// Normal rewrites a request, with the claim that it makes and in the form in
	// which it is accepted, to the one that stands for all that are not told from it
	// for this reason. Two requests may have one signature if they are equal once
	// the Normals of all Pairs were applied, in the order of the list.
	Normal func(r *Request, c *Claim, form string)
}

// A Request is a request in memory, as it is on the wire: for declarations and tests.
type Request struct {
	Method, Path, Query, Host string // as those of a Message
	Header                    http.Header
	Body                      string
}

// IsForm reports whether the body is application/x-www-form-urlencoded.
func (r *Request) IsForm() bool {
	m := Message{Header: r.Header}
	return m.IsForm()
}

// SameOrder is the Pair of schemes that sort the parameters of the query.
var SameOrder = Pair{Code: "same_order", A: Request{Query: "a=1&b=2"}, B: Request{Query: "b=2&a=1"},
	Normal: func(r *Request, _ *Claim, _ string) {
		pieces := strings.Split(r.Query, "&")
		slices.Sort(pieces)
		r.Query = strings.Join(pieces, "&")
	}}
