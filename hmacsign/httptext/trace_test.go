package httptext

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder is a server that gives what came on each connection.
func recorder(t *testing.T) (addr string, wire chan []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	wire = make(chan []byte, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(time.Minute))
			var text strings.Builder
			in := bufio.NewReader(io.TeeReader(conn, &text))
			if req, err := http.ReadRequest(in); err == nil {
				if req.Header.Get("Expect") != "" {
					io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
				}
				io.Copy(io.Discard, req.Body)
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nConnection: close\r\n\r\n> GET / HTTP/1.1\r\n\r\n")
			conn.Close()
			wire <- []byte(text.String())
		}
	}()
	return l.Addr().String(), wire
}

// What the real curl shows is the request that it sent.
func TestCurlShows(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("this test needs curl")
	}
	addr, wire := recorder(t)
	long := strings.Repeat("0123456789", 50)
	for _, args := range [][]string{
		{}, {"-d", "a=1&b=2"}, {"-H", "X-Long: " + long, "-H", "Empty;", "-d", "a=1"}, {"-X", "PUT", "-H", "X: " + long[:60], "-H", "Y: " + long[:61], "-H", "Z: " + long[:62], "-H", "A: " + long[:59], "-d", long},
		{"--data-binary", "a=1\nb=李雷.\r\nc\r\n\r\nd=\x01\xff"}, {"-d", "a=1", "-H", "Transfer-Encoding: chunked"}, {"-F", "a=1", "-F", "b=x\ny"}, {"-I"}, {"--trace-time", "-d", "a"},
		{"-d", "== Info: x\n=> Send header, 3 bytes\n> GET / HTTP/1.1"}, {"-H", "Expect: 100-continue", "-d", "a=1"},
		{"-d", strings.Repeat("long.", 20000)},
	} {
		for _, how := range []string{"-v", "--trace", "--trace-ascii"} {
			show := append([]string{"-q", "-s", "--globoff", "--path-as-is", "-o", os.DevNull, "http://" + addr + "/a//../b?c=%20&d|"}, args...)
			if how == "-v" {
				show = append(show, how)
			} else {
				show = append(show, how, "-")
			}
			out, err := exec.Command("curl", show...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			sent := parsed(t, string(<-wire))
			require.Empty(t, sent.Notes)
			shown := parsed(t, string(out))
			want := same(sent)
			switch {
			case how == "-v" && len(sent.Body) > 0:
				want.Body = nil
				require.Equal(t, []string{"trace_no_body"}, codes(shown))
			case how == "--trace-ascii" && len(sent.Body) > 0:
				printable := strings.Map(func(c rune) rune {
					if c < ' ' || c > '~' {
						return '.'
					}
					return c
				}, string(sent.Body))
				if printable != string(sent.Body) {
					require.Contains(t, codes(shown), "trace_dots")
					require.Len(t, shown.Body, len(sent.Body))
					want.Body = shown.Body
				}
			default:
				require.Empty(t, shown.Notes, "%s", out)
			}
			require.Equal(t, want, same(shown), "%s", out)
		}
	}
}

func TestTrace(t *testing.T) {
	const trace = "$ curl -v https://h/a\n* Connected\n> CONNECT h:443 HTTP/1.1\n> Host: h:443\n> \n< HTTP/1.1 200 OK\n<\n* using HTTP/2\n" +
		"> GET /a HTTP/2\r\n> Host: h\n> accept: */*\n>\n{ [5 bytes data]\n< HTTP/2 200\n<\n> hello\n"
	r := parsed(t, trace)
	require.Empty(t, r.Notes)
	require.Equal(t, "GET /a HTTP/1.1\r\nHost: h\r\naccept: */*\r\n\r\n", string(r.Raw()))
	for text, code := range map[string]string{
		trace + "> GET /b HTTP/1.1\n> Host: h\n>\n":                                                   "trace_requests",
		"> CONNECT h:443 HTTP/1.1\n> Host: h:443\n> \n":                                               "trace_requests",
		"> GET /a HTTP/1.1\n> Host h\n>\n":                                                            "http_header_line",
		"=> Send header, 27 bytes (0x1b)\n0000: GET / HTTP/1.1\n":                                     "trace_block",
		"=> Send header, 27 bytes (0x1b)\n0000: GET / HTTP/1.1\n0011: Host: h\n0019: ":                "trace_block",
		"=> Send header, x bytes\n0000: GET / HTTP/1.1\n":                                             "trace_block",
		"=> Send header, 5 bytes (0x5)\n0000: hello\n":                                                "trace_requests",
		"=> Send header, 18 bytes (0x12)\n0000: GET / HTTP/1.1\n=> Send data, 5 bytes\n0001: hello\n": "trace_block",
	} {
		_, err := Parse([]byte(text))
		var e *Error
		require.ErrorAs(t, err, &e, "%q", text)
		require.Equal(t, code, e.Code, "%q", text)
	}
	// The terminal's spaces at the end of lines may be gone, also at the end of the text.
	r = parsed(t, "=> Send header, 28 bytes (0x1c)\n0000: POST / HTTP/1.1\n0011: Host: h\n001a: \n=> Send data, 2 bytes (0x2)\n0000: ab")
	require.Equal(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", string(r.Raw()))
}

func FuzzTrace(f *testing.F) {
	f.Add("> GET / HTTP/1.1\n> Host: h\n>\n")
	f.Add("=> Send header, 27 bytes (0x1b)\n0000: GET / HTTP/1.1\n0010: Host: h\n0019: \n=> Send data, 2 bytes (0x2)\n0000: ab\n")
	f.Fuzz(func(t *testing.T, text string) { accepted(t, text, parseTrace) })
}

// accepted holds that what a form takes is a request that is the same when it is written
// and read.
func accepted(t *testing.T, text string, parse func(string) (*Request, error)) {
	if r, err := parse(text); err == nil {
		require.Equal(t, same(r), same(again(t, r)))
	} else {
		require.ErrorAs(t, err, new(*Error))
	}
}

// What was sent in many pieces costs no more than in one: each is appended, not copied with
// all before it.
func TestLongTraces(t *testing.T) {
	const size = 1 << 20
	head := "=> Send header, 50 bytes (0x32)\n0000: POST / HTTP/1.1\n0011: Host: h\n001a: Content-Length: 9999\n0030: \n"
	for name, text := range map[string]string{
		"-v":            "> GET / HTTP/1.1\n" + strings.Repeat("> a: b\n", size/7) + "> \n",
		"--trace-ascii": head + strings.Repeat("=> Send data, 1 bytes (0x1)\n0000: a\n", size/36),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse([]byte(text))
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*size), name)
		if name == "-v" {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "http_many_headers", e.Code)
		} else {
			require.NoError(t, err)
		}
	}
}
