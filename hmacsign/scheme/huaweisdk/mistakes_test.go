package huaweisdk_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3pure"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

const (
	keyID, secret = "AKID", "a-secret-of-some-length"
	sdkDate       = "20210311T082958Z"
)

func newVerifier(t testing.TB, s huaweisdk.Scheme) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(s), hmacsign.WithExplanations(), hmacsign.WithClock(func() time.Time { return at(sdkDate) }))
	require.NoError(t, err)
	return v
}

// text is what a client signs, written by hand; each field may be wrong on its own.
type text struct {
	word, method, path, query string
	headers                   []string
	names, digest             string
}

func (c text) canonical() string {
	return strings.Join([]string{c.method, c.path, c.query, strings.Join(c.headers, "\n") + "\n", c.names, c.digest}, "\n")
}

// sent is a request as it is sent, and the text that is to be signed for it.
type sent struct {
	target, body string
	header       []string // lines
	listed       string   // of the signed headers
	good         text
}

func digests(word string) func() hash.Hash {
	if strings.HasSuffix(word, "SM3") {
		return sm3pure.New
	}
	return sha256.New
}

func hexOf(word, s string) string {
	h := digests(word)()
	io.WriteString(h, s)
	return hex.EncodeToString(h.Sum(nil))
}

// signed sends the request with the signature of a string.
func (r sent) signed(t testing.TB, text string) *http.Request {
	mac := hmac.New(digests(r.good.word), []byte(secret))
	io.WriteString(mac, text)
	return r.with(t, hex.EncodeToString(mac.Sum(nil)))
}

func (r sent) with(t testing.TB, signature string) *http.Request {
	raw := fmt.Sprintf("%s %s HTTP/1.1\r\nX-Sdk-Date: %s\r\nContent-Length: %d\r\n%s\r\nAuthorization: %s Access=%s, SignedHeaders=%s, Signature=%s\r\n\r\n%s",
		r.good.method, r.target, sdkDate, len(r.body), strings.Join(r.header, "\r\n"), r.good.word, keyID, r.listed, signature, r.body)
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	require.NoError(t, err, raw)
	return req
}

func stringToSign(c text) string {
	return c.word + "\n" + sdkDate + "\n" + hexOf(c.word, c.canonical())
}

// codes are the mistakes that are named in a request that is refused.
func codes(t testing.TB, v *hmacsign.Verifier, req *http.Request) (codes []string) {
	_, err := v.Verify(req)
	require.Error(t, err)
	var e *hmacsign.VerifyError
	require.True(t, errors.As(err, &e))
	for _, m := range e.Explanation.Mistakes() {
		require.NotEqual(t, m.Code, m.Text, "no text")
		require.NotRegexp(t, `\{\w`, m.Text, "a gap is open")
		codes = append(codes, m.Code)
	}
	return codes
}

// a fault changes one field of the text in a way that has a name.
type fault struct {
	code   string
	change func(c *text)
}

func path(code, path string) fault   { return fault{code, func(c *text) { c.path = path }} }
func query(code, query string) fault { return fault{code, func(c *text) { c.query = query }} }
func digest(code, digest string) fault {
	return fault{code, func(c *text) { c.digest = digest }}
}
func headers(code string, lines ...string) fault {
	return fault{code, func(c *text) { c.headers = lines }}
}

const jsonBody = `{"b":1,"a":"中"}`

// request has something for most of the mistakes.
func request(word string) sent {
	return sent{
		target: "/s%2Ft/a%20b/it's?K+=1&b=2&b=%2F&a=&x[]=y&d=1+2&a-=3",
		body:   jsonBody,
		header: []string{"Host: h.example:8443", "Content-Type: application/json;charset=UTF-8", "X-A: 1", "X_under: u"},
		listed: "content-type;host;x-a;x-sdk-date;x_under",
		good: text{word: word, method: "POST", path: "/s%2Ft/a%20b/it%27s/",
			query:   "K%20=1&a=&a-=3&b=%2F&b=2&d=1%202&x%5B%5D=y",
			headers: []string{contentType, host, xA, date, xUnder},
			names:   "content-type;host;x-a;x-sdk-date;x_under", digest: hexOf(word, jsonBody)},
	}
}

const (
	contentType, host = "content-type:application/json;charset=UTF-8", "host:h.example:8443"
	xA, xUnder, date  = "x-a:1", "x_under:u", "x-sdk-date:" + sdkDate
)

