package hmacsign

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// What explaining one request in one scheme may cost, whatever the request is.
// Tencent's two schemes read one header, so a request can be explained twice.
const (
	maxExplained     = 64 << 10 // bytes of a text or a body; a longer one is left alone
	maxExplainedKeys = 100      // whose secrets are tried
	maxExplainWork   = 7 << 19  // bytes built or hashed; backend gmsm copies what it hashes
	maxUntimed       = 1 << 20  // of them before the time counts: a busy machine explains short requests as others do
	maxTrifle        = 256      // bytes that little things cost beside
	maxExplaining    = 8 << 20  // bytes of memory that this takes, with what is not counted one by one
	maxTogether      = 6        // mistakes that are looked for together, of those that one client makes
	maxPaired        = 2        // of all of them
)

// explainTime is how long the search may take, beside what is not timed.
var explainTime = 25 * time.Millisecond

// search looks for the mistakes of a request in one scheme.
type search struct {
	scheme.Search
	v      *Verifier
	w      *work
	d      *dialect
	mac    *algo.Key // of the claim
	result *Explanation
	spent  int  // bytes of work, see afford
	out    bool // something could not be afforded
	// of where the search is: whether it makes several mistakes, whether all must be of
	// one client, and which clients make all that were made
	base               base
	several, oneClient bool
	clients            uint
	late               func() bool

	mistakes []scheme.Mistake
	server   *scheme.Parts  // of the string that is shown
	chain    []scheme.Found // that were made to get where the search is
	parts    scheme.Parts   // to render from
	buf      []byte
	sum      [64]byte
}

// explainMAC finds out why no form of the string to sign has the signature.
func (v *Verifier) explainMAC(w *work, d *dialect, mac *algo.Key) *Explanation {
	t := v.newSearch(w, d)
	t.mac = mac
	t.result.Server = beginning(w.text)
	if d.hashed != nil {
		t.result.Server = beginning(w.canonical)
	}
	if len(w.text) > maxExplained || len(w.canonical) > maxExplained {
		t.result.Incomplete = true
		return t.result
	}
	t.late = afterExplainTime()
	if d.Coverage().Body {
		t.readBody()
	}
	if d.explainer != nil {
		t.mistakes = d.explainer.Mistakes()
	}
	if t.run(); !t.done() && d.explainer != nil {
		t.out = false
		t.result.found(d.explainer.Recognise(&t.Search, refuse(ErrSignature, ""))...)
	}
	t.result.spent = t.spent
	return t.result
}

// afterExplainTime reports whether the time of a search that begins now is over. It asks
// the clock: a timer does not go off beside a search that has the only thread, as in
// WebAssembly.
func afterExplainTime() func() bool {
	start := time.Now()
	return func() bool { return time.Since(start) >= explainTime }
}

func (v *Verifier) newSearch(w *work, d *dialect) *search {
	t := &search{v: v, w: w, d: d, result: new(Explanation), late: func() bool { return false }}
	t.Search = scheme.Search{Message: &w.message, Claim: &w.claim, Afford: t.afford, GiveUp: func() { t.result.Incomplete = true }}
	return t
}

// recognise asks the scheme what it sees in a request that was refused for another
// reason than its MAC.
func (v *Verifier) recognise(w *work, d *dialect, r *scheme.Refusal) *Explanation {
	t := v.newSearch(w, d)
	if r.DetailCode == "path_percent" {
		t.result.found(scheme.Found{Code: "target_not_encoded"})
	}
	if d.explainer == nil || t.done() {
		return t.result
	}
	t.late = afterExplainTime()
	if body := &w.body; r.Reason == ErrBodyDigest || body.done && body.err == nil {
		t.readBody()
	}
	t.result.found(d.explainer.Recognise(&t.Search, r)...)
	return t.result
}

// base is the parts of a form, and the texts that they give.
type base struct {
	form            string
	parts           *scheme.Parts
	sorted          []scheme.Param // those of the parts, as they were rendered
	canonical, text string
}

// bases are the forms that can be written for this request, without those that give
// the text of one before.
func (t *search) bases() []base {
	var all []base
	params := strings.Count(t.Message.Query, "&") + bytes.Count(t.Body, []byte("&")) + 2
	for _, form := range t.d.forms {
		if !t.afford(2*48*params + 2*(len(t.Message.Query)+len(t.Body))) {
			break
		}
		p := &scheme.Parts{Params: make([]scheme.Param, 0, params)}
		if ok, err := t.d.Parts(p, t.Message, t.Claim, form); !ok || err != nil {
			continue
		}
		canonical := t.render(p)
		if canonical == "" || slices.ContainsFunc(all, func(b base) bool { return b.canonical == canonical }) {
			continue
		}
		if text := t.stringOf(p, canonical); text != "" {
			sorted := append(make([]scheme.Param, 0, len(p.Params)), t.parts.Params...)
			all = append(all, base{form, p, sorted, canonical, text})
		}
	}
	return all
}

