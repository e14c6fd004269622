package schemetest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// recorder keeps what a check reports.
type recorder struct{ reports []string }

type ended struct{}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}
func (r *recorder) Skip(...any) { panic(ended{}) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(ended{})
}

// reports runs one check.
func reports(check string, s scheme.Scheme, o Options) []string {
	r := new(recorder)
	for _, c := range checks {
		if c.name == check {
			func() {
				defer func() {
					if p := recover(); p != nil && p != (ended{}) {
						r.Errorf("panic: %v", p)
					}
				}()
				suite := newSuite(s, o)
				suite.reporter = r
				c.run(suite)
			}()
		}
	}
	return r.reports
}

// Each of these is a scheme with one fault.
type (
	app     = tencentapp.Scheme
	keypair = tencentkeypair.Scheme
	huawei  = huaweisdk.Scheme

	appWithoutHeader     struct{ app }
	keypairWithoutHeader struct{ keypair }
	huaweiWithoutHeader  struct{ huawei }
	appWithoutMethod     struct{ app }
	huaweiWithoutMethod  struct{ huawei }
	appUnchecked         struct{ app }
	huaweiUnchecked      struct{ huawei }
	appAmbiguous         struct{ app }
	appSloppy            struct{ app }
	keypairUnlisted      struct{ keypair }
	appOtherString       struct{ app }
	appDeadForm          struct{ app }
	appSecretive         struct{ app }
	keypairBoastful      struct{ keypair }
	appWrongPair         struct{ app }
	appWidePair          struct{ app }
	keypairNosy          struct{ keypair }
	keypairHungry        struct{ keypair }
	keypairCareless      struct{ keypair }
	keypairSilent        struct{ keypair }
	keypairUncoded       struct{ keypair }
	keypairWasteful      struct{ keypair }
	keypairTimeless      struct{ keypair }
	appBusy              struct{ app }
	keypairFickle        struct{ keypair }
)

func (s appWithoutHeader) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := s.app.Parts(p, m, c, form)
	p.Headers = p.Headers[min(1, len(p.Headers)):]
	return ok, err
}

func (s keypairWithoutHeader) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := s.keypair.Parts(p, m, c, form)
	p.Headers = p.Headers[:max(0, len(p.Headers)-1)]
	return ok, err
}

func (s huaweiWithoutHeader) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := s.huawei.Parts(p, m, c, form)
	p.Headers = slices.DeleteFunc(p.Headers, func(l scheme.Line) bool { return l.Name == "host" })
	return ok, err
}

func (s appWithoutMethod) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := s.app.Parts(p, m, c, form)
	p.Method = http.MethodGet
	return ok, err
}

func (s huaweiWithoutMethod) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	ok, err := s.huawei.Parts(p, m, c, form)
	p.Method = http.MethodGet
	return ok, err
}

func (appUnchecked) CheckBody(*scheme.Message, *scheme.Claim, string) error    { return nil }
func (huaweiUnchecked) CheckBody(*scheme.Message, *scheme.Claim, string) error { return nil }

// Parts decodes parameters, separators too.
func (s appAmbiguous) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	if form != "decoded" {
		return s.app.Parts(p, m, c, form)
	}
	ok, err := s.app.Parts(p, m, c, "documented")
	for i := range p.Params {
		p.Params[i].Key, p.Params[i].Value = scheme.Decode(p.Params[i].Key, true), scheme.Decode(p.Params[i].Value, true)
	}
	return ok, err
}

// Parse takes base64 with bits that no byte holds.
func (s appSloppy) Parse(m *scheme.Message, c *scheme.Claim) error {
	err := s.app.Parse(m, c)
	if r, ok := err.(*scheme.Refusal); ok && r.DetailCode == "signature_not_base64" {
		c.Signature, err = base64.StdEncoding.DecodeString(c.Text)
		if err != nil {
			return r
		}
	}
	return err
}

// Parse lists a header that is not lower-case.
func (s keypairUnlisted) Parse(m *scheme.Message, c *scheme.Claim) error {
	if err := s.keypair.Parse(m, c); err != nil {
		return err
	}
	c.Headers = append(c.Headers, "Source")
	return nil
}

func (s appOtherString) Render(dst []byte, p *scheme.Parts) []byte {
	return append(s.app.Render(dst, p), '\n')
}

func (s appDeadForm) Forms() []string { return append(s.app.Forms(), "forgotten") }

