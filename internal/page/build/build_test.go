package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/page/tabs"
	"github.com/gmhmac/hmacsign/internal/page/web"
)

// unpacked is what the page does.
func unpacked(t *testing.T, text []byte) []byte {
	length, coded, _ := strings.Cut(string(text), " ")
	n, err := strconv.Atoi(length)
	require.NoError(t, err)
	var read strings.Builder // as zeros and ones
	for _, c := range coded {
		if c < 0x80 {
			fmt.Fprintf(&read, "%07b", c)
		} else {
			c -= 0x80
			fmt.Fprintf(&read, "%07b%07b", unkept[c>>7], c&127)
		}
	}
	compressed := make([]byte, n)
	for i := range compressed {
		b, err := strconv.ParseUint(read.String()[8*i:8*i+8], 2, 8)
		require.NoError(t, err)
		compressed[i] = byte(b)
	}
	decompressed, err := gzip.NewReader(bytes.NewReader(compressed))
	require.NoError(t, err)
	require.Zero(t, decompressed.ModTime)
	data, err := io.ReadAll(decompressed)
	require.NoError(t, err)
	return data
}

func TestPack(t *testing.T) {
	require.Len(t, unkept, 15)
	random := rand.NewChaCha8([32]byte{})
	for _, n := range []int{0, 1, 2, 3, 4, 5, 1000, 100003} {
		data := make([]byte, n)
		random.Read(data)
		text := pack(data)
		require.True(t, utf8.Valid(text))
		require.False(t, bytes.ContainsAny(text, "<\x00\r\n\x7f"), "it stands in a script element")
		require.True(t, bytes.Equal(data, unpacked(t, text)))
		require.Equal(t, text, pack(data))
	}
}

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// aPage is put together of what is quickly had.
func aPage(t *testing.T) string {
	page, err := assemble(pack([]byte("code")), []byte("// glue\nglobalThis.Go = class {};"), []byte("a licence"))
	require.NoError(t, err)
	return string(page)
}

// Everything that runs or looks is named in the policy by its hash, nothing else is, and
// no other element or attribute could run or load anything.
func TestPolicy(t *testing.T) {
	outer := aPage(t)
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(outer)[1]
	page := html.UnescapeString(regexp.MustCompile(`srcdoc='([^']*)'`).FindStringSubmatch(outer)[1])
	require.Contains(t, page, "class {}")
	var hashes []string
	for _, document := range []string{outer[:strings.Index(outer, "<iframe")], page} {
		for _, found := range regexp.MustCompile(`(?s)<(script|style)>(.*?)</`).FindAllStringSubmatch(document, -1) {
			sum := sha256.Sum256([]byte(found[2]))
			hash := base64.StdEncoding.EncodeToString(sum[:])
			hashes = append(hashes, "'sha256-"+hash+"'")
		}
		require.NotRegexp(t, `(?i)<[^>]+\s(on[a-z]+|style)=`, regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(document, ""))
		require.NotRegexp(t, `(?i)<(object|embed|base|a |img|video|audio|form[^>]+action)|\ssrc=`, document)
	}
	require.Len(t, hashes, 7, "five scripts and two styles")
	for _, hash := range hashes {
		require.Contains(t, policy, hash)
	}
	for _, directive := range []string{"default-src 'none'; ", "script-src 'wasm-unsafe-eval' 'sha256-", "connect-src 'none'", "frame-src 'none'", "form-action 'none'", "base-uri 'none'"} {
		require.Contains(t, policy, directive)
	}
	require.NotContains(t, policy, "unsafe-inline")
	require.NotContains(t, policy, "'unsafe-eval'")
	require.Equal(t, 6, strings.Count(policy, "'sha256-"), "shut.js is in both documents")
	require.NotContains(t, outer, "{{")
}

// Data becomes text and nothing else, nothing is stored, and nothing is said outside the
// page.
func TestSources(t *testing.T) {
	entries, err := fs.ReadDir(web.Files, ".")
	require.NoError(t, err)
	for _, e := range entries {
		source, err := web.Files.ReadFile(e.Name())
		require.NoError(t, err)
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|localStorage|sessionStorage|indexedDB|document\.cookie|caches\b|document\.title|console\.|https?://(?:[^a]|a[^p])`, string(source), e.Name())
	}
	require.Less(t, sourceSize(), int64(60_000))
}

