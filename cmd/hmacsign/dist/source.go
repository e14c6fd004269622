package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// source is a clone of what is committed. Nothing that lies about in the
// repository's folder gets into it, and Go finds the version in it by itself.
type source struct {
	dir     string
	program string    // the command for this machine, which also writes its man pages
	version string    // as it tells it: v1.2.3, or Go's name of a commit without a tag
	time    time.Time // of the commit, and of every file
}

const command = "./cmd/hmacsign"

// clone makes the source in a folder. A version is a tag of the clone, so that the
// binaries tell it as they would tell the repository's.
func clone(repository, dir, version string) (*source, error) {
	s := &source{dir: filepath.Join(dir, "src"), program: filepath.Join(dir, "program")}
	if changed, err := output(s.tool(repository, "git", "status", "--porcelain")); err != nil {
		return nil, err
	} else if changed != "" {
		fmt.Println("dist: what is not committed is not built")
	}
	if _, err := output(s.tool("", "git", "clone", "--quiet", "--shared", repository, s.dir)); err != nil {
		return nil, err
	}
	if version != "" {
		if _, err := output(s.tool(s.dir, "git", "tag", "--no-sign", "--force", version)); err != nil {
			return nil, err
		}
	}
	seconds, err := output(s.tool(s.dir, "git", "log", "-1", "--format=%ct"))
	if err != nil {
		return nil, err
	}
	unix, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil {
		return nil, err
	}
	s.time = time.Unix(unix, 0).UTC()
	if s.version, err = s.build(s.program, platform{runtime.GOOS, runtime.GOARCH}, "-tags=man"); err != nil {
		return nil, err
	}
	if version != "" && s.version != version {
		return nil, fmt.Errorf("the version would be %s, not %s: it must be like v1.2.3, and higher than the commit's other tags", s.version, version)
	}
	return s, nil
}

// number is the version as packages have it, without the v.
func (s *source) number() string { return strings.TrimPrefix(s.version, "v") }

// build makes the command and returns its version. What of Go's choices changes a
// binary is chosen here, not by the user's settings.
func (s *source) build(binary string, p platform, flags ...string) (version string, err error) {
	cmd := s.tool(s.dir, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s", "-o", binary)
	cmd.Args = append(append(cmd.Args, flags...), command)
	cmd.Env = append(cmd.Env, p.environment()...)
	if _, err := output(cmd); err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	return info.Main.Version, nil
}

// page makes the signature page where the command's builds take it from, and writes it as
// a file of its own.
func (s *source) page(name string) error {
	fmt.Println("dist: the page")
	built := filepath.Join(s.dir, "internal", "page", "hmacsign.html")
	if _, err := output(s.tool(s.dir, "go", "run", "./internal/page/build", "-out", built)); err != nil {
		return err
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	return writeFile(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// tool is a command that sees of the environment nothing that would change what it
// makes.
func (s *source) tool(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !changes(variable) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly", "GOFIPS140=off",
		"GOAMD64=v1", "GOARM64=v8.0", "GORISCV64=rva20u64", "SOURCE_DATE_EPOCH="+strconv.FormatInt(s.time.Unix(), 10))
	return cmd
}

// keptByGo are variables of Go's that say where things are, not what is made.
var keptByGo = []string{"GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOTOOLCHAIN", "GOENV", "GOTMPDIR"}

func changes(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	if slices.Contains(keptByGo, name) {
		return false
	}
	return slices.ContainsFunc([]string{"GO", "CGO_", "HMACSIGN_", "LANG", "LC_", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// output runs a command; an error ends with what it said last.
func output(cmd *exec.Cmd) (string, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if text := strings.TrimSpace(said.String()); text != "" {
		err = errors.New(text)
	}
	return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args[:min(2, len(cmd.Args))], " "), err)
}
