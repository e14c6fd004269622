package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// completions are the files of the shells and how the command names each shell.
var completions = []struct{ shell, name string }{
	{"bash", "completions/hmacsign.bash"}, {"zsh", "completions/_hmacsign"}, {"fish", "completions/hmacsign.fish"}, {"powershell", "completions/hmacsign.ps1"},
}

// docs has the command write its man pages and completions, which are of every
// platform.
func (s *source) docs(dir string) ([]file, error) {
	for folder, flags := range map[string][]string{"man": nil, "man/zh_CN": {"--lang", "zh"}} {
		if _, err := output(s.tool("", s.program, append([]string{"man", filepath.Join(dir, folder)}, flags...)...)); err != nil {
			return nil, err
		}
	}
	files, err := readAll(dir)
	if err != nil {
		return nil, err
	}
	for _, c := range completions {
		script, err := output(s.tool("", s.program, "completion", c.shell))
		if err != nil {
			return nil, err
		}
		files = append(files, file{c.name, 0o644, []byte(script)})
	}
	return files, nil
}

// readAll has the files below a folder, in the order of their names.
func readAll(dir string) (files []file, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, dir)), "/")
		files = append(files, file{name, 0o644, content})
		return err
	})
	return files, err
}

// contents are the files of an archive.
func (s *source) contents(p platform, binary string, linked []*module, docs []file) ([]file, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	licence, err := os.ReadFile(filepath.Join(s.dir, "LICENSE"))
	if err != nil {
		return nil, err
	}
	others, err := thirdParty(linked)
	if err != nil {
		return nil, err
	}
	files := []file{{p.binary(), 0o755, program}, {"LICENSE", 0o644, licence}, {"THIRD-PARTY", 0o644, others}}
	return append(files, docs...), nil
}
