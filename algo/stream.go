package algo

import (
	"errors"
	"fmt"
	"hash"
)

// stream is a backend's hash within the guard of its entry.
type stream struct {
	h      hash.Hash
	entry  *entry
	key    *Key // of a MAC
	way    way
	faults uint64 // of the entry when the stream was begun
	err    error  // of a Write: there is no sum of what was not hashed
}

var _ hash.Cloner = (*stream)(nil)

// ready panics unless the stream can go on. What was written before a failure may
// be lost, so a self-test that passes does not bring such a stream back.
func (s *stream) ready() {
	s.resettable()
	if s.faults != s.entry.faults.Load() {
		panic(failure(s.entry.Name, "it failed since this stream was begun: write all of it to a new one"))
	}
}

func (s *stream) resettable() {
	if s.key != nil {
		s.key.ready()
	} else {
		s.entry.ready()
	}
}

func (s *stream) Size() int      { return s.entry.size }
func (s *stream) BlockSize() int { return 64 } // that of SHA-1, SHA-256 and SM3

func (s *stream) Write(p []byte) (n int, err error) {
	s.ready()
	defer s.entry.guard(s.key)
	n, err = s.h.Write(p)
	switch {
	case err != nil:
		s.err = err
	case n != len(p):
		panic(failure(s.entry.Name, "%d of %d bytes were hashed", n, len(p)))
	}
	return n, err
}

func (s *stream) Reset() {
	s.resettable()
	defer s.entry.guard(s.key)
	s.faults, s.err = s.entry.faults.Load(), nil
	s.h.Reset()
}

func (s *stream) Sum(b []byte) []byte {
	s.ready()
	if s.err != nil {
		panic(&Failure{s.entry.Name, s.err}) // input beyond a limit: no fault of the backend
	}
	b = s.sum(b)
	s.ready()
	return b
}

func (s *stream) sum(b []byte) []byte {
	defer s.entry.guard(s.key)
	clear(s.entry.room(b, 1))
	sum := s.h.Sum(b)
	s.entry.check(sum, len(b))
	s.entry.count(s.way, 1)
	return sum
}

// Clone returns an independent copy, or an error where the backend's hash cannot
// be cloned.
func (s *stream) Clone() (hash.Cloner, error) {
	s.ready()
	defer s.entry.guard(s.key)
	cloner, ok := s.h.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("algo: a hash of backend %s cannot be cloned: %w", s.entry.Name, errors.ErrUnsupported)
	}
	h, err := cloner.Clone()
	if err != nil {
		return nil, err
	}
	c := *s
	c.h = mustHash(h)
	return &c, nil
}
