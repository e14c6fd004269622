package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A curlCase is one command line for curl and hmacsign send, with the same
// meaning. Arguments, answers and environment have placeholders.
type curlCase struct {
	args    []string
	url     string // put behind the arguments; {http}/... if it is empty, none if it is "-"
	answers []answer
	stdin   string
	env     []string // of a process of its own
	process bool     // hmacsign too runs in the folder of the run
	mask    string   // a pattern of what differs in standard output
	sorted  bool     // the order of its lines does not matter, nor the commas between them
	instead string   // why ours differs, as it should
	bug     string   // of some versions of curl: ours may differ
}

const defaultURL = "{http}/some/path?q=1&q=a%20b"

func (c *curlCase) commandLine() []string {
	switch c.url {
	case "-":
		return c.args
	case "":
		return append(slices.Clip(c.args), defaultURL)
	}
	return append(slices.Clip(c.args), c.url)
}

func (c *curlCase) String() string {
	text := strings.Join(c.commandLine(), " ")
	if len(c.env) > 0 {
		text = strings.Join(c.env, " ") + " " + text
	}
	for _, a := range c.answers {
		first, _, _ := strings.Cut(a.text, "\r\n")
		text += " | " + first
	}
	return text
}

// An outcome is what a run left behind.
type outcome struct {
	status         int
	stdout, stderr string
	files          map[string]string
	arrived        []*arrival
	problems       []string // what is wrong whatever curl does
}

// A comparison runs cases with both programs.
type comparison struct {
	shared   *sharedFiles
	curl     string
	self     string
	verifier *hmacsign.Verifier
}

// hang ends a run that would not end.
const hang = 30 * time.Second

// A runner runs a command line in a world.
type runner func(c *curlCase, w *world, args []string, o *outcome)

func (p *comparison) runCurl(c *curlCase, w *world, args []string, o *outcome) {
	runProcess(exec.Command(p.curl, args...), c, w, o)
}

// runSend runs hmacsign send in this process, or in one of its own where the
// case is about its environment or its folder.
func (p *comparison) runSend(c *curlCase, w *world, args []string, o *outcome) {
	args = append([]string{"send"}, args...)
	if c.process || len(c.env) > 0 {
		cmd := exec.Command(p.self, append([]string{"-test.run=^TestCommandProcess$", "--"}, args...)...)
		cmd.Env = []string{"HMACSIGN_COMMAND_PROCESS=1", "HMACSIGN_KEY_ID=test-key", "HMACSIGN_SECRET=" + testSecret}
		runProcess(cmd, c, w, o)
		return
	}
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(args, &streams{in: strings.NewReader(c.stdin), out: &out, err: &errs}) }()
	select {
	case o.status = <-done:
		o.stdout, o.stderr = out.String(), errs.String()
	case <-time.After(hang):
		o.status, o.problems = -1, append(o.problems, "does not end")
	}
}

