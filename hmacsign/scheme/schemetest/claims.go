package schemetest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A place is where a part of a claim stands: a header, or the query where that is
// empty.
type place struct{ header string }

func (p place) get(r scheme.Request) string {
	if p.header == "" {
		return r.Query
	}
	return strings.Join(r.Header[p.header], ", ")
}

func (p place) set(r scheme.Request, text string) scheme.Request {
	if p.header == "" {
		r.Query = text
		return r
	}
	return withHeader(r, p.header, text)
}

// places are those in which signing left something.
func (t *suite) places(s signed) (all []place) {
	for name, values := range s.after.Header {
		if !slices.Equal(values, s.before.Header[name]) {
			all = append(all, place{name})
		}
	}
	slices.SortFunc(all, func(a, b place) int { return strings.Compare(a.header, b.header) })
	if s.after.Query != s.before.Query {
		all = append(all, place{})
	}
	return all
}

// rewrite puts another claim in place of the one of a signed request.
func (t *suite) rewrite(s signed, change func(c *scheme.Claim)) scheme.Request {
	t.Helper()
	r := s.after
	r.Header = r.Header.Clone()
	var c scheme.Claim
	m := message(r)
	if err := t.scheme.Parse(m, &c); err != nil {
		t.Fatalf("%s: Parse = %v", line(r), err)
	}
	change(&c)
	t.scheme.Write(m, &c)
	r.Query = m.Query
	return r
}

// claims changes what the request says of its signature. Where it is read as before,
// it is the same request, also to a replay guard.
func (t *suite) claims() {
	for _, algorithm := range t.scheme.Algorithms() {
		s := t.base(algorithm)
		same := func(r scheme.Request, what string) {
			if t.changed(s, r, what) {
				t.replayed(s, r, what)
			}
		}
		for _, p := range t.places(s) {
			text := p.get(s.after)
			edits(text, 0, 1, func(text string) { same(p.set(s.after, text), "the claim") })
			for _, text := range variants(text, s.claim.Text) {
				if id, _ := t.verify(t.plain, p.set(s.after, text)); id != nil {
					t.wrong("the signature can be written in more than one way: %.300q is accepted", text)
				}
			}
			same(p.set(s.after, strings.ToUpper(text)), "the case of the claim")
			same(p.set(s.after, strings.ToLower(text)), "the case of the claim")
			if p.header == "" {
				same(p.set(s.after, text+"&"+text), "the claim, twice")
				for piece := range strings.SplitSeq(strings.TrimPrefix(text, s.before.Query), "&") {
					name, _, _ := strings.Cut(piece, "=")
					for _, twice := range []string{text + "&" + piece, text + "&" + name + "=x", name + "=x&" + text} {
						same(p.set(s.after, twice), "a parameter of the claim, twice")
					}
				}
				continue
			}
			same(withHeader(s.after, p.header), "the claim")
			same(withHeader(s.after, p.header, text, text), "the claim, twice")
			same(withHeader(s.after, p.header, text, "x"), "the claim, with another")
			same(withHeader(s.after, p.header, "x", text), "the claim, with another")
		}
		refused := func(what string, change func(c *scheme.Claim)) {
			r := t.rewrite(s, change)
			if id, _ := t.verify(t.plain, r); id != nil && !t.explained(s, r, id) {
				t.wrong("%s in the claim changed, and still accepted: %s", what, line(r))
			}
		}
		refused("the key id", func(c *scheme.Claim) { c.KeyID = otherID })
		for _, other := range t.scheme.Algorithms() {
			if other != algorithm {
				refused("the algorithm", func(c *scheme.Claim) { c.Algorithm = other })
			}
		}
		for i := range s.claim.Headers {
			refused("the list of headers", func(c *scheme.Claim) { c.Headers = slices.Delete(slices.Clone(c.Headers), i, i+1) })
		}
		for _, name := range []string{"user-agent", "host", "x-missing"} {
			refused("the list of headers", func(c *scheme.Claim) { c.Headers = append(slices.Clone(c.Headers), name) })
		}
		signature := s.claim.Signature
		for i := range signature {
			flipped := slices.Clone(signature)
			flipped[i] ^= 1 << (i % 8)
			t.forged(s, flipped)
			t.forged(s, signature[:i])
			t.forged(s, signature[i+1:])
		}
		t.forged(s, append(slices.Clone(signature), 0))
		t.forged(s, append(slices.Clone(signature), signature...))
	}
}

