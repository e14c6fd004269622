package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xeipuuv/gojsonschema"
)

var committed = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// The version is Go's own: of the tag that is asked for, of the commit's tag, or of
// the commit; and what is not committed is not built.
func TestVersion(t *testing.T) {
	repository := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(repository, command), 0o755))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(repository, name), []byte(text), 0o600))
	}
	git := func(args ...string) {
		out, err := exec.Command("git", append([]string{"-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	write("go.mod", "module example.com/m\n\ngo 1.25\n")
	write(command+"/main.go", "package main\n\nfunc main() {}\n")
	git("init", "--quiet")
	git("add", "-A")
	git("commit", "--quiet", "-m", "first")
	write(command+"/broken.go", "this is not built")
	t.Setenv("GOFLAGS", "-tags=other -buildvcs=false")

	s, err := clone(repository, t.TempDir(), "")
	require.NoError(t, err)
	require.Regexp(t, `^v0\.0\.0-\d{14}-[0-9a-f]{12}$`, s.version)
	s, err = clone(repository, t.TempDir(), "v1.2.3")
	require.NoError(t, err)
	require.Equal(t, "1.2.3", s.number())
	git("tag", "v1.0.0")
	s, err = clone(repository, t.TempDir(), "")
	require.NoError(t, err)
	require.Equal(t, "v1.0.0", s.version)
	_, err = clone(repository, t.TempDir(), "2.0")
	require.ErrorContains(t, err, "the version would be v1.0.0, not 2.0: it must be like v1.2.3")

	// The same command gives the same bytes elsewhere.
	again, err := clone(repository, t.TempDir(), "")
	require.NoError(t, err)
	one, err := os.ReadFile(s.program)
	require.NoError(t, err)
	other, err := os.ReadFile(again.program)
	require.NoError(t, err)
	require.True(t, bytes.Equal(one, other))
}

// A page has a phrase for its name, as whatis shows it, dashes that can be copied, and
// every word of help.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-tags=man", "-o", program, command)
	build.Dir = "../../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	said := func(args ...string) string {
		out, err := exec.Command(program, args...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\fB`, "", `\fR`, "", `\&`, "", `\:`, "", `\(ti`, "~", `\(ha`, "^", `\(aq`, "'", `\(ga`, "`")
	title := regexp.MustCompile(`(?m)^\S+[:：]$`) // of lists, which the page has as a section's title
	for _, lang := range []string{"en", "zh"} {
		said("--lang", lang, "man", filepath.Join(dir, lang))
		pages, err := filepath.Glob(filepath.Join(dir, lang, "man1", "*.1"))
		require.NoError(t, err)
		require.Len(t, pages, 12)
		for _, path := range pages {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			page, base := string(content), strings.TrimSuffix(filepath.Base(path), ".1")
			name := regexp.MustCompile(`(?s)\.SH "(?:NAME|名称)"\n(.*?)\n+\.SH`).FindStringSubmatch(page)[1]
			require.Regexp(t, `^`+regexp.QuoteMeta(strings.ReplaceAll(base, "-", `\-`))+` \\- [^A-Z\n][^\n]*[^.。\n]$`, name)
			require.LessOrEqual(t, len([]rune(name)), 110)
			require.Equal(t, lang == "zh", regexp.MustCompile(`\p{Han}`).MatchString(name), name)
			for _, line := range strings.Split(page, "\n") {
				if !strings.HasPrefix(line, ".") {
					require.NotRegexp(t, `(^|[^\\])-`, line)
				}
			}
			page = strings.Join(strings.Fields(strings.ToLower(plain.Replace(page))), "")
			help := strings.Fields(strings.TrimPrefix(base, "hmacsign"))
			for i := range help {
				help[i] = strings.TrimPrefix(help[i], "-")
			}
			_, flags, _ := strings.Cut(said(append([]string{"--lang", lang}, append(help, "--help")...)...), "\n\n")
			if base == "hmacsign" { // help has no page, as man has none
				flags = regexp.MustCompile(`(?m)^  hmacsign help .*\n.*\n`).ReplaceAllString(flags, "")
			}
			for _, word := range strings.Fields(strings.ToLower(title.ReplaceAllString(flags, ""))) {
				require.Contains(t, page, word, "%s of %s", word, path)
			}
		}
	}
}

// A package can be installed and removed where systemd does not answer, or the user
// cannot be removed.
func TestScriptsWithoutHelp(t *testing.T) {
	bin, running := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{"systemctl": "echo $* >>" + filepath.Join(bin, "asked") + "; exit 1", "userdel": "exit 8", "groupdel": "exit 8", "getent": "exit 0", "rm": "exit 0"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	for name, argument := range map[string]string{"preinstall": "install", "postinstall": "configure", "preremove": "remove", "postremove": "purge"} {
		script, err := os.ReadFile(filepath.Join("package", name))
		require.NoError(t, err)
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(string(script), "/run/systemd/system", running), name, argument)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
	asked, err := os.ReadFile(filepath.Join(bin, "asked"))
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(string(asked), "\n"), "%s", asked)
}

func TestArchives(t *testing.T) {
	files := []file{{"program", 0o755, []byte("program")}, {"man/man1/program.1", 0o644, []byte("page")}}
	var tarball, zipped bytes.Buffer
	require.NoError(t, tarOf(files, "folder", committed)(&tarball))
	require.NoError(t, zipOf(files, "folder", committed)(&zipped))

	decompressed, err := gzip.NewReader(&tarball)
	require.NoError(t, err)
	require.Zero(t, decompressed.ModTime)
	entries := tar.NewReader(decompressed)
	archive, err := zip.NewReader(bytes.NewReader(zipped.Bytes()), int64(zipped.Len()))
	require.NoError(t, err)
	require.Len(t, archive.File, len(files))
	for i, want := range files {
		header, err := entries.Next()
		require.NoError(t, err)
		content, err := io.ReadAll(entries)
		require.NoError(t, err)
		require.Equal(t, want, file{strings.TrimPrefix(header.Name, "folder/"), os.FileMode(header.Mode), content})
		require.True(t, header.ModTime.Equal(committed))
		require.Zero(t, header.Uid+header.Gid)

		entry := archive.File[i]
		require.Equal(t, "folder/"+want.name, entry.Name)
		require.Equal(t, want.mode, entry.Mode())
		require.True(t, entry.Modified.Equal(committed))
	}
	_, err = entries.Next()
	require.Equal(t, io.EOF, err)
}

func TestSums(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	require.NoError(t, writeFile(filepath.Join(dir, "b"), func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err }))
	require.NoError(t, writeFile(filepath.Join(dir, "a"), func(io.Writer) error { return nil }))
	n, err := writeSums(dir)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	list, err := os.ReadFile(filepath.Join(dir, sums))
	require.NoError(t, err)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n"+
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n", string(list))
	for _, name := range []string{"a", "b", sums} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode(), "whatever the umask")
	}
}

func TestNothingIsReplacedThatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, replaceable(filepath.Join(dir, "new")))
	require.NoError(t, replaceable(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis"), nil, 0o600))
	require.ErrorContains(t, replaceable(dir), "is not from an earlier run")
	require.NoError(t, os.WriteFile(filepath.Join(dir, sums), nil, 0o600))
	require.NoError(t, replaceable(dir))
}

// A module whose licence is missing, or not known to allow linking, fails the build.
func TestLicences(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("main.go", "package main")
	write("licence.go", "package main // Permission is hereby granted, free of charge")
	files, err := licencesIn(dir)
	require.NoError(t, err)
	require.Empty(t, files)
	_, err = identify(files)
	require.ErrorContains(t, err, "no licence in it")

	write("LICENSE", "GNU GENERAL PUBLIC LICENSE, Version 3")
	files, err = licencesIn(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	_, err = identify(files)
	require.ErrorContains(t, err, "no licence in it that is known to allow linking")

	write("LICENSE", "Apache License\n  Version 2.0, January 2004")
	write("COPYING.third", "Redistribution and use in source and binary forms, with or without\nNeither the name of")
	files, err = licencesIn(dir)
	require.NoError(t, err)
	licences, err := identify(files)
	require.NoError(t, err)
	require.Equal(t, []string{"Apache-2.0", "BSD-3-Clause"}, licences)

	text, err := thirdParty([]*module{{path: "example.com/m", version: "v1.0.0", licences: licences, texts: files}})
	require.NoError(t, err)
	require.Contains(t, string(text), "example.com/m v1.0.0 (Apache-2.0, BSD-3-Clause)\n\n--- COPYING.third\n\nRedistribution")
}

func TestSBOM(t *testing.T) {
	dir := t.TempDir()
	binary, name := filepath.Join(dir, "program"), filepath.Join(dir, "program.cdx.json")
	require.NoError(t, os.WriteFile(binary, []byte("program"), 0o600))
	modules := []*module{
		{path: "std", version: "1.26.8", licences: []string{"BSD-3-Clause"}},
		{path: "github.com/tjfoc/gmsm", version: "v1.4.1", sum: "h1:aMe1GlZb+0bLjn+cKTPEvvn9oUEBlJitaZiiBwsbgho=", licences: []string{"Apache-2.0"}},
	}
	s := &source{version: "v1.2.3", time: committed}
	require.NoError(t, s.writeSBOM(name, platforms[0], binary, modules))
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, validSBOM(t, text))
	require.Error(t, validSBOM(t, bytes.Replace(text, []byte(`"Apache-2.0"`), []byte(`"Free"`), 1)), "the schema is looked at")
	require.Contains(t, string(text), `"purl": "pkg:golang/github.com/tjfoc/gmsm@v1.4.1"`)
	require.Contains(t, string(text), `"timestamp": "2026-01-02T03:04:06Z"`)

	require.NoError(t, s.writeSBOM(name, platforms[0], binary, modules))
	again, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
}

// validSBOM holds a text against CycloneDX' schema, which its library has with it.
func validSBOM(t *testing.T, text []byte) error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	require.NoError(t, err)
	schema := func(name string) gojsonschema.JSONLoader {
		content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", name))
		require.NoError(t, err)
		return gojsonschema.NewBytesLoader(content)
	}
	loader := gojsonschema.NewSchemaLoader()
	require.NoError(t, loader.AddSchemas(schema("spdx.schema.json"), schema("jsf-0.82.schemax.json")))
	compiled, err := loader.Compile(schema("bom-1.6.schema.json"))
	require.NoError(t, err)
	result, err := compiled.Validate(gojsonschema.NewBytesLoader(text))
	require.NoError(t, err)
	for _, e := range result.Errors() {
		return errors.New(e.String())
	}
	return nil
}
