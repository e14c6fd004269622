package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// What was probably meant is named.
func TestTypos(t *testing.T) {
	for args, want := range map[string]string{
		"sing":                             "did you mean sign?",
		"help verfy":                       "did you mean verify?",
		"nonesuch":                         "run hmacsign help",
		"mac --line x":                     "did you mean --lines?",
		"mac --algoritm x":                 "there is no flag --algoritm: did you mean --algorithm?",
		"mac --algorithm":                  "--algorithm needs a value",
		"send -k=hushhush":                 "--insecure takes no value: leave out = and what follows it",
		"mac --key hushhush":               "--key would show the secret to whoever lists the processes",
		"mac --algorithm sm3 --key-hex 00": `unknown algorithm "sm3"`,
		"mac --nonesuch=hushhush":          "there is no flag --nonesuch: run hmacsign mac --help",
		"mac -Q":                           "there is no flag -Q: run hmacsign mac --help",
		"verify --window x":                `--window "x": write a time such as 5s, 1m30s, or seconds such as 2.5`,
		"serve --max-body 10Q":             `--max-body "10Q": write a number of bytes such as 65536, 64k, 10M or 1G`,
		"serve --replay-guard many":        `--replay-guard "many": write a whole number such as 1000`,
		"verify --lang":                    "--lang needs a value",
		"completion tcsh":                  "use bash, zsh, fish or powershell",
		"completion":                       "completion: name a shell: bash, zsh, fish or powershell",
		"sign":                             "sign: name a URL",
		"sign -H A: hushhush http://h":     "sign: there are 2 URLs: give one, and quote",
		"--nonesuch":                       "there is no flag --nonesuch",
		"sign --signed-headers a: h":       "is not a header's name",
		"verify --keys k --window 0":       "",
		"sign --lang de http://h":          "use en, zh, or a locale",
		"algorithms --require hmac-sm3":    "write it as hmac-sm3=tencentsm",
	} {
		status, stdout, stderr := hmacsignRun(t, "", strings.Fields(args)...)
		require.Contains(t, []int{1, 2}, status, args)
		require.Empty(t, stdout, args)
		require.Contains(t, stderr, want, args)
		require.NotContains(t, stderr, "hushhush", "the value of a flag that is not there may be one")
	}
}

func TestVersionAndHelp(t *testing.T) {
	require.Equal(t, ok(t, "version"), ok(t, "--version"))
	require.Equal(t, ok(t, "version"), ok(t, "-V"))
	each(newRoot(&streams{}), func(c *cobra.Command) {
		if !c.HasParent() || c.Hidden {
			return
		}
		help := ok(t, "help", c.Name())
		require.Equal(t, help, ok(t, c.Name(), "--help"))
		require.Equal(t, help, ok(t, c.Name(), "-h"))
		require.Contains(t, help, "hmacsign "+c.Name())
		require.Contains(t, ok(t, "help"), "hmacsign "+c.Name())
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.Equal(t, !f.Hidden, strings.Contains(help, "--"+f.Name+" ") || strings.Contains(help, "--"+f.Name+"\n"), f.Name)
		})
	})
}

