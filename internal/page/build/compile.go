package main

import (
	"bytes"
	"compress/gzip"
	"encoding/ascii85"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
// it is: ascii85 with v, which it does not use, for <.
func pack(code []byte) []byte {
	compressed := compress(code)
	text := make([]byte, ascii85.MaxEncodedLen(len(compressed)))
	text = text[:ascii85.Encode(text, compressed)]
	return bytes.ReplaceAll(text, []byte("<"), []byte("v"))
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func gzipSize(data []byte) int { return len(compress(data)) }
