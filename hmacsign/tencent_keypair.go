package hmacsign

import (
	"slices"
	"time"

	"github.com/gmhmac/hmacsign/algo"
)

// TencentKeyPair is key pair authentication of Tencent's API gateway,
// tencent-keypair: it signs chosen headers in the order in which they are
// listed, and nothing else of the request. Source: Tencent Cloud's
// documentation of API Gateway, "Key Pair Authentication" (628/11819), and its
// samples.
//
// A signer signs X-Date, or Date if it is told to sign that one, and the headers
// that it is told to sign, of which the samples have Source, an arbitrary
// watermark. X-NameSpace-Code and X-MicroService-Name of microservice APIs go
// through unsigned. A verifier checks the time of either date, while the
// vendor's server checks only X-Date: see [AcceptAnyDate].
var TencentKeyPair Scheme = tencentKeyPair{}

type tencentKeyPair struct{}

func (tencentKeyPair) Name() string { return "tencent-keypair" }

func (tencentKeyPair) parse(value string) (*authorization, error) { return parseHMACHeader(value) }
func (tencentKeyPair) format(a *authorization) string             { return formatHMACHeader(a) }
func (tencentKeyPair) message(e *VerifyError) string              { return tencentMessage(e) }
func (tencentKeyPair) Algorithms() []string                       { return algo.Algorithms() }
func (tencentKeyPair) queryForms([]QueryForm) []QueryForm         { return oneForm }
func (tencentKeyPair) checkBody(*message, *authorization) error   { return nil }

func (tencentKeyPair) alsoSigned(*message, *authorization) []string { return nil }
func (tencentKeyPair) ambiguous(*message) error                     { return nil }

// oneForm is for schemes that have one canonical form.
var oneForm = []QueryForm{""}

func (tencentKeyPair) signs(requested []string) []string {
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

func (tencentKeyPair) prepare(m *message, s *signing, a *authorization) error {
	for _, name := range a.headers {
		if name == "x-date" || name == "date" {
			m.set(canonicalName(name), formatHTTPDate(s.now))
		}
	}
	return nil
}

// date reads the signed dates. If there are two, X-Date counts.
func (tencentKeyPair) date(m *message, a *authorization) (time.Time, error) {
	if slices.Contains(a.headers, "x-date") {
		return httpDate(m, "X-Date")
	}
	if slices.Contains(a.headers, "date") {
		a.anyDate = true
		return httpDate(m, "Date")
	}
	return time.Time{}, refuse(ErrDate, "neither x-date nor date is among the signed headers")
}

func (tencentKeyPair) stringToSign(dst []byte, m *message, a *authorization, _ *canonical) ([]byte, error) {
	dst, err := appendHeaderLines(dst, m, a.headers)
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)-1], nil // lines are joined, none ends the string
}
