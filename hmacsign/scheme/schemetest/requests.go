package schemetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

const form = "application/x-www-form-urlencoded"

// simple is the request of a GET with two parameters, which every scheme can sign.
func (t *suite) simple() scheme.Request {
	return t.complete(scheme.Request{Path: "/a/b", Query: "x=1&y=two"})
}

// shapes are the suite's requests.
func (t *suite) shapes() []scheme.Request {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	typed := func(r scheme.Request, contentType, body string) scheme.Request {
		r.Header, r.Body = http.Header{"Content-Type": {contentType}}, body
		return r
	}
	all := []scheme.Request{
		{},
		{Path: "/a/b", Query: "x=1&y=two"},
		{Path: "/release/a", Query: "b=2&a=1&a=&c&a=1&&=v&d=+%20"},
		{Path: "/%e4%FF/b%2Fc/%41.", Query: "q=%26%3d%2B%ff&A=a=b&z=%7e"},
		{Path: "/d", Query: "z=%E4&%41=b%20c"},
		{Path: "/d/ä%20b", Query: "n=%20+"},
		{Method: http.MethodHead, Path: "/a/"},
		{Method: http.MethodDelete, Path: "/a//b"},
		{Method: http.MethodPut, Path: "/empty"},
		typed(scheme.Request{Path: "/j", Query: "x=1"}, "application/json", `{"a": [1, "ü"]}`),
		typed(scheme.Request{Path: "/f", Query: "x=1"}, form, "b=2&a=%26&a=1&e=&f=+"),
		typed(scheme.Request{Path: "/f"}, form+"; charset=utf-8", "b=%41&b=2"),
		typed(scheme.Request{Method: http.MethodPost, Path: "/f"}, form, ""),
		typed(scheme.Request{Path: "/m"}, "multipart/form-data; boundary=bb", "--bb\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--bb--\r\n"),
		typed(scheme.Request{Method: http.MethodPut, Path: "/b"}, "application/octet-stream", string(binary)),
		typed(scheme.Request{Path: "/l"}, "text/plain", strings.Repeat("0123456789abcde\n", 12<<10)),
	}
	all = append(all, t.options.Requests...)
	for i := range all {
		all[i] = t.complete(all[i])
	}
	return all
}

// complete fills what is empty, and adds a header of each name that is signed and one
// that is not.
func (t *suite) complete(r scheme.Request) scheme.Request {
	if r.Method == "" {
		if r.Method = http.MethodGet; r.Body != "" {
			r.Method = http.MethodPost
		}
	}
	if r.Path == "" {
		r.Path = "/"
	}
	if r.Host == "" {
		r.Host = "api.example.com:8080"
	}
	for _, name := range t.options.Headers {
		if key := scheme.CanonicalName(name); key != "Host" && r.Header[key] == nil {
			r = withHeader(r, key, "schemetest "+name)
		}
	}
	if r.Header["User-Agent"] == nil {
		r = withHeader(r, "User-Agent", "schemetest/1.0")
	}
	return r
}

// signedShapes are the suite's requests, each signed in each form that it has with
// each algorithm.
func (t *suite) signedShapes() []signed {
	t.Helper()
	if t.signedNow == nil {
		for _, algorithm := range t.scheme.Algorithms() {
			for _, f := range t.scheme.Forms() {
				for _, r := range t.shapes() {
					if s, ok := t.sign(f, algorithm, r); ok {
						t.signedNow = append(t.signedNow, s)
					}
				}
			}
		}
	}
	return t.signedNow
}

// samples are the signed shapes, each signature once: in the first algorithm all, in
// the others a few. Long bodies are left to the round trip.
func (t *suite) samples() []signed {
	t.Helper()
	var some []signed
	known := make(map[string]bool)
	for _, s := range t.signedShapes() {
		signature := string(s.claim.Signature)
		if len(s.after.Body) > 1000 || known[signature] {
			continue
		}
		if known[signature] = true; s.algorithm == t.scheme.Algorithms()[0] || len(known)%5 == 0 {
			some = append(some, s)
		}
	}
	return some
}

// base is a signed simple request.
func (t *suite) base(algorithm string) signed {
	t.Helper()
	for _, f := range t.scheme.Forms() {
		if s, ok := t.sign(f, algorithm, t.simple()); ok {
			return s
		}
	}
	t.Fatalf("a simple GET cannot be signed with %s", algorithm)
	return signed{}
}

