package hmacsign

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// Tests find what there is to find on a busy machine too; what the time does is
// tested where it is set.
func init() { explainTime = time.Minute }

// hostile is a request that strangers may send, with a wrong signature.
type hostile struct {
	query, contentType, body string
	headers                  map[string]string // signed
}

var limitTime = time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC)

func (h hostile) request(t *testing.T, scheme Scheme) *http.Request {
	req, err := http.NewRequest("POST", "http://h.example/a/b", strings.NewReader(h.body))
	require.NoError(t, err)
	req.RequestURI = "/a/b?" + h.query
	req.Header.Set("X-Date", limitTime.Format(http.TimeFormat))
	req.Header.Set("X-Sdk-Date", limitTime.Format(huaweiDate))
	if h.contentType != "" {
		req.Header.Set("Content-Type", h.contentType)
	}
	names := []string{"x-date"}
	if scheme == HuaweiSDK {
		names = []string{"host", "x-sdk-date"}
	}
	for name, value := range h.headers {
		req.Header.Set(name, value)
		names = append(names, name)
	}
	if scheme == HuaweiSDK {
		req.Header.Set("Authorization", "SDK-HMAC-SM3 Access=k, SignedHeaders="+strings.Join(names, ";")+", Signature="+strings.Repeat("0", 64))
	} else {
		req.Header.Set("Authorization", `hmac id="k", algorithm="hmac-sm3", headers="`+strings.Join(names, " ")+`", signature="`+strings.Repeat("A", 43)+`="`)
	}
	return req
}

func manyHeaders(n, length int) map[string]string {
	headers := make(map[string]string)
	for i := range n {
		headers[fmt.Sprintf("x-%02d", i)] = strings.Repeat("v", length)
	}
	return headers
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// maxNesting is how deep JSON may nest that is serialised anew.
const maxNesting = 100

const (
	hostileJSON = "application/json"
	hostileForm = "application/x-www-form-urlencoded"
)

var hostiles = map[string]hostile{
	"nested arrays":          {contentType: hostileJSON, body: strings.Repeat("[", 9_900) + strings.Repeat("]", 9_900)},
	"nested objects":         {contentType: hostileJSON, body: strings.Repeat(`{"":`, 9_900) + "0" + strings.Repeat("}", 9_900)},
	"nested to the limit":    {contentType: hostileJSON, body: strings.Repeat("[", maxNesting) + strings.Repeat("1,", 30_000) + "1" + strings.Repeat("]", maxNesting)},
	"numbers":                {contentType: hostileJSON, body: "[" + strings.Repeat("1,", 32_700) + "1]"},
	"fewer numbers":          {contentType: hostileJSON, body: "[" + strings.Repeat("1,", 20_000) + "1]"},
	"empty objects":          {contentType: hostileJSON, body: "[" + strings.Repeat("{},", 21_000) + "{}]"},
	"small objects":          {contentType: hostileJSON, body: "[" + strings.Repeat(`{"":0},`, 9_000) + "{}]"},
	"fewer small objects":    {contentType: hostileJSON, body: "[" + strings.Repeat(`{"":0},`, 4_000) + "{}]"},
	"one object":             {contentType: hostileJSON, body: "{" + numbered(6_000, `"%x":0,`) + `"":0}`},
	"escapes":                {contentType: hostileJSON, body: `["` + strings.Repeat(`<`, 65_000) + `"]`},
	"commas in text":         {contentType: hostileJSON, body: `["` + strings.Repeat(`,`, 65_000) + `"]`},
	"not JSON":               {contentType: hostileJSON, body: strings.Repeat("[", 65_000)},
	"64 signed headers":      {headers: manyHeaders(62, 4)},
	"64 long signed headers": {headers: manyHeaders(62, 950)},
	"a long signed header":   {headers: manyHeaders(1, 60_000)},
	"a long header":          {contentType: strings.Repeat("a", 60_000)},
	"distinct names":         {query: numbered(9_800, "%04x&")},
	"equal names":            {query: strings.Repeat("k=1&", 9_900)},
	"encoded names":          {query: strings.Repeat("%2b+&", 9_900)},
	"ampersands":             {query: strings.Repeat("&", 9_900)},
	"one long parameter":     {query: strings.Repeat("%2f", 20_000)},
	"spaces":                 {query: strings.Repeat("+", 60_000)},
	"a million ampersands":   {query: strings.Repeat("&", 900_000)},
	"a form":                 {contentType: hostileForm, body: numbered(9_800, "%04x&")},
	"a form of one":          {contentType: hostileForm, body: "a=" + strings.Repeat("+", 60_000)},
	"a form and a query":     {query: numbered(5_000, "%x&"), contentType: hostileForm, body: numbered(4_900, "%x&")},
	"a longer body":          {contentType: hostileJSON, body: strings.Repeat("[", 5<<20)},
	"a small request":        {query: "a=1", contentType: hostileJSON, body: `{"a":1}`},
}

// An explanation costs no more than it may, whatever the request is.
func TestExplanationsAreBounded(t *testing.T) {
	keys := []*Key{{ID: "k", Secret: Secret("secret"), Previous: Secret("former")}}
	for i := range 5_000 {
		keys = append(keys, &Key{ID: fmt.Sprint("other-", i), Secret: Secret(strings.Repeat("s", 100))})
	}
	store, err := StaticKeys(keys...)
	require.NoError(t, err)
	for _, scheme := range Schemes() {
		v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), WithClock(func() time.Time { return limitTime }))
		require.NoError(t, err)
		for name, h := range hostiles {
			t.Run(scheme.Name()+"/"+name, func(t *testing.T) {
				explained, grown := explanationOf(t, v, h.request(t, scheme))
				require.Empty(t, explained.Mistake.Code)
				require.LessOrEqual(t, grown, uint64(maxExplaining), "two schemes may share a header")
				require.LessOrEqual(t, explained.spent, maxExplainWork)
				if name == "a small request" || name == "64 signed headers" {
					require.Positive(t, explained.spent)
					require.False(t, explained.Incomplete)
				}
			})
		}
	}
	// Both of Tencent's schemes are tried on one header, of late requests too.
	for _, age := range []time.Duration{0, time.Hour} {
		v, err := NewVerifier(store, WithExplanations(), WithClock(func() time.Time { return limitTime.Add(age) }))
		require.NoError(t, err)
		for name, h := range hostiles {
			explained, grown := explanationOf(t, v, h.request(t, TencentApp))
			require.LessOrEqual(t, grown, uint64(16<<20), "%s, %s", name, age)
			require.Equal(t, age > 0, explained.Late != nil, name)
		}
	}
}