// The command as a process: see runSend.
func TestCommandProcess(t *testing.T) {
	if os.Getenv("HMACSIGN_COMMAND_PROCESS") == "" {
		t.Skip("needs TestCurl, which runs it")
	}
	args := os.Args[slices.Index(os.Args, "--")+1:]
	os.Exit(run(args, &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

func runProcess(cmd *exec.Cmd, c *curlCase, w *world, o *outcome) {
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = w.dir, strings.NewReader(c.stdin), &out, &errs
	cmd.Env = append(cmd.Env, "HOME="+w.dir, "LC_ALL=C.UTF-8", "PATH="+os.Getenv("PATH"), "LD_LIBRARY_PATH="+os.Getenv("LD_LIBRARY_PATH"))
	for _, e := range c.env {
		cmd.Env = append(cmd.Env, w.expand(e))
	}
	timer := time.AfterFunc(hang, func() { cmd.Process.Kill() })
	err := cmd.Run()
	if !timer.Stop() {
		o.problems = append(o.problems, "does not end")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.problems = append(o.problems, err.Error())
		return
	}
	o.status, o.stdout, o.stderr = cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// try gives the program a world of its own.
func (p *comparison) try(c *curlCase, run runner) (*outcome, error) {
	answers := c.answers
	if answers == nil {
		answers = []answer{fine}
	}
	w, err := newWorld(p.shared, answers)
	if err != nil {
		return nil, err
	}
	var args []string
	for _, arg := range c.commandLine() {
		args = append(args, w.expand(arg))
	}
	o := &outcome{files: map[string]string{}}
	run(c, w, args, o)
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(w.dir, e.Name()))
			if err != nil {
				return nil, err
			}
			o.files[e.Name()] = string(content)
		}
	}
	w.close()
	for _, a := range w.arrived {
		a.line = w.blank(a.line)
		for i := range a.fields {
			a.fields[i] = w.blank(a.fields[i])
		}
	}
	o.arrived, o.stdout, o.stderr = w.arrived, w.blank(o.stdout), w.blank(o.stderr)
	for name := range o.files {
		o.files[name] = w.blank(o.files[name])
	}
	return o, nil
}

// compare returns what differs, or "".
func (p *comparison) compare(c *curlCase) string {
	theirs, err := p.try(c, p.runCurl)
	if err != nil {
		return err.Error()
	}
	ours, err := p.try(c, p.runSend)
	if err != nil {
		return err.Error()
	}
	if theirs.status == 2 && ours.status != 2 {
		ours.problems = append(ours.problems, fmt.Sprintf("exit status %d where curl has 2 for wrong usage", ours.status))
	}
	ours.problems = slices.Concat(ours.problems, theirs.problems, p.problems(c, ours))
	want, got := theirs.text(c), ours.text(c)
	if c.instead != "" && want == got {
		ours.problems = append(ours.problems, "does as curl, and should not: "+c.instead)
	}
	if c.instead != "" || c.bug != "" {
		want, got = "", ""
	}
	if want == got && len(ours.problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n%s%s  curl's exit status %d %s\n  ours %d %s\n", c, strings.Join(append(ours.problems, ""), "\n"), lineDiff(want, got),
		theirs.status, theirs.error(), ours.status, ours.error())
}

// curlError is curl's line on standard error, not its progress meter.
var curlError = regexp.MustCompile(`curl: \(\d+\) .*`)

func (o *outcome) error() string {
	if line := curlError.FindString(o.stderr); line != "" || !strings.Contains(o.stderr, "hmacsign: ") {
		return line
	}
	return strings.TrimSpace(o.stderr)
}

// text is the outcome without what may differ.
func (o *outcome) text(c *curlCase) string {
	var b strings.Builder
	if o.status == 0 {
		b.WriteString("done\n")
	} else {
		b.WriteString("failed\n")
	}
	if c.has("-s", "--silent") && o.status != 2 {
		fmt.Fprintf(&b, "says something: %t\n", o.stderr != "")
	}
	stdout := normalHeads(o.stdout)
	if c.mask != "" {
		stdout = regexp.MustCompile(c.mask).ReplaceAllString(stdout, "~")
	}
	lines := strings.SplitAfter(stdout, "\n")
	if c.sorted {
		lines = strings.FieldsFunc(stdout, func(r rune) bool { return strings.ContainsRune("\n,{}", r) })
		slices.Sort(lines)
	}
	fmt.Fprintf(&b, "stdout: %q\n", lines)
	for _, name := range slices.Sorted(maps.Keys(o.files)) {
		fmt.Fprintf(&b, "file %s: %q\n", name, strings.SplitAfter(normalHeads(o.files[name]), "\n"))
	}
	away := false
	for _, a := range o.arrived {
		away = away || a.origin() != o.arrived[0].origin()
		b.WriteString(a.text(c, away))
	}
	return b.String()
}

// has tells whether one of the options is among the arguments.
func (c *curlCase) has(options ...string) bool {
	return slices.ContainsFunc(c.args, func(arg string) bool { return slices.Contains(options, arg) })
}

// heads are the header blocks of answers, with -i and -I.
var heads = regexp.MustCompile(`HTTP/\d(\.\d)? \d\d\d[^\r\n]*\r\n([^\r\n]+\r\n)*\r\n`)

// normalHeads sorts their lines, whose order and case do not matter.
func normalHeads(text string) string {
	return heads.ReplaceAllStringFunc(text, func(head string) string {
		lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
		for i, l := range lines[1:] {
			lines[1+i] = lowerName(l)
		}
		slices.Sort(lines[1:])
		return strings.Join(lines, "\r\n") + "\r\n\r\n"
	})
}

func lowerName(field string) string {
	name, value, _ := strings.Cut(field, ":")
	return strings.ToLower(name) + ": " + strings.TrimSpace(value)
}

// signature is every field that the signer may add.
var signature = []string{"authorization", "x-date", "content-md5"}

// curlsOwnEscapes tells whether curl escapes a part of the URL. Whether its hex
// digits are capitals depends on its version.
func (c *curlCase) curlsOwnEscapes() bool {
	beyondASCII := func(r rune) bool { return r >= 0x80 }
	return c.has("-G", "--get", "--url-query") || strings.ContainsFunc(c.url, beyondASCII) ||
		slices.ContainsFunc(c.answers, func(a answer) bool { return strings.ContainsFunc(a.text, beyondASCII) })
}

var escapes = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

var boundaryOf = regexp.MustCompile(`; boundary=(-+\w+)`)

// text is the arrival without what may differ, of one at home or of one after the
// first elsewhere.
func (a *arrival) text(c *curlCase, away bool) string {
	requestLine := a.line
	if c.curlsOwnEscapes() {
		requestLine = escapes.ReplaceAllStringFunc(requestLine, strings.ToUpper)
	}
	body, boundary := string(a.body), ""
	if m := boundaryOf.FindStringSubmatch(a.value("Content-Type")); m != nil {
		boundary = m[1]
		body = strings.ReplaceAll(body, boundary, "BOUNDARY")
	}
	var fields []string
	for _, field := range a.fields {
		field = lowerName(field)
		name, value, _ := strings.Cut(field, ": ")
		switch {
		case slices.Contains(signature, name):
			continue
		case name == "cookie" && away:
			continue // curl sends those of -b to every host, we to none from then on
		case name == "user-agent" && (strings.HasPrefix(value, "curl/") || strings.HasPrefix(value, "hmacsign/")):
			value = "(default)"
		case name == "accept-encoding" && strings.Contains(value, "gzip") && knownCodings(value):
			value = "(what it decodes)"
		case boundary != "" && name == "content-type":
			value = strings.ReplaceAll(value, boundary, "BOUNDARY")
		case boundary != "" && name == "content-length":
			value = fmt.Sprintf("(right: %t)", value == fmt.Sprint(len(a.body)))
		}
		fields = append(fields, name+": "+value)
	}
	slices.Sort(fields)
	server := a.server
	if !c.has("-f", "--fail", "--fail-with-body") { // with which curl may leave a connection
		server += fmt.Sprint(" #", a.conn)
	}
	return fmt.Sprintf("%s\n%q\n  %q\n  %s\n", server, requestLine, fields, excerpt(body))
}

// knownCodings tells whether curl would ask for each of them.
func knownCodings(list string) bool {
	for coding := range strings.SplitSeq(list, ",") {
		if !slices.Contains([]string{"gzip", "deflate", "br", "zstd"}, strings.TrimSpace(coding)) {
			return false
		}
	}
	return true
}

func excerpt(body string) string {
	if len(body) > 4096 {
		return fmt.Sprintf("%d bytes, sum %x, %q", len(body), crc32.ChecksumIEEE([]byte(body)), body[:64])
	}
	return fmt.Sprintf("%q", body)
}

// goWords are in no error of a command, and silent is -s, alone or in a cluster.
var (
	goWords = regexp.MustCompile(`\b(strconv|x509|tls|https?|http2|net/http|net|json|context|url|io|os|gzip|zlib|flate|proxyconnect)(:|\.[A-Z]\w*:?) |\bEOF\b|\b(dial|read|write) tcp\b|\blookup \S+ on\b|deadline exceeded|%!`)
	silent  = regexp.MustCompile(`^(-[a-zA-Z]*s[a-zA-Z]*|--silent)`)
)

// problems are what is wrong with an outcome of ours in itself: a signature that
// does not verify or that another host gets, a secret that shows, an error that
// is not one line.
func (p *comparison) problems(c *curlCase, o *outcome) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if strings.Contains(o.stdout+o.stderr, testSecret) {
		bad("the secret shows")
	}
	if strings.Count(o.stderr, "hmacsign: ") > 1+strings.Count(o.stderr, "trying again") {
		bad("more than one line of error: %s", o.stderr)
	}
	if said := goWords.FindString(o.stderr); said != "" {
		bad("%q is no word for users: %s", said, o.stderr)
	}
	if o.status != 0 && !strings.Contains(o.stderr, "hmacsign: ") && !slices.ContainsFunc(c.args, silent.MatchString) {
		bad("says nothing of what failed")
	}
	home, away := "", false
	for _, a := range o.arrived {
		if strings.HasPrefix(a.line, "CONNECT ") || strings.HasPrefix(a.line, "SOCKS5 ") {
			if a.value("Authorization") != "" {
				bad("the proxy gets the signature: %s", a.line)
			}
			continue
		}
		origin := a.origin()
		if home == "" {
			home = origin
		}
		away = away || origin != home
		signed := a.value("Authorization") != ""
		if away && a.value("Cookie") != "" {
			bad("the cookies are sent behind a redirect to another host: %s", a.line)
		}
		switch err := p.verify(a); {
		case away && signed:
			bad("signed behind a redirect to another host: %s", a.line)
		case a.value("Expect") != "" && len(a.body) == 0:
			// refused before it was sent
		case !away && err != nil:
			bad("does not verify: %v: %s", err, a.line)
		}
	}
	return problems
}

