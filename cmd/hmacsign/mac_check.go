package main

import (
	"bufio"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/gmhmac/hmacsign/algo"
)

// checkLineMACs compares the MAC of each line with that of the same place in the
// list, and names the lines that are wrong.
func checkLineMACs(key *algo.Key, list string, in io.Reader, streams *streams) error {
	f, err := streams.open([]string{list})
	if err != nil {
		return err
	}
	defer f.Close()
	if sameFile(in, f) {
		return errors.New("mac: the list is the file that it is to check: name the list that --lines printed")
	}
	progress := newProgress(in, streams)
	c := &checker{
		list:   newMACList(f, key.Size()),
		listed: make([]byte, key.Size()),
		out:    bufio.NewWriter(progress.around(streams.out)),
		text:   streams.text,
	}
	err = eachLineMAC(key, in, progress, c.compare)
	progress.end()
	if err != nil {
		c.print() // what was found before
		c.out.Flush()
		return err
	}
	return c.finish()
}

// A checker counts, and names the wrong lines: those that follow each other with the
// same fault in one line of output.
type checker struct {
	list   *macList
	listed []byte // the MAC from the list
	out    *bufio.Writer
	text   func(english string) string // in the language of the user

	lines, macs, right int // lines of the file and of the list, and those that agree
	run                faultRun
	moved              bool // a run was explained by lines that moved
}

// A faultRun is lines that follow each other with one fault. Where the MACs differ,
// it keeps what tells lines that only moved from lines that changed.
type faultRun struct {
	fault          string
	first, last    int
	behindRight    bool   // the line before is right, or there is none
	firstMAC, mac  []byte // of the first and the last line
	firstListed    []byte
	listed         []byte
	later, earlier bool // every line but one end has the MAC that is listed for the line before, or behind
	added, missing bool // so it goes on to the end of the list, or of the file
}

// The faults, as they are printed.
const (
	mismatch  = "the MAC does not match"
	malformed = "no MAC stands here in the list"
	notListed = "the list has ended"
	notThere  = "the file has ended"
)

// compare is given the MACs of the next lines of the file.
func (c *checker) compare(macs []byte) error {
	for size := len(c.listed); len(macs) > 0; macs = macs[size:] {
		isMAC, err := c.nextListed()
		c.lines++
		switch {
		case err == io.EOF:
			c.run.listEnds(macs[:size])
			c.note(c.lines, notListed)
		case err != nil:
			return err
		case !isMAC:
			c.note(c.lines, malformed)
		case !hmac.Equal(macs[:size], c.listed):
			c.note(c.lines, mismatch)
			c.run.compareBeside(macs[:size], c.listed)
		default:
			c.right++
			c.note(c.lines, "")
		}
	}
	return c.out.Flush()
}

func (c *checker) nextListed() (isMAC bool, err error) {
	isMAC, err = c.list.next(c.listed)
	if err == nil {
		c.macs++
	}
	return isMAC, err
}

// note takes the fault of the next line, none if it is empty.
func (c *checker) note(line int, fault string) {
	if fault != c.run.fault {
		c.print()
		c.run.fault, c.run.first, c.run.behindRight = fault, line, c.run.fault == ""
	}
	c.run.last = line
}

// compareBeside is for the last line of the run, whose MAC is not the listed one.
func (r *faultRun) compareBeside(mac, listed []byte) {
	if r.first == r.last {
		r.firstMAC, r.firstListed = append(r.firstMAC[:0], mac...), append(r.firstListed[:0], listed...)
		r.later, r.earlier = true, true
	} else {
		r.later = r.later && hmac.Equal(mac, r.listed)
		r.earlier = r.earlier && hmac.Equal(r.mac, listed)
	}
	r.mac, r.listed = append(r.mac[:0], mac...), append(r.listed[:0], listed...)
}

