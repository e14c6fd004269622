// Package algotest holds any backend of package algo to its contract: the
// standards' known answers, hash.Hash as its documentation says, and keys that
// are safe to share. A backend's own tests call it:
//
//	func TestHash(t *testing.T)    { algotest.TestSM3(t, mypkg.New) }
//	func TestBackend(t *testing.T) { algotest.TestBackend(t, algo.HMACSM3, "mine") }
package algotest

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gmhmac/hmacsign/algo"
)

//go:embed mac.json
var macJSON []byte

// A Vector is a known answer: of a digest where Key is nil, else of a MAC.
type Vector struct {
	Source            string
	Key, Message, Sum []byte
}

// Vectors returns the known answers of "sm3" or of one of algo.Algorithms:
// published ones (GB/T 32905-2016, GM/T 0042-2015, RFC 2202, RFC 4231) and
// computed ones at the edges of blocks.
func Vectors(t testing.TB, name string) []Vector {
	var file map[string]json.RawMessage
	check(t, json.Unmarshal(macJSON, &file))
	var rows []struct{ Source, Key_hex, Message_hex, Digest_hex, Mac_hex string }
	check(t, json.Unmarshal(file[name], &rows))
	var vectors []Vector
	for _, r := range rows {
		vectors = append(vectors, Vector{r.Source, unhex(t, r.Key_hex), unhex(t, r.Message_hex), unhex(t, r.Digest_hex+r.Mac_hex)})
	}
	return vectors
}

// TestSM3 holds an SM3 implementation to TestHash and the known digests.
func TestSM3(t *testing.T, newHash func() hash.Hash) {
	for _, v := range Vectors(t, "sm3") {
		t.Run(v.Source, func(t *testing.T) {
			h := newHash()
			h.Write(v.Message)
			equal(t, "digest", h.Sum(nil), v.Sum)
		})
	}
	TestHash(t, newHash)
}

// TestHash holds an implementation to the contract of hash.Hash and, which
// package algo asks of its backends, hash.Cloner.
func TestHash(t *testing.T, newHash func() hash.Hash) {
	msg := message(5000)
	oneShot := func(m []byte) []byte {
		h := newHash()
		h.Write(m)
		return h.Sum(nil)
	}
	t.Run("WriteInPieces", func(t *testing.T) {
		for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 5000} {
			want := oneShot(msg[:n])
			for _, piece := range []int{1, 3, 63, 64, 65, 200} {
				h := newHash()
				for rest := msg[:n]; ; {
					k := min(piece, len(rest))
					written, err := h.Write(rest[:k])
					if written != k || err != nil {
						t.Fatalf("Write of %d bytes = %d, %v", k, written, err)
					}
					if rest = rest[k:]; len(rest) == 0 {
						break
					}
				}
				equal(t, fmt.Sprintf("%d bytes in pieces of %d", n, piece), h.Sum(nil), want)
			}
		}
	})
	t.Run("SumAppends", func(t *testing.T) {
		h := newHash()
		h.Write(msg[:100])
		want := oneShot(msg[:100])
		equal(t, "Sum behind a prefix", h.Sum([]byte("prefix")), append([]byte("prefix"), want...))
		room := make([]byte, 2, 200)
		got := h.Sum(room)
		equal(t, "Sum into spare room", got[2:], want)
		if &got[0] != &room[0] {
			t.Error("Sum allocated although there was room")
		}
	})
	t.Run("SumChangesNothing", func(t *testing.T) {
		h := newHash()
		for i := 0; i <= 200; i++ {
			equal(t, fmt.Sprintf("Sum after %d bytes", i), h.Sum(nil), oneShot(msg[:i]))
			equal(t, fmt.Sprintf("second Sum after %d bytes", i), h.Sum(nil), oneShot(msg[:i]))
			h.Write(msg[i : i+1])
		}
	})
	t.Run("Reset", func(t *testing.T) {
		h := newHash()
		empty := h.Sum(nil)
		h.Write(msg[:77])
		h.Reset()
		equal(t, "Sum after Reset", h.Sum(nil), empty)
	})
	t.Run("WriteLeavesInputAlone", func(t *testing.T) {
		input := bytes.Clone(msg[:300])
		h := newHash()
		h.Write(input)
		equal(t, "the input after Write", input, msg[:300])
		clear(input)
		equal(t, "Sum after the caller reused the input", h.Sum(nil), oneShot(msg[:300]))
	})
	t.Run("Sizes", func(t *testing.T) {
		h := newHash()
		if n := len(h.Sum(nil)); n != h.Size() {
			t.Errorf("Sum gave %d bytes, Size says %d", n, h.Size())
		}
		if h.BlockSize() != 64 {
			t.Errorf("BlockSize = %d; SHA-1, SHA-256 and SM3 have 64", h.BlockSize())
		}
	})
	t.Run("Clone", func(t *testing.T) { testClone(t, newHash, oneShot, msg) })
}

