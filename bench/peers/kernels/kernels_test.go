//go:build unix

package kernels

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	emmansun "github.com/emmansun/gmsm/sm3"
	"github.com/stretchr/testify/require"
	tjfoc "github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl"
)

// A library is another implementation. Its name is for messages.
type library struct {
	name   string
	digest func() hash.Hash
	mac    func(secret, msg []byte) []byte
}

func withHMAC(name string, digest func() hash.Hash) library {
	return library{name, digest, func(secret, msg []byte) []byte {
		mac := hmac.New(digest, secret)
		mac.Write(msg)
		return mac.Sum(nil)
	}}
}

// libraries has OpenSSL where the build does, by the tag openssl.
func libraries(t *testing.T) []library {
	list := []library{withHMAC("tjfoc", tjfoc.New), withHMAC("emmansun", emmansun.New)}
	for _, info := range algo.Backends(algo.HMACSM3) {
		if info.Backend != "openssl" || !info.Available {
			continue
		}
		openssl := algo.WithBackend("openssl")
		list = append(list, library{"openssl",
			func() hash.Hash {
				h, err := algo.NewHash(algo.HMACSM3, openssl)
				require.NoError(t, err)
				return h
			},
			func(secret, msg []byte) []byte {
				key, err := algo.NewKey(algo.HMACSM3, secret, openssl)
				require.NoError(t, err)
				return key.Sum(nil, msg)
			}})
	}
	return list
}

// A page is memory between two pages that must not be touched: a read beyond an
// input that begins or ends with it is a fault.
type page []byte

