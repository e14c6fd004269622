package hmacsign

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
	if e.Mistake.Code != "" {
		fmt.Fprintf(&b, "%s (%s)\n", e.Mistake.Text, e.Mistake.Code)
	} else {
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

// maxExplained bounds the work: longer requests are not explained, and no more
// keys than that are tried.
const (
	maxExplained     = 64 << 10
	maxExplainedKeys = 100
	maxExplaining    = 16 << 20 // bytes of memory that explaining a request takes
)

// attempt is a refused request, and what tries mistakes on it.
type attempt struct {
	v      *Verifier
	m      *message
	scheme Scheme
	a      *authorization
	mac    *algo.Key
	text   string // the server's string to sign
	body   []byte // up to maxExplained
	result *Explanation
}

// try records the mistake if one of the texts, which are not the server's, is
// what the client signed. The first mistake found is the one: what is tried
// later is less particular.
func (t *attempt) try(code, explanation string, texts ...string) {
	for _, text := range texts {
		if t.result.Mistake.Code == "" && text != t.text && sameMAC(t.mac.Sum(nil, []byte(text)), t.a.signature) {
			t.found(code, explanation, text)
		}
	}
}

// sameMAC compares in constant time: what is compared must not be guessed from
// how long it takes, not here either.
func sameMAC(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func (t *attempt) found(code, explanation, client string) {
	if t.result.Mistake.Code == "" {
		t.result.Mistake, t.result.Client = Mistake{code, explanation}, client
	}
}

func (v *Verifier) explainMAC(w *work, scheme Scheme, a *authorization, key *Key, text string) *Explanation {
	result := &Explanation{Server: text}
	if scheme == HuaweiSDK {
		result.Server = string(w.canonicalRequest)
	}
	if len(text) > maxExplained || len(w.canonicalRequest) > maxExplained {
		return result
	}
	mac, err := key.mac(a, v.backend, false)
	if err != nil {
		return result
	}
	t := &attempt{v: v, m: &w.message, scheme: scheme, a: a, mac: mac, text: text, result: result}
	if w.body.read(); w.body.err == nil && w.body.kept.size <= maxExplained {
		t.body, _ = io.ReadAll(w.body.kept.reader())
	}
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

// anyScheme tries what does not depend on the string's form.
func (t *attempt) anyScheme(key *Key) {
	t.try("newline_at_end", "The client's string to sign ends with a newline: leave it out.", t.text+"\n", t.text+"\r\n")
	t.try("carriage_returns", "The client's lines end with CR LF: join them by LF alone.", strings.ReplaceAll(t.text, "\n", "\r\n"))

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
		if algorithm == t.a.algorithm {
			continue
		}
		other := *t.a
		other.algorithm = algorithm
		if mac, err := key.mac(&other, "", false); err == nil && sameMAC(mac.Sum(nil, []byte(t.text)), t.a.signature) {
			t.found("other_algorithm", "The header says "+t.a.algorithm+", but the MAC is "+algorithm+": name the one that is used.", t.text)
		}
	}
	secret := key.Secret.Reveal()
	for _, other := range []string{secret + "\n", secret + "\r\n", secret + " ", " " + secret, strings.TrimSpace(secret)} {
		if other != secret && t.signedWith(Secret(other)) {
			t.found("space_around_secret", "The client's secret has a newline or space at an end that this one has not, or the reverse: read it without.", t.text)
		}
	}
	if t.signedWith(Secret(key.ID)) {
		t.found("key_id_as_secret", "The client signed with the key id in the secret's place.", t.text)
	}
	if all, ok := t.v.keys.(interface{ all() []*Key }); ok {
		for i, other := range all.all() {
			if i == maxExplainedKeys {
				break
			}
			if other.ID != key.ID && t.signedWith(other.Secret) {
				t.found("other_key", "The client signed with another key's secret: send that key's id, or sign with this one's secret.", t.text)
			}
		}
	}
}

func (t *attempt) signedWith(secret SecretText) bool {
	if secret.Reveal() == "" {
		return false
	}
	mac, err := (&Key{Secret: secret}).mac(t.a, t.v.backend, false)
	return err == nil && sameMAC(mac.Sum(nil, []byte(t.text)), t.a.signature)
}

// line replaces one line of the string to sign.
func line(lines []string, i int, value string) string {
	changed := slices.Clone(lines)
	changed[i] = value
	return strings.Join(changed, "\n")
}

func (t *attempt) tencentApp() {
	n := len(t.a.headers)
	lines := strings.SplitN(t.text, "\n", n+5)
	const accept, contentType, digest, target = 1, 2, 3, 4 // behind the method

	for _, form := range QueryForms() {
		if text, err := t.scheme.stringToSign(nil, t.m, t.a, &canonical{form, t.v.keepEnvironment}); err == nil && !slices.Contains(t.v.forms, form) {
			t.try("query_form_"+string(form), "The client signs the query form "+string(form)+", which is not accepted: sign the encoded form, or have it accepted.", string(text))
		}
	}
	t.try("lower_case_method", "The client signed the method in lower case.", line(lines, n, strings.ToLower(lines[n])))
	t.headerLines(lines)

	if lines[n+accept] != "" {
		t.try("accept_not_signed", "The client signed an empty Accept, but "+lines[n+accept]+" was sent: set Accept explicitly.", line(lines, n+accept, ""))
	}
	t.try("other_accept", "The client signed another Accept than was sent: set it explicitly.", line(lines, n+accept, "*/*"), line(lines, n+accept, "application/json"))
	mediaType, _, hasParameter := strings.Cut(lines[n+contentType], ";")
	if lines[n+contentType] != "" {
		t.try("content_type_not_signed", "The client signed an empty Content-Type, but one was sent: set it before signing.", line(lines, n+contentType, ""))
	}
	if hasParameter {
		t.try("content_type_parameter", "The Content-Type got its parameter (charset, boundary) after signing: set it whole before.", line(lines, n+contentType, strings.TrimSpace(mediaType)))
	} else {
		t.try("content_type_parameter", "The client signed a Content-Type with a charset that was not sent.",
			line(lines, n+contentType, mediaType+"; charset=utf-8"), line(lines, n+contentType, mediaType+";charset=utf-8"), line(lines, n+contentType, mediaType+"; charset=UTF-8"), line(lines, n+contentType, mediaType+";charset=UTF-8"))
	}
	for _, variant := range t.bodyVariants() {
		if variant.digest != lines[n+digest] {
			t.try(variant.code, variant.text, line(lines, n+digest, variant.digest))
		}
	}
	t.target(lines[:n+target], lines[n+target])
}

// headerLines tries the ways to write the lines of the signed headers wrongly.
func (t *attempt) headerLines(lines []string) {
	n := len(t.a.headers)
	edit := func(f func(name, value string) string) string {
		changed := slices.Clone(lines)
		for i := range n {
			name, value, _ := strings.Cut(changed[i], ": ")
			changed[i] = f(name, value)
		}
		return strings.Join(changed, "\n")
	}
	t.try("no_space_behind_colon", `The client's header lines are "name:value": write "name: value".`, edit(func(name, value string) string { return name + ":" + value }))
	t.try("header_names_not_lower_case", "The client's header lines have names in mixed case: write them in lower case.",
		edit(func(name, value string) string { return canonicalName(name) + ": " + value }), edit(func(name, value string) string { return strings.ToUpper(name) + ": " + value }))
	t.try("values_alone", "The client's header lines have no names.", edit(func(name, value string) string { return value }))
	t.try("date_for_x_date", "The client signed a line date, but lists and sends X-Date: name it x-date.",
		edit(func(name, value string) string { return strings.TrimPrefix(name, "x-") + ": " + value }))
	if n > 1 {
		order := func(names []string) string {
			changed := slices.Clone(lines)
			for i, name := range names {
				for _, l := range lines[:n] {
					if strings.HasPrefix(l, name+": ") {
						changed[i] = l
					}
				}
			}
			return strings.Join(changed, "\n")
		}
		sorted := slices.Sorted(slices.Values(t.a.headers))
		t.try("header_order", "The client's header lines are in another order: tencent-app sorts them by name, tencent-keypair keeps the order of the list.", order(t.a.headers), order(sorted))
		for i := range n {
			t.try("header_left_out", "The client lists a header that it did not sign.", strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n"))
		}
	}
}

// variant is what a client may have computed the body's digest of, or how.
type variant struct{ code, text, digest string }

func (t *attempt) bodyVariants() []variant {
	var variants []variant
	add := func(code, text string, body []byte) {
		sum := md5.Sum(body)
		variants = append(variants, variant{code, text, contentMD5(&sum, ContentMD5Hex)}, variant{code, text, contentMD5(&sum, ContentMD5Raw)})
	}
	sum := md5.Sum(t.body)
	text := hex.EncodeToString(sum[:])
	variants = append(variants,
		variant{"content_md5_raw", "The client signed base64 of the MD5's 16 bytes without sending it: send Content-MD5, or sign base64 of its hex text.", contentMD5(&sum, ContentMD5Raw)},
		variant{"content_md5_hex", "The client signed base64 of the MD5's hex text, but sent another form.", contentMD5(&sum, ContentMD5Hex)},
		variant{"content_md5_not_base64", "The client signed the MD5's hex text itself: encode it in base64.", text},
		variant{"content_md5_not_base64", "The client signed the MD5's upper-case hex text.", strings.ToUpper(text)},
		variant{"content_md5_upper_case", "The client signed base64 of the MD5's upper-case hex text: use lower case.", base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(text)))},
		variant{"content_md5_leading_zero", "The client dropped leading zeros of the MD5's hex text, as a Java sample does: pad it to 32 digits.", base64.StdEncoding.EncodeToString([]byte(new(big.Int).SetBytes(sum[:]).Text(16)))},
		variant{"body_not_signed", "The client signed an empty Content-MD5 though it sent a body: sign the body's MD5, or send none.", ""})
	add("body_newline", "The signed body differs from the sent one by a newline at its end.", append(slices.Clone(t.body), '\n'))
	add("body_newline", "The signed body differs from the sent one by a newline at its end.", bytes.TrimRight(t.body, "\r\n"))
	add("empty_body_signed", "The client signed the MD5 of an empty body, but sent one.", nil)
	add("empty_object_signed", "The client signed the body {} and sent another one.", []byte("{}"))
	for _, other := range reserialised(t.body) {
		add("body_serialised_again", "The sent JSON was serialised anew after signing: sign the bytes that are sent.", other)
	}
	return variants
}

// reserialised are the ways in which libraries write the same JSON.
func reserialised(body []byte) [][]byte {
	var all [][]byte
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return nil
	}
	all = append(all, compact.Bytes(), spaced(compact.Bytes()))
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) == nil {
		if sorted, err := json.Marshal(value); err == nil {
			all = append(all, sorted, spaced(sorted))
		}
	}
	for _, indent := range []string{"  ", "    ", "\t"} {
		var indented bytes.Buffer
		if json.Indent(&indented, body, "", indent) == nil {
			all = append(all, indented.Bytes())
		}
	}
	return all
}