// testClone lets an original and its clones go separate ways at once: a shared
// buffer shows as a wrong sum and, under the race detector, as a race.
func testClone(t *testing.T, newHash func() hash.Hash, oneShot func([]byte) []byte, msg []byte) {
	for _, n := range []int{0, 1, 63, 64, 65, 100, 128, 192, 1000, 4096} {
		h, ok := newHash().(hash.Cloner)
		if !ok {
			t.Fatal("not a hash.Cloner")
		}
		h.Write(msg[:n])
		branches := []hash.Hash{h}
		for range 3 {
			c, err := h.Clone()
			check(t, err)
			branches = append(branches, c)
		}
		var wg sync.WaitGroup
		for i, b := range branches {
			wg.Go(func() {
				own := bytes.Repeat([]byte{byte(i)}, 150)
				for k := range own {
					b.Write(own[k : k+1])
					b.Sum(nil)
				}
				equal(t, fmt.Sprintf("branch %d after %d common bytes", i, n), b.Sum(nil), oneShot(append(bytes.Clone(msg[:n]), own...)))
			})
		}
		wg.Wait()
	}
}

// TestBackend holds a registered backend to the known answers, to Project
// Wycheproof's set where it is present, and to the contract of algo.Key.
func TestBackend(t *testing.T, algorithm, backend string) {
	newKey := func(t *testing.T, secret []byte) *algo.Key {
		key, err := algo.NewKey(algorithm, secret, algo.WithBackend(backend))
		check(t, err)
		if got := key.Backend().Backend; got != backend {
			t.Fatalf("asked for backend %s, got %s", backend, got)
		}
		return key
	}
	t.Run("KnownAnswers", func(t *testing.T) {
		for _, v := range Vectors(t, algorithm) {
			testVector(t, newKey(t, v.Key), v)
		}
	})
	t.Run("Wycheproof", func(t *testing.T) { testWycheproof(t, algorithm, newKey) })
	t.Run("NewMAC", func(t *testing.T) {
		TestHash(t, newKey(t, []byte("a secret")).NewMAC)
	})
	t.Run("SecretIsCopied", func(t *testing.T) {
		secret := []byte("changed after use")
		key := newKey(t, secret)
		before := key.Sum(nil, []byte("m"))
		clear(secret)
		equal(t, "Sum after the secret's slice changed", key.Sum(nil, []byte("m")), before)
		mac := key.NewMAC()
		mac.Write([]byte("m"))
		equal(t, "NewMAC after the secret's slice changed", mac.Sum(nil), before)
	})
	t.Run("SumAppends", func(t *testing.T) {
		key := newKey(t, []byte("a secret"))
		want := key.Sum(nil, []byte("message"))
		if len(want) != key.Size() {
			t.Errorf("Sum gave %d bytes, Size says %d", len(want), key.Size())
		}
		equal(t, "Sum behind a prefix", key.Sum([]byte("prefix"), []byte("message")), append([]byte("prefix"), want...))
	})
	t.Run("Verify", func(t *testing.T) {
		key := newKey(t, []byte("a secret"))
		msg := []byte("message")
		mac := key.Sum(nil, msg)
		if !key.Verify(msg, mac) {
			t.Error("Verify refuses its own MAC")
		}
		for bit := range len(mac) * 8 {
			wrong := bytes.Clone(mac)
			wrong[bit/8] ^= 1 << (bit % 8)
			if key.Verify(msg, wrong) {
				t.Errorf("Verify accepts a MAC with bit %d flipped", bit)
			}
		}
		for _, wrong := range [][]byte{nil, {}, mac[:len(mac)-1], mac[:1], append(bytes.Clone(mac), 0)} {
			if key.Verify(msg, wrong) {
				t.Errorf("Verify accepts a MAC of %d bytes", len(wrong))
			}
		}
		if key.Verify(nil, mac) || key.Verify([]byte("messagf"), mac) {
			t.Error("Verify accepts the MAC of another message")
		}
	})
	t.Run("VerifyErr", func(t *testing.T) {
		key := newKey(t, []byte("a secret"))
		msg := []byte("message")
		mac := key.Sum(nil, msg)
		check(t, key.VerifyErr(msg, mac))
		for _, wrong := range [][]byte{nil, {}, mac[1:], append(bytes.Clone(mac), 0), bytes.Repeat([]byte{1}, len(mac))} {
			if err := key.VerifyErr(msg, wrong); !errors.Is(err, algo.ErrMismatch) || errors.Is(err, algo.ErrBackendUnavailable) {
				t.Errorf("VerifyErr of a wrong MAC of %d bytes = %v, want ErrMismatch", len(wrong), err)
			}
		}
	})
	t.Run("NewHash", func(t *testing.T) { testDigest(t, algorithm, newKey(t, []byte("a secret"))) })
	t.Run("Batches", func(t *testing.T) { testBatches(t, newKey) })
	t.Run("Destroy", func(t *testing.T) { testDestroy(t, newKey) })
	t.Run("Concurrent", func(t *testing.T) {
		key := newKey(t, []byte("a secret"))
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				msg := message(i * 5)
				mac := key.NewMAC()
				mac.Write(msg)
				want := mac.Sum(nil)
				for range 20 {
					equal(t, "Sum beside others", key.Sum(nil, msg), want)
					if !key.Verify(msg, want) {
						t.Error("Verify beside others refuses a right MAC")
					}
				}
			})
		}
		wg.Wait()
	})
}