// forged wants another signature refused.
func (t *suite) forged(s signed, signature []byte) {
	t.Helper()
	r := t.rewrite(s, func(c *scheme.Claim) { c.Signature = signature })
	if id, _ := t.verify(t.plain, r); id != nil {
		t.wrong("a signature of %d other bytes is accepted: %s", len(signature), line(r))
	}
}

// variants writes the signature in a text in other ways.
func variants(text, signature string) (all []string) {
	others := []string{strings.ToUpper(signature), strings.ToLower(signature), strings.TrimRight(signature, "="), signature + "=", signature + "==",
		"0x" + signature, " " + signature, signature + " ", signature + "\r\n", "%" + signature,
		strings.NewReplacer("+", "-", "/", "_").Replace(signature), strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(signature)}
	if raw, err := base64.StdEncoding.DecodeString(signature); err == nil {
		others = append(others, hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw))
		if bare := strings.TrimRight(signature, "="); bare != signature {
			// The bits of the last character that no byte holds.
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
			last := strings.IndexByte(digits, bare[len(bare)-1])
			for bits := 1; bits < 4; bits++ {
				others = append(others, bare[:len(bare)-1]+digits[last^bits:last^bits+1]+signature[len(bare):])
			}
		}
	}
	if raw, err := hex.DecodeString(signature); err == nil {
		others = append(others, base64.StdEncoding.EncodeToString(raw))
	}
	for i := range signature {
		if upper := signature[:i] + strings.ToUpper(signature[i:i+1]) + signature[i+1:]; upper != signature {
			others = append(others, upper)
		}
	}
	for _, other := range others {
		// Spaces around a header's value are not sent.
		if variant := strings.Replace(text, signature, other, 1); strings.TrimSpace(variant) != text && signature != "" {
			all = append(all, variant)
		}
	}
	return all
}

// maxParse is what reading a claim of any length may allocate.
const maxParse = 64 << 10

// parse reads claims that no client sends.
func (t *suite) parse() {
	r := rand.New(rand.NewPCG(3, 4))
	s := t.base(t.scheme.Algorithms()[0])
	for _, p := range t.places(s) {
		text := p.get(s.after)
		for range 3000 {
			other := text
			for range 1 + r.IntN(4) {
				other = mutated(r, other)
			}
			t.parseOne(p.set(s.after, other))
		}
		for _, other := range []string{"", " ", ",", "=", `"`, strings.Repeat("a", 1<<20), strings.Repeat("a=b, ", 1<<18), strings.Repeat(text+", ", 1<<20/(len(text)+2)),
			text + strings.Repeat("A", 1<<20), strings.Repeat(" ", 1<<20) + text, strings.Repeat("&", 1<<20) + text, text + strings.Repeat("/", 1<<20),
			strings.Replace(text, s.claim.Text, strings.Repeat(s.claim.Text, 1<<20/len(s.claim.Text)), 1),
			strings.Replace(text, keyID, strings.Repeat("k", 1<<20), 1)} {
			request := p.set(s.after, other)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			t.parseOne(request)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > maxParse {
				t.wrong("Parse allocates %d bytes for a claim of %d: look at the length first (%.80q)", n, len(other), other)
			}
		}
	}
	for _, length := range []int{scheme.MaxKeyID, scheme.MaxKeyID + 1} {
		t.parseOne(t.rewrite(s, func(c *scheme.Claim) { c.KeyID = strings.Repeat("k", length) }))
	}
	for _, count := range []int{scheme.MaxSignedHeaders, scheme.MaxSignedHeaders + 1} {
		t.parseOne(t.rewrite(s, func(c *scheme.Claim) {
			for len(c.Headers) < count {
				c.Headers = append(c.Headers, "x-"+strings.Repeat("h", len(c.Headers)+1))
			}
		}))
	}
	t.parseOne(t.rewrite(s, func(c *scheme.Claim) { c.Headers = append(c.Headers, c.Headers...) }))
	bare := t.simple()
	var c scheme.Claim
	if err := t.scheme.Parse(message(bare), &c); err != scheme.ErrForeign {
		t.wrong("Parse of a request without a signature = %v, want ErrForeign itself", err)
	}
	if _, refused := t.verify(t.plain, bare); refused == nil || refused.Reason != scheme.ErrNoAuthorization {
		t.wrong("a request without a signature is %v, want ErrNoAuthorization", refused)
	}
}

