package hmacsign_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3pure"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// mistaken is a request of a client that makes a mistake: the test writes the
// string to sign by hand and signs it with the standard library, as that client
// would.
type mistaken struct {
	method, target, body, contentType, accept, md5 string
	headers                                        string // as listed
	source                                         string
	sign                                           string // the client's string to sign
	secret                                         string
	signature                                      func(sum []byte) string
	date                                           string
}

const when = "Thu, 11 Mar 2021 08:29:58 GMT"

func hmacSHA256(secret, text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func md5Hex(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

func (c mistaken) explain(t *testing.T, opts ...VerifierOption) (*VerifyError, []string) {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&c.method, "GET")
	or(&c.headers, "x-date")
	or(&c.secret, testSecret)
	or(&c.date, when)
	if c.signature == nil {
		c.signature = b64
	}
	req := newRequest(t, c.method, "http://h.example"+c.target, c.body)
	for name, value := range map[string]string{"Content-Type": c.contentType, "Accept": c.accept, "Content-Md5": c.md5, "Source": c.source, "X-Date": c.date} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="%s", signature="%s"`, testID, c.headers, c.signature(hmacSHA256(c.secret, c.sign))))
	return explained(t, req, opts...)
}

func explained(t *testing.T, req *http.Request, opts ...VerifierOption) (*VerifyError, []string) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: "other", Secret: Secret("another secret")})
	require.NoError(t, err)
	v, err := NewVerifier(keys, append(opts, atTestTime(), WithExplanations())...)
	require.NoError(t, err)
	_, err = v.Verify(req)
	require.Error(t, err)
	var e *VerifyError
	require.True(t, errors.As(err, &e))
	require.NotNil(t, e.Explanation)
	text := e.Explanation.String() + err.Error()
	require.NotContains(t, text, testSecret)
	require.NotContains(t, text, "another secret")
	var codes []string
	for _, m := range e.Explanation.Mistakes() {
		codes = append(codes, m.Code)
		require.NotEmpty(t, m.Text)
	}
	if len(codes) > 0 {
		require.Equal(t, e.Explanation.Mistakes()[0], e.Explanation.Mistake)
	} else {
		require.Zero(t, e.Explanation.Mistake)
	}
	return e, codes
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// Every known mistake, made; the explanation finds that one.
func TestExplainMistakes(t *testing.T) {
	plain := "x-date: " + when + "\nGET\n*/*\n\n\n/a?b=1"
	post := func(digest, target string) string {
		return "x-date: " + when + "\nPOST\n*/*\napplication/json\n" + digest + "\n" + target
	}
	withBody := func(c mistaken) mistaken {
		c.method, c.accept, c.contentType = "POST", "*/*", jsonType
		if c.target == "" {
			c.target = "/a"
		}
		return c
	}
	const body = `{"a":1,"b":[2,3]}`
	hexMD5 := func(s string) string { return b64([]byte(md5Hex(s))) }
	rawMD5 := func(s string) string { sum := md5.Sum([]byte(s)); return b64(sum[:]) }
	// The MD5 of this body begins with a zero.
	const zero = `{"n":1}`
	require.True(t, strings.HasPrefix(md5Hex(zero), "0"))

	form := func(target string) string {
		return "x-date: " + when + "\nPOST\n*/*\n" + formType + "\n\n" + target
	}
	cases := map[string]mistaken{
		"content_md5_raw":             withBody(mistaken{body: body, sign: post(rawMD5(body), "/a")}),
		"content_md5_hex":             withBody(mistaken{body: body, md5: rawMD5(body), sign: post(hexMD5(body), "/a")}),
		"content_md5_not_base64":      withBody(mistaken{body: body, sign: post(md5Hex(body), "/a")}),
		"content_md5_upper_case":      withBody(mistaken{body: body, sign: post(b64([]byte(strings.ToUpper(md5Hex(body)))), "/a")}),
		"content_md5_leading_zero":    withBody(mistaken{body: zero, sign: post(b64([]byte(md5Hex(zero)[1:])), "/a")}),
		"body_not_signed":             withBody(mistaken{body: body, sign: post("", "/a")}),
		"body_newline":                withBody(mistaken{body: body + "\n", sign: post(hexMD5(body), "/a")}),
		"empty_body_signed":           withBody(mistaken{body: body, sign: post(hexMD5(""), "/a")}),
		"empty_object_signed":         withBody(mistaken{body: body, sign: post(hexMD5("{}"), "/a")}),
		"body_serialised_again":       withBody(mistaken{body: body, sign: post(hexMD5(`{"a": 1, "b": [2, 3]}`), "/a")}),
		"accept_not_signed":           {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "*/*", "", 1)},
		"other_accept":                {target: "/a?b=1", sign: plain},
		"content_type_parameter":      {target: "/a?b=1", accept: "*/*", contentType: jsonType + ";charset=utf-8", sign: "x-date: " + when + "\nGET\n*/*\napplication/json\n\n/a?b=1"},
		"content_type_not_signed":     {target: "/a?b=1", accept: "*/*", contentType: jsonType, sign: plain},
		"environment_signed":          {target: "/release/a", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/release/a"},
		"environment_cut_wrongly":     {target: "/releases/x", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\ns/x"},
		"decoded_ambiguous":           {target: "/a?q=%26", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?q=&"},
		"path_decoded":                {target: "/a%20b?q=%E4%B8%AD", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a b?q=%E4%B8%AD"},
		"path_encoded_twice":          {target: "/a%20b", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a%2520b"},
		"path_parameter":              {target: "/a;v=1", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a"},
		"repeated_parameter":          {target: "/a?k=1&k=2&j=0", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?j=0&k=2"},
		"parameters_not_sorted":       {target: "/a?b=1&a=2", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?b=1&a=2"},
		"parameters_left_out":         {target: "/a?b=1", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a"},
		"space_encoding":              {target: "/a?q=x%20y", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?q=x+y"},
		"percent_case":                {target: "/a?q=%2f", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?q=%2F"},
		"form_left_out":               {method: "POST", target: "/a?q=1", accept: "*/*", contentType: formType, body: "z=1&b=2", sign: form("/a?q=1")},
		"form_appended":               {method: "POST", target: "/a?q=1", accept: "*/*", contentType: formType, body: "b=2&z=1", sign: form("/a?q=1&b=2&z=1")},
		"date_for_x_date":             {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "x-date", "date", 1)},
		"newline_at_end":              {target: "/a?b=1", accept: "*/*", sign: plain + "\n"},
		"carriage_returns":            {target: "/a?b=1", accept: "*/*", sign: strings.ReplaceAll(plain, "\n", "\r\n")},
		"space_around_secret":         {target: "/a?b=1", accept: "*/*", sign: plain, secret: testSecret + "\n"},
		"other_key":                   {target: "/a?b=1", accept: "*/*", sign: plain, secret: "another secret"},
		"key_id_as_secret":            {target: "/a?b=1", accept: "*/*", sign: plain, secret: testID},
		"hex_for_base64":              {target: "/a?b=1", accept: "*/*", sign: plain, signature: hex.EncodeToString},
		"base64_of_hex":               {target: "/a?b=1", accept: "*/*", sign: plain, signature: func(sum []byte) string { return b64([]byte(hex.EncodeToString(sum))) }},
		"comma_separated_headers":     {target: "/a?b=1", accept: "*/*", headers: "source,x-date", source: "s", sign: "source: s\n" + plain},
		"no_leading_slash":            {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "/a?", "a?", 1)},
		"trailing_slash":              {target: "/a/?b=1", accept: "*/*", sign: plain},
		"whole_url_signed":            {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "/a?", "http://h.example/a?", 1)},
		"lower_case_method":           {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "GET", "get", 1)},
		"no_space_behind_colon":       {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "x-date: ", "x-date:", 1)},
		"header_names_not_lower_case": {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "x-date", "X-Date", 1)},
		"values_alone":                {target: "/a?b=1", accept: "*/*", sign: strings.Replace(plain, "x-date: ", "", 1)},
		"header_order":                {target: "/a?b=1", accept: "*/*", headers: "x-date source", source: "s", sign: strings.Replace(plain, "\nGET", "\nsource: s\nGET", 1)},
		"header_left_out":             {target: "/a?b=1", accept: "*/*", headers: "source x-date", source: "s", sign: plain},
		"local_time":                  {target: "/a?b=1", accept: "*/*", date: "Thu, 11 Mar 2021 16:29:58 GMT", sign: strings.Replace(plain, "08:29", "16:29", 1)},
	}
	for code, c := range cases {
		t.Run(code, func(t *testing.T) {
			e, codes := c.explain(t)
			require.NotEmpty(t, codes, "%v: %s\n%s", e, e.StringToSign, c.sign)
			require.Equal(t, code, codes[0], codes)
			if c.headers == "" && code != "local_time" && code != "body_serialised_again" {
				require.NotEmpty(t, e.Explanation.Server)
			}
		})
	}
	t.Run("environment_left_out", func(t *testing.T) {
		c := mistaken{target: "/release/a", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a"}
		_, codes := c.explain(t, AcceptSchemes(tencentapp.Scheme{KeepEnvironment: true}))
		require.Equal(t, []string{"environment_left_out"}, codes)
	})
	t.Run("decoded_ambiguous in the path", func(t *testing.T) {
		_, codes := mistaken{target: "/a%26b", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a&b"}.explain(t)
		require.Equal(t, []string{"decoded_ambiguous"}, codes)
	})
	// Decoded parameters are accepted by default now, and so are a mistake only where
	// the verifier is told not to accept them.
	t.Run("query_form_decoded", func(t *testing.T) {
		c := mistaken{target: "/a?q=%E4%B8%AD&p=x+y", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?p=x y&q=中"}
		_, codes := c.explain(t, acceptingQuery(tencentapp.Documented))
		require.Equal(t, []string{"query_form_decoded"}, codes)
	})
	t.Run("query_form_raw", func(t *testing.T) {
		c := mistaken{target: "/a?b=", accept: "*/*", sign: "x-date: " + when + "\nGET\n*/*\n\n\n/a?b="}
		_, codes := c.explain(t, acceptingQuery(tencentapp.Documented))
		require.Equal(t, []string{"query_form_raw"}, codes)
	})
	t.Run("other_algorithm", func(t *testing.T) {
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, newSigner(t, "hmac-sha256").Sign(req))
		swap("Authorization", "hmac-sha256", "hmac-sm3")(req)
		_, codes := explained(t, req)
		require.Equal(t, []string{"other_algorithm"}, codes)
	})
	t.Run("content_md5 sent wrongly", func(t *testing.T) {
		digest := b64([]byte(md5Hex(zero)[1:]))
		e, codes := withBody(mistaken{body: zero, md5: digest, sign: post(digest, "/a")}).explain(t)
		require.ErrorIs(t, e, ErrBodyDigest)
		require.Equal(t, []string{"content_md5_leading_zero"}, codes)
	})
	t.Run("unknown", func(t *testing.T) {
		e, codes := mistaken{target: "/a?b=1", accept: "*/*", sign: "something else"}.explain(t)
		require.Empty(t, codes)
		require.Contains(t, e.Explanation.String(), scheme.Text("en", "explain_none", nil))
	})
	t.Run("diff", func(t *testing.T) {
		e, _ := cases["environment_signed"].explain(t)
		require.Contains(t, e.Explanation.String(), "- \"/release/a\"\n+ \"/a\"\n")
	})
}

func TestExplainHuawei(t *testing.T) {
	const date = "20210311T082958Z"
	emptyHash := fmt.Sprintf("%x", sha256.Sum256(nil))
	request := func(uri, query, headers, hash string) string {
		return "POST\n" + uri + "\n" + query + "\n" + headers + "\nhost;x-sdk-date\n" + hash
	}
	good := "host:h.example:8443\nx-sdk-date:" + date + "\n"
	const body = `{"a":1}`
	bodyHash := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	for code, canonical := range map[string]string{
		"no_trailing_slash":          request("/v1/a%20b", "c=&d=x%20y", good, bodyHash),
		"query_left_out":             request("/v1/a%20b/", "", good, bodyHash),
		"query_not_canonical":        request("/v1/a%20b/", "d=x+y&c", good, bodyHash),
		"empty_value_without_equals": request("/v1/a%20b/", "c&d=x+y", good, bodyHash),
		"plus_for_space":             request("/v1/a%20b/", "c=&d=x+y", good, bodyHash),
		"space_behind_colon":         request("/v1/a%20b/", "c=&d=x%20y", "host: h.example:8443\nx-sdk-date:"+date+"\n", bodyHash),
		"host_port":                  request("/v1/a%20b/", "c=&d=x%20y", "host:h.example\nx-sdk-date:"+date+"\n", bodyHash),
		"no_empty_line":              request("/v1/a%20b/", "c=&d=x%20y", strings.TrimSuffix(good, "\n"), bodyHash),
		"empty_body_signed":          request("/v1/a%20b/", "c=&d=x%20y", good, emptyHash),
		"unsigned_payload":           request("/v1/a%20b/", "c=&d=x%20y", good, "UNSIGNED-PAYLOAD"),
		"body_serialised_again":      request("/v1/a%20b/", "c=&d=x%20y", good, fmt.Sprintf("%x", sha256.Sum256([]byte(`{"a": 1}`)))),
	} {
		t.Run(code, func(t *testing.T) {
			text := "SDK-HMAC-SHA256\n" + date + "\n" + fmt.Sprintf("%x", sha256.Sum256([]byte(canonical)))
			req := newRequest(t, "POST", "http://h.example:8443/v1/a%20b?d=x+y&c", body, "X-Sdk-Date", date)
			req.Header.Set("Authorization", fmt.Sprintf("SDK-HMAC-SHA256 Access=%s, SignedHeaders=host;x-sdk-date, Signature=%x", testID, hmacSHA256(testSecret, text)))
			e, codes := explained(t, req)
			require.Equal(t, []string{code}, codes, e.CanonicalRequest)
			require.Equal(t, canonical, e.Explanation.Client)
			require.Equal(t, request("/v1/a%20b/", "c=&d=x%20y", good, bodyHash), e.Explanation.Server)
			require.Equal(t, e.CanonicalRequest, e.Explanation.Server)
		})
	}
}

func TestExplainKeyPair(t *testing.T) {
	for code, text := range map[string]string{
		"header_order":       "source: s\nx-date: " + when,
		"application_string": "x-date: " + when + "\nsource: s\nGET\n\n\n\n/a",
	} {
		req := newRequest(t, "GET", "http://h/a", "", "X-Date", when, "Source", "s")
		req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="x-date source", signature="%s"`, testID, b64(hmacSHA256(testSecret, text))))
		_, codes := explained(t, req, AcceptSchemes(TencentKeyPair))
		require.Contains(t, codes, code)
	}
	req := newRequest(t, "GET", "http://h/a", "", "X-Date", when, "Source", "s")
	req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="date source", signature="AAAA"`, testID))
	_, codes := explained(t, req, AcceptSchemes(TencentKeyPair))
	require.Equal(t, []string{"date_for_x_date"}, codes)
}

// A refused request costs a server that explains no more than this.
func TestExplainIsBounded(t *testing.T) {
	req := newRequest(t, "POST", "http://h/a?"+strings.Repeat("k=1&", 9000), strings.Repeat("x", 5<<20), "X-Date", when, "Accept", "*/*")
	req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="x-date", signature="AAAA"`, testID))
	start := time.Now()
	_, codes := explained(t, req)
	require.Empty(t, codes)
	require.Less(t, time.Since(start), 20*time.Second, "it hangs")
}

