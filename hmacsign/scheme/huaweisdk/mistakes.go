package huaweisdk

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A change gives yield each variant of what a client may have signed.
type change = func(s *scheme.Search, p *scheme.Parts, yield yield)

type yield = func(variant *scheme.Parts, args ...string) bool

// The vendor's clients whose faults come together.
const (
	ofJava uint = 1 << iota
	ofNode
	ofAny = ofJava | ofNode
)

// Mistakes implements [scheme.Explainer]. First are the faults of the vendor's own
// SDKs, which come together; last is what takes the most work.
func (s Scheme) Mistakes() []scheme.Mistake {
	var all []scheme.Mistake
	of := func(clients uint, code string, f change) {
		all = append(all, scheme.Mistake{Code: code, Clients: clients, Parts: f})
	}
	parts := func(code string, f change) { of(0, code, f) }
	if !s.DecodeSlash {
		of(ofAny, "slash_decoded", slashDecoded)
	}
	of(ofNode, "path_encoded_twice", pathEncodedTwice)
	of(ofJava, "name_not_encoded", nameNotEncoded)
	of(ofAny, "plus_not_encoded", plusNotEncoded)
	of(ofNode, "header_lines_order", headerLinesOrder)
	of(ofJava, "empty_body_signed", emptyBodySigned)

	parts("no_trailing_slash", noTrailingSlash)
	parts("path_as_sent", pathAsSent)
	parts("percent_lower_case", percentLowerCase)
	parts("empty_value_without_equals", emptyValueWithoutEquals)
	parts("plus_for_space", plusForSpace)
	parts("repeated_parameter", repeatedParameter)
	parts("repeats_joined", repeatsJoined)
	parts("parameters_not_sorted", parametersNotSorted)
	parts("parameters_sorted_wrongly", parametersSortedWrongly)
	parts("query_not_canonical", queryNotCanonical)
	parts("query_left_out", queryLeftOut)
	parts("date_for_x_sdk_date", dateForXSdkDate)
	parts("host_port", hostPort)
	parts("content_type_parameter", contentTypeParameter)
	parts("space_behind_colon", spaceBehindColon)
	parts("lower_case_method", lowerCaseMethod)
	parts("other_method", otherMethod)
	parts("unsigned_payload", unsignedPayloadSigned)
	parts("empty_object_signed", emptyObjectSigned)
	parts("sha256_of_body", sha256OfBody)
	parts("body_newline", bodyNewline)
	all = append(all,
		scheme.Mistake{Code: "no_empty_line", Text: noEmptyLine},
		scheme.Mistake{Code: "sha256_of_request", String: sha256OfRequest},
		scheme.Mistake{Code: "other_word", String: otherWord},
		scheme.Mistake{Code: "request_not_hashed", String: requestNotHashed})
	parts("body_serialised_again", bodySerialisedAgain)
	return all
}

// Recognise implements [scheme.Explainer].
func (Scheme) Recognise(s *scheme.Search, r *scheme.Refusal) []scheme.Found {
	switch r.DetailCode {
	case "not_hmac":
		return []scheme.Found{{Code: "not_hmac", Args: r.Args}}
	case "date_not_signed":
		if s.Claim.Has("date") || s.Claim.Has("x-date") {
			return []scheme.Found{{Code: "date_for_x_sdk_date"}}
		}
	}
	return nil
}

// The path.

func varyPath(p *scheme.Parts, yield yield, path, mark string) bool {
	if path == p.Path && mark == p.Mark {
		return true
	}
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Path, q.Mark = path, mark })
}

// closing is what stands between a path, which ends with a slash then, and the query.
func closing(path string) string {
	if strings.HasSuffix(path, "/") {
		return "\n"
	}
	return "/\n"
}

func slashDecoded(s *scheme.Search, p *scheme.Parts, yield yield) {
	if scheme.DecodesTo(s.Message.Path, "/") && s.Afford(3*len(s.Message.Path)) {
		path := canonicalPath(s.Message.Path, true)
		varyPath(p, yield, path, closing(path))
	}
}

// pathEncodedTwice: all of the canonical path, all of the path as it is sent, or what
// Node's url.parse encodes on its own.
func pathEncodedTwice(s *scheme.Search, p *scheme.Parts, yield yield) {
	const escapedByNode = "\t\n\r \"'<>\\^`{|}"
	if strings.IndexByte(p.Path, '%') < 0 || !s.Afford(5*len(p.Path)+3*len(s.Message.Path)) {
		return
	}
	sent := make([]byte, 0, 3*len(s.Message.Path))
	for i := 0; i < len(s.Message.Path); i++ {
		if c := s.Message.Path[i]; c == '/' {
			sent = append(sent, c)
		} else {
			sent = scheme.AppendEscaped(sent, s.Message.Path[i:i+1])
		}
	}
	_ = varyPath(p, yield, strings.ReplaceAll(p.Path, "%", "%25"), p.Mark) &&
		(strings.IndexByte(s.Message.Path, '%') < 0 || varyPath(p, yield, string(sent), p.Mark)) &&
		varyPath(p, yield, escapedAgain(p.Path, escapedByNode), p.Mark)
}

