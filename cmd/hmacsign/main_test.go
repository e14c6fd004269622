package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const testSecret = "correct-horse-battery-staple"

// hmacsignRun runs a command line in this process, with a credential in the
// environment, and fails if the secret shows anywhere.
func hmacsignRun(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Setenv("HMACSIGN_KEY_ID", "test-key")
	t.Setenv("HMACSIGN_SECRET", testSecret)
	t.Setenv("HMACSIGN_PROFILE", "")
	var out, errs bytes.Buffer
	status = run(args, &streams{in: strings.NewReader(stdin), out: &out, err: &errs})
	require.NotContains(t, out.String()+errs.String(), testSecret)
	requireNoGoNames(t, errs.String())
	return status, out.String(), errs.String()
}

func ok(t *testing.T, args ...string) string {
	status, stdout, stderr := hmacsignRun(t, "", args...)
	require.Equal(t, 0, status, stderr)
	return stdout
}

func writeFile(t testing.TB, content string) string {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}, {"sign", "--help"}, {"verify", "-h"}, {"mac", "--help"}} {
		status, stdout, stderr := hmacsignRun(t, "", args...)
		require.Zero(t, status)
		require.Contains(t, stdout, "hmacsign")
		require.Empty(t, stderr)
	}
	for _, args := range [][]string{
		{"nonesuch"}, {"sign"}, {"sign", "http://h", "extra"}, {"sign", "--nonesuch", "http://h"}, {"sign", "http://h", "--output", "xml"},
		{"sign", "ftp://h"}, {"sign", "http://user@h"}, {"sign", "http://h", "--scheme", "aws"}, {"sign", "http://h", "--date", "yesterday"},
		{"sign", "http://h", "-d", "a", "-F", "b=c"}, {"sign", "http://h", "-H", "no colon"}, {"sign", "http://h", "--secret-env", "HMACSIGN_TEST_UNSET"},
		{"mac"}, {"mac", "--algorithm", "hmac-sm3"}, {"mac", "--algorithm", "hmac-sm3", "--key-hex", "0g"}, {"mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--key-env", "X"},
		{"verify"}, {"algorithms", "--require", "hmac-sm3"}, {"algorithms", "--require", "hmac-sm3=gmsm,hmac-sha256=go"}, {"algorithms", "extra"}, {"version", "extra"},
	} {
		status, _, stderr := hmacsignRun(t, "", args...)
		require.Equal(t, 2, status, args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		require.True(t, strings.HasPrefix(stderr, "hmacsign: "), stderr)
	}
	status, _, stderr := hmacsignRun(t, "")
	require.Equal(t, 2, status)
	for _, want := range []string{"hmacsign demo", "HMACSIGN_REQUIRE=", "@sha256:", "HMACSIGN_REQUIRE_SECRET_BITS=", "set but empty"} {
		require.Contains(t, stderr, want)
	}
}

func TestDemo(t *testing.T) {
	stdout := ok(t, "demo")
	require.Contains(t, stdout, "All accepted that should be, all tampered copies refused.")
	require.Equal(t, 12*3+8*3+12*2, strings.Count(stdout, "  ok "))
}

// RFC 4231 case 2 and GM/T 0042-2015 D.3 example 4 have the same input.
func TestMAC(t *testing.T) {
	const msg, key = "what do ya want for nothing?", "4a656665"
	for algorithm, want := range map[string]string{
		"hmac-sha1":   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		"hmac-sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"hmac-sm3":    "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882",
	} {
		require.Equal(t, want+"\n", ok(t, "mac", "--algorithm", algorithm, "--key-hex", key, writeFile(t, msg)))
		require.Equal(t, want+"\n", ok(t, "mac", "--algorithm", algorithm, "--key-file", writeFile(t, "Jefe\n"), writeFile(t, msg)))
		t.Setenv("TEST_KEY", "Jefe")
		for _, last := range [][]string{nil, {"-"}} {
			status, stdout, _ := hmacsignRun(t, msg, append([]string{"mac", "--algorithm", algorithm, "--key-env", "TEST_KEY"}, last...)...)
			require.Equal(t, []any{0, want + "\n"}, []any{status, stdout})
		}
	}
	for _, args := range [][]string{
		{"--algorithm", "hmac-sm3", "--key-env", "HMACSIGN_TEST_UNSET"},
		{"--algorithm", "hmac-sm3", "--key-hex", "00", "/nonexistent"}, {"--algorithm", "hmac-sm3", "--key-file", "/nonexistent"},
		{"--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "nonesuch"},
	} {
		status, stdout, _ := hmacsignRun(t, "", append([]string{"mac"}, args...)...)
		require.Equal(t, []any{1, ""}, []any{status, stdout}, args)
	}
	_, _, stderr := hmacsignRun(t, "", "mac", "--algorithm", "hmac-sm3", "--key-env", "HMACSIGN_TEST_UNSET")
	require.Contains(t, stderr, "HMACSIGN_TEST_UNSET is not set")
}

// builtCommand is the command as a user has it.
func builtCommand(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "hmacsign")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return name
}

