package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	t.Logf("%d flags, %d cases of one flag or few, %d pairs, %d mixtures: %d differences", len(flagsIn(table)), len(table), len(pairs), len(mixed), len(differences))
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

// flagsIn returns the long names of curl's options that the cases use.
func flagsIn(cases []curlCase) (names []string) {
	for _, c := range cases {
		for _, arg := range c.args {
			if name, _, _ := strings.Cut(arg, "="); strings.HasPrefix(name, "-") && len(name) > 1 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Each option that curl knows is taken, or refused by its name.
func TestCurlOptions(t *testing.T) {
	p := newComparison(t)
	list, err := exec.Command(p.curl, "--help", "all").Output()
	require.NoError(t, err)
	help := ok(t, "send", "--help")
	option := regexp.MustCompile(`(?m)^ *(?:(-.), )?(--[\w.-]+)( <.*?>)? `).FindAllStringSubmatch(string(list), -1)
	require.Greater(t, len(option), 200)
	world, err := newWorld(p.shared, []answer{fine})
	require.NoError(t, err)
	defer world.close()
	url := world.expand("{http}/")
	taken, refused := 0, 0
	for _, o := range option {
		short, long, value := o[1], o[2], o[3]
		if regexp.MustCompile(regexp.QuoteMeta(long) + `[\s,]`).MatchString(help) {
			taken++
			continue
		}
		refused++
		for _, name := range []string{long, short} {
			if name == "" {
				continue
			}
			args := []string{"send", url, name}
			if value != "" {
				args = append(args, filepath.Join(p.shared.in, "lines"))
			}
			status, stdout, stderr := hmacsignRun(t, "", args...)
			if status != 2 || stdout != "" || !strings.Contains(stderr, long) || strings.Contains(stderr, "unknown") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s is not in the help, and answered so: %d %s%s", name, status, stdout, stderr)
			}
		}
	}
	require.Empty(t, world.arrived)
	t.Logf("%d options of curl taken, %d refused by name", taken, refused)
}