// spaced puts a space behind commas and colons, as Python's json.dumps does.
func spaced(compact []byte) []byte {
	var b []byte
	quoted := false
	for i, c := range compact {
		b = append(b, c)
		if c == '"' && (i == 0 || compact[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && (c == ',' || c == ':') {
			b = append(b, ' ')
		}
	}
	return b
}

// target tries mistakes in the path and the parameters.
func (t *attempt) target(head []string, target string) {
	path, parameters, _ := strings.Cut(target, "?")
	if parameters != "" {
		parameters = "?" + parameters
	}
	with := func(path, parameters string) string {
		return strings.Join(append(slices.Clone(head), path+parameters), "\n")
	}
	sent, query := t.m.path, t.m.query
	form := ""
	if isForm(t.m.header) {
		form = string(t.body)
	}
	if sent != path {
		t.try("environment_signed", "The client signed the path with its environment segment: leave it out.", with(sent, parameters))
	} else if stripped := stripEnvironment(sent); stripped != sent {
		t.try("environment_left_out", "The client left the environment segment out, but on this domain the path is signed whole.", with(stripped, parameters))
	}
	for _, prefix := range []string{"/release", "/test", "/prepub"} {
		if rest, ok := strings.CutPrefix(sent, prefix); ok {
			_, behind, _ := strings.Cut(rest, "/")
			t.try("environment_cut_wrongly", "The client cut "+prefix+" off a path whose first segment is not that, as some samples do.", with(rest, parameters), with("/"+behind, parameters), with("/"+rest, parameters))
		}
	}
	t.try("no_leading_slash", "The client signed the path without its leading slash.", with(strings.TrimPrefix(path, "/"), parameters))
	t.try("trailing_slash", "The signed and the sent path differ by a slash at the end.", with(strings.TrimSuffix(path, "/"), parameters), with(path+"/", parameters))
	for _, scheme := range []string{"http", "https"} {
		t.try("whole_url_signed", "The client signed the whole URL: sign the path and the parameters.", with(scheme+"://"+t.m.host+path, parameters))
	}
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		t.try("path_decoded", "The client signed the path decoded: sign it as it is sent.", with(decoded, parameters))
	}
	t.try("path_encoded_twice", "The client signed the path encoded once more than it was sent.", with(strings.ReplaceAll(path, "%", "%25"), parameters))
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
	if form != "" {
		sorted, _ := appendParameters(nil, query, "", asSent)
		t.try("form_left_out", "The client did not sign the parameters of its form.", with(path, string(sorted)), with(path, orNothing(query)))
		separator := "&"
		if len(sorted) == 0 {
			separator = "?"
		}
		t.try("form_appended", "The client appended the form's parameters to the query's: sort them together.", with(path, string(sorted)+separator+form), with(path, "?"+form+"&"+query))
	}
	t.try("parameters_left_out", "The client did not sign the parameters.", with(path, ""))
	t.try("parameters_not_sorted", "The client signed the parameters in the order in which they were sent: sort them.", with(path, "?"+all))
	for _, last := range []bool{false, true} {
		if one := oneOfEach(all, last); one != "" {
			t.try("repeated_parameter", "The client signed one value of a repeated parameter: sign each.", with(path, one))
		}
	}
	encoded, _ := appendParameters(nil, strings.NewReplacer("+", "%20").Replace(query), strings.NewReplacer("+", "%20").Replace(form), asSent)
	plus, _ := appendParameters(nil, strings.NewReplacer("%20", "+").Replace(query), strings.NewReplacer("%20", "+").Replace(form), asSent)
	t.try("space_encoding", "The signed and the sent parameters write a space differently (+ and %20).", with(path, string(encoded)), with(path, string(plus)))
	upper, _ := appendParameters(nil, upperHex(query), upperHex(form), asSent)
	t.try("percent_case", "The signed and the sent parameters differ in the case of percent-encoding.", with(path, string(upper)), with(path, string(lowerHex(upper))))
	if decoded, err := appendParameters(nil, query, form, url.QueryUnescape); err == nil {
		t.try("parameters_decoded", "The client signed the parameters decoded: sign them as they are sent.", with(path, string(decoded)))
	}
}

func orNothing(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// oneOfEach keeps the first or last value of each parameter; empty if none is
// repeated.
func oneOfEach(all string, last bool) string {
	parameters, _ := splitParameters(nil, all, asSent)
	var kept []parameter
	for _, p := range parameters {
		i := slices.IndexFunc(kept, func(k parameter) bool { return k.key == p.key })
		if i < 0 {
			kept = append(kept, p)
		} else if last {
			kept[i] = p
		}
	}
	if len(kept) == len(parameters) {
		return ""
	}
	var pieces []string
	for _, p := range kept {
		pieces = append(pieces, p.key+"="+p.value)
	}
	one, _ := appendParameters(nil, strings.Join(pieces, "&"), "", asSent)
	return string(one)
}

func upperHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], bytes.ToUpper(b[i+1:i+3]))
		}
	}
	return string(b)
}

