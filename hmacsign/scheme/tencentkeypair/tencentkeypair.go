// Package tencentkeypair is the scheme tencent-keypair: key pair authentication of
// Tencent's API gateway. It signs a date and chosen headers, and nothing else of the
// request. Source: Tencent Cloud's documentation of API Gateway, "Key Pair
// Authentication" (628/11819), and its samples.
package tencentkeypair

import (
	"slices"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A Scheme is tencent-keypair with its options; the zero value checks each date.
type Scheme struct {
	scheme.Defaults
	// AcceptAnyDate makes a verifier accept requests that sign Date and not X-Date
	// whatever the date is, as the vendor's server does. Anyone who sees such a
	// request can repeat it for ever.
	AcceptAnyDate bool
}

var (
	_ scheme.Scheme    = Scheme{}
	_ scheme.Explainer = Scheme{}
)

// Name implements [scheme.Scheme], like the other methods.
func (Scheme) Name() string { return "tencent-keypair" }

// Coverage implements [scheme.Scheme].
func (Scheme) Coverage() scheme.Coverage { return scheme.Coverage{Headers: true} }

// Parse implements [scheme.Scheme].
func (Scheme) Parse(m *scheme.Message, c *scheme.Claim) error { return scheme.ParseHMAC(m, c) }

// Write implements [scheme.Scheme].
func (Scheme) Write(m *scheme.Message, c *scheme.Claim) {
	m.Set("Authorization", scheme.FormatHMAC(c))
}

// Answer implements [scheme.Scheme].
func (Scheme) Answer(r *scheme.Refusal) string { return scheme.TencentAnswer(r) }

// Date reads the signed dates. If there are two, X-Date counts.
func (s Scheme) Date(m *scheme.Message, c *scheme.Claim) (time.Time, error) {
	if c.Has("x-date") {
		return scheme.HTTPDate.Read(m, "X-Date")
	}
	if c.Has("date") {
		c.AnyDate = s.AcceptAnyDate
		return scheme.HTTPDate.Read(m, "Date")
	}
	return time.Time{}, scheme.Refuse(scheme.ErrDate, "no_date_signed")
}

// Parts implements [scheme.Scheme].
func (Scheme) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, _ string) (bool, error) {
	var err error
	p.Colon = ": "
	p.Headers, err = m.AppendHeaderLines(p.Headers, c.Headers)
	return err == nil, err
}

// Render implements [scheme.Scheme]. Lines are joined, none ends the string.
func (Scheme) Render(dst []byte, p *scheme.Parts) []byte {
	dst = p.AppendHeaders(dst)
	return dst[:max(0, len(dst)-1)]
}

// Signs implements [scheme.Scheme].
func (Scheme) Signs(requested []string) []string {
	headers := requested
	if !slices.Contains(requested, "date") && !slices.Contains(requested, "x-date") {
		headers = append([]string{"x-date"}, requested...)
	}
	var once []string
	for _, name := range headers {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// Prepare implements [scheme.Scheme].
func (Scheme) Prepare(m *scheme.Message, c *scheme.Claim, now time.Time) error {
	for _, name := range c.Headers {
		if name == "x-date" || name == "date" {
			m.Set(scheme.CanonicalName(name), scheme.HTTPDate.Format(now))
		}
	}
	return nil
}
