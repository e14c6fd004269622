package huaweisdk

import (
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

const paramCost = 40 // of a parameter, beside its text

// varyParams yields the parts with other parameters, in an order; none is as they are.
func varyParams(p *scheme.Parts, yield yield, params []scheme.Param, order func(a, b scheme.Param) int) bool {
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Params, q.Order = params, order })
}

// affordParams reports whether there are parameters to change, and a copy of them can
// be afforded.
func affordParams(s *scheme.Search, p *scheme.Parts) bool {
	if len(p.Params) == 0 {
		return false
	}
	n := 0
	for i := range p.Params {
		n += paramCost + len(p.Params[i].Key) + len(p.Params[i].Value)
	}
	return s.Afford(n)
}

// nameNotEncoded: the client sent names as they are, so that a plus in one arrives as
// a space. Java's SDK signs both, the name encoded and not.
func nameNotEncoded(s *scheme.Search, p *scheme.Parts, yield yield) {
	if strings.IndexByte(s.Message.Query, '+') < 0 && !slices.ContainsFunc(p.Params, func(param scheme.Param) bool {
		return strings.IndexByte(param.Key, '%') >= 0
	}) {
		return
	}
	if !s.Afford(8*len(s.Message.Query) + 3*paramCost*len(p.Params)) {
		return
	}
	encoded := make([]scheme.Param, 0, len(p.Params))
	both := make([]scheme.Param, 0, 2*len(p.Params))
	for piece := range strings.SplitSeq(s.Message.Query, "&") {
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		name := scheme.Decode(key, false)
		param := scheme.Param{Key: string(scheme.AppendEscaped(nil, name)), Value: canonical(value), Equals: true}
		encoded = append(encoded, param)
		if both = append(both, param); param.Key != name {
			param.Key = name
			both = append(both, param)
		}
	}
	plain := slices.Clone(encoded)
	for i := range plain {
		plain[i].Key = scheme.Decode(plain[i].Key, false)
	}
	_ = varyParams(p, yield, both, byPlainName) &&
		varyParams(p, yield, plain, byPlainName) &&
		varyParams(p, yield, encoded, p.Order)
}

// byPlainName sorts by the name as it is signed, and then by the decoded value.
func byPlainName(a, b scheme.Param) int {
	if n := strings.Compare(a.Key, b.Key); n != 0 {
		return n
	}
	return compareDecoded(a.Value, b.Value)
}

// emptyValueWithoutEquals: with the rest as it must be, or as it is sent.
func emptyValueWithoutEquals(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !slices.ContainsFunc(p.Params, emptyWithEquals) || !affordParams(s, p) {
		return
	}
	params := slices.Clone(p.Params)
	for i := range params {
		params[i].Equals = !emptyWithEquals(params[i])
	}
	if !varyParams(p, yield, params, p.Order) {
		return
	}
	if sent := asSent(s); slices.ContainsFunc(sent, func(param scheme.Param) bool { return !param.Equals }) {
		varyParams(p, yield, sent, scheme.ByKey)
	}
}

func emptyWithEquals(param scheme.Param) bool { return param.Value == "" && param.Equals }

// asSent is the parameters of the query, not decoded; none if that cannot be afforded.
func asSent(s *scheme.Search) (params []scheme.Param) {
	query := s.Message.Query
	if !s.Afford(2 * paramCost * (strings.Count(query, "&") + 1)) {
		return nil
	}
	for piece := range strings.SplitSeq(query, "&") {
		if piece != "" {
			key, value, equals := strings.Cut(piece, "=")
			params = append(params, scheme.Param{Key: key, Value: value, Equals: equals})
		}
	}
	return params
}

func plusForSpace(s *scheme.Search, p *scheme.Parts, yield yield) {
	spaced := func(param scheme.Param) bool {
		return strings.Contains(param.Key, "%20") || strings.Contains(param.Value, "%20")
	}
	if !slices.ContainsFunc(p.Params, spaced) || !affordParams(s, p) {
		return
	}
	params := sorted(p)
	for i := range params {
		params[i].Key, params[i].Value = strings.ReplaceAll(params[i].Key, "%20", "+"), strings.ReplaceAll(params[i].Value, "%20", "+")
	}
	varyParams(p, yield, params, nil)
}

// sorted is a copy of the parameters in their order.
func sorted(p *scheme.Parts) []scheme.Param {
	params := slices.Clone(p.Params)
	if p.Order != nil {
		slices.SortStableFunc(params, p.Order)
	}
	return params
}