// digests has the digest of "abc" under each MAC: FIPS 180-2, GB/T 32905-2016.
var digests = map[string]string{
	algo.HMACSHA1:   "a9993e364706816aba3e25717850c26c9cd0d89d",
	algo.HMACSHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	algo.HMACSM3:    "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
}

// testDigest wants the bare digest of the key's backend, and of NewHash.
func testDigest(t *testing.T, algorithm string, key *algo.Key) {
	h := key.NewHash()
	h.Write([]byte("abc"))
	equal(t, "digest", h.Sum(nil), unhex(t, digests[algorithm]))
	if algorithm == algo.HMACSM3 {
		for _, v := range Vectors(t, "sm3") {
			h.Reset()
			h.Write(v.Message)
			equal(t, v.Source, h.Sum(nil), v.Sum)
		}
	}
	TestHash(t, key.NewHash)
	other, err := algo.NewHash(algorithm, algo.WithBackend(key.Backend().Backend))
	check(t, err)
	other.Write([]byte("abc"))
	equal(t, "digest of NewHash", other.Sum(nil), unhex(t, digests[algorithm]))
}

// testBatches holds SumMany and SumEach, of a backend that is an algo.Batcher or is
// not, to the single MACs in a row.
func testBatches(t *testing.T, newKey func(*testing.T, []byte) *algo.Key) {
	data := message(5000)
	shared := [3]*algo.Key{newKey(t, []byte("first")), newKey(t, data[:64]), newKey(t, data[:150])}
	lengths := []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 300, 1000, 4097}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 100} {
		for turn := range 3 {
			keys, msgs := make([]*algo.Key, n), make([][]byte, n)
			each, many := []byte("prefix"), []byte("prefix")
			for i := range n {
				length := lengths[(i*(turn+1)+n)%len(lengths)]
				keys[i], msgs[i] = shared[(i+turn)%3], data[i:i+length]
				each, many = keys[i].Sum(each, msgs[i]), shared[turn].Sum(many, msgs[i])
			}
			equal(t, fmt.Sprintf("SumEach of %d messages", n), algo.SumEach([]byte("prefix"), keys, msgs), each)
			equal(t, fmt.Sprintf("SumMany of %d messages", n), shared[turn].SumMany([]byte("prefix"), msgs), many)
		}
	}
	input := bytes.Clone(data[:200])
	shared[0].SumMany(nil, [][]byte{input, input[:100], input[50:], input[1:]})
	equal(t, "the input after SumMany", input, data[:200])
}

