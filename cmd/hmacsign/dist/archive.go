package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A file is one of an archive, in the order in which it stands there.
type file struct {
	name    string // with slashes
	mode    os.FileMode
	content []byte
}

// tarOf and zipOf write files below a folder. Nothing of this machine or this
// hour is in them.
func tarOf(files []file, folder string, modified time.Time) func(io.Writer) error {
	return func(w io.Writer) error {
		compressed, _ := gzip.NewWriterLevel(w, gzip.BestCompression)
		archive := tar.NewWriter(compressed)
		for _, f := range files {
			header := &tar.Header{Name: folder + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: modified, Format: tar.FormatUSTAR}
			if err := archive.WriteHeader(header); err != nil {
				return err
			}
			if _, err := archive.Write(f.content); err != nil {
				return err
			}
		}
		if err := archive.Close(); err != nil {
			return err
		}
		return compressed.Close()
	}
}

func zipOf(files []file, folder string, modified time.Time) func(io.Writer) error {
	return func(w io.Writer) error {
		archive := zip.NewWriter(w)
		for _, f := range files {
			header := &zip.FileHeader{Name: folder + "/" + f.name, Method: zip.Deflate, Modified: modified}
			header.SetMode(f.mode)
			entry, err := archive.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := entry.Write(f.content); err != nil {
				return err
			}
		}
		return archive.Close()
	}
}

// gzipped is what gzip -n makes.
func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// writeFile makes a file that everyone may read, whatever the umask.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

const sums = "SHA256SUMS"

// writeSums writes what sha256sum -c reads, and returns of how many files.
func writeSums(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var list bytes.Buffer
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return len(entries), writeFile(filepath.Join(dir, sums), func(w io.Writer) error {
		_, err := list.WriteTo(w)
		return err
	})
}
