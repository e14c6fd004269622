package tencentapp

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// encodingMistakes are of what is percent-encoded, and how.
func (s Scheme) encodingMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "decoded_ambiguous", Clients: ofAny &^ ofPython, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			decodings(search, p, yield, true)
		}},
		{Code: "query_form_decoded", Clients: ofAny, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if s.accepted()&Decoded == 0 {
				decodings(search, p, yield, false)
			}
		}},
		{Code: "query_form_raw", Clients: ofAny, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if s.accepted()&Raw == 0 && search.Form == formDocumented {
				signedRaw(search, p, yield)
			}
		}},
		{Code: "parameters_decoded", Clients: ofJava | ofJavaScript | ofPHP, Parts: parametersDecoded},
		{Code: "percent_case", Clients: ofPython, Parts: percentCase},
		{Code: "space_encoding", Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for _, space := range [][2]string{{"+", "%20"}, {"%20", "+"}} {
				if encoded(search) && has(p, space[0]) && !search.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param {
					for i := range params {
						params[i].Key = strings.ReplaceAll(params[i].Key, space[0], space[1])
						params[i].Value = strings.ReplaceAll(params[i].Value, space[0], space[1])
					}
					return params
				}) {
					return
				}
			}
		}},
	}
}

// encoded reports whether the form has its text as it is sent.
func encoded(s *scheme.Search) bool { return s.Form != formDecoded && s.Form != formDecodedParameters }

// has reports whether a parameter has this text.
func has(p *scheme.Parts, text string) bool {
	return slices.ContainsFunc(p.Params, func(param scheme.Param) bool {
		return strings.Contains(param.Key, text) || strings.Contains(param.Value, text)
	})
}

// decodings are the texts of query form decoded: those that do not tell it from
// another request, or the others.
func decodings(s *scheme.Search, p *scheme.Parts, yield yielding, ambiguously bool) {
	inPath := strings.IndexByte(p.Path, '%') >= 0
	inParams := has(p, "%") || has(p, "+")
	if s.Form != formDocumented || !inPath && !inParams || !s.Afford(len(p.Path)+len(s.Message.Query)+len(s.Body)) {
		return
	}
	form := ""
	if s.Message.IsForm() {
		form = string(s.Body)
	}
	// PHP's sample decodes the query and takes the form as it was given.
	for _, decoded := range []struct{ path, query, form bool }{{true, true, true}, {false, true, true}, {true, false, false}, {false, true, false}} {
		params := decoded.query || decoded.form
		switch {
		case decoded.path && !inPath, params && !inParams && !decoded.path, !params && !inParams:
			continue // as another of them
		case decoded.query && !decoded.form && (s.Message.Query == "" || !strings.ContainsAny(form, "%+")):
			continue
		}
		query, body := s.Message.Query, form
		if !decoded.query {
			query = ""
		}
		if !decoded.form {
			body = ""
		}
		if ambiguous(p.Path, query, body, decoded.path) != ambiguously {
			continue
		}
		if !s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
			if decoded.path {
				q.Path = scheme.Decode(q.Path, false)
			}
			return yield(q)
		}, func(params []scheme.Param) []scheme.Param {
			for i := range params {
				if param := &params[i]; param.Form && decoded.form || !param.Form && decoded.query {
					decodeParam(param)
				}
			}
			return params
		}) {
			return
		}
	}
}

// signedRaw puts the parameters in query form raw.
func signedRaw(s *scheme.Search, p *scheme.Parts, yield yielding) {
	if !s.Afford(40*2*len(p.Params) + len(s.Body)) {
		return
	}
	scheme.Vary(p, yield, func(q *scheme.Parts) {
		q.Params = nil
		isForm := s.Message.IsForm()
		form := ""
		if isForm {
			form = string(s.Body)
		}
		appendRaw(q, s.Message.Query, form, isForm)
	})
}

// asSent reports whether the parameters were not decoded by another mistake.
func asSent(s *scheme.Search, p *scheme.Parts) bool {
	for _, mark := range []string{"%", "+"} {
		sent, n := strings.Count(s.Message.Query, mark), 0
		for i := range p.Params {
			n += strings.Count(p.Params[i].Key, mark) + strings.Count(p.Params[i].Value, mark)
		}
		if s.Message.IsForm() {
			sent += bytes.Count(s.Body, []byte(mark))
		}
		if n != sent {
			return false
		}
	}
	return true
}

