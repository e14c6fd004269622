package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A seen is what servers were sent, a line a request.
type seen struct {
	mu    sync.Mutex
	lines []string
}

func (s *seen) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// take returns the lines and forgets them.
func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

// server is one whose handler gets the body too, and whether the request is signed as it
// should be.
func server(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string, signed bool)) *httptest.Server {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "test-key", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := v.Verify(r)
		body, _ := io.ReadAll(r.Body)
		answer(w, r, string(body), err == nil)
	}))
	t.Cleanup(s.Close)
	return s
}

func sent(t *testing.T, args ...string) (status int, stdout, stderr string) {
	return hmacsignRun(t, "", append([]string{"send"}, args...)...)
}

// follower answers /STATUS/PATH with a redirect to PATH, and takes down the rest.
func follower(t *testing.T, name string, log *seen) string {
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%s %s %s %s signed=%t type=%q cookie=%q host=%t", name, r.Method, r.URL.Path, body, signed, r.Header.Get("Content-Type"), r.Header.Get("Cookie"), r.Host == "given")
		if !signed {
			for _, header := range []string{"Authorization", "X-Date"} {
				log.add("%s", r.Header.Get(header))
			}
		}
		if m := regexp.MustCompile(`^/to/(\d+)/(.*)$`).FindStringSubmatch(r.URL.Path); m != nil {
			to := "/" + m[2]
			if strings.HasPrefix(m[2], "http://") {
				to = m[2]
			}
			w.Header().Set("Location", to)
			var code int
			fmt.Sscan(m[1], &code)
			w.WriteHeader(code)
		}
	})
	s.Start()
	return s.URL
}

// Redirects as curl follows them; what stays with the server is signed anew.
func TestSendFollows(t *testing.T) {
	var log seen
	url := follower(t, "a", &log)
	const form = `type="application/x-www-form-urlencoded"`
	for _, c := range []struct {
		path string
		args []string
		want string
	}{
		{"302", []string{"-d", "x"}, `GET /b  signed=true type=""`}, {"302", []string{"-d", "x", "-X", "POST"}, `POST /b  signed=true type=""`},
		{"301", []string{"-d", "x"}, `GET /b  signed=true type=""`}, {"303", []string{"-d", "x", "-X", "PUT"}, `PUT /b  signed=true type=""`},
		{"307", []string{"-d", "x"}, `POST /b x signed=true ` + form}, {"308", []string{"-d", "x", "-X", "PUT"}, `PUT /b x signed=true ` + form}, {"300", []string{"-d", "x"}, `POST /b x signed=true ` + form},
		{"303", []string{"-I"}, `HEAD /b  signed=true type=""`}, {"302", []string{"--json", "1"}, `GET /b  signed=true type="application/json"`},
		{"302", []string{"-d", "x", "-H", "Content-Type: a/b", "-b", "c=d"}, `GET /b  signed=true type="a/b" cookie="c=d"`}, {"302", []string{"-H", "Host: given"}, `GET /b  signed=true type="" cookie="" host=true`},
	} {
		status, _, stderr := sent(t, append(c.args, "-L", url+"/to/"+c.path+"/b")...)
		require.Zero(t, status, stderr)
		lines := log.take()
		require.Len(t, lines, 2, c.args)
		require.Contains(t, lines[0], "signed=true")
		require.True(t, strings.HasPrefix(lines[1], "a "+c.want), "%v: %s", c, lines[1])
	}
	status, _, _ := sent(t, url+"/to/302/b")
	require.Zero(t, status)
	require.Len(t, log.take(), 1, "without -L none is followed")

	for limit, want := range map[string]int{"1": 1, "2": 0, "-1": 0} {
		status, _, stderr := sent(t, "-L", "--max-redirs", limit, url+"/to/302/to/302/b")
		require.Equal(t, want, status, stderr)
	}
	status, stdout, _ := sent(t, "-L", "--max-redirs", "0", url+"/to/302/b")
	require.Equal(t, []any{1, ""}, []any{status, stdout})
	status, _, stderr := sent(t, "-L", "--max-redirs", "many", url)
	require.Equal(t, 2, status, stderr)
}

