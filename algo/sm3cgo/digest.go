//go:build tencentsm && cgo

package sm3cgo

import (
	"errors"
	"hash"
)

// SM3's sizes in bytes.
const (
	size      = 32
	blockSize = 64
)

// maxLength keeps the library's 32-bit count of blocks from wrapping, which it
// would do at 2^31 blocks of 64 bytes, 128 GiB. A MAC has a block before the
// message, and padding takes up to two behind it.
const maxLength = (1<<31 - 4) * blockSize

var errTooLong = errors.New("the library hashes at most 128 GiB")

// input gathers small writes, as a call into C costs about as much as hashing a
// block, and counts what was written.
type input struct {
	buf    [4 * blockSize]byte
	n      int    // bytes waiting in buf
	length uint64 // bytes written
	broken bool   // a call failed, so there is no result any more
}

// write takes p, and gives update what does not fit in the buffer.
func (in *input) write(to interface{ update([]byte) }, p []byte) (int, error) {
	in.check()
	if uint64(len(p)) > maxLength-min(in.length, maxLength) {
		in.length = maxLength + 1
		return 0, errTooLong
	}
	in.length += uint64(len(p))
	written := len(p)
	if in.n+len(p) <= len(in.buf) {
		in.n += copy(in.buf[in.n:], p)
		return written, nil
	}
	in.broken = true // unless both calls return
	if in.n > 0 {
		to.update(in.buf[:in.n])
		in.n = 0
	}
	if len(p) >= len(in.buf) {
		to.update(p)
	} else {
		in.n = copy(in.buf[:], p)
	}
	in.broken = false
	return written, nil
}

// check fails where there can be no result.
func (in *input) check() {
	if in.broken {
		failed("the library failed in this stream before")
	}
}

func (in *input) checkSum() {
	in.check()
	if in.length > maxLength {
		failed("%w", errTooLong)
	}
}

// digest is SM3 in the library. A copy is a clone.
type digest struct {
	context
	input
}

var _ hash.Cloner = (*digest)(nil)

func newDigest() *digest {
	d := new(digest)
	d.Reset()
	return d
}

func (d *digest) Size() int      { return size }
func (d *digest) BlockSize() int { return blockSize }

func (d *digest) Reset() {
	*d = digest{}
	d.broken = true
	d.init()
	d.broken = false
}

// Write returns an error for a stream of more than 128 GiB, and Sum panics with
// an algo.Failure then: there is no digest of it.
func (d *digest) Write(p []byte) (int, error) { return d.write(d, p) }

func (d *digest) Sum(b []byte) []byte {
	d.checkSum()
	var sum [size]byte
	rest := d.context
	rest.end(d.buf[:d.n], &sum)
	return append(b, sum[:]...)
}

// end computes the digest with p as the last bytes.
func (x *context) end(p []byte, sum *[size]byte) {
	if len(p) > 0 {
		x.update(p)
	}
	x.final(sum)
	*x = context{}
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := *d
	return &c, nil
}
