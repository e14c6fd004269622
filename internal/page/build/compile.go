package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// app is the package that runs in the page.
const app = "github.com/gmhmac/hmacsign/internal/page/app"

// compile builds the engine. Without inlining it is a twentieth smaller, and the page
// quicker to load; HTTP/2 is the browser's.
func compile(path string) ([]byte, error) {
	if _, err := goTool("build", "-tags=nethttpomithttp2", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-gcflags=all=-l", "-o", path, app); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// wasmExec is the toolchain's own file that starts what it builds.
func wasmExec() ([]byte, error) {
	root, err := goTool("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(root), "lib", "wasm", "wasm_exec.js"))
}

// goTool runs the Go command without the choices of a user that change what it makes.
func goTool(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			err = errors.New(text)
		}
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return out.String(), nil
}

// pack compresses, and writes what comes out as text that stands in a script element as
// it is: six bytes in seven digits to the base of 116, after as many digits that have the
// length. That is a fifteenth less than ascii85.
func pack(code []byte) []byte {
	compressed := compress(code)
	text := appendDigits(nil, uint64(len(compressed)))
	for group := range slices.Chunk(compressed, 6) {
		var six [8]byte
		copy(six[2:], group)
		text = appendDigits(text, binary.BigEndian.Uint64(six[:]))
	}
	return text
}

func appendDigits(text []byte, value uint64) []byte {
	var seven [7]byte
	for i := range seven {
		seven[6-i] = digits[value%uint64(len(digits))]
		value /= uint64(len(digits))
	}
	return append(text, seven[:]...)
}

// digits are what HTML and editors leave as it is: ASCII without <, and of the control
// characters none that ends something.
var digits = func() (all []byte) {
	for c := byte(1); c < 127; c++ {
		if !bytes.Contains([]byte("\t\n\v\f\r\x1a\x1b\x1e\x1f<"), []byte{c}) {
			all = append(all, c)
		}
	}
	return all
}()

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func gzipSize(data []byte) int { return len(compress(data)) }
