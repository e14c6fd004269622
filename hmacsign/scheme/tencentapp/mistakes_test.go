package tencentapp_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

const (
	keyID  = "AKIDtest"
	secret = "a secret"
	when   = "Thu, 11 Mar 2021 08:29:58 GMT"

	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// mistaken is a request of a client that makes mistakes. The test writes by hand what
// that client signed, and signs it with the standard library.
type mistaken struct {
	codes  string // that are to be named, one after the other
	method string // GET, or POST with a body
	target string
	header string // lines "Name: value\n"; Accept is */* and X-Date there without
	body   string
	listed string // x-date without
	lines  string // of the signed headers
	fields string // method, Accept, Content-Type and Content-MD5: what is right without
	signed string // target
	scheme tencentapp.Scheme
	length int // what the client says of its body's
}

func (c mistaken) contentType() string {
	for line := range strings.Lines(c.header) {
		if value, ok := strings.CutPrefix(line, "Content-Type: "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func digest(body string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x", md5.Sum([]byte(body))))
}

func rawDigest(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func sign(text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func (c mistaken) withDefaults() mistaken {
	if c.method == "" {
		if c.method = "GET"; c.body != "" {
			c.method = "POST"
		}
	}
	if c.listed == "" {
		c.listed = "x-date"
	}
	if c.lines == "" {
		c.lines = "x-date: " + when + "\n"
	}
	if c.fields == "" {
		sum := ""
		if c.body != "" && c.contentType() != formType {
			sum = digest(c.body)
		}
		c.fields = c.method + "\n*/*\n" + c.contentType() + "\n" + sum
	}
	if c.length == 0 {
		c.length = len(c.body)
	}
	if c.signed == "" {
		c.signed = c.target
	}
	if !strings.Contains(c.header, "Accept: ") && !strings.Contains(c.header, "No-Accept") {
		c.header += "Accept: */*\n"
	}
	if !strings.Contains(c.header, "X-Date: ") {
		c.header += "X-Date: " + when + "\n"
	}
	return c
}

// verify sends the request, with the signature that it is given or that of what the
// client signed.
func (c mistaken) verify(t *testing.T, signature []byte) error {
	c = c.withDefaults()
	if signature == nil {
		signature = sign(c.lines + c.fields + "\n" + c.signed)
	}
	raw := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h.example\r\n%sContent-Length: %d\r\nAuthorization: hmac id=\"%s\", algorithm=\"hmac-sha256\", headers=\"%s\", signature=\"%s\"\r\n\r\n%s",
		c.method, c.target, strings.ReplaceAll(c.header, "\n", "\r\n"), c.length, keyID, c.listed, base64.StdEncoding.EncodeToString(signature), c.body)
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	require.NoError(t, err)
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)})
	require.NoError(t, err)
	now, err := http.ParseTime(when)
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(c.scheme), hmacsign.WithExplanations(), hmacsign.WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	_, err = v.Verify(req)
	return err
}

// named are the codes of the mistakes that a verdict names, and each has texts without
// a gap that is left open.
func named(t *testing.T, err error) []string {
	t.Helper()
	var refused *hmacsign.VerifyError
	require.True(t, errors.As(err, &refused), "%v", err)
	codes := []string{}
	for _, m := range refused.Explanation.Mistakes() {
		codes = append(codes, m.Code)
		for _, lang := range scheme.Languages() {
			require.NotContains(t, m.In(lang), m.Code+" ", "no text")
			require.NotContains(t, strings.ReplaceAll(m.In(lang), "{}", ""), "}", m.Code)
		}
		require.NotContains(t, m.Text, secret)
	}
	return codes
}

var (
	form      = "Content-Type: " + formType + "\n"
	json      = "Content-Type: " + jsonType + "\n"
	multipart = "Content-Type: multipart/form-data; boundary=xyz\n"
	emptyMD5  = "Content-Md5:\n"
	accepts   = func(f tencentapp.QueryForm) tencentapp.Scheme { return tencentapp.Scheme{Accept: f} }
)

const zero = `{"n":1}` // its MD5 begins with a zero

var alone = []mistaken{
	{codes: "lower_case_method", target: "/a", fields: "get\n*/*\n\n"},
	{codes: "other_method", method: "HEAD", target: "/a", fields: "GET\n*/*\n\n"},
	{codes: "other_method", method: "PUT", target: "/a", body: "x", fields: "POST\n*/*\n\n" + digest("x")},

	{codes: "no_space_behind_colon", target: "/a", lines: "x-date:" + when + "\n"},
	{codes: "header_names_not_lower_case", target: "/a", lines: "X-Date: " + when + "\n"},
	{codes: "header_names_not_lower_case", target: "/a", lines: "X-DATE: " + when + "\n"},
	{codes: "values_alone", target: "/a", lines: when + "\n"},
	{codes: "date_for_x_date", target: "/a", lines: "date: " + when + "\n"},
	{codes: "date_for_x_date", target: "/a", header: "Source: s\n", listed: "source x-date", lines: "source: s\ndate: " + when + "\n"},
	{codes: "header_order", target: "/a", header: "Source: s\n", listed: "x-date source", lines: "x-date: " + when + "\nsource: s\n"},
	{codes: "header_left_out", target: "/a", header: "Source: s\n", listed: "x-date source"},

	{codes: "accept_not_signed", target: "/a", fields: "GET\n\n\n"},
	{codes: "other_accept", target: "/a", header: "No-Accept: 1\n"},
	{codes: "other_accept", target: "/a", fields: "GET\napplication/json, text/plain, */*\n\n"},
	{codes: "content_type_not_signed", target: "/a", header: json, fields: "GET\n*/*\n\n"},
	{codes: "content_type_parameter", target: "/a", header: "Content-Type: application/json;charset=utf-8\n", fields: "GET\n*/*\napplication/json\n"},
	{codes: "content_type_parameter", target: "/a", header: json, fields: "GET\n*/*\napplication/json; charset=UTF-8\n"},
	{codes: "other_content_type", target: "/a", fields: "GET\n*/*\napplication/json\n"},

	{codes: "form_md5_signed", target: "/a?b=1", header: form, body: "a=1", fields: "POST\n*/*\n" + formType + "\n" + digest("a=1"), signed: "/a?a=1&b=1"},
	{codes: "form_md5_signed", target: "/a", header: form + "Content-Md5: " + rawDigest("a=1") + "\n", body: "a=1", fields: "POST\n*/*\n" + formType + "\n" + rawDigest("a=1"), signed: "/a?a=1"},
	{codes: "empty_body_md5", target: "/a", fields: "GET\n*/*\n\n" + digest("")},
	{codes: "content_md5_raw", target: "/a", body: "b", fields: "POST\n*/*\n\n" + rawDigest("b")},
	{codes: "content_md5_hex", target: "/a", header: "Content-Md5: " + rawDigest("b") + "\n", body: "b"},
	{codes: "content_md5_not_base64", target: "/a", body: "b", fields: fmt.Sprintf("POST\n*/*\n\n%x", md5.Sum([]byte("b")))},
	{codes: "content_md5_upper_case", target: "/a", body: "b", fields: "POST\n*/*\n\n" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%X", md5.Sum([]byte("b"))))},
	{codes: "content_md5_leading_zero", target: "/a", body: zero, fields: "POST\n*/*\n\n" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x", md5.Sum([]byte(zero)))[1:])},
	{codes: "body_not_signed", target: "/a", body: "b", fields: "POST\n*/*\n\n"},
	{codes: "body_newline", target: "/a", body: "b\n", fields: "POST\n*/*\n\n" + digest("b")},
	{codes: "empty_body_signed", target: "/a", body: "b", fields: "POST\n*/*\n\n" + digest("")},
	{codes: "empty_object_signed", target: "/a", body: "b", fields: "POST\n*/*\n\n" + digest("{}")},
	{codes: "body_serialised_again", target: "/a", body: `{"a":1,"b":[2,3]}`, fields: "POST\n*/*\n\n" + digest(`{"a": 1, "b": [2, 3]}`)},
	{codes: "content_length_characters", target: "/a", header: json, body: `{"a":"é","b":{"c":"中文字"}}`[:26], fields: "POST\n*/*\n" + jsonType + "\n" + digest(`{"a":"é","b":{"c":"中文字"}}`)},
	{codes: "content_length_characters", target: "/a", header: multipart, body: "--xyz\r\n\r\né\r\n--xyz--\r", fields: "POST\n*/*\nmultipart/form-data; boundary=xyz\n" + digest("--xyz\r\n\r\né\r\n--xyz--\r\n")},
	{codes: "content_length_characters", target: "/a", header: multipart, body: "--xyz\r\n\r\n中文\r\n--xyz", fields: "POST\n*/*\nmultipart/form-data; boundary=xyz\n" + digest("--xyz\r\n\r\n中文\r\n--xyz--\r\n")},
	{codes: "content_length_characters", target: "/a", header: json, body: "{\"a\":\"中文", fields: "POST\n*/*\n" + jsonType + "\n" + digest(`{"a":"中文字符","b":1}`)},
	{codes: "content_length_characters", target: "/a", header: json, body: "{\"a\":\"中文\xe5\xad", fields: "POST\n*/*\n" + jsonType + "\n" + digest(`{"a":"中文字"}`)},
	{codes: "content_length_characters", target: "/a", header: json + "Content-Md5: " + digest(`{"a":"中"}`) + "\n", body: `{"a":"中`, fields: "POST\n*/*\n" + jsonType + "\n" + digest(`{"a":"中"}`)},

	{codes: "environment_signed", target: "/release/a"},
	{codes: "environment_signed", target: "/test"},
	{codes: "environment_signed", target: "/prepub/a%20b?q=%E4%B8%AD", signed: "/prepub/a b?q=中"},
	{codes: "environment_left_out", target: "/release/a", signed: "/a", scheme: tencentapp.Scheme{KeepEnvironment: true}},
	{codes: "environment_cut_wrongly", target: "/releases/x", signed: "s/x"},
	{codes: "environment_cut_wrongly", target: "/tests/x/y", signed: "/x/y"},
	{codes: "environment_cut_wrongly", target: "/test/release/x", signed: "/x"},
	{codes: "path_parameter", target: "/a/b;v=1?c=1", signed: "/a/b?c=1"},
	{codes: "no_leading_slash", target: "/a", signed: "a"},
	{codes: "trailing_slash", target: "/a/", signed: "/a"},
	{codes: "trailing_slash", target: "/a", signed: "/a/"},
	{codes: "path_encoded_twice", target: "/a%20b", signed: "/a%2520b"},
	{codes: "whole_url_signed", target: "/a?b=1", signed: "https://h.example/a?b=1"},

	{codes: "decoded_ambiguous", target: "/a?q=%26", signed: "/a?q=&"},
	{codes: "decoded_ambiguous", target: "/a%26b", signed: "/a&b"},
	{codes: "decoded_ambiguous", target: "/a%20b?q=%2B", signed: "/a b?q=+"},
	{codes: "decoded_ambiguous", target: "/a%20b?q=%2B", signed: "/a%20b?q=+"},
	{codes: "decoded_ambiguous", target: "/a", header: form, body: "q=%3D", signed: "/a?q=="},
	{codes: "decoded_ambiguous", target: "/a?q=%3D", header: form, body: "a=b+c", signed: "/a?a=b+c&q=="},
	{codes: "decoded_ambiguous", target: "/a?q=%3D", signed: "/a?q==", scheme: accepts(tencentapp.Documented)},
	{codes: "query_form_decoded", target: "/a?q=%20", signed: "/a?q= ", scheme: accepts(tencentapp.Documented)},
	{codes: "query_form_raw", target: "/a?b=&a", signed: "/a?a&b=", scheme: accepts(tencentapp.Documented)},
	{codes: "path_decoded", target: "/a%20b?q=%20", signed: "/a b?q=%20"},
	{codes: "parameters_decoded", target: "/a?q=%20+", signed: "/a?q= +"},
	{codes: "parameters_decoded", target: "/a?z=1&%7A=0&q=2", signed: "/a?z=0&q=2&z=1"},
	{codes: "percent_case", target: "/a%2f?q=%2f", signed: "/a%2F?q=%2F"},
	{codes: "percent_case", target: "/a%2F?q=%2F", signed: "/a%2f?q=%2f"},
	{codes: "percent_case", target: "/a%2F?q=1", signed: "/a%2f?q=1"},
	{codes: "percent_case", target: "/a%2F?q=%2F", signed: "/a%2F?q=%2f"},
	{codes: "space_encoding", target: "/a?q=x%20y%26", signed: "/a?q=x+y%26"},
	{codes: "space_encoding", target: "/a?q=x+y", signed: "/a?q=x%20y"},
	{codes: "form_space", target: "/a", header: form, body: "a=b c"},
	{codes: "form_not_encoded", target: "/a", header: form, body: "a=50%"},

	{codes: "form_separator_unencoded", target: "/a?d=1", header: form, body: "c=a&b", signed: "/a?c=a&b&d=1"},
	{codes: "value_cut_at_equals", target: "/a?c=1", header: form, body: "a=a=b", signed: "/a?a=a&c=1"},
	{codes: "php_key_renamed", target: "/a?a.b=1", signed: "/a?a_b=1"},
	{codes: "php_key_renamed", target: "/a?a+b=1", signed: "/a?a_b=1"},
	{codes: "php_array", target: "/a?a[]=1&a[]=2&b=0", signed: "/a?a=Array&b=0"},
	{codes: "php_array", target: "/a?x%5Bk%5D=1", signed: "/a?x=Array"},
	{codes: "php_empty_zero", target: "/a?offset=0&limit=20", signed: "/a?limit=20&offset"},
	{codes: "repeated_parameter", target: "/a?k=1&k=2&j=0", signed: "/a?j=0&k=2"},
	{codes: "repeated_parameter", target: "/a?k=1&k=2&j=0", signed: "/a?j=0&k=1"},
	{codes: "repeated_parameter", target: "/a?k=1", header: form, body: "k=2", signed: "/a?k=2"},
	{codes: "repeats_joined", target: "/a?k=1&k=2&j=0", signed: "/a?j=0&k=1,2"},
	{codes: "repeated_parameter", target: "/a?k=1&k=2", header: form, body: "j=0", signed: "/a?j=0&k=1"},
	{codes: "undefined_value", target: "/a?b=1", header: form, body: "a=1", signed: "/a?a=1&b=undefined"},
	{codes: "undefined_value", target: "/a?b=1", header: form, body: "a=&c=1", signed: "/a?a=&b=undefined&c=1"},
	{codes: "empty_value_with_equals", target: "/a?b=&c=%20", signed: "/a?b=&c= "},
	{codes: "form_left_out", target: "/a?q=1", header: form, body: "z=1&b=2", signed: "/a?q=1"},
	{codes: "form_left_out", target: "/a", header: form, body: "z=1&b=2", signed: "/a"},
	{codes: "form_left_out", target: "/a?b=1&c=1", header: form, body: "b=2", signed: "/a?b=1&c=1"},
	{codes: "only_form_signed", target: "/a?q=1", header: form, body: "z=1&b=2", signed: "/a?b=2&z=1"},
	{codes: "form_appended", target: "/a?q=1", header: form, body: "z=1&b=2", signed: "/a?q=1&b=2&z=1"},
	{codes: "parameters_left_out", target: "/a?b=1", signed: "/a"},
	{codes: "second_question_mark", target: "/a?b=1", header: form, body: "a=1", signed: "/a?b=1?a=1"},
	{codes: "second_question_mark", target: "/a?c=1&b=%26", header: form, body: "d=1&a=1", signed: "/a?c=1&b=%26?a=1&d=1"},
	{codes: "parameters_not_sorted", target: "/a?b=1&a=2", signed: "/a?b=1&a=2"},
	{codes: "parameters_sorted_otherwise", target: "/a?b=1&B=2&A=3&a=4", signed: "/a?A=3&a=4&b=1&B=2"},
	{codes: "parameters_sorted_otherwise", target: "/a?10=1&b=2&2=1", signed: "/a?2=1&10=1&b=2"},
}

var together = []mistaken{
	{codes: "accept_not_signed body_serialised_again", target: "/a", body: `{"a":1}`, fields: "POST\n\n\n" + digest(`{"a": 1}`)},
	{codes: "accept_not_signed trailing_slash", target: "/a/", fields: "GET\n\n\n", signed: "/a"},
	{codes: "body_not_signed path_encoded_twice", target: "/%20", body: "b", fields: "POST\n*/*\n\n", signed: "/%2520"},
	{codes: "header_names_not_lower_case lower_case_method", target: "/a", lines: "X-Date: " + when + "\n", fields: "get\n*/*\n\n"},
	{codes: "environment_signed repeated_parameter", target: "/test/a?k=1&k=2", signed: "/test/a?k=2"},
	{codes: "environment_signed parameters_not_sorted", target: "/test/a?b=2&a=1", signed: "/test/a?b=2&a=1"},
	{codes: "environment_signed decoded_ambiguous undefined_value", target: "/test/a?b=%3D", header: form, body: "a=%26", signed: "/test/a?a=&&b=undefined"},
	{codes: "environment_cut_wrongly path_decoded second_question_mark", target: "/tests/a%20?b=%3D", header: form, body: "a=1", signed: "s/a ?b=%3D?a=1"},
	{codes: "second_question_mark", target: "/a%20?b=%20", header: form, body: "a=1", signed: "/a ?b=%20?a=1"},
	{codes: "environment_cut_wrongly decoded_ambiguous repeated_parameter", target: "/tests/a%20?b=%3D&b=1", signed: "s/a ?b=="},
	{codes: "environment_cut_wrongly path_parameter", target: "/tests/a;b", signed: "/a"},
	{codes: "percent_case path_parameter", target: "/a%2F/b;c", signed: "/a%2f/b"},
	{codes: "body_not_signed decoded_ambiguous", target: "/a?b=%3D", body: "b", fields: "POST\n*/*\n\n", signed: "/a?b=="},
	{codes: "form_left_out parameters_not_sorted", target: "/a?b=1&a=2", header: form, body: "c=1", signed: "/a?b=1&a=2"},
	{codes: "repeated_parameter value_cut_at_equals", target: "/a?b=1", header: form, body: "b=c=d", signed: "/a?b=c"},
	{codes: "php_empty_zero php_key_renamed", target: "/a?a.b=0&c=1", signed: "/a?a_b&c=1"},
	{codes: "php_array php_empty_zero repeated_parameter", target: "/a?x[]=1&o=1&o=0", signed: "/a?o&x=Array"},
	{codes: "decoded_ambiguous php_array php_empty_zero php_key_renamed repeated_parameter", target: "/a?c=a%3Db&k+y=b+c&x%5B%5D=1&k+y=0", signed: "/a?c=a=b&k_y&x=Array"},
	{codes: "empty_value_with_equals repeated_parameter", target: "/a?b=1", header: form, body: "b=%20&a=", signed: "/a?a=&b= "},
	{codes: "environment_signed decoded_ambiguous empty_value_with_equals", target: "/test/a", header: form, body: "b=%3D&a=&c=1", signed: "/test/a?a=&b==&c=1"},
	{codes: "decoded_ambiguous environment_signed php_array php_empty_zero php_key_renamed repeated_parameter", target: "/test/a?c=a%3Db&k+y=b+c&x%5B%5D=1&k+y=0", signed: "/test/a?c=a=b&k_y&x=Array"},
	{codes: "content_length_characters path_parameter", target: "/a;b", header: multipart, body: "--xyz\r\n\r\né\r\n--xyz--\r", fields: "POST\n*/*\nmultipart/form-data; boundary=xyz\n" + digest("--xyz\r\n\r\né\r\n--xyz--\r\n"), signed: "/a"},
}

func TestMistakes(t *testing.T) {
	for _, c := range slices.Concat(alone, together) {
		t.Run(c.codes+c.target, func(t *testing.T) {
			err := c.verify(t, nil)
			want := strings.Fields(c.codes)
			got := named(t, err)
			slices.Sort(want)
			slices.Sort(got)
			c = c.withDefaults()
			require.Equal(t, want, got, "%v\n%s%s\n%s", err, c.lines, c.fields, c.signed)
		})
	}
}

// Every mistake of the list is made above, and has its texts.
func TestEveryMistakeIsMade(t *testing.T) {
	made := make(map[string]bool)
	for _, c := range alone {
		made[c.codes] = true
	}
	for _, m := range (tencentapp.Scheme{}).Mistakes() {
		require.True(t, made[m.Code], m.Code)
		for _, lang := range scheme.Languages() {
			require.NotEqual(t, m.Code, scheme.Text(lang, m.Code, nil))
		}
	}
}

// memory is a body that is held in memory.
type memory string

func (m memory) Empty() (bool, error)         { return m == "", nil }
func (m memory) Hash(h hash.Hash) error       { _, err := io.WriteString(h, string(m)); return err }
func (m memory) Bytes() ([]byte, bool, error) { return []byte(m), true, nil }
func (m memory) Text() (string, error)        { return string(m), nil }
func (m memory) Reserve(int64) error          { return nil }

// A mistake changes a copy: what it was given is as before, and so is each variant
// once the next one is made.
func TestMistakesLeaveThePartsAlone(t *testing.T) {
	for _, c := range slices.Concat(alone, together) {
		c = c.withDefaults()
		path, query, _ := strings.Cut(c.target, "?")
		m := &scheme.Message{Method: c.method, Path: path, Query: query, Host: "h.example", Body: memory(c.body),
			Header: http.Header{"X-Date": {when}, "Source": {"s"}, "Accept": {"*/*"}, "Content-Type": {c.contentType()}}}
		claim := &scheme.Claim{Headers: []string{"x-date", "source"}}
		for _, f := range c.scheme.Forms() {
			var p scheme.Parts
			if ok, err := c.scheme.Parts(&p, m, claim, f); !ok || err != nil {
				continue
			}
			s := &scheme.Search{Message: m, Claim: claim, Form: f, Body: []byte(c.body), HasBody: true, Afford: func(int) bool { return true }, GiveUp: func() {}}
			before := written(&p)
			for _, mistake := range c.scheme.Mistakes() {
				var variants []*scheme.Parts
				var texts []string
				mistake.Parts(s, &p, func(variant *scheme.Parts, _ ...string) bool {
					variants, texts = append(variants, variant), append(texts, written(variant))
					return true
				})
				require.Equal(t, before, written(&p), mistake.Code)
				for i := range variants {
					require.Equal(t, texts[i], written(variants[i]), mistake.Code)
				}
				// It stops when it is told to.
				count := 0
				mistake.Parts(s, &p, func(*scheme.Parts, ...string) bool { count++; return false })
				require.LessOrEqual(t, count, 1, mistake.Code)
			}
		}
	}
}

func written(p *scheme.Parts) string {
	return fmt.Sprint(p.Method, p.Path, p.Params, p.Mark, p.Headers, p.Colon, p.Names, p.Fields, string(p.Digest))
}

// What is found before a MAC is compared, by looking at the request.
func recognised(c mistaken) bool {
	return strings.HasPrefix(c.codes, "form_space") || strings.HasPrefix(c.codes, "form_not_encoded") || strings.HasPrefix(c.codes, "content_length_characters")
}

// A signature of something else is not explained by any of them, and the request that
// is signed as it should be is accepted.
func TestNoFalseMistake(t *testing.T) {
	for i, c := range slices.Concat(alone, together) {
		if recognised(c) {
			continue
		}
		err := c.verify(t, sign(fmt.Sprint("something else ", i)))
		require.Empty(t, named(t, err), c.codes)
	}
	for _, c := range []mistaken{
		{target: "/a?b=%3D&a=1&a=0", signed: "/a?a=0&a=1&b=%3D"},
		{target: "/a?b.c=0&a[]=1", signed: "/a?a[]=1&b.c=0"},
		{target: "/tests/a;b/c?b=1", header: form, body: "a=x=y&d", signed: "/tests/a;b/c?a=x=y&b=1&d"},
		{target: "/a", header: form + emptyMD5, body: "a=1", signed: "/a?a=1"},
		{target: "/a", header: json, body: `{"a":"中文"}`},
		{target: "/a", header: multipart, body: "--xyz\r\n\r\n中文\r\n--xyz--\r\n"},
	} {
		require.NoError(t, c.verify(t, nil), c.target)
	}
}

// A body that is whole, or that holds no character of several bytes, is not taken for
// one that was cut.
func TestBodyThatIsNotCut(t *testing.T) {
	for body, contentType := range map[string]string{
		`{"a":"中文"}`:                           json,
		`{"a":"中文"} `:                          json,
		`{"a":"b"`:                             json,
		`{"a":中}`:                              json,
		`中文`:                                   json,
		"--xyz\r\n\r\nabc\r\n--xy":             multipart,
		"--xyz\r\n\r\n中文\r\n--xyz--\r\n":       multipart,
		"中文 multipart":                         multipart,
		"caf\xe9":                              "Content-Type: text/plain\n",
		"\xff\xd8\xff\xe0\x00\x10JFIF\xe4":     "Content-Type: image/jpeg\n",
		"中文, and so on":                        "Content-Type: text/plain\n",
		"<a>中文</a":                             "Content-Type: text/xml\n",
		"\x00\x01\xe4\xb8\xad\x80\xfe\xe4\xb8": "Content-Type: application/octet-stream\n",
	} {
		c := mistaken{target: "/a", header: contentType, body: body}
		require.Empty(t, named(t, c.verify(t, sign("something else"))), body)
		// The same where the MAC is right and the digest is not.
		c.header += "Content-Md5: " + digest("something else") + "\n"
		c.fields = "POST\n*/*\n" + c.contentType() + "\n" + digest("something else")
		err := c.verify(t, nil)
		require.ErrorIs(t, err, hmacsign.ErrBodyDigest)
		require.Empty(t, named(t, err), body)
	}
}

// What is wrong with a digest is told where the MAC is right too.
func TestRecognisedDigest(t *testing.T) {
	for code, sent := range map[string]string{
		"content_md5_upper_case":   base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%X", md5.Sum([]byte(zero)))),
		"content_md5_leading_zero": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x", md5.Sum([]byte(zero)))[1:]),
		"body_not_signed":          "",
		"body_newline":             digest(zero + "\n"),
		"empty_body_signed":        digest(""),
		"body_serialised_again":    digest(`{"n": 1}`),
	} {
		c := mistaken{target: "/a", header: json + "Content-Md5: " + sent + "\n", body: zero, fields: "POST\n*/*\n" + jsonType + "\n" + sent}
		err := c.verify(t, nil)
		require.ErrorIs(t, err, hmacsign.ErrBodyDigest)
		require.Equal(t, []string{code}, named(t, err))
	}
}

// What keeps the list of signed headers from being read, or the date.
func TestRecognisedHeaders(t *testing.T) {
	for listed, code := range map[string]string{"source,x-date": "comma_separated_headers", "source;x-date": "comma_separated_headers", "date": "date_for_x_date", "Source Date": "date_for_x_date"} {
		c := mistaken{target: "/a", header: "Source: s\n", listed: listed}
		require.Equal(t, []string{code}, named(t, c.verify(t, nil)), listed)
	}
	for _, listed := range []string{"source", "sou rce=", "source  x-date"} {
		c := mistaken{target: "/a", header: "Source: s\n", listed: listed}
		require.Empty(t, named(t, c.verify(t, nil)), listed)
	}
}

func numbered(n int, format string) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Whatever a stranger sends, looking for its mistakes takes little memory.
func TestSearchIsBounded(t *testing.T) {
	for name, c := range map[string]mistaken{
		"distinct names":      {target: "/a?" + numbered(9_800, "%04x&")},
		"equal names":         {target: "/a?" + strings.Repeat("k=1&", 9_900)},
		"arrays":              {target: "/a?" + strings.Repeat("k[]=0=&", 9_000)},
		"encoded names":       {target: "/a%2f?" + strings.Repeat("%2b+&", 9_900)},
		"one long parameter":  {target: "/a?" + strings.Repeat("%2f", 20_000)},
		"spaces":              {target: "/a?" + strings.Repeat("+", 60_000)},
		"a form":              {target: "/a", header: form, body: numbered(9_800, "%04x&")},
		"a form and a query":  {target: "/a?" + numbered(5_000, "%x&"), header: form, body: numbered(4_900, "%x&")},
		"a few pieces":        {target: "/a?b.c=0&d=1&d=2&e[]=1=2", header: form, body: numbered(32, "%x=0&")},
		"many bare pieces":    {target: "/a?b", header: form, body: numbered(5_000, "%x&")},
		"nested arrays":       {target: "/a", header: json, body: strings.Repeat("[", 9_900) + strings.Repeat("]", 9_900)},
		"open arrays":         {target: "/a", header: json, body: `"中"` + strings.Repeat("[", 60_000)},
		"characters":          {target: "/a", header: json, body: "[" + strings.Repeat(`"中",`, 10_000)},
		"open parts":          {target: "/a", header: "Content-Type: multipart/form-data; boundary=" + strings.Repeat("-", 70) + "\n", body: strings.Repeat("中", 15_000) + strings.Repeat("-", 15_000)},
		"numbers":             {target: "/a", header: json, body: "[" + strings.Repeat("1,", 32_700) + "1]"},
		"a long content type": {target: "/a", header: "Content-Type: " + strings.Repeat("a", 60_000) + "\n"},
		"a long path":         {target: "/tests/" + strings.Repeat(";%2f/", 12_000)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.verify(t, sign("something else"))
		runtime.ReadMemStats(&after)
		if name != "characters" && name != "open parts" {
			require.Empty(t, named(t, err), name)
		}
		require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), name)
	}
}
