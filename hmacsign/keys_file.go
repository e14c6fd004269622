package hmacsign

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// FileKeys is the store of a keys file (see [ReadKeys]) that follows the file: a
// change to it, or to a file that a secret is in, is read before the next
// request that comes a second or more after the last look. Requests go on
// meanwhile with the keys that they found. A new file with a fault changes
// nothing.
type FileKeys struct {
	path   string
	report func(error)
	now    func() time.Time

	keys     atomic.Pointer[staticKeys]
	lookedAt atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex // of reading
	watched map[string]fileState
}

// fileState is what changes when a file does.
type fileState struct {
	modified time.Time
	size     int64
}

const lookAgain = time.Second

// OpenKeys reads the keys file at path and follows it. After each change report
// is called, if it is not nil: with nil for keys that are in use now, with an
// error for a file that is not, and so the old keys stay. It is called while a
// request waits, so it should be quick.
func OpenKeys(path string, report func(error)) (*FileKeys, error) {
	if report == nil {
		report = func(error) {}
	}
	f := &FileKeys{path: path, report: report, now: time.Now}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.lookedAt.Store(f.now().UnixNano())
	return f, nil
}

// Key implements [KeyStore].
func (f *FileKeys) Key(ctx context.Context, id string) (*Key, error) {
	now, last := f.now().UnixNano(), f.lookedAt.Load()
	if now-last >= int64(lookAgain) && f.lookedAt.CompareAndSwap(last, now) {
		f.look()
	}
	return (*f.keys.Load()).Key(ctx, id)
}

func (f *FileKeys) all() []*Key { return f.keys.Load().all() }

// look reads the file again if anything has changed.
func (f *FileKeys) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := false
	for path, before := range f.watched {
		changed = changed || stateOf(path) != before
	}
	if changed {
		f.report(f.read())
	}
}

// read takes the states before the contents: a change in between is found by
// the next look. Those of a faulty file count too, so it is reported once.
func (f *FileKeys) read() error {
	watched := map[string]fileState{f.path: stateOf(f.path)}
	for path := range f.watched {
		watched[path] = stateOf(path)
	}
	file, err := os.Open(f.path)
	if err != nil {
		f.watched = watched
		return fmt.Errorf("hmacsign: keys: %w", err)
	}
	defer file.Close()
	keys, secretFiles, err := readKeys(file)
	if err != nil {
		f.watched = watched
		return err
	}
	current := map[string]fileState{f.path: watched[f.path]}
	for _, path := range secretFiles {
		state, ok := watched[path]
		if !ok {
			state = stateOf(path)
		}
		current[path] = state
	}
	f.watched = current
	f.keys.Store(&keys)
	return nil
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}