// explanationOf verifies a request and tells what that allocated. A generous
// limit of time guards against a hang alone.
func explanationOf(t *testing.T, v *Verifier, req *http.Request) (*Explanation, uint64) {
	t.Helper()
	var before, after runtime.MemStats
	start := time.Now()
	runtime.ReadMemStats(&before)
	_, err := v.Verify(req)
	runtime.ReadMemStats(&after)
	require.Less(t, time.Since(start), 20*time.Second, "it hangs")
	var e *VerifyError
	require.True(t, errors.As(err, &e), "%v", err)
	if e.Explanation == nil {
		e.Explanation = new(Explanation)
	}
	return e.Explanation, after.TotalAlloc - before.TotalAlloc
}

// Repeated headers are many short lines, each of which could be wrong.
func TestExplainManyLines(t *testing.T) {
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	v, err := NewVerifier(store, AcceptSchemes(HuaweiSDK), WithExplanations(), WithClock(func() time.Time { return limitTime }))
	require.NoError(t, err)
	req := hostile{headers: map[string]string{"a": "1"}}.request(t, HuaweiSDK)
	for range 20_000 {
		req.Header.Add("A", "")
	}
	explained, grown := explanationOf(t, v, req)
	require.LessOrEqual(t, grown, uint64(16<<20))
	require.LessOrEqual(t, explained.spent, maxExplainWork)
	require.True(t, explained.Incomplete)
	require.Contains(t, explained.String(), scheme.Text("en", "explain_incomplete", nil))
}

