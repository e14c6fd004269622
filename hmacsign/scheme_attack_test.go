package hmacsign_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// careless is a private scheme that does one thing wrongly.
type careless struct {
	beside
	*faults
}

type faults struct {
	parse    func(*scheme.Message, *scheme.Claim) error
	forms    []string
	parts    func(*scheme.Parts) (bool, error)
	render   func([]byte, *scheme.Parts) []byte
	derive   func() ([]byte, error)
	mistakes []scheme.Mistake
	found    []scheme.Found
	hashed   string
}

func (c careless) Parse(m *scheme.Message, claim *scheme.Claim) error {
	if err := c.beside.Parse(m, claim); err != nil || c.parse == nil {
		return err
	}
	return c.parse(m, claim)
}
func (c careless) Forms() []string { return c.forms }
func (c careless) Parts(p *scheme.Parts, m *scheme.Message, claim *scheme.Claim, form string) (bool, error) {
	p.Hash = c.hashed
	if c.parts != nil {
		return c.parts(p)
	}
	return true, nil
}
func (c careless) Render(dst []byte, p *scheme.Parts) []byte {
	if c.render != nil {
		return c.render(dst, p)
	}
	return append(dst, "text"...)
}
func (c careless) StringToSign(dst []byte, _ *scheme.Parts, digest []byte) []byte {
	return append(dst, digest...)
}
func (c careless) Derive(_ *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	if c.derive != nil {
		return c.derive()
	}
	return mac(secret, secret)
}
func (c careless) Mistakes() []scheme.Mistake { return c.mistakes }
func (c careless) Recognise(*scheme.Search, *scheme.Refusal) []scheme.Found {
	return c.found
}

// Whatever a careless scheme returns, no request is accepted for it, and the verifier
// goes on; requests of other schemes are verified beside it.
func TestCarelessSchemes(t *testing.T) {
	claim := func(change func(*scheme.Claim)) func(*scheme.Message, *scheme.Claim) error {
		return func(_ *scheme.Message, c *scheme.Claim) error { change(c); return nil }
	}
	scoped := claim(func(c *scheme.Claim) { c.Scope = "scope" })
	var none *scheme.Refusal
	for name, m := range map[string]faults{
		"nothing":             {},
		"forms repeated":      {forms: []string{"a", "a", "", ""}},
		"an unknown form":     {forms: []string{"a"}, parts: func(*scheme.Parts) (bool, error) { return false, nil }},
		"there, with error":   {parts: func(*scheme.Parts) (bool, error) { return true, scheme.Refuse(scheme.ErrMalformed, "") }},
		"an error of its own": {parts: func(*scheme.Parts) (bool, error) { return false, errors.New("own") }},
		"no refusal":          {parse: func(*scheme.Message, *scheme.Claim) error { return none }},
		"refusal of nothing":  {parse: func(*scheme.Message, *scheme.Claim) error { return &scheme.Refusal{} }},
		"foreign, wrapped":    {parse: func(*scheme.Message, *scheme.Claim) error { return fmt.Errorf("x: %w", scheme.ErrForeign) }},
		"nil text":            {render: func([]byte, *scheme.Parts) []byte { return nil }},
		"huge text":           {render: func(dst []byte, _ *scheme.Parts) []byte { return append(dst, make([]byte, 32<<20)...) }},
		"no digest":           {hashed: "", forms: []string{"a"}},
		"unknown digest":      {hashed: "md5", forms: []string{"a"}},
		"unknown algorithm":   {parse: claim(func(c *scheme.Claim) { c.Algorithm = "none" })},
		"no key id":           {parse: claim(func(c *scheme.Claim) { c.KeyID = "" })},
		"empty signature":     {parse: claim(func(c *scheme.Claim) { c.Signature = []byte{} })},
		"derives nothing":     {parse: scoped, derive: func() ([]byte, error) { return nil, nil }},
		"derives too little":  {parse: scoped, derive: func() ([]byte, error) { return []byte{}, nil }},
		"cannot derive":       {parse: scoped, derive: func() ([]byte, error) { return nil, errors.New("own") }},
		"mistakes of nothing": {mistakes: make([]scheme.Mistake, 100)},
		"no variant": {mistakes: []scheme.Mistake{{Code: "x", Parts: func(_ *scheme.Search, _ *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for yield(nil, "odd") {
				break
			}
		}}}},
		"endless variants": {mistakes: []scheme.Mistake{{Code: "x", Parts: func(_ *scheme.Search, p *scheme.Parts, yield func(*scheme.Parts, ...string) bool) {
			for i := 0; i < 1e6 && yield(&scheme.Parts{Path: fmt.Sprint(i)}); i++ {
			}
		}}}},
		"found without a name": {found: []scheme.Found{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if m.forms == nil && name != "nothing" {
				m.forms = []string{"a"}
			}
			if m.hashed == "" && name != "no digest" {
				m.hashed = algo.HMACSHA256
			}
			for _, opts := range [][]VerifierOption{nil, {WithExplanations()}} {
				v := newVerifier(t, append(opts, AcceptSchemes(careless{faults: &m}, TencentApp))...)
				req := newRequest(t, "POST", "http://h/a?b=1", "body", "X-Beside", testID)
				_, err := v.Verify(req)
				require.Error(t, err)
				require.NotEmpty(t, err.Error())
				var e *VerifyError
				require.ErrorAs(t, err, &e)
				require.NotEmpty(t, e.Code())
				require.NotZero(t, v.Answer(e).Status)
				_, err = v.Verify(signedIn(t, TencentApp, testID))
				require.NoError(t, err)
			}
		})
	}
}