func lowerHex(b []byte) []byte {
	b = slices.Clone(b)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return b
}

func (t *attempt) tencentKeyPair() {
	lines := strings.Split(t.text, "\n")
	t.headerLines(lines)
	target, _ := appendParameters(append([]byte(nil), t.m.path...), t.m.query, "", asSent)
	t.try("application_string", "The client signed method and path, as tencent-app does: key pair authentication signs the headers alone.",
		t.text+"\n"+t.m.method+"\n\n\n\n"+string(target), t.text+"\n"+t.m.method+"\n*/*\n\n\n"+string(target))
}

// huawei tries mistakes in the canonical request, of which the string to sign
// has only the hash.
func (t *attempt) huawei() {
	server := t.result.Server
	head, _, _ := strings.Cut(t.text, "\n")
	prefix := t.text[:strings.LastIndexByte(t.text, '\n')+1]
	digest := func(canonicalRequest string) string {
		h, err := algo.NewHash(t.a.algorithm)
		if err != nil {
			return ""
		}
		h.Write([]byte(canonicalRequest))
		return hex.EncodeToString(h.Sum(nil))
	}
	try := func(code, text string, requests ...string) {
		for _, r := range requests {
			if t.try(code, text, prefix+digest(r)); t.result.Client == prefix+digest(r) {
				t.result.Client = r
			}
		}
	}
	lines := strings.Split(server, "\n")
	const uri, query, headers = 1, 2, 3
	last := len(lines) - 1
	try("no_trailing_slash", "The client's canonical path lacks the slash at its end.", line(lines, uri, strings.TrimSuffix(lines[uri], "/")))
	try("path_as_sent", "The client's canonical path is not encoded as the scheme asks: decode it, then encode each segment.", line(lines, uri, t.m.path), line(lines, uri, t.m.path+"/"))
	try("query_left_out", "The client did not sign the query.", line(lines, query, ""))
	try("query_not_canonical", "The client's canonical query is as sent: decode, sort and encode it.", line(lines, query, t.m.query))
	sorted, _ := appendParameters(nil, t.m.query, "", asSent)
	try("empty_value_without_equals", "The client's canonical query lacks the equals sign of an empty value.", line(lines, query, strings.TrimPrefix(string(sorted), "?")))
	try("plus_for_space", "The client's canonical query has + for a space: write %20.", line(lines, query, strings.ReplaceAll(lines[query], "%20", "+")))
	if one := oneOfEach(t.m.query, true); one != "" {
		try("repeated_parameter", "The client signed one value of a repeated parameter: sign each.", line(lines, query, one[1:]))
	}
	for i := headers; i < last && lines[i] != ""; i++ {
		name, value, _ := strings.Cut(lines[i], ":")
		try("space_behind_colon", `The client's header lines are "name: value": write "name:value".`, line(lines, i, name+": "+value))
		if name == "host" {
			bare, _, _ := strings.Cut(value, ":")
			try("host_port", "The signed and the sent Host differ by the port.", line(lines, i, "host:"+bare), line(lines, i, "host:"+value+":80"), line(lines, i, "host:"+value+":443"), line(lines, i, "host:"+value+":8080"))
		}
		if name == "content-type" {
			bare, _, _ := strings.Cut(value, ";")
			try("content_type_parameter", "The Content-Type got its parameter (charset, boundary) after signing, or lost it.", line(lines, i, name+":"+bare), line(lines, i, name+":"+bare+"; charset=utf-8"), line(lines, i, name+":"+bare+";charset=utf-8"))
		}
	}
	for i := headers; i < last; i++ {
		if lines[i] == "" {
			try("no_empty_line", "The client's canonical request lacks the empty line before the signed headers.", strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n"))
			break
		}
	}
	hashOf := func(body []byte) string { return digest(string(body)) }
	try("empty_body_signed", "The client signed the hash of an empty body, but sent one.", line(lines, last, hashOf(nil)))
	try("unsigned_payload", "The client signed UNSIGNED-PAYLOAD without sending the header that says so.", line(lines, last, unsignedPayload))
	try("empty_object_signed", "The client signed the body {} and sent another one.", line(lines, last, hashOf([]byte("{}"))))
	try("body_newline", "The signed body differs from the sent one by a newline at its end.", line(lines, last, hashOf(append(slices.Clone(t.body), '\n'))), line(lines, last, hashOf(bytes.TrimRight(t.body, "\r\n"))))
	for _, other := range reserialised(t.body) {
		try("body_serialised_again", "The sent JSON was serialised anew after signing: sign the bytes that are sent.", line(lines, last, hashOf(other)))
	}
	if t.a.algorithm == algo.HMACSM3 {
		sum := sha256.Sum256(t.body)
		try("sha256_of_body", "The client hashed the body with SHA-256: with SM3 every hash is SM3.", line(lines, last, hex.EncodeToString(sum[:])))
	}
	sum := sha256.Sum256([]byte(server))
	t.try("sha256_of_request", "The client hashed the canonical request with SHA-256: with SM3 every hash is SM3.", prefix+hex.EncodeToString(sum[:]))
	t.try("request_not_hashed", "The client's string to sign holds the canonical request itself: put its hash there.", prefix+server)
	if i := strings.IndexByte(prefix, '\n'); i > 0 {
		t.try("other_word", "The first line of the client's string to sign is not "+head+".", "SDK-HMAC-SHA256"+prefix[i:]+digest(server), "SDK-HMAC-SM3"+prefix[i:]+digest(server))
	}
}

// explainDigest looks for the mistake in a Content-MD5 that is not the body's.
func explainDigest(m *message) *Explanation {
	result := new(Explanation)
	value, present, err := m.single("Content-Md5")
	if m.body.read(); !present || err != nil || m.body.err != nil || m.body.kept.size > maxExplained {
		return result
	}
	body, err := io.ReadAll(m.body.kept.reader())
	if err != nil {
		return result
	}
	t := &attempt{body: body, result: result}
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
