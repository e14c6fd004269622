package scheme

// A Mistake is one that clients make when they sign: a change of the parts, or of the
// text that is rendered from them. Whether a client made it is found by making it and
// computing the MAC anew; several at once are several changes one after the other, in
// the order of a scheme's list. Code is a stable word, and that of the mistake's text.
//
// Exactly one function is set. It gives yield each variant of what the client may
// have signed, with what goes into the gaps of the text, and stops when yield returns
// false. A variant that is what was given is no mistake and is passed over.
type Mistake struct {
	Code string
	// Clients are those that make it, a bit for each kind of client as the scheme counts
	// them: what one client makes is looked for in threes and more too, the rest alone
	// and in pairs.
	Clients uint
	Parts   func(s *Search, p *Parts, yield func(variant *Parts, args ...string) bool)
	// Text changes the canonical text.
	Text func(s *Search, text string, yield func(variant string, args ...string) bool)
	// String changes the string to sign, which is the text itself unless the scheme
	// is Hashed.
	String func(s *Search, canonical, text string, yield func(variant string, args ...string) bool)
}

// A Found is a mistake that was found.
type Found struct {
	Code string
	Args map[string]string
}

// A Search looks for the mistakes of one request, within bounds of work, memory and
// time.
type Search struct {
	Message *Message
	Claim   *Claim
	Form    string // of the parts that are changed
	// Body is the body, and HasBody that it is all there; a long one is left alone.
	Body    []byte
	HasBody bool
	// Afford reports whether so many bytes may still be built or hashed, and counts
	// them. It comes before the work, so nothing is built that does not fit.
	Afford func(bytes int) bool
	// GiveUp says that something was left out for its size.
	GiveUp func()
}