// listEnds is told the MAC of the first line behind the list.
func (r *faultRun) listEnds(mac []byte) {
	r.added = r.fault == mismatch && r.behindRight && r.later && hmac.Equal(mac, r.listed)
}

// fileEnds is told the first MAC of the list that is behind the file.
func (r *faultRun) fileEnds(listed []byte) {
	r.missing = r.fault == mismatch && r.behindRight && r.earlier && hmac.Equal(r.mac, listed)
}

// reason is what made the run of other MACs, where it explains them all: a line that is
// missing moves every line behind it, to the end.
func (c *checker) reason() string {
	switch r := &c.run; {
	case r.fault != mismatch || r.first == r.last:
	case r.missing:
		return fmt.Sprintf(c.text(": line %d of the list is missing, those behind it follow"), r.first)
	case r.added:
		return fmt.Sprintf(c.text(": line %d was added, those behind it follow"), r.first)
	case r.earlier && hmac.Equal(r.mac, r.firstListed):
		return fmt.Sprintf(c.text(": line %d was moved to %d"), r.first, r.last)
	case r.later && hmac.Equal(r.firstMAC, r.listed):
		return fmt.Sprintf(c.text(": line %d was moved to %d"), r.last, r.first)
	}
	return ""
}

func (c *checker) print() {
	r := &c.run
	switch {
	case r.fault == "":
	case r.first == r.last:
		fmt.Fprintf(c.out, c.text("line %d: %s")+"\n", r.first, c.text(r.fault))
	default:
		reason := c.reason()
		c.moved = c.moved || reason != ""
		fmt.Fprintf(c.out, c.text("lines %d to %d: %s%s")+"\n", r.first, r.last, c.text(r.fault), reason)
	}
}

// finish takes what the list has beyond the file, and sums up.
func (c *checker) finish() error {
	for {
		isMAC, err := c.nextListed()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if isMAC {
			c.run.fileEnds(c.listed)
		}
		c.note(c.macs, notThere)
	}
	c.print()
	all := max(c.lines, c.macs)
	if all == 0 {
		return errors.New("mac: nothing was checked: neither the file nor the list has a line")
	}
	if c.right == all {
		fmt.Fprintf(c.out, c.text("all %d lines match their MACs")+"\n", all)
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	switch {
	case c.right == all:
		return nil
	case c.right == 0 && !c.moved:
		return fmt.Errorf("mac: none of %d lines matches the list of %d: make sure of the key, of the algorithm, and that the list is that of this file, line ends included", c.lines, c.macs)
	}
	return fmt.Errorf("mac: wrong lines: %d of %d, as named above; the file has %d and the list %d", all-c.right, all, c.lines, c.macs)
}

// macList reads MACs in hex, one a line.
type macList struct {
	in   *bufio.Reader
	size int // of a MAC
}

func newMACList(in io.Reader, size int) *macList {
	return &macList{bufio.NewReaderSize(&ending{in: in}, 64<<10), size}
}

// An ending reader is not read behind its end, where a terminal or a pipe would give
// more, and every read takes time.
type ending struct {
	in  io.Reader
	err error
}

func (e *ending) Read(b []byte) (n int, err error) {
	if e.err == nil {
		n, e.err = e.in.Read(b)
	}
	return n, e.err
}

// next reads a line into mac and tells whether it is one. The error is io.EOF behind
// the last line, which need not end.
func (l *macList) next(mac []byte) (isMAC bool, err error) {
	line, err := l.in.ReadSlice('\n')
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err == bufio.ErrBufferFull {
		return false, l.skipLine()
	}
	if err != nil {
		return false, err
	}
	if line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}
	if len(line) != hex.EncodedLen(l.size) {
		return false, nil
	}
	_, err = hex.Decode(mac, line)
	return err == nil, nil
}

// skipLine skips the rest of a line that no buffer holds.
func (l *macList) skipLine() error {
	for {
		_, err := l.in.ReadSlice('\n')
		switch err {
		case bufio.ErrBufferFull:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
