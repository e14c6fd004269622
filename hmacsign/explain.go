package hmacsign

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// An Explanation says why a signature does not match. It is found by making the
// known client mistakes with the request at hand: one that reproduces the
// client's signature is what the client did. Nothing in it but the request's own
// text and what follows from it.
type Explanation struct {
	// Mistake reproduces the client's signature; its Code is empty if no known
	// one does.
	Mistake Mistake
	// Client is the string that the client signed, if a mistake tells, and
	// Server the verifier's own (for huawei-sdk both are canonical requests).
	Client, Server string
	// Incomplete: the request is too long, or the time was too short, to try all
	// known mistakes on it.
	Incomplete bool

	spent int // bytes of work, see afford
}

// A Mistake is one that clients of the gateways make.
type Mistake struct {
	Code string // a stable word, such as "accept_not_signed"
	Text string // what the client did, and what to do
}

// String is the explanation for a person, of several lines: the mistake, and the
// lines in which the two strings differ.
func (e *Explanation) String() string {
	var b strings.Builder
	switch {
	case e.Mistake.Code != "":
		fmt.Fprintf(&b, "%s (%s)\n", e.Mistake.Text, e.Mistake.Code)
	case e.Incomplete:
		b.WriteString("The search for a known mistake stopped early, at its limit of work and time: send a shorter request of the same kind, or compare the client's string to sign with the server's.\n")
	default:
		b.WriteString("No single known mistake gives this signature: compare the client's string to sign with the server's, and check the secret.\n")
	}
	if e.Client != "" && e.Client != e.Server {
		b.WriteString("The client signed (-), the server expects (+):\n")
		client, server := strings.Split(e.Client, "\n"), strings.Split(e.Server, "\n")
		for len(client) > 0 && len(server) > 0 && client[0] == server[0] {
			client, server = client[1:], server[1:]
		}
		for len(client) > 0 && len(server) > 0 && client[len(client)-1] == server[len(server)-1] {
			client, server = client[:len(client)-1], server[:len(server)-1]
		}
		for _, line := range client {
			fmt.Fprintf(&b, "- %q\n", line)
		}
		for _, line := range server {
			fmt.Fprintf(&b, "+ %q\n", line)
		}
	}
	return b.String()
}

// What explaining one request in one scheme may cost, whatever the request is.
// Tencent's two schemes read one header, so a request can be explained twice.
const (
	maxExplained     = 64 << 10 // bytes of a text or a body; a longer one is left alone
	maxExplainedKeys = 100      // whose secrets are tried
	maxExplainWork   = 7 << 19  // bytes built or hashed; backend gmsm copies what it hashes
	maxUntimed       = 1 << 20  // of them before the time counts: a busy machine explains short requests as others do
	maxExplaining    = 8 << 20  // bytes of memory that this takes, with what is not counted one by one
	maxNesting       = 100      // of JSON that is serialised anew
)

// explainTime is how long the search may take, beside what is not timed.
var explainTime = 25 * time.Millisecond

// attempt is a refused request, and what tries mistakes on it.
type attempt struct {
	ctx     context.Context
	v       *Verifier
	m       *message
	scheme  Scheme
	a       *authorization
	mac     *algo.Key
	text    string // the server's string to sign
	body    []byte
	hasBody bool // body is all of it
	result  *Explanation

	buf []byte // of what is hashed
	sum [64]byte
}

// afford reports whether so many bytes may still be built or hashed, and counts
// them. It comes before the work, so nothing is built that does not fit. What
// does not is left out, and the explanation says so.
func (t *attempt) afford(bytes int) bool {
	const each = 512 // what little things cost beside
	late := t.result.spent+bytes > maxUntimed && t.ctx.Err() != nil
	switch {
	case t.result.Mistake.Code != "":
		return false
	case late || bytes+each > maxExplainWork-t.result.spent:
		t.result.Incomplete = true
		return false
	}
	t.result.spent += bytes + each
	return true
}

// try records the mistake if one of the texts, which are not the server's, is
// what the client signed. The first mistake found is the one: what is tried
// later is less particular. An empty text is one that could not be afforded.
func (t *attempt) try(code, explanation string, texts ...string) {
	for _, text := range texts {
		if t.result.Mistake.Code == "" && text != "" && text != t.text && t.matches(t.mac, text) {
			t.found(code, explanation, text)
		}
	}
}

