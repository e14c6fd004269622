package algo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// A Module is the file that code was loaded from, as it is mapped into this
// process. Its SHA-256 ties what runs to the certificate of a library.
type Module struct {
	Path    string `json:"path"` // absolute, without symbolic links
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	BuildID string `json:"build_id"` // GNU's, or else Go's; empty without any
	Device  string `json:"device"`   // major:minor as the system maps it; empty where it does not tell
	Inode   uint64 `json:"inode"`
}

// ModuleAt tells of the file whose code lies at an address. On Linux the system
// knows its path, and what is mapped must be what the file has: one that was
// replaced since it was loaded is an error. Elsewhere path, as the loader has
// it, is taken at its word. A file is read once in the life of a process.
func ModuleAt(address uintptr, path string) (Module, error) { return moduleAt(address, path) }

// Program is the file of the program that runs.
func Program() (Module, error) { return program() }

// fingerprint reads the file and fills in its size and SHA-256.
func (m *Module) fingerprint(f *os.File) error {
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("algo: reading %s: %w", m.Path, err)
	}
	m.Size, m.SHA256 = size, hex.EncodeToString(h.Sum(nil))
	return nil
}