func (s appDeadForm) Parts(p *scheme.Parts, m *scheme.Message, c *scheme.Claim, form string) (bool, error) {
	if form == "forgotten" {
		return false, nil
	}
	return s.app.Parts(p, m, c, form)
}

func (s appSecretive) Coverage() scheme.Coverage {
	c := s.app.Coverage()
	c.Body = false
	return c
}

func (s keypairBoastful) Coverage() scheme.Coverage {
	return scheme.Coverage{Headers: true, Path: true}
}

func (s appWrongPair) Coverage() scheme.Coverage {
	c := s.app.Coverage()
	c.NotApart = append(c.NotApart, scheme.Pair{Code: "same_last_slash", A: scheme.Request{Path: "/a"}, B: scheme.Request{Path: "/a/"},
		Normal: func(*scheme.Request, *scheme.Claim, string) {}})
	return c
}

func (s appWidePair) Coverage() scheme.Coverage {
	c := s.app.Coverage()
	c.NotApart = slices.DeleteFunc(c.NotApart, func(p scheme.Pair) bool { return p.Code == "same_order" })
	return c
}

func (keypairNosy) CheckBody(m *scheme.Message, _ *scheme.Claim, _ string) error {
	if len(m.Header["X-Forwarded-For"]) > 0 {
		return scheme.Refuse(scheme.ErrMalformed, "no_path")
	}
	return nil
}

func (s keypairHungry) Parse(m *scheme.Message, c *scheme.Claim) error {
	for _, value := range m.Header["Authorization"] {
		if strings.Count(strings.ReplaceAll(value, ",", ", "), ", ") == 0 {
			return scheme.ErrForeign
		}
	}
	return s.keypair.Parse(m, c)
}

func (s keypairCareless) Parse(m *scheme.Message, c *scheme.Claim) error {
	for _, value := range m.Header["Authorization"] {
		_ = value[len("hmac ")]
	}
	return s.keypair.Parse(m, c)
}

func (keypairSilent) Answer(*scheme.Refusal) string { return "" }

func (s keypairUncoded) Parse(m *scheme.Message, c *scheme.Claim) error {
	err := s.keypair.Parse(m, c)
	if err != nil && err != scheme.ErrForeign {
		return fmt.Errorf("cannot be read: %w", http.ErrNotSupported)
	}
	return err
}

func (s keypairWasteful) Render(dst []byte, p *scheme.Parts) []byte {
	return append(dst, string(s.keypair.Render(nil, p))...)
}

// Date says of every request that its date is not to be checked.
func (s keypairTimeless) Date(m *scheme.Message, c *scheme.Claim) (time.Time, error) {
	t, err := s.keypair.Date(m, c)
	c.AnyDate = true
	return t, err
}

// Mistakes name the order of the parameters twice.
func (s appBusy) Mistakes() []scheme.Mistake {
	none := func(*scheme.Search, string, func(string, ...string) bool) {}
	return []scheme.Mistake{{Code: "same_order", Text: none}, {Code: "same_order", Text: none}}
}

var names int

func (keypairFickle) Name() string {
	names++
	return fmt.Sprint("fickle-", names)
}

// link is a dialect with all in the query; loose, it takes the last of a repeated
// signature, and run, nothing stands between path and query.
type link struct {
	scheme.Defaults
	loose, run bool
}

func (link) Name() string            { return "link" }
func (link) Signs([]string) []string { return nil }
func (link) Algorithms() []string    { return []string{algo.HMACSHA256} }
func (link) Coverage() scheme.Coverage {
	return scheme.Coverage{Method: true, Path: true, Query: true, NotApart: []scheme.Pair{scheme.SameOrder}}
}

// value is that of a parameter, which is there once unless the link is loose.
func (l link) value(query, name string) (value string, err error) {
	for piece := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(piece, name+"="); ok {
			if value != "" && !(l.loose && name == "sig") {
				return "", scheme.Refuse(scheme.ErrMalformed, "hmac_repeated_parameter", "name", name)
			}
			value = v
		}
	}
	return value, nil
}

func (l link) Parse(m *scheme.Message, c *scheme.Claim) (err error) {
	if c.Text, err = l.value(m.Query, "sig"); err == nil && c.Text == "" {
		err = scheme.ErrForeign
	}
	if err != nil {
		return err
	}
	if c.KeyID, err = l.value(m.Query, "key"); err == nil && c.KeyID == "" {
		err = scheme.Missing("key")
	}
	if err != nil {
		return err
	}
	c.Algorithm = algo.HMACSHA256
	c.Signature, err = scheme.DecodeHex(c.Signature[:0], c.Text)
	return err
}

