package hmacsign

import (
	"context"
	"fmt"
	"iter"
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

func (f *FileKeys) all() iter.Seq[*Key] { return f.keys.Load().all() }

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

// read reads the file and decides what is watched from now on: the files that a
// good one names, and with a faulty one those before it too. Their states are
// taken before their contents where they were known, so that a change in between
// is found by the next look; those of a faulty file count, so it is reported once.
func (f *FileKeys) read() error {
	before := map[string]fileState{f.path: stateOf(f.path)}
	for path := range f.watched {
		before[path] = stateOf(path)
	}
	keys, secretFiles, err := f.readFile()
	watched := map[string]fileState{f.path: before[f.path]}
	if err != nil {
		watched = before
	}
	for _, path := range secretFiles {
		state, known := before[path]
		if !known {
			state = stateOf(path)
		}
		watched[path] = state
	}
	f.watched = watched
	if err == nil {
		f.keys.Store(&keys)
	}
	return err
}

func (f *FileKeys) readFile() (staticKeys, []string, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("hmacsign: keys: %w", err)
	}
	defer file.Close()
	return readKeys(file)
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}
