package algo

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"slices"
	"strings"
	"sync"

	"github.com/gmhmac/hmacsign/algo/sm3"
)

// A knownAnswer is a published test vector: key "" marks a plain digest.
type knownAnswer struct{ source, key, msg, want string }

// knownAnswers is what every backend of an algorithm must compute before its
// first key. Inputs are hex. One digest of more than one block and MACs with a
// key shorter and longer than a block reach each path of an implementation.
var knownAnswers = map[string][]knownAnswer{
	HMACSHA1: {
		{"FIPS 180-1 A.1", "", "616263", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"RFC 2202 section 3 case 1", strings.Repeat("0b", 20), "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00"},
		{"RFC 2202 section 3 case 7", strings.Repeat("aa", 80), hex.EncodeToString([]byte("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data")), "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
	},
	HMACSHA256: {
		{"FIPS 180-2 B.1", "", "616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"RFC 4231 section 4.2", strings.Repeat("0b", 20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"RFC 4231 section 4.7", strings.Repeat("aa", 131), hex.EncodeToString([]byte("Test Using Larger Than Block-Size Key - Hash Key First")), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	},
	HMACSM3: {
		{"GB/T 32905-2016 A.1", "", "616263", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
		{"GB/T 32905-2016 A.2", "", strings.Repeat("61626364", 16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"},
		{"GM/T 0042-2015 D.3 example 2", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425", strings.Repeat("cd", 50), "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae"},
		{"GM/T 0042-2015 D.3 example 4", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882"},
	},
}

// A way is one of the paths through a backend that a result can come by. Each is
// tested, counted and checked on its own.
type way int

const (
	oneCall way = iota
	inBatch
	streamed
	digested
	ways
)

func (w way) String() string { return [...]string{"one call", "batch", "streamed", "digest"}[w] }

// batchLanes is how many messages the self-test puts into one batch: as many as
// the widest kernel here takes at once.
const batchLanes = sm3.Lanes

// selfTest computes the published known answers, then those of this package at
// the edges of blocks and at a few long messages, by each way that the backend has.
// It computes more too, which were wrong before.
// It returns what MACs of the checked message are computed with. An error that is
// not ErrSelfTest says that NewKeyed could not make a key just now.
func selfTest(b *Backend, more ...answer) (reference Keyed, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %w", ErrSelfTest, asFailure(b.Name, r).Err)
		}
		if err != nil {
			destroy(reference)
			reference = nil
		}
	}()
	for _, ka := range knownAnswers[b.Algorithm] {
		if err := ka.check(b); err != nil {
			return nil, err
		}
	}
	if reference, err = newReference(b); err != nil {
		return nil, err
	}
	for w := range ways {
		for _, n := range sweep {
			if err := checkAnswer(b, reference, w, n); err != nil {
				return reference, err
			}
		}
	}
	for _, a := range more {
		if err := checkAnswer(b, reference, a.way, a.length); err != nil {
			return reference, err
		}
	}
	return reference, nil
}

// destroy gives a key of the self-test back. What a backend makes of it is told by
// its next computation.
func destroy(keyed Keyed) {
	defer func() { recover() }()
	if d, ok := keyed.(Destroyer); ok {
		d.Destroy()
	}
}

// An answer is one of the known answers: of the first length bytes of the message.
type answer struct {
	way    way
	length int
}

func (ka knownAnswer) check(b *Backend) error {
	want, msg := unhex(ka.want), unhex(ka.msg)
	compare := func(w way, got []byte) error {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%w: %s (%s): computed %x", ErrSelfTest, ka.source, w, got)
		}
		return nil
	}
	if ka.key == "" {
		h := mustHash(b.NewHash())
		h.Write(msg)
		return compare(digested, h.Sum(nil))
	}
	keyed, err := b.keyed(unhex(ka.key))
	if err != nil {
		return fmt.Errorf("%s: %w", ka.source, err)
	}
	defer destroy(keyed)
	if err := compare(oneCall, keyed.Sum(nil, msg)); err != nil {
		return err
	}
	if batch, ok := keyed.(Batcher); ok {
		macs := batch.SumEach(nil, slices.Repeat([]Keyed{keyed}, batchLanes), slices.Repeat([][]byte{msg}, batchLanes))
		if err := compare(inBatch, macs[:min(len(want), len(macs))]); err != nil {
			return err
		}
		if !bytes.Equal(macs, bytes.Repeat(want, batchLanes)) {
			return fmt.Errorf("%w: %s (%s): a lane is wrong: computed %x", ErrSelfTest, ka.source, inBatch, macs)
		}
		if batch, ok := keyed.(KeyBatcher); ok && !bytes.Equal(batch.SumMany(nil, slices.Repeat([][]byte{msg}, batchLanes)), macs) {
			return fmt.Errorf("%w: %s (%s): a lane under one key is wrong", ErrSelfTest, ka.source, inBatch)
		}
	}
	mac := mustHash(keyed.NewMAC())
	mac.Write(msg[:len(msg)/2])
	mac.Write(msg[len(msg)/2:])
	return compare(streamed, mac.Sum(nil))
}

// maxAnswer is the longest message of which every length has a known answer,
// longAnswer the one beyond.
const (
	maxAnswer  = 4096
	longAnswer = 65539
)

// sweep is the lengths that the self-test checks.
var sweep = []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 255, 256, 257, 1000, 1023, 1024, 1025, 2049, 3999, maxAnswer, longAnswer}

// answerCRCs has, for each algorithm, the CRC-32 of the MAC of every length up to
// maxAnswer and of longAnswer: computed elsewhere, by testdata/knownanswers.py. A
// checksum is enough, an answer that is wrong by accident has it once in four
// thousand million times.
//
//go:embed knownanswers.bin
var answerCRCs string

func answerCRC(algorithm string, n int) uint32 {
	at := slices.Index(Algorithms(), algorithm)*(maxAnswer+2) + min(n, maxAnswer+1)
	return binary.BigEndian.Uint32([]byte(answerCRCs[4*at:]))
}

// answerMessage is the message of the known answers above; its first 32 bytes are
// the key too.
var answerMessage = sync.OnceValue(func() []byte {
	msg := make([]byte, longAnswer)
	for i := range msg {
		msg[i] = byte(i*7 + i>>8)
	}
	return msg
})

const answerKeySize = 32

func newReference(b *Backend) (Keyed, error) {
	return b.keyed(bytes.Clone(answerMessage()[:answerKeySize]))
}

// checkAnswer compares the MAC of the first n bytes of the message, computed by
// the given way, with the known answer.
func checkAnswer(b *Backend, reference Keyed, w way, n int) error {
	msg := answerMessage()[:n]
	buf := macBuffers.Get().(*[32]byte)
	defer macBuffers.Put(buf)
	clear(buf[:])
	mac := buf[:0]
	switch w {
	case oneCall:
		mac = reference.Sum(mac, msg)
	case inBatch:
		if batch, ok := reference.(Batcher); ok {
			return checkLanes(b, reference, batch, n)
		}
		return nil
	case streamed:
		h := mustHash(reference.NewMAC())
		h.Write(msg[:n/3])
		h.Write(msg[n/3:])
		mac = h.Sum(mac)
	case digested:
		mac = hmacOver(b.NewHash, mac, answerMessage()[:answerKeySize], msg)
	}
	return compareAnswer(b, w, n, mac)
}

func compareAnswer(b *Backend, w way, n int, mac []byte) error {
	if len(mac) != macSize(b.Algorithm) || crc32.ChecksumIEEE(mac) != answerCRC(b.Algorithm, n) {
		return fmt.Errorf("%w: the MAC of %d bytes (%s) is wrong", ErrSelfTest, n, w)
	}
	return nil
}

// checkLanes checks a message of n bytes with others of other lengths beside it.
func checkLanes(b *Backend, reference Keyed, batch Batcher, n int) error {
	var msgs [][]byte
	for lane := range batchLanes {
		msgs = append(msgs, answerMessage()[:lengthBeside(n, lane)])
	}
	var macs []byte
	if one, ok := batch.(KeyBatcher); ok && n%2 == 1 { // either way in turn
		macs = one.SumMany(nil, msgs)
	} else {
		macs = batch.SumEach(nil, slices.Repeat([]Keyed{reference}, batchLanes), msgs)
	}
	size := macSize(b.Algorithm)
	if len(macs) != batchLanes*size {
		return fmt.Errorf("%w: %d messages gave %d bytes (%s)", ErrSelfTest, batchLanes, len(macs), inBatch)
	}
	for lane, msg := range msgs {
		if err := compareAnswer(b, inBatch, len(msg), macs[lane*size:(lane+1)*size]); err != nil {
			return err
		}
	}
	return nil
}

// lengthBeside is the length of the message in a lane, which is n in the first: lengths
// of all kinds, but so near that a kernel does compute them beside each other.
func lengthBeside(n, lane int) int {
	apart := lane * 67
	switch {
	case n > maxAnswer && lane < batchLanes/2:
		return n
	case n > maxAnswer:
		return apart
	case lane < batchLanes/2:
		apart = lane % 2 * 67
	}
	if n > maxAnswer/2 {
		return n - apart
	}
	return n + apart
}

// hmacOver is HMAC (RFC 2104) over the bare digest, by hand: so the digest alone
// is held against the MACs' known answers. The key is not longer than a block.
func hmacOver(newHash func() hash.Hash, dst, key, msg []byte) []byte {
	var pad [64]byte
	sum := msg
	for _, x := range []byte{0x36, 0x5c} {
		clear(pad[copy(pad[:], key):])
		for i := range pad {
			pad[i] ^= x
		}
		h := mustHash(newHash())
		h.Write(pad[:])
		h.Write(sum)
		sum = h.Sum(nil)
	}
	return append(dst, sum...)
}

func isSelfTest(err error) bool { return errors.Is(err, ErrSelfTest) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // the vectors above are constants
	}
	return b
}