// origin is scheme, host and port, as far as the server knows.
func (a *arrival) origin() string {
	server, _, _ := strings.Cut(a.server, " ")
	return server + " " + strings.ToLower(a.value("Host"))
}

// verify verifies a request as a server would.
func (p *comparison) verify(a *arrival) error {
	method, rest, _ := strings.Cut(a.line, " ")
	target, _, _ := strings.Cut(rest, " ")
	if _, behind, ok := strings.Cut(target, "://"); ok && method != "CONNECT" { // as the proxy would send it on
		if slash := strings.IndexAny(behind, "/?"); slash < 0 {
			target = "/"
		} else if target = behind[slash:]; target[0] == '?' {
			target = "/" + target
		}
	}
	fields := slices.Clone(a.fields)
	for i, field := range fields {
		if strings.EqualFold(field, "Transfer-Encoding: chunked") {
			fields[i] = fmt.Sprint("Content-Length: ", len(a.body)) // the body was read from its chunks
		}
	}
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n%s\r\n\r\n%s", method, target, strings.Join(fields, "\r\n"), a.body)
	req, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		return err
	}
	_, err = p.verifier.Verify(req.WithContext(context.Background()))
	return err
}

// lineDiff shows the lines that are in one of the two only.
func lineDiff(want, got string) string {
	theirs, ours := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for i := range min(max(len(theirs), len(ours)), 40) {
		var t, o string
		if i < len(theirs) {
			t = theirs[i]
		}
		if i < len(ours) {
			o = ours[i]
		}
		if t != o {
			fmt.Fprintf(&b, "  curl %s\n  ours %s\n", t, o)
		}
	}
	return b.String()
}