func TestAlgorithms(t *testing.T) {
	table := ok(t, "algorithms", "--self-test")
	require.Regexp(t, `(?m)^hmac-sm3 +gmsm +yes +\w+ +passed +`, table)
	var report struct {
		Build      map[string]any
		Program    algo.Module
		Required   map[string]string
		Algorithms []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, "algorithms", "--output", "json")), &report))
	require.Equal(t, runtime.Version(), report.Build["go"])
	require.NotNil(t, report.Required)
	program, err := algo.Program()
	require.NoError(t, err)
	require.Equal(t, program, report.Program)
	require.NotEmpty(t, report.Algorithms)
	for _, row := range report.Algorithms {
		for _, name := range []string{"algorithm", "backend", "version", "available", "selected", "self_test", "detail", "module"} {
			require.Contains(t, row, name)
		}
	}
	status, _, stderr := hmacsignRun(t, "", "algorithms", "--output", "xml")
	require.Equal(t, 2, status, stderr)
}

// Require is for the life of a process, so these run in one of their own.
func TestRequire(t *testing.T) {
	hmacsign := builtCommand(t)
	content, err := os.ReadFile(hmacsign)
	require.NoError(t, err)
	pin := fmt.Sprintf("@sha256:%x", sha256.Sum256(content))
	other := "@sha256:" + strings.Repeat("0", 64)
	mac := []string{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00"}
	for _, c := range []struct {
		env  string
		args []string
		want int
	}{
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm"}, 0},
		{"", []string{"algorithms", "--require", "hmac-sha256=go", "--output", "json"}, 0},
		{"", []string{"algorithms", "--require", "hmac-sm3=tencentsm"}, 1},
		{"", []string{"algorithms", "--require", "hmac-md5=go"}, 1},
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm" + pin, "--require", "hmac-sha256=go" + pin, "--self-test"}, 0},
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm" + other}, 1},
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm" + pin, "--require", "hmac-sha256=go" + other}, 1},
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm", "--require", "hmac-sm3=asm", "--require", "hmac-sha1=nonesuch"}, 1},
		{"", []string{"algorithms", "--require", "hmac-sm3=gmsm@sha256:00"}, 1},
		{"hmac-sm3=tencentsm", []string{"algorithms"}, 1},
		{"hmac-sm3=gmsm" + other, []string{"algorithms", "--output", "json"}, 1},
		{"hmac-sm3=gmsm" + pin + ", hmac-sha256=go", []string{"algorithms", "--output", "json"}, 0},
		{"hmac-sha1=nonesuch", []string{"algorithms", "--require", "hmac-sm3=gmsm"}, 1},
		{"nonsense", []string{"algorithms"}, 1},
		{"hmac-sm3=tencentsm", mac, 1},
		{"hmac-sm3=tencentsm", append(mac, "--backend", "gmsm"), 1},
		{"hmac-sm3=tencentsm", []string{"algorithms", "--self-test"}, 1},
		{"hmac-sm3=gmsm", mac, 0},
		{"hmac-sm3=gmsm" + pin, mac, 0},
		{"hmac-sm3=gmsm" + other, mac, 1},
		{"hmac-sm3=tencentsm", []string{"mac", "--algorithm", "hmac-sha1", "--key-hex", "00"}, 0},
		{"nonsense", []string{"mac", "--algorithm", "hmac-sha1", "--key-hex", "00"}, 1},
		{"nonsense", []string{"algorithms", "--self-test"}, 1},
	} {
		cmd := exec.Command(hmacsign, c.args...)
		if cmd.Env = os.Environ(); c.env != "" {
			cmd.Env = append(cmd.Env, "HMACSIGN_REQUIRE="+c.env)
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		require.Equal(t, c.want, cmd.ProcessState.ExitCode(), "%v: %s", c, &stderr)
		if c.args[0] == "algorithms" {
			require.Contains(t, stdout.String(), "gmsm", "the list is printed all the same")
		}
		if c.want == 1 {
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", &stderr)
			require.LessOrEqual(t, strings.Count(stderr.String(), "is not understood"), 1, "said once")
		}
	}
}

// Once, however often the tests run.
var registerFaulty = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "faulty", Preference: 99, NewHash: sm3pure.New,
		NewKeyed: func([]byte) (algo.Keyed, error) { return nil, fmt.Errorf("no license") }})
})