func TestNoExplanationUnlessToldTo(t *testing.T) {
	req := signedRequest(t, "GET", "/", "")
	req.Method = "PUT"
	_, err := newVerifier(t).Verify(req)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.Nil(t, e.Explanation)
}

// The mistakes in the string to sign itself, and those of SM3.
func TestExplainHuaweiText(t *testing.T) {
	const date, body = "20210311T082958Z", "abc"
	hexSM3 := func(s string) string {
		h := sm3pure.New()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	hexSHA256 := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	canonical := func(uri, hash string) string {
		return "POST\n" + uri + "\n\nhost:h.example\nx-sdk-date:" + date + "\n\nhost;x-sdk-date\n" + hash
	}
	good := canonical("/~a/", hexSM3(body))
	const prefix = "SDK-HMAC-SM3\n" + date + "\n"
	for code, text := range map[string]string{
		"sha256_of_body":     prefix + hexSM3(canonical("/~a/", hexSHA256(body))),
		"sha256_of_request":  prefix + hexSHA256(good),
		"request_not_hashed": prefix + good,
		"other_word":         "SDK-HMAC-SHA256\n" + date + "\n" + hexSM3(good),
		"path_as_sent":       prefix + hexSM3(canonical("/%7ea/", hexSM3(body))),
	} {
		req := newRequest(t, "POST", "http://h.example/%7ea", body, "X-Sdk-Date", date)
		mac := hmac.New(sm3pure.New, []byte(testSecret))
		mac.Write([]byte(text))
		req.Header.Set("Authorization", fmt.Sprintf("SDK-HMAC-SM3 Access=%s, SignedHeaders=host;x-sdk-date, Signature=%x", testID, mac.Sum(nil)))
		e, codes := explained(t, req)
		require.Equal(t, []string{code}, codes, e.CanonicalRequest)
	}
}