// parametersDecoded decodes in ways that query form decoded is not: sorted before,
// with a plus sign left as it is, or of query and form only one.
func parametersDecoded(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form != formDocumented || !has(p, "%") && !has(p, "+") || !asSent(s, p) {
		return
	}
	decode := func(plus bool, which func(*scheme.Param) bool) func([]scheme.Param) []scheme.Param {
		return func(params []scheme.Param) []scheme.Param {
			for i := range params {
				if param := &params[i]; which == nil || which(param) {
					param.Key, param.Value = scheme.Decode(param.Key, plus), scheme.Decode(param.Value, plus)
				}
			}
			return params
		}
	}
	if len(p.Params) > 1 && !s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
		q.Order = nil
		return yield(q)
	}, func(params []scheme.Param) []scheme.Param {
		slices.SortStableFunc(params, p.Order)
		return decode(true, nil)(params)
	}) {
		return
	}
	if has(p, "+") && !s.VaryParams(p, yield, decode(false, nil)) {
		return
	}
	if s.Message.IsForm() && s.Message.Query != "" {
		_ = s.VaryParams(p, yield, decode(true, func(param *scheme.Param) bool { return !param.Form })) &&
			s.VaryParams(p, yield, decode(true, func(param *scheme.Param) bool { return param.Form }))
	}
}

// percentCase changes the letters of percent-encodings: of what a library sends in
// another case than it was given, which is most often the whole target.
func percentCase(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	inPath := strings.IndexByte(p.Path, '%') >= 0
	inQuery := slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return !param.Form && hasPercent(&param) })
	inForm := slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return param.Form && hasPercent(&param) })
	if !encoded(s) || !inPath && !inQuery && !inForm || !asSent(s, p) {
		return
	}
	for _, letters := range []func(string) string{strings.ToLower, strings.ToUpper} {
		for _, of := range []struct{ path, query, form bool }{{true, true, false}, {true, true, true}, {false, true, false}, {true, false, false}, {false, true, true}, {false, false, true}} {
			if of.path && !inPath || of.query && !inQuery && (inForm || !of.path) || of.form && !inForm {
				continue // as one of the others
			}
			if !s.Afford(len(p.Path)) || !s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
				if of.path {
					q.Path = recase(q.Path, letters)
				}
				return yield(q)
			}, func(params []scheme.Param) []scheme.Param {
				for i := range params {
					if param := &params[i]; param.Form && of.form || !param.Form && of.query {
						param.Key, param.Value = recase(param.Key, letters), recase(param.Value, letters)
					}
				}
				return params
			}) {
				return
			}
		}
	}
}

func hasPercent(param *scheme.Param) bool {
	return strings.IndexByte(param.Key, '%') >= 0 || strings.IndexByte(param.Value, '%') >= 0
}

func recase(text string, letters func(string) string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], letters(text[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}

// paramMistakes are of the parameters' names and values, and of which of them are
// signed.
func (s Scheme) paramMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "empty_value_with_equals", Clients: ofJavaScript, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if search.Form != formRaw {
				changeSome(search, p, yield, func(param scheme.Param) bool { return !param.Equals }, func(param *scheme.Param) { param.Equals = true })
			}
		}},
		{Code: "form_separator_unencoded", Clients: ofPHP | ofGo, Parts: separatorUnencoded},
		{Code: "value_cut_at_equals", Clients: ofJava, Parts: valueCutAtEquals},
		{Code: "php_key_renamed", Clients: ofPHP, Parts: phpKeyRenamed},
		{Code: "php_array", Clients: ofPHP, Parts: phpArray},
		{Code: "repeated_parameter", Clients: ofAny &^ ofPython, Parts: repeatedParameter},
		{Code: "repeats_joined", Clients: ofJavaScript, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if search.Form != formRaw && repeated(search, p.Params, false) {
				search.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param {
					q := scheme.Parts{Params: params}
					joinRepeated(&q)
					return q.Params
				})
			}
		}},
		{Code: "php_empty_zero", Clients: ofPHP, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			zero := func(param scheme.Param) bool { return param.Equals && param.Value == "0" }
			changeSome(search, p, yield, zero, func(param *scheme.Param) { param.Value, param.Equals = "", false })
		}},
		{Code: "undefined_value", Clients: ofJavaScript, Parts: undefinedValue},
		{Code: "form_left_out", Clients: ofJavaScript, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			leaveOut(search, p, yield, ofForm)
		}},
		{Code: "only_form_signed", Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if slices.ContainsFunc(p.Params, ofForm) {
				leaveOut(search, p, yield, func(param scheme.Param) bool { return !param.Form })
			}
		}},
		{Code: "parameters_left_out", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if len(p.Params) > 0 {
				scheme.Vary(p, yield, func(q *scheme.Parts) { q.Params, q.Mark = nil, "" })
			}
		}},
		{Code: "second_question_mark", Clients: ofGo, Parts: secondQuestionMark},
		{Code: "form_appended", Parts: formAppended},
		{Code: "parameters_not_sorted", Clients: ofJavaScript, Parts: notSorted},
		{Code: "parameters_sorted_otherwise", Parts: sortedOtherwise},
	}
}

