// Package watch tells whether files have changed, by looking at them now and
// then: it needs no notice of the system's, and works on every file system.
package watch

import (
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// A State is what is seen of a file without reading it. The zero value is that
// of a file that is not there.
type State struct{ info os.FileInfo }

// Of looks at a file.
func Of(path string) State {
	info, err := os.Stat(path)
	if err != nil {
		return State{}
	}
	os.SameFile(info, info) // some systems find a file's identity when it is first asked for: now
	return State{info}
}

// Same tells whether both are of one file that has not changed. A file renamed
// into the place of another is another, also with the same size and time.
func (s State) Same(other State) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime()) && os.SameFile(s.info, other.info)
}

// Files are paths and the states that they were in.
type Files map[string]State

// Look looks at files.
func Look(paths ...string) Files {
	files := make(Files, len(paths))
	for _, path := range paths {
		files[path] = Of(path)
	}
	return files
}

// Again looks at the same files again.
func (f Files) Again() Files { return Look(slices.Collect(maps.Keys(f))...) }

// Changed looks at the files again and tells whether any is in another state.
func (f Files) Changed() bool {
	for path, before := range f {
		if !Of(path).Same(before) {
			return true
		}
	}
	return false
}

// Interval is the least time between two looks.
const Interval = time.Second

// A Turn says when it is time to look. Of concurrent callers one has it.
type Turn struct{ last atomic.Int64 } // Unix nanoseconds

// Taken starts a new interval.
func (t *Turn) Taken(now time.Time) { t.last.Store(now.UnixNano()) }

// Due tells whether the interval is over, and then starts a new one. A clock
// that was set back ends it too.
func (t *Turn) Due(now time.Time) bool {
	last := t.last.Load()
	passed := now.UnixNano() - last
	return (passed >= int64(Interval) || passed < 0) && t.last.CompareAndSwap(last, now.UnixNano())
}
