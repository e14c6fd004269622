package bench

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	_ "github.com/gmhmac/hmacsign/algo/sm3cgo"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl"
	"github.com/gmhmac/hmacsign/hmacsign"
)

var sizes = []int{0, 64, 150, 1024, 8192, 65536}

// eachBackend runs f for every available backend of the algorithms.
func eachBackend(b *testing.B, algorithms []string, f func(b *testing.B, algorithm, backend string)) {
	for _, algorithm := range algorithms {
		for _, info := range algo.Backends(algorithm) {
			if info.Available {
				b.Run(algorithm+"/"+info.Backend, func(b *testing.B) { f(b, algorithm, info.Backend) })
			}
		}
	}
}

func newKey(b *testing.B, algorithm, backend string) *algo.Key {
	key, err := algo.NewKey(algorithm, make([]byte, 32), algo.WithBackend(backend))
	if err != nil {
		b.Fatal(err)
	}
	return key
}

// A message whole, under a key that exists.
func BenchmarkSum(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		key := newKey(b, algorithm, backend)
		for _, size := range sizes {
			b.Run(fmt.Sprint(size), func(b *testing.B) {
				msg, dst := make([]byte, size), make([]byte, 0, 32)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					key.Sum(dst, msg)
				}
			})
		}
	})
}

// Batches of messages of 150 bytes; a MAC is one operation.
func BenchmarkSumMany(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		key := newKey(b, algorithm, backend)
		for _, n := range []int{2, 4, 8, 16, 64} {
			b.Run(fmt.Sprint(n), func(b *testing.B) {
				msgs, dst := make([][]byte, n), make([]byte, 0, n*32)
				for i := range msgs {
					msgs[i] = make([]byte, 150)
				}
				b.SetBytes(150)
				b.ReportAllocs()
				for i := 0; i < b.N; i += n {
					key.SumMany(dst, msgs)
				}
			})
		}
	})
}

// A digest in one piece.
func BenchmarkHash(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		h, err := algo.NewHash(algorithm, algo.WithBackend(backend))
		if err != nil {
			b.Fatal(err)
		}
		for _, size := range sizes {
			b.Run(fmt.Sprint(size), func(b *testing.B) {
				msg, dst := make([]byte, size), make([]byte, 0, 32)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					h.Reset()
					h.Write(msg)
					h.Sum(dst)
				}
			})
		}
	})
}

// The same as BenchmarkSum on all processors.
func BenchmarkSumParallel(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		key, msg := newKey(b, algorithm, backend), make([]byte, 150)
		b.SetBytes(150)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			dst := make([]byte, 0, 32)
			for pb.Next() {
				key.Sum(dst, msg)
			}
		})
	})
}

// A new key for each message.
func BenchmarkNewKeyAndSum(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		msg, dst := make([]byte, 150), make([]byte, 0, 32)
		b.ReportAllocs()
		for b.Loop() {
			newKey(b, algorithm, backend).Sum(dst, msg)
		}
	})
}

// A message in pieces of 1 KiB.
func BenchmarkStream(b *testing.B) {
	eachBackend(b, algo.Algorithms(), func(b *testing.B, algorithm, backend string) {
		mac, piece, dst := newKey(b, algorithm, backend).NewMAC(), make([]byte, 1024), make([]byte, 0, 32)
		b.SetBytes(64 << 10)
		b.ReportAllocs()
		for b.Loop() {
			mac.Reset()
			for range 64 {
				mac.Write(piece)
			}
			mac.Sum(dst)
		}
	})
}

// A GET request, signed and verified, for every scheme.
func BenchmarkRequest(b *testing.B) {
	now := hmacsign.WithClock(func() time.Time { return time.Unix(1615451398, 0) })
	cred := hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret("a secret of thirty-two characters")}
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: cred.KeyID, Secret: cred.Secret})
	if err != nil {
		b.Fatal(err)
	}
	for _, scheme := range hmacsign.Schemes() {
		b.Run(scheme.Name(), func(b *testing.B) {
			eachBackend(b, scheme.Algorithms(), func(b *testing.B, algorithm, backend string) {
				signer, err := hmacsign.NewSigner(scheme, algorithm, cred, now, hmacsign.WithBackend(backend))
				if err != nil {
					b.Fatal(err)
				}
				verifier, err := hmacsign.NewVerifier(keys, now, hmacsign.WithBackend(backend))
				if err != nil {
					b.Fatal(err)
				}
				benchmarkRequest(b, signer, verifier)
			})
		})
	}
}

func benchmarkRequest(b *testing.B, signer *hmacsign.Signer, verifier *hmacsign.Verifier) {
	req, err := http.NewRequest("GET", "http://service.example.com/release/v1/users?page=2&size=20", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := signer.Sign(req); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := signer.Sign(req); err != nil {
		b.Fatal(err)
	}
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verifier.Verify(req); err != nil {
				b.Fatal(err)
			}
		}
	})
}
