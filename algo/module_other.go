//go:build !linux

package algo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// modules has what was found out, by the loader's path. What failed is tried
// again.
var modules = struct {
	sync.Mutex
	known map[string]Module
}{known: map[string]Module{}}

func moduleAt(_ uintptr, path string) (Module, error) {
	if path == "" {
		return Module{}, errors.New("algo: the loader does not tell which file the code is from")
	}
	modules.Lock()
	defer modules.Unlock()
	if m, ok := modules.known[path]; ok {
		return m, nil
	}
	m, err := examine(path)
	if err != nil {
		return Module{}, err
	}
	modules.known[path] = m
	return m, nil
}

func program() (Module, error) {
	path, err := os.Executable()
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	return moduleAt(0, path)
}

func examine(path string) (m Module, err error) {
	if m.Path, err = filepath.Abs(path); err == nil {
		m.Path, err = filepath.EvalSymlinks(m.Path)
	}
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	f, err := os.Open(m.Path)
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	defer f.Close()
	return m, m.fingerprint(f)
}