func (l link) Date(m *scheme.Message, _ *scheme.Claim) (time.Time, error) {
	text, err := l.value(m.Query, "time")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, scheme.Refuse(scheme.ErrDate, "date_missing", "header", "time")
	}
	return time.Unix(seconds, 0), nil
}

func (l link) Parts(p *scheme.Parts, m *scheme.Message, _ *scheme.Claim, _ string) (bool, error) {
	p.Method, p.Path, p.Order, p.Mark = m.Method, m.Path, scheme.ByKey, "?"
	if l.run {
		p.Mark = ""
	}
	for piece := range strings.SplitSeq(m.Query, "&") {
		if !strings.HasPrefix(piece, "sig=") {
			p.Params = append(p.Params, scheme.Param{Key: piece})
		}
	}
	return true, nil
}

func (link) Render(dst []byte, p *scheme.Parts) []byte {
	return p.AppendParams(append(append(append(append(dst, p.Method...), ' '), p.Path...), p.Mark...))
}

func (link) Prepare(m *scheme.Message, c *scheme.Claim, now time.Time) error {
	m.SetQuery("key", c.KeyID)
	m.SetQuery("time", strconv.FormatInt(now.Unix(), 10))
	return nil
}

func (link) Write(m *scheme.Message, c *scheme.Claim) {
	m.SetQuery("sig", hex.EncodeToString(c.Signature))
}

func TestFaultsAreFound(t *testing.T) {
	text := "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nGET\na/b\n\n\n/v1?a&b=1"
	key, err := algo.NewKey(algo.HMACSHA256, []byte("exampleAppSecret-0001"))
	require.NoError(t, err)
	o := Options{VerifyAllocs: 4, SignAllocs: 4,
		Answers: []Answer{{Algorithm: algo.HMACSHA256, KeyID: "a", Secret: "exampleAppSecret-0001", Time: now,
			Request:      scheme.Request{Path: "/v1", Query: "b=1&a=", Host: "h", Header: http.Header{"Accept": {"a/b"}}},
			StringToSign: text, Signature: base64.StdEncoding.EncodeToString(key.Sum(nil, []byte(text)))}},
		Requests: []scheme.Request{
			{Path: "/h", Header: http.Header{"X-Sdk-Content-Sha256": {"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}, Body: "a"},
		}}
	for _, c := range []struct {
		check       string
		right, with scheme.Scheme
	}{
		{"Covered", app{}, appWithoutHeader{}},
		{"Covered", keypair{}, keypairWithoutHeader{}},
		{"Covered", huawei{}, huaweiWithoutHeader{}},
		{"Covered", app{}, appWithoutMethod{}},
		{"Covered", huawei{}, huaweiWithoutMethod{}},
		{"Covered", app{}, appUnchecked{}},
		{"Covered", huawei{}, huaweiUnchecked{}},
		{"Covered", keypair{}, keypairBoastful{}},
		{"Covered", link{}, link{run: true}},
		{"Candidates", app{}, appAmbiguous{}},
		{"Candidates", app{}, appWidePair{}},
		{"Claims", app{}, appSloppy{}},
		{"Claims", link{}, link{loose: true}},
		{"Parse", keypair{}, keypairUnlisted{}},
		{"Parse", keypair{}, keypairHungry{}},
		{"Parse", keypair{}, keypairCareless{}},
		{"Parse", keypair{}, keypairUncoded{}},
		{"KnownAnswers", app{}, appOtherString{}},
		{"RoundTrip", app{}, appDeadForm{}},
		{"NotCovered", app{}, appSecretive{}},
		{"NotCovered", keypair{}, keypairNosy{}},
		{"NotApart", app{}, appWrongPair{}},
		{"Words", keypair{}, keypairSilent{}},
		{"Allocations", keypair{}, keypairWasteful{}},
		{"Dates", keypair{}, keypairTimeless{}},
		{"Mistakes", app{}, appBusy{}},
		{"Constant", keypair{}, keypairFickle{}},
	} {
		t.Run(fmt.Sprintf("%s/%T", c.check, c.with), func(t *testing.T) {
			if instrumented && c.check == "Allocations" {
				t.Skip("allocations are counted without the race detector")
			}
			require.Empty(t, reports(c.check, c.right, o), "the scheme without the fault")
			require.NotEmpty(t, reports(c.check, c.with, o))
		})
	}
	require.NotEmpty(t, reports("KnownAnswers", app{}, Options{}), "no known answers")
	require.Empty(t, reports("KnownAnswers", app{}, o))
}
