package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"
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
// it is, an eighth longer: seven bits are a character of ASCII. Fifteen of those a document
// or an editor does not keep, or takes for markup; such a one makes with the next seven
// bits a character of two bytes in UTF-8, of which there are 15 times 128. In front stands
// how many bytes it is.
func pack(code []byte) []byte {
	in := bits{data: compress(code)}
	text := fmt.Appendf(nil, "%d ", len(in.data))
	for in.at < 8*len(in.data) {
		c := in.take(7)
		if i := strings.IndexByte(unkept, c); i >= 0 {
			text = utf8.AppendRune(text, rune(0x80+i<<7|int(in.take(7))))
		} else {
			text = append(text, c)
		}
	}
	return text
}

const unkept = "\x00\b\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f<\x7f"

// bits are read from the highest of the first byte on; behind the last one are zeros.
type bits struct {
	data []byte
	at   int
}

func (b *bits) take(n int) (taken byte) {
	for range n {
		taken <<= 1
		if i := b.at / 8; i < len(b.data) {
			taken |= b.data[i] >> (7 - b.at%8) & 1
		}
		b.at++
	}
	return taken
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func gzipSize(data []byte) int { return len(compress(data)) }
