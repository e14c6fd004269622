package hmacsign

import "time"

type Explanation struct{}

func explainDate(off, window time.Duration) *Explanation { return nil }
func explainDigest(m *message) *Explanation              { return nil }
func (v *Verifier) explainMAC(w *work, scheme Scheme, a *authorization, key *Key, text string) *Explanation {
	return nil
}
