package httptext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const secondRaw = "POST /a?b=c HTTP/1.1\r\nHost: h:8\r\naccept: */*\r\ncontent-length: 3\r\n\r\nx=1"

func TestHTTP2(t *testing.T) {
	for _, text := range []string{
		":authority: h:8\n:method: POST\n:path: /a?b=c\n:scheme: https\naccept: */*\ncontent-length: 3\n\nx=1",                  // Chrome
		":authority\nh:8\n:method\nPOST\n:path\n/a?b=c\n:scheme\nhttps\naccept\n*/*\ncontent-length\n3\n\nx=1\n",                // Chrome, copied
		":authority:\nh:8\n:method:\nPOST\n:path:\n/a?b=c\n:scheme:\nhttps\naccept:\n*/*\ncontent-length:\n3\n\nx=1",            // the same, with colons
		"POST /a?b=c HTTP/2\r\nhost: h:8\r\naccept: */*\r\ncontent-length: 3\r\n\r\nx=1",                                        // curl, Firefox
		"POST /a?b=c HTTP/3\nHost: h:8\naccept: */*\ncontent-length: 3\n\nx=1\n",                                                // Firefox
		"POST /a?b=c HTTP/2.0\n:authority: h:8\naccept: */*\ncontent-length: 3\n\nx=1",                                          //
		"\n :authority: h:8\r\n:method: POST\r\n:path: /a?b=c\r\n:scheme: https\r\naccept: */*\r\ncontent-length: 3\r\n\r\nx=1", //
	} {
		require.Equal(t, secondRaw, string(parsed(t, text).Raw()), "%q", text)
	}
	r := parsed(t, ":authority: h\n:method: POST\n:path: /a\n:scheme: HTTPS\n\na\nb\n")
	require.Equal(t, "https", r.Scheme)
	require.Equal(t, "a\nb", string(r.Body))
	require.Equal(t, []string{"http_newline"}, codes(r))
	require.Equal(t, int64(3), r.Wire().Length)

	for text, code := range map[string]string{
		":method: GET": "http_no_pseudo", ":path: /": "http_no_pseudo", ":path: /\n:path: /\n:method: GET": "http_repeated", ":path: a\n:method: GET": "http_target",
		":method: CONNECT\n:protocol: websocket\n:path: /": "http_pseudo", ":method: A B\n:path: /": "http_method", ":method: GET\n:path: /\n:scheme: ftp": "http_scheme",
		":authority: h\n:method: GET\n:path: /\nhost: h\nhost: h": "http_repeated", "GET / HTTP/2\na b": "http_header_line", ":": "http_no_pseudo",
		":method: GET\n:path: /\n\ta: b": "http_folded", ":authority: h\n:method: GET\n:path: http://other/a\n:scheme: https": "http_target",
	} {
		_, err := Parse([]byte(text))
		var e *Error
		require.ErrorAs(t, err, &e, "%q", text)
		require.Equal(t, code, e.Code, "%q", text)
	}
}

func FuzzHTTP2(f *testing.F) {
	f.Add(":authority: h\n:method: POST\n:path: /a\n:scheme: https\n\nabc")
	f.Add(":authority\nh\n:method\nGET\n:path\n/\n")
	f.Add("GET / HTTP/2\nhost: h\ncontent-length: 3\n\nabc")
	f.Fuzz(func(t *testing.T, text string) { accepted(t, text, parseHTTP2) })
}

func FuzzHTTP1(f *testing.F) {
	for _, text := range []string{simple, lines, chunky, lf(lines), lf(chunky)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { accepted(t, text, parseHTTP1) })
}
