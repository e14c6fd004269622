package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// hostile answers each request with the next of these bytes, and the last one for ever. A
// function may write as it likes.
func hostile(t *testing.T, answers ...any) (url string, log *seen) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	log = new(seen)
	go func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				body, _ := io.ReadAll(r.Body)
				log.add("%s %s host=%q chunked=%t signed=%t %s", r.Method, r.RequestURI, r.Host, len(r.TransferEncoding) > 0, r.Header.Get("Authorization") != "", body)
				switch a := answers[min(i, len(answers)-1)].(type) {
				case string:
					io.WriteString(c, a)
				case func(net.Conn):
					a(c)
				}
			}
			c.Close()
		}
	}()
	return "http://" + l.Addr().String(), log
}

// told is an answer that ends the connection.
func told(status string, lines ...string) string {
	return "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: 3\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\nok\n"
}

// What a server sends without end is not kept without end.
func TestSendBoundsAnswers(t *testing.T) {
	early := "HTTP/1.1 103 Early Hints\r\nLink: </a>; " + strings.Repeat("x", 1000) + "\r\n\r\n"
	url, _ := hostile(t, strings.Repeat(early, 3)+told("200 OK"))
	status, stdout, stderr := sent(t, url)
	require.Equal(t, []any{0, "ok\n"}, []any{status, stdout}, stderr)
	url, _ = hostile(t, func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, early); err != nil {
				return
			}
		}
	})
	status, stdout, stderr = sent(t, "-m", "15", url)
	require.Equal(t, []any{1, ""}, []any{status, stdout})
	require.Contains(t, stderr, "answers before its answer")

	for want, times := range []int{5, 6} { // as curl has it
		url, _ = hostile(t, told("200 OK", "Content-Encoding: "+strings.Repeat("identity,", times-1)+"identity"))
		status, _, stderr = sent(t, "--compressed", url)
		require.Equal(t, want, status, stderr)
	}
	require.Contains(t, stderr, "encoded 6 times")
}

// What a server does is no wrong usage, and -s keeps it silent.
func TestSendHostileRedirects(t *testing.T) {
	for location, says := range map[string]string{
		"/%zz":                       "percent-encoding",
		"http://127.0.0.1:1//\"x":    "cannot be sent",
		"http://user:pass@127.0.0.1": "a user in the URL",
		"ftp://x/":                   "no http or https URL",
	} {
		url, log := hostile(t, told("302 Found", "Location: "+location), told("200 OK"))
		status, stdout, stderr := sent(t, "-L", url)
		require.Equal(t, []any{1, ""}, []any{status, stdout}, stderr)
		require.Contains(t, stderr, "hmacsign: the redirect to ")
		require.Contains(t, stderr, says)
		require.Equal(t, 1, strings.Count(stderr, "\n"))
		require.NotContains(t, stderr, "user:pass")
		require.Len(t, log.take(), 1)
		silent, _ := hostile(t, told("302 Found", "Location: "+location))
		status, _, stderr = sent(t, "-s", "-L", silent)
		require.Equal(t, []any{1, ""}, []any{status, stderr})
	}
	url, log := hostile(t, told("302 Found", "Location: /fine"), told("200 OK"))
	status, _, stderr := sent(t, "-L", url)
	require.Zero(t, status, stderr)
	require.Len(t, log.take(), 2)
}

