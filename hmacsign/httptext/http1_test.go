package httptext

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func parsed(t *testing.T, text string) *Request {
	t.Helper()
	r, err := Parse([]byte(text))
	require.NoError(t, err)
	return r
}

// codes are those of the notes.
func codes(r *Request) (all []string) {
	for _, n := range r.Notes {
		all = append(all, n.Code)
	}
	return all
}

const (
	simple = "POST /a?b=%20&c HTTP/1.1\r\nHost: h:81\r\nX-a: 1\r\nx-A: 2\r\nContent-Length: 3\r\n\r\na=1"
	lines  = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\na\r\nb\r\n"
	chunky = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\r\nb=\r\n2;x=y\r\n12\r\n0\r\n\r\n"
)

func lf(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// What was on the wire is taken as it is, and without a word.
func TestExactWire(t *testing.T) {
	binary := "PUT /\xe4%zz?%zz HTTP/1.1\r\nHost: \r\nContent-Length: 6\r\n\r\n\x00\xff\r\n\n\r"
	for _, text := range []string{
		simple, lines, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		strings.Replace(binary, "Host: ", "Host: h", 1), "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "GET //a//b?? HTTP/1.1\r\nHost: [::1]:8\r\nEmpty: \r\n\r\n",
	} {
		r := parsed(t, text)
		require.Empty(t, r.Notes)
		require.Equal(t, text, string(r.Raw()))
	}
	r := parsed(t, simple)
	require.Equal(t, &Request{Method: "POST", Host: "h:81", Target: "/a?b=%20&c", Body: []byte("a=1"),
		Header: []hmacsign.HeaderField{{Name: "X-a", Value: "1"}, {Name: "x-A", Value: "2"}, {Name: "Content-Length", Value: "3"}}}, r)
	r = parsed(t, chunky)
	require.Empty(t, r.Notes)
	require.Equal(t, "a\r\nb=12", string(r.Body))
	require.Equal(t, strings.Replace(chunky, "5\r\na\r\nb=\r\n2;x=y\r\n12", "7\r\na\r\nb=12", 1), string(r.Raw()))
}

// What editors make of a request is undone as far as can be, and told.
func TestEditedHTTP(t *testing.T) {
	for _, c := range []struct {
		text, body string
		notes      []string
	}{
		{"\ufeff" + simple, "a=1", []string{"text_bom"}},
		{" \n\t" + simple, "a=1", []string{"http_space"}},
		{lf(simple), "a=1", []string{"http_lf"}},
		{simple + "\n", "a=1", []string{"http_newline"}},
		{simple + "\r\n\r\n", "a=1", []string{"http_newline"}},
		{lf(lines), "a\r\nb\r\n", []string{"http_lf", "http_body_crlf"}},
		{lf(lines) + "\n", "a\r\nb\r\n", []string{"http_lf", "http_body_crlf"}},
		{strings.Replace(lines, ": 6", ": 5", 1) + "c", "a\nb\nc", []string{"http_body_lf"}},
		{strings.Replace(lf(lines), ": 6", ": 4", 1), "a\nb\n", []string{"http_lf"}},
		{strings.Replace(lf(lines), ": 6", ": 3", 1), "a\nb", []string{"http_lf", "http_newline"}},
		{strings.Replace(lf(lines), ": 6", ": 2", 1), "a\nb\n", []string{"http_lf", "http_longer"}},
		{strings.Replace(simple, ": 3", ": 2", 1), "a=1", []string{"http_longer"}},
		{strings.Replace(simple, ": 3", ": 0", 1), "a=1", []string{"http_longer"}},
		{strings.Replace(simple, ": 3", ": 4", 1), "a=1", []string{"http_shorter"}},
		{strings.Replace(simple, "a=1", "李雷!", 1), "李雷!", []string{"http_longer"}},
		{strings.Replace(simple, "Content-Length: 3\r\n", "", 1), "a=1", []string{"http_no_length"}},
		{strings.Replace(simple, "Content-Length: 3\r\n", "", 1) + "\n", "a=1", []string{"http_newline", "http_no_length"}},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\na=1\n", "", []string{"http_no_body"}},
		{"GET / HTTP/1.1\r\nHost: h\r\n", "", []string{"http_no_end"}},
		{"GET / HTTP/1.0\nHost: h", "", []string{"http_lf", "http_no_end"}},
		{"GET / HTTP/1.1 \r\nHost: h\r\n\r\n\r\n", "", []string{"http_newline"}},
		{"GET / HTTP/1.1\r\n\r\n", "", []string{"http_no_host"}},
		{chunky + "\n", "a\r\nb=12", []string{"http_newline"}},
		{lf(chunky), "a\r\nb=12", []string{"http_lf", "http_body_crlf"}},
		{strings.TrimSuffix(chunky, "\r\n"), "a\r\nb=12", nil},
		{strings.TrimSuffix(chunky, "\r\n\r\n"), "a\r\nb=12", nil},
		{chunky + "more", "a\r\nb=12", []string{"http_behind"}},
		{strings.TrimSuffix(chunky, "\r\n") + "X: y\r\n\r\n", "a\r\nb=12", []string{"http_trailer"}},
		{strings.Replace(chunky, "5\r\na\r\nb=\r\n2;x=y\r\n12\r\n0\r\n\r\n", `{"a": 1}`, 1), `{"a": 1}`, []string{"http_chunks_off"}},
		{"GET http://x:8/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "", []string{"http_absolute"}},
	} {
		r := parsed(t, c.text)
		require.Equal(t, c.notes, codes(r), "%q", c.text)
		require.Equal(t, c.body, string(r.Body), "%q", c.text)
		require.Equal(t, same(r), same(again(t, r)), "%q", c.text)
	}
	r := parsed(t, "GET HTTPS://x:8?b HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Equal(t, []string{"https", "x:8", "/?b"}, []string{r.Scheme, r.Host, r.Target})
}

// again is a request that was written, and read without a word.
func again(t *testing.T, r *Request) *Request {
	t.Helper()
	text := r.Raw()
	back, err := Parse(text)
	require.NoError(t, err, "%q", text)
	if r.Host == "" {
		require.Equal(t, []string{"http_no_host"}, codes(back))
	} else {
		require.Empty(t, back.Notes, "%q", text)
	}
	require.Equal(t, string(text), string(back.Raw()))
	return back
}

// same is what must stay of a request: all but what was noted, the scheme, which HTTP/1.1
// does not tell, and a Content-Length, which is made right.
func same(r *Request) Request {
	s := Request{Method: r.Method, Host: r.Host, Target: r.Target, Body: r.Body}
	if len(s.Body) == 0 {
		s.Body = nil
	}
	for _, f := range r.Header {
		if !strings.EqualFold(f.Name, "Content-Length") {
			s.Header = append(s.Header, f)
		}
	}
	return s
}

// What is no request is refused with the reason, and what any server refuses.
func TestHTTPRefused(t *testing.T) {
	with := func(line string) string { return "GET / HTTP/1.1\r\nHost: h\r\n" + line + "\r\n\r\n" }
	require.Empty(t, parsed(t, with("A: b")).Notes)
	for text, code := range map[string]string{
		"": "text_empty", "\ufeff \n": "text_empty", "hello": "http_request_line", "GET / HTTP/x\r\n\r\n": "http_request_line", "GET /a b HTTP/1.1\r\n\r\n": "http_request_line",
		"GET a HTTP/1.1\r\n\r\n": "http_target", "GET /\x01 HTTP/1.1\r\n\r\n": "http_target", "CONNECT h:443 HTTP/1.1\r\n\r\n": "http_target", "GET http:///a HTTP/1.1\r\n\r\n": "http_target",
		"GET http://u:p@h/a HTTP/1.1\r\n\r\n": "http_user",
		with(" b"):                            "http_folded", with("A"): "http_header_line", with("A : b"): "http_header_line", with(": b"): "http_header_line", with("A: \x00"): "http_header_value",
		with("Host: i"): "http_repeated", with("Content-Length: 0\r\nContent-Length: 0"): "http_repeated", with("Content-Length: -1"): "http_length",
		with("Transfer-Encoding: chunked\r\nContent-Length: 0"): "http_length_and_chunked", with("Transfer-Encoding: gzip, chunked"): "http_transfer_encoding",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n": "http_host", with(strings.Repeat("A: b\r\n", 5000) + "B: c"): "http_many_headers", with("A: " + strings.Repeat("b", 1<<20)): "http_long_head",
		"HTTP/1.1 401 Unauthorized\r\nServer: a\r\n\r\n{}": "text_answer", "HTTP/2 200\n\n": "text_answer",
		"fetch(\"https://h/\", {\"method\": \"GET\"});": "text_no_curl", "wget http://h/": "text_no_curl", "http POST h/ a=b": "text_no_curl", "Invoke-WebRequest -Uri \"http://h/\"": "text_no_curl",
		"$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession\nInvoke-WebRequest -Uri \"http://h/\" -WebSession $session": "text_no_curl",
		strings.Repeat("a", MaxText+1): "text_too_long", "\xff\xfeG\x00": "text_utf16",
	} {
		_, err := Parse([]byte(text))
		var e *Error
		require.ErrorAs(t, err, &e, "%.99q", text)
		require.Equal(t, code, e.Code, "%.99q", text)
		for _, lang := range []string{"en", "zh"} {
			require.NotContains(t, e.In(lang), code)
			require.NotContains(t, e.In(lang), "{")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{simple, lines, chunky, lf(lines), "GET http://x:8/a?b HTTP/1.0\n\n", ":method: GET\n:path: /\n:authority: h\n\nabc", "GET / HTTP/2\nhost: h\n\n",
		"> GET / HTTP/1.1\n> Host: h\n>\n", `{"request": {"method": "GET", "url": "http://h/a#b", "headers": [{"name": ":path", "value": "/a"}], "postData": {"params": [{"name": "a", "value": "b"}]}}}`,
		"=> Send header, 27 bytes (0x1b)\n0000: GET / HTTP/1.1\n0010: Host: h\n0019: \n=> Send data, 2 bytes (0x2)\n0000: ab\n"} {
		f.Add([]byte(text))
	}
	f.Add([]byte("curl h -A ' '"))
	f.Add([]byte(":method: 0\n:path: *\n:authority: \x17"))
	f.Add([]byte("curl h --request-target a"))
	for _, r := range oddRequests("h") {
		f.Add([]byte(r.Curl()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			require.Nil(t, r)
			require.NotEmpty(t, err.Error())
			return
		}
		require.Equal(t, same(r), same(again(t, r)))
		r.Wire()
		r.Curl()
		req, err := r.HTTP()
		if err != nil {
			return
		}
		back, err := FromHTTP(req)
		require.NoError(t, err)
		require.Equal(t, r.Target, back.Target)
		require.True(t, bytes.Equal(r.Body, back.Body))
	})
}
