package tencentapp

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// yielding takes a variant of the parts, see [scheme.Mistake].
type yielding = func(variant *scheme.Parts, args ...string) bool

// Kinds of clients, by the language of the vendor's sample that they come from.
const (
	ofGo uint = 1 << iota
	ofJava
	ofJavaScript
	ofPHP
	ofPython
	ofAny = 1<<iota - 1
)

// Mistakes implements [scheme.Explainer]. The order is that in which a client makes
// several: it writes the lines above the target, cuts the path, reads the parameters,
// drops some of them and joins the rest.
func (s Scheme) Mistakes() []scheme.Mistake {
	return slices.Concat(methodMistakes(), scheme.HeaderLineMistakes(), fieldMistakes(), digestMistakes(), s.pathMistakes(), s.encodingMistakes(), s.paramMistakes(), targetMistakes())
}

// Recognise implements [scheme.Explainer].
func (s Scheme) Recognise(search *scheme.Search, r *scheme.Refusal) []scheme.Found {
	switch r.Reason {
	case scheme.ErrBodyDigest:
		return recogniseDigest(search)
	case scheme.ErrSignature:
		// No mistake gives the signature; but of a body that is not all there none can.
		if !search.Message.IsForm() && search.CutShort() {
			return []scheme.Found{{Code: "content_length_characters"}}
		}
		return nil
	case scheme.ErrMalformed:
		if strings.HasPrefix(r.DetailCode, "form_") {
			return recogniseForm(search)
		}
	}
	return scheme.RecogniseHMACHeaders(search.Message, r)
}

// recogniseForm tells a form that was sent as it is from one that was encoded.
func recogniseForm(s *scheme.Search) []scheme.Found {
	form := strings.TrimRight(string(s.Body), "\r\n")
	switch {
	case scheme.CheckEncoded("form", form) == nil:
		return nil // a newline at its end is something else
	case strings.Contains(form, " "):
		return []scheme.Found{{Code: "form_space"}}
	}
	return []scheme.Found{{Code: "form_not_encoded"}}
}

func methodMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "lower_case_method", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			scheme.Vary(p, yield, func(q *scheme.Parts) { q.Method = strings.ToLower(p.Method) })
		}},
		{Code: "other_method", Parts: func(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} {
				if method != s.Message.Method && !scheme.Vary(p, yield, func(q *scheme.Parts) { q.Method = method }, "signed", method, "sent", scheme.Clip(s.Message.Method)) {
					return
				}
			}
		}},
	}
}

// What clients' libraries send of themselves, so that it is signed or sent alone.
var (
	commonAccepts = []string{"*/*", "application/json", "application/json, text/plain, */*", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
	commonTypes   = []string{"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"}
	charsets      = []string{"; charset=utf-8", ";charset=utf-8", "; charset=UTF-8", ";charset=UTF-8"}
)

func fieldMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "accept_not_signed", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			scheme.VaryField(p, yield, fieldAccept, "", "accept", scheme.Clip(p.Field(fieldAccept)))
		}},
		{Code: "other_accept", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for _, accept := range commonAccepts {
				if !scheme.VaryField(p, yield, fieldAccept, accept, "accept", accept) {
					return
				}
			}
		}},
		{Code: "content_type_not_signed", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			scheme.VaryField(p, yield, fieldContentType, "", "type", scheme.Clip(p.Field(fieldContentType)))
		}},
		{Code: "content_type_parameter", Parts: contentTypeParameter},
		{Code: "other_content_type", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for _, t := range commonTypes {
				if !scheme.VaryField(p, yield, fieldContentType, t, "type", t) {
					return
				}
			}
		}},
	}
}

