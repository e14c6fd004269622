package algo

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3"
)

// trace is how many words of a pattern make a find: chance has none of it.
const trace = 4

// A pattern is words that memory is searched for, held masked, so that the test
// does not find itself.
type pattern struct {
	name   string
	stride int // from word to word in bytes; 64 in the rows of a batch
	masked []uint32
}

const patternMask = 0x9e3779b9

// patterns are what a key of the secret may leave: the secret, the key blocks, and
// both with the bytes of their words turned round, as SM3 reads them. masked holds
// the secret's bytes XOR 0xa5.
func patterns(masked []byte) (all []pattern) {
	for name, x := range map[string]byte{"secret": 0, "inner key block": 0x36, "outer key block": 0x5c} {
		same, turned := pattern{name: name, stride: 4}, pattern{name: name + ", words turned round", stride: 4}
		for at := 0; at+4 <= len(masked); at += 4 {
			var word [4]byte
			for i := range word {
				word[i] = masked[at+i] ^ 0xa5 ^ x
			}
			same.masked = append(same.masked, binary.LittleEndian.Uint32(word[:])^patternMask)
			turned.masked = append(turned.masked, binary.BigEndian.Uint32(word[:])^patternMask)
			clear(word[:])
		}
		all = append(all, same, turned)
	}
	return all
}

// find searches the writable memory of this process for any trace words of a
// pattern in a row, and says which lie where.
func find(t *testing.T, all []pattern) (found []string) {
	// What would follow a word if this is a trace.
	type place struct{ p, at int }
	starts := map[uint32][]place{}
	var filter [1 << 16]bool // by the low half of the masked word
	for i, p := range all {
		for at := range len(p.masked) - trace + 1 {
			starts[p.masked[at]] = append(starts[p.masked[at]], place{i, at})
			filter[uint16(p.masked[at])] = true
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	mem, err := os.Open("/proc/self/mem")
	require.NoError(t, err)
	defer mem.Close()
	buf := make([]byte, 1<<20)
	defer clear(buf)
	lines := bufio.NewScanner(strings.NewReader(string(maps)))
	for lines.Scan() {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); n != 3 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for ; from < to; from += int64(len(buf)) - 64*trace {
			n, _ := mem.ReadAt(buf[:min(int64(len(buf)), to-from)], from)
			for at := 0; at+4 <= n; at++ { // byte arrays on the stack have any address
				word := binary.LittleEndian.Uint32(buf[at:]) ^ patternMask
				if !filter[uint16(word)] {
					continue
				}
			places:
				for _, s := range starts[word] {
					for i := 1; i < trace; i++ {
						if next := at + all[s.p].stride*i; next+4 > n || binary.LittleEndian.Uint32(buf[next:])^patternMask != all[s.p].masked[s.at+i] {
							continue places
						}
					}
					found = append(found, fmt.Sprintf("%s, word %d, in %s", all[s.p].name, s.at, lines.Text()))
				}
			}
			clear(buf[:n]) // which is searched too
		}
	}
	return found
}

// deep calls f in a frame far down the stack of a goroutine that stays, so that
// what f leaves there is not overwritten; the stack has grown before.
func deep(f func()) (stop func()) {
	done, end := make(chan struct{}), make(chan struct{})
	go func() {
		growStack()
		descend(40, f)
		close(done)
		<-end
	}()
	<-done
	return func() { close(end) }
}

//go:noinline
func growStack() {
	var room [256 << 10]byte
	touch(room[:])
}

//go:noinline
func descend(n int, f func()) {
	var frame [512]byte
	touch(frame[:])
	if n == 0 {
		f()
		return
	}
	descend(n-1, f)
	touch(frame[:1])
}

//go:noinline
func touch(b []byte) { b[0] = byte(len(b)) }

//go:noinline
func look(b *[64]byte) byte { return b[0] ^ b[63] }

// overwriteRegisters is for what a copy of the secret leaves in vector registers,
// which a switch of goroutines saves to memory when it likes.
//
//go:noinline
func overwriteRegisters() { copy(to, from) } // of a length that goes through all of them

var from, to = make([]byte, 256), make([]byte, 256) // not on the stack, which is searched

// A secretPage is a secret in memory of its own, that is given back without a
// trace when it is dropped.
func secretPage(t *testing.T, masked []byte) (secret []byte, drop func()) {
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	for i, b := range masked {
		page[i] = b ^ 0xa5
	}
	return page[:len(masked)], func() { require.NoError(t, syscall.Munmap(page)) }
}

// maskedSecret is another one in each test.
func maskedSecret(seed uint32, n int) []byte {
	masked := make([]byte, n)
	for i := range masked {
		seed = seed*1664525 + 1013904223
		masked[i] = byte(seed >> 24)
	}
	return masked
}

// A key that was made leaves neither its secret nor its key blocks, in the heap or
// on the stack.
func TestNewKeyLeavesNoSecret(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which have memory of their own")
	}
	// What is not cleared is found: the test can fail.
	masked := maskedSecret(1, 64)
	secret, drop := secretPage(t, masked)
	for _, x := range []byte{0, 0x36, 0x5c} {
		stop := deep(func() { leaveBlock(secret, x) })
		if x != 0 {
			require.NotEmpty(t, find(t, patterns(masked)), "on the stack")
		}
		stop()
	}
	require.NotEmpty(t, find(t, patterns(masked)), "the secret itself")
	drop()

	for _, kernel := range sm3.Kernels() {
		testNewKeyLeavesNoSecret(t, kernel)
	}
}