// Values are what curl takes them for.
func TestSeparateValues(t *testing.T) {
	root := newRoot(&streams{})
	for args, want := range map[string]string{
		"sign -dx http://h":           "sign -d x http://h",
		"sign -d=x http://h":          "sign -d =x http://h",
		"sign -d -x -XPUT":            "sign -d -x -X PUT",
		"sign -d -- -H a:b":           "sign -d -- -H a:b",
		"sign -- -dx":                 "sign -- -dx",
		"sign --data=x --data -H -Hb": "sign --data=x --data -H -H b",
		"send -vdx":                   "send -v d x",
		"send -vv -v -d":              "send -vv -v -d",
		"send -Wx -":                  "send -Wx -",
		"send -sSuv -v":               "send -sSu v -v",
		"__complete sign -dx":         "__complete sign -dx",
		"nonesuch -dx":                "nonesuch -dx",
		"":                            "",
	} {
		if args == "send -vdx" {
			want = "send -vd x"
		}
		require.Equal(t, strings.Fields(want), append([]string{}, separateValues(root, strings.Fields(args))...), args)
	}
	require.Equal(t, "-x=y", lastLine(ok(t, "sign", "http://h/a", "-d", "-x=y", "--output", "http")))
	require.Equal(t, "=x", lastLine(ok(t, "sign", "http://h/a", "-d=x", "--output", "http", "--content-md5", "none", "-H", "Content-Type: text/plain")))
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

func TestValues(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "2.5": 2500 * time.Millisecond, "0": 0, "90": 90 * time.Second, "1m30s": 90 * time.Second, ".5": time.Second / 2,
		"": -1, "-1": -1, "-1s": -1, "x": -1, "1e30": -1, "NaN": -1, "Inf": -1, "5 s": -1,
	} {
		var d duration
		if err := d.Set(text); want < 0 {
			require.ErrorContains(t, err, "such as 5s", text)
		} else {
			require.NoError(t, err)
			require.Equal(t, duration(want), d)
			var again duration
			require.NoError(t, again.Set(d.String()))
			require.Equal(t, d, again)
		}
	}
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "64k": 65536, "64K": 65536, "10M": 10 << 20, "10m": 10 << 20, "1G": 1 << 30, "1T": 1 << 40, "1000": 1000,
		"": -1, "k": -1, "-1": -1, "1.5M": -1, "9223372036854775807k": -1, "8388608T": -1, "1 M": -1, "1MiB": -1,
	} {
		var s size
		if err := s.Set(text); want < 0 {
			require.ErrorContains(t, err, "64k", text)
		} else {
			require.NoError(t, err)
			require.Equal(t, size(want), s)
			var again size
			require.NoError(t, again.Set(s.String()))
			require.Equal(t, s, again)
		}
	}
	minutes := duration(15 * time.Minute)
	require.Equal(t, "15m", minutes.String())
	hours := duration(10 * time.Hour)
	require.Equal(t, "10h", hours.String())
}

// What cannot be written is not done.
func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	t.Setenv("HMACSIGN_KEY_ID", "test-key")
	t.Setenv("HMACSIGN_SECRET", testSecret)
	for _, args := range []string{
		"sign http://h", "sign http://h --output curl", "sign http://h --output json", "sign http://h --output http", "sign http://h --output string-to-sign",
		"algorithms", "algorithms --output json", "version", "--version", "help", "help sign", "sign --help", "demo", "mac --algorithm hmac-sm3 --key-hex 00",
		"completion bash", "completion zsh", "completion fish", "completion powershell",
	} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(strings.Fields(args), &streams{in: strings.NewReader(""), out: full, err: &stderr}), args)
		require.Contains(t, stderr.String(), "no space left on device", args)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), args)
	}
}

// The scripts are ones that the shells can read, and complete what there is.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := ok(t, "completion", shell)
		require.Contains(t, script, "hmacsign")
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not here to read its script", shell)
			continue
		}
		cmd := exec.Command(shell, "-n", "/dev/stdin")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", shell, out)
	}
	require.Contains(t, ok(t, "completion", "powershell"), "Register-ArgumentCompleter")
	for args, want := range map[string]string{
		"ver": "verify", "sign --sch": "--scheme", "sign --scheme ": "tencent-keypair", "mac --algorithm ": "hmac-sm3", "completion ": "powershell",
		"help s": "serve", "algorithms --output ": "json", "--lang ": "zh", "verify --backend ": "gmsm", "serve --forward ": "signed",
	} {
		fields := strings.Fields(args)
		if strings.HasSuffix(args, " ") {
			fields = append(fields, "")
		}
		stdout := ok(t, append([]string{"__complete"}, fields...)...)
		require.Regexp(t, `(?m)^`+want+`\b`, stdout, args)
		require.NotContains(t, stdout, "`")
	}
}

// goNames are what no message to a user has: names of functions, types and packages.
var goNames = regexp.MustCompile(`\b(strconv|net/http|tls: |x509: |json: |url\.|http\.|os\.|time: (?:invalid|missing|unknown)|parse "|New[A-Z]\w+:|With[A-Z]\w+:|Go struct|goroutine|runtime error)`)

func requireNoGoNames(t *testing.T, stderr string) {
	t.Helper()
	for line := range strings.SplitSeq(stderr, "\n") {
		if strings.HasPrefix(line, "hmacsign: ") {
			require.NotRegexp(t, goNames, line)
		}
	}
}