// A backend that can make no key shows as such, and is not used.
func TestFaultyBackendShows(t *testing.T) {
	registerFaulty()
	require.Regexp(t, `(?m)^hmac-sm3 +faulty +no +no +not run .*no license`, ok(t, "algorithms"))
	status, _, stderr := hmacsignRun(t, "", "mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "faulty")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "no license")
	require.NotContains(t, ok(t, "demo"), "faulty")
}

// A secret that is too short for this deployment is not used.
func TestRequireSecretBits(t *testing.T) {
	hmacsign := builtCommand(t)
	for bits, want := range map[string]int{"128": 0, "129": 1, "none": 1} {
		for _, args := range [][]string{{"mac", "--algorithm", "hmac-sm3", "--key-env", "HMACSIGN_SECRET"}, {"sign", "http://h", "--key-id", "k"}} {
			cmd := exec.Command(hmacsign, args...)
			cmd.Env = append(os.Environ(), "HMACSIGN_SECRET=sixteen bytes it", "HMACSIGN_REQUIRE_SECRET_BITS="+bits)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.Run()
			require.Equal(t, want, cmd.ProcessState.ExitCode(), "%s: %s", bits, &stderr)
			require.Equal(t, want == 0, stdout.Len() > 0)
			require.Equal(t, want, strings.Count(stderr.String(), "\n"), "one line: %s", &stderr)
			require.NotContains(t, stderr.String(), "sixteen")
		}
	}
}

// turncoat is a backend that fails, or computes wrongly, when it is told to.
var turncoat struct{ fails, lies atomic.Bool }

type turncoatHash struct{ hash.Hash }

func (h turncoatHash) Sum(b []byte) []byte {
	if turncoat.fails.Load() {
		panic(&algo.Failure{Backend: "turncoat", Err: fmt.Errorf("the license\nran out")})
	}
	sum := h.Hash.Sum(b)
	if turncoat.lies.Load() {
		sum[len(b)] ^= 1
	}
	return sum
}

var registerTurncoat = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "turncoat", NewHash: func() hash.Hash { return turncoatHash{sm3pure.New()} }})
})

// A backend that fails in use leaves no MAC and no signature, and one line that
// says so.
func TestFailingBackend(t *testing.T) {
	registerTurncoat()
	commands := [][]string{
		{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "turncoat"},
		{"sign", "http://h/a", "--algorithm", "hmac-sm3", "--backend", "turncoat", "--date", worked},
		{"sign", "http://h/a", "--algorithm", "hmac-sm3", "--backend", "turncoat", "--scheme", "huawei-sdk", "--output", "curl"},
	}
	for _, args := range commands {
		ok(t, args...)
		turncoat.fails.Store(true)
		for range 2 { // it fails, then it is out
			status, stdout, stderr := hmacsignRun(t, "message", args...)
			require.Equal(t, []any{1, ""}, []any{status, stdout}, stderr)
			require.Contains(t, stderr, "the license ran out")
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		}
		turncoat.fails.Store(false)
		status, stdout, stderr := hmacsignRun(t, "message", args...)
		require.Equal(t, []any{1, ""}, []any{status, stdout}, stderr)
		ok(t, "algorithms", "--self-test")
		require.NotEmpty(t, ok(t, args...))
	}
}

// destroyed counts the keys of a backend that were cleared.
var destroyed atomic.Int64

type countedKey struct{ algo.Keyed }

func (countedKey) Destroy() { destroyed.Add(1) }

type macKey struct{ secret []byte }

func (k macKey) NewMAC() hash.Hash          { return hmac.New(sm3pure.New, k.secret) }
func (k macKey) Sum(dst, msg []byte) []byte { h := k.NewMAC(); h.Write(msg); return h.Sum(dst) }