// What another host is sent has neither a signature nor cookies, and is not signed any
// more when it sends the request back.
func TestSendLeaves(t *testing.T) {
	var log seen
	a, b := follower(t, "a", &log), follower(t, "b", &log)
	status, _, stderr := sent(t, "-v", "-L", "-b", "c=d", "-H", "Host: given", "-d", "x", a+"/to/307/"+b+"/to/307/"+a+"/end")
	require.Zero(t, status, stderr)
	require.Equal(t, 2, strings.Count(stderr, "* not signed: "), stderr)
	lines := log.take()
	require.Len(t, lines, 1+3+3, "%v", lines)
	require.Contains(t, lines[0], `signed=true`)
	require.Contains(t, lines[0], `cookie="c=d" host=true`)
	for _, i := range []int{1, 4} {
		require.Contains(t, lines[i], "x signed=false", "%v", lines)
		require.Contains(t, lines[i], `cookie="" host=false`)
		require.Equal(t, []string{"", ""}, lines[i+1:i+3], "no header of the signature")
	}
}

// Tries again as curl does, each one signed anew.
func TestSendRetries(t *testing.T) {
	var log seen
	answers := []int{}
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%s signed=%t", body, signed)
		code := 200
		if len(answers) > 0 {
			code, answers = answers[0], answers[1:]
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(code)
		fmt.Fprint(w, code)
	})
	s.Start()
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		args    []string
		answers []int
		tries   int
		status  int
		output  string
	}{
		{[]string{"--retry", "3"}, []int{503, 429}, 3, 0, "200"}, {[]string{"--retry", "1"}, []int{503, 500}, 2, 0, "500"}, {[]string{"--retry", "1", "-f"}, []int{408, 504}, 2, 1, ""},
		{[]string{"--retry", "3", "-f"}, []int{404}, 1, 1, ""}, {[]string{"--retry", "3", "-f", "--retry-all-errors"}, []int{404, 502}, 3, 0, "200"}, {[]string{"--retry", "3", "--retry-all-errors"}, []int{404}, 1, 0, "404"},
		{nil, []int{503}, 1, 0, "503"}, {[]string{"--retry", "3", "--retry-max-time", "0.000001"}, []int{503}, 1, 0, "503"},
	} {
		answers = c.answers
		os.Remove(out)
		status, _, stderr := sent(t, append(c.args, "-d", "x", "--retry-delay", "0.002", "-o", out, s.URL)...)
		require.Equal(t, c.status, status, stderr)
		lines := log.take()
		require.Len(t, lines, c.tries, c.args)
		for _, line := range lines {
			require.Equal(t, "x signed=true", line)
		}
		content, _ := os.ReadFile(out)
		require.Equal(t, c.output, string(content), c.args)
	}
	answers = []int{503}
	_, _, stderr := sent(t, "--retry", "2", "--retry-delay", "0.002", s.URL)
	require.Equal(t, "hmacsign: the server answered 503: trying again in 2ms, 2 times at most\n", stderr)
	answers = []int{503}
	_, _, stderr = sent(t, "-s", "--retry", "2", "--retry-delay", "0.002", s.URL)
	require.Empty(t, stderr)
	answers = []int{503}
	status, stdout, stderr := sent(t, "-s", "--retry", "2", "--retry-delay", "0.002", "-o", os.DevNull, "-w", "%{http_code}", s.URL)
	require.Equal(t, "0 200", fmt.Sprint(status, " ", stdout), stderr)

	for flag, tries := range map[string]int{"--retry-connrefused": 2, "--retry-all-errors": 2, "-v": 0} {
		_, stdout, _ := sent(t, flag, "--retry", "2", "--retry-delay", "0.001", "-w", "%{num_retries}", "http://127.0.0.1:1")
		require.Equal(t, fmt.Sprint(tries), stdout, flag)
	}
}

