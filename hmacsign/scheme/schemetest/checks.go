package schemetest

import (
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// constant wants what the engine asks once to be usable, and the same each time.
func (t *suite) constant() {
	name, algorithms, forms := t.scheme.Name(), t.scheme.Algorithms(), t.scheme.Forms()
	if !scheme.IsToken(name) || name != strings.ToLower(name) {
		t.wrong("Name is %q: use lower-case letters, digits and dashes", name)
	}
	if len(algorithms) == 0 || len(forms) == 0 {
		t.Fatalf("there are %d algorithms and %d forms", len(algorithms), len(forms))
	}
	for i, algorithm := range algorithms {
		if !slices.Contains(algo.Algorithms(), algorithm) || slices.Contains(algorithms[:i], algorithm) {
			t.wrong("algorithm %q is unknown or comes twice", algorithm)
		}
	}
	for i, f := range forms {
		if f == "" || slices.Contains(forms[:i], f) {
			t.wrong("form %q is empty or comes twice", f)
		}
	}
	if t.scheme.Name() != name || !slices.Equal(t.scheme.Algorithms(), algorithms) || !slices.Equal(t.scheme.Forms(), forms) {
		t.wrong("Name, Algorithms or Forms change")
	}
	if !reflect.TypeOf(t.scheme).Comparable() || t.scheme != t.scheme {
		t.wrong("the scheme's values cannot be compared")
	}
	if t.scheme.Challenge() == "" || strings.ContainsAny(t.scheme.Challenge(), "\r\n") {
		t.wrong("Challenge is %q: give one line", t.scheme.Challenge())
	}
	for i, pair := range t.coverage.NotApart {
		if pair.Code == "" || pair.Normal == nil {
			t.Fatalf("pair %d of Coverage has no Code or no Normal", i+1)
		}
		t.met[pair.Code] = map[string]string{}
	}
}

// knownAnswers wants the strings and signatures that others computed.
func (t *suite) knownAnswers() {
	if len(t.options.Answers) == 0 {
		t.Fatalf("no known answers: a scheme's signer and verifier can be wrong in the same way, so give one at least that was computed elsewhere")
	}
	for _, a := range t.options.Answers {
		signer, err := hmacsign.NewSigner(t.scheme, a.Algorithm, hmacsign.Credential{KeyID: a.KeyID, Secret: hmacsign.Secret(a.Secret)}, clock(a.Time), hmacsign.WithSignedHeaders(a.Headers...))
		t.check(err)
		if a.Request.Method == "" {
			a.Request.Method = http.MethodGet
		}
		req := unsigned(a.Request)
		text, err := signer.StringToSign(req)
		if err != nil || text != a.StringToSign {
			t.wrong("%s: string to sign is %q, want %q (%v)", a.Name, text, a.StringToSign, err)
		}
		t.check(signer.Sign(req))
		sent := a.Request
		sent.Header, sent.Query = req.Header, req.URL.RawQuery
		var c scheme.Claim
		t.check(t.scheme.Parse(message(sent), &c))
		if c.Text != a.Signature || c.KeyID != a.KeyID || c.Algorithm != a.Algorithm {
			t.wrong("%s: the signature is %q of %s with %s, want %q", a.Name, c.Text, c.KeyID, c.Algorithm, a.Signature)
		}
		keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: a.KeyID, Secret: hmacsign.Secret(a.Secret)})
		t.check(err)
		if _, refused := t.verify(newVerifier(t.scheme, keys, a.Time), sent); refused != nil {
			t.wrong("%s: refused: %v", a.Name, refused)
		}
		others, err := hmacsign.StaticKeys(&hmacsign.Key{ID: a.KeyID, Secret: hmacsign.Secret("other " + a.Secret)})
		t.check(err)
		if _, refused := t.verify(newVerifier(t.scheme, others, a.Time), sent); refused == nil || refused.Reason != scheme.ErrSignature {
			t.wrong("%s: under another secret it is %v, want ErrSignature", a.Name, refused)
		}
	}
}

