package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
)

// moduleOf is the file that the code of a backend in use was loaded from. Unlike
// algo.NewEvidence it asks no backend for anything.
func moduleOf(b algo.Info) (algo.Module, error) {
	linked := sm3cgo.Linked()
	switch {
	case b.Backend == linked.Backend && filepath.IsAbs(linked.Path):
		path, err := filepath.EvalSymlinks(linked.Path)
		if err != nil {
			return algo.Module{}, err
		}
		return algo.ModuleAt(mappedAt(path), path)
	case b.Backend == "openssl":
		return algo.Module{}, errors.New("hmacsign algorithms --output json tells it")
	}
	return algo.Program()
}

// mappedAt is an address that the file is mapped at, where the system tells, or 0.
func mappedAt(path string) uintptr {
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, " "+path+"\n") {
			start, _, _ := strings.Cut(line, "-")
			address, _ := strconv.ParseUint(start, 16, 64)
			return uintptr(address)
		}
	}
	return 0
}