// mutated is a text with a piece of it changed, or one that means something.
func mutated(r *rand.Rand, text string) string {
	i, j := r.IntN(len(text)+1), r.IntN(len(text)+1)
	if i > j {
		i, j = j, i
	}
	switch r.IntN(5) {
	case 0:
		return text[:i] + text[j:]
	case 1:
		return text[:j] + text[i:]
	case 2:
		return text[:i] + string(specials[r.IntN(len(specials))]) + text[i:]
	case 3:
		return text[:i] + string([]byte{byte(r.IntN(256))}) + text[min(len(text), i+1):]
	}
	return text[j:] + text[:i]
}

// parseOne holds what Parse makes of a request to the contract.
func (t *suite) parseOne(r scheme.Request) {
	t.Helper()
	var c scheme.Claim
	err := t.scheme.Parse(message(r), &c)
	var refusal *scheme.Refusal
	switch {
	case err == scheme.ErrForeign:
		return
	case errors.As(err, &refusal):
		if !slices.Contains(reasons, refusal.Reason) {
			t.wrong("Parse refuses for %v, which is none of the sentinels", refusal.Reason)
		}
		if len(refusal.Error()) > 1000 {
			t.wrong("the refusal is %d bytes long: clip what the request holds", len(refusal.Error()))
		}
		if refusal.DetailCode != "" && t.met[refusal.DetailCode] == nil {
			t.met[refusal.DetailCode] = scheme.Args()
			for name, value := range refusal.Args {
				t.met[refusal.DetailCode][name] = value
			}
		}
		return
	case err != nil:
		t.wrong("Parse = %T %v, want ErrForeign or a *Refusal", err, err)
		return
	}
	if c.KeyID == "" || len(c.KeyID) > scheme.MaxKeyID {
		t.wrong("Parse takes a key id of %d bytes", len(c.KeyID))
	}
	if !slices.Contains(t.scheme.Algorithms(), c.Algorithm) {
		t.wrong("Parse takes the algorithm %.80q, which is none of the scheme", c.Algorithm)
	}
	if len(c.Headers) > scheme.MaxSignedHeaders {
		t.wrong("Parse takes %d signed headers", len(c.Headers))
	}
	for i, name := range c.Headers {
		if !scheme.IsToken(name) || name != strings.ToLower(name) || slices.Contains(c.Headers[:i], name) {
			t.wrong("Parse takes a list of signed headers with %.80q", name)
		}
	}
	if c.Text == "" || len(c.Signature) == 0 {
		t.wrong("Parse takes a request without a signature: %.300q", line(r))
	}
}

// FuzzParse looks for a claim that makes Parse panic, or that it takes against the
// contract: value stands in each place of the claim. Give go test
// -fuzzminimizetime=10x beside -fuzz, or it spends its time on shortening what it finds.
func FuzzParse(f *testing.F, s scheme.Scheme) {
	suite := newSuite(s, Options{})
	suite.reporter = f
	base := suite.base(s.Algorithms()[0])
	places := suite.places(base)
	for i, p := range places {
		f.Add(uint8(i), p.get(base.after))
	}
	f.Add(uint8(0), "")
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		suite := newSuite(s, Options{})
		suite.reporter = t
		suite.parseOne(places[int(i)%len(places)].set(base.after, value))
	})
}

