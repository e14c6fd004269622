// Package tabs is what stands behind the two tabs of the signature page: the page hands
// over what is in its fields and shows what comes back. It runs in the browser as it does
// here.
package tabs

import "time"

// A Text is a request that was pasted into the tab that signs.
type Text struct {
	Text string `json:"text"`
	Lang string `json:"lang"`
}

// Fields are those of the request that a text describes.
type Fields struct {
	Error   string   `json:"error,omitempty"`
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers string   `json:"headers"` // "Name: value", one a line
	Body    string   `json:"body"`
	Notes   []string `json:"notes,omitempty"`
}

// SignInput is what the fields of the tab that signs hold.
type SignInput struct {
	Method          string `json:"method"`
	URL             string `json:"url"`
	Headers         string `json:"headers"`
	Body            string `json:"body"`
	Scheme          string `json:"scheme"`
	Algorithm       string `json:"algorithm"`
	KeyID           string `json:"key_id"`
	Secret          string `json:"secret"`
	Date            string `json:"date"` // empty is now
	SignedHeaders   string `json:"signed_headers"`
	QueryForm       string `json:"query_form"`  // empty is documented
	ContentMD5      string `json:"content_md5"` // empty is hex
	KeepEnvironment bool   `json:"keep_environment"`
	Region          string `json:"region"`
	Service         string `json:"service"`
	Lang            string `json:"lang"`
}

// Signed is the request with its signature.
type Signed struct {
	Error            string   `json:"error,omitempty"`
	Field            string   `json:"field,omitempty"` // that the error is about, by its JSON name
	StringToSign     string   `json:"string_to_sign"`
	CanonicalRequest string   `json:"canonical_request,omitempty"`
	Signature        string   `json:"signature"`
	Headers          string   `json:"headers"` // all that are sent but Host and the body's length, one a line
	Curl             string   `json:"curl"`
	HTTP             string   `json:"http"`
	Date             string   `json:"date"` // of the signature, RFC 3339
	Notes            []string `json:"notes,omitempty"`
}

// CheckInput is what the fields of the other tab hold.
type CheckInput struct {
	Request string `json:"request"` // as text
	Secret  string `json:"secret"`
	Own     string `json:"own"`  // the string that one's own code signed, or the gateway's answer
	Date    string `json:"date"` // of the verifier's clock, empty is now
	Lang    string `json:"lang"`
}

// A Verdict is what the verifier says.
type Verdict struct {
	Error     string    `json:"error,omitempty"` // the text is no request, or the date none; nothing else is set
	Accepted  bool      `json:"accepted"`
	Late      bool      `json:"late,omitempty"` // refused for its date; the rest is as of that date, Accepted too
	LateText  string    `json:"late_text,omitempty"`
	Reason    string    `json:"reason,omitempty"` // the code, or no_secret: the signature was not checked
	Text      string    `json:"text"`             // one line
	Scheme    string    `json:"scheme,omitempty"`
	Algorithm string    `json:"algorithm,omitempty"`
	KeyID     string    `json:"key_id,omitempty"`
	Signed    []string  `json:"signed_headers,omitempty"`
	Mistakes  []Mistake `json:"mistakes,omitempty"`
	// StringToSign and CanonicalRequest are the verifier's.
	StringToSign     string   `json:"string_to_sign,omitempty"`
	CanonicalRequest string   `json:"canonical_request,omitempty"`
	Pieces           []string `json:"pieces,omitempty"`      // in which client and verifier differ, in words
	Differences      []Line   `json:"differences,omitempty"` // what the client signed against the verifier's, all lines
	Own              *Own     `json:"own,omitempty"`
	Notes            []string `json:"notes,omitempty"`
}

// A Mistake is a known one of clients.
type Mistake struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// A Line is of two texts side by side. A line that only one of them has is null in the
// other.
type Line struct {
	Client *Marked `json:"client"`
	Server *Marked `json:"server"`
}

// Marked is a line in three: only what is between differs from the other text's.
type Marked struct {
	Before  string `json:"before"`
	Differs string `json:"differs"`
	After   string `json:"after"`
}

// Own is what there is to say of the string in the third box.
type Own struct {
	From string `json:"from"` // string_to_sign, canonical_request: what it was taken for
	// Gateway: it stood in an answer of a gateway's, and is the gateway's. If that has
	// none, nothing but Text is set beside.
	Gateway bool `json:"gateway,omitempty"`
	Equal   bool `json:"equal"` // it is the verifier's
	// Signs: the secret and the algorithm make the request's signature of it, so what
	// was signed is this string.
	Signs bool   `json:"signs"`
	Text  string `json:"text"`            // one line
	Lines []Line `json:"lines,omitempty"` // all, where they are not equal
}

// A Desk answers the page. It is not safe for concurrent use; a page asks one thing at a
// time.
type Desk struct{ now func() time.Time }

// New returns a desk with a clock.
func New(now func() time.Time) *Desk { return &Desk{now} }