// contentTypeParameter leaves the parameter (charset, boundary) out, or adds one.
func contentTypeParameter(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	sent := p.Field(fieldContentType)
	if sent == "" {
		return
	}
	bare, _, has := strings.Cut(sent, ";")
	bare = strings.TrimSpace(bare)
	if has && !scheme.VaryField(p, yield, fieldContentType, bare, "signed", scheme.Clip(bare)) {
		return
	}
	for _, charset := range charsets {
		if !scheme.VaryField(p, yield, fieldContentType, bare+charset, "signed", scheme.Clip(bare+charset)) {
			return
		}
	}
}

// pathMistakes change the path, before anything is decoded.
func (s Scheme) pathMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "environment_signed", Clients: ofAny, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			sent := search.Message.Path
			stripped := stripEnvironment(sent)
			if s.KeepEnvironment || stripped == sent {
				return
			}
			path := strings.TrimSuffix(sent, stripped) + p.Path
			if !strings.HasSuffix(sent, stripped) {
				path = sent // it is the environment alone
			}
			setPath(p, yield, path)
		}},
		{Code: "environment_left_out", Clients: ofAny, Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if s.KeepEnvironment {
				setPath(p, yield, stripEnvironment(p.Path))
			}
		}},
		{Code: "environment_cut_wrongly", Clients: ofGo | ofPython, Parts: environmentCutWrongly},
		{Code: "path_parameter", Clients: ofPython, Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			last := strings.LastIndexByte(p.Path, '/') + 1
			if i := strings.IndexByte(p.Path[last:], ';'); i >= 0 && !setPath(p, yield, p.Path[:last+i]) {
				return
			}
			if i := strings.IndexByte(p.Path[:last], ';'); i >= 0 {
				setPath(p, yield, p.Path[:i])
			}
		}},
		{Code: "no_leading_slash", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			setPath(p, yield, strings.TrimPrefix(p.Path, "/"))
		}},
		{Code: "trailing_slash", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			_ = setPath(p, yield, strings.TrimSuffix(p.Path, "/")) && setPath(p, yield, p.Path+"/")
		}},
	}
}

// setPath yields the parts with another path, if it is another.
func setPath(p *scheme.Parts, yield yielding, path string, args ...string) bool {
	if path == p.Path {
		return true
	}
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Path = path }, args...)
}

// environmentCutWrongly cuts the name of an environment off a longer first segment,
// as samples do, each in its way: the name alone (Go), or all up to the next slash
// (Python). Behind an environment that was cut rightly it is no name any more.
func environmentCutWrongly(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
	for _, prefix := range []string{"/release", "/test", "/prepub"} {
		rest, ok := strings.CutPrefix(p.Path, prefix)
		if whole := rest == "" || rest[0] == '/'; !ok || whole && p.Path == s.Message.Path {
			continue
		}
		_, behind, _ := strings.Cut(rest, "/")
		for _, path := range []string{cmp.Or(rest, "/"), "/" + behind, "/" + rest} {
			if !setPath(p, yield, path, "prefix", prefix) {
				return
			}
		}
	}
}

// targetMistakes change what is left once path and parameters are made.
func targetMistakes() []scheme.Mistake {
	return []scheme.Mistake{
		{Code: "path_decoded", Clients: ofGo, Parts: func(search *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if strings.IndexByte(p.Path, '%') >= 0 && encoded(search) && search.Afford(len(p.Path)) && !ambiguous(p.Path, "", "", true) {
				setPath(p, yield, scheme.Decode(p.Path, false))
			}
		}},
		{Code: "path_encoded_twice", Parts: func(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			if n := strings.Count(p.Path, "%"); n > 0 && s.Afford(len(p.Path)+2*n) {
				setPath(p, yield, strings.ReplaceAll(p.Path, "%", "%25"))
			}
		}},
		{Code: "whole_url_signed", Parts: func(s *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for _, protocol := range []string{"http", "https"} {
				if !s.Afford(len(p.Path)+len(s.Message.Host)) || !setPath(p, yield, protocol+"://"+s.Message.Host+p.Path) {
					return
				}
			}
		}},
	}
}
