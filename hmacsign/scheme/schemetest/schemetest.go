// Package schemetest holds any scheme of package scheme to its contract and to what
// it declares of itself: known answers, no byte of what is covered to be changed, no
// two requests of different meaning under one signature, no claim that is read in two
// ways, limits. It asks the engine, as a server does. A scheme's own tests call it:
//
//	func TestScheme(t *testing.T) { schemetest.Run(t, mine.Scheme{}, schemetest.Options{...}) }
//	func FuzzParse(f *testing.F)  { schemetest.FuzzParse(f, mine.Scheme{}) }
package schemetest

import (
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Options are what the suite cannot know of a scheme.
type Options struct {
	// Answers are known answers, at least one, computed by other means than this
	// module.
	Answers []Answer
	// Headers are signed by the suite's signers beside what the scheme always signs, as
	// far as it can sign them, "source" without it; all of the suite's requests have a header of that name.
	Headers []string
	// Requests are signed, changed and verified beside the suite's own: those of
	// which the scheme makes something particular. Each form must be that of one
	// request at least.
	Requests []scheme.Request
	// AnyDate: the scheme accepts the suite's requests whatever their date is.
	AnyDate bool
	// SignAllocs and VerifyAllocs are how many allocations a small GET may take.
	SignAllocs, VerifyAllocs int
}

// An Answer is a request and its signature.
type Answer struct {
	Name                     string
	Algorithm, KeyID, Secret string
	Time                     time.Time // of the signer's clock
	Headers                  []string  // to be signed beside what the scheme always signs
	Request                  scheme.Request
	StringToSign             string
	Signature                string // as it is sent
}

// Run holds a scheme, with the options that are set in it, to all of the contract.
func Run(t *testing.T, s scheme.Scheme, o Options) {
	suite := newSuite(s, o)
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			suite.reporter = t
			c.run(suite)
		})
	}
}

// checks are in an order: the last one looks at what the others met.
var checks = []struct {
	name string
	run  func(*suite)
}{
	{"Constant", (*suite).constant},
	{"KnownAnswers", (*suite).knownAnswers},
	{"RoundTrip", (*suite).roundTrip},
	{"Covered", (*suite).covered},
	{"NotCovered", (*suite).notCovered},
	{"NotApart", (*suite).notApart},
	{"Candidates", (*suite).candidates},
	{"Claims", (*suite).claims},
	{"Dates", (*suite).dates},
	{"Parse", (*suite).parse},
	{"Allocations", (*suite).allocations},
	{"Mistakes", (*suite).mistakes},
	{"Words", (*suite).words},
}
