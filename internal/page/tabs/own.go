package tabs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// What the string in the third box was taken for.
const (
	fromString    = "string_to_sign"
	fromCanonical = "canonical_request"
)

// What is longer than any string to sign is not shown line by line: a browser would stop
// on it.
const (
	maxShown = 1 << 20
	maxLines = 5_000
)

// own holds the string in the third box against the verifier's strings.
func (c *checking) own(p pasted) *Own {
	switch {
	case p.answer && len(p.texts) == 0:
		return &Own{Gateway: true, Text: c.text("own_answer_without_string")}
	case len(c.strings) == 0:
		return &Own{Gateway: p.answer, From: fromString, Text: c.text("own_nothing_to_compare")}
	}
	m := c.nearest(p)
	o := &Own{From: m.from(), Equal: m.own == m.server(), Gateway: p.answer}
	if !o.Equal {
		m = c.asSigned(m, p)
	}
	o.Signs = c.signs(m)
	mistake := ""
	if !o.Signs && c.secret != "" {
		mistake = c.mistakeAfter(m)
	}
	o.Text = c.outcome(o, mistake)
	switch {
	case o.Equal:
	case len(m.own) > maxShown || strings.Count(m.own, "\n") > maxLines:
		c.note("own_too_long")
	default:
		o.Lines = linesOf(m.own, m.server())
	}
	return o
}

// asSigned is the pair whose string was signed, as it may have been before it was printed;
// if none was, the one that is given.
func (c *checking) asSigned(m match, p pasted) match {
	for _, own := range p.texts {
		if printed := (match{m.rendering, own}); c.signs(printed) {
			return printed
		}
	}
	return m
}

// outcome is the line on the string in the third box.
func (c *checking) outcome(o *Own, mistake string) string {
	what := c.text("own_string_to_sign")
	if o.From == fromCanonical {
		what = c.text("own_canonical_request")
	}
	switch {
	case o.Gateway && o.Equal && o.Signs:
		return c.text("own_gateway_equal_signs")
	case o.Gateway && o.Equal && c.secret == "":
		return c.text("own_gateway_equal_unchecked")
	case o.Gateway && o.Equal:
		return c.text("own_gateway_equal")
	case o.Gateway && o.Signs:
		return c.text("own_gateway_differs_signs")
	case o.Gateway:
		return c.text("own_gateway_differs")
	case o.Equal && c.secret == "":
		return c.text("own_equal", "what", what)
	case o.Equal && o.Signs:
		return c.text("own_equal_signs", "what", what)
	case o.Equal && mistake != "":
		return c.text("own_equal_mistake", "what", what, "mistake", mistake)
	case o.Equal:
		return c.text("own_equal_other", "what", what)
	case c.secret == "":
		return c.text("own_differs", "what", what)
	case o.Signs:
		return c.text("own_differs_signs", "what", what)
	case c.verdict.Accepted:
		return c.text("own_differs_accepted", "what", what)
	case mistake != "":
		return c.text("own_differs_mistake", "what", what, "mistake", mistake)
	}
	return c.text("own_differs_other", "what", what)
}

// signs reports whether the secret makes the request's signature of the client's string.
func (c *checking) signs(m match) bool {
	if c.secret == "" {
		return false
	}
	_, refused := c.verifyOwn(m)
	return refused == nil
}

// mistakeAfter is a mistake in the step from the client's string to the signature; empty
// if it is none that is known.
func (c *checking) mistakeAfter(m match) string {
	_, refused := c.verifyOwn(m, hmacsign.WithExplanations())
	if refused == nil || refused.Explanation == nil || refused.Explanation.Mistake.Code == "" {
		return ""
	}
	return refused.Explanation.Mistake.In(c.lang)
}

// verifyOwn has a verifier take the client's string for its own.
func (c *checking) verifyOwn(m match, opts ...hmacsign.VerifierOption) (*hmacsign.Identity, *hmacsign.VerifyError) {
	own := ownString{m.scheme, c.at, m.form, m.own}
	var s hmacsign.Scheme = own
	if hashed, ok := m.scheme.(hashedScheme); ok {
		s = hashedOwn{own, hashed, m.isCanonical()}
	}
	return c.verify(c.secret, append(opts, hmacsign.AcceptSchemes(s))...)
}

// A match is a string of the client's and the rendering that it is held against.
type match struct {
	rendering
	own string
}

// isCanonical reports whether the client's string is taken for a canonical request.
func (m match) isCanonical() bool {
	first, _, _ := strings.Cut(m.own, "\n")
	return m.canonical != "" && !strings.HasPrefix(first, "SDK-HMAC-") && !strings.HasPrefix(first, "V11-HMAC-")
}

func (m match) from() string {
	if m.isCanonical() {
		return fromCanonical
	}
	return fromString
}

// server is the verifier's.
func (m match) server() string {
	if m.isCanonical() {
		return m.canonical
	}
	return m.text
}

// nearest is the pair that is equal, or else the string as it most likely was and what
// has most in common with it.
func (c *checking) nearest(p pasted) match {
	if p.answer {
		for _, r := range c.strings {
			if strings.ReplaceAll(r.text, "\n", "#") == p.folded {
				return match{r, r.text}
			}
		}
	}
	for _, own := range p.texts {
		for _, r := range c.strings {
			if m := (match{r, own}); m.own == m.server() {
				return m
			}
		}
	}
	own := p.texts[0]
	best := slices.MaxFunc(c.strings, func(a, b rendering) int {
		return cmp.Compare(inCommon(own, match{a, own}.server()), inCommon(own, match{b, own}.server()))
	})
	return match{best, own}
}

// inCommon is how long the common beginning and end of two texts are.
func inCommon(a, b string) int {
	n := min(len(a), len(b))
	head, tail := 0, 0
	for head < n && a[head] == b[head] {
		head++
	}
	for tail < n-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head + tail
}