var registerCounted = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "counted", NewHash: sm3pure.New,
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return countedKey{macKey{bytes.Clone(secret)}}, nil }})
})

func TestMACForgetsItsKey(t *testing.T) {
	registerCounted()
	require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("counted")))
	before := destroyed.Load()
	ok(t, "mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "counted")
	require.Equal(t, before+1, destroyed.Load())
	status, _, _ := hmacsignRun(t, "", "mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "counted", "/nonexistent")
	require.Equal(t, 1, status)
	require.Equal(t, before+2, destroyed.Load(), "also where it ends with an error")
}

// What computes wrongly by now is found out when it is asked for.
func TestAlgorithmsSelfTest(t *testing.T) {
	registerTurncoat()
	require.Regexp(t, `(?m)^hmac-sm3 +turncoat +yes +no +passed`, ok(t, "algorithms", "--self-test"))
	turncoat.lies.Store(true)
	require.Regexp(t, `(?m)^hmac-sm3 +turncoat +yes +no +passed`, ok(t, "algorithms"), "it was proven before")
	status, stdout, stderr := hmacsignRun(t, "", "algorithms", "--self-test")
	turncoat.lies.Store(false)
	require.Equal(t, 1, status)
	require.Regexp(t, `(?m)^hmac-sm3 +turncoat +no +no +failed`, stdout)
	require.Contains(t, stderr, "self-test failed")
	require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	require.Regexp(t, `(?m)^hmac-sm3 +turncoat +yes +no +passed`, ok(t, "algorithms", "--self-test"))
}

const worked = "Thu, 11 Mar 2021 08:29:58 GMT"

// The worked example of the vendor's documentation, in each kind of output.
func TestSignOutputs(t *testing.T) {
	args := []string{"sign", "http://h.example/", "-d", "p=test", "-H", "Source: apigw test", "-HAccept: application/json",
		"--signed-headers", "source", "--algorithm", "hmac-sm3", "--date", worked, "--output"}
	const text = "source: apigw test\nx-date: Thu, 11 Mar 2021 08:29:58 GMT\nPOST\napplication/json\napplication/x-www-form-urlencoded\n\n/?p=test"
	require.Equal(t, text+"\n", ok(t, append(args, "string-to-sign")...))

	key, err := algo.NewKey(algo.HMACSM3, []byte(testSecret))
	require.NoError(t, err)
	auth := fmt.Sprintf(`hmac id="test-key", algorithm="hmac-sm3", headers="source x-date", signature="%s"`, base64(key.Sum(nil, []byte(text))))
	require.Equal(t, "Accept: application/json\nAuthorization: "+auth+"\nContent-Type: application/x-www-form-urlencoded\nSource: apigw test\nX-Date: "+worked+"\n",
		ok(t, append(args, "headers")...))
	require.Equal(t, "POST / HTTP/1.1\r\nHost: h.example\r\nContent-Length: 6\r\nAccept: application/json\r\nAuthorization: "+auth+
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nSource: apigw test\r\nX-Date: "+worked+"\r\n\r\np=test", ok(t, append(args, "http")...))

	var got struct {
		Method, URL, Host string
		Headers           http.Header
		Body              []byte `json:"body_base64"`
		StringToSign      string `json:"string_to_sign"`
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, append(args, "json")...)), &got))
	require.Equal(t, []string{"POST", "http://h.example/", "h.example", "p=test", text, auth},
		[]string{got.Method, got.URL, got.Host, string(got.Body), got.StringToSign, got.Headers.Get("Authorization")})
}

func base64(b []byte) string {
	text, _ := json.Marshal(b)
	return strings.Trim(string(text), `"`)
}