// matches reports whether the signature is the MAC of the text.
func (t *attempt) matches(mac *algo.Key, text string) bool {
	t.buf = append(t.buf[:0], text...)
	return sameMAC(mac.Sum(t.sum[:0], t.buf), t.a.signature)
}

// sameMAC compares in constant time: what is compared must not be guessed from
// how long it takes, not here either.
func sameMAC(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func (t *attempt) found(code, explanation, client string) {
	if t.result.Mistake.Code == "" {
		t.result.Mistake, t.result.Client = Mistake{code, explanation}, client
	}
}

func (v *Verifier) explainMAC(w *work, scheme Scheme, a *authorization, key *Key, mac *algo.Key, text string) *Explanation {
	result := &Explanation{Server: text}
	if scheme == HuaweiSDK {
		result.Server = beginning(w.canonicalRequest)
	}
	if len(text) > maxExplained || len(w.canonicalRequest) > maxExplained {
		result.Incomplete = true
		return result
	}
	t := &attempt{v: v, m: &w.message, scheme: scheme, a: a, mac: mac, text: text, result: result}
	if scheme != TencentKeyPair {
		t.readBody()
	}
	ctx, cancel := context.WithTimeout(context.Background(), explainTime)
	defer cancel()
	t.ctx = ctx
	switch scheme {
	case TencentApp:
		t.tencentApp()
	case TencentKeyPair:
		t.tencentKeyPair()
	case HuaweiSDK:
		t.huawei()
	}
	t.anyScheme(key)
	return result
}

// readBody takes the body, if it is not too long.
func (t *attempt) readBody() {
	body := &t.m.body
	if body.length > maxExplained {
		t.result.Incomplete = true
		return
	}
	if body.read(); body.err == nil && body.kept.size <= maxExplained {
		t.body = make([]byte, body.kept.size)
		_, err := io.ReadFull(body.kept.reader(), t.body)
		t.hasBody = err == nil
	}
	t.result.Incomplete = !t.hasBody
}

// anyScheme tries what does not depend on the string's form.
func (t *attempt) anyScheme(key *Key) {
	t.try("newline_at_end", "The client's string to sign ends with a newline: leave it out.", t.concat(t.text, "\n"), t.concat(t.text, "\r\n"))
	t.try("carriage_returns", "The client's lines end with CR LF: join them by LF alone.", t.replaceAll(t.text, "\n", "\r\n"))

	if !t.afford(len(t.text)) {
		return
	}
	sum := t.mac.Sum(nil, []byte(t.text))
	switch {
	case sameMAC([]byte(t.a.text), hex.AppendEncode(nil, sum)):
		t.found("hex_for_base64", "The signature is in hex: write it in base64.", t.text)
	case sameMAC(t.a.signature, hex.AppendEncode(nil, sum)):
		t.found("base64_of_hex", "The signature is base64 of the MAC's hex text: encode its bytes.", t.text)
	case sameMAC(bytes.ToLower(t.a.signature), hex.AppendEncode(nil, sum)):
		t.found("base64_of_hex", "The signature is base64 of the MAC's upper-case hex text: encode its bytes.", t.text)
	}
	for _, algorithm := range t.scheme.Algorithms() {
		if algorithm != t.a.algorithm && t.signedWith(algorithm, key.Secret) {
			t.found("other_algorithm", "The header says "+t.a.algorithm+", but the MAC is "+algorithm+": name the one that is used.", t.text)
		}
	}
	secret := key.Secret.Reveal()
	for _, other := range []string{secret + "\n", secret + "\r\n", secret + " ", " " + secret, strings.TrimSpace(secret)} {
		if other != secret && t.signedWith(t.a.algorithm, Secret(other)) {
			t.found("space_around_secret", "The client's secret has a newline or space at an end that this one has not, or the reverse: read it without.", t.text)
		}
	}
	if t.signedWith(t.a.algorithm, Secret(key.ID)) {
		t.found("key_id_as_secret", "The client signed with the key id in the secret's place.", t.text)
	}
	if store, ok := t.v.keys.(interface{ all() iter.Seq[*Key] }); ok {
		tried := 0
		for other := range store.all() {
			if tried++; tried > maxExplainedKeys || t.result.Mistake.Code != "" {
				break
			}
			if other.ID != key.ID && t.signedWith(t.a.algorithm, other.Secret) {
				t.found("other_key", "The client signed with another key's secret: send that key's id, or sign with this one's secret.", t.text)
			}
		}
	}
}

// signedWith reports whether the signature is the MAC of the server's string
// under this algorithm and secret, where there is a backend for it.
func (t *attempt) signedWith(algorithm string, secret SecretText) bool {
	if secret.Reveal() == "" || !t.afford(len(t.text)) {
		return false
	}
	base, err := newMAC(algorithm, secret.bytes(), t.m.digests.backendOf(algorithm))
	if err != nil {
		return false
	}
	defer base.Destroy()
	mac, err := forScope(base, secret, t.a)
	if err != nil {
		return false
	}
	defer mac.Destroy()
	return t.matches(mac, t.text)
}

// concat joins the parts, like the functions below: empty if that cannot be
// afforded.
func (t *attempt) concat(parts ...string) string {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	if !t.afford(n) {
		return ""
	}
	return strings.Join(parts, "")
}

func (t *attempt) replaceAll(s, old, new string) string {
	if !t.afford(len(s) + strings.Count(s, old)*len(new)) {
		return ""
	}
	return strings.ReplaceAll(s, old, new)
}

// edit joins lines as f changes a copy of them.
func (t *attempt) edit(lines []string, f func(lines []string) []string) string {
	if !t.afford(16 * len(lines)) {
		return ""
	}
	changed := f(slices.Clone(lines))
	n := len(changed)
	for _, l := range changed {
		n += len(l)
	}
	if !t.afford(n) {
		return ""
	}
	return strings.Join(changed, "\n")
}

// line replaces one line.
func (t *attempt) line(lines []string, i int, value string) string {
	return t.edit(lines, func(changed []string) []string {
		changed[i] = value
		return changed
	})
}

// without leaves one line out.
func (t *attempt) without(lines []string, i int) string {
	return t.edit(lines, func(changed []string) []string { return slices.Delete(changed, i, i+1) })
}

// parameters are a query's and a form's as appendParameters writes them; not ok
// if they cannot be read or afforded.
func (t *attempt) parameters(query, form string, read func(string) (string, error)) (sorted string, ok bool) {
	if !t.afford(parametersCost(query) + parametersCost(form)) {
		return "", false
	}
	b, err := appendParameters(make([]byte, 0, len(query)+len(form)+2), query, form, read)
	return string(b), err == nil
}

// parametersCost is what it takes to split and sort parameters, beside the text:
// a slice of them grows step by step.
func parametersCost(text string) int { return 3*len(text) + 256*strings.Count(text, "&") }

func (t *attempt) tencentApp() {
	n := len(t.a.headers)
	lines := strings.SplitN(t.text, "\n", n+5)
	const accept, contentType, digest, target = 1, 2, 3, 4 // behind the method

	cost := 3*len(t.text) + parametersCost(t.m.query) + parametersCost(t.form())
	for _, form := range QueryForms() {
		if slices.Contains(t.v.forms, form) || !t.afford(cost) {
			continue
		}
		if text, err := t.scheme.stringToSign(make([]byte, 0, len(t.text)+len(t.m.query)), t.m, t.a, &canonical{form, t.v.keepEnvironment}); err == nil {
			t.try("query_form_"+string(form), "The client signs the query form "+string(form)+", which is not accepted: sign the encoded form, or have it accepted.", string(text))
		}
	}
	t.try("lower_case_method", "The client signed the method in lower case.", t.line(lines, n, strings.ToLower(lines[n])))
	t.headerLines(lines)

	if lines[n+accept] != "" {
		t.try("accept_not_signed", "The client signed an empty Accept, but "+clip(lines[n+accept])+" was sent: set Accept explicitly.", t.line(lines, n+accept, ""))
	}
	t.try("other_accept", "The client signed another Accept than was sent: set it explicitly.", t.line(lines, n+accept, "*/*"), t.line(lines, n+accept, "application/json"))
	mediaType, _, hasParameter := strings.Cut(lines[n+contentType], ";")
	if lines[n+contentType] != "" {
		t.try("content_type_not_signed", "The client signed an empty Content-Type, but one was sent: set it before signing.", t.line(lines, n+contentType, ""))
	}
	if hasParameter {
		t.try("content_type_parameter", "The Content-Type got its parameter (charset, boundary) after signing: set it whole before.", t.line(lines, n+contentType, strings.TrimSpace(mediaType)))
	} else {
		t.try("content_type_parameter", "The client signed a Content-Type with a charset that was not sent.",
			t.line(lines, n+contentType, mediaType+"; charset=utf-8"), t.line(lines, n+contentType, mediaType+";charset=utf-8"), t.line(lines, n+contentType, mediaType+"; charset=UTF-8"), t.line(lines, n+contentType, mediaType+";charset=UTF-8"))
	}
	for _, variant := range t.bodyVariants() {
		if variant.digest != lines[n+digest] {
			t.try(variant.code, variant.text, t.line(lines, n+digest, variant.digest))
		}
	}
	t.target(lines[n+target])
}

// headerLines tries the ways to write the lines of the signed headers wrongly.
func (t *attempt) headerLines(lines []string) {
	n := len(t.a.headers)
	each := func(f func(name, value string) string) string {
		if !t.afford(len(t.text)) {
			return ""
		}
		return t.edit(lines, func(changed []string) []string {
			for i := range n {
				name, value, _ := strings.Cut(changed[i], ": ")
				changed[i] = f(name, value)
			}
			return changed
		})
	}
	t.try("no_space_behind_colon", `The client's header lines are "name:value": write "name: value".`, each(func(name, value string) string { return name + ":" + value }))
	t.try("header_names_not_lower_case", "The client's header lines have names in mixed case: write them in lower case.",
		each(func(name, value string) string { return canonicalName(name) + ": " + value }), each(func(name, value string) string { return strings.ToUpper(name) + ": " + value }))
	t.try("values_alone", "The client's header lines have no names.", each(func(name, value string) string { return value }))
	t.try("date_for_x_date", "The client signed a line date, but lists and sends X-Date: name it x-date.",
		each(func(name, value string) string { return strings.TrimPrefix(name, "x-") + ": " + value }))
	if n > 1 {
		order := func(names []string) string {
			return t.edit(lines, func(changed []string) []string {
				for i, name := range names {
					for _, l := range lines[:n] {
						if rest, ok := strings.CutPrefix(l, name); ok && strings.HasPrefix(rest, ": ") {
							changed[i] = l
						}
					}
				}
				return changed
			})
		}
		sorted := slices.Sorted(slices.Values(t.a.headers))
		t.try("header_order", "The client's header lines are in another order: tencent-app sorts them by name, tencent-keypair keeps the order of the list.", order(t.a.headers), order(sorted))
		for i := range n {
			t.try("header_left_out", "The client lists a header that it did not sign.", t.without(lines, i))
		}
	}
}

// variant is what a client may have computed the body's digest of, or how.
type variant struct{ code, text, digest string }

// bodyVariants are what does not need the body, and if it is there what does.
func (t *attempt) bodyVariants() []variant {
	var variants []variant
	add := func(code, text string, body ...[]byte) {
		if sum, ok := t.md5(body...); ok {
			variants = append(variants, variant{code, text, contentMD5(sum, ContentMD5Hex)}, variant{code, text, contentMD5(sum, ContentMD5Raw)})
		}
	}
	if sum, ok := t.md5(t.body); ok && t.hasBody {
		text := hex.EncodeToString(sum[:])
		variants = append(variants,
			variant{"content_md5_raw", "The client signed base64 of the MD5's 16 bytes without sending it: send Content-MD5, or sign base64 of its hex text.", contentMD5(sum, ContentMD5Raw)},
			variant{"content_md5_hex", "The client signed base64 of the MD5's hex text, but sent another form.", contentMD5(sum, ContentMD5Hex)},
			variant{"content_md5_not_base64", "The client signed the MD5's hex text itself: encode it in base64.", text},
			variant{"content_md5_not_base64", "The client signed the MD5's upper-case hex text.", strings.ToUpper(text)},
			variant{"content_md5_upper_case", "The client signed base64 of the MD5's upper-case hex text: use lower case.", base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(text)))},
			variant{"content_md5_leading_zero", "The client dropped leading zeros of the MD5's hex text, as a Java sample does: pad it to 32 digits.", base64.StdEncoding.EncodeToString([]byte(new(big.Int).SetBytes(sum[:]).Text(16)))})
	}
	variants = append(variants, variant{"body_not_signed", "The client signed an empty Content-MD5 though it sent a body: sign the body's MD5, or send none.", ""})
	if t.hasBody {
		add("body_newline", "The signed body differs from the sent one by a newline at its end.", t.body, []byte("\n"))
		add("body_newline", "The signed body differs from the sent one by a newline at its end.", bytes.TrimRight(t.body, "\r\n"))
	}
	add("empty_body_signed", "The client signed the MD5 of an empty body, but sent one.")
	add("empty_object_signed", "The client signed the body {} and sent another one.", []byte("{}"))
	for other := range t.reserialised() {
		add("body_serialised_again", "The sent JSON was serialised anew after signing: sign the bytes that are sent.", other)
	}
	return variants
}