// changeSome changes the parameters for which a function holds; of query and form also
// one alone, where both have such.
func changeSome(s *scheme.Search, p *scheme.Parts, yield yielding, is func(scheme.Param) bool, change func(*scheme.Param)) {
	inQuery := slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return !param.Form && is(param) })
	inForm := slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return param.Form && is(param) })
	some := func(query, form bool) bool {
		return s.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param {
			for i := range params {
				if param := &params[i]; is(*param) && (param.Form && form || !param.Form && query) {
					change(param)
				}
			}
			return params
		})
	}
	switch {
	case inQuery && inForm:
		_ = some(true, true) && some(true, false) && some(false, true)
	case inQuery || inForm:
		some(true, true)
	}
}

// leaveOut leaves parameters out.
func leaveOut(s *scheme.Search, p *scheme.Parts, yield yielding, is func(scheme.Param) bool) {
	if slices.ContainsFunc(p.Params, is) {
		s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
			setMark(q)
			return yield(q)
		}, func(params []scheme.Param) []scheme.Param { return slices.DeleteFunc(params, is) })
	}
}

// separatorUnencoded takes a form's piece for the rest of the value before it, which
// had an ampersand: most often one without an equals sign.
func separatorUnencoded(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form == formRaw {
		return
	}
	var pieces []int
	for i := 1; i < len(p.Params); i++ {
		if p.Params[i].Form && p.Params[i-1].Form {
			pieces = append(pieces, i)
		}
		if len(pieces) > 32 {
			return // no honest form comes near
		}
	}
	bare := func(i int) bool { return !p.Params[i].Equals }
	bares := slices.DeleteFunc(slices.Clone(pieces), func(i int) bool { return !bare(i) })
	if len(bares) > 1 && !joinPieces(s, p, yield, bares) {
		return
	}
	slices.SortStableFunc(pieces, func(a, b int) int { return boolInt(bare(b)) - boolInt(bare(a)) })
	for _, i := range pieces {
		if !joinPieces(s, p, yield, []int{i}) {
			return
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// joinPieces joins each of the pieces, which are in order, to the one before it.
func joinPieces(s *scheme.Search, p *scheme.Parts, yield yielding, at []int) bool {
	return s.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param {
		kept := params[:0:0]
		for i, param := range params {
			if !slices.Contains(at, i) {
				kept = append(kept, param)
				continue
			}
			text := param.Key
			if param.Equals {
				text += "=" + param.Value
			}
			last := &kept[len(kept)-1]
			last.Value, last.Equals = last.Value+"&"+text, true
		}
		return kept
	})
}

// valueCutAtEquals keeps of a value what is before its first equals sign, as splitting
// at each of them does.
func valueCutAtEquals(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form == formRaw {
		return
	}
	changeSome(s, p, yield, func(param scheme.Param) bool { return strings.IndexByte(param.Value, '=') >= 0 }, func(param *scheme.Param) {
		param.Value, _, _ = strings.Cut(param.Value, "=")
		param.Equals = param.Value != ""
	})
}

// phpKeyRenamed does what PHP's parse_str does to names: a dot and a space become an
// underscore, and spaces in front are dropped.
func phpKeyRenamed(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form == formRaw {
		return
	}
	changeSome(s, p, yield, func(param scheme.Param) bool { return phpName(param.Key) != param.Key }, func(param *scheme.Param) { param.Key = phpName(param.Key) })
}

var phpRenames = strings.NewReplacer(".", "_", " ", "_")

func phpName(key string) string {
	if !strings.ContainsAny(key, " .[") {
		return key
	}
	name := strings.TrimLeft(key, " ")
	end := strings.IndexByte(name, '[')
	if end < 0 {
		end = len(name)
	}
	renamed := phpRenames.Replace(name[:end])
	if rest := name[end:]; rest == "" || end > 0 && strings.IndexByte(rest, ']') > 0 {
		return renamed + rest
	}
	return renamed + "_" + name[end+1:] // a bracket that is not closed
}

// phpArray writes a parameter a[] or a[b] as PHP writes an array: once, as a=Array.
func phpArray(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form == formRaw {
		return
	}
	array := func(param scheme.Param) bool {
		i := strings.IndexByte(param.Key, '[')
		return i > 0 && strings.IndexByte(param.Key[i:], ']') > 0
	}
	if !slices.ContainsFunc(p.Params, array) {
		return
	}
	// What a client gives PHP as a form is not parsed, so its names stay.
	which := []bool{false}
	if slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return param.Form && array(param) }) {
		which = append(which, true)
	}
	for _, form := range which {
		if !s.Afford(perName*len(p.Params)) || !s.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param {
			written := make(map[string]bool, len(params))
			kept := params[:0]
			for _, param := range params {
				if array(param) && (form || !param.Form) {
					param.Key, _, _ = strings.Cut(param.Key, "[")
					param.Value, param.Equals = "Array", true
					if written[param.Key] {
						continue
					}
					written[param.Key] = true
				}
				kept = append(kept, param)
			}
			return kept
		}) {
			return
		}
	}
}

