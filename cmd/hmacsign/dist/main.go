// Command dist builds what users install: the command for every platform as an
// archive, packages for Debian's and Red Hat's families, the signature page, their
// sums, and for each binary its parts (SBOM) and their licences. It builds what is committed, from a
// clone of its own, and the same commit gives the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
)

// A platform is one that binaries are built for.
type platform struct{ os, arch string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "loong64"}, {"linux", "riscv64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

func (p platform) String() string { return p.os + "/" + p.arch }

func (p platform) environment() []string { return []string{"GOOS=" + p.os, "GOARCH=" + p.arch} }

// binary is the command's file name.
func (p platform) binary() string {
	if p.os == "windows" {
		return "hmacsign.exe"
	}
	return "hmacsign"
}

func main() {
	repository := flag.String("repository", ".", "the repository whose `FOLDER` this is; its HEAD is built")
	out := flag.String("out", "bin/dist", "the `FOLDER` to write; what an earlier run left there goes")
	version := flag.String("version", "", "the `VERSION` (v1.2.3) of what is built; without it the commit's tag, or the commit")
	flag.Parse()
	// An interrupt ends what was started, and then this tidies up.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	if err := run(*repository, *out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(repository, out, version string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := replaceable(out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(out), "dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	src, err := clone(repository, work, version)
	if err != nil {
		return err
	}
	files, err := src.releaseAll(work, filepath.Join(work, "out"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, "out"), out); err != nil {
		return err
	}
	fmt.Printf("dist: %d files and their sums of version %s in %s\n", files, src.version, out)
	return nil
}

// replaceable is an error for a folder that no earlier run wrote.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == sums }) {
		return fmt.Errorf("%s is not from an earlier run: remove it, or name another folder with -out", dir)
	}
	return nil
}

// releaseAll writes every file and their sums, and returns how many they are.
func (s *source) releaseAll(work, out string) (int, error) {
	if err := os.Mkdir(out, 0o755); err != nil {
		return 0, err
	}
	if err := s.page(filepath.Join(out, "hmacsign.html")); err != nil {
		return 0, err
	}
	docs, err := s.docs(filepath.Join(work, "docs"))
	if err != nil {
		return 0, err
	}
	for _, p := range platforms {
		fmt.Println("dist:", p)
		if err := s.release(p, docs, filepath.Join(work, p.os+"_"+p.arch), out); err != nil {
			return 0, fmt.Errorf("%s: %w", p, err)
		}
	}
	return writeSums(out)
}

// release writes all that there is for one platform.
func (s *source) release(p platform, docs []file, work, out string) error {
	binary := filepath.Join(work, p.binary())
	if version, err := s.build(binary, p, "-tags=page"); err != nil {
		return err
	} else if version != s.version {
		return fmt.Errorf("the binary is of version %s, not %s", version, s.version)
	}
	linked, err := s.linked(p, binary)
	if err != nil {
		return err
	}
	name := filepath.Join(out, fmt.Sprintf("hmacsign_%s_%s_%s", s.number(), p.os, p.arch))
	if err := s.writeSBOM(name+".cdx.json", p, binary, linked); err != nil {
		return err
	}
	files, err := s.contents(p, binary, linked, docs)
	if err != nil {
		return err
	}
	if p.os == "windows" {
		return writeFile(name+".zip", zipOf(files, filepath.Base(name), s.time))
	}
	if err := writeFile(name+".tar.gz", tarOf(files, filepath.Base(name), s.time)); err != nil {
		return err
	}
	if p.os == "linux" {
		return s.writePackages(p, files, work, out)
	}
	return nil
}