// What is printed of the answer, and where.
func TestSendOutput(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		w.Header().Set("X-Seen", r.Method)
		w.Header()["Date"] = nil
		if strings.HasSuffix(r.URL.Path, "/404") {
			w.WriteHeader(404)
		}
		if r.URL.Path != "/empty" {
			fmt.Fprint(w, "body")
		}
	})
	s.Start()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/plain; charset=utf-8\r\nX-Seen: "
	const answered = "hmacsign: the server answered 404 Not Found\n"
	for _, c := range []struct {
		args           []string
		path           string
		status         int
		stdout, stderr string
	}{
		{nil, "/", 0, "body", ""}, {[]string{"-i"}, "/", 0, head + "GET\r\n\r\nbody", ""}, {[]string{"-I"}, "/", 0, head + "HEAD\r\n\r\n", ""}, {[]string{"-I", "-X", "GET"}, "/", 0, head + "GET\r\n\r\n", ""},
		{nil, "/404", 0, "body", ""}, {[]string{"-f"}, "/404", 1, "", answered}, {[]string{"-fs"}, "/404", 1, "", ""}, {[]string{"-fsS"}, "/404", 1, "", answered}, {[]string{"--fail-with-body"}, "/404", 1, "body", answered},
		{[]string{"-f"}, "/", 0, "body", ""}, {[]string{"-f", "--fail-with-body"}, "/", 2, "", "hmacsign: --fail prints no answer, --fail-with-body does: give one of the two\n"},
	} {
		status, stdout, stderr := sent(t, append(c.args, s.URL+c.path)...)
		require.Equal(t, []any{c.status, c.stdout, c.stderr}, []any{status, stdout, stderr}, c.args)
	}
	t.Chdir(t.TempDir())
	for _, c := range []struct{ args, path, file, content string }{
		{"-o|x", "/", "x", "body"}, {"-ox|-o|y", "/", "x", "body"}, {"-O", "/a/b.txt?c/d", "b.txt", "body"}, {"-o|x", "/empty", "x", ""}, {"-i|-o|x", "/", "x", head + "GET\r\n\r\nbody"},
	} {
		status, stdout, stderr := sent(t, append(strings.Split(c.args, "|"), s.URL+c.path)...)
		require.Equal(t, []any{0, "", ""}, []any{status, stdout, stderr})
		content, err := os.ReadFile(c.file)
		require.NoError(t, err)
		require.Equal(t, c.content, string(content), c.args)
		require.NoError(t, os.Remove(c.file))
	}
	status, _, stderr := sent(t, "-o", "nofile", "http://127.0.0.1:1/")
	require.Equal(t, 1, status, stderr)
	status, _, stderr = sent(t, "-f", "-o", "nofile", s.URL+"/404")
	require.Equal(t, 1, status, stderr)
	require.NoFileExists(t, "nofile", "what fails leaves none")
	status, _, stderr = sent(t, "-O", s.URL+"/a/")
	require.Equal(t, 2, status, stderr)
	status, stdout, _ := sent(t, "-o", "-", s.URL)
	require.Equal(t, []any{0, "body"}, []any{status, stdout})
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		defer full.Close()
		var errs bytes.Buffer
		require.Equal(t, 1, run([]string{"send", s.URL}, &streams{in: strings.NewReader(""), out: full, err: &errs}))
		require.Contains(t, errs.String(), "no space left")
	}
}

