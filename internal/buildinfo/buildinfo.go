// Package buildinfo is what the Go toolchain recorded of this program, read once
// for the process.
package buildinfo

import (
	"runtime/debug"
	"sync"
)

// Read returns the record, empty where there is none. It is shared: do not
// change it.
var Read = sync.OnceValue(func() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return new(debug.BuildInfo)
	}
	return info
})

// Version is the main module's, "unknown" where it was not recorded.
func Version() string {
	if v := Read().Main.Version; v != "" {
		return v
	}
	return "unknown"
}

// Module is the path and version of a module as it is linked, replacements
// considered, and the path alone where it was not recorded.
func Module(path string) string {
	for _, m := range Read().Deps {
		if m.Path != path {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		return m.Path + " " + m.Version
	}
	return path
}

// Setting is a setting of the build such as "-tags", or empty.
func Setting(key string) string {
	for _, s := range Read().Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
