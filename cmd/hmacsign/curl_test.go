package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func newComparison(t *testing.T) *comparison {
	requireTool(t, "curl")
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix system")
	}
	curl, err := exec.LookPath("curl")
	require.NoError(t, err)
	if exec.Command(curl, "-q", "--url-query", "a", "--version").Run() != nil {
		t.Skip("needs curl 7.87 or later")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "test-key", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithMaxBody(maxBody))
	require.NoError(t, err)
	t.Setenv("HMACSIGN_KEY_ID", "test-key")
	t.Setenv("HMACSIGN_SECRET", testSecret)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToUpper(name), "")
	}
	return &comparison{newSharedFiles(t), curl, self, verifier}
}

// What arrives from hmacsign send is what arrives from curl, but for the
// signature; and so are the output, the files and whether the status is 0.
func TestCurl(t *testing.T) {
	p := newComparison(t)
	table := curlTable()
	pairs := pairsOf(atoms())
	more := 40
	if n := os.Getenv("HMACSIGN_CURL_CASES"); n != "" {
		var err error
		more, err = strconv.Atoi(n)
		require.NoError(t, err, "HMACSIGN_CURL_CASES is a number")
	}
	mixed := mixturesOf(atoms(), more)

	differences := p.compareAll(slices.Concat(table, pairs, mixed))
	for _, d := range differences {
		t.Error(d)
	}
	apart := 0
	for _, c := range table {
		if c.instead != "" || c.bug != "" {
			apart++
		}
	}
	t.Logf("%d flags, %d cases of one flag or few, %d pairs, %d mixtures: %d differences, and %d where curl is not to be followed",
		len(optionsIn(table, p.options(t))), len(table), len(pairs), len(mixed), len(differences), apart)
}