func TestWriteOut(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		w.Header()["Date"] = nil
		if r.URL.Path == "/to" {
			w.Header().Set("Location", "/there?x=<y>#z")
			w.WriteHeader(302)
		}
		fmt.Fprint(w, "body")
	})
	s.Start()
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	for format, want := range map[string]string{
		"": "", `a\n\r\t\\b%%%x%{`: "a\n\r\t\\\\b%%x%{", "%{http_code} %{response_code}": "200 200", "%{method} %{scheme} %{http_version}": "POST HTTP 1.1",
		"%{url}|%{url_effective}": s.URL + "/a/../b?c#d|" + s.URL + "/b?c#d", "%{remote_ip}:%{remote_port} %{local_ip}": "127.0.0.1:" + port + " 127.0.0.1",
		"%{size_upload} %{size_download} %{num_headers} %{size_header} %{num_connects} %{num_redirects}": "2 4 2 79 1 0", "%header{content-TYPE}|%header{none}": "text/plain; charset=utf-8|",
		"%{content_type}|%{redirect_url}|%{errormsg}|%{exitcode}|%{ssl_verify_result}": "text/plain; charset=utf-8|||0|0", "a%{onerror}b": "a", "a%{stderr}b%{stdout}c": "ac",
		"%{header_json}": "{\"content-length\":[\"4\"],\n\"content-type\":[\"text/plain; charset=utf-8\"]\n}", "@" + writeFile(t, "%{http_code}\\n"): "200\n",
	} {
		status, stdout, stderr := sent(t, "-d", "ab", "-w", format, s.URL+"/a/../b?c#d")
		require.Zero(t, status, stderr)
		require.Equal(t, "body"+want, stdout, format)
	}
	_, stdout, _ := sent(t, "-o", os.DevNull, "-w", "%{redirect_url} %{num_redirects} %{filename_effective}", s.URL+"/to")
	require.Equal(t, s.URL+"/there?x=<y>#z 0 "+os.DevNull, stdout)
	_, stdout, _ = sent(t, "-L", "-o", os.DevNull, "-w", "%{redirect_url}|%{num_redirects}|%{url_effective}", s.URL+"/to")
	require.Equal(t, "|1|"+s.URL+"/there?x=<y>#z", stdout)
	status, stdout, _ := sent(t, "-w", "%{http_code}%{onerror} %{errormsg} %{exitcode}", "http://127.0.0.1:1")
	require.Equal(t, []any{1, "000 could not connect to 127.0.0.1:1: connection refused 1"}, []any{status, stdout})
	_, stdout, _ = sent(t, "-o", os.DevNull, "-w", "%{json}", s.URL)
	var all map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &all))
	require.Equal(t, []any{200.0, nil, "GET"}, []any{all["http_code"], all["errormsg"], all["method"]})
	times := []float64{}
	for _, name := range []string{"time_connect", "time_pretransfer", "time_starttransfer", "time_total"} {
		times = append(times, all[name].(float64))
	}
	require.IsNonDecreasing(t, times)
	status, stdout, stderr := sent(t, "-w", "%{nonesuch}", s.URL)
	require.Equal(t, []any{2, ""}, []any{status, stdout}, stderr)
	require.Contains(t, stderr, "nonesuch")
}

// The fields of -v are those that were written, in their order.
func TestSendVerbose(t *testing.T) {
	l, head := rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok")
	status, stdout, stderr := sent(t, "-v", "-d", "x=1", "-H", "X-Empty;", "http://"+l+"/a|b")
	require.Zero(t, status, stderr)
	require.Equal(t, "ok", stdout)
	var written []string
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(line, "> "); ok {
			written = append(written, strings.TrimRight(text, "\n"))
		}
	}
	require.Equal(t, strings.Split(<-head, "\r\n"), written)
	for _, want := range []string{"* string to sign:\n  x-date: ", "* connected to " + l + "\n", "> POST /a|b HTTP/1.1\n", "> Authorization: hmac id=", "> User-Agent: hmacsign/", "< HTTP/1.1 200 OK\n< Content-Length: 2\n< X-A: b\n<\n"} {
		require.Contains(t, stderr, want)
	}
}

// rawServer answers one request with these bytes and closes; it gives the heads of what it
// read.
func rawServer(t *testing.T, answer string) (address string, heads <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	read := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			head := ""
			for !strings.HasSuffix(head, "\r\n\r\n") {
				line, err := r.ReadString('\n')
				if head += line; err != nil {
					break
				}
			}
			read <- strings.TrimSuffix(head, "\r\n\r\n")
			if strings.Contains(head, "Content-Length: 3\r\n") {
				io.CopyN(io.Discard, r, 3)
			}
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String(), read
}

