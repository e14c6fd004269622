package main

import (
	"bufio"
	"crypto/subtle"
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
	}
	err = eachLineMAC(key, in, progress, c.compare)
	progress.end()
	if err != nil {
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

	lines, macs, right int // lines of the file and of the list, and those that agree
	fault              string
	first, last        int // lines with the fault
}

// The faults, as they are printed.
const (
	mismatch  = "does not match its MAC"
	malformed = "the list has something else than a MAC"
	notListed = "not in the list"
	notThere  = "in the list, but not in the file"
)

// compare is given the MACs of the next lines of the file.
func (c *checker) compare(macs []byte) error {
	for size := len(c.listed); len(macs) > 0; macs = macs[size:] {
		isMAC, err := c.nextListed()
		c.lines++
		fault := ""
		switch {
		case err == io.EOF:
			fault = notListed
		case err != nil:
			return err
		case !isMAC:
			fault = malformed
		case subtle.ConstantTimeCompare(macs[:size], c.listed) != 1:
			fault = mismatch
		default:
			c.right++
		}
		c.note(c.lines, fault)
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

// note takes the fault of a line, none if it is empty.
func (c *checker) note(line int, fault string) {
	if fault != c.fault {
		c.print()
		c.fault, c.first = fault, line
	}
	c.last = line
}

func (c *checker) print() {
	switch {
	case c.fault == "":
	case c.first == c.last:
		fmt.Fprintf(c.out, "line %d: %s\n", c.first, c.fault)
	default:
		fmt.Fprintf(c.out, "lines %d to %d: %s\n", c.first, c.last, c.fault)
	}
}

// finish takes what the list has beyond the file, and sums up.
func (c *checker) finish() error {
	for {
		_, err := c.nextListed()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		c.note(c.macs, notThere)
	}
	c.print()
	all := max(c.lines, c.macs)
	if c.right == all {
		fmt.Fprintf(c.out, "all %d lines match their MACs\n", all)
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	switch {
	case c.right == all:
		return nil
	case c.right == 0:
		return fmt.Errorf("mac: none of %d lines matches a list of %d: make sure of the key, the algorithm, and that the list is this file's, line ends included", c.lines, c.macs)
	}
	return fmt.Errorf("mac: %d of %d lines are wrong, the file has %d and the list %d: see those named above", all-c.right, all, c.lines, c.macs)
}

// macList reads MACs in hex, one a line.
type macList struct {
	in   *bufio.Reader
	size int // of a MAC
}

func newMACList(in io.Reader, size int) *macList {
	return &macList{bufio.NewReaderSize(in, 64<<10), size}
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
