package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal; where there is none, bar is nil.
type progress struct {
	bar   *progressbar.ProgressBar
	bytes bool // the bar counts bytes, whose number is known, and lines otherwise
}

// newProgress shows how far the input is read if standard error is a terminal, and
// none of the others is, where people type or read what the bar would write over.
func newProgress(in io.Reader, streams *streams, others ...io.Writer) *progress {
	file := asFile(in)
	if !isTerminal(asFile(streams.err)) || isTerminal(file) {
		return new(progress)
	}
	for _, other := range others {
		if isTerminal(asFile(other)) {
			return new(progress)
		}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(streams.err),
		progressbar.OptionThrottle(200 * time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // it turns when there is something new
		progressbar.OptionSetRenderBlankState(true),   // the time begins now
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	}
	if size := regularSize(file); size > 0 {
		return &progress{progressbar.NewOptions64(size, append(options, progressbar.OptionShowBytes(true), progressbar.OptionFullWidth())...), true}
	}
	return &progress{progressbar.NewOptions64(-1, append(options, progressbar.OptionShowIts(), progressbar.OptionSetItsString(streams.text("lines")))...), false}
}

func (p *progress) add(bytes, lines int) {
	switch {
	case p.bar == nil:
	case p.bytes:
		p.bar.Add(bytes)
	default:
		p.bar.Add(lines)
	}
}

// end leaves the terminal as it was.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Clear()
		p.bar.Exit()
	}
}

// around is w, for lines in the place of the bar.
func (p *progress) around(w io.Writer) io.Writer {
	if p.bar == nil {
		return w
	}
	return clearing{p.bar, w}
}

type clearing struct {
	bar *progressbar.ProgressBar
	io.Writer
}

func (c clearing) Write(b []byte) (int, error) {
	c.bar.Clear()
	return c.Writer.Write(b)
}

// asFile is the file behind a stream of the command, nil if there is none.
func asFile(stream any) *os.File {
	switch of := stream.(type) {
	case standardInput:
		stream = of.Reader
	case *checkedWriter:
		stream = of.Writer
	}
	f, _ := stream.(*os.File)
	return f
}

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// regularSize is the size of a regular file, zero of anything else.
func regularSize(f *os.File) int64 {
	if info := regular(f); info != nil {
		return info.Size()
	}
	return 0
}

// regular tells of a regular file, and is nil for anything else.
func regular(f *os.File) os.FileInfo {
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

var errSameFile = errors.New("mac: the list would go into the file that is read: write it to another")

// sameFile reports whether two streams are one regular file, an empty one too: a
// shell's > has emptied it by now.
func sameFile(a, b any) bool {
	x, y := regular(asFile(a)), regular(asFile(b))
	return x != nil && y != nil && os.SameFile(x, y)
}