func newPage(t *testing.T, size int) page {
	guard := syscall.Getpagesize()
	size = (size + guard - 1) / guard * guard
	mem, err := syscall.Mmap(-1, 0, guard+size+guard, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { syscall.Munmap(mem) })
	require.NoError(t, syscall.Mprotect(mem[:guard], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(mem[guard+size:], syscall.PROT_NONE))
	return page(mem[guard : guard+size])
}

// message draws a message of n bytes that begins with the page, ends with it or
// lies anywhere in it.
func (p page) message(draw *rand.Rand, n int) []byte {
	at := len(p) - n
	switch draw.IntN(4) {
	case 0:
		at = 0
	case 1:
		at = draw.IntN(at + 1)
	}
	return fill(draw, p[at:at+n:at+n])
}

func fill(draw *rand.Rand, b []byte) []byte {
	var word [8]byte
	for i := 0; i < len(b); i += len(word) {
		binary.LittleEndian.PutUint64(word[:], draw.Uint64())
		copy(b[i:], word[:])
	}
	return b
}

const (
	most    = 40        // messages of a batch
	long    = 5000      // bytes of a longer message
	longest = 100 << 10 // more than a kernel takes in one call
)

// length draws how long a message is: short, at the edge of a block or longer.
func length(draw *rand.Rand) int {
	switch draw.IntN(8) {
	case 0:
		return draw.IntN(long + 1)
	case 1:
		return max(0, 64*draw.IntN(10)+draw.IntN(12)-10)
	default:
		return draw.IntN(300)
	}
}

func secret(draw *rand.Rand) []byte {
	n := 1 + draw.IntN(150)
	if draw.IntN(2) == 0 {
		n = []int{16, 32, 63, 64, 65, 128}[draw.IntN(6)]
	}
	return fill(draw, make([]byte, n))
}

// A bench is what cases run on.
type bench struct {
	kernels   []sm3.Kernel
	libraries []library
	pages     [most]page
	large     page
}

// write hands msg on in pieces.
func write(draw *rand.Rand, h hash.Hash, msg []byte) {
	for len(msg) > 0 {
		n := draw.IntN(200)
		if draw.IntN(4) == 0 {
			n = draw.IntN(len(msg) + 1)
		}
		n = min(n, len(msg))
		h.Write(msg[:n])
		msg = msg[n:]
	}
}

// single is a case of one message: its digest and its MAC, streamed and in one call.
func (b *bench) single(draw *rand.Rand) error {
	page, n := b.pages[0], length(draw)
	if draw.IntN(500) == 0 {
		page, n = b.large, draw.IntN(longest+1)
	}
	key, msg := secret(draw), page.message(draw, n)
	var digest, mac []byte
	for i, l := range b.libraries {
		h := l.digest()
		h.Write(msg)
		d, m := h.Sum(nil), l.mac(key, msg)
		if i > 0 && (!bytes.Equal(d, digest) || !bytes.Equal(m, mac)) {
			return fmt.Errorf("%s and %s differ on a message of %d bytes", l.name, b.libraries[0].name, n)
		}
		digest, mac = d, m
	}
	for _, k := range b.kernels {
		own := k.NewKey(key)
		stream, keyed := k.New(), own.NewMAC()
		write(draw, stream, msg)
		write(draw, keyed, msg)
		for what, ok := range map[string]bool{
			"stream":       bytes.Equal(stream.Sum(nil), digest),
			"keyed stream": bytes.Equal(keyed.Sum(nil), mac),
			"Key.Sum":      bytes.Equal(own.Sum(nil, msg), mac),
		} {
			if !ok {
				return fmt.Errorf("%s: %s of %d bytes under a key of %d is wrong", k, what, n, len(key))
			}
		}
	}
	return nil
}

// batch is a case of many messages, under several keys and under one.
func (b *bench) batch(draw *rand.Rand) error {
	secrets := [3][]byte{secret(draw), secret(draw), secret(draw)}
	var (
		msgs       [][]byte
		of         []int // the secret of each message
		lengths    []int
		each, many []byte
	)
	for i := range 1 + draw.IntN(most) {
		n, s := length(draw), draw.IntN(len(secrets))
		if draw.IntN(8) > 0 {
			n = min(n, 300)
		}
		msg := b.pages[i].message(draw, n)
		msgs, of, lengths = append(msgs, msg), append(of, s), append(lengths, n)
		// Each message has one library to tell its MAC: which, is drawn.
		l := b.libraries[draw.IntN(len(b.libraries))]
		each, many = append(each, l.mac(secrets[s], msg)...), append(many, l.mac(secrets[0], msg)...)
	}
	for _, k := range b.kernels {
		own := [3]*sm3.Key{k.NewKey(secrets[0]), k.NewKey(secrets[1]), k.NewKey(secrets[2])}
		keys := make([]*sm3.Key, len(msgs))
		for i, s := range of {
			keys[i] = own[s]
		}
		if !bytes.Equal(sm3.SumEach(nil, keys, msgs), each) {
			return fmt.Errorf("%s: SumEach of messages of %v bytes is wrong", k, lengths)
		}
		if !bytes.Equal(own[0].SumMany(nil, msgs), many) {
			return fmt.Errorf("%s: SumMany of messages of %v bytes is wrong", k, lengths)
		}
	}
	return nil
}

// run is a case. A touch of what lies beyond an input is its failure too.
func (b *bench) run(draw *rand.Rand) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v\n%s", fault, debug.Stack())
		}
	}()
	if draw.IntN(2) == 0 {
		return b.single(draw)
	}
	return b.batch(draw)
}

// setting is a number that the environment may set.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	require.NoError(t, err, name)
	return n
}

// HMACSIGN_CASES says how many cases, HMACSIGN_SEED repeats those of a failure.
func TestKernels(t *testing.T) {
	cases := setting(t, "HMACSIGN_CASES", 1_000_000)
	seed := setting(t, "HMACSIGN_SEED", uint64(time.Now().UnixNano()))
	b := bench{kernels: sm3.Kernels(), libraries: libraries(t), large: newPage(t, longest)}
	for i := range b.pages {
		b.pages[i] = newPage(t, long)
	}
	if want := os.Getenv("HMACSIGN_TEST_KERNEL"); want != "" {
		require.Equal(t, want, b.kernels[len(b.kernels)-1].String())
	}
	var names []string
	for _, l := range b.libraries {
		names = append(names, l.name)
	}
	t.Logf("%d cases of HMACSIGN_SEED=%d: %v against %v", cases, seed, b.kernels, names)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for n := range cases {
		require.NoError(t, b.run(rand.New(rand.NewPCG(seed, n))), "case %d of HMACSIGN_SEED=%d", n, seed)
	}
}