// carriers are the headers that hold the claim: those that signing set and that are
// neither listed nor signed besides.
func (t *suite) carriers(s signed) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.after.Header)) {
		if !slices.Equal(s.before.Header[name], s.after.Header[name]) && !t.counts(s, name) {
			names = append(names, name)
		}
	}
	return names
}

// counts reports whether a header is declared to be covered.
func (t *suite) counts(s signed, name string) bool {
	name = strings.ToLower(name)
	return t.coverage.Headers && s.claim.Has(name) || slices.Contains(t.coverage.Also, name)
}

// specials are characters that separate, encode and end.
const specials = "&=%/+;,?#. \"a0\\:\t\n\x00\xff"

// edits yields a text with each of its bytes changed, left out, doubled, exchanged for
// the next, percent-encoded, or behind a special character; and its parameters in
// other places. It starts at a byte and goes on by so many.
func edits(text string, from, every int, yield func(string)) {
	for i := from; i < len(text); i += every {
		before, c, after := text[:i], text[i], text[i+1:]
		for _, other := range []byte{c ^ 1, c ^ 0x20, c ^ 0x80, specials[i%len(specials)], specials[(i*7+3)%len(specials)]} {
			if other != c {
				yield(before + string([]byte{other}) + after)
			}
		}
		yield(before + after)
		yield(text[:i+1] + text[i:])
		yield(fmt.Sprintf("%s%%%02X%s", before, c, after))
		yield(fmt.Sprintf("%s%%%02x%s", before, c, after))
		if i+1 < len(text) && text[i+1] != c {
			yield(before + text[i+1:i+2] + string([]byte{c}) + text[i+2:])
		}
		if c == '%' && i+2 < len(text) {
			yield(before + scheme.Decode(text[i:i+3], false) + text[i+3:])
			yield(before + strings.ToUpper(text[i:i+3]) + text[i+3:])
			yield(before + strings.ToLower(text[i:i+3]) + text[i+3:])
		}
		for _, special := range []byte{'&', '=', '%', '/', ' ', '+', specials[i%len(specials)]} {
			yield(before + string([]byte{special}) + text[i:])
		}
	}
	for _, special := range specials {
		yield(text + string(special))
	}
	for _, separator := range "&/, ;" {
		pieces := strings.Split(text, string(separator))
		for i := range pieces {
			for j := range i {
				swapped := slices.Clone(pieces)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				if again := strings.Join(swapped, string(separator)); again != text {
					yield(again)
				}
			}
		}
	}
}

// tokens are what ambiguous requests are made of.
var tokens = strings.Fields("a a b = = & & / %26 %3D %3d %25 %2526 %2F %252F + %20 %2B ; %3B , %2C ? %3F %23 %61 %7E ~ %E4 %00 %0A : a=1 a=2 a=1,2")

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString(tokens[r.IntN(len(tokens))])
	}
	return b.String()
}

// rewritten is a text after a change that may leave its meaning as it is, or not.
func rewritten(r *rand.Rand, text string) string {
	i := 0
	if text != "" {
		i = r.IntN(len(text))
	}
	switch r.IntN(9) {
	case 0:
		return text[:i] + tokens[r.IntN(len(tokens))] + text[i:]
	case 1:
		if text != "" {
			return text[:i] + text[i+1:]
		}
	case 2:
		if text != "" && text[i] != '%' {
			return fmt.Sprintf("%s%%%02X%s", text[:i], text[i], text[i+1:])
		}
	case 3:
		if j := strings.IndexByte(text[i:], '%'); j >= 0 && i+j+2 < len(text) {
			return text[:i+j] + scheme.Decode(text[i+j:i+j+3], false) + text[i+j+3:]
		}
	case 4:
		return scheme.Decode(text, true)
	case 5:
		return string(scheme.AppendEscaped(nil, text))
	case 6, 7:
		separator := string("&,/="[r.IntN(4)])
		pieces := strings.Split(text, separator)
		r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		return strings.Join(pieces, separator)
	case 8:
		return strings.NewReplacer("%20", "+", "+", "%20").Replace(text)
	}
	return text
}
