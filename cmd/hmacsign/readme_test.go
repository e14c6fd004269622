package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// Every code block of the README is tested: ```go is compiled as a program,
// ```sh is run by sh with this command on the PATH, all in one folder, and must
// print the ```text block behind it; ```bash is run in the project's folder, but
// for bin/, where libTencentSM is linked (the ```text behind it is the linker's, which
// third_party/tencentsm/test holds against the real one); a line of a bare block
// is a make target that exists, the installation of this command, or a server's
// start, whose flags must exist; what an administrator does is done by make test-dist.
func TestREADME(t *testing.T) {
	blocks := blocksOf(t, "README.md")
	kinds := map[string]int{}
	bin := t.TempDir()
	shell := newReadmeShell(t, "C")
	output := ""
	for i, b := range blocks {
		kind, text := b[1], b[2]
		kinds[kind]++
		switch kind {
		case "go":
			requireCompiles(t, i, text)
		case "sh":
			output = shell.run(t, text)
		case "toml":
			shell.configure(t, text)
		case "bash":
			if sm3cgo.Enabled {
				requireTool(t, "bash")
				// What lies in bin/ stays as it is.
				text = regexp.MustCompile(`(?m)(^|\s)bin/`).ReplaceAllString(text, "${1}"+bin+"/")
				cmd := exec.Command("bash", "-eu", "-c", text)
				cmd.Dir = "../.."
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s\n%s", text, out)
				output = string(out)
			}
		case "text":
			if blocks[i-1][1] == "bash" {
				require.Contains(t, text, "cannot find -lTencentSM")
				continue
			}
			// Which backend is preferred depends on the machine and the build.
			backend := regexp.MustCompile(`(on backend |hmac-sm3  +)[a-z0-9-]+|  +`)
			require.Equal(t, backend.ReplaceAllString(text, ""), backend.ReplaceAllString(output, ""))
		case "":
			for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
				if target, ok := strings.CutPrefix(line, "make "); ok {
					requireTool(t, "make")
					out, err := exec.Command("make", append([]string{"-C", "../..", "-n"}, strings.Fields(target)...)...).CombinedOutput()
					require.NoError(t, err, string(out))
				} else if _, args, ok := strings.Cut(line, "hmacsign serve "); ok {
					requireFlags(t, strings.Fields(args))
				} else if args, ok := strings.CutPrefix(line, "docker build -f "); ok {
					require.FileExists(t, filepath.Join("../..", strings.Fields(args)[0]))
				} else if args, ok := strings.CutPrefix(line, "sudo "); ok {
					requireWalked(t, strings.Fields(args))
				} else {
					require.Contains(t, []string{"go install ./cmd/hmacsign", "go install -tags page ./cmd/hmacsign", "go install github.com/gmhmac/hmacsign/cmd/hmacsign@latest", "sudoedit /etc/hmacsign/serve.env /etc/hmacsign/keys.json"}, line)
				}
			}
		case "json":
			if strings.HasPrefix(strings.TrimSpace(text), "[") {
				requireKeysFile(t, text)
			} else {
				entry := evidenceOf(t, "gmsm")
				if sm3cgo.Enabled {
					entry = output // of the bash above it
				}
				requireEvidence(t, text, entry)
			}
		default:
			t.Errorf("a block of kind %q, which nothing tests", kind)
		}
	}
	for kind, want := range map[string]int{"go": 2, "sh": 5, "text": 6, "bash": 4, "json": 2, "": 2} {
		require.GreaterOrEqual(t, kinds[kind], want, kind)
	}
}

// The same blocks of the Chinese one (TestChineseREADME) work in a Chinese locale.
func TestREADMEInChinese(t *testing.T) {
	shell, output := newReadmeShell(t, "zh_CN.UTF-8"), ""
	for _, b := range blocksOf(t, "README.zh-CN.md") {
		switch b[1] {
		case "sh":
			output += shell.run(t, b[2])
		case "toml":
			shell.configure(t, b[2])
		}
	}
	require.Contains(t, output, "验签通过：密钥 ID app-1")
}

// blocksOf are the code blocks of a README: the kind and the text of each.
func blocksOf(t *testing.T, readme string) [][]string {
	text, err := os.ReadFile(filepath.Join("../..", readme))
	require.NoError(t, err)
	return regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1)
}

// A readmeShell runs one block after the other, in one folder and with what they export.
type readmeShell struct {
	dir, exports string
	env          []string
}

func newReadmeShell(t *testing.T, locale string) *readmeShell {
	requireTool(t, "sh")
	path := filepath.Dir(builtCommand(t)) + string(os.PathListSeparator) + os.Getenv("PATH")
	dir := t.TempDir()
	return &readmeShell{dir: dir, env: append(os.Environ(), "PATH="+path, "LC_ALL="+locale, "HOME="+dir, "XDG_CONFIG_HOME=")}
}