// roundTrip wants each form to be that of a request, and requests as clients make
// them to be signed in one form at least.
func (t *suite) roundTrip() {
	forms := make(map[string]bool)
	times := make(map[string]int)
	for _, s := range t.signedShapes() {
		forms[s.form] = true
		times[s.before.Path+"?"+s.before.Query]++
	}
	for _, f := range t.scheme.Forms() {
		if !forms[f] {
			t.wrong("no request has the form %s: give one in Options.Requests", f)
		}
	}
	for _, r := range t.shapes()[:2] {
		if times[r.Path+"?"+r.Query] == 0 {
			t.wrong("%s: it cannot be signed", line(r))
		}
	}
	// A request can be signed again, whatever it was signed with before.
	s := t.base(t.scheme.Algorithms()[0])
	req := unsigned(s.after)
	t.check(t.signer(s.form, s.algorithm).Sign(req))
	again := s.after
	again.Header, again.Query = req.Header, req.URL.RawQuery
	if _, refused := t.verify(t.plain, again); refused != nil {
		t.wrong("signed twice it is refused: %v", refused)
	}
}

// covered changes each byte of what is declared as covered.
func (t *suite) covered() {
	places := 0
	for n, s := range t.samples() {
		every := 1
		if s.algorithm != t.scheme.Algorithms()[0] {
			every = 3
		}
		if t.coverage.Method {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "GE", "get", s.after.Method + "T"} {
				if r := s.after; method != r.Method {
					r.Method = method
					t.changed(s, r, "the method")
				}
			}
		}
		if t.coverage.Path {
			edits(s.after.Path, 0, every, func(path string) {
				if path == "" {
					return // which is a slash
				}
				r := withTarget(s.after, path)
				if r.Query == "" {
					r.Query = s.after.Query
				}
				t.changed(s, r, "the path")
			})
		}
		if t.coverage.Query {
			edits(s.after.Query, 0, every, func(query string) {
				r := s.after
				r.Query = query
				t.changed(s, r, "the query")
			})
		}
		if t.coverage.Path && t.coverage.Query {
			t.changed(s, withTarget(s.after, s.after.Path+"%3F"+s.after.Query), "the question mark")
			pieces := strings.Split(s.after.Query, "&")
			for i, piece := range pieces {
				r := s.after
				r.Path += piece
				for _, rest := range [][]string{slices.Delete(slices.Clone(pieces), i, i+1), slices.Concat([]string{""}, pieces[:i], pieces[i+1:])} {
					r.Query = strings.Join(rest, "&")
					t.changed(s, r, "where the query begins")
				}
			}
		}
		if t.coverage.Body {
			edits(s.after.Body, 0, max(every, len(s.after.Body)/100), func(body string) {
				r := s.after
				r.Body = body
				t.changed(s, r, "the body")
			})
			for _, r := range []scheme.Request{s.after, withHeader(s.after, "Content-Type", form)} {
				r.Body, r.Query = s.after.Query, s.after.Body
				t.changed(s, r, "query and body exchanged")
				r.Body, r.Query = "", s.after.Query
				t.changed(s, r, "the body left out")
			}
		}
		// The headers of all requests are alike: of most, some bytes are changed.
		if n > 3 {
			every = 8
		}
		places += t.coveredHeaders(s, every, n)
	}
	if t.coverage.Headers && places == 0 {
		t.wrong("no header is covered, though Coverage says so")
	}
}

// coveredHeaders changes each header that counts, those that are missing too, and
// returns how many there are.
func (t *suite) coveredHeaders(s signed, every, n int) (count int) {
	names := slices.Clone(s.claim.Headers)
	for _, name := range t.coverage.Also {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !t.counts(s, name) {
			continue
		}
		count++
		if name == "host" {
			edits(s.after.Host, n%every, every, func(host string) {
				r := s.after
				r.Host = host
				t.changed(s, r, "the host")
			})
			continue
		}
		key := scheme.CanonicalName(name)
		values := s.after.Header[key]
		for i, value := range values {
			edits(value, n%every, every, func(value string) {
				others := slices.Clone(values)
				others[i] = value
				t.changed(s, withHeader(s.after, key, others...), key)
			})
		}
		for _, others := range [][]string{nil, {""}, {"x"}, append(slices.Clone(values), "x"), append([]string{"x"}, values...), append(slices.Clone(values), values...)} {
			if !slices.Equal(others, values) {
				t.changed(s, withHeader(s.after, key, others...), key)
			}
		}
	}
	// The values of two headers in each other's place.
	if len(s.claim.Headers) > 1 {
		a, b := scheme.CanonicalName(s.claim.Headers[n%len(s.claim.Headers)]), scheme.CanonicalName(s.claim.Headers[(n+1)%len(s.claim.Headers)])
		if a != "Host" && b != "Host" && t.coverage.Headers {
			r := withHeader(s.after, a, s.after.Header[b]...)
			t.changed(s, withHeader(r, b, s.after.Header[a]...), a+" and "+b)
		}
	}
	return count
}