// escapedAgain escapes the escapes of these characters.
func escapedAgain(path, chars string) string {
	if !scheme.DecodesTo(path, chars) {
		return path
	}
	b := make([]byte, 0, 2*len(path))
	for i := 0; i < len(path); i++ {
		b = append(b, path[i])
		if path[i] == '%' && i+2 < len(path) && strings.IndexByte(chars, scheme.Unhex(path[i+1])<<4|scheme.Unhex(path[i+2])) >= 0 {
			b = append(b, "25"...)
		}
	}
	return string(b)
}

func noTrailingSlash(_ *scheme.Search, p *scheme.Parts, yield yield) {
	varyPath(p, yield, strings.TrimSuffix(p.Path, "/"), "\n")
}

func pathAsSent(s *scheme.Search, p *scheme.Parts, yield yield) {
	if sent := s.Message.Path; sent != p.Path {
		_ = varyPath(p, yield, sent, "\n") && varyPath(p, yield, sent, closing(sent))
	}
}

// percentLowerCase: in path and parameters, or in one of them.
func percentLowerCase(s *scheme.Search, p *scheme.Parts, yield yield) {
	encoded := strings.IndexByte(p.Path, '%') >= 0
	n := len(p.Path)
	for i := range p.Params {
		encoded = encoded || strings.IndexByte(p.Params[i].Key, '%') >= 0 || strings.IndexByte(p.Params[i].Value, '%') >= 0
		n += paramCost + len(p.Params[i].Key) + len(p.Params[i].Value)
	}
	if !encoded || !s.Afford(n) {
		return
	}
	path := lowerPercent(p.Path)
	params := slices.Clone(p.Params)
	for i := range params {
		params[i].Key, params[i].Value = lowerPercent(params[i].Key), lowerPercent(params[i].Value)
	}
	_ = scheme.Vary(p, yield, func(q *scheme.Parts) { q.Path, q.Params = path, params }) &&
		varyPath(p, yield, path, p.Mark) &&
		scheme.Vary(p, yield, func(q *scheme.Parts) { q.Params = params })
}

func lowerPercent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			b[i+1], b[i+2] = lower(b[i+1]), lower(b[i+2])
		}
	}
	return string(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'F' {
		c += 'a' - 'A'
	}
	return c
}

// The headers.

// varyLines yields the parts with changed copies of the header lines and of the list
// of names.
func varyLines(s *scheme.Search, p *scheme.Parts, yield yield, change func(lines []scheme.Line, names []string)) bool {
	if !s.Afford(32*len(p.Headers) + 16*len(p.Names)) {
		return false
	}
	lines, names := slices.Clone(p.Headers), slices.Clone(p.Names)
	change(lines, names)
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Headers, q.Names = lines, names })
}

// headerLinesOrder: by locale, and as they are listed.
func headerLinesOrder(s *scheme.Search, p *scheme.Parts, yield yield) {
	sort := func(lines []scheme.Line, order func(a, b string) int) {
		slices.SortStableFunc(lines, func(a, b scheme.Line) int { return order(a.Name, b.Name) })
	}
	underscored := func(name string) bool { return strings.IndexByte(name, '_') >= 0 }
	if slices.ContainsFunc(p.Names, underscored) {
		if !varyLines(s, p, yield, func(lines []scheme.Line, _ []string) { sort(lines, byLocale) }) ||
			!varyLines(s, p, yield, func(lines []scheme.Line, names []string) {
				sort(lines, byLocale)
				slices.SortStableFunc(names, byLocale)
			}) {
			return
		}
	}
	if slices.IsSorted(s.Claim.Headers) {
		return
	}
	listed := func(a, b string) int { return slices.Index(s.Claim.Headers, a) - slices.Index(s.Claim.Headers, b) }
	_ = varyLines(s, p, yield, func(lines []scheme.Line, _ []string) { sort(lines, listed) }) &&
		varyLines(s, p, yield, func(lines []scheme.Line, names []string) {
			sort(lines, listed)
			slices.SortStableFunc(names, listed)
		}) &&
		varyLines(s, p, yield, func(_ []scheme.Line, names []string) { slices.SortStableFunc(names, listed) })
}

// byLocale orders names as the Unicode collation does: an underscore before a hyphen,
// and both before digits and letters.
func byLocale(a, b string) int {
	rank := func(c byte) int {
		switch c {
		case '_':
			return 0
		case '-':
			return 1
		}
		return int(c)
	}
	for i := 0; i < min(len(a), len(b)); i++ {
		if n := rank(a[i]) - rank(b[i]); n != 0 {
			return n
		}
	}
	return len(a) - len(b)
}

