package httptext

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A receiver takes down what curl sends, byte by byte, to a socket.
type receiver struct {
	net.Listener
	received chan string
}

func newReceiver(t *testing.T) *receiver {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiver{l, make(chan string, 16)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.received <- receive(c) // before curl can end
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			c.Close()
		}
	}()
	return r
}

// receive reads one request. Its body is what it is behind the chunks.
func receive(c net.Conn) string {
	c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	head, length, chunked := "", 0, false
	for {
		line, err := in.ReadString('\n')
		if head += line; err != nil || line == "\r\n" {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.ToLower(name) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			chunked = strings.TrimSpace(value) == "chunked"
		}
	}
	var body io.Reader = io.LimitReader(in, int64(length))
	if chunked {
		body = httputil.NewChunkedReader(in)
	}
	data, _ := io.ReadAll(body)
	return head + string(data)
}

// run has a shell run a command, and returns what arrived, or that nothing did.
func (r *receiver) run(t *testing.T, shell, command string) (string, error) {
	script := filepath.Join(t.TempDir(), "script") // which may be longer than an argument
	require.NoError(t, os.WriteFile(script, []byte(command), 0o600))
	cmd := exec.Command(shell, script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	select {
	case got := <-r.received:
		return got, nil
	default:
		return "", errors.Join(err, fmt.Errorf("nothing was sent: %s", out))
	}
}

// told is a request as it would be on the wire, but for the chunks.
func told(r *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	for _, f := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	return b.String() + "\r\n" + string(r.Body)
}

var (
	ownAgent  = regexp.MustCompile(`User-Agent: curl/.*\r\n`)
	codings   = regexp.MustCompile(`Accept-Encoding: deflate, gzip.*\r\n`)
	boundary  = regexp.MustCompile(`-{24}[0-9a-f]{16}`)
	spaces    = regexp.MustCompile(`(?m)^([^ \r\n]+:)[ \t]*(.*?)[ \t]*\r$`)
	olderHTTP = regexp.MustCompile(`^(.* HTTP/1)\.0\r\n`)
)

// comparable leaves out what differs from one curl to another, or from one run to another.
func comparable(request string) string {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	head = ownAgent.ReplaceAllString(head+"\r\n", "")
	head = codings.ReplaceAllString(head, "Accept-Encoding: deflate, gzip\r\n")
	head = olderHTTP.ReplaceAllString(spaces.ReplaceAllString(head, "$1 $2\r"), "$1.1\r\n")
	return boundary.ReplaceAllString(head+"\r\n"+body, "BOUNDARY")
}

// A style is a way to quote a word.
type style struct {
	shell string
	quote func(string) string
}

func backslashed(s string) string {
	if s == "" {
		return `""`
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n':
			b.WriteString("'\n'")
		case c < 0x80 && !isAlphanumeric(byte(c)):
			b.WriteString(`\` + string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

var styles = []style{
	{"sh", quote},
	{"sh", func(s string) string {
		return `"` + strings.NewReplacer("$", `\$`, "`", "\\`", `"`, `\"`, `\`, `\\`).Replace(s) + `"`
	}},
	{"sh", backslashed},
	{"bash", chromePosix},
	{"bash", firefoxPosix},
	{"bash", func(s string) string { // each byte for itself
		var b strings.Builder
		for i, c := range []byte(s) {
			fmt.Fprintf(&b, []string{`\x%02x`, `\%03o`}[i%2], c)
		}
		return "$'" + b.String() + "'"
	}},
}

// curlAtoms are what command lines are made of.
var curlAtoms = [][]string{
	{"-X", "PUT"}, {"-H", "X-A:  b c "}, {"-H", "x-multi: 1", "--header", "Y: $HOME `x` \"q\" 'p' \\ ! é", "-H", "X-Multi: 2"},
	{"-H", "Accept: text/plain"}, {"-H", "accept:"}, {"-H", "X-Empty;"}, {"-H", "Host: other.example:81"}, {"-H", "user-agent: me"}, {"-A", "agent x"}, {"-A", ""},
	{"-e", "http://r/;auto"}, {"-b", "a=b; c=d"}, {"--cookie", "e=f", "-H", "X-C: d"}, {"-H", "cookie: g=h"},
	{"-d", "a=1"}, {"-d", ""}, {"--data-raw", "@x"}, {"--data-binary", "a\nb\tc\x01\\n'\"$HOME`!"}, {"--data-urlencode", "n=ä b&c"}, {"--data-ascii", "{\"a\": \"ü\"}"}, {"--json", `{"a":1}`}, {"--json", `[2]`, "--json", "3"},
	{"-F", "f=v;type=text/x"}, {"-F", "a=b", "--form-string", "c=@d;e"}, {"-H", "Content-Type: text/x"}, {"-H", "Content-Type: multipart/form-data"}, {"-H", "content-type:"},
	{"-G"}, {"-G", "-d", "x=%2F"}, {"-I"}, {"--compressed", "--no-compressed"}, {"--url-query", "q=a b"}, {"--url-query", "+"}, {"--compressed"}, {"--path-as-is"}, {"-g"}, {"-H", "Transfer-Encoding: chunked"}, {"-H", "Authorization: x y"}, {"-H", "Content-Length: 3"},
	{"-sSkv", "-o/dev/null", "-L", "--max-time", "20"}, {"-siLXPATCH"}, {"--request-target", "/other?x"}, {"-0"}, {"--no-keepalive", "-N", "--tcp-nodelay", "-#", "--limit-rate", "1M"}, {"-H", "Expect:"},
	{"--max-ti", "20", "--user-ag", "short"},
}

var curlURLs = []string{
	"/p/../q/./r?x=1&y=%2F#f", "/a?x&", "/%7ea/é?é", "?only", "", `/\{a\}\[b\]?c[]=1`, "/two/$HOME/`x`/'!'\"?*",
}

// needs skips a test where a program is not there.
func needs(t *testing.T, programs ...string) {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs " + program)
		}
	}
}

// What is read of a command is what the real curl sends for it, for pairs of flags and
// each way to quote: a few hundred of them, or, with a number in HMACSIGN_CURL_CASES, all
// as many times.
func TestAsCurl(t *testing.T) {
	needs(t, "curl", "sh", "bash")
	rounds, step := 1, 4
	if all := os.Getenv("HMACSIGN_CURL_CASES"); all != "" {
		var err error
		rounds, err = strconv.Atoi(all)
		require.NoError(t, err)
		step = 1
	}
	r := newReceiver(t)
	n, tried, refused := 0, 0, 0
	for range rounds {
		for i, first := range curlAtoms {
			for j, second := range curlAtoms[i:] {
				n++
				if j != 0 && n%step != 0 {
					continue
				}
				tried++
				shell, command := commandOf(tried, "http://"+r.Addr().String(), first, second)
				if strings.Contains(command, "-G") && strings.Contains(command, "--url-query") {
					continue // some versions of curl send only the data of -G
				}
				got, err := parseCurl(command)
				if err != nil {
					refused++
					require.ErrorAs(t, err, new(*Error))
					continue
				}
				if len(got.Body) == 0 && len(got.values("Transfer-Encoding")) > 0 {
					continue // curl tells of chunks, and sends none: a server would wait
				}
				want, err := r.run(t, shell, command)
				require.NoError(t, err, command)
				require.Equal(t, comparable(want), comparable(told(got)), "%s: %s", shell, command)
			}
		}
		n, tried = n+1, tried+1 // with other URLs and quotes
	}
	t.Logf("%d command lines, of which %d are refused", tried, refused)
	require.Less(t, refused, tried/5)
}

// commandOf is a command line for a shell: the nth way to write these flags.
func commandOf(n int, base string, first, second []string) (shell, command string) {
	words := append([]string{base + curlURLs[n%len(curlURLs)]}, first...)
	if words = append(words, second...); n%2 == 1 {
		words = append(words[1:], words[0])
	}
	s := styles[n/3%len(styles)]
	command = "curl"
	for _, word := range words {
		if !strings.HasPrefix(word, "-") {
			word = s.quote(word)
		}
		command += []string{" ", " \\\n  ", "\t "}[n%3] + word
	}
	return s.shell, command
}

// The commands that are written send what they are written of, and are read so.
func TestWrittenAsCurl(t *testing.T) {
	needs(t, "curl", "sh")
	r := newReceiver(t)
	for _, q := range []*Request{
		{Method: "GET", Target: "/a?b"}, {Method: "HEAD", Target: "/"}, {Method: "GET", Target: "*"}, {Method: "GET", Target: "/{a}/../[b]"}, {Method: "GET", Target: "/ä#x"},
		{Method: "POST", Target: "/", Body: []byte("it's\n@x"), Header: []hmacsign.HeaderField{{Name: "x-a", Value: "b"}, {Name: "X-E", Value: ""}}},
		{Method: "PUT", Target: "/", Body: []byte("-\x00\x01\xff%\\'\r\n"), Header: []hmacsign.HeaderField{{Name: "Accept", Value: "x"}}},
		{Method: "PUT", Target: "/", Body: []byte(strings.Repeat("%long-", 20000))},
	} {
		q.Scheme, q.Host = "http", r.Addr().String()
		got, err := r.run(t, "sh", q.Curl())
		require.NoError(t, err)
		read, err := parseCurl(q.Curl())
		require.NoError(t, err, q.Curl())
		require.Equal(t, comparable(got), comparable(told(read)), q.Curl())
		require.Equal(t, string(q.Body), string(read.Body))
	}
}

// Each flag of the real curl is known, with its short name and whether it takes a value.
func TestFlagsOfCurl(t *testing.T) {
	out, err := exec.Command("curl", "--help", "all").Output()
	if err != nil {
		t.Skip("needs curl: " + err.Error())
	}
	flags := regexp.MustCompile(`(?m)^ (?:-(\S), |    )--(\S+)( [<[])?`).FindAllStringSubmatch(string(out), -1)
	require.Greater(t, len(flags), 200)
	for _, f := range flags {
		name, on := strings.CutPrefix(f[2], "no-")
		found, _, err := longFlag(f[2])
		require.NoError(t, err, f[0])
		require.True(t, found.name == f[2] || on && found.name == name, f[0])
		require.Equal(t, f[3] != "" && f[2] != "help", found.value, f[0])
		if f[1] != "" {
			require.Contains(t, flagsByName(), f[1], f[0])
			require.Equal(t, found.value, flagsByName()[f[1]].value, f[0])
		}
	}
}

// The words of a command are those that bash makes of it, whatever is in it.
func TestAsBash(t *testing.T) {
	needs(t, "bash")
	pieces := []string{"a", "é", " ", " ", "'", "'", `"`, `"`, `\`, "\\\n", "\n", "\t", "$'", "$", "`", "!", "{", "}", ",", "..", "~", "#", "=", "x", `\x4`, `\101`, `\u00e9`, `\ud83d`, `\cA`, `\n`, "%", "^", "-", "&", "|", "[", "]"}
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 4000 {
		command := "curl "
		for range 1 + random.IntN(9) {
			command += pieces[random.IntN(len(pieces))]
		}
		l := &line{request: new(Request)}
		if err := l.readSh(command); err != nil {
			require.ErrorAs(t, err, new(*Error), command)
			continue
		}
		if accepted++; accepted > 400 {
			break
		}
		cmd := exec.Command("bash", "-c", `curl() { for word; do printf '%s\0' "$word"; done; }`+"\n"+command)
		cmd.Env = []string{"LC_ALL=C.UTF-8", "HOME=/nonexistent"}
		cmd.Dir = t.TempDir() // with no files
		out, err := cmd.Output()
		require.NoError(t, err, "%q", command)
		want := strings.Split(string(out), "\x00")
		require.Equal(t, want[:len(want)-1], append([]string{}, l.words[1:]...), "%q", command)
	}
	require.Greater(t, accepted, 300)
}
