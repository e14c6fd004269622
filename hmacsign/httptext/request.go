// Package httptext reads requests that people have as text, and writes them so: a curl
// command as browsers, Postman and this project's command write it, HTTP/1.1 and HTTP/2 as
// editors leave it, what curl -v shows, an entry of a HAR file. What was assumed on the way
// is told in notes; what cannot be known from the text, such as a shell's variable or a
// file, is refused with the reason. Nothing is read but the text.
//
// [Parse] gives a [Request]: its HTTP is for hmacsign.Signer, its Wire for
// hmacsign.Verifier, and Curl and Raw are text again. [FromHTTP] is a Request of one that
// was signed. [Command] is for a program that has curl's flags of its own.
package httptext

import "github.com/gmhmac/hmacsign/hmacsign"

// A Request is what the sender of a text would put on the wire.
type Request struct {
	Method string
	Scheme string // http or https, empty if the text does not tell
	Host   string // as the Host header or :authority has it
	// Target is the path and the query, every byte as it is sent.
	Target string
	// Header is all headers in their order as the text has them, but for Host.
	Header []hmacsign.HeaderField
	// Body is all that the text has, without its framing, whatever Content-Length says.
	Body  []byte
	Notes []Note // what was assumed

	address string   // that it is sent to, if that is not the Host
	leftOut []string // headers that a sender is not to add
}

// A Note tells what was assumed of a text, or is odd about it.
type Note struct {
	Code string            // a stable word, such as "curl_accept"
	Args map[string]string // what stands in the gaps of the text
}