// repeated reports whether a name comes twice; apart, whether in the query or in the
// form alone.
func repeated(s *scheme.Search, params []scheme.Param, apart bool) bool {
	if len(params) < 2 || !s.Afford(perName*len(params)) {
		return false
	}
	seen := make(map[paramKey]bool, len(params))
	for _, param := range params {
		key := paramKey{param.Key, apart && param.Form}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

type paramKey struct {
	key  string
	form bool
}

// perName is what a map takes for each of its keys, which are names.
const perName = 80

// repeatedParameter keeps the last or the first of the values of each name: in query
// and form together, or in each of them.
func repeatedParameter(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if s.Form == formRaw || !repeated(s, p.Params, false) {
		return
	}
	keptOf := func(q *scheme.Parts, args ...string) bool {
		if s.Message.IsForm() && !slices.ContainsFunc(q.Params, ofForm) && slices.ContainsFunc(p.Params, ofForm) {
			return true // that is the form left out
		}
		return yield(q, args...)
	}
	keep := func(which string, apart bool) bool {
		return s.Afford(perName*len(p.Params)) && s.VaryParams(p, keptOf, func(params []scheme.Param) []scheme.Param {
			return oneOfEach(params, which == "last", apart)
		}, "which", which)
	}
	if keep("last", false) && keep("first", false) && s.Message.IsForm() && s.Message.Query != "" && repeated(s, p.Params, true) {
		_ = keep("last", true) && keep("first", true)
	}
}

func ofForm(param scheme.Param) bool { return param.Form }

func oneOfEach(params []scheme.Param, last, apart bool) []scheme.Param {
	at := make(map[paramKey]int, len(params))
	kept := params[:0]
	for _, param := range params {
		key := paramKey{param.Key, apart && param.Form}
		i, again := at[key]
		switch {
		case !again:
			at[key] = len(kept)
			kept = append(kept, param)
		case last:
			kept[i] = param
		}
	}
	return kept
}

// undefinedValue looks names of the query up in the form, as a JavaScript sample does
// that knows names of both: what is not there is undefined.
func undefinedValue(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if !s.Message.IsForm() || s.Form == formRaw || len(p.Params) == 0 || !s.Afford(2*perName*len(p.Params)) {
		return
	}
	inForm := make(map[string]bool, len(p.Params))
	for _, param := range p.Params {
		inForm[param.Key] = inForm[param.Key] || param.Form
	}
	if !slices.ContainsFunc(p.Params, func(param scheme.Param) bool { return !inForm[param.Key] }) {
		return
	}
	for _, equals := range []bool{true, false} { // of an empty value in the form
		if !s.VaryParams(p, yield, func(params []scheme.Param) []scheme.Param { return undefinedParams(params, equals) }) {
			return
		}
	}
}

func undefinedParams(params []scheme.Param, equals bool) []scheme.Param {
	seen := make(map[string]bool, len(params))
	for _, param := range params {
		if param.Form {
			seen[param.Key] = true
		}
	}
	kept := params[:0]
	for _, param := range params {
		if !param.Form {
			if seen[param.Key] {
				continue
			}
			seen[param.Key] = true
			param.Value = "undefined"
		}
		param.Equals = equals || param.Value != ""
		kept = append(kept, param)
	}
	return kept
}

// parted sorts the parameters of the query and those of the form, each for themselves.
func parted(p *scheme.Parts) (query, form []scheme.Param) {
	isForm := func(param scheme.Param) bool { return param.Form }
	query = slices.DeleteFunc(slices.Clone(p.Params), isForm)
	form = slices.DeleteFunc(slices.Clone(p.Params), func(param scheme.Param) bool { return !isForm(param) })
	if p.Order != nil {
		slices.SortFunc(query, p.Order)
		slices.SortFunc(form, p.Order)
	}
	return query, form
}

// secondQuestionMark joins the parameters of the form to the query by a question mark:
// the query as it is sent, or sorted for itself.
func secondQuestionMark(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if !s.Message.IsForm() || s.Message.Query == "" || len(p.Params) == 0 || !s.Afford(80*len(p.Params)+5*(len(s.Message.Query)+len(s.Body))) {
		return
	}
	join := func(query, form string) bool {
		return scheme.Vary(p, yield, func(q *scheme.Parts) {
			q.Params, q.Order, q.Mark = []scheme.Param{{Key: query + "?" + form}}, nil, "?"
		})
	}
	written := func(params []scheme.Param) string { return string((&scheme.Parts{Params: params}).AppendParams(nil)) }
	query, form := parted(p)
	// Where a mistake decoded the parameters, what is sent is not what was joined.
	sent := !encoded(s) || asSent(s, p)
	_ = (!sent || join(s.Message.Query, written(form)) && join(s.Message.Query, string(s.Body))) && join(written(query), written(form))
}

// formAppended puts the form's parameters behind the query's, or before.
func formAppended(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if !s.Message.IsForm() || p.Order == nil || !s.Afford(240*len(p.Params)) {
		return
	}
	query, form := parted(p)
	if len(query) == 0 || len(form) == 0 {
		return
	}
	sent := slices.DeleteFunc(slices.Clone(p.Params), func(param scheme.Param) bool { return !param.Form })
	for _, params := range [][]scheme.Param{slices.Concat(query, sent), slices.Concat(query, form), slices.Concat(form, query)} {
		if !scheme.Vary(p, yield, func(q *scheme.Parts) { q.Params, q.Order = params, nil }) {
			return
		}
	}
}

// notSorted leaves the parameters in the order in which they are sent.
func notSorted(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if len(p.Params) < 2 || p.Order == nil {
		return
	}
	order := func(form bool) bool {
		return s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
			q.Order = nil
			return yield(q)
		}, func(params []scheme.Param) []scheme.Param {
			slices.SortStableFunc(params, func(a, b scheme.Param) int {
				if a.Form == b.Form {
					return 0
				}
				return boolInt(a.Form == form)*2 - 1
			})
			return params
		})
	}
	if order(true) && s.Message.IsForm() && s.Message.Query != "" {
		order(false)
	}
}

