package huaweisdk_test

import (
	"bufio"
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

func clock() time.Time { return at(sdkDate) }

// newVerifier explains what it refuses; a silent one is quicker.
func newVerifier(t testing.TB, s huaweisdk.Scheme) *hmacsign.Verifier {
	return silentVerifier(t, s, hmacsign.WithExplanations())
}

func silentVerifier(t testing.TB, s huaweisdk.Scheme, opts ...hmacsign.VerifierOption) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, append(opts, hmacsign.AcceptSchemes(s), hmacsign.WithClock(clock))...)
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

// Two that are in different fields are named both, unless the search is at its end
// before; none is named wrongly. Every third pair is enough.
func TestMistakesInPairs(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SHA256")
	all := faults(r.good.word)
	tried, named := 0, 0
	for i := range all {
		for j := i + 1; j < len(all); j++ {
			together(r.good, nil, [][]fault{all[i], all[j]}, func(c text, want []string) {
				if tried++; tried%3 > 0 {
					return
				}
				got := codes(t, v, r.signed(t, stringToSign(c)))
				if len(got) == 0 {
					return
				}
				named++
				slices.Sort(got)
				slices.Sort(want)
				require.Equal(t, slices.Compact(want), slices.Compact(got), c.canonical())
			})
		}
	}
	require.Positive(t, named)
	t.Logf("%d of %d pairs are named", named, tried/3)
}

// What one of the vendor's SDKs does wrong comes in any number together, in each of the
// forms that are accepted.
func TestSDKFaultsTogether(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	plain := request("SDK-HMAC-SM3")
	unsigned := plain // and the body's hash is signed all the same
	unsigned.header = append(slices.Clone(plain.header), "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD")
	unsigned.listed = strings.Replace(plain.listed, "x-sdk-date", "x-sdk-content-sha256;x-sdk-date", 1)
	for _, sdk := range [][]string{
		{"slash_decoded", "name_not_encoded", "plus_not_encoded", "empty_body_signed"},    // Java
		{"slash_decoded", "path_encoded_twice", "plus_not_encoded", "header_lines_order"}, // Node
	} {
		var fields [][]fault
		for _, field := range faults("SDK-HMAC-SM3") {
			none := fault{"", func(*text) {}}
			made := slices.DeleteFunc(slices.Clone(field), func(f fault) bool { return !slices.Contains(sdk, f.code) })
			fields = append(fields, append(made, none))
		}
		for _, r := range []sent{plain, unsigned} {
			together(plain.good, nil, fields, func(c text, want []string) {
				if r.listed != plain.listed {
					at := slices.Index(c.headers, date)
					c.headers = slices.Insert(slices.Clone(c.headers), at, "x-sdk-content-sha256:UNSIGNED-PAYLOAD")
					c.names = strings.Replace(c.names, "x-sdk-date", "x-sdk-content-sha256;x-sdk-date", 1)
				}
				if len(want) == 0 {
					_, err := v.Verify(r.signed(t, stringToSign(c)))
					require.NoError(t, err)
				} else {
					require.Equal(t, want, codes(t, v, r.signed(t, stringToSign(c))), c.canonical())
				}
			})
		}
	}
}

// together makes one fault of each field.
func together(c text, made []string, fields [][]fault, check func(c text, made []string)) {
	if len(fields) == 0 {
		check(c, made)
		return
	}
	for _, f := range fields[0] {
		changed, now := c, made
		if f.change(&changed); f.code != "" {
			now = append(made[:len(made):len(made)], f.code)
		}
		together(changed, now, fields[1:], check)
	}
}

// Parameters that sort otherwise once they are encoded do not hide another mistake.
func TestMistakeWithOtherOrder(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SHA256")
	r.target, r.good.path = "/s%2Ft?a~=1&a%20=2", "/s%2Ft/"
	for query, accepted := range map[string]bool{"a%20=2&a~=1": true, "a~=1&a%20=2": false} {
		c := r.good
		c.query = query
		_, err := v.Verify(r.signed(t, stringToSign(c)))
		if !accepted {
			require.Equal(t, []string{"parameters_not_sorted"}, codes(t, v, r.signed(t, stringToSign(c))))
			continue
		}
		require.NoError(t, err)
		c.path = "/s/t/"
		require.Equal(t, []string{"slash_decoded"}, codes(t, v, r.signed(t, stringToSign(c))))
	}
	r.target = "/s%2Ft?a~=1&a%7F=2" // sorted by bytes ~ comes first, encoded % does
	for _, query := range []string{"a~=1&a%7F=2", "a%7F=2&a~=1"} {
		c := r.good
		c.query = query
		_, err := v.Verify(r.signed(t, stringToSign(c)))
		require.NoError(t, err)
		c.path, c.digest = "/s/t/", hexOf(c.word, "")
		require.Equal(t, []string{"slash_decoded", "empty_body_signed"}, codes(t, v, r.signed(t, stringToSign(c))))
	}
}