// varyValue yields the parts with other values of the lines of a header.
func varyValue(s *scheme.Search, p *scheme.Parts, yield yield, name string, values func(value string) []string) {
	for i := range p.Headers {
		if p.Headers[i].Name != name {
			continue
		}
		for _, value := range values(p.Headers[i].Value) {
			if value != p.Headers[i].Value && !varyLines(s, p, yield, func(lines []scheme.Line, _ []string) { lines[i].Value = value }) {
				return
			}
		}
	}
}

func hostPort(s *scheme.Search, p *scheme.Parts, yield yield) {
	varyValue(s, p, yield, "host", func(host string) []string {
		bare, _, ported := strings.Cut(host, ":")
		if ported {
			return []string{bare}
		}
		return []string{host + ":80", host + ":443", host + ":8080"}
	})
}

func contentTypeParameter(s *scheme.Search, p *scheme.Parts, yield yield) {
	varyValue(s, p, yield, "content-type", func(value string) []string {
		bare, _, _ := strings.Cut(value, ";")
		bare = strings.TrimSpace(bare)
		return []string{bare, bare + "; charset=utf-8", bare + ";charset=utf-8", bare + "; charset=UTF-8", bare + ";charset=UTF-8"}
	})
}

// spaceBehindColon: in all lines, or in one.
func spaceBehindColon(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !scheme.Vary(p, yield, func(q *scheme.Parts) { q.Colon = ": " }) {
		return
	}
	for i := 0; i < len(p.Headers) && len(p.Headers) > 1; i++ {
		if !varyLines(s, p, yield, func(lines []scheme.Line, _ []string) { lines[i].Value = " " + lines[i].Value }) {
			return
		}
	}
}

// dateForXSdkDate: the line is named for another header, in the list too or not.
func dateForXSdkDate(s *scheme.Search, p *scheme.Parts, yield yield) {
	for _, name := range []string{"date", "x-date"} {
		if slices.Contains(p.Names, name) {
			continue
		}
		rename := func(lines []scheme.Line) {
			for i := range lines {
				if lines[i].Name == "x-sdk-date" {
					lines[i].Name = name
				}
			}
			slices.SortStableFunc(lines, func(a, b scheme.Line) int { return strings.Compare(a.Name, b.Name) })
		}
		if !varyLines(s, p, yield, func(lines []scheme.Line, _ []string) { rename(lines) }) ||
			!varyLines(s, p, yield, func(lines []scheme.Line, names []string) {
				rename(lines)
				for i := range names {
					if names[i] == "x-sdk-date" {
						names[i] = name
					}
				}
				slices.Sort(names)
			}) {
			return
		}
	}
}

// noEmptyLine leaves out the line between the headers and their names, which is the
// last empty one: that of an empty query comes before.
func noEmptyLine(s *scheme.Search, text string, yield func(string, ...string) bool) {
	if i := strings.LastIndex(text, "\n\n"); i >= 0 && s.Afford(len(text)) {
		yield(text[:i] + text[i+1:])
	}
}

// The rest of the request, and the string around its hash.

func lowerCaseMethod(_ *scheme.Search, p *scheme.Parts, yield yield) {
	scheme.Vary(p, yield, func(q *scheme.Parts) { q.Method = strings.ToLower(p.Method) })
}

func otherMethod(_ *scheme.Search, p *scheme.Parts, yield yield) {
	for _, method := range []string{"GET", "POST", "PUT"} {
		if method != p.Method && !scheme.Vary(p, yield, func(q *scheme.Parts) { q.Method = method }, "signed", method, "sent", p.Method) {
			return
		}
	}
}

func sha256OfRequest(s *scheme.Search, canonical, text string, yield func(string, ...string) bool) {
	if s.Claim.Algorithm != algo.HMACSM3 || !s.Afford(len(text)+len(canonical)) {
		return
	}
	if sum, err := s.Message.Hashes.Sum(nil, algo.HMACSHA256, []byte(canonical)); err == nil {
		yield(text[:strings.LastIndexByte(text, '\n')+1] + hex.EncodeToString(sum))
	}
}

func otherWord(s *scheme.Search, _, text string, yield func(string, ...string) bool) {
	said, rest, _ := strings.Cut(text, "\n")
	for _, word := range []string{"SDK-HMAC-SHA256", "SDK-HMAC-SM3", "V11-HMAC-SHA256", "V11-HMAC-SM3"} {
		if word != said && (!s.Afford(len(text)) || !yield(word+"\n"+rest)) {
			return
		}
	}
}

func requestNotHashed(s *scheme.Search, canonical, text string, yield func(string, ...string) bool) {
	if s.Afford(len(text) + len(canonical)) {
		yield(text[:strings.LastIndexByte(text, '\n')+1] + canonical)
	}
}