// compareAll returns the differences in the order of the cases.
func (p *comparison) compareAll(cases []curlCase) []string {
	found := make([]string, len(cases))
	next := make(chan int)
	var wait sync.WaitGroup
	for range 8 { // many cases wait
		wait.Go(func() {
			for i := range next {
				found[i] = p.compare(&cases[i])
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	wait.Wait()
	return slices.DeleteFunc(found, func(d string) bool { return d == "" })
}

// pairsOf returns each two of the atoms, with the answers of one and of the other.
func pairsOf(atoms []curlCase) (pairs []curlCase) {
	for i, a := range atoms {
		for _, b := range atoms[i+1:] {
			if a.url != "" && b.url != "" {
				continue
			}
			pairs = append(pairs, join(a, b))
			if a.answers != nil && b.answers != nil {
				pairs = append(pairs, join(b, a))
			}
		}
	}
	return pairs
}

// join puts cases one behind the other. The first that has answers or a URL of its
// own gives them.
func join(cases ...curlCase) (c curlCase) {
	for _, other := range cases {
		c.args = append(c.args, other.args...)
		if c.url == "" {
			c.url = other.url
		}
		if c.answers == nil {
			c.answers = other.answers
		}
	}
	switch {
	case c.has("-F") && c.has("Content-Type: text/plain"):
		c.bug = otherForm
	case c.has("--path-as-is") && c.has("--url-query", "-G"):
		c.bug = "curl 7.88 forgets --path-as-is where it adds to the query"
	case c.has("--path-as-is") && c.has("-e") && c.has("-L"):
		c.bug = "curl 7.88 forgets --path-as-is in the referer of a redirect"
	case c.has("--url-query") && c.has("-G"):
		c.bug = bothQueries
	case c.has("-I") && c.has("-X"):
		c.bug = "curl keeps a connection with a body that it has not read"
	case c.has("--retry") && c.has("-o") && c.has("-i", "-I"):
		c.bug = "curl 7.88 leaves the head of the failed try in the file"
	}
	return c
}

// mixturesOf returns n sets of three to six atoms, the same ones every time.
func mixturesOf(atoms []curlCase, n int) (mixtures []curlCase) {
	random := rand.New(rand.NewPCG(13, 13))
	for range n {
		var some []curlCase
		for _, i := range random.Perm(len(atoms))[:3+random.IntN(4)] {
			some = append(some, atoms[i])
		}
		mixtures = append(mixtures, join(some...))
	}
	return mixtures
}

// An option is one of curl's.
type option struct {
	short, long string
	value       bool
}

var optionLine = regexp.MustCompile(`(?m)^ *(?:(-.), )?(--[\w.-]+)( <.*?>)? `)

// options returns those that curl's help lists.
func (p *comparison) options(t *testing.T) (options []option) {
	list, err := exec.Command(p.curl, "--help", "all").Output()
	require.NoError(t, err)
	for _, m := range optionLine.FindAllStringSubmatch(string(list), -1) {
		options = append(options, option{m[1], m[2], m[3] != ""})
	}
	require.Greater(t, len(options), 200)
	return options
}

// optionsIn returns which the cases use, by their long names.
func optionsIn(cases []curlCase, options []option) map[string]bool {
	used := map[string]bool{}
	for _, c := range cases {
		for _, arg := range c.args {
			for _, o := range options {
				if arg == o.long || arg == "--no-"+strings.TrimPrefix(o.long, "--") {
					used[o.long] = true
				}
			}
			cluster, ok := strings.CutPrefix(arg, "-")
			for ok && cluster != "" {
				i := slices.IndexFunc(options, func(o option) bool { return o.short == "-"+cluster[:1] })
				if i < 0 {
					break
				}
				used[options[i].long] = true
				if cluster = cluster[1:]; options[i].value {
					break
				}
			}
		}
	}
	return used
}

// Each option that curl knows is taken, and then in the table, or refused by its
// name.
func TestCurlOptions(t *testing.T) {
	p := newComparison(t)
	options := p.options(t)
	used := optionsIn(curlTable(), options)
	help := ok(t, "send", "--help")
	w, err := newWorld(p.shared, []answer{fine})
	require.NoError(t, err)
	defer w.close()
	url := w.expand("{http}/")
	taken, refused := 0, 0
	for _, o := range options {
		if o.long == "--help" {
			continue
		}
		if regexp.MustCompile(regexp.QuoteMeta(o.long) + `[\s,]`).MatchString(help) {
			taken++
			if !used[o.long] && o.long != "--verbose" {
				t.Errorf("%s is taken: put it into the table", o.long)
			}
			continue
		}
		refused++
		for _, name := range []string{o.long, o.short} {
			if name == "" {
				continue
			}
			args := []string{"send", url, name}
			if o.value {
				args = append(args, filepath.Join(p.shared.in, "lines"))
			}
			status, stdout, stderr := hmacsignRun(t, "", args...)
			named := strings.Contains(stderr, name) || strings.Contains(stderr, o.long)
			if status != 2 || stdout != "" || !named || strings.Contains(stderr, "unknown") || strings.Contains(stderr, "there is no flag") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s is not in the help, and answered so: %d %s%s", name, status, stdout, stderr)
			}
		}
	}
	require.Empty(t, w.arrived)
	t.Logf("%d options of curl taken, %d refused by name", taken, refused)
}

// What curl takes and hmacsign refuses, with a line that names it; beside each the
// same without it is sent.
func TestCurlRefused(t *testing.T) {
	p := newComparison(t)
	for _, c := range []struct {
		args, with []string
		says       string
	}{
		{[]string{"{http}/"}, []string{"-u", "user:secret"}, "-u"},
		{[]string{"{http}/"}, []string{"-H", "Authorization: Basic dTpw"}, "Authorization"},
		{[]string{"{http}/"}, []string{"-b", "{in}/lines"}, "-b"},
		{[]string{"{http}/"}, []string{"{http}/second"}, "there are 2 URLs"},
		{[]string{"{http}/"}, []string{"-T", "{in}/lines"}, "-T"},
		{[]string{"{http}/"}, []string{"--oauth2-bearer", "token"}, "--oauth2-bearer"},
		{[]string{"-g", "{http}/{a,b}"}, []string{"--no-globoff"}, "-g"},
		{[]string{"{http}/"}, []string{"-w", "%{nonesuch}"}, "nonesuch"},
	} {
		for _, refused := range []bool{false, true} {
			w, err := newWorld(p.shared, []answer{fine})
			require.NoError(t, err)
			args := []string{"send"}
			for _, arg := range c.args {
				args = append(args, w.expand(arg))
			}
			if refused {
				for _, arg := range c.with {
					args = append(args, w.expand(arg))
				}
			}
			status, stdout, stderr := hmacsignRun(t, "", args...)
			w.close()
			if !refused {
				require.Equal(t, []any{0, 1, "hello\n"}, []any{status, len(w.arrived), stdout}, stderr)
				continue
			}
			require.Equal(t, []any{2, 0, "", 1}, []any{status, len(w.arrived), stdout, strings.Count(stderr, "\n")}, "%s: %s", c.with, stderr)
			require.Contains(t, stderr, c.says)
		}
	}
}

// -v shows the requests as they were on the wire, and the answers.
func TestCurlVerbose(t *testing.T) {
	p := newComparison(t)
	w, err := newWorld(p.shared, []answer{to(307, "/next"), to(302, "{other}/away"), fine})
	require.NoError(t, err)
	args := []string{"send", "-v", "-L", w.expand("{http}/a/../b?c"), "-d", "x=y", "-H", "X-Mine: 1", "-H", "Accept:", "-A", "me"}
	status, _, stderr := hmacsignRun(t, "", args...)
	w.close()
	require.Zero(t, status, stderr)
	require.Len(t, w.arrived, 3)
	var sent, answered []string
	for _, a := range w.arrived {
		sent = append(sent, a.line)
		for _, field := range a.fields {
			sent = append(sent, lowerName(field))
		}
	}
	var shown []string
	for l := range strings.SplitSeq(stderr, "\n") {
		l = strings.TrimSuffix(l, "\r")
		if line, ok := strings.CutPrefix(l, "> "); ok && line != "" {
			if !strings.HasSuffix(line, " HTTP/1.1") {
				line = lowerName(line)
			}
			shown = append(shown, line)
		}
		if line, ok := strings.CutPrefix(l, "< "); ok && line != "" {
			answered = append(answered, line)
		}
	}
	slices.Sort(sent)
	slices.Sort(shown)
	require.Equal(t, sent, shown)
	require.Contains(t, answered, "HTTP/1.1 307 Elsewhere")
	require.Contains(t, answered, "HTTP/1.1 302 Elsewhere")
	require.Contains(t, answered, "HTTP/1.1 200 OK")
	require.Contains(t, answered, "Location: /next")
}
