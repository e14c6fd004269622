package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// writePackages makes the .deb and the .rpm that nfpm.yaml describes, with the scripts
// of package/. What goes in is laid out in a folder first: the files of the archive, the
// man pages compressed, and those of package/.
func (s *source) writePackages(p platform, files []file, work, out string) error {
	folder := filepath.Join(s.dir, command, "dist")
	own, err := readAll(filepath.Join(folder, "package"))
	if err != nil {
		return err
	}
	stage := filepath.Join(work, "stage")
	for _, f := range append(own, files...) {
		if strings.HasPrefix(f.name, "man/") {
			f.name, f.content = f.name+".gz", gzipped(f.content)
		}
		name := filepath.Join(stage, f.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := writeFile(name, func(w io.Writer) error { _, err := w.Write(f.content); return err }); err != nil {
			return err
		}
	}
	values := map[string]string{"ARCH": p.arch, "VERSION": s.version, "STAGE": stage}
	config, err := nfpm.ParseFileWithEnvMapping(filepath.Join(folder, "nfpm.yaml"), func(name string) string { return values[name] })
	if err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		info, err := config.Get(format)
		if err != nil {
			return err
		}
		info = nfpm.WithDefaults(info)
		info.MTime = s.time
		info.Scripts = nfpm.Scripts{
			PreInstall: filepath.Join(stage, "preinstall"), PostInstall: filepath.Join(stage, "postinstall"),
			PreRemove: filepath.Join(stage, "preremove"), PostRemove: filepath.Join(stage, "postremove"),
		}
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		name := filepath.Join(out, packager.ConventionalFileName(info))
		if err := writeFile(name, func(w io.Writer) error { return packager.Package(info, w) }); err != nil {
			return err
		}
	}
	return nil
}
