package huaweisdk

import "github.com/gmhmac/hmacsign/hmacsign/scheme"

// Mistakes implements [scheme.Explainer].
func (s Scheme) Mistakes() []scheme.Mistake { return nil }

// Recognise implements [scheme.Explainer].
func (s Scheme) Recognise(*scheme.Search, *scheme.Refusal) []scheme.Found { return nil }