func TestSendCompressed(t *testing.T) {
	text := strings.Repeat("text ", 100)
	packed := func(w func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		c := w(&b)
		io.WriteString(c, text)
		c.Close()
		return b.String()
	}
	gz := packed(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	zl := packed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	raw := packed(func(w io.Writer) io.WriteCloser { c, _ := flate.NewWriter(w, 9); return c })
	for _, c := range []struct {
		encoding, body, want string
		status               int
	}{
		{"gzip", gz, text, 0}, {"x-gzip", gz, text, 0}, {"deflate", zl, text, 0}, {"deflate", raw, text, 0}, {"identity", text, text, 0}, {"", text, text, 0}, {"gzip", "", "", 0},
		{"br", "x", "", 1}, {"gzip", "xxxx", "", 1}, {"gzip", gz[:len(gz)-9], "", 1}, {"deflate", zl[:20], "", 1},
	} {
		address, heads := rawServer(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", c.encoding, len(c.body), c.body))
		status, stdout, stderr := sent(t, "--compressed", "http://"+address)
		require.Equal(t, c.status, status, "%s %s", c.encoding, stderr)
		require.Contains(t, <-heads, "\r\nAccept-Encoding: deflate, gzip\r\n")
		if c.status == 0 {
			require.Equal(t, c.want, stdout)
		}
		status, stdout, stderr = sent(t, "http://"+address)
		require.Equal(t, []any{0, c.body}, []any{status, stdout}, stderr)
		require.NotContains(t, <-heads, "Accept-Encoding")
	}
}

// A long body is asked for first; a server that expects nothing gets it all the same.
func TestSendExpects(t *testing.T) {
	var log seen
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%q %d %t", r.Header.Get("Expect"), len(body), signed)
	})
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/417" && r.Header.Get("Expect") != "" {
			log.add("refused")
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		inner.ServeHTTP(w, r)
	})
	s.Start()
	long, short := writeFile(t, strings.Repeat("x", 1<<20+1)), writeFile(t, strings.Repeat("x", 1<<20))
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--data-binary", "@" + long, s.URL}, []string{`"100-continue" 1048577 true`}}, {[]string{"--data-binary", "@" + short, s.URL}, []string{`"" 1048576 true`}},
		{[]string{"--data-binary", "@" + long, "-H", "Expect:", s.URL}, []string{`"" 1048577 true`}}, {[]string{"-d", "x", "-H", "Expect: 100-continue", s.URL}, []string{`"100-continue" 1 true`}},
		{[]string{"--data-binary", "@" + long, s.URL + "/417"}, []string{"refused", `"" 1048577 true`}},
	} {
		status, _, stderr := sent(t, append(c.args, "-H", "Content-Type: text/plain")...)
		require.Zero(t, status, stderr)
		require.Equal(t, c.want, log.take())
	}
}

func TestSendConnects(t *testing.T) {
	var log seen
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		log.add("%s %t", r.Host, signed)
	})
	s.Start()
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	for _, args := range [][]string{
		{"--resolve", "there.example:" + port + ":127.0.0.1"}, {"--resolve", "+there.example:" + port + ":127.0.0.1,127.0.0.2"}, {"--resolve", "*:" + port + ":127.0.0.1"},
		{"--resolve", "There.example:" + port + ":127.0.0.1", "-4"}, {"--resolve", "there.example:" + port + ":192.0.2.1", "--resolve", "there.example:" + port + ":127.0.0.1"},
	} {
		status, _, stderr := sent(t, append(args, "http://there.example:"+port)...)
		require.Zero(t, status, stderr)
		require.Equal(t, []string{"there.example:" + port + " true"}, log.take())
	}
	for _, entry := range []string{"there.example:80", "there.example", "there.example:80:localhost", "there.example:80:"} {
		status, _, stderr := sent(t, "--resolve", entry, "http://there.example")
		require.Equal(t, 2, status, stderr)
	}
	status, _, stderr := sent(t, "--url", s.URL)
	require.Zero(t, status, stderr)
	require.Len(t, log.take(), 1)
	for _, args := range [][]string{{"--url", s.URL, s.URL}, {s.URL, s.URL}, {}, {""}} {
		status, _, stderr := sent(t, args...)
		require.Equal(t, 2, status, stderr)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	go http.Serve(l, s.Config.Handler)
	defer l.Close()
	status, _, stderr = sent(t, "--unix-socket", path, "http://nowhere.example/x")
	require.Zero(t, status, stderr)
	require.Equal(t, []string{"nowhere.example true"}, log.take())
}