// plusNotEncoded: the client sent a plus as it is, and signed it as one.
func plusNotEncoded(s *scheme.Search, p *scheme.Parts, yield yield) {
	if strings.IndexByte(s.Message.Query, '+') < 0 || !s.Afford(8*len(s.Message.Query)+2*paramCost*len(p.Params)) {
		return
	}
	varyParams(p, yield, appendParams(nil, strings.ReplaceAll(s.Message.Query, "+", "%2B")), p.Order)
}

// repeatedParameter keeps the last or the first value of each, in the order in which
// they were sent.
func repeatedParameter(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !repeats(s, p) {
		return
	}
	for _, last := range []bool{true, false} {
		if !affordParams(s, p) || !varyParams(p, yield, onePerKey(p.Params, func(kept *scheme.Param, next scheme.Param) {
			if last {
				kept.Value = next.Value
			}
		}), p.Order) {
			return
		}
	}
}

// repeatsJoined joins the values by a comma, encoded or not, as they are sent or
// sorted.
func repeatsJoined(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !repeats(s, p) {
		return
	}
	for _, params := range [][]scheme.Param{p.Params, sorted(p)} {
		for _, comma := range []string{"%2C", ",", "%2C%20"} {
			n := 0 // each joins once more
			for i := range params {
				n += len(params[i].Value) + len(comma)
			}
			if !affordParams(s, p) || !s.Afford(n*min(len(params), maxJoined)) {
				return
			}
			joined := 0
			if !varyParams(p, yield, onePerKey(params, func(kept *scheme.Param, next scheme.Param) {
				if joined++; joined < maxJoined {
					kept.Value += comma + next.Value
				}
			}), p.Order) {
				return
			}
		}
	}
}

const maxJoined = 32 // values, each of which copies what was joined before

// repeats reports whether a parameter is repeated.
func repeats(s *scheme.Search, p *scheme.Parts) bool {
	if len(p.Params) < 2 || !affordParams(s, p) {
		return false
	}
	seen := make(map[string]bool, len(p.Params))
	for i := range p.Params {
		if seen[p.Params[i].Key] {
			return true
		}
		seen[p.Params[i].Key] = true
	}
	return false
}

// onePerKey is the parameters with one of each key: f adds a further value to it.
func onePerKey(params []scheme.Param, f func(kept *scheme.Param, next scheme.Param)) []scheme.Param {
	at := make(map[string]int, len(params))
	kept := make([]scheme.Param, 0, len(params))
	for _, param := range params {
		if i, again := at[param.Key]; again {
			f(&kept[i], param)
			continue
		}
		at[param.Key] = len(kept)
		kept = append(kept, param)
	}
	return kept
}

func parametersNotSorted(_ *scheme.Search, p *scheme.Parts, yield yield) {
	if len(p.Params) > 1 {
		varyParams(p, yield, p.Params, nil)
	}
}

// parametersSortedWrongly: by the name alone, or as whole texts.
func parametersSortedWrongly(s *scheme.Search, p *scheme.Parts, yield yield) {
	if len(p.Params) < 2 {
		return
	}
	for _, order := range []func(a, b scheme.Param) int{byName, byText} {
		if !affordParams(s, p) {
			return
		}
		params := slices.Clone(p.Params)
		slices.SortStableFunc(params, order)
		if !varyParams(p, yield, params, nil) {
			return
		}
	}
}

func byName(a, b scheme.Param) int { return strings.Compare(a.Key, b.Key) }

// byText sorts "name=value": what follows a name that another begins with comes before
// or behind the equals sign.
func byText(a, b scheme.Param) int {
	n := min(len(a.Key), len(b.Key))
	if c := strings.Compare(a.Key[:n], b.Key[:n]); c != 0 {
		return c
	}
	switch {
	case len(a.Key) > n:
		return int(a.Key[n]) - '='
	case len(b.Key) > n:
		return '=' - int(b.Key[n])
	}
	return strings.Compare(a.Value, b.Value)
}

// queryNotCanonical: the query is as it is sent, sorted or not.
func queryNotCanonical(s *scheme.Search, p *scheme.Parts, yield yield) {
	if s.Message.Query == "" {
		return
	}
	// One parameter without an equals sign is written as it is.
	if !varyParams(p, yield, []scheme.Param{{Key: s.Message.Query}}, nil) {
		return
	}
	if sent := asSent(s); sent != nil {
		varyParams(p, yield, sent, scheme.ByKey)
	}
}

func queryLeftOut(_ *scheme.Search, p *scheme.Parts, yield yield) {
	if len(p.Params) > 0 {
		varyParams(p, yield, nil, nil)
	}
}