// md5 is the MD5 of the parts in a row, if it can be afforded.
func (t *attempt) md5(parts ...[]byte) (sum *[md5.Size]byte, ok bool) {
	h := md5.New()
	for _, part := range parts {
		if !t.afford(len(part)) {
			return nil, false
		}
		h.Write(part)
	}
	sum = new([md5.Size]byte)
	h.Sum(sum[:0])
	return sum, true
}

// reserialised are the ways in which libraries write the same JSON, as far as
// they can be afforded.
func (t *attempt) reserialised() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(t.body) == 0 || !t.afford(len(t.body)) {
			return
		}
		var buf bytes.Buffer
		if json.Compact(&buf, t.body) != nil {
			return
		}
		compact := buf.Bytes()
		shape := shapeOf(compact)
		if !yield(compact) || t.afford(2*len(compact)) && !yield(spaced(compact)) {
			return
		}
		if shape.depth > maxNesting {
			t.result.Incomplete = true
			return
		}
		if t.afford(shape.marshalled()) {
			sorted, ok := marshalled(t.body)
			if ok && (!yield(sorted) || t.afford(2*len(sorted)) && !yield(spaced(sorted))) {
				return
			}
		}
		for _, indent := range []string{"  ", "    ", "\t"} {
			n := max(shape.indented(len(indent))+len(t.body), 2*len(t.body))
			if !t.afford(n) {
				continue
			}
			var indented bytes.Buffer
			indented.Grow(n)
			if json.Indent(&indented, t.body, "", indent) == nil && !yield(indented.Bytes()) {
				return
			}
		}
	}
}

