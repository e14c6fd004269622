//go:build tencentsm && cgo

package sm3cgo

/*
#cgo CFLAGS: -I${SRCDIR}/../../third_party/tencentsm/include
#cgo linux,amd64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_amd64
#cgo linux,arm64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_arm64
#cgo linux,loong64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_loong64
#cgo darwin,amd64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/darwin_amd64
#cgo darwin,arm64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/darwin_arm64
#cgo LDFLAGS: -lTencentSM
#cgo linux LDFLAGS: -ldl
#cgo noescape SM3_HMAC
#cgo nocallback SM3_HMAC
#cgo noescape SM3Init
#cgo nocallback SM3Init
#cgo noescape SM3Update
#cgo nocallback SM3Update
#cgo noescape SM3Final
#cgo nocallback SM3Final

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include "tencentsm_min.h"

typedef int (*init_token)(const char *, const char *);
typedef int (*init_cert)(const char *, const char *, const char *);

// The weak symbols are bound when the program is linked; dlsym finds them too
// where a program that was linked with Lite is loaded with Pro.
static init_token find_init_token(void) {
  return initTencentSM ? initTencentSM : (init_token)dlsym(RTLD_DEFAULT, "initTencentSM");
}
static init_cert find_init_cert(void) {
  return initTencentSMWithCert ? initTencentSMWithCert : (init_cert)dlsym(RTLD_DEFAULT, "initTencentSMWithCert");
}
static int has_init(void) { return find_init_token() != 0; }
static int call_init_token(const char *appid, const char *token) {
  init_token f = find_init_token();
  return f ? f(appid, token) : -1;
}
static int call_init_cert(const char *appid, const char *bundleid, const char *cert) {
  init_cert f = find_init_cert();
  return f ? f(appid, bundleid, cert) : -1;
}

// The file that holds the library as the loader has it, or NULL if that is the
// program itself.
static const char *library_path(void) {
  Dl_info lib, self;
  if (!dladdr((void *)SM3_HMAC, &lib) || !dladdr((void *)has_init, &self)) return "unknown";
  return lib.dli_fbase == self.dli_fbase ? 0 : lib.dli_fname;
}

// A MAC by the library's own streaming calls: 0, or which of them failed.
static int streamed_mac(const unsigned char *key, size_t key_len, const unsigned char *data, size_t len, unsigned char *mac) {
  TstHmacSm3Ctx *ctx = SM3_HMAC_Init(key, key_len);
  if (!ctx) return 1;
  int failed = SM3_HMAC_Update(ctx, data, len) ? 2 : 0;
  if (SM3_HMAC_Final(ctx, mac) && !failed) failed = 3;
  return failed;
}
*/
import "C"

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"unsafe"

	"github.com/gmhmac/hmacsign/algo"
)

const available = true

// SM3's sizes in bytes.
const (
	size      = 32
	blockSize = 64
)

func init() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: Linked().Backend, Preference: 30, Probe: library.probe,
		NewHash:  func() hash.Hash { return newDigest() },
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return newKeyed(secret), nil }})
}

// Linked tells which libTencentSM this program has.
var Linked = sync.OnceValue(func() Library {
	l := Library{Backend: "tencentsm", Edition: "Lite", Version: C.GoString(C.version()), Path: "statically linked"}
	if strings.HasPrefix(l.Version, "standin") {
		l.Backend = "tencentsm-standin"
	}
	if strings.Contains(l.Version, "Pro") || C.has_init() != 0 {
		l.Edition = "Pro"
	}
	if path := C.library_path(); path != nil {
		l.Path = C.GoString(path)
	}
	return l
})

func (l Library) pro() bool { return l.Edition == "Pro" }

// library is the state of the one library of this process.
var library state

type state struct {
	mu          sync.Mutex
	initialised bool // Pro only
	usable      bool // everything below was checked
}

