package tencentapp

import (
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// stripEnvironment drops a first segment that is wholly the name of one of the
// gateway's environments. The vendor's samples cut the prefix off /releases/v1
// too, and fail on /release alone.
func stripEnvironment(path string) string {
	rest := strings.TrimPrefix(path, "/")
	segment, _, _ := strings.Cut(rest, "/")
	switch segment {
	case "release", "test", "prepub":
		if rest = rest[len(segment):]; rest == "" {
			return "/"
		}
		return rest
	}
	return path
}

// appendParams appends the parameters of a query or form, an empty value without its
// equals sign. An empty piece is none.
func appendParams(dst []scheme.Param, text string, form bool) []scheme.Param {
	for text != "" {
		var piece string
		piece, text, _ = strings.Cut(text, "&")
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		dst = append(dst, scheme.Param{Key: key, Value: value, Equals: value != "", Form: form})
	}
	return dst
}

// appendRaw does what the Python sample does, its oddities included: for a form the
// body comes first, the question mark always, and an empty piece counts.
func appendRaw(p *scheme.Parts, query, body string, isForm bool) {
	if query == "" && !isForm {
		return
	}
	pieces := func(text string, form bool) {
		for more := true; more; {
			var piece string
			piece, text, more = strings.Cut(text, "&")
			p.Params = append(p.Params, scheme.Param{Key: piece, Form: form})
		}
	}
	if isForm {
		pieces(body, true)
	}
	if query != "" {
		pieces(query, false)
	}
	p.Mark, p.Order = "?", scheme.ByKey
}

// Characters that decoding must not bring out: those that separate parts, and those
// that could be decoded again, so that another request would have the same text.
const (
	specialInParams = "&=#?%+;"
	// Of a path also a backslash, and the dots of /%2e%2e/, which servers take for
	// something else than their encoding.
	specialInPath = "&=#?%+;/\\."
)

func ambiguous(path, query, body string, pathDecoded bool) bool {
	return scheme.DecodesTo(query, specialInParams) || scheme.DecodesTo(body, specialInParams) || pathDecoded && scheme.DecodesTo(path, specialInPath)
}

// decodeParams decodes the parameters and reports whether that changed any.
func decodeParams(p *scheme.Parts) bool {
	changed := false
	for i := range p.Params {
		changed = decodeParam(&p.Params[i]) || changed
	}
	return changed
}

func decodeParam(param *scheme.Param) (changed bool) {
	key, value := scheme.Decode(param.Key, true), scheme.Decode(param.Value, true)
	changed = key != param.Key || value != param.Value
	param.Key, param.Value = key, value
	return changed
}

// joinRepeated joins the values of a repeated key by commas, in their order.
func joinRepeated(p *scheme.Parts) {
	slices.SortStableFunc(p.Params, func(a, b scheme.Param) int { return strings.Compare(a.Key, b.Key) })
	kept := p.Params[:0]
	for i := 0; i < len(p.Params); {
		param, more := p.Params[i], i+1
		for more < len(p.Params) && p.Params[more].Key == param.Key {
			more++
		}
		if more > i+1 {
			var values strings.Builder
			for j := i; j < more; j++ {
				if j > i {
					values.WriteByte(',')
				}
				values.WriteString(p.Params[j].Value)
			}
			param.Value, param.Equals = values.String(), true
		}
		kept, i = append(kept, param), more
	}
	p.Params = kept
}
