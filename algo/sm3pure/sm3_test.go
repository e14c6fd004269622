package sm3pure_test

import (
	"crypto/hmac"
	"encoding/hex"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/algo/algotest"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

func TestHash(t *testing.T) { algotest.TestSM3(t, sm3pure.New) }

func FuzzWrites(f *testing.F) { algotest.FuzzWrites(f, sm3pure.New, newBuffered) }

// buffered keeps the whole message and hashes it in one call of the library,
// which is right as long as Sum's argument is empty.
type buffered struct{ msg []byte }

func newBuffered() hash.Hash                    { return new(buffered) }
func (b *buffered) Write(p []byte) (int, error) { b.msg = append(b.msg, p...); return len(p), nil }
func (b *buffered) Sum(in []byte) []byte        { return append(in, sm3.Sm3Sum(b.msg)...) }
func (b *buffered) Reset()                      { b.msg = nil }
func (b *buffered) Size() int                   { return 32 }
func (b *buffered) BlockSize() int              { return 64 }

// The library's Sum hashes its argument and returns the digest alone (its issue
// 185). If that is ever mended, digest.Sum in sm3.go has to change with it.
func TestLibraryStillSumsItsArgument(t *testing.T) {
	h := sm3.New()
	h.Write([]byte("a"))
	require.Equal(t, sm3.Sm3Sum([]byte("abc")), h.Sum([]byte("bc")))
}

// crypto/hmac relies on Sum appending; GM/T 0042-2015 D.3 example 4.
func TestUnderCryptoHMAC(t *testing.T) {
	m := hmac.New(sm3pure.New, []byte("Jefe"))
	m.Write([]byte("what do ya want for nothing?"))
	require.Equal(t, "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882", hex.EncodeToString(m.Sum(nil)))
}

// Small writes are gathered: none of them allocates until a block is full.
func TestSmallWritesDoNotAllocate(t *testing.T) {
	h := sm3pure.New()
	piece := make([]byte, 10)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h.Reset()
		for range 6 {
			h.Write(piece)
		}
	}))
}