// testDestroy wants a destroyed key refused, and others of the same secret, made
// before and after, to go on.
func testDestroy(t *testing.T, newKey func(*testing.T, []byte) *algo.Key) {
	for _, secret := range [][]byte{[]byte("a secret"), message(64), message(150)} {
		key, other := newKey(t, secret), newKey(t, secret)
		msg := message(100)
		want := key.Sum(nil, msg)
		stream, others := key.NewMAC(), other.NewMAC()
		stream.Write(msg[:70])
		others.Write(msg[:70])
		key.Destroy()
		key.Destroy()
		for what, f := range map[string]func(){
			"Sum":            func() { key.Sum(nil, msg) },
			"Verify":         func() { key.Verify(msg, want) },
			"NewMAC":         func() { key.NewMAC() },
			"a stream's Sum": func() { stream.Sum(nil) },
		} {
			if !panics(f) {
				t.Errorf("%s goes on after Destroy", what)
			}
		}
		others.Write(msg[70:])
		equal(t, "a stream of another key of the secret", others.Sum(nil), want)
		equal(t, "another key of the secret", other.Sum(nil, msg), want)
		equal(t, "a new key of the secret", newKey(t, secret).Sum(nil, msg), want)
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func testVector(t *testing.T, key *algo.Key, v Vector) {
	t.Helper()
	equal(t, v.Source+", one call", key.Sum(nil, v.Message), v.Sum)
	if !key.Verify(v.Message, v.Sum) {
		t.Errorf("%s: Verify refuses it", v.Source)
	}
	mac := key.NewMAC()
	for i := range v.Message {
		mac.Write(v.Message[i : i+1])
	}
	equal(t, v.Source+", byte by byte", mac.Sum(nil), v.Sum)
}

// wycheproofFiles are data of github.com/C2SP/wycheproof, testvectors_v1.
var wycheproofFiles = map[string]string{
	algo.HMACSHA1:   "hmac_sha1_test.json",
	algo.HMACSHA256: "hmac_sha256_test.json",
	algo.HMACSM3:    "hmac_sm3_test.json",
}

func testWycheproof(t *testing.T, algorithm string, newKey func(*testing.T, []byte) *algo.Key) {
	for _, c := range Wycheproof(t, algorithm) {
		key := newKey(t, c.Key)
		sum := key.Sum(nil, c.Message)
		// Some groups hold shortened tags, which Verify refuses by design.
		whole := len(c.Tag) == key.Size()
		if right := bytes.Equal(sum[:len(c.Tag)], c.Tag); right != c.Valid || key.Verify(c.Message, c.Tag) != (c.Valid && whole) {
			t.Errorf("%s: valid %t, tag is %x", c.Name, c.Valid, sum)
		}
	}
}

// A Tag is a test of Project Wycheproof: a tag of a message, perhaps shortened, and
// whether it is right.
type Tag struct {
	Name              string
	Key, Message, Tag []byte
	Valid             bool
}

// Wycheproof returns Project Wycheproof's tests of an algorithm. It skips the test
// where they are not to be found.
func Wycheproof(t *testing.T, algorithm string) (list []Tag) {
	name := wycheproofFiles[algorithm]
	data, err := os.ReadFile(filepath.Join(os.Getenv("WYCHEPROOF"), name))
	for dir := ".."; err != nil && len(dir) < 20; dir += "/.." {
		data, err = os.ReadFile(filepath.Join(dir, "shared/vectors/wycheproof", name))
	}
	if err != nil {
		t.Skip("needs Project Wycheproof: set WYCHEPROOF to its folder testvectors_v1")
	}
	var file struct {
		TestGroups []struct {
			TagSize int
			Tests   []struct {
				TcID                           int
				Comment, Key, Msg, Tag, Result string
			}
		}
	}
	check(t, json.Unmarshal(data, &file))
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			tag := unhex(t, c.Tag)
			if len(tag) != g.TagSize/8 {
				t.Fatalf("test %d of %s has a tag of %d bytes, its group of %d", c.TcID, name, len(tag), g.TagSize/8)
			}
			list = append(list, Tag{fmt.Sprintf("test %d (%s)", c.TcID, c.Comment), unhex(t, c.Key), unhex(t, c.Msg), tag, c.Result == "valid"})
		}
	}
	if len(list) < 100 {
		t.Errorf("only %d tests in %s", len(list), name)
	}
	return list
}