// sortedOtherwise sorts as some clients do: without regard to case, with the equals
// sign, names that are numbers as such (PHP), or by units of UTF-16.
func sortedOtherwise(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	if len(p.Params) < 2 || p.Order == nil {
		return
	}
	cost := 0
	for i := range p.Params {
		cost += 2*len(p.Params[i].Key) + 2*len(p.Params[i].Value) + 100
	}
	type keyed struct {
		key   string
		param scheme.Param
	}
	for _, key := range []func(scheme.Param) string{
		func(param scheme.Param) string { return strings.ToLower(param.Key + "=" + param.Value) },
		func(param scheme.Param) string { return param.Key + "=" + param.Value },
		asNumber, inUTF16,
	} {
		if !s.Afford(cost) || !s.VaryParams(p, func(q *scheme.Parts, _ ...string) bool {
			q.Order = nil
			return yield(q)
		}, func(params []scheme.Param) []scheme.Param {
			all := make([]keyed, len(params))
			for i, param := range params {
				all[i] = keyed{key(param), param}
			}
			slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
			for i := range all {
				params[i] = all[i].param
			}
			return params
		}) {
			return
		}
	}
}

// asNumber is a name of digits alone as it sorts among its like.
func asNumber(param scheme.Param) string {
	const digits = 20
	if len(param.Key) < digits && strings.Trim(param.Key, "0123456789") == "" {
		return strings.Repeat("0", digits-len(param.Key)) + param.Key
	}
	return param.Key
}

// inUTF16 is a name as JavaScript and Java compare it.
func inUTF16(param scheme.Param) string {
	if !strings.ContainsFunc(param.Key, func(r rune) bool { return r > 0xffff }) {
		return param.Key
	}
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(param.Key)) {
		b.WriteByte(byte(unit >> 8))
		b.WriteByte(byte(unit))
	}
	return b.String()
}
