package tencentapp

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// appendContentMD5 appends the field: empty without a body and for a form, else the
// header's value, which CheckBody holds against the body, else what the samples that
// send no header compute.
func appendContentMD5(dst []byte, m *scheme.Message, isForm bool) ([]byte, error) {
	if isForm {
		return dst, nil
	}
	if empty, err := m.Body.Empty(); empty || err != nil {
		return dst, err
	}
	value, present, err := m.Value("Content-Md5")
	if present || err != nil {
		return append(dst, value...), err
	}
	sum, err := m.BodyMD5()
	if err != nil {
		return dst, err
	}
	return appendMD5(dst, sum, MD5Hex), nil
}

// CheckBody holds a Content-MD5 header against the body. It also catches an empty
// one, which would leave the body unsigned; but on a form, whose parameters are
// signed instead, an empty one is none: the vendor's Java sample sends it.
func (Scheme) CheckBody(m *scheme.Message, _ *scheme.Claim, _ string) error {
	value, present, err := m.Value("Content-Md5")
	if !present || err != nil || value == "" && m.IsForm() {
		return err
	}
	matches, err := digestMatches(m, value)
	if err != nil {
		return err
	}
	if !matches {
		return scheme.Refuse(scheme.ErrBodyDigest, "content_md5")
	}
	return nil
}

// digestMatches holds a Content-MD5 against the body, in each of the forms in which
// clients send it: base64 of the hex text, base64 of the bytes, and the hex text
// itself (JavaScript, of the Chinese documentation).
func digestMatches(m *scheme.Message, value string) (bool, error) {
	if value == "" {
		return m.Body.Empty()
	}
	sum, err := m.BodyMD5()
	if err != nil {
		return false, err
	}
	var buf [64]byte
	return value == string(appendMD5(buf[:0], sum, MD5Hex)) || value == string(appendMD5(buf[:0], sum, MD5Raw)) ||
		value == string(hex.AppendEncode(buf[:0], sum[:])), nil
}

func appendMD5(dst []byte, sum *[md5.Size]byte, form ContentMD5) []byte {
	if form == MD5Raw {
		return base64.StdEncoding.AppendEncode(dst, sum[:])
	}
	var buf [32]byte
	return base64.StdEncoding.AppendEncode(dst, hex.AppendEncode(buf[:0], sum[:]))
}
