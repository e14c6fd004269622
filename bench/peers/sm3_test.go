package peers

import (
	"crypto/hmac"
	"hash"
	"testing"

	emmansun "github.com/emmansun/gmsm/sm3"
	tjfoc "github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/algo"
)

// hashes are SM3 as each library has it.
var hashes = map[string]func() hash.Hash{"tjfoc": tjfoc.New, "emmansun": emmansun.New, "asm": func() hash.Hash {
	h, err := algo.NewHash(algo.HMACSM3)
	if err != nil {
		panic(err)
	}
	return h
}}

func BenchmarkSM3(b *testing.B) {
	for _, name := range []string{"tjfoc", "emmansun", "asm"} {
		b.Run(name, func(b *testing.B) {
			h, msg := hashes[name](), make([]byte, 8192)
			b.SetBytes(8192)
			for b.Loop() {
				h.Reset()
				h.Write(msg)
				h.Sum(nil)
			}
		})
	}
}

func BenchmarkMAC(b *testing.B) {
	secret, msg := make([]byte, 32), make([]byte, 150)
	for _, name := range []string{"tjfoc", "emmansun"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m := hmac.New(hashes[name], secret)
				m.Write(msg)
				m.Sum(nil)
			}
		})
	}
	b.Run("Key.Sum", func(b *testing.B) {
		key, err := algo.NewKey(algo.HMACSM3, secret)
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]byte, 0, 32)
		b.ReportAllocs()
		for b.Loop() {
			key.Sum(dst, msg)
		}
	})
}