// marshalled is JSON with sorted members, as encoding/json writes it.
func marshalled(body []byte) ([]byte, bool) {
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	sorted, err := json.Marshal(value)
	return sorted, err == nil
}

// jsonShape tells what it takes to write JSON in another way, before it is done.
type jsonShape struct {
	length, depth  int // of the compact form
	objects        int
	separators     int // commas and colons
	lines, indents int // of the indented form: how many are begun, and how deep in all
}

func shapeOf(compact []byte) jsonShape {
	s := jsonShape{length: len(compact)}
	depth := 0
	for i := range punctuation(compact) {
		switch compact[i] {
		case '{', '[':
			if depth++; compact[i] == '{' {
				s.objects++
			}
			s.depth = max(s.depth, depth)
		case '}', ']':
			depth--
		default:
			s.separators++
		}
		s.lines++
		s.indents += depth
	}
	return s
}

// indented is at least the length of the form that is indented by width.
func (s *jsonShape) indented(width int) int {
	return s.length + s.separators + s.lines + width*s.indents
}

// marshalled is at least the memory that the function of that name takes: maps
// and values for what there is, six bytes for one that is escaped, in buffers
// that double.
func (s *jsonShape) marshalled() int { return 24*s.length + 256*s.separators + 1024*s.objects }

