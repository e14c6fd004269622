package exampledialect_test

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// presigned is a dialect with all in the query, so that a link can be signed: X-Key,
// X-Time in seconds and X-Signature. Its keys are derived in a chain, for the day and
// for links. It covers method, path and query.
type presigned struct{ scheme.Defaults }

func (presigned) Name() string         { return "presigned" }
func (presigned) Algorithms() []string { return []string{algo.HMACSM3, algo.HMACSHA256} }

func (presigned) Coverage() scheme.Coverage {
	return scheme.Coverage{Method: true, Path: true, Query: true, NotApart: []scheme.Pair{scheme.SameOrder}}
}

func (presigned) Parse(m *scheme.Message, c *scheme.Claim) (err error) {
	var id, when string
	for name, value := range map[string]*string{"X-Key": &id, "X-Time": &when, "X-Signature": &c.Text} {
		if *value, _, err = m.QueryValue(name); err != nil {
			return err
		}
	}
	if c.Text == "" {
		return scheme.ErrForeign
	}
	if err := scheme.CheckKeyIDLength(id); err != nil {
		return err
	}
	t, err := seconds(when)
	if err != nil {
		return err
	}
	word, text, _ := strings.Cut(c.Text, ".")
	c.Algorithm = algo.HMACSM3
	if word == "256" {
		c.Algorithm = algo.HMACSHA256
	}
	if word != "256" && word != "sm3" {
		return scheme.Refuse(scheme.ErrAlgorithm, "algorithm_unknown", "algorithm", scheme.Clip(word), "known", "256, sm3")
	}
	c.KeyID = scheme.Decode(id, false)
	if c.KeyID == "" || string(scheme.AppendEscaped(nil, c.KeyID)) != id {
		return scheme.Refuse(scheme.ErrMalformed, "hmac_missing_parameter")
	}
	c.Scope = t.Format("20060102") + "/links"
	c.Signature, err = scheme.DecodeHex(c.Signature[:0], text)
	return err
}

func seconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, scheme.Refuse(scheme.ErrDate, "date_form", "header", "X-Time", "value", scheme.Clip(text), "form", "1615451398")
	}
	return time.Unix(n, 0).UTC(), nil
}

func (presigned) Date(m *scheme.Message, _ *scheme.Claim) (time.Time, error) {
	when, _, err := m.QueryValue("X-Time")
	if err != nil {
		return time.Time{}, err
	}
	return seconds(when)
}

func (presigned) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, _ string) (bool, error) {
	if err := m.ReserveParams(len(m.Query), m.Query); err != nil {
		return false, err
	}
	for piece := range strings.SplitSeq(m.Query, "&") {
		if !strings.HasPrefix(piece, "X-Signature=") {
			p.Params = append(p.Params, scheme.Param{Key: piece})
		}
	}
	p.Method, p.Path, p.Order = m.Method, m.Path, scheme.ByKey
	return true, nil
}

func (presigned) Render(dst []byte, p *scheme.Parts) []byte {
	dst = append(append(dst, p.Method...), ' ')
	dst = append(append(dst, p.Path...), '?')
	return p.AppendParams(dst)
}

// Derive goes from the secret to the day's key, and from that to the one for links.
func (presigned) Derive(c *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	key := slices.Clone(secret)
	for step := range strings.SplitSeq(c.Scope, "/") {
		next, err := mac(key, []byte(step))
		clear(key)
		if err != nil {
			return nil, err
		}
		key = next
	}
	return key, nil
}

func (presigned) Signs([]string) []string { return nil }

func (presigned) Prepare(m *scheme.Message, c *scheme.Claim, now time.Time) error {
	m.SetQuery("X-Key", string(scheme.AppendEscaped(nil, c.KeyID)))
	m.SetQuery("X-Time", strconv.FormatInt(now.Unix(), 10))
	c.Scope = now.UTC().Format("20060102") + "/links"
	return nil
}

func (presigned) Write(m *scheme.Message, c *scheme.Claim) {
	word := "sm3."
	if c.Algorithm == algo.HMACSHA256 {
		word = "256."
	}
	m.SetQuery("X-Signature", word+hex.EncodeToString(c.Signature))
}
