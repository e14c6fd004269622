// Command build makes the signature page: one file of HTML with the library as
// WebAssembly in it, which needs no network. The same sources and the same Go give the
// same bytes, in whatever folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "internal/page/hmacsign.html", "the `FILE` to write")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// maxSize is the size of the page that nobody should exceed unknowingly.
const maxSize = 2_700_000

func run(out string) error {
	work, err := os.MkdirTemp("", "page-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	code, err := compile(filepath.Join(work, "app.wasm"))
	if err != nil {
		return err
	}
	glue, err := wasmExec()
	if err != nil {
		return err
	}
	licences, err := linkedLicences()
	if err != nil {
		return err
	}
	packed := pack(code)
	page, err := assemble(packed, glue, licences)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, page, 0o644); err != nil {
		return err
	}
	over := ""
	if n := len(page) - maxSize; n > 0 {
		over = fmt.Sprintf("; that is %d more than %d", n, maxSize)
	}
	fmt.Printf("page: %s has %d bytes: sources %d, wasm_exec.js %d, licences %d, WebAssembly %d (%d compressed, %d as text)%s\n",
		out, len(page), sourceSize(), len(glue), len(licences), len(code), gzipSize(code), len(packed), over)
	return nil
}
