package main

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const size = 150 // bytes of a message, as a string to sign has

var secret = []byte("a secret of thirty-two characters")[:32]

func key(algorithm string, opts ...algo.Option) *algo.Key {
	k, err := algo.NewKey(algorithm, secret, opts...)
	check(err)
	return k
}

// digest returns hmacsign's SM3 by itself.
func digest(opts ...algo.Option) func() hash.Hash {
	return func() hash.Hash {
		h, err := algo.NewHash(algo.HMACSM3, opts...)
		check(err)
		return h
	}
}

// repeat is a subject that calls f.
func repeat(name string, f func() []byte) subject {
	return subject{name, func(n int) (last []byte) {
		for range n {
			last = f()
		}
		return last
	}, 1}
}

// perMAC is what a program does that keeps nothing.
func perMAC(name string, newHash func() hash.Hash) subject {
	msg := make([]byte, size)
	return repeat("`hmac.New("+name+")` per MAC", func() []byte {
		m := hmac.New(newHash, secret)
		m.Write(msg)
		return m.Sum(nil)
	})
}

// kept is what a careful program does: one hmac.Hash, Reset before each message.
func kept(name string, newHash func() hash.Hash) subject {
	m, msg, dst := hmac.New(newHash, secret), make([]byte, size), make([]byte, 0, 64)
	return repeat("kept `hmac.Hash` of "+name, func() []byte {
		m.Reset()
		m.Write(msg)
		return m.Sum(dst)
	})
}

func keySum(k *algo.Key) subject {
	msg, dst := make([]byte, size), make([]byte, 0, 32)
	return repeat("`Key.Sum`, "+k.Backend().Backend, func() []byte { return k.Sum(dst, msg) })
}

// summer is a key of package algo or of package sm3.
type summer interface {
	SumMany(dst []byte, msgs [][]byte) []byte
}

// batch computes n MACs of messages of a size at once.
func batch(n, size int, k summer) subject {
	dst, msgs := make([]byte, 0, n*32), make([][]byte, n)
	for i := range msgs {
		msgs[i] = make([]byte, size)
	}
	s := repeat(fmt.Sprintf("`Key.SumMany` of %d", n), func() []byte { return k.SumMany(dst, msgs)[:32] })
	s.pieces = n
	return s
}

func stream(name string, newHash func() hash.Hash, size int) subject {
	h, msg, dst := newHash(), make([]byte, size), make([]byte, 0, 64)
	return repeat(name, func() []byte {
		h.Reset()
		h.Write(msg)
		return h.Sum(dst)
	})
}

var now = time.Unix(1615451398, 0).UTC()

// signing is a GET in a scheme: what signs it, what verifies it, and what the MAC and
// the digests in it take alone.
type signing struct {
	bare, sign, verify       subject
	signAllocs, verifyAllocs float64
}

func inScheme(scheme hmacsign.Scheme, algorithm string) (r signing) {
	clock := hmacsign.WithClock(func() time.Time { return now })
	cred := hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret(string(secret))}
	s, err := hmacsign.NewSigner(scheme, algorithm, cred, clock)
	check(err)
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: cred.KeyID, Secret: cred.Secret})
	check(err)
	v, err := hmacsign.NewVerifier(keys, clock)
	check(err)
	req := get()
	text, err := s.StringToSign(req)
	check(err)
	k, msg, dst := key(algorithm), []byte(text), make([]byte, 0, 32)
	r.bare = repeat("`Key.Sum`", func() []byte { return k.Sum(dst, msg) })
	if canonical := canonicalRequest(s, v); canonical != nil {
		r.bare = repeat("`Key.Sum` and two digests", func() []byte { k.Digest(dst, canonical); k.Digest(dst, nil); return k.Sum(dst, msg) })
	}
	sign, verify := func() { check(s.Sign(req)) }, func() { _, err := v.Verify(req); check(err) }
	sign()
	r.sign, r.verify = done("Sign", sign), done("Verify", verify)
	r.signAllocs, r.verifyAllocs = testing.AllocsPerRun(1000, sign), testing.AllocsPerRun(1000, verify)
	return r
}

// done is a subject of which nothing comes out.
func done(name string, f func()) subject {
	return repeat(name, func() []byte { f(); return nil })
}

// canonicalRequest is what the string to sign has a digest of, nil where it has none:
// it is told where a signature does not match.
func canonicalRequest(s *hmacsign.Signer, v *hmacsign.Verifier) []byte {
	req := get()
	check(s.Sign(req))
	req.Host = "another.example.com"
	var refused *hmacsign.VerifyError
	if _, err := v.Verify(req); errors.As(err, &refused) && refused.CanonicalRequest != "" {
		return []byte(refused.CanonicalRequest)
	}
	return nil
}

func get() *http.Request {
	req, err := http.NewRequest("GET", "http://service.example.com/release/v1/users?page=2&size=20", nil)
	check(err)
	return req
}

// signers sign the same GET, each in its vendor's format.
func signers() []subject {
	clock := hmacsign.WithClock(func() time.Time { return now })
	var list []subject
	for _, scheme := range hmacsign.Schemes() {
		for _, algorithm := range []string{algo.HMACSHA256, algo.HMACSM3} {
			s, err := hmacsign.NewSigner(scheme, algorithm, hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret(string(secret))}, clock)
			check(err)
			req := get()
			list = append(list, done("hmacsign "+scheme.Name()+" "+strings.TrimPrefix(algorithm, "hmac-"), func() { check(s.Sign(req)) }))
		}
	}
	sdk := request.NewHttpRequestBuilder().WithEndpoint("http://service.example.com").WithPath("/release/v1/users").WithMethod("GET").
		AddHeaderParam("X-Sdk-Date", now.Format(signer.BasicDateFormat)).Build()
	list = append(list,
		done("huaweicloud-sdk-go-v3 sha256", func() { _, err := signer.Sign(sdk, "key", string(secret)); check(err) }),
		done("huaweicloud-sdk-go-v3 sm3", func() { _, err := signer.SM3Signer{}.Sign(sdk, "key", string(secret)); check(err) }))
	aws4, req := awsv4.NewSigner(), get()
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	return append(list, done("aws-sdk-go-v2 v4 sha256", func() {
		check(aws4.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "key", SecretAccessKey: string(secret)}, req, empty, "service", "region", now))
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