// configure writes the file of profiles to where the README says that it is.
func (s *readmeShell) configure(t *testing.T, text string) {
	file := filepath.Join(s.dir, ".config/hmacsign/config.toml")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// run wants exit status 0 and returns what was printed on standard output.
func (s *readmeShell) run(t *testing.T, text string) string {
	cmd := exec.Command("sh", "-eu", "-c", s.exports+text)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", text, out)
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "export ") {
			s.exports += line + "\n"
		}
	}
	return string(out)
}

// requireFlags finds every flag of a command that the test does not run in its
// help.
func requireFlags(t *testing.T, args []string) {
	help := ok(t, "serve", "--help")
	for _, arg := range args {
		if strings.HasPrefix(arg, "--") {
			require.Contains(t, help, arg+" ")
		}
	}
}

// requireWalked finds what an administrator does with a package in what make test-dist
// does.
func requireWalked(t *testing.T, args []string) {
	walk, err := os.ReadFile("dist/walk")
	require.NoError(t, err)
	require.Contains(t, string(walk), "run "+strings.Join(args[:2], " ")+" ")
}

// requireKeysFile reads a keys file, with the secrets that it names.
func requireKeysFile(t *testing.T, text string) {
	dir := filepath.ToSlash(t.TempDir())
	for _, name := range []string{"app-2", "app-2.old"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("example\n"), 0o600))
	}
	t.Setenv("APP_1_SECRET", "example")
	keys, err := hmacsign.ReadKeys(strings.NewReader(strings.ReplaceAll(text, "/run/secrets", dir)))
	require.NoError(t, err)
	key, err := keys.Key(context.Background(), "app-2")
	require.NoError(t, err)
	require.Equal(t, "example", key.Previous.Reveal())
}

// evidenceOf is a backend's entry in the evidence.
func evidenceOf(t *testing.T, backend string) string {
	_, entries, _ := strings.Cut(ok(t, "algorithms", "--output", "json"), `"algorithms": [`)
	for entry := range strings.SplitAfterSeq(entries, "\n    }") {
		if strings.Contains(entry, `"backend": "`+backend+`"`) {
			return strings.TrimPrefix(entry, ",")
		}
	}
	t.Fatalf("no entry of %s", backend)
	return ""
}

// requireEvidence holds an excerpt of the evidence against an entry as it is
// printed: the same members in the same order, with the same kinds of values.
func requireEvidence(t *testing.T, text, entry string) {
	members := regexp.MustCompile(`"\w+":`)
	require.Equal(t, members.FindAllString(entry, -1), members.FindAllString(text, -1))
	var excerpt, whole map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &excerpt))
	require.NoError(t, json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimSpace(entry), ",")), &whole), entry)
	requireMembers(t, excerpt, whole)
}

func requireMembers(t *testing.T, excerpt, whole map[string]any) {
	for name, value := range excerpt {
		require.IsType(t, value, whole[name], name)
		if members, ok := value.(map[string]any); ok {
			requireMembers(t, members, whole[name].(map[string]any))
		}
	}
}

func requireTool(t *testing.T, name string) {
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("needs " + name)
	}
}

// requireCompiles builds text as a program of this module, without putting it
// there.
func requireCompiles(t *testing.T, i int, text string) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(source, []byte(text), 0o600))
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	name := fmt.Sprintf("readme%d", i)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, name, "main.go"): source}})
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	cmd := exec.Command("go", "build", "-overlay", file, "-o", filepath.Join(dir, "program"), "./"+name)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, text)
	formatted, err := exec.Command("gofmt", "-l", source).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(formatted), "gofmt would change the block")
}

// What a README links to in this repository is there.
func TestLinks(t *testing.T) {
	var readmes []string
	for _, pattern := range []string{"../../*.md", "../../*/*.md", "../../*/*/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		readmes = append(readmes, found...)
	}
	require.Greater(t, len(readmes), 8)
	links := 0
	for _, readme := range readmes {
		text, err := os.ReadFile(readme)
		require.NoError(t, err)
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			path, heading, _ := strings.Cut(link[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			links++
			target := filepath.Join(filepath.Dir(readme), path)
			if path == "" {
				target = readme
			}
			require.FileExists(t, target, "%s: %s", readme, link[1])
			if heading != "" {
				there, err := os.ReadFile(target)
				require.NoError(t, err)
				require.Contains(t, strings.ReplaceAll(strings.ToLower(string(there)), " ", "-"), "\n##-"+heading+"\n", "%s: %s", readme, link[1])
			}
		}
	}
	require.Greater(t, links, 10)
}
