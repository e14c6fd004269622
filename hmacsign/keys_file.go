package hmacsign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gmhmac/hmacsign/internal/watch"
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
	turn   watch.Turn

	loaded atomic.Pointer[loadedKeys]

	mu      sync.Mutex // of reading
	watched watch.Files
	err     error // of the last read
}

type loadedKeys struct {
	keys staticKeys
	at   time.Time
}

// OpenKeys reads the keys file at path and follows it. After each change report
// is called, if it is not nil: with nil for keys that are in use now, with an
// error for a file that is not, and so the old keys stay. It is called while a
// request waits, so it should be quick.
func OpenKeys(path string, report func(error)) (*FileKeys, error) {
	if report == nil {
		report = func(error) {}
	}
	f := &FileKeys{path: path, report: report, now: time.Now}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// ready panics unless the store can be used.
func (f *FileKeys) ready() {
	if f == nil || f.now == nil {
		panic("hmacsign: a FileKeys was used that OpenKeys did not make: a nil or a zero one")
	}
}

func (f *FileKeys) inUse() *loadedKeys {
	f.ready()
	return f.loaded.Load()
}

// Key implements [KeyStore].
func (f *FileKeys) Key(ctx context.Context, id string) (*Key, error) {
	f.ready()
	f.look()
	return f.inUse().keys.Key(ctx, id)
}

// Len is the number of keys in use.
func (f *FileKeys) Len() int { return len(f.inUse().keys) }

// LoadedAt is when the keys in use were read.
func (f *FileKeys) LoadedAt() time.Time { return f.inUse().at }

// Err is why the file as it was last read is not in use, or nil if it is.
func (f *FileKeys) Err() error {
	f.ready()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Ready fails if there are no keys, so that every request would be refused. A
// new file with a fault does not count, as the old keys are in use.
func (f *FileKeys) Ready(context.Context) error {
	f.ready()
	f.look() // where nothing is ready no request comes that would
	if f.Len() == 0 {
		return errors.New("hmacsign: keys: the file has no keys: add one")
	}
	return nil
}

// Reload reads the file now, whether it has changed or not. With an error the
// old keys stay in use.
func (f *FileKeys) Reload() error {
	f.ready()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn.Taken(f.now())
	return f.read()
}

func (f *FileKeys) all() iter.Seq[*Key] { return f.inUse().keys.all() }

// look reads the file again if it is time to look and anything has changed.
func (f *FileKeys) look() {
	if !f.turn.Due(f.now()) {
		return
	}
	f.mu.Lock()
	changed := f.watched.Changed()
	if changed {
		f.read()
	}
	err := f.err
	f.mu.Unlock()
	if changed {
		f.report(err)
	}
}

// read reads the file and decides what is watched from now on: the files that a
// good one names, and with a faulty one those before it too. The states of a
// faulty file count, so it is reported once.
func (f *FileKeys) read() error {
	states := f.watched.Again()
	states[f.path] = watch.Of(f.path)
	keys, secretFiles, err := f.readSettled(states)
	if err != nil {
		f.watched, f.err = states, err
		return err
	}
	f.watched, f.err = watch.Files{f.path: states[f.path]}, nil
	for _, path := range secretFiles {
		f.watched[path] = states[path]
	}
	f.loaded.Store(&loadedKeys{keys, f.now()})
	return nil
}

// readings is how often files that change meanwhile are read before it is given up.
const readings = 10

// readSettled reads the file and those of its secrets until none has changed
// meanwhile: so a folder that is swapped as a whole, as a Kubernetes Secret is,
// does not give an id of one generation with a secret of the next. States are those
// from before the contents; a file named for the first time was looked at too late
// and is read once more.
func (f *FileKeys) readSettled(states watch.Files) (keys staticKeys, secretFiles []string, err error) {
	for range readings {
		keys, secretFiles, err = f.readFile()
		settled := true
		for _, path := range append(slices.Clone(secretFiles), f.path) {
			before, known := states[path]
			states[path] = watch.Of(path)
			settled = settled && (known && states[path].Same(before) || readOnce(path))
		}
		if settled {
			return keys, secretFiles, err
		}
	}
	states[f.path] = watch.State{} // so that the next look reads again
	return nil, nil, errors.New("hmacsign: keys: the files changed whenever they were read: write them all into a new folder and put a link to it in place by renaming")
}

// readOnce tells whether the file is a pipe or the like, whose contents are gone
// once they were read.
func readOnce(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

func (f *FileKeys) readFile() (staticKeys, []string, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("hmacsign: keys: %w", err)
	}
	defer file.Close()
	return readKeys(file)
}

// allowed is a list of a keys file that allows all where it is left out, and so
// must not be there and empty: a program that has no names to write, or writes
// null for them, does not mean all.
type allowed struct {
	given bool
	names []string
}

func (a *allowed) UnmarshalJSON(data []byte) error {
	a.given = true
	if json.Unmarshal(data, &a.names) != nil {
		return errors.New("schemes, algorithms and scopes are lists of names")
	}
	return nil
}

func (a *allowed) check(member string) error {
	if a.given && len(a.names) == 0 {
		return fmt.Errorf("%q is an empty list: name what is allowed, or leave it out to allow all", member)
	}
	return nil
}
