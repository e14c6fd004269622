package huaweisdk

import (
	"bytes"
	"encoding/hex"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// varyDigest yields the parts with another last line.
func varyDigest(p *scheme.Parts, yield yield, digest []byte) bool {
	if bytes.Equal(digest, p.Digest) {
		return true
	}
	return scheme.Vary(p, yield, func(q *scheme.Parts) { q.Digest = digest })
}

// varyBody yields the parts with the hash of another body, under an algorithm.
func varyBody(s *scheme.Search, p *scheme.Parts, yield yield, algorithm string, body []byte) bool {
	if !s.Afford(len(body)) {
		return false
	}
	sum, err := s.Message.Hashes.Sum(nil, algorithm, body)
	return err != nil || varyDigest(p, yield, hex.AppendEncode(nil, sum))
}

func emptyBodySigned(s *scheme.Search, p *scheme.Parts, yield yield) {
	if empty, err := s.Message.Body.Empty(); err == nil && !empty {
		varyBody(s, p, yield, s.Claim.Algorithm, nil)
	}
}

func emptyObjectSigned(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !s.HasBody || string(s.Body) != "{}" {
		varyBody(s, p, yield, s.Claim.Algorithm, []byte("{}"))
	}
}

// unsignedPayloadSigned: without the header that says so.
func unsignedPayloadSigned(s *scheme.Search, p *scheme.Parts, yield yield) {
	if _, value, err := contentHash(s.Message, s.Claim); err == nil && value != unsignedPayload {
		varyDigest(p, yield, []byte(unsignedPayload))
	}
}

// sha256OfBody: and of the canonical request too, or not.
func sha256OfBody(s *scheme.Search, p *scheme.Parts, yield yield) {
	if s.Claim.Algorithm != algo.HMACSM3 || !s.HasBody {
		return
	}
	_ = varyBody(s, p, yield, algo.HMACSHA256, s.Body) &&
		varyBody(s, p, func(q *scheme.Parts, _ ...string) bool {
			q.Hash = algo.HMACSHA256
			return yield(q)
		}, algo.HMACSHA256, s.Body)
}

func bodyNewline(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !s.HasBody || len(s.Body) == 0 || !s.Afford(len(s.Body)+1) {
		return
	}
	trimmed := bytes.TrimRight(s.Body, "\r\n")
	_ = varyBody(s, p, yield, s.Claim.Algorithm, append(s.Body[:len(s.Body):len(s.Body)], '\n')) &&
		(len(trimmed) == len(s.Body) || varyBody(s, p, yield, s.Claim.Algorithm, trimmed))
}

func bodySerialisedAgain(s *scheme.Search, p *scheme.Parts, yield yield) {
	if !s.HasBody || len(s.Body) == 0 {
		return
	}
	for body := range s.Reserialised() {
		if !bytes.Equal(body, s.Body) && !varyBody(s, p, yield, s.Claim.Algorithm, body) {
			return
		}
	}
}