// punctuation is where JSON has a bracket, brace, comma or colon, outside of
// strings.
func punctuation(text []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		quoted := false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				quoted = !quoted
			case quoted && c == '\\':
				i++ // what it escapes
			case !quoted && strings.IndexByte("{}[],:", c) >= 0:
				if !yield(i) {
					return
				}
			}
		}
	}
}

// spaced puts a space behind commas and colons, as Python's json.dumps does.
func spaced(compact []byte) []byte {
	b := make([]byte, 0, 2*len(compact))
	done := 0
	for i := range punctuation(compact) {
		if c := compact[i]; c == ',' || c == ':' {
			b = append(append(b, compact[done:i+1]...), ' ')
			done = i + 1
		}
	}
	return append(b, compact[done:]...)
}

// target tries mistakes in the path and the parameters.
func (t *attempt) target(target string) {
	head := strings.TrimSuffix(t.text, target)
	path, parameters, _ := strings.Cut(target, "?")
	if parameters != "" {
		parameters = "?" + parameters
	}
	with := func(path, parameters string) string {
		return t.concat(head, path, parameters)
	}
	sent, query, form := t.m.path, t.m.query, t.form()
	if sent != path {
		t.try("environment_signed", "The client signed the path with its environment segment: leave it out.", with(sent, parameters))
	} else if stripped := stripEnvironment(sent); stripped != sent {
		t.try("environment_left_out", "The client left the environment segment out, but on this domain the path is signed whole.", with(stripped, parameters))
	}
	for _, prefix := range []string{"/release", "/test", "/prepub"} {
		if rest, ok := strings.CutPrefix(sent, prefix); ok {
			_, behind, _ := strings.Cut(rest, "/")
			t.try("environment_cut_wrongly", "The client cut "+prefix+" off a path whose first segment is not that, as some samples do.", with(rest, parameters), with("/", behind+parameters), with("/", rest+parameters))
		}
	}
	t.try("no_leading_slash", "The client signed the path without its leading slash.", with(strings.TrimPrefix(path, "/"), parameters))
	t.try("trailing_slash", "The signed and the sent path differ by a slash at the end.", with(strings.TrimSuffix(path, "/"), parameters), with(path, "/"+parameters))
	for _, scheme := range []string{"http", "https"} {
		t.try("whole_url_signed", "The client signed the whole URL: sign the path and the parameters.", with(scheme+"://"+t.m.host+path, parameters))
	}
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		t.try("path_decoded", "The client signed the path decoded: sign it as it is sent.", with(decoded, parameters))
	}
	if twice := t.replaceAll(path, "%", "%25"); twice != "" {
		t.try("path_encoded_twice", "The client signed the path encoded once more than it was sent.", with(twice, parameters))
	}
	if params, _, ok := strings.Cut(path, ";"); ok {
		t.try("path_parameter", "The client left the path's parameters (;name=value) unsigned, as Python's urlparse does.", with(params, parameters))
	}
	if query == "" && form == "" {
		return
	}
	all := query
	if form != "" && query != "" {
		all = query + "&" + form
	} else if form != "" {
		all = form
	}
	if sorted, ok := t.parameters(query, "", asSent); form != "" && ok {
		t.try("form_left_out", "The client did not sign the parameters of its form.", with(path, sorted), with(path, orNothing(query)))
		separator := "&"
		if len(sorted) == 0 {
			separator = "?"
		}
		t.try("form_appended", "The client appended the form's parameters to the query's: sort them together.", with(path, sorted+separator+form), with(path, "?"+form+"&"+query))
	}
	t.try("parameters_left_out", "The client did not sign the parameters.", with(path, ""))
	t.try("parameters_not_sorted", "The client signed the parameters in the order in which they were sent: sort them.", with(path, "?"+all))
	for _, last := range []bool{false, true} {
		if one, ok := t.parameters(t.oneOfEach(all, last), "", asSent); ok && one != "" {
			t.try("repeated_parameter", "The client signed one value of a repeated parameter: sign each.", with(path, one))
		}
	}
	encoded := func(s string) string { return t.replaceAll(s, "+", "%20") }
	plus := func(s string) string { return t.replaceAll(s, "%20", "+") }
	for _, space := range []func(string) string{encoded, plus} {
		if other, ok := t.parameters(space(query), space(form), asSent); ok {
			t.try("space_encoding", "The signed and the sent parameters write a space differently (+ and %20).", with(path, other))
		}
	}
	for _, letters := range []func([]byte) []byte{bytes.ToUpper, bytes.ToLower} {
		if other, ok := t.parameters(t.percentCase(query, letters), t.percentCase(form, letters), asSent); ok {
			t.try("percent_case", "The signed and the sent parameters differ in the case of percent-encoding.", with(path, other))
		}
	}
	if decoded, ok := t.parameters(query, form, url.QueryUnescape); ok {
		t.try("parameters_decoded", "The client signed the parameters decoded: sign them as they are sent.", with(path, decoded))
	}
}

