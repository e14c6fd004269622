package tencentkeypair

import "github.com/gmhmac/hmacsign/hmacsign/scheme"

// Mistakes implements [scheme.Explainer].
func (s Scheme) Mistakes() []scheme.Mistake {
	return append(scheme.HeaderLineMistakes(), scheme.Mistake{Code: "application_string", Text: applicationString})
}

// applicationString is what tencent-app signs, at its plainest.
func applicationString(s *scheme.Search, text string, yield func(variant string, args ...string) bool) {
	m := s.Message
	target := m.Path
	if m.Query != "" {
		target += "?" + m.Query
	}
	accept, _, _ := m.Value("Accept")
	contentType, _, _ := m.Value("Content-Type")
	for _, fields := range []string{accept + "\n" + contentType, "\n", "*/*\n"} {
		if !s.Afford(len(text)+len(target)+len(fields)+len(m.Method)) || !yield(text+"\n"+m.Method+"\n"+fields+"\n\n"+target) {
			return
		}
	}
}

// Recognise implements [scheme.Explainer].
func (s Scheme) Recognise(search *scheme.Search, r *scheme.Refusal) []scheme.Found {
	return scheme.RecogniseHMACHeaders(search.Message, r)
}
