package scheme

import (
	"slices"
	"strings"
)

// Vary yields the parts after a change that sets fields and replaces slices: a change
// that writes into a slice clones it first, as VaryHeaders and VaryParams do.
func Vary(p *Parts, yield func(*Parts, ...string) bool, change func(*Parts), args ...string) bool {
	q := *p
	change(&q)
	return yield(&q, args...)
}

// VaryHeaders yields the parts with the lines of the headers changed; false where
// that cannot be afforded.
func (s *Search) VaryHeaders(p *Parts, yield func(*Parts, ...string) bool, change func([]Line) []Line, args ...string) bool {
	if !s.Afford(32 * len(p.Headers)) {
		return false
	}
	return Vary(p, yield, func(q *Parts) { q.Headers = change(slices.Clone(p.Headers)) }, args...)
}

// VaryParams is the same for the parameters.
func (s *Search) VaryParams(p *Parts, yield func(*Parts, ...string) bool, change func([]Param) []Param, args ...string) bool {
	if !s.Afford(40 * len(p.Params)) {
		return false
	}
	return Vary(p, yield, func(q *Parts) { q.Params = change(slices.Clone(p.Params)) }, args...)
}

// VaryField yields the parts with another value of a field.
func VaryField(p *Parts, yield func(*Parts, ...string) bool, name, value string, args ...string) bool {
	if p.Field(name) == value {
		return true
	}
	return Vary(p, yield, func(q *Parts) {
		q.Fields = slices.Clone(p.Fields)
		q.SetField(name, value)
	}, args...)
}

// HeaderLineMistakes are those in the lines of the signed headers, of schemes that
// write "name: value".
func HeaderLineMistakes() []Mistake {
	each := func(s *Search, p *Parts, yield func(*Parts, ...string) bool, name func(string) string) bool {
		return s.VaryHeaders(p, yield, func(lines []Line) []Line {
			for i := range lines {
				lines[i].Name = name(lines[i].Name)
			}
			return lines
		})
	}
	return []Mistake{
		{Code: "header_order", Parts: headerOrder},
		{Code: "header_left_out", Parts: func(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
			for i := 0; i < len(p.Headers) && len(p.Headers) > 1; i++ {
				if !s.VaryHeaders(p, yield, func(lines []Line) []Line { return slices.Delete(lines, i, i+1) }, "header", Clip(p.Headers[i].Name)) {
					return
				}
			}
		}},
		{Code: "date_for_x_date", Parts: func(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
			at := slices.IndexFunc(p.Headers, func(l Line) bool { return l.Name == "x-date" })
			if at < 0 || slices.ContainsFunc(p.Headers, func(l Line) bool { return l.Name == "date" }) {
				return
			}
			for _, sorted := range []bool{false, true} {
				if !s.VaryHeaders(p, yield, func(lines []Line) []Line {
					if lines[at].Name = "date"; sorted {
						slices.SortFunc(lines, func(a, b Line) int { return strings.Compare(a.Name, b.Name) })
					}
					return lines
				}) {
					return
				}
			}
		}},
		{Code: "no_space_behind_colon", Parts: func(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
			Vary(p, yield, func(q *Parts) { q.Colon = strings.TrimRight(p.Colon, " ") })
		}},
		{Code: "header_names_not_lower_case", Parts: func(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
			_ = each(s, p, yield, CanonicalName) && each(s, p, yield, strings.ToUpper)
		}},
		{Code: "values_alone", Parts: func(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
			each(s, p, func(q *Parts, _ ...string) bool {
				q.Colon = ""
				return yield(q)
			}, func(string) string { return "" })
		}},
	}
}

// headerOrder puts the lines in the order of the list, or sorts them.
func headerOrder(s *Search, p *Parts, yield func(*Parts, ...string) bool) {
	if len(p.Headers) < 2 {
		return
	}
	listed := func(l Line) int { return slices.Index(s.Claim.Headers, l.Name) }
	_ = s.VaryHeaders(p, yield, func(lines []Line) []Line {
		slices.SortStableFunc(lines, func(a, b Line) int { return listed(a) - listed(b) })
		return lines
	}) && s.VaryHeaders(p, yield, func(lines []Line) []Line {
		slices.SortFunc(lines, func(a, b Line) int { return strings.Compare(a.Name, b.Name) })
		return lines
	}) && s.VaryHeaders(p, yield, func(lines []Line) []Line {
		slices.Reverse(lines)
		return lines
	})
}

// RecogniseHMACHeaders names mistakes in a list of signed headers of a request with
// an Authorization that [ParseHMAC] reads.
func RecogniseHMACHeaders(m *Message, r *Refusal) []Found {
	value, _ := m.Authorization()
	_, rest, _ := strings.Cut(value, `headers="`)
	list, _, _ := strings.Cut(rest, `"`)
	has := func(name string) bool { return len(m.Header[name]) > 0 }
	switch {
	case r.Reason == ErrMalformed && r.DetailCode == "signed_headers_form" && strings.ContainsAny(list, ",;"):
		return []Found{{Code: "comma_separated_headers"}}
	case r.Reason == ErrDate && has("X-Date") && !has("Date") && slices.Contains(strings.Fields(strings.ToLower(list)), "date"):
		return []Found{{Code: "date_for_x_date"}}
	}
	return nil
}