// form is the body's text where its parameters are signed.
func (t *attempt) form() string {
	if !isForm(t.m.header) {
		return ""
	}
	return string(t.body)
}

func orNothing(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// oneOfEach keeps the first or last value of each parameter; empty if none is
// repeated, or that cannot be afforded.
func (t *attempt) oneOfEach(all string, last bool) string {
	if !t.afford(parametersCost(all)) {
		return ""
	}
	n := strings.Count(all, "&") + 1
	at := make(map[string]int, n) // where in kept
	kept := make([]string, 0, n)
	repeated := false
	for piece := range strings.SplitSeq(all, "&") {
		name, _, _ := strings.Cut(piece, "=")
		i, again := at[name]
		switch {
		case piece == "":
		case !again:
			at[name] = len(kept)
			kept = append(kept, piece)
		default:
			if repeated = true; last {
				kept[i] = piece
			}
		}
	}
	if !repeated {
		return ""
	}
	return strings.Join(kept, "&")
}

// percentCase changes the letters of percent-encodings.
func (t *attempt) percentCase(s string, letters func([]byte) []byte) string {
	if !t.afford(len(s)) {
		return ""
	}
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], letters(b[i+1:i+3]))
		}
	}
	return string(b)
}

func (t *attempt) tencentKeyPair() {
	t.headerLines(strings.Split(t.text, "\n"))
	if parameters, ok := t.parameters(t.m.query, "", asSent); ok {
		t.try("application_string", "The client signed method and path, as tencent-app does: key pair authentication signs the headers alone.",
			t.concat(t.text, "\n", t.m.method, "\n\n\n\n", t.m.path, parameters), t.concat(t.text, "\n", t.m.method, "\n*/*\n\n\n", t.m.path, parameters))
	}
}