// --date in each of its forms signs the same moment; the flags may stand
// anywhere; the secret may come from a file.
func TestSignFlags(t *testing.T) {
	want := ok(t, "sign", "http://h/a", "--date", worked)
	for _, args := range [][]string{
		{"sign", "--date", "2021-03-11T08:29:58Z", "http://h/a"}, {"sign", "--date=20210311T082958Z", "h/a"},
		{"sign", "--date=2021-03-11T16:29:58+08:00", "--", "http://h/a"}, {"sign", "http://h/a", "--date", worked, "--secret-file", writeFile(t, testSecret+"\n")},
		{"sign", "http://h/a", "--date", worked, "-XGET", "-H", "Accept: */*"}, {"sign", "http://h/a", "--date", worked, "--backend", "go"},
	} {
		require.Equal(t, want, ok(t, args...), args)
	}
	last := func(args ...string) string {
		text := strings.TrimSuffix(ok(t, append([]string{"sign", "--output", "string-to-sign"}, args...)...), "\n")
		return text[strings.LastIndex(text, "\n")+1:]
	}
	require.Equal(t, "/x?a=&b", last("http://h/release/x?b&a=", "--query-form", "raw"))
	require.Equal(t, "/release/x?a&b", last("http://h/release/x?b&a=", "--no-strip-environment"))
	require.Contains(t, ok(t, "sign", "http://h", "--data-binary", "x", "-H", "Content-Type: text/plain", "--content-md5", "raw"), "Content-Md5: ndTkYSaMgDT1yFZOFVxnpg==\n")
	require.NotContains(t, ok(t, "sign", "http://h", "--data-binary", "x", "-H", "Content-Type:", "--content-md5", "none"), "Content-")
	status, _, stderr := hmacsignRun(t, "", "sign", "http://h", "--backend", "nonesuch")
	require.Equal(t, 1, status, stderr)
	status, _, stderr = hmacsignRun(t, "", "sign", "http://h", "--signed-headers", "source")
	require.Equal(t, 1, status, stderr)
}

// A flag of a scheme that is not the one to sign in would do nothing.
func TestFlagsOfOtherSchemes(t *testing.T) {
	keypair, huawei := []string{"--scheme", "tencent-keypair"}, []string{"--scheme", "huawei-sdk"}
	const app, sdk, both = "is for scheme tencent-app", "is for scheme huawei-sdk", "both --region and --service"
	for _, c := range []struct {
		of    []string
		flags string
		want  string // none: it is right
	}{
		{nil, "--query-form raw", ""}, {nil, "--content-md5 raw", ""}, {nil, "--no-strip-environment", ""}, {huawei, "--region r --service s", ""},
		{keypair, "", ""}, {huawei, "", ""},
		{keypair, "--query-form raw", app}, {keypair, "--query-form documented", app}, {huawei, "--query-form=raw", app},
		{keypair, "--content-md5 hex", app}, {huawei, "--content-md5 raw", app}, {keypair, "--no-strip-environment", app}, {huawei, "--no-strip-environment", app},
		{nil, "--region r --service s", sdk}, {nil, "--region r", sdk}, {keypair, "--service s", sdk}, {keypair, "--region=", sdk},
		{huawei, "--region r", both}, {huawei, "--service s", both}, {huawei, "--service=", both}, {huawei, "--region= --service=", "give the names"}, {huawei, "--region r --service=", "give the names"},
	} {
		args := append(append([]string{"sign", "http://h/a"}, c.of...), strings.Fields(c.flags)...)
		status, _, stderr := hmacsignRun(t, "", args...)
		if c.want == "" {
			require.Zero(t, status, "%v: %s", args, stderr)
			continue
		}
		require.Equal(t, 2, status, "%v: %s", args, stderr)
		require.Contains(t, stderr, c.want, args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	}
	status, _, stderr := hmacsignRun(t, "", "send", "--scheme", "huawei-sdk", "--content-md5", "raw", "http://127.0.0.1:1")
	require.Equal(t, 2, status, stderr)
	require.Equal(t, "hmacsign: --content-md5 is for scheme tencent-app: leave it out, or name that scheme with --scheme\n", stderr)
}

// What curl's flags make of a body.
func TestBodyFlags(t *testing.T) {
	file := writeFile(t, "one\r\ntwo&\x00\xff\n")
	for _, c := range []struct{ args, body string }{
		{"-d|a=1|-d|b=2", "a=1&b=2"}, {"-da=1", "a=1"}, {"--data|@" + file, "onetwo&\xff"}, {"--data-binary|@" + file, "one\r\ntwo&\x00\xff\n"},
		{"--data-urlencode|a b&c", "a+b%26c"}, {"--data-urlencode|n=a b=c~", "n=a+b%3Dc~"}, {"--data-urlencode|=x=y", "x%3Dy"},
		{"--data-urlencode|n@" + file, "n=one%0D%0Atwo%26%00%FF%0A"}, {"-d|@-", "stdin"}, {"--data-binary|@-|-d|x", "std\nin&x"},
		{"-d|", ""},
	} {
		stdin := "std\nin"
		status, out, stderr := hmacsignRun(t, stdin, append(append([]string{"sign"}, strings.Split(c.args, "|")...), "http://h", "-H", "Content-Type: text/x", "--output", "json")...)
		require.Zero(t, status, stderr)
		var got struct {
			Body   []byte `json:"body_base64"`
			Method string
		}
		require.NoError(t, json.Unmarshal([]byte(out), &got))
		require.Equal(t, []string{c.body, "POST"}, []string{string(got.Body), got.Method}, c.args)
	}
}

// recorder is a verifying server that keeps what it accepted.
func recorder(t *testing.T) (url string, last *string) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "test-key", Secret: hmacsign.Secret(testSecret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.WithMaxBody(maxBody), hmacsign.EchoStringToSign())
	require.NoError(t, err)
	last = new(string)
	server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = fmt.Sprintf("%s %s %q %q %q %s", r.Method, r.RequestURI, r.Header["Content-Type"], r.Header["X-Odd"], r.Header["Accept"], body)
		io.WriteString(w, "fine")
	})))
	t.Cleanup(server.Close)
	return server.URL, last
}