// An error of a body names the server that it is from.
func TestSendNamesTheServer(t *testing.T) {
	second, _ := hostile(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok\n")
	first, _ := hostile(t, told("302 Found", "Location: "+second+"/x"))
	status, stdout, stderr := sent(t, "-L", first)
	require.Equal(t, []any{1, "ok\n"}, []any{status, stdout})
	require.Equal(t, "hmacsign: "+strings.TrimPrefix(second, "http://")+" closed the connection before the end of its answer\n", stderr)
}

// A status line is no way to write to the terminal.
func TestSendShowsNoControls(t *testing.T) {
	url, _ := hostile(t, told("404 \x1b[2Jgone"))
	for _, args := range [][]string{{"-f"}, {"-v", "-o", filepath.Join(t.TempDir(), "out")}, {"-f", "-w", "%{errormsg}"}} {
		_, stdout, stderr := sent(t, append(args, url)...)
		require.Contains(t, stderr, "[2Jgone")
		require.NotContains(t, stdout+stderr, "\x1b")
	}
}

// However long a server asks to wait, --retry-max-time ends it, and six hours are the most.
func TestSendRetryAfterIsBounded(t *testing.T) {
	for _, after := range []string{"Fri, 31 Dec 9999 23:59:59 GMT", "2147483647", "99999999999999999999"} {
		url, log := hostile(t, told("503 Busy", "Retry-After: "+after), told("200 OK"))
		if after[0] != '9' { // more than the type holds is none, and the delay is a second
			status, _, stderr := sent(t, "--retry", "1", "--retry-max-time", "60", url)
			require.Equal(t, []any{0, ""}, []any{status, stderr})
			require.Len(t, log.take(), 1)
		}
		r := &transfer{report: &report{header: http.Header{"Retry-After": {after}}}}
		require.LessOrEqual(t, r.retryAfter(), 6*time.Hour)
	}
	r := &transfer{report: &report{header: http.Header{"Retry-After": {"7"}}}}
	require.Equal(t, 7*time.Second, r.retryAfter())
}

// Where there is nothing to truncate, it is tried again all the same.
func TestSendRetriesToDevices(t *testing.T) {
	if _, err := os.Stat("/dev/null"); err != nil {
		t.Skip("needs /dev/null")
	}
	url, log := hostile(t, told("503 Busy"), told("200 OK"))
	status, _, stderr := sent(t, "-s", "-S", "--retry", "1", "--retry-delay", "0.01", "-o", "/dev/null", url)
	require.Zero(t, status, stderr)
	require.Len(t, log.take(), 2)
}

// A Host is sent as it was signed, or not at all.
func TestSendHostAsSigned(t *testing.T) {
	for host, want := range map[string]int{
		"example.test": 0, "EXAMPLE.test:81": 0, "a_b.test.": 0, "[::1]:80": 0,
		"é.test": 2, "a b": 2, "a/b": 2, "user@x": 2, "[fe80::1%eth0]": 2, "[fe80::1%25eth0]:80": 2,
	} {
		url, log := hostile(t, told("200 OK"))
		status, _, stderr := sent(t, "-H", "Host: "+host, url)
		require.Equal(t, want, status, host+stderr)
		lines := log.take()
		if want != 0 {
			require.Empty(t, lines)
			require.Contains(t, stderr, `-H "Host: `)
			continue
		}
		require.Contains(t, lines[0], fmt.Sprintf("host=%q", host))
	}
	out := ok(t, "sign", "--scheme", "huawei-sdk", "--output", "string-to-sign", "--date", worked, "http://[fe80::1%25lo]:8080/")
	same := ok(t, "sign", "--scheme", "huawei-sdk", "--output", "string-to-sign", "--date", worked, "http://[fe80::1]:8080/")
	require.Equal(t, same, out, "a zone is of this machine: it is not sent")
}

// -H keeps the bytes of a value: only what curl takes for a space is left out around it.
func TestSendHeaderBytes(t *testing.T) {
	require.Contains(t, ok(t, "sign", "-H", "X-A: \u00a0b\u00a0", "http://h/"), "X-A: \u00a0b\u00a0\n")
	require.Contains(t, ok(t, "sign", "-H", "X-A: \tb \r\n", "http://h/"), "X-A: b\n")
}

// A given encoding of the transfer is used, also for a method without a body.
func TestSendChunkedWithoutBody(t *testing.T) {
	for _, method := range []string{"GET", "PUT", "POST"} {
		url, log := hostile(t, told("200 OK"))
		status, _, stderr := sent(t, "-X", method, "-H", "Transfer-Encoding: chunked", url)
		require.Zero(t, status, stderr)
		require.Contains(t, log.take()[0], "chunked=true signed=true")
	}
}

// A user's name and password stand in no error, and what gives them to a proxy is not shown.
func TestSendShowsNoPasswords(t *testing.T) {
	for _, url := range []string{"http://al:hunt[er2@h/", "http://al:hunt er2@h/", "ftp://al:hunter2@h/", "al:hunter2@h", "http://al:hunter2@h:99999"} {
		for _, command := range []string{"send", "sign"} {
			status, stdout, stderr := hmacsignRun(t, "", command, url)
			require.Equal(t, []any{2, ""}, []any{status, stdout}, stderr)
			require.NotContains(t, stderr, "hunt")
			require.NotContains(t, stderr, "er2")
		}
	}
	status, _, stderr := sent(t, "--secret-env", "hunter2!", "http://h/")
	require.Equal(t, 2, status)
	require.NotContains(t, stderr, "hunter2")
	require.Contains(t, stderr, "--secret-env")

	proxy, log := hostile(t, told("200 OK"))
	_, _, stderr = sent(t, "-v", "-x", strings.Replace(proxy, "//", "//al:hunter2@", 1), "http://h.test/")
	require.Len(t, log.take(), 1)
	require.Contains(t, stderr, "> Proxy-Authorization: ")
	require.NotContains(t, stderr, "YWw6aHVudGVyMg==")
	status, _, stderr = sent(t, "-x", "h:99999", "http://h/")
	require.Equal(t, 2, status, stderr)
}

// A line break in a flag's value adds no header, in sign neither.
func TestHeadersOfFlagsAreOneLine(t *testing.T) {
	for _, args := range [][]string{{"-A", "a\r\nX: y"}, {"-e", "a\nX: y"}, {"-b", "a=b\r\nX: y"}, {"-b", "a=\x1b"}, {"-A", "\x7f"}} {
		for _, command := range []string{"send", "sign"} {
			status, stdout, stderr := hmacsignRun(t, "", command, args[0], args[1], "http://h/")
			require.Equal(t, []any{2, ""}, []any{status, stdout}, stderr)
			require.Contains(t, stderr, "hmacsign: "+args[0])
		}
		require.NotEmpty(t, ok(t, "sign", args[0], "a=b", "http://h/"))
	}
}

// Wrong usage is that whoever finds it.
func TestSignWrongUsage(t *testing.T) {
	for args, says := range map[string]string{
		"--signed-headers a: http://h/": "is not a header's name", "--key-id a;b http://h/": "key id", "--algorithm md5 http://h/": "md5",
		"-o x http://h/": "-o is of the transfer",
	} {
		status, stdout, stderr := hmacsignRun(t, "", append([]string{"sign"}, strings.Fields(args)...)...)
		require.Equal(t, []any{2, ""}, []any{status, stdout}, stderr)
		require.Contains(t, stderr, says)
		require.NotContains(t, stderr, "--o ")
	}
	url, log := hostile(t, told("200 OK"))
	status, _, stderr := sent(t, "-o", "", url)
	require.Equal(t, 2, status, stderr)
	require.Contains(t, stderr, "-o")
	require.Empty(t, log.take())
}

// The trailers of an answer stand behind it, as curl prints them.
func TestSendPrintsTrailers(t *testing.T) {
	url, _ := hostile(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\na\r\n0\r\nX-T: b\r\n\r\n")
	_, stdout, stderr := sent(t, "-i", url)
	require.Equal(t, "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\naX-T: b\r\n", stdout, stderr)
	_, stdout, _ = sent(t, url)
	require.Equal(t, "a", stdout)
}

// 400 is the first status that -f takes for a failure.
func TestSendFailsFrom400(t *testing.T) {
	for status, want := range map[string]int{"399 Odd": 0, "400 Bad Request": 1} {
		url, _ := hostile(t, told(status))
		got, _, stderr := sent(t, "-f", url)
		require.Equal(t, want, got, stderr)
	}
}

// What differs in the scheme, the host or the port is another server.
func TestSameOrigin(t *testing.T) {
	parsed := func(text string) httptext.Target {
		b, err := (&httptext.Command{URL: text}).Build()
		require.NoError(t, err)
		return b.Target
	}
	first := parsed("https://h:8443/a")
	for text, same := range map[string]bool{
		"https://h:8443/b?c": true, "HTTPS://H:8443": true, "http://h:8443/a": false, "https://h/a": false, "https://h.:8443/a": false, "https://x.h:8443/a": false,
	} {
		require.Equal(t, same, parsed(text).SameOrigin(first), text)
	}
	require.True(t, parsed("http://h:80/").SameOrigin(parsed("http://h/")))
	require.False(t, parsed("https://h:80/").SameOrigin(parsed("http://h/")))
}

// Each try has the date of its own, but the one that was given.
func TestSignAnewHasANewDate(t *testing.T) {
	for _, date := range []string{"", worked} {
		r := new(requestFlags)
		r.add(pflag.NewFlagSet("", pflag.ContinueOnError))
		r.keyID, r.date = "k", date
		t.Setenv("HMACSIGN_SECRET", testSecret)
		s, err := r.flagSigner(&streams{})
		require.NoError(t, err)
		b, err := buildRequest(&httptext.Command{URL: "http://h/"})
		require.NoError(t, err)
		_, err = s.sign(b)
		require.NoError(t, err)
		if date == "" {
			s.at = s.at.Add(-time.Hour)
		}
		before := s.at
		again, err := buildRequest(&httptext.Command{URL: "http://h/"})
		require.NoError(t, err)
		_, err = s.sign(again)
		require.NoError(t, err)
		require.Equal(t, date != "", s.at.Equal(before))
	}
}

// statusOfHTTP2 is a server that answers with this status over HTTP/2.
func statusOfHTTP2(t *testing.T, status string) string {
	s := httptest.NewUnstartedServer(nil)
	s.TLS = &tls.Config{NextProtos: []string{"h2"}}
	s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
		io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
		frames := http2.NewFramer(c, c)
		frames.WriteSettings()
		for {
			frame, err := frames.ReadFrame()
			if err != nil {
				return
			}
			if frame.Header().Type == http2.FrameHeaders {
				var block bytes.Buffer
				hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: status})
				frames.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
			}
		}
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// HTTP/2 takes any number for a status; one that is none is no answer.
func TestSendStatusOfHTTP2(t *testing.T) {
	for status, works := range map[string]bool{"200": true, "99": false, "1000": false, "-5": false, "999999999999": false} {
		code, out, said := sent(t, "-k", "--http2", "-f", "-w", "%{http_code}", statusOfHTTP2(t, status))
		if works {
			require.Zero(t, code, said)
			require.Equal(t, "200", out)
			continue
		}
		require.Equal(t, 1, code, "%s: %s", status, out)
		require.Contains(t, said, "does not answer in HTTP")
	}
}