// Each option of this machine's curl is taken, or refused by its name.
func TestEveryOptionOfCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	out, err := exec.Command("curl", "--help", "all").Output()
	require.NoError(t, err)
	options := regexp.MustCompile(`(?m)^ (?:-(.), |    )--([a-z0-9.-]+)( <)?`).FindAllStringSubmatch(string(out), -1)
	require.Greater(t, len(options), 200)
	for _, o := range options {
		for _, flag := range []string{"--" + o[2], "-" + o[1]} {
			if flag == "-" || o[2] == "help" {
				continue
			}
			for _, command := range []string{"sign", "send"} {
				status, _, stderr := hmacsignRun(t, "", command, flag, "1", "http://127.0.0.1:1", "http://127.0.0.1:1")
				require.NotZero(t, status)
				require.NotContains(t, stderr, "there is no flag", flag)
				require.Equal(t, 1, strings.Count(stderr, "\n"), "%s: %s", flag, stderr)
			}
		}
	}
	for _, flags := range [][]string{{"-u", "user:" + testSecret}, {"--user=user:" + testSecret}, {"-sSuuser:" + testSecret}, {"--oauth2-bearer", testSecret}} {
		status, _, stderr := sent(t, append(flags, "http://127.0.0.1:1")...)
		require.Equal(t, 2, status)
		require.Contains(t, stderr, "Authorization header")
	}
	for flags, want := range map[string]string{"-T|f": "--data-binary", "--socks5|h": "-x socks5://", "-Z": "several URLs", "--ftp-pasv": "another protocol", "-D|f": "-i", "--timeout|3": "--max-time", "-#": "progress", "--secret|" + testSecret: "HMACSIGN_SECRET"} {
		status, _, stderr := sent(t, append(strings.Split(flags, "|"), "http://127.0.0.1:1")...)
		require.Equal(t, 2, status)
		require.Contains(t, stderr, want)
		require.NotContains(t, stderr, testSecret)
	}
	for _, flags := range []string{"-L", "-o|f", "-v", "-s", "--retry|1", "-k", "-x|h:1"} {
		status, _, stderr := hmacsignRun(t, "", append([]string{"sign", "http://h"}, strings.Split(flags, "|")...)...)
		require.Equal(t, 2, status)
		require.Contains(t, stderr, "sign sends nothing")
		require.NotContains(t, stderr, "--o ", "a flag that there is")
		require.NotContains(t, ok(t, "sign", "--help"), "--retry")
	}
}

// A name that is none is wrong usage, whichever flag it stands behind.
func TestSendUnknownNames(t *testing.T) {
	for _, flags := range [][]string{{"--algorithm", "sm3"}, {"--scheme", "huawei-sdk", "--algorithm", "hmac-sha1"}, {"--scheme", "huawei"}} {
		status, _, stderr := sent(t, append(flags, "http://127.0.0.1:1")...)
		require.Equal(t, 2, status, stderr)
		require.Contains(t, stderr, "use one of")
	}
}

// The length of nothing is sent where curl sends it.
func TestSendNothing(t *testing.T) {
	for args, want := range map[string]bool{"-X POST": false, "-X PUT": false, "-X GET": false, "-d=": true, "-X PUT -d=": true, "-X DELETE -d=": true, "-X DELETE": false} {
		address, heads := rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		status, _, stderr := sent(t, append(strings.Fields(strings.Replace(args, "-d=", "--data=", 1)), "http://"+address)...)
		require.Zero(t, status, stderr)
		head := <-heads
		require.Equal(t, want, strings.Contains(head, "\r\nContent-Length: 0\r\n"), head)
		require.NotContains(t, head, "Transfer-Encoding")
	}
	s := server(t, func(w http.ResponseWriter, r *http.Request, body string, signed bool) {
		fmt.Fprint(w, r.ContentLength, body, signed)
	})
	resolve, url := secure(t, s, "there.example", nil)
	for _, version := range []string{"--http1.1", "--http2"} {
		status, stdout, stderr := sent(t, version, "-k", "-X", "POST", resolve, url)
		require.Zero(t, status, stderr)
		require.Contains(t, stdout, "true")
	}
}