// run tries on each form what does not depend on the scheme and each mistake alone,
// then those of one client together, and last all in pairs. The explanation is
// incomplete where there was more to be tried alone than could be afforded.
func (t *search) run() {
	all := t.bases()
	if len(all) > 0 {
		t.server = all[0].parts
	}
	for _, b := range all {
		t.anyScheme(b)
	}
	for _, b := range all {
		t.otherKeys(b, maxExplainWork/4/len(all))
	}
	t.together(all, 1, false)
	for _, b := range all {
		t.strings(b)
	}
	t.result.Incomplete = t.result.Incomplete || t.out
	t.out, t.several = false, true
	for n := 2; n <= maxTogether; n++ {
		t.together(all, n, true)
	}
	for n := 2; n <= maxPaired; n++ {
		t.together(all, n, false)
	}
}

// together tries so many mistakes together, on each form.
func (t *search) together(all []base, n int, oneClient bool) {
	for _, b := range all {
		t.Form, t.base, t.oneClient, t.clients = b.form, b, oneClient, ^uint(0)
		t.descend(b.parts, b.canonical, 0, n)
	}
}

// done: the mistakes are found, or of several together no more can be tried.
func (t *search) done() bool { return len(t.result.mistakes) > 0 || t.several && t.out }

// descend makes each of the mistakes from an index on, with so many together still
// to be made.
func (t *search) descend(p *scheme.Parts, canonical string, from, together int) {
	for i := from; i < len(t.mistakes) && !t.done(); i++ {
		m := &t.mistakes[i]
		clients := t.clients & m.Clients
		if t.oneClient && clients == 0 || t.several && !t.oneClient && together == 1 && clients != 0 {
			continue // or it was tried before
		}
		step := func(text string, args []string, next func()) bool {
			if text != "" && text != canonical {
				before := t.clients
				t.clients = clients
				t.chain = append(t.chain, scheme.Found{Code: m.Code, Args: scheme.Args(args...)})
				next()
				t.chain = t.chain[:len(t.chain)-1]
				t.clients = before
			}
			return !t.done()
		}
		switch {
		case m.Parts != nil:
			m.Parts(&t.Search, p, func(variant *scheme.Parts, args ...string) bool {
				if variant == nil {
					return false // a Clone that could not be afforded
				}
				text := t.render(variant)
				return step(text, args, func() {
					if together == 1 {
						t.try(variant, text)
					} else {
						t.descend(variant, text, i+1, together-1)
					}
				})
			})
		case m.Text != nil && together == 1:
			m.Text(&t.Search, canonical, func(variant string, args ...string) bool {
				return step(variant, args, func() { t.try(p, variant) })
			})
		}
	}
}

// strings makes the mistakes in the string to sign.
func (t *search) strings(b base) {
	for _, m := range t.mistakes {
		if m.String == nil || t.done() {
			continue
		}
		m.String(&t.Search, b.canonical, b.text, func(variant string, args ...string) bool {
			if variant != "" && variant != b.text && t.afford(len(variant)) && t.matches(t.mac, variant) {
				t.found(variant, scheme.Found{Code: m.Code, Args: scheme.Args(args...)})
			}
			return !t.done()
		})
	}
}

// try records the mistakes that were made if the text is what the client signed.
func (t *search) try(p *scheme.Parts, canonical string) {
	if text := t.stringOf(p, canonical); text != "" && t.matches(t.mac, text) {
		t.found(canonical, t.chain...)
		t.result.pieces = differing(t.server, p)
	}
}

func (t *search) found(client string, all ...scheme.Found) {
	if len(t.result.mistakes) == 0 {
		t.result.Client = client
		t.result.found(all...)
	}
}

// afford reports whether so many bytes may still be built or hashed, and counts
// them. It comes before the work, so nothing is built that does not fit. What
// does not is left out.
func (t *search) afford(bytes int) bool {
	switch {
	case len(t.result.mistakes) > 0:
		return false
	case t.spent+bytes > maxUntimed && t.late() || bytes+maxTrifle > maxExplainWork-t.spent:
		t.out = true
		return false
	}
	t.spent += bytes + maxTrifle
	return true
}

// render is the canonical text of the parts, which stay as they are: empty if that
// cannot be afforded.
func (t *search) render(p *scheme.Parts) string {
	n := len(p.Path) + len(p.Digest) + 64
	for i := range p.Params {
		n += len(p.Params[i].Key) + len(p.Params[i].Value) + 2
	}
	for i := range p.Headers {
		n += 2*len(p.Headers[i].Name) + len(p.Headers[i].Value) + 4
	}
	for i := range p.Fields {
		n += len(p.Fields[i].Value) + 1
	}
	from := p.Params
	if b := &t.base; b.parts != nil && sameSlice(from, b.parts.Params) && p.Order != nil {
		from = b.sorted // nothing changed them: it need not be done again
	} else {
		n += 32 * len(from)
	}
	if !t.afford(n) {
		return ""
	}
	params := append(t.parts.Params[:0], from...)
	t.parts = *p
	t.parts.Params = params
	t.buf = t.d.Render(t.buf[:0], &t.parts)
	return string(t.buf)
}