// Both languages have the same texts, with the same gaps, and each is used.
func TestTexts(t *testing.T) {
	data, err := web.Files.ReadFile("texts.json")
	require.NoError(t, err)
	var texts map[string]map[string]string
	require.NoError(t, json.Unmarshal(data, &texts))
	require.Len(t, texts, 2)
	require.Equal(t, len(texts["en"]), len(texts["zh"]))
	script, err := web.Files.ReadFile("page.js")
	require.NoError(t, err)
	page, err := web.Files.ReadFile("page.html")
	require.NoError(t, err)
	for name, text := range texts["en"] {
		gaps := regexp.MustCompile(`\{\w+\}`)
		require.NotEmpty(t, texts["zh"][name], name)
		require.Equal(t, gaps.FindAllString(text, -1), gaps.FindAllString(texts["zh"][name], -1), name)
		if !strings.HasPrefix(name, "char_") && !strings.HasPrefix(name, "example_") && !strings.HasPrefix(name, "verifier_") {
			require.Regexp(t, `["]`+name+`["]`, string(script)+string(page))
		}
	}
	for _, used := range regexp.MustCompile(`data-(?:text|label|hint)="(\w+)"|text\("(\w+)"[,)]`).FindAllStringSubmatch(string(page)+string(script), -1) {
		require.Contains(t, texts["en"], used[1]+used[2])
	}
}

// What the examples are named for is what the page says of them.
func TestExamples(t *testing.T) {
	data, err := web.Files.ReadFile("examples.json")
	require.NoError(t, err)
	var examples struct {
		Sign []struct {
			Name   string
			Fields tabs.SignInput
		}
		Check []struct {
			Name   string
			Fields tabs.CheckInput
		}
	}
	require.NoError(t, json.Unmarshal(data, &examples))
	texts, err := web.Files.ReadFile("texts.json")
	require.NoError(t, err)
	desk := tabs.New(now)
	require.Len(t, examples.Sign, 3)
	for _, e := range examples.Sign {
		require.Equal(t, 2, strings.Count(string(texts), `"example_`+e.Name+`"`))
		signed := desk.Sign(e.Fields)
		require.Empty(t, signed.Error, e.Name)
		verdict := desk.Check(tabs.CheckInput{Request: signed.HTTP, Secret: e.Fields.Secret})
		require.True(t, verdict.Accepted, e.Name)
	}
	require.Len(t, examples.Check, 8)
	for _, e := range examples.Check {
		require.Equal(t, 2, strings.Count(string(texts), `"example_`+e.Name+`"`))
		verdict := desk.Check(e.Fields)
		require.Empty(t, verdict.Error, e.Name)
		require.Equal(t, e.Name == "good", verdict.Accepted && !verdict.Late, e.Name)
		switch e.Name {
		case "unsorted", "crlf", "newline":
			code := map[string]string{"unsorted": "parameters_not_sorted", "crlf": "carriage_returns", "newline": "space_around_secret"}[e.Name]
			require.Len(t, verdict.Mistakes, 1, e.Name)
			require.Equal(t, code, verdict.Mistakes[0].Code)
		case "body":
			require.Equal(t, "body_digest", verdict.Reason)
		case "late":
			require.True(t, verdict.Late)
		case "own":
			require.True(t, verdict.Own.Signs)
			require.False(t, verdict.Own.Equal)
		case "answer":
			require.True(t, verdict.Own.Equal)
		}
	}
}

// The same sources give the same bytes, in another folder and with other choices of the
// user. It takes a minute: make test-page runs it.
func TestTwiceTheSame(t *testing.T) {
	if os.Getenv("HMACSIGN_PAGE") == "" {
		t.Skip("needs make test-page, which sets HMACSIGN_PAGE")
	}
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one.html"), filepath.Join(dir, "other.html")
	require.NoError(t, run(one))
	copied := filepath.Join(dir, "another folder")
	out, err := exec.Command("cp", "-r", "../../..", copied).CombinedOutput()
	require.NoError(t, err, string(out))
	build := exec.Command("go", "run", "./internal/page/build", "-out", other)
	build.Dir = copied
	build.Env = append(os.Environ(), "GOFLAGS=-tags=purego", "GOWASM=satconv", "TZ=Asia/Shanghai", "LC_ALL=C")
	out, err = build.CombinedOutput()
	require.NoError(t, err, string(out))
	a, err := os.ReadFile(one)
	require.NoError(t, err)
	b, err := os.ReadFile(other)
	require.NoError(t, err)
	require.True(t, bytes.Equal(a, b))
	require.Less(t, len(a), 2_900_000)
}
