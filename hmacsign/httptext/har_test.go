package httptext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// chromeHAR is a file as Chrome exports one.
const chromeHAR = `{
  "log": {
    "version": "1.2",
    "creator": {"name": "WebInspector", "version": "537.36"},
    "pages": [],
    "entries": [
      {
        "_connectionId": "1234",
        "_initiator": {"type": "script", "stack": {"callFrames": []}},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "connection": "443",
        "request": {
          "method": "POST",
          "url": "https://api.example.com/v1/users?b=2&a=%20#top",
          "httpVersion": "http/2.0",
          "headers": [
            {"name": ":authority", "value": "api.example.com"},
            {"name": ":method", "value": "POST"},
            {"name": ":path", "value": "/v1/users?b=2&a=%20"},
            {"name": ":scheme", "value": "https"},
            {"name": "accept", "value": "*/*"},
            {"name": "content-length", "value": "17"},
            {"name": "content-type", "value": "application/json"}
          ],
          "queryString": [{"name": "b", "value": "2"}, {"name": "a", "value": "%20"}],
          "cookies": [],
          "headersSize": -1,
          "bodySize": 17,
          "postData": {"mimeType": "application/json", "text": "{\"name\":\"李雷\"}"}
        },
        "response": {"status": 200, "statusText": "", "httpVersion": "http/2.0", "headers": [], "cookies": [],
          "content": {"size": 2, "mimeType": "application/json", "text": "{}"}, "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 99, "_error": null},
        "serverIPAddress": "192.0.2.1",
        "startedDateTime": "2026-11-23T10:00:00.000Z",
        "time": 12.3,
        "timings": {"blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 10, "receive": 1, "_blocked_queueing": 0.5}
      }
    ]
  }
}`

func TestHAR(t *testing.T) {
	r := parsed(t, chromeHAR)
	require.Empty(t, r.Notes)
	require.Equal(t, "https", r.Scheme)
	require.Equal(t, "POST /v1/users?b=2&a=%20 HTTP/1.1\r\nHost: api.example.com\r\naccept: */*\r\ncontent-length: 17\r\ncontent-type: application/json\r\n\r\n"+`{"name":"李雷"}`, string(r.Raw()))

	entry := func(url, rest string) string {
		return `{"request": {"method": "PUT", "url": "` + url + `"` + rest + `}}`
	}
	header := `, "headers": [{"name": "Host", "value": "i"}, {"name": "A", "value": "b"}]`
	for _, c := range []struct {
		text, want string
		notes      []string
	}{
		{entry("http://h:80", ""), "PUT / HTTP/1.1\r\nHost: h\r\n\r\n", nil},
		{entry("https://h:80?a#b", ""), "PUT /?a HTTP/1.1\r\nHost: h:80\r\n\r\n", nil},
		{entry("http://u:p@h/a", header), "PUT /a HTTP/1.1\r\nHost: i\r\nA: b\r\n\r\n", nil},
		{entry("http://h/", `, "postData": {"text": "AP8=", "encoding": "base64"}`), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n\x00\xff", nil},
		{entry("http://h/", `, "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "李"}, {"name": "c%20d", "value": ""}]}`),
			"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\na+b=%E6%9D%8E&c%20d=", []string{"har_params"}},
		{entry("http://h/", `, "postData": {"text": "", "params": []}`), "PUT / HTTP/1.1\r\nHost: h\r\n\r\n", nil},
		{entry("http://h/", `, "postData": null`), "PUT / HTTP/1.1\r\nHost: h\r\n\r\n", nil},
		{entry("http://h/", `, "headers": [{"name": "Content-Length", "value": "3"}], "postData": {"text": "ab"}`), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", []string{"http_shorter"}},
		{entry("http://h/", `, "headers": [{"name": "Content-Length", "value": "1"}], "postData": {"text": "ab"}`), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", []string{"http_longer"}},
	} {
		r := parsed(t, c.text)
		require.Equal(t, c.want, string(r.Raw()))
		require.Equal(t, c.notes, codes(r), c.text)
	}

	one := entry("http://h/", "")
	log := func(entries ...string) string { return `{"log": {"entries": [` + strings.Join(entries, ",") + `]}}` }
	require.Equal(t, "PUT", parsed(t, log(one)).Method)
	for text, code := range map[string]string{
		log(): "har_entries", log(one, one): "har_entries", "{}": "har_no_request", "{": "har_json", `{"request": 1}`: "har_json", entry("ftp://h/", ""): "har_url", entry("", ""): "har_url",
		entry("http://h/", `, "headers": [{"name": "a b", "value": ""}]`):                       "http_header_name",
		entry("http://h/", `, "headers": [{"name": "a", "value": "\n"}]`):                       "http_header_value",
		entry("http://h/", `, "postData": {"text": "!", "encoding": "base64"}`):                 "har_base64",
		entry("http://h/", `, "postData": {"text": "!", "encoding": "hex"}`):                    "har_encoding",
		entry("http://h/", `, "postData": {"mimeType": "multipart/form-data", "params": [{}]}`): "har_multipart",
		entry("http://h/", `, "postData": {"params": [{"name": "f", "fileName": "x"}]}`):        "har_multipart",
		entry("http://h/a b", ""):          "http_target",
		strings.Replace(one, "PUT", "", 1): "http_no_pseudo",
	} {
		_, err := Parse([]byte(text))
		var e *Error
		require.ErrorAs(t, err, &e, "%q", text)
		require.Equal(t, code, e.Code, "%q", text)
	}
	_, err := Parse([]byte(log(one, one)))
	require.ErrorIs(t, err, ErrUnsupported)
	require.Contains(t, err.Error(), "2 requests")
}

func FuzzHAR(f *testing.F) {
	f.Add(chromeHAR)
	f.Add(`{"request": {"method": "GET", "url": "http://h/a#b", "headers": [{"name": ":path", "value": "/a"}], "postData": {"params": [{"name": "a", "value": "b"}]}}}`)
	f.Fuzz(func(t *testing.T, text string) { accepted(t, text, parseHAR) })
}