// unlisted are headers that a scheme could be tempted to look at.
var unlisted = strings.Fields("Accept Accept-Encoding Connection Content-Encoding Content-Language Content-Md5 Content-Type Cookie Date Digest Expect Forwarded " +
	"If-Match Origin Range Referer Source X-Amz-Date X-Date X-Forwarded-For X-Forwarded-Host X-Http-Method-Override X-Original-Url X-Sdk-Content-Sha256 X-Sdk-Content-Sm3 X-Sdk-Date X-Unknown")

// notCovered changes what is not covered, and wants it accepted: the declaration is
// to be no better than what it is about, and no worse.
func (t *suite) notCovered() {
	for _, s := range t.samples() {
		accepted := func(r scheme.Request, what string) {
			if _, refused := t.verify(t.plain, r); refused != nil {
				t.wrong("%s is declared as not covered, but with another one the request is refused: %v\n%s", what, refused, line(r))
			}
		}
		r := s.after
		if !t.coverage.Method {
			r.Method = http.MethodPatch
			accepted(r, "the method")
		}
		if !t.coverage.Path {
			r.Path = "/another"
			accepted(r, "the path")
		}
		if !t.coverage.Query {
			r.Query = "another=1"
			accepted(r, "the query")
		}
		if !t.coverage.Body {
			r.Body = "another=1"
			accepted(r, "the body")
		}
		if r = s.after; !t.counts(s, "host") {
			r.Host = "another.example.com"
			accepted(r, "the host")
		}
		carriers := t.carriers(s)
		for _, name := range append([]string{"User-Agent"}, unlisted...) {
			if !t.counts(s, name) && !slices.Contains(carriers, name) {
				accepted(withHeader(s.after, name, "another"), name)
				accepted(withHeader(s.after, name, "another", "and another"), name)
				accepted(withHeader(s.after, name), name)
			}
		}
		for _, name := range s.id.AlsoSigned {
			if !slices.Contains(t.coverage.Also, name) {
				t.wrong("%s is signed besides, but not in Coverage.Also", name)
			}
		}
	}
}

// notApart wants the A of each pair, signed, to be accepted as B, and to be refused as
// a replay of it. The reverse need not be: a signer may sign more of B.
func (t *suite) notApart() {
	for _, pair := range t.coverage.NotApart {
		if !t.alike(pair, pair.A, pair.B) {
			t.wrong("pair %s: B is not accepted under the signature of A, in any form", pair.Code)
		}
		t.alike(pair, pair.B, pair.A)
	}
}

func (t *suite) alike(pair scheme.Pair, a, b scheme.Request) (found bool) {
	t.Helper()
	a, b = t.complete(a), t.complete(b)
	if a.Method != b.Method {
		a.Method, b.Method = http.MethodPost, http.MethodPost
	}
	for _, algorithm := range t.scheme.Algorithms() {
		for _, f := range t.scheme.Forms() {
			s, ok := t.sign(f, algorithm, a)
			if !ok {
				continue
			}
			r := t.as(s, b)
			id, _ := t.verify(t.plain, r)
			if id == nil {
				continue
			}
			found = true
			if !t.explained(s, r, id) {
				t.wrong("pair %s: accepted, but its Normal does not make them equal:\n%s", pair.Code, differences(t.meaning(s.after, s.id), t.meaning(r, id)))
			}
			t.replayed(s, r, pair.Code)
		}
	}
	return found
}

// as is another request with the claim of a signed one: with what signing set, but
// where the other has it.
func (t *suite) as(s signed, r scheme.Request) scheme.Request {
	carriers := t.carriers(s)
	for name, values := range s.after.Header {
		if !slices.Equal(values, s.before.Header[name]) && (r.Header[name] == nil || slices.Contains(carriers, name)) && !dropped(s.before, r, name) {
			r = withHeader(r, name, values...)
		}
	}
	if added, ok := strings.CutPrefix(s.after.Query, s.before.Query); ok && added != "" {
		r.Query = strings.TrimPrefix(r.Query+added, "&")
		if r.Query != "" && s.before.Query == "" && added[0] != '&' && len(r.Query) > len(added) {
			r.Query = r.Query[:len(r.Query)-len(added)] + "&" + added
		}
	}
	return r
}

// dropped: the pair is about a header that one of both lacks.
func dropped(a, b scheme.Request, name string) bool {
	return a.Header[name] != nil && b.Header[name] == nil
}

