//go:build openssl && cgo

package sm3openssl

/*
#cgo LDFLAGS: -lcrypto
#cgo noescape HMAC
#cgo nocallback HMAC
#cgo noescape EVP_DigestUpdate
#cgo nocallback EVP_DigestUpdate
#cgo noescape final
#cgo nocallback final
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

// The digest of what ctx has seen, by way of the copy scratch, in one call.
static int final(EVP_MD_CTX *scratch, const EVP_MD_CTX *ctx, unsigned char *digest) {
  return EVP_MD_CTX_copy_ex(scratch, ctx) && EVP_DigestFinal_ex(scratch, digest, NULL);
}

static void *address(void) { return (void *)HMAC; }
*/
import "C"

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"hash"
	"runtime"
	"unsafe"

	"github.com/gmhmac/hmacsign/algo"
)

const (
	available = true
	name      = "openssl"

	size      = 32
	blockSize = 64
)

func init() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: name, Probe: probe, NewHash: newDigest,
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return newKeyed(secret), nil },
		Module:   func() (algo.Module, error) { return algo.ModuleAt(uintptr(C.address()), "") }})
}

func probe() (version, detail string, err error) {
	version = C.GoString(C.OpenSSL_version(C.OPENSSL_VERSION))
	ctx := C.EVP_MD_CTX_new()
	defer C.EVP_MD_CTX_free(ctx)
	if ctx == nil {
		return version, "", errors.New("libcrypto has no memory for a context")
	}
	if C.EVP_DigestInit_ex(ctx, C.EVP_sm3(), nil) != 1 {
		return version, "", errors.New("this libcrypto has no SM3")
	}
	return version, "libcrypto", nil
}

// failed is for calls that fail only where memory runs out.
func failed(call string) {
	panic(&algo.Failure{Backend: name, Err: errors.New(call + " reported an error")})
}

func pointer(b []byte) *C.uchar { return (*C.uchar)(unsafe.Pointer(unsafe.SliceData(b))) }

// keyed has the secret behind a function, where no printer finds it.
type keyed struct{ secret func() []byte }

func newKeyed(secret []byte) *keyed {
	own := bytes.Clone(secret)
	return &keyed{func() []byte { return own }}
}

// Destroy clears the secret. Streams have copies of their own, in crypto/hmac and in
// libcrypto, which clears its contexts when they are freed.
func (k *keyed) Destroy() { clear(k.secret()) }

func (k *keyed) NewMAC() hash.Hash { return hmac.New(newDigest, k.secret()) }

// Sum is one crossing into C.
func (k *keyed) Sum(dst, msg []byte) []byte {
	var mac [size]byte
	secret := k.secret()
	if C.HMAC(C.EVP_sm3(), unsafe.Pointer(unsafe.SliceData(secret)), C.int(len(secret)), pointer(msg), C.size_t(len(msg)), (*C.uchar)(unsafe.Pointer(&mac[0])), nil) == nil {
		failed("HMAC")
	}
	return append(dst, mac[:]...)
}

// digest holds contexts of libcrypto's, freed when the digest is collected:
// unlike libTencentSM's they have pointers and cannot live in Go's memory.
type digest struct {
	contexts
	broken bool // a call failed: what the contexts hold is unknown until Reset
}

type contexts struct{ ctx, scratch *C.EVP_MD_CTX }

var _ hash.Cloner = (*digest)(nil)

func newDigest() hash.Hash {
	d := allocate()
	d.Reset()
	return d
}

func allocate() *digest {
	d := &digest{contexts: contexts{C.EVP_MD_CTX_new(), C.EVP_MD_CTX_new()}}
	runtime.AddCleanup(d, func(c contexts) {
		C.EVP_MD_CTX_free(c.ctx)
		C.EVP_MD_CTX_free(c.scratch)
	}, d.contexts)
	if d.ctx == nil || d.scratch == nil { // the other is freed all the same
		failed("EVP_MD_CTX_new")
	}
	return d
}

func (d *digest) Size() int      { return size }
func (d *digest) BlockSize() int { return blockSize }

func (d *digest) Reset() {
	if d.broken { // nothing of the failure may stay
		C.EVP_MD_CTX_reset(d.ctx)
		d.broken = false
	}
	d.must("EVP_DigestInit_ex", C.EVP_DigestInit_ex(d.ctx, C.EVP_sm3(), nil))
}

// must refuses what failed, and all after it until Reset.
func (d *digest) must(call string, code C.int) {
	runtime.KeepAlive(d)
	if d.broken = d.broken || code != 1; d.broken {
		failed(call)
	}
}

func (d *digest) Write(p []byte) (int, error) {
	d.must("EVP_DigestUpdate", C.EVP_DigestUpdate(d.ctx, unsafe.Pointer(unsafe.SliceData(p)), C.size_t(len(p))))
	return len(p), nil
}

func (d *digest) Sum(b []byte) []byte {
	var sum [size]byte
	d.must("EVP_DigestFinal_ex", C.final(d.scratch, d.ctx, (*C.uchar)(unsafe.Pointer(&sum[0]))))
	return append(b, sum[:]...)
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := allocate()
	d.must("EVP_MD_CTX_copy_ex", C.EVP_MD_CTX_copy_ex(c.ctx, d.ctx))
	runtime.KeepAlive(c)
	return c, nil
}