// The mistakes in the string around the hash, and in how it is made.
func TestMistakeInString(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SM3")
	prefix := "SDK-HMAC-SM3\n" + sdkDate + "\n"
	otherBody := r.good
	otherBody.digest = hexOf("SHA256", jsonBody)
	noLine := strings.Replace(r.good.canonical(), xUnder+"\n\n", xUnder+"\n", 1)
	for _, c := range []struct{ code, text string }{
		{"sha256_of_body", prefix + hexOf("SM3", otherBody.canonical())},
		{"sha256_of_body", prefix + hexOf("SHA256", otherBody.canonical())},
		{"sha256_of_request", prefix + hexOf("SHA256", r.good.canonical())},
		{"no_empty_line", prefix + hexOf("SM3", noLine)},
		{"request_not_hashed", prefix + r.good.canonical()},
		{"other_word", "SDK-HMAC-SHA256\n" + sdkDate + "\n" + hexOf("SM3", r.good.canonical())},
		{"other_word", "V11-HMAC-SM3\n" + sdkDate + "\n" + hexOf("SM3", r.good.canonical())},
	} {
		require.Equal(t, []string{c.code}, codes(t, v, r.signed(t, c.text)), c.text)
	}
}

// A list that is not sorted is, in the string.
func TestHeadersAsListed(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SHA256")
	r.listed = "x-sdk-date;host;content-type;x-a;x_under"
	_, err := v.Verify(r.signed(t, stringToSign(r.good)))
	require.NoError(t, err)
	listed := []string{date, host, contentType, xA, xUnder}
	for _, change := range []func(*text){
		func(c *text) { c.headers = listed },
		func(c *text) { c.names = r.listed },
		func(c *text) { c.headers, c.names = listed, r.listed },
	} {
		c := r.good
		change(&c)
		require.Equal(t, []string{"header_lines_order"}, codes(t, v, r.signed(t, stringToSign(c))))
	}
}

// An encoded slash that is decoded first is accepted where it is asked for, in each
// form, and is no mistake then.
func TestSlashDecoded(t *testing.T) {
	r := request("SDK-HMAC-SM3")
	r.target = "/s%2Ft/p%25q/%2525%2541?a~=1&a%7F=2"
	r.header = append(r.header, "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD")
	r.listed = "content-type;host;x-a;x-sdk-content-sha256;x-sdk-date;x_under"
	r.good.names = r.listed
	r.good.headers = []string{contentType, host, xA, "x-sdk-content-sha256:UNSIGNED-PAYLOAD", date, xUnder}
	strict, v := newVerifier(t, huaweisdk.Scheme{}), newVerifier(t, huaweisdk.Scheme{DecodeSlash: true})
	for form, parts := range map[string][2]string{
		"_sorted_encoded": {"a%7F=2&a~=1", "UNSIGNED-PAYLOAD"}, "": {"a~=1&a%7F=2", "UNSIGNED-PAYLOAD"},
		"_body_hashed_sorted_encoded": {"a%7F=2&a~=1", r.good.digest}, "_body_hashed": {"a~=1&a%7F=2", r.good.digest},
	} {
		c := r.good
		c.path, c.query, c.digest = "/s/t/p%25q/%2525%2541/", parts[0], parts[1]
		id, err := v.Verify(r.signed(t, stringToSign(c)))
		require.NoError(t, err, form)
		require.Equal(t, "slash_decoded"+form, id.Form)
		require.Equal(t, []string{"slash_decoded"}, codes(t, strict, r.signed(t, stringToSign(c))))
		c.path = "/s/t/p%25q/%25A/" // decoded twice
		require.Empty(t, codes(t, v, r.signed(t, stringToSign(c))))
	}
}

// Words for signatures that are no HMAC are named as such, and a date under another
// name.
func TestRecognise(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	r := request("SDK-HMAC-SHA256")
	for _, word := range []string{"SDK-SM2-SM3", "SDK-ECDSA-P256-SHA256", "V11-ECDSA-P256-SHA256"} {
		req := r.signed(t, "")
		req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), r.good.word, word, 1))
		require.Equal(t, []string{"not_hmac"}, codes(t, v, req))
		_, err := v.Verify(req)
		require.ErrorIs(t, err, hmacsign.ErrAlgorithm)
	}
	for listed, want := range map[string][]string{"host;date": {"date_for_x_sdk_date"}, "host;x-date": {"date_for_x_sdk_date"}, "host": nil} {
		r.header = []string{"Host: h", "Date: Thu, 11 Mar 2021 08:29:58 GMT", "X-Date: Thu, 11 Mar 2021 08:29:58 GMT"}
		r.listed = listed
		require.Equal(t, want, codes(t, v, r.signed(t, "")))
	}
}

// No mistake is named for a signature that is none of this request's.
func TestNoMistakeForRandomSignature(t *testing.T) {
	requests := []sent{request("SDK-HMAC-SHA256"), request("SDK-HMAC-SM3")}
	bare := request("SDK-HMAC-SHA256")
	bare.target, bare.body, bare.header, bare.listed, bare.good.method = "/", "", []string{"Host: h"}, "host;x-sdk-date", "GET"
	unsigned := request("SDK-HMAC-SM3")
	unsigned.header = append(unsigned.header, "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD")
	empty := unsigned
	empty.body = ""
	for _, r := range append(requests, bare, unsigned, empty) {
		for range 4 {
			var signature [32]byte
			rand.Read(signature[:])
			require.Empty(t, codes(t, newVerifier(t, huaweisdk.Scheme{}), r.with(t, hex.EncodeToString(signature[:]))))
			require.Empty(t, codes(t, newVerifier(t, huaweisdk.Scheme{DecodeSlash: true}), r.with(t, hex.EncodeToString(signature[:]))))
		}
	}
}