// FuzzWrites compares an implementation with a reference over any program of
// writes, sums, clones and resets: each byte of program is a step.
func FuzzWrites(f *testing.F, newHash, reference func() hash.Hash) {
	f.Add([]byte("abc"), []byte{1, 64, 200, 255, 3, 254, 66})
	f.Add(message(1000), []byte{130, 255, 130, 253, 130, 64, 1})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, program []byte) {
		if len(program) > 64 {
			program = program[:64]
		}
		got, want := newHash(), reference()
		for _, step := range program {
			switch step {
			case 255: // go on with a clone and spoil the original
				c, err := got.(hash.Cloner).Clone()
				check(t, err)
				got.Write(data)
				got = c
			case 254:
				got.Reset()
				want.Reset()
			case 253:
				equal(t, "sum", got.Sum(nil), want.Sum(nil))
			default: // a piece of the data, again and again
				piece := bytes.Repeat(data, 1+int(step)/64)
				piece = piece[:min(len(piece), int(step)*7)]
				got.Write(piece)
				want.Write(piece)
			}
		}
		equal(t, "sum at the end", got.Sum(nil), want.Sum(nil))
	})
}

// FuzzMAC compares two backends of an algorithm over any key and message, in
// one call and streamed in two pieces.
func FuzzMAC(f *testing.F, algorithm, backend, reference string) {
	f.Add([]byte("k"), []byte{}, 0)
	f.Add(message(64), message(55), 1)
	f.Add(message(65), message(1000), 300)
	f.Fuzz(func(t *testing.T, secret, msg []byte, split int) {
		if len(secret) == 0 {
			return
		}
		key, err := algo.NewKey(algorithm, secret, algo.WithBackend(backend))
		check(t, err)
		other, err := algo.NewKey(algorithm, secret, algo.WithBackend(reference))
		check(t, err)
		want := other.Sum(nil, msg)
		equal(t, "one call", key.Sum(nil, msg), want)
		if split < 0 || split > len(msg) {
			split = len(msg) / 2
		}
		mac := key.NewMAC()
		mac.Write(msg[:split])
		mac.Write(msg[split:])
		equal(t, "streamed", mac.Sum(nil), want)
	})
}

func message(n int) []byte {
	m := make([]byte, n)
	for i := range m {
		m[i] = byte(i*7 + i>>8)
	}
	return m
}

func equal(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(strings.TrimSpace(err.Error()))
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	check(t, err)
	return b
}