// Requests as clients send them leave the bound far away: what is tried last is
// found too.
func TestExplainHonestSizes(t *testing.T) {
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")}, &Key{ID: "other", Secret: Secret("another")})
	require.NoError(t, err)
	clock := WithClock(func() time.Time { return limitTime })
	for name, h := range map[string]hostile{
		"JSON":  {contentType: hostileJSON, body: "[" + numbered(600, `{"id":%d,"name":"a name of some length","tags":["a","b"]},`) + "{}]"},
		"form":  {contentType: hostileForm, body: numbered(500, "name-%d=a+value+of+some+length&")},
		"query": {query: numbered(200, "name-%d=value&")},
	} {
		for _, scheme := range Schemes() {
			s, err := NewSigner(scheme, "hmac-sm3", Credential{"k", Secret("another")}, clock)
			require.NoError(t, err)
			req := h.request(t, scheme)
			req.Header.Del("Authorization")
			req.URL.RawQuery = h.query
			require.NoError(t, s.Sign(req))
			v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), clock)
			require.NoError(t, err)
			explained, _ := explanationOf(t, v, req)
			require.Equal(t, "other_key", explained.Mistake.Code, "%s %s", scheme.Name(), name)
			require.False(t, explained.Incomplete)
		}
	}
}

// A search that has no time or too long a request before it says so, and does
// not take a body that it has not seen for another.
func TestExplanationSaysThatItStopped(t *testing.T) {
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	clock := WithClock(func() time.Time { return limitTime })
	v, err := NewVerifier(store, AcceptSchemes(TencentApp), WithExplanations(), clock)
	require.NoError(t, err)
	s, err := NewSigner(TencentApp, "hmac-sm3", Credential{"k", Secret("secret")}, clock)
	require.NoError(t, err)
	signed := func(body string, change func(*http.Request)) *http.Request {
		req, err := http.NewRequest("POST", "http://h.example/a", strings.NewReader(""))
		require.NoError(t, err)
		require.NoError(t, s.Sign(req))
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		change(req)
		return req
	}
	short := func() *http.Request { return signed("", func(r *http.Request) { r.Header.Del("Accept") }) }

	explained, _ := explanationOf(t, v, short())
	require.Equal(t, "other_accept", explained.Mistake.Code)
	require.False(t, explained.Incomplete)

	// Without any time a short request is explained all the same, of a long one as
	// much as is not timed.
	explainTime = 0
	defer func() { explainTime = time.Minute }()
	explained, _ = explanationOf(t, v, short())
	require.Equal(t, "other_accept", explained.Mistake.Code)
	explained, _ = explanationOf(t, v, hostile{query: "a=1"}.request(t, TencentApp))
	require.Empty(t, explained.Mistake.Code)
	require.False(t, explained.Incomplete)
	explained, _ = explanationOf(t, v, hostiles["a form of one"].request(t, TencentApp))
	require.True(t, explained.Incomplete)
	require.Positive(t, explained.spent)
	require.LessOrEqual(t, explained.spent, maxUntimed+512)
	require.Contains(t, explained.String(), scheme.Text("en", "explain_incomplete", nil))
	explainTime = time.Minute
	explained, _ = explanationOf(t, v, hostiles["a form of one"].request(t, TencentApp))
	require.Greater(t, explained.spent, 2*maxUntimed)

	// The client signed the MD5 of an empty body; the one sent is too long to look at.
	mac, err := algo.NewKey("hmac-sm3", []byte("secret"))
	require.NoError(t, err)
	const md5OfNothing = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="
	text := "x-date: " + limitTime.Format(http.TimeFormat) + "\nPOST\n*/*\n\n" + md5OfNothing + "\n/a"
	for _, length := range []int{maxExplained, maxExplained + 1, -maxExplained, -maxExplained - 1} {
		explained, _ = explanationOf(t, v, signed(strings.Repeat("x", max(length, -length)), func(r *http.Request) {
			if length < 0 {
				length = -length
				r.ContentLength = -1
			}
			r.Header.Set("Authorization", `hmac id="k", algorithm="hmac-sm3", headers="x-date", signature="`+base64.StdEncoding.EncodeToString(mac.Sum(nil, []byte(text)))+`"`)
		}))
		require.Equal(t, "empty_body_signed", explained.Mistake.Code)
		require.Equal(t, length > maxExplained, explained.Incomplete)
	}
}