// huawei tries mistakes in the canonical request, of which the string to sign
// has only the hash.
func (t *attempt) huawei() {
	server := t.result.Server
	head, _, _ := strings.Cut(t.text, "\n")
	prefix := t.text[:strings.LastIndexByte(t.text, '\n')+1]
	h, err := t.m.digests.of(t.a.algorithm)
	if err != nil {
		return
	}
	digest := func(request string) string {
		t.buf = append(t.buf[:0], request...)
		h.Reset()
		h.Write(t.buf)
		return hex.EncodeToString(h.Sum(t.sum[:0]))
	}
	try := func(code, text string, requests ...string) {
		for _, r := range requests {
			if r == "" {
				continue // not to be afforded
			}
			signed := prefix + digest(r)
			if t.try(code, text, signed); t.result.Client == signed {
				t.result.Client = r
			}
		}
	}
	lines := strings.Split(server, "\n")
	const uri, query, headers = 1, 2, 3
	last := len(lines) - 1
	try("no_trailing_slash", "The client's canonical path lacks the slash at its end.", t.line(lines, uri, strings.TrimSuffix(lines[uri], "/")))
	try("path_as_sent", "The client's canonical path is not encoded as the scheme asks: decode it, then encode each segment.", t.line(lines, uri, t.m.path), t.line(lines, uri, t.m.path+"/"))
	try("query_left_out", "The client did not sign the query.", t.line(lines, query, ""))
	try("query_not_canonical", "The client's canonical query is as sent: decode, sort and encode it.", t.line(lines, query, t.m.query))
	if sorted, ok := t.parameters(t.m.query, "", asSent); ok {
		try("empty_value_without_equals", "The client's canonical query lacks the equals sign of an empty value.", t.line(lines, query, strings.TrimPrefix(sorted, "?")))
	}
	try("plus_for_space", "The client's canonical query has + for a space: write %20.", t.line(lines, query, strings.ReplaceAll(lines[query], "%20", "+")))
	if one, ok := t.parameters(t.oneOfEach(t.m.query, true), "", asSent); ok && one != "" {
		try("repeated_parameter", "The client signed one value of a repeated parameter: sign each.", t.line(lines, query, one[1:]))
	}
	for i := headers; i < last && lines[i] != ""; i++ {
		name, value, _ := strings.Cut(lines[i], ":")
		try("space_behind_colon", `The client's header lines are "name: value": write "name:value".`, t.line(lines, i, name+": "+value))
		if name == "host" {
			bare, _, _ := strings.Cut(value, ":")
			try("host_port", "The signed and the sent Host differ by the port.", t.line(lines, i, "host:"+bare), t.line(lines, i, "host:"+value+":80"), t.line(lines, i, "host:"+value+":443"), t.line(lines, i, "host:"+value+":8080"))
		}
		if name == "content-type" {
			bare, _, _ := strings.Cut(value, ";")
			try("content_type_parameter", "The Content-Type got its parameter (charset, boundary) after signing, or lost it.", t.line(lines, i, name+":"+bare), t.line(lines, i, name+":"+bare+"; charset=utf-8"), t.line(lines, i, name+":"+bare+";charset=utf-8"))
		}
	}
	for i := headers; i < last; i++ {
		if lines[i] == "" {
			try("no_empty_line", "The client's canonical request lacks the empty line before the signed headers.", t.without(lines, i))
			break
		}
	}
	body := func(code, text string, parts ...[]byte) {
		h.Reset()
		for _, part := range parts {
			if !t.afford(len(part)) {
				return
			}
			h.Write(part)
		}
		try(code, text, t.line(lines, last, hex.EncodeToString(h.Sum(nil))))
	}
	body("empty_body_signed", "The client signed the hash of an empty body, but sent one.")
	try("unsigned_payload", "The client signed UNSIGNED-PAYLOAD without sending the header that says so.", t.line(lines, last, unsignedPayload))
	body("empty_object_signed", "The client signed the body {} and sent another one.", []byte("{}"))
	if t.hasBody {
		body("body_newline", "The signed body differs from the sent one by a newline at its end.", t.body, []byte("\n"))
		body("body_newline", "The signed body differs from the sent one by a newline at its end.", bytes.TrimRight(t.body, "\r\n"))
	}
	for other := range t.reserialised() {
		body("body_serialised_again", "The sent JSON was serialised anew after signing: sign the bytes that are sent.", other)
	}
	if t.a.algorithm == algo.HMACSM3 && t.hasBody && t.afford(len(t.body)) {
		if sum := t.sha256(t.body); sum != "" {
			try("sha256_of_body", "The client hashed the body with SHA-256: with SM3 every hash is SM3.", t.line(lines, last, sum))
		}
	}
	if !t.afford(3 * len(server)) {
		return
	}
	if sum := t.sha256([]byte(server)); sum != "" {
		t.try("sha256_of_request", "The client hashed the canonical request with SHA-256: with SM3 every hash is SM3.", prefix+sum)
	}
	t.try("request_not_hashed", "The client's string to sign holds the canonical request itself: put its hash there.", prefix+server)
	if i := strings.IndexByte(prefix, '\n'); i > 0 {
		t.try("other_word", "The first line of the client's string to sign is not "+head+".", "SDK-HMAC-SHA256"+prefix[i:]+digest(server), "SDK-HMAC-SM3"+prefix[i:]+digest(server))
	}
}