// probe tells whether the library can be used; see algo.Backend. The checks run
// until they succeed, so a Pro edition can be initialised later.
func (s *state) probe() (version, detail string, err error) {
	l := Linked()
	detail = fmt.Sprintf("libTencentSM %s edition, %s", l.Edition, l.Path)
	if l.Backend != "tencentsm" {
		detail = "a stand-in for tests, not libTencentSM; as " + l.Edition + " edition, " + l.Path
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable {
		if err := s.check(l); err != nil {
			return l.Version, detail, err
		}
		s.usable = true
	}
	return l.Version, detail, nil
}

func (s *state) check(l Library) error {
	if n := C.SM3CtxSize(); n != C.sizeof_sm3_ctx_t {
		return fmt.Errorf("the library's sm3_ctx_t has %d bytes, this program was built for %d: use a library of the version that the header is for", n, C.sizeof_sm3_ctx_t)
	}
	if l.pro() && !s.initialised {
		license, ok, err := licenseFromEnv()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the Pro edition is not initialised: call sm3cgo.Init, or set %s and %s, or %s and %s", EnvAppID, EnvToken, EnvAppID, EnvCertFile)
		}
		if err := s.init(license); err != nil {
			return err
		}
	}
	return checkStreams()
}

// checkStreams holds the library's streaming MAC against GM/T 0042-2015 D.3
// example 4. This package does not use it, but a library in which it fails is
// not one to trust.
func checkStreams() error {
	key, msg := []byte("Jefe"), []byte("what do ya want for nothing?")
	want := []byte("\x2e\x87\xf1\xd1\x68\x62\xe6\xd9\x64\xb5\x0a\x52\x00\xbf\x2b\x10\xb7\x64\xfa\xa9\x68\x0a\x29\x6a\x24\x05\xf2\x4b\xec\x39\xf8\x82")
	mac := make([]byte, size)
	switch C.streamed_mac(pointer(key), C.size_t(len(key)), pointer(msg), C.size_t(len(msg)), pointer(mac)) {
	case 0:
	case 1:
		return errors.New("SM3_HMAC_Init returned NULL")
	case 2:
		return errors.New("SM3_HMAC_Update reported an error")
	default:
		return errors.New("SM3_HMAC_Final reported an error")
	}
	if !bytes.Equal(mac, want) {
		return fmt.Errorf("%w: GM/T 0042-2015 D.3 example 4 (SM3_HMAC_Init, Update, Final): computed %x", algo.ErrSelfTest, mac)
	}
	return nil
}

// Init initialises the Pro edition of libTencentSM, once per process and before
// the first key; a second call is harmless. With the Lite edition it does
// nothing. The error wraps [algo.ErrBackendUnavailable] where the library
// refuses the license or is not linked.
func Init(license License) error {
	if !Linked().pro() {
		return nil
	}
	library.mu.Lock()
	defer library.mu.Unlock()
	if err := library.init(license); err != nil {
		return fmt.Errorf("sm3cgo: %w: %w", algo.ErrBackendUnavailable, err)
	}
	return nil
}

func (s *state) init(license License) error {
	if err := license.check(); err != nil {
		return err
	}
	if C.has_init() == 0 {
		return errors.New("the Pro edition's initTencentSM is not linked: link the shared library, or add -Wl,-u,initTencentSM to CGO_LDFLAGS")
	}
	appID := cString(license.AppID)
	var code C.int
	var call string
	if license.Token != "" {
		token := cString(license.Token)
		call, code = "initTencentSM", C.call_init_token(appID, token)
	} else {
		var bundle *C.char
		if license.BundleID != "" {
			bundle = cString(license.BundleID)
		}
		call, code = "initTencentSMWithCert", C.call_init_cert(appID, bundle, cString(string(license.Cert)))
	}
	if code != 0 {
		return fmt.Errorf("%s refused the license with code %d", call, int(code))
	}
	s.initialised = true
	return nil
}

// cString is s with a NUL behind it, in Go's memory: nothing of a license stays
// in C's.
func cString(s string) *C.char {
	b := append([]byte(s), 0)
	return (*C.char)(unsafe.Pointer(&b[0]))
}

// pointer is the address of b's first byte, and never NULL: the library takes
// that for an error even where the length is 0.
func pointer(b []byte) *C.uchar {
	if len(b) == 0 {
		return (*C.uchar)(unsafe.Pointer(&nothing))
	}
	return (*C.uchar)(unsafe.Pointer(&b[0]))
}