// The time ends a search that shares its thread with nothing, as in WebAssembly, too.
func TestExplainTimeOnOneThread(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	explainTime = 100 * time.Microsecond // less than what is not timed takes anywhere
	defer func() { explainTime = time.Minute }()
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	for _, scheme := range Schemes() {
		v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), WithClock(func() time.Time { return limitTime }))
		require.NoError(t, err)
		explained, _ := explanationOf(t, v, hostile{query: "a=1"}.request(t, scheme))
		require.False(t, explained.Incomplete)
		explained, _ = explanationOf(t, v, hostiles["a form of one"].request(t, scheme))
		require.LessOrEqual(t, explained.spent, maxUntimed, scheme.Name())
		require.Equal(t, scheme == TencentApp, explained.Incomplete, "for the others, pairs alone are left")
	}
}

// JSON that nests deeper than anyone's, or that has more values than can be
// afforded, is not serialised anew, and the explanation says so.
func TestExplainLeavesDeepAndLargeJSONOut(t *testing.T) {
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
		v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), WithClock(func() time.Time { return limitTime }))
		require.NoError(t, err)
		for body, incomplete := range map[string]bool{
			strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting):     false,
			strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1): true,
			"[" + strings.Repeat("1,", 5_000) + "1]":                              false,
			"[" + strings.Repeat("1,", 25_000) + "1]":                             true,
		} {
			explained, _ := explanationOf(t, v, hostile{contentType: hostileJSON, body: body}.request(t, scheme))
			require.Equal(t, incomplete, explained.Incomplete, "%s %.10s %d", scheme.Name(), body, len(body))
		}
	}
}

// Whatever builds or hashes counts that first, and does not begin when all is
// spent.
func TestExplainCountsAllWork(t *testing.T) {
	mac, err := algo.NewKey("hmac-sm3", []byte("secret"))
	require.NoError(t, err)
	text := strings.Repeat("a=1&", 1_000)
	parts := &scheme.Parts{Path: text, Params: make([]scheme.Param, 100), Headers: []scheme.Line{{Name: "x", Value: "y"}}, Hash: "hmac-sm3"}
	for what, work := range map[string]func(t *search) bool{
		"render": func(t *search) bool { return t.render(parts) != "" },
		"digest": func(t *search) bool { return t.stringOf(parts, text) != "" },
		"parameters": func(t *search) bool {
			return t.VaryParams(parts, func(*scheme.Parts, ...string) bool { return true }, func(params []scheme.Param) []scheme.Param { return params })
		},
		"signedWith": func(t *search) bool { return t.signedWith(text, "hmac-sm3", Secret("secret")) },
		"JSON": func(t *search) bool {
			for range t.Reserialised() {
				return true
			}
			return false
		},
	} {
		start := func(spent int) *search {
			w := newWork()
			w.claim.KeyID, w.claim.Algorithm, w.claim.Signature = "k", "hmac-sm3", mac.Sum(nil, []byte(text))
			w.digests = digests{mac: mac, algorithm: "hmac-sm3"}
			t := new(Verifier).newSearch(w, newDialect(HuaweiSDK))
			t.mac, t.spent, t.Body, t.HasBody = mac, spent, []byte(`["`+text+`"]`), true
			return t
		}
		least := len(text)
		if what == "clone" {
			least = 40 * len(parts.Params) // it copies no text
		}
		afresh := start(0)
		require.True(t, work(afresh), what)
		require.GreaterOrEqual(t, afresh.spent, least, what)
		require.False(t, afresh.out, what)
		spent := start(maxExplainWork - least)
		require.False(t, work(spent), what)
		require.True(t, spent.out, what)
		require.LessOrEqual(t, spent.spent, maxExplainWork, what)
		found := start(0)
		found.found("text", scheme.Found{Code: "found"})
		require.False(t, work(found), what)
		require.Zero(t, found.spent, "a search that found something is over")
		require.False(t, found.out, what)
	}
}