// sha256 is the SHA-256 of a text in hex; empty where the backend that was asked
// for has none.
func (t *attempt) sha256(text []byte) string {
	h, err := t.m.digests.of(algo.HMACSHA256)
	if err != nil {
		return ""
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(t.sum[:0]))
}

// explainDigest looks for the mistake in a Content-MD5 that is not the body's.
func explainDigest(m *message) *Explanation {
	result := new(Explanation)
	value, present, err := m.single("Content-Md5")
	if !present || err != nil {
		return result
	}
	t := &attempt{m: m, result: result}
	t.readBody()
	ctx, cancel := context.WithTimeout(context.Background(), explainTime)
	defer cancel()
	t.ctx = ctx
	for _, v := range t.bodyVariants() {
		if v.digest == value {
			t.found(v.code, v.text, "")
		}
	}
	return result
}

// explainDate recognises local time that is sent as GMT: the distance is then a
// time zone's.
func explainDate(off, window time.Duration) *Explanation {
	result := new(Explanation)
	zone := off.Round(15 * time.Minute)
	if zone != 0 && zone.Abs() <= 14*time.Hour && (off-zone).Abs() < 2*time.Minute && zone.Abs() > window {
		result.Mistake = Mistake{"local_time", fmt.Sprintf("The date is %s off, like the time of a zone: the client sends local time as GMT.", zone)}
	}
	return result
}

// explainHeaders recognises mistakes that keep a request from being understood.
func explainHeaders(req *http.Request, reason error) *Explanation {
	result := new(Explanation)
	_, rest, _ := strings.Cut(req.Header.Get("Authorization"), `headers="`)
	list, _, _ := strings.Cut(rest, `"`)
	switch {
	case reason == ErrMalformed && strings.ContainsAny(list, ",;"):
		result.Mistake = Mistake{"comma_separated_headers", "The signed headers are separated by commas or semicolons: separate the names by one space."}
	case reason == ErrDate && req.Header.Get("X-Date") != "" && req.Header.Get("Date") == "" && slices.Contains(strings.Fields(list), "date"):
		result.Mistake = Mistake{"date_for_x_date", "The client signed date, but sent X-Date: list and sign x-date."}
	}
	return result
}