func sameSlice(a, b []scheme.Param) bool {
	return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
}

// stringOf is the string to sign of a canonical text; empty if it cannot be had.
func (t *search) stringOf(p *scheme.Parts, canonical string) string {
	if t.d.hashed == nil {
		return canonical
	}
	if !t.afford(len(canonical)) {
		return ""
	}
	t.buf = append(t.buf[:0], canonical...)
	digest, err := t.w.digests.Sum(t.sum[:0], p.Hash, t.buf)
	if err != nil {
		return ""
	}
	return string(t.d.hashed.StringToSign(nil, p, digest))
}

// matches reports whether the signature is the MAC of the text.
func (t *search) matches(mac *algo.Key, text string) bool {
	t.buf = append(t.buf[:0], text...)
	return sameMAC(mac.Sum(t.sum[:0], t.buf), t.Claim.Signature)
}

// sameMAC compares in constant time: what is compared must not be guessed from
// how long it takes, not here either.
func sameMAC(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// readBody takes the body, if it is not too long.
func (t *search) readBody() {
	body := &t.w.body
	if body.length > maxExplained {
		t.result.Incomplete = true
		return
	}
	if body.read(); body.err == nil && body.kept.size <= maxExplained {
		t.Body = make([]byte, body.kept.size)
		_, err := io.ReadFull(body.kept.reader(), t.Body)
		t.HasBody = err == nil
	}
	t.result.Incomplete = !t.HasBody
}

// anyScheme tries what does not depend on the scheme.
func (t *search) anyScheme(b base) {
	for _, end := range []string{"\n", "\r\n"} {
		if t.afford(len(b.text)+2) && t.matches(t.mac, b.text+end) {
			t.found(b.text+end, scheme.Found{Code: "newline_at_end"})
		}
	}
	if t.afford(len(b.text) + strings.Count(b.text, "\n")) {
		if text := strings.ReplaceAll(b.text, "\n", "\r\n"); text != b.text && t.matches(t.mac, text) {
			t.found(text, scheme.Found{Code: "carriage_returns"})
		}
	}
	found := func(code string, args ...string) {
		t.found(b.canonical, scheme.Found{Code: code, Args: scheme.Args(args...)})
	}
	if !t.afford(len(b.text)) {
		return
	}
	sum := t.mac.Sum(nil, []byte(b.text))
	switch signature := t.Claim.Signature; {
	case sameMAC([]byte(t.Claim.Text), hex.AppendEncode(nil, sum)):
		found("hex_for_base64")
	case sameMAC(signature, hex.AppendEncode(nil, sum)), sameMAC(bytes.ToLower(signature), hex.AppendEncode(nil, sum)):
		found("base64_of_hex")
	}
	key := t.w.key
	for _, algorithm := range t.d.Algorithms() {
		if algorithm != t.Claim.Algorithm && t.signedWith(b.text, algorithm, key.Secret) {
			found("other_algorithm", "said", t.Claim.Algorithm, "used", algorithm)
		}
	}
	secret := key.Secret.Reveal()
	for _, other := range []string{secret + "\n", secret + "\r\n", secret + " ", " " + secret, strings.TrimSpace(secret)} {
		if other != secret && t.signedWith(b.text, t.Claim.Algorithm, Secret(other)) {
			found("space_around_secret")
		}
	}
	if t.signedWith(b.text, t.Claim.Algorithm, Secret(key.ID)) {
		found("key_id_as_secret")
	}
}

// otherKeys tries the secrets of other keys, as many as it can with so much work.
func (t *search) otherKeys(b base, work int) {
	store, ok := t.v.keys.(interface{ all() iter.Seq[*Key] })
	if !ok {
		return
	}
	tried := 0
	for other := range store.all() {
		if tried++; tried > maxExplainedKeys || tried > 1 && tried*(len(b.text)+maxTrifle) > work || t.done() {
			break
		}
		if other.ID != t.w.key.ID && t.signedWith(b.text, t.Claim.Algorithm, other.Secret) {
			t.found(b.canonical, scheme.Found{Code: "other_key"})
		}
	}
}

// signedWith reports whether the signature is the MAC of the text under this
// algorithm and secret, where there is a backend for it.
func (t *search) signedWith(text, algorithm string, secret SecretText) bool {
	if secret.Reveal() == "" || !t.afford(len(text)) {
		return false
	}
	basic, err := newMAC(algorithm, secret.bytes(), t.w.digests.backendOf(algorithm))
	if err != nil {
		return false
	}
	defer basic.Destroy()
	mac, err := keyed(t.d, basic, secret, t.Claim)
	if err != nil {
		return false
	}
	defer mac.Destroy()
	return t.matches(mac, text)
}
