package main

import (
	"bytes"
	"encoding/binary"
	"hash"
	"io"
	"runtime"
	"sync"

	"github.com/gmhmac/hmacsign/algo"
)

// A batch has no more than this: enough that handing it on costs nothing, little
// enough that it stays in a processor's cache.
const (
	batchBytes = 256 << 10
	batchLines = 2048
)

// printLineMACs prints the MAC of each line in hex.
func printLineMACs(key *algo.Key, in io.Reader, streams *streams) error {
	if sameFile(in, streams.out) {
		return errSameFile
	}
	progress := newProgress(in, streams, streams.out)
	defer progress.end()
	var text []byte
	return eachLineMAC(key, in, progress, func(macs []byte) error {
		text = appendHexLines(text[:0], macs, key.Size())
		_, err := streams.out.Write(text)
		return err
	})
}

// appendHexLines appends each of the macs in hex with a newline. It is faster than
// encoding/hex, which is felt beside batches of short lines.
func appendHexLines(text, macs []byte, size int) []byte {
	for ; len(macs) > 0; macs = macs[size:] {
		for i := 0; i < size; i += 4 {
			text = binary.BigEndian.AppendUint64(text, hexDigits(binary.BigEndian.Uint32(macs[i:])))
		}
		text = append(text, '\n')
	}
	return text
}

// hexDigits is the eight digits of four bytes, computed side by side.
func hexDigits(bytes uint32) uint64 {
	const each = 0x0101010101010101
	x := uint64(bytes)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*each) >> 4 & each // 1 where the digit is above 9
	return x + '0'*each + letters*('a'-'0'-10)
}

// eachLineMAC computes the MAC of each line and hands them to use, many behind each
// other, in order. One goroutine reads, as many as there are processors compute, and
// this one uses what they computed; a handful of batches goes round between them.
func eachLineMAC(key *algo.Key, in io.Reader, progress *progress, use func(macs []byte) error) (err error) {
	defer algo.CatchFailure(&err) // of a long line, which this goroutine computes
	processors := runtime.GOMAXPROCS(0)
	count := 2*processors + 1
	free, work, inOrder := make(chan *batch, count), make(chan *batch, count), make(chan *batch, count)
	for range count {
		free <- newBatch(key.Size())
	}
	stop := make(chan struct{})
	var computing sync.WaitGroup
	defer computing.Wait() // before the key is destroyed
	defer close(stop)
	for range processors {
		computing.Go(func() { compute(key, work, stop) })
	}
	// Nobody waits for the reader: it may hang in a pipe that gives nothing.
	go read(in, free, work, inOrder, stop)

	var long hash.Hash // of a line that takes several batches
	for b := range inOrder {
		<-b.done
		if b.err != nil {
			return b.err
		}
		if b.part {
			if long == nil {
				long = key.NewMAC()
			}
			if _, err := long.Write(b.piece); err != nil {
				return err
			}
			if b.last {
				b.macs, long = long.Sum(b.macs[:0]), nil
			}
		}
		if err := use(b.macs); err != nil {
			return err
		}
		progress.add(b.taken, len(b.macs)/key.Size())
		free <- b
	}
	return nil
}

// read fills batches until the end or until it is stopped, and closes inOrder then.
func read(in io.Reader, free <-chan *batch, work, inOrder chan<- *batch, stop <-chan struct{}) {
	defer close(inOrder)
	s := splitter{in: in}
	for {
		var b *batch
		select {
		case b = <-free:
		case <-stop:
			return
		}
		err := s.next(b)
		if err == io.EOF {
			return
		}
		b.err = err
		work <- b
		inOrder <- b
		if err != nil {
			return
		}
	}
}

func compute(key *algo.Key, work <-chan *batch, stop <-chan struct{}) {
	for {
		select {
		case b := <-work:
			b.sum(key)
		case <-stop:
			return
		}
	}
}

// A batch is lines that lie behind each other, or a part of one line that is longer
// than a batch.
type batch struct {
	buf   []byte
	taken int      // bytes of the input that it stands for
	lines [][]byte // without their newlines
	alike alike
	part  bool
	piece []byte // of the long line
	last  bool   // piece is the end of it
	macs  []byte
	err   error         // of reading or of computing
	done  chan struct{} // has a value when macs or err is there
}

