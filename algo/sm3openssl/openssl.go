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
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return newKeyed(secret), nil }})
}

func probe() (version, detail string, err error) {
	version = C.GoString(C.OpenSSL_version(C.OPENSSL_VERSION))
	ctx := C.EVP_MD_CTX_new()
	defer C.EVP_MD_CTX_free(ctx)
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

// Destroy clears the secret.
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
type digest struct{ ctx, scratch *C.EVP_MD_CTX }

var _ hash.Cloner = (*digest)(nil)

func newDigest() hash.Hash {
	d := allocate()
	d.Reset()
	return d
}

func allocate() *digest {
	d := &digest{C.EVP_MD_CTX_new(), C.EVP_MD_CTX_new()}
	if d.ctx == nil || d.scratch == nil {
		failed("EVP_MD_CTX_new")
	}
	runtime.AddCleanup(d, func(c digest) {
		C.EVP_MD_CTX_free(c.ctx)
		C.EVP_MD_CTX_free(c.scratch)
	}, *d)
	return d
}

func (d *digest) Size() int      { return size }
func (d *digest) BlockSize() int { return blockSize }

func (d *digest) Reset() {
	if C.EVP_DigestInit_ex(d.ctx, C.EVP_sm3(), nil) != 1 {
		failed("EVP_DigestInit_ex")
	}
	runtime.KeepAlive(d)
}

func (d *digest) Write(p []byte) (int, error) {
	if C.EVP_DigestUpdate(d.ctx, unsafe.Pointer(unsafe.SliceData(p)), C.size_t(len(p))) != 1 {
		failed("EVP_DigestUpdate")
	}
	runtime.KeepAlive(d)
	return len(p), nil
}

func (d *digest) Sum(b []byte) []byte {
	var sum [size]byte
	if C.final(d.scratch, d.ctx, (*C.uchar)(unsafe.Pointer(&sum[0]))) != 1 {
		failed("EVP_DigestFinal_ex")
	}
	runtime.KeepAlive(d)
	return append(b, sum[:]...)
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := allocate()
	if C.EVP_MD_CTX_copy_ex(c.ctx, d.ctx) != 1 {
		failed("EVP_MD_CTX_copy_ex")
	}
	runtime.KeepAlive(d)
	return c, nil
}
