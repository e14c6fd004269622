package browsertest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the folder of the module whose page this is.
const root = "../../.."

// browsers are those of this machine, each started when it is first asked for.
var browsers = map[string]func() (browser, error){
	"chromium": sync.OnceValues(startChromium),
	"firefox":  sync.OnceValues(startFirefox),
}

var programs = map[string]string{"chromium": "chromium", "firefox": "firefox-esr"}

// file is the page, and servedAt where the command serves it.
var file, servedAt string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	stop, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	defer func() {
		for name, start := range browsers {
			if started[name] {
				b, _ := start()
				b.close()
			}
		}
	}()
	return m.Run()
}

var saysWhere = regexp.MustCompile(`http://127\.0\.0\.1:\d+/?`)

// build builds the page and the command that has it, and serves it.
func build() (stop func(), err error) {
	folder, err := os.MkdirTemp("", "page")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(folder)
		}
	}()
	file = filepath.Join(folder, "hmacsign.html")
	command := filepath.Join(folder, "hmacsign")
	for _, step := range [][]string{
		{"go", "run", "./internal/page/build"},
		{"go", "build", "-tags", "page", "-o", command, "./cmd/hmacsign"},
		{command, "page", "--save", file},
	} {
		run := exec.Command(step[0], step[1:]...)
		run.Dir = root
		if said, err := run.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w: %s", step, err, said)
		}
	}
	serve := exec.Command(command, "page")
	says, err := serve.StdoutPipe()
	if err != nil {
		return nil, err
	}
	serve.Stderr = serve.Stdout
	if err := serve.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(says); servedAt == "" && lines.Scan(); {
		servedAt = saysWhere.FindString(lines.Text())
	}
	if servedAt == "" {
		return nil, fmt.Errorf("hmacsign page did not say where it serves")
	}
	return func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait()
		os.RemoveAll(folder)
	}, nil
}

var started = map[string]bool{}
var starting sync.Mutex

// in runs a test in a browser, or skips it where the browser is not there.
func in(t *testing.T, name string) browser {
	t.Helper()
	if _, err := exec.LookPath(programs[name]); err != nil {
		t.Skip("needs " + programs[name])
	}
	starting.Lock()
	defer starting.Unlock()
	b, err := browsers[name]()
	require.NoError(t, err)
	started[name] = true
	return b
}

// everywhere runs a test in each browser at once, there with the page from a file and then
// as the command serves it.
func everywhere(t *testing.T, test func(t *testing.T, b browser, url string)) {
	for name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := in(t, name)
			t.Run("file", func(t *testing.T) { test(t, b, "file://"+file) })
			t.Run("served", func(t *testing.T) { test(t, b, servedAt) })
		})
	}
}