func newBatch(macSize int) *batch {
	return &batch{
		buf:   make([]byte, batchBytes),
		lines: make([][]byte, 0, batchLines),
		alike: alike{lines: make([][]byte, batchLines), places: make([]int, batchLines), macs: make([]byte, 0, batchLines*macSize)},
		macs:  make([]byte, 0, batchLines*macSize),
		done:  make(chan struct{}, 1),
	}
}

func (b *batch) sum(key *algo.Key) {
	defer func() { b.done <- struct{}{} }()
	defer algo.CatchFailure(&b.err)
	if b.alike.sort(b.lines) {
		b.macs = b.alike.sum(b.macs[:0], key)
	} else {
		b.macs = key.SumMany(b.macs[:0], b.lines)
	}
}

// alike is the lines of a batch with those of one length beside each other: backends
// that compute several MACs at once take as long as the longest of them.
type alike struct {
	lines  [][]byte
	places []int // of the lines in the batch
	macs   []byte
}

// blocks is how many blocks of a hash a line takes with its padding, as far as they
// are told apart.
func blocks(line []byte) int { return min((len(line)+8)/64, maxBlocks) }

const maxBlocks = 63

// sort reports whether there is anything to sort.
func (a *alike) sort(lines [][]byte) bool {
	var next [maxBlocks + 1]int // how many there are, then where the next one goes
	for _, line := range lines {
		next[blocks(line)]++
	}
	if len(lines) == 0 || next[blocks(lines[0])] == len(lines) {
		return false
	}
	place := 0
	for n, count := range next {
		next[n] = place
		place += count
	}
	a.lines, a.places = a.lines[:len(lines)], a.places[:len(lines)]
	for i, line := range lines {
		place := &next[blocks(line)]
		a.lines[*place], a.places[*place] = line, i
		*place++
	}
	return true
}

// sum gives the MACs in the order of the batch. Dst is empty and has room.
func (a *alike) sum(dst []byte, key *algo.Key) []byte {
	size := key.Size()
	a.macs = key.SumMany(a.macs[:0], a.lines)
	dst = dst[:len(a.macs)]
	for i, place := range a.places {
		copy(dst[place*size:], a.macs[i*size:(i+1)*size])
	}
	return dst
}

// A splitter reads lines into batches. It never waits for more than one line, so
// what a pipe gives comes out at once.
type splitter struct {
	in   io.Reader
	err  error
	rest []byte // was read and belongs to the next batch; it lies in the one before
	long bool   // the rest of the input begins within a long line
}

// next fills b anew. The error is io.EOF when there is nothing more; after any other
// the line that was begun is none.
func (s *splitter) next(b *batch) error {
	b.lines, b.part, b.piece, b.last = b.lines[:0], false, nil, false
	data := b.buf[:copy(b.buf, s.rest)]
	for seen := 0; s.err == nil && len(data) < len(b.buf) && bytes.IndexByte(data[seen:], '\n') < 0; {
		seen = len(data)
		n, err := s.in.Read(b.buf[seen:])
		data, s.err = b.buf[:seen+n], err
	}
	if s.err != nil && s.err != io.EOF {
		return s.err
	}
	s.rest = data
	if s.long {
		s.takePart(b)
	} else {
		s.takeLines(b)
	}
	b.taken = len(data) - len(s.rest)
	if len(b.lines) == 0 && !b.part {
		return io.EOF
	}
	return nil
}

// takePart takes the rest up to the newline that ends the long line.
func (s *splitter) takePart(b *batch) {
	line, rest, found := bytes.Cut(s.rest, []byte{'\n'})
	b.part, b.piece, b.last = true, line, found || s.err == io.EOF
	s.rest, s.long = rest, !b.last
}

// takeLines takes the whole lines of the rest, and at the end of the input the one
// that has no newline.
func (s *splitter) takeLines(b *batch) {
	for len(b.lines) < batchLines {
		end := bytes.IndexByte(s.rest, '\n')
		if end < 0 {
			break
		}
		b.lines = append(b.lines, s.rest[:end])
		s.rest = s.rest[end+1:]
	}
	switch {
	case len(b.lines) == batchLines:
	case s.err == io.EOF && len(s.rest) > 0:
		b.lines, s.rest = append(b.lines, s.rest), nil
	case len(s.rest) == len(b.buf):
		s.long = true
		s.takePart(b)
	}
}