// The lines that the two have in common at their ends are left out, also where
// one is a part of the other.
func TestExplanationShowsWhereTheyDiffer(t *testing.T) {
	for _, c := range [][3]string{
		{"a\nb\nc", "a\nx\nc", "- \"b\"\n+ \"x\"\n"},
		{"a\nb", "a\nb\nc", "+ \"c\"\n"},
		{"a\nb\nc", "a\nb", "- \"c\"\n"},
		{"b\nc", "a\nb\nc", "+ \"a\"\n"},
		{"a\nb\nc", "b\nc", "- \"a\"\n"},
		{"a\na", "a", "- \"a\"\n"},
		{"a", "a\na", "+ \"a\"\n"},
		{"x", "y", "- \"x\"\n+ \"y\"\n"},
	} {
		e := &Explanation{Client: c[0], Server: c[1]}
		e.found(scheme.Found{Code: "code"})
		require.Equal(t, "code (code)\n"+scheme.Text("en", "explain_diff", nil)+"\n"+c[2], e.String())
	}
	for _, e := range []Explanation{{Client: "a", Server: "a"}, {Server: "a"}} {
		e.found(scheme.Found{Code: "code"})
		require.Equal(t, "code (code)\n", e.String())
	}
}

// A text as long as the limit is explained, a longer one is not looked at.
func TestExplainLengthLimit(t *testing.T) {
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	for _, scheme := range Schemes() {
		v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), WithClock(func() time.Time { return limitTime }))
		require.NoError(t, err)
		with := func(length int) (*Explanation, int) {
			e, _ := explanationOf(t, v, hostile{headers: map[string]string{"x-long": strings.Repeat("v", length)}}.request(t, scheme))
			return e, len(e.Server)
		}
		_, short := with(1)
		whole, length := with(maxExplained - short + 1)
		require.Equal(t, maxExplained, length)
		require.Positive(t, whole.spent, scheme.Name())
		longer, _ := with(maxExplained - short + 2)
		require.Zero(t, longer.spent, scheme.Name())
		require.True(t, longer.Incomplete)
	}
}

// listed is a store that lists its keys in their order.
type listed []*Key

func (l listed) Key(_ context.Context, id string) (*Key, error) { return l[0], nil }
func (l listed) all() iter.Seq[*Key]                            { return slices.Values(l) }

// So many keys are tried, the first one, of this request, among them.
func TestExplainTriesSoManyKeys(t *testing.T) {
	for n, code := range map[int]string{2: "other_key", maxExplainedKeys: "other_key", maxExplainedKeys + 1: ""} {
		store := listed{{ID: "k", Secret: Secret("secret")}}
		for i := range n - 1 {
			store = append(store, &Key{ID: fmt.Sprint("k", i), Secret: Secret(fmt.Sprint("secret ", i))})
		}
		clock := WithClock(func() time.Time { return limitTime })
		s, err := NewSigner(TencentKeyPair, "hmac-sm3", Credential{"k", Secret(fmt.Sprint("secret ", n-2))}, clock)
		require.NoError(t, err)
		req, err := http.NewRequest("GET", "http://h/a", nil)
		require.NoError(t, err)
		require.NoError(t, s.Sign(req))
		v, err := NewVerifier(store, AcceptSchemes(TencentKeyPair), WithExplanations(), clock)
		require.NoError(t, err)
		explained, _ := explanationOf(t, v, req)
		require.Equal(t, code, explained.Mistake.Code, "%d keys", n)
	}
}

// Whatever algorithm the header names, another one that made the MAC is found.
func TestExplainOtherAlgorithm(t *testing.T) {
	clock := WithClock(func() time.Time { return limitTime })
	store, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	for _, scheme := range Schemes() {
		for _, made := range scheme.Algorithms() {
			for _, named := range scheme.Algorithms() {
				if made == named || scheme == HuaweiSDK {
					continue // its string to sign names the algorithm
				}
				s, err := NewSigner(scheme, made, Credential{"k", Secret("secret")}, clock)
				require.NoError(t, err)
				req, err := http.NewRequest("GET", "http://h/a", nil)
				require.NoError(t, err)
				require.NoError(t, s.Sign(req))
				req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), made, named, 1))
				v, err := NewVerifier(store, AcceptSchemes(scheme), WithExplanations(), clock)
				require.NoError(t, err)
				explained, _ := explanationOf(t, v, req)
				require.Equal(t, "other_algorithm", explained.Mistake.Code, "%s named, %s made", named, made)
			}
		}
	}
}