func testNewKeyLeavesNoSecret(t *testing.T, kernel sm3.Kernel) {
	var keys [6]*Key // all is made before, calls would overwrite the stack
	var bare [6]*sm3.Key
	var errs [6]error
	opts := []Option{WithBackend(backendOf(kernel))}
	var left []pattern
	for i, n := range [...]int{16, 37, 64, 65, 100, 200} {
		masked := maskedSecret(uint32(100+i), n)
		for _, p := range patterns(masked) {
			p.name += fmt.Sprintf(" of %d bytes", n)
			left = append(left, p)
		}
		secret, drop := secretPage(t, masked)
		stop := deep(func() {
			keys[i], errs[i] = NewKey(HMACSM3, secret, opts...)
			overwriteRegisters()
		})
		defer stop()
		stop = deep(func() {
			bare[i] = kernel.NewKey(secret) // nothing after it uses its frame
			overwriteRegisters()
		})
		defer stop()
		drop()
	}
	require.Equal(t, [6]error{}, errs)
	require.Empty(t, find(t, left), kernel)
	runtime.KeepAlive(keys)
	runtime.KeepAlive(bare)
}

// backendOf is a backend that package sm3 computes.
func backendOf(kernel sm3.Kernel) string {
	if kernel == sm3.Portable {
		return "go"
	}
	return "asm"
}

//go:noinline
func leaveBlock(secret []byte, x byte) {
	var block [64]byte
	for i, b := range secret {
		block[i] = b ^ x
	}
	look(&block)
}

// After Destroy the chaining values, which are as good as the secret, are nowhere,
// however the key was used. Streams are left out: they are the caller's to drop.
func TestDestroyLeavesNoChainingValues(t *testing.T) {
	if instrumented {
		t.Skip("needs a build without -race and -asan, which have memory of their own")
	}
	for _, kernel := range sm3.Kernels() {
		testDestroyLeavesNoChainingValues(t, backendOf(kernel))
	}
}

func testDestroyLeavesNoChainingValues(t *testing.T, backend string) {
	var left []pattern
	var keys []*Key
	for i, use := range []func(k *Key, msgs [][]byte){
		func(k *Key, msgs [][]byte) {},
		func(k *Key, msgs [][]byte) { k.Sum(nil, msgs[0]) },
		func(k *Key, msgs [][]byte) { k.Sum(nil, msgs[7]) },
		func(k *Key, msgs [][]byte) { k.Verify(msgs[1], msgs[2]) },
		func(k *Key, msgs [][]byte) { k.SumMany(nil, msgs[:3]) },
		func(k *Key, msgs [][]byte) { k.SumMany(nil, msgs[:7]) },
		func(k *Key, msgs [][]byte) { k.SumMany(nil, msgs) },
		func(k *Key, msgs [][]byte) { k.SumMany(nil, slices.Repeat([][]byte{make([]byte, 20_000)}, 16)) },
		func(k *Key, msgs [][]byte) { k.SumMany(nil, slices.Repeat([][]byte{make([]byte, 20_000)}, 5)) },
		func(k *Key, msgs [][]byte) { SumEach(nil, slices.Repeat([]*Key{k}, 16), msgs) },
		func(k *Key, msgs [][]byte) { SumEach(nil, []*Key{k, k, k, k, k}, msgs[:5]) },
	} {
		secret, drop := secretPage(t, maskedSecret(uint32(200+i), 40))
		var msgs [][]byte
		for n := range 16 {
			msgs = append(msgs, make([]byte, n*30))
		}
		var key *Key
		values := pattern{name: fmt.Sprintf("chaining values of use %d, %s", i, backend), stride: 4}
		stop := deep(func() {
			key, _ = NewKey(HMACSM3, secret, WithBackend(backend))
			for _, word := range (*[16]uint32)(unsafe.Pointer(key.keyed.(sm3Key).Key)) {
				values.masked = append(values.masked, word^patternMask)
			}
			use(key, msgs)
			overwriteRegisters()
		})
		defer stop()
		drop()
		keys = append(keys, key)
		left = append(left, values, pattern{values.name + " in rows", 64, values.masked})
	}
	require.NotEmpty(t, find(t, left), "before")
	for _, key := range keys {
		key.Destroy()
	}
	require.Empty(t, find(t, left))
}