// mistakes wants none to be named for a signature that is nobody's.
func (t *suite) mistakes() {
	explainer, ok := t.scheme.(scheme.Explainer)
	if !ok {
		t.Skip("the scheme explains nothing")
	}
	codes := make(map[string]bool)
	for _, m := range explainer.Mistakes() {
		set := 0
		for _, there := range []bool{m.Parts != nil, m.Text != nil, m.String != nil} {
			if there {
				set++
			}
		}
		if set != 1 {
			t.wrong("mistake %s: %d functions are set, want one", m.Code, set)
		}
		if codes[m.Code] {
			t.wrong("mistake %s is listed twice", m.Code)
		}
		codes[m.Code] = true
		t.met[m.Code] = nil // its arguments are not known
	}
	r := rand.New(rand.NewPCG(5, 6))
	first := t.scheme.Algorithms()[0]
	for i, s := range t.samples() {
		if s.algorithm == first || i%3 == 0 {
			t.unexplained(r, s)
		}
	}
	for range 30 {
		if s, ok := t.sign(t.scheme.Forms()[0], first, t.complete(t.randomRequest(r))); ok {
			t.unexplained(r, s)
		}
	}
	// What is recognised without a MAC has a text too.
	s := t.base(first)
	for _, p := range t.places(s) {
		for range 200 {
			if _, refused := t.verify(t.explains, p.set(s.after, mutated(r, p.get(s.after)))); refused != nil && refused.Explanation != nil {
				for _, m := range refused.Explanation.Mistakes() {
					t.met[m.Code] = m.Args
				}
			}
		}
	}
}

// unexplained wants a random signature of a request to be refused as one that no
// mistake explains.
func (t *suite) unexplained(r *rand.Rand, s signed) {
	t.Helper()
	random := make([]byte, len(s.claim.Signature))
	for i := range random {
		random[i] = byte(r.IntN(256))
	}
	wrong := t.rewrite(s, func(c *scheme.Claim) { c.Signature = random })
	_, refused := t.verify(t.explains, wrong)
	switch {
	case refused == nil:
		t.wrong("a random signature is accepted: %s", line(wrong))
	case refused.Reason != scheme.ErrSignature || refused.Explanation == nil:
		t.wrong("a random signature is refused for %v, want ErrSignature with an explanation", refused)
	case len(refused.Explanation.Mistakes()) > 0:
		t.wrong("a random signature is explained by %s: %s", refused.Explanation.Mistakes()[0].Code, line(wrong))
	}
}

// reasons are the sentinels.
var reasons = []error{scheme.ErrNoAuthorization, scheme.ErrMalformed, scheme.ErrUnknownKey, scheme.ErrAlgorithm, scheme.ErrScheme, scheme.ErrScope, scheme.ErrSignedHeaders,
	scheme.ErrDate, scheme.ErrExpired, scheme.ErrSignature, scheme.ErrBodyDigest, scheme.ErrBodyTooLarge, scheme.ErrBody, scheme.ErrReplayed, scheme.ErrBusy, scheme.ErrUnavailable}

// words wants an answer to each reason, and a text in each language for each code
// that the other checks met.
func (t *suite) words() {
	for _, reason := range reasons {
		for _, r := range []*scheme.Refusal{{Reason: reason}, {Reason: reason, Header: "X-Date", Algorithm: "hmac-md5"}} {
			if answer := t.scheme.Answer(r); strings.TrimSpace(answer) == "" || strings.ContainsAny(answer, "\r\n") {
				t.wrong("the answer to %q is %q: give one line", reason, answer)
			}
		}
		if r := (&scheme.Refusal{Reason: reason}); http.StatusText(r.Status()) == "" {
			t.wrong("%v has no status", reason)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(t.met)) {
		args, english := t.met[code], scheme.Text("en", code, nil)
		for _, lang := range scheme.Languages() {
			text := scheme.Text(lang, code, nil)
			if text == code || lang != "en" && text == english {
				t.wrong("%s has no text in %s: see scheme.RegisterTexts", code, lang)
				continue
			}
			for _, gap := range gaps(text) {
				if _, given := args[gap]; args != nil && !given {
					t.wrong("%s: the text in %s has a gap %s, which the refusal does not fill", code, lang, gap)
				}
			}
		}
	}
}

// gaps are the names between braces.
func gaps(text string) (names []string) {
	for _, piece := range strings.Split(text, "{")[1:] {
		name, _, _ := strings.Cut(piece, "}")
		name, _, _ = strings.Cut(name, ":") // how it is written
		names = append(names, name)
	}
	return names
}