var nothing byte

func failed(format string, args ...any) {
	panic(&algo.Failure{Backend: Linked().Backend, Err: fmt.Errorf(format, args...)})
}

// keyed is a MAC under a secret. The library keeps no state between calls.
// The secret is behind a function, where no printer finds it.
type keyed struct{ secret func() []byte }

func newKeyed(secret []byte) *keyed {
	own := bytes.Clone(secret)
	return &keyed{func() []byte { return own }}
}

func (k *keyed) NewMAC() hash.Hash {
	return hmac.New(func() hash.Hash { return newDigest() }, k.secret())
}

// Sum is one crossing into C.
func (k *keyed) Sum(dst, msg []byte) []byte {
	if uint64(len(msg)) > maxLength {
		failed("a message of %d bytes: %w", len(msg), errTooLong)
	}
	var mac [size]byte
	secret := k.secret()
	if code := C.SM3_HMAC(pointer(msg), C.size_t(len(msg)), pointer(secret), C.size_t(len(secret)), (*C.uchar)(unsafe.Pointer(&mac[0]))); code != 0 {
		failed("SM3_HMAC returned %d", int(code))
	}
	return append(dst, mac[:]...)
}

// New returns an SM3 digest. Where libTencentSM is linked it runs there and
// panics with an [algo.Failure] if the library cannot be used, which
// algo.NewHash reports as an error; elsewhere it is sm3pure's. It implements
// [hash.Cloner].
func New() hash.Hash {
	if _, _, err := library.probe(); err != nil {
		failed("%w", err)
	}
	return newDigest()
}

// maxLength keeps the library's 32-bit count of blocks from wrapping, which it
// would do at 2^31 blocks of 64 bytes, 128 GiB. Two blocks stay for the padding.
const maxLength = (1<<31 - 3) * blockSize

var errTooLong = errors.New("the library hashes at most 128 GiB")

// digest keeps the library's context as a plain value: it has no pointers, so a
// copy is a clone, and nothing must be freed. Small writes are gathered, as a
// call into C costs about as much as hashing a block.
type digest struct {
	ctx    C.sm3_ctx_t
	buf    [4 * blockSize]byte
	n      int    // bytes waiting in buf
	length uint64 // bytes written
}

var _ hash.Cloner = (*digest)(nil)

func newDigest() *digest {
	d := new(digest)
	d.Reset()
	return d
}

func (d *digest) Size() int      { return size }
func (d *digest) BlockSize() int { return blockSize }

func (d *digest) Reset() {
	d.n, d.length = 0, 0
	C.SM3Init(&d.ctx)
}

// Write returns an error for a stream of more than 128 GiB, and Sum panics with
// an algo.Failure then: there is no digest of it.
func (d *digest) Write(p []byte) (int, error) {
	if uint64(len(p)) > maxLength-min(d.length, maxLength) {
		d.length = maxLength + 1
		return 0, errTooLong
	}
	d.length += uint64(len(p))
	written := len(p)
	if d.n+len(p) <= len(d.buf) {
		d.n += copy(d.buf[d.n:], p)
		return written, nil
	}
	d.flush()
	if len(p) >= len(d.buf) {
		C.SM3Update(&d.ctx, pointer(p), C.size_t(len(p)))
	} else {
		d.n = copy(d.buf[:], p)
	}
	return written, nil
}

func (d *digest) flush() {
	if d.n > 0 {
		C.SM3Update(&d.ctx, pointer(d.buf[:d.n]), C.size_t(d.n))
		d.n = 0
	}
}

func (d *digest) Sum(b []byte) []byte {
	if d.length > maxLength {
		failed("%w", errTooLong)
	}
	c := *d
	c.flush()
	var sum [size]byte
	C.SM3Final(&c.ctx, (*C.uchar)(unsafe.Pointer(&sum[0])))
	return append(b, sum[:]...)
}

// Clone returns an independent copy; the error is always nil.
func (d *digest) Clone() (hash.Cloner, error) {
	c := *d
	return &c, nil
}
