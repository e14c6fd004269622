package scheme

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
	A, B Example
	// Same reports whether it is for this that two requests, both of which are
	// accepted under one signature, are not told apart.
	Same func(a, b *Message) bool
}

// An Example is what of a request matters to a Pair: empty fields are any.
type Example struct {
	Target, ContentType, Body string
	Header                    Line
}