// faults are those of the request above, by the field in which they are: those in
// different fields can be made together.
func faults(word string) [][]fault {
	return [][]fault{{
		path("slash_decoded", "/s/t/a%20b/it%27s/"),
		path("path_encoded_twice", "/s%252Ft/a%2520b/it%2527s/"),
		path("path_encoded_twice", "/s%252Ft/a%2520b/it%27s/"), // as it is sent
		path("path_encoded_twice", "/s%2Ft/a%2520b/it%2527s/"), // Node
		path("no_trailing_slash", "/s%2Ft/a%20b/it%27s"),
		path("path_as_sent", "/s%2Ft/a%20b/it's"),
		path("path_as_sent", "/s%2Ft/a%20b/it's/"),
		path("percent_lower_case", "/s%2ft/a%20b/it%27s/"),
	}, {
		query("name_not_encoded", "K%2B=1&K+=1&a=&a-=3&b=%2F&b=2&d=1%202&x%5B%5D=y&x[]=y"), // Java
		query("name_not_encoded", "K+=1&a=&a-=3&b=%2F&b=2&d=1%202&x[]=y"),
		query("name_not_encoded", "K%2B=1&a=&a-=3&b=%2F&b=2&d=1%202&x%5B%5D=y"),
		query("plus_not_encoded", "K%2B=1&a=&a-=3&b=%2F&b=2&d=1%2B2&x%5B%5D=y"),
		query("percent_lower_case", "K%20=1&a=&a-=3&b=%2f&b=2&d=1%202&x%5b%5d=y"),
		query("empty_value_without_equals", "K%20=1&a&a-=3&b=%2F&b=2&d=1%202&x%5B%5D=y"),
		query("plus_for_space", "K+=1&a=&a-=3&b=%2F&b=2&d=1+2&x%5B%5D=y"),
		query("repeated_parameter", "K%20=1&a=&a-=3&b=2&d=1%202&x%5B%5D=y"),
		query("repeated_parameter", "K%20=1&a=&a-=3&b=%2F&d=1%202&x%5B%5D=y"),
		query("repeats_joined", "K%20=1&a=&a-=3&b=2%2C%2F&d=1%202&x%5B%5D=y"),
		query("repeats_joined", "K%20=1&a=&a-=3&b=%2F,2&d=1%202&x%5B%5D=y"),
		query("parameters_not_sorted", "K%20=1&b=2&b=%2F&a=&x%5B%5D=y&d=1%202&a-=3"),
		query("parameters_sorted_wrongly", "K%20=1&a=&a-=3&b=2&b=%2F&d=1%202&x%5B%5D=y"),
		query("parameters_sorted_wrongly", "K%20=1&a-=3&a=&b=%2F&b=2&d=1%202&x%5B%5D=y"),
		query("query_not_canonical", "K+=1&b=2&b=%2F&a=&x[]=y&d=1+2&a-=3"),
		query("query_not_canonical", "K+=1&a=&a-=3&b=%2F&b=2&d=1+2&x[]=y"),
		query("query_left_out", ""),
	}, {
		headers("header_lines_order", contentType, host, xUnder, xA, date),
		{"header_lines_order", func(c *text) {
			c.headers, c.names = []string{contentType, host, xUnder, xA, date}, "content-type;host;x_under;x-a;x-sdk-date"
		}},
		headers("date_for_x_sdk_date", contentType, "date:"+sdkDate, host, xA, xUnder),
		headers("date_for_x_sdk_date", contentType, host, xA, "x-date:"+sdkDate, xUnder),
		headers("host_port", contentType, "host:h.example", xA, date, xUnder),
		headers("content_type_parameter", "content-type:application/json", host, xA, date, xUnder),
		headers("content_type_parameter", "content-type:application/json; charset=utf-8", host, xA, date, xUnder),
		headers("space_behind_colon", "content-type: application/json;charset=UTF-8", "host: h.example:8443", "x-a: 1", "x-sdk-date: "+sdkDate, "x_under: u"),
		headers("space_behind_colon", contentType, host, "x-a: 1", date, xUnder),
	}, {
		{"lower_case_method", func(c *text) { c.method = "post" }},
		{"other_method", func(c *text) { c.method = "GET" }},
	}, {
		digest("empty_body_signed", hexOf(word, "")),
		digest("unsigned_payload", "UNSIGNED-PAYLOAD"),
		digest("empty_object_signed", hexOf(word, "{}")),
		digest("body_newline", hexOf(word, jsonBody+"\n")),
		digest("body_serialised_again", hexOf(word, `{"b": 1, "a": "中"}`)),
		digest("body_serialised_again", hexOf(word, `{"a":"中","b":1}`)),
	}}
}

// Each mistake is named alone.
func TestMistakeAlone(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	for _, word := range []string{"SDK-HMAC-SHA256", "SDK-HMAC-SM3"} {
		r := request(word)
		_, err := v.Verify(r.signed(t, stringToSign(r.good)))
		require.NoError(t, err)
		for _, field := range faults(word) {
			for _, f := range field {
				c := r.good
				f.change(&c)
				require.Equal(t, []string{f.code}, codes(t, v, r.signed(t, stringToSign(c))), c.canonical())
			}
		}
	}
}

// Two that are in different fields are named both. Those that one SDK makes come with
// any other; of the rest a long search may leave some out, but names none wrongly.
func TestMistakesInPairs(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SHA256")
	all := faults(r.good.word)
	tried, named := 0, 0
	for i, field := range all {
		for _, other := range all[i+1:] {
			for _, f := range field {
				for _, g := range other {
					c := r.good
					f.change(&c)
					g.change(&c)
					tried++
					got := codes(t, v, r.signed(t, stringToSign(c)))
					if len(got) == 0 {
						continue
					}
					named++
					slices.Sort(got)
					want := []string{f.code, g.code}
					slices.Sort(want)
					require.Equal(t, slices.Compact(want), slices.Compact(got), c.canonical())
				}
			}
		}
	}
	t.Logf("%d of %d pairs are named", named, tried)
	require.Greater(t, 10*named, 9*tried)
}

var _ = bytes.Equal
var _ = rand.Read