// A shell runs the printed command as it stands, whatever is in it, and the
// server gets byte for byte what was signed.
func TestCurlOutputRuns(t *testing.T) {
	for _, tool := range []string{"curl", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	url, last := recorder(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, args := range map[string][]string{
		"GET":              {"/a?b=1"},
		"odd URL":          {"/release/[a]{b}/../c;d'e?x=[1-3]&y={a,b}&z=%20$HOME`id`", "-g"},
		"raw bytes":        {"/a|b\"<>^{}\\?x=|\"<>^{}\xc3\xa4", "-g"},
		"HEAD":             {"/a", "-X", "HEAD"},
		"DELETE":           {"/a", "-X", "DELETE"},
		"GET with a body":  {"/a", "-X", "GET", "--data-binary", "x", "-H", "Content-Type: text/plain"},
		"form":             {"/a?z=1", "-d", "b=2", "--data-urlencode", "c=it's 50% \"$x\" `y` \\ !"},
		"starts with @":    {"/a", "--data-binary", "@" + writeFile(t, "@/etc/passwd")},
		"quotes":           {"/a", "--data-binary", `it's a "test" \ $HOME $(id) ` + "`id` !! %s %n \n\t é", "-H", "Content-Type: text/plain"},
		"trailing newline": {"/a", "--data-binary", "x\n\n", "-H", "Content-Type: text/plain"},
		"all bytes":        {"/a", "--data-binary", "@" + writeFile(t, string(every)), "-H", "Content-Type: application/octet-stream"},
		"no content type":  {"/a", "--data-binary", "x", "-H", "Content-Type:"},
		"empty header":     {"/a", "-H", "X-Odd;"},
		"odd headers":      {"/a", "-H", `X-Odd: it's @"$HOME" \ ;`, "-H", "X-Odd: second", "-H", "Accept:"},
		"200 KB of text":   {"/a", "--data-binary", "@" + writeFile(t, strings.Repeat("it's 100%\n", 20_000)), "-H", "Content-Type: text/plain"},
		"1 MB of bytes":    {"/a", "--data-binary", "@" + writeFile(t, strings.Repeat(string(every), 4096)), "-H", "Content-Type: text/plain"},
		"multipart":        {"/a", "-F", "name=val\"ue;type=text/x", "-F", "file=@" + writeFile(t, string(every))},
	} {
		t.Run(name, func(t *testing.T) {
			args[0] = url + args[0]
			if strings.ContainsAny(args[0], " `") {
				args[0] = strings.NewReplacer(" ", "%20", "`", "%60").Replace(args[0])
			}
			*last = ""
			ok(t, append([]string{"send", "--algorithm", "hmac-sm3"}, args...)...)
			sent := *last
			*last = ""
			script := ok(t, append([]string{"sign", "--output", "curl", "--algorithm", "hmac-sm3"}, args...)...)
			cmd := exec.Command("sh", "-e")
			cmd.Stdin = strings.NewReader(script)
			cmd.Env = append(os.Environ(), "HOME=/nonexistent", "http_proxy=", "HTTP_PROXY=")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", out, script)
			if name == "multipart" { // each run has a boundary of its own
				require.Contains(t, *last, string(every), "%s\n%s", out, script)
				return
			}
			require.NotEmpty(t, sent)
			require.Equal(t, sent, *last, script)
		})
	}
}

func TestSend(t *testing.T) {
	url, last := recorder(t)
	status, stdout, stderr := hmacsignRun(t, "", "send", url+"/a", "-d", "x=1", "-v")
	require.Zero(t, status, stderr)
	require.Equal(t, "fine", stdout)
	require.Contains(t, *last, "x=1")
	for _, want := range []string{"* string to sign:\n  x-date: ", "> POST /a HTTP/1.1\n", "> Authorization: hmac id=", "< HTTP/1.1 200 OK\n"} {
		require.Contains(t, stderr, want)
	}
	status, stdout, stderr = hmacsignRun(t, "", "send", url+"/a", "--key-id", "nobody")
	require.Zero(t, status, "as curl without -f")
	require.Contains(t, stdout, "unknown_key")
	require.Empty(t, stderr)
	status, stdout, stderr = hmacsignRun(t, "", "send", url+"/a", "--key-id", "nobody", "--fail-with-body")
	require.Equal(t, 1, status)
	require.Contains(t, stdout, "unknown_key")
	require.Equal(t, "hmacsign: the server answered 401 Unauthorized\n", stderr)
	status, _, stderr = hmacsignRun(t, "", "send", "http://127.0.0.1:1/")
	require.Equal(t, 1, status, stderr)
}

func TestVerify(t *testing.T) {
	keys := writeFile(t, `[{"id": "test-key", "secret": {"env": "HMACSIGN_SECRET"}, "algorithms": ["hmac-sm3"]}]`)
	raw := ok(t, "sign", "--output", "http", "--algorithm", "hmac-sm3", "--date", worked, "http://h/a?b=&a=1", "-d", "x=y")
	check := func(request string, args ...string) (int, string, string) {
		return hmacsignRun(t, request, append([]string{"verify", "--keys", keys, "--date", worked}, args...)...)
	}
	status, stdout, stderr := check(raw)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "accepted: key id test-key, scheme tencent-app, algorithm hmac-sm3 on backend ")
	status, stdout, _ = check("", writeFile(t, raw), "--output", "json")
	require.Zero(t, status)
	require.Contains(t, stdout, `"accepted": true`)

	status, stdout, stderr = check(strings.Replace(raw, "x=y", "x=z", 1))
	require.Equal(t, 1, status)
	require.Contains(t, stdout, "/a?a=1&b&x=z")
	require.Equal(t, "hmacsign: key id test-key: signature does not match\n", stderr)
	status, stdout, _ = check(strings.Replace(raw, "x=y", "x=z", 1), "--output", "json")
	require.Equal(t, 1, status)
	var v verdict
	require.NoError(t, json.Unmarshal([]byte(stdout), &v))
	require.Equal(t, []string{"signature", "test-key"}, []string{v.Reason, v.KeyID})

	status, _, stderr = hmacsignRun(t, raw, "verify", "--keys", keys)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "date out of range")
	for _, c := range []struct {
		request string
		args    []string
		want    int
	}{
		{"not HTTP", nil, 1}, {raw[:len(raw)-1], nil, 1}, {raw, []string{"--query-form", "raw"}, 1}, {raw, []string{"--query-form", "x"}, 2},
		{raw, []string{"--no-strip-environment"}, 0}, {raw, []string{"--window", "1s"}, 0}, {raw, []string{"--window", "0s"}, 2},
		{raw, []string{"--backend", "nonesuch"}, 2}, {raw, []string{"--keys", "/nonexistent"}, 1}, {raw, []string{"--output", "xml"}, 2},
	} {
		status, _, stderr = check(c.request, c.args...)
		require.Equal(t, c.want, status, "%v: %s", c.args, stderr)
	}
}

// A path or a version with newlines in it makes no line of its own in the table.
func TestPrintable(t *testing.T) {
	require.Equal(t, "/x\ufffdhmac-sm3  tencentsm  yes\ufffd[31m", printable("/x\nhmac-sm3  tencentsm  yes\x1b[31m"))
	require.Equal(t, "libTencentSM Lite edition, /usr/库/l.so", printable("libTencentSM Lite edition, /usr/库/l.so"))
}