// replayed wants the request to be refused as a replay of the signed one.
func (t *suite) replayed(s signed, r scheme.Request, what string) {
	t.Helper()
	clear(t.seen)
	if _, refused := t.verify(t.guarded, s.after); refused != nil {
		t.wrong("%s: refused by a verifier with a replay guard: %v", line(s.after), refused)
	}
	if _, refused := t.verify(t.guarded, r); refused == nil || refused.Reason != scheme.ErrReplayed {
		t.wrong("%s: the request is accepted twice, for it is written in another way (%v):\n%s", what, refused, differences(s.after, r))
	}
}

// candidates looks for two requests of different meaning under one signature.
func (t *suite) candidates() {
	r := rand.New(rand.NewPCG(1, 2))
	forms := t.scheme.Forms()
	algorithm := t.scheme.Algorithms()[0]
	for n := range 300 {
		before := t.complete(t.randomRequest(r))
		s, ok := t.sign(forms[n%len(forms)], algorithm, before)
		if !ok {
			if s, ok = t.sign(forms[0], algorithm, before); !ok {
				continue
			}
		}
		other := s.after
		for i := range 50 {
			if i%12 == 0 {
				other = s.after
			}
			if i%20 == 19 {
				other = t.as(s, t.complete(t.randomRequest(r)))
			}
			switch where := r.IntN(4); {
			case where == 0 && other.Body != "":
				other.Body = rewritten(r, other.Body)
			case where == 1:
				other.Path = "/" + strings.TrimPrefix(rewritten(r, other.Path), "/")
			case where == 2 && other.IsForm(): // from the query to the form, or back
				pieces := strings.Split(other.Query+"&"+other.Body, "&")
				cut := r.IntN(len(pieces) + 1)
				other.Query, other.Body = strings.Join(pieces[:cut], "&"), strings.Join(pieces[cut:], "&")
			default:
				other.Query = rewritten(r, other.Query)
			}
			t.changed(s, withTarget(other, target(other)), "the request")
		}
	}
}

func (t *suite) randomRequest(r *rand.Rand) scheme.Request {
	request := withTarget(scheme.Request{}, "/"+randomText(r, 3))
	request.Query = randomText(r, 6)
	if r.IntN(3) == 0 {
		request.Method, request.Header, request.Body = http.MethodPost, http.Header{"Content-Type": {form}}, randomText(r, 5)
	}
	return request
}

// dates wants a request to be accepted in its time and without a date not at all.
func (t *suite) dates() {
	s := t.base(t.scheme.Algorithms()[0])
	var c scheme.Claim
	m := message(s.after)
	t.check(t.scheme.Parse(m, &c))
	if _, err := t.scheme.Date(m, &c); err != nil {
		t.Fatalf("Date = %v", err)
	}
	if c.AnyDate != t.options.AnyDate {
		t.wrong("AnyDate is %v after Date, Options.AnyDate says %v", c.AnyDate, t.options.AnyDate)
	}
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)})
	t.check(err)
	for off, want := range map[time.Duration]error{
		-hmacsign.DefaultWindow - 2*time.Second: scheme.ErrExpired,
		-hmacsign.DefaultWindow + 2*time.Second: nil,
		hmacsign.DefaultWindow - 2*time.Second:  nil,
		hmacsign.DefaultWindow + 2*time.Second:  scheme.ErrExpired,
		1000 * 24 * time.Hour:                   scheme.ErrExpired,
	} {
		if c.AnyDate {
			want = nil
		}
		_, refused := t.verify(newVerifier(t.scheme, keys, now.Add(off)), s.after)
		if refused == nil && want != nil || refused != nil && refused.Reason != want {
			t.wrong("%v after it was signed it is %v, want %v", off, refused, want)
		}
	}
}

// allocations counts those of a small GET.
func (t *suite) allocations() {
	if instrumented {
		t.Skip("allocations are counted without the race detector")
	}
	s := t.base(t.scheme.Algorithms()[0])
	signer, req := t.signer(s.form, s.algorithm), unsigned(s.before)
	if n := testing.AllocsPerRun(100, func() { signer.Sign(req) }); int(n) > t.options.SignAllocs {
		t.wrong("Sign takes %v allocations, Options.SignAllocs says %d", n, t.options.SignAllocs)
	}
	req = request(s.after)
	if n := testing.AllocsPerRun(100, func() { t.plain.Verify(req) }); int(n) > t.options.VerifyAllocs {
		t.wrong("Verify takes %v allocations, Options.VerifyAllocs says %d", n, t.options.VerifyAllocs)
	}
}
