package algo

import "errors"

// A Module is a file that code was loaded from.
type Module struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	BuildID string `json:"build_id"`
	Device  string `json:"device"`
	Inode   uint64 `json:"inode"`
}

// Program is the executable's.
func Program() (Module, error) { return Module{}, errors.New("not written yet") }

// ModuleAt is the file's whose code lies at address.
func ModuleAt(address uintptr, path string) (Module, error) { return Program() }
