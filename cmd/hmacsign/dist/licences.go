package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A module is one that is linked into a binary, Go's standard library among them,
// with the licence files of those of its folders that the binary has code from.
type module struct {
	path, version, sum string
	licences           []string // SPDX identifiers
	texts              []string // files
}

// linked are the modules that a binary says it has, which must be those that its
// packages are from. One without a licence is an error.
func (s *source) linked(p platform, binary string) ([]*module, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	texts, err := s.licenceFiles(p)
	if err != nil {
		return nil, err
	}
	modules := []*module{{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			return nil, fmt.Errorf("%s is replaced by %s, which nobody else has: take the replacement out of go.mod", dep.Path, dep.Replace.Path)
		}
		modules = append(modules, &module{path: dep.Path, version: dep.Version, sum: dep.Sum})
	}
	for _, m := range modules {
		m.texts = texts[m.path]
		if m.licences, err = identify(m.texts); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.path, m.version, err)
		}
	}
	return modules, nil
}

// licenceFiles finds the licences of each module that the command's packages are
// from: in the folder of each package and in those above it.
func (s *source) licenceFiles(p platform) (map[string][]string, error) {
	cmd := s.tool(s.dir, "go", "list", "-deps", "-json=Dir,Module,Standard", command)
	cmd.Env = append(cmd.Env, p.environment()...)
	list, err := output(cmd)
	if err != nil {
		return nil, err
	}
	root, err := output(s.tool(s.dir, "go", "env", "GOROOT"))
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for packages := json.NewDecoder(strings.NewReader(list)); ; {
		var pkg struct {
			Dir      string
			Standard bool
			Module   *struct{ Path, Dir string }
		}
		if err := packages.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		path, top := "std", strings.TrimSpace(root)
		if pkg.Module != nil {
			path, top = pkg.Module.Path, pkg.Module.Dir
		}
		for dir := pkg.Dir; strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
			found, err := licencesIn(dir)
			if err != nil {
				return nil, err
			}
			files[path] = append(files[path], found...)
		}
	}
	for path := range files {
		slices.Sort(files[path])
		files[path] = slices.Compact(files[path])
	}
	return files, nil
}

var licenceName = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|patents|copyright)([-._][-\w.]*)?$`)

func licencesIn(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() && licenceName.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}

// wordings tell the licences that we may link. Another one is for a person to look
// at.
var wordings = []struct {
	spdx  string
	words *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`Apache License\s+Version 2\.0`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free\s+of charge`)},
	{"BSD-3-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms(?s:.*)(Neither the name|names? of)`)},
	{"BSD-2-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms`)},
}

func identify(files []string) (licences []string, err error) {
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, w := range wordings {
			if w.words.Match(text) {
				licences = append(licences, w.spdx)
				break
			}
		}
	}
	if licences == nil {
		return nil, errors.New("no licence in it that is known to allow linking: look at it, and at the names and wordings in licences.go")
	}
	slices.Sort(licences)
	return slices.Compact(licences), nil
}

// thirdParty is the file with the licences of all that is linked.
func thirdParty(modules []*module) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("hmacsign has code of these modules in it, under these licences.\n")
	for _, m := range modules {
		name := m.path
		if name == "std" {
			name = "Go's standard library"
		}
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n", strings.Repeat("=", 80), name, m.version, strings.Join(m.licences, ", "))
		for _, text := range m.texts {
			content, err := os.ReadFile(text)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n--- %s\n\n%s\n", filepath.Base(text), bytes.TrimSpace(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))))
		}
	}
	return b.Bytes(), nil
}
