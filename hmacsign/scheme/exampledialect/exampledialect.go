// Package exampledialect is a signature as a company might have it, to start one's own
// from. What a request says of its signature stands in headers of their own:
//
//	X-Acme-Key        the key id
//	X-Acme-Timestamp  the time in milliseconds since 1970
//	X-Acme-Nonce      what makes the request unlike any other
//	X-Acme-Signature  HMAC-SHA256 in lower-case hex
//
// Signed are the method, the path, the sorted query, the first three of these headers
// and the SHA-256 of the body, each on a line.
package exampledialect

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Scheme is the dialect: give it to hmacsign.NewSigner and hmacsign.AcceptSchemes.
type Scheme struct{ scheme.Defaults }

var signed = []string{"x-acme-key", "x-acme-nonce", "x-acme-timestamp"}

func (Scheme) Name() string         { return "acme" }
func (Scheme) Algorithms() []string { return []string{algo.HMACSHA256} }
func (Scheme) Challenge() string    { return "Acme" }

// Coverage: all but other headers, and two orders of parameters are one.
func (Scheme) Coverage() scheme.Coverage {
	return scheme.Coverage{Method: true, Path: true, Query: true, Body: true, Headers: true, NotApart: []scheme.Pair{scheme.SameOrder}}
}

func (Scheme) Parse(m *scheme.Message, c *scheme.Claim) (err error) {
	var present bool
	if c.Text, present, err = m.Value("X-Acme-Signature"); err != nil {
		return err
	}
	if !present {
		return scheme.ErrForeign
	}
	if c.KeyID, _, err = m.Value("X-Acme-Key"); err != nil {
		return err
	}
	if c.KeyID == "" {
		return scheme.Missing("x-acme-key")
	}
	if err := scheme.CheckKeyIDLength(c.KeyID); err != nil {
		return err
	}
	c.Algorithm, c.Headers = algo.HMACSHA256, append(c.Headers[:0], signed...)
	c.Signature, err = scheme.DecodeHex(c.Signature[:0], c.Text)
	return err
}

func (Scheme) Date(m *scheme.Message, _ *scheme.Claim) (time.Time, error) {
	value, _, err := m.Value("X-Acme-Timestamp")
	if err != nil {
		return time.Time{}, err
	}
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, scheme.Refuse(scheme.ErrDate, "date_form", "header", "X-Acme-Timestamp", "value", scheme.Clip(value), "form", "1615451398250")
	}
	return time.UnixMilli(ms), nil
}

func (Scheme) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, _ string) (bool, error) {
	if err := m.ReserveParams(len(m.Query), m.Query); err != nil {
		return false, err
	}
	for piece := range strings.SplitSeq(m.Query, "&") {
		key, value, equals := strings.Cut(piece, "=")
		p.Params = append(p.Params, scheme.Param{Key: key, Value: value, Equals: equals})
	}
	p.Method, p.Path, p.Order, p.Colon = m.Method, m.Path, scheme.ByKey, ":"
	var sum [32]byte
	digest, err := m.AppendBodySum(sum[:0], c.Algorithm)
	if err != nil {
		return false, err
	}
	p.Digest = hex.AppendEncode(p.Digest, digest)
	p.Headers, err = m.AppendHeaderLines(p.Headers, signed)
	return err == nil, err
}

func (Scheme) Render(dst []byte, p *scheme.Parts) []byte {
	dst = append(append(dst, p.Method...), '\n')
	dst = append(append(dst, p.Path...), '\n')
	dst = append(p.AppendParams(dst), '\n')
	return append(p.AppendHeaders(dst), p.Digest...)
}

func (Scheme) Signs([]string) []string { return signed }

// Prepare keeps a nonce that the caller has set.
func (Scheme) Prepare(m *scheme.Message, c *scheme.Claim, now time.Time) error {
	m.Set("X-Acme-Key", c.KeyID)
	m.Set("X-Acme-Timestamp", strconv.FormatInt(now.UnixMilli(), 10))
	if _, present := m.Header["X-Acme-Nonce"]; !present {
		m.Set("X-Acme-Nonce", rand.Text())
	}
	return nil
}

func (Scheme) Write(m *scheme.Message, c *scheme.Claim) {
	m.Set("X-Acme-Signature", hex.EncodeToString(c.Signature))
}
