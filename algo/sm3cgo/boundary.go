//go:build tencentsm && cgo

package sm3cgo

/*
#cgo CFLAGS: -fPIC -I${SRCDIR}/../../third_party/tencentsm/include
#cgo linux,amd64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_amd64
#cgo linux,arm64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_arm64
#cgo linux,loong64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/linux_loong64
#cgo darwin,amd64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/darwin_amd64
#cgo darwin,arm64 LDFLAGS: -L${SRCDIR}/../../third_party/tencentsm/lib/darwin_arm64
#cgo LDFLAGS: -lTencentSM
#cgo linux LDFLAGS: -ldl

// Without both, what these are given escapes to the heap.
#cgo noescape sm3cgo_init
#cgo nocallback sm3cgo_init
#cgo noescape sm3cgo_update
#cgo nocallback sm3cgo_update
#cgo noescape sm3cgo_final
#cgo nocallback sm3cgo_final
#cgo noescape sm3cgo_mac
#cgo nocallback sm3cgo_mac

#include "boundary.h"
*/
import "C"

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/gmhmac/hmacsign/algo"
)

// failed ends a computation that the library did not do: there is no result.
func failed(format string, args ...any) {
	panic(&algo.Failure{Backend: Linked().Backend, Err: fmt.Errorf(format, args...)})
}

// complaint says what was wrong with a call, "" if nothing was.
func complaint(function string, o C.sm3cgo_outcome) string {
	switch o.fault {
	case C.SM3CGO_DONE:
		return ""
	case C.SM3CGO_REFUSED:
		return fmt.Sprintf("%s returned %d", function, int(o.code))
	case C.SM3CGO_CONTEXT:
		return function + " left the context in a state that is not its work"
	case C.SM3CGO_UNWRITTEN:
		return function + " left its output unwritten"
	case C.SM3CGO_BEYOND:
		return function + " wrote more than its output"
	case C.SM3CGO_NO_MEMORY:
		return "no memory for " + function
	default:
		return function + " wrote nothing but zeros"
	}
}

func must(function string, o C.sm3cgo_outcome) {
	if o.fault != C.SM3CGO_DONE {
		failed("%s", complaint(function, o))
	}
}

// context is the library's, as a plain value: it has no pointers, so a copy is a
// clone, and nothing must be freed.
type context struct{ c C.sm3_ctx_t }

func (x *context) init() { must("SM3Init", C.sm3cgo_init(&x.c)) }

func (x *context) update(p []byte) {
	must("SM3Update", C.sm3cgo_update(&x.c, pointer(p), C.size_t(len(p))))
}

func (x *context) final(digest *[size]byte) {
	must("SM3Final", C.sm3cgo_final(&x.c, (*C.uchar)(unsafe.Pointer(digest))))
}

func oneShot(mac *[size]byte, secret, msg []byte) {
	must("SM3_HMAC", C.sm3cgo_mac(pointer(msg), C.size_t(len(msg)), pointer(secret), C.size_t(len(secret)), (*C.uchar)(unsafe.Pointer(mac))))
}

// moduleMAC is the library's own stream of a MAC. It can neither be copied nor
// go on after its end, and only its end frees it.
type moduleMAC struct {
	ctx     *C.TstHmacSm3Ctx
	cleanup runtime.Cleanup
}

func newModuleMAC(secret []byte) *moduleMAC {
	if moduleMACs.Load() > manyMACs {
		runtime.Gosched()
	}
	ctx := C.sm3cgo_mac_init(pointer(secret), C.size_t(len(secret)))
	if ctx == nil {
		failed("SM3_HMAC_Init returned NULL")
	}
	moduleMACs.Add(1)
	m := &moduleMAC{ctx: ctx}
	m.cleanup = runtime.AddCleanup(m, release, ctx)
	return m
}

func (m *moduleMAC) update(p []byte) {
	must("SM3_HMAC_Update", C.sm3cgo_mac_update(m.ctx, pointer(p), C.size_t(len(p))))
	runtime.KeepAlive(m)
}

// final ends the stream, and m must not be used again: a library that failed
// here may have freed the context or not.
func (m *moduleMAC) final(mac *[size]byte) {
	m.cleanup.Stop()
	moduleMACs.Add(-1)
	must("SM3_HMAC_Final", C.sm3cgo_mac_final(m.ctx, (*C.uchar)(unsafe.Pointer(mac))))
	runtime.KeepAlive(m)
}

// drop ends a stream whose MAC nobody wants.
func (m *moduleMAC) drop() {
	m.cleanup.Stop()
	release(m.ctx)
	runtime.KeepAlive(m)
}

func release(ctx *C.TstHmacSm3Ctx) {
	var mac [size]byte
	C.sm3cgo_mac_final(ctx, (*C.uchar)(unsafe.Pointer(&mac)))
	moduleMACs.Add(-1)
}

// moduleMACs counts the contexts that are not freed. One goroutine runs the
// cleanups of abandoned streams; where there are more than manyMACs, whoever makes
// another lets it run first, so that they do not pile up behind busy goroutines.
var moduleMACs atomic.Int64

const manyMACs = 1024

// origin is a function of the library and where the loader took it from.
type origin struct {
	name    string
	address uintptr
	base    uintptr
	file    string
}

// resolve looks the library's functions up, those that it has, and tells where
// the program itself begins.
func resolve() (functions []origin, program uintptr) {
	var poison [size]byte
	rand.Read(poison[:])
	program = uintptr(C.sm3cgo_resolve((*C.uchar)(unsafe.Pointer(&poison))))
	for _, f := range C.sm3cgo_functions {
		if f.address == nil {
			continue
		}
		o := origin{name: C.GoString(f.name), address: uintptr(f.address), base: uintptr(f.base)}
		if f.file != nil {
			o.file = C.GoString(f.file)
		}
		functions = append(functions, o)
	}
	return functions, program
}

// rawVersion is what version() tells, at most 128 bytes of it; ok is false for
// NULL.
func rawVersion() (text string, ok bool) {
	var room [128]byte
	n := C.sm3cgo_version((*C.char)(unsafe.Pointer(&room)), C.int(len(room)))
	if n < 0 {
		return "", false
	}
	return string(room[:n]), true
}

func checkContextSize() error {
	if n := C.sm3cgo_ctx_size(); n != C.sizeof_sm3_ctx_t {
		return fmt.Errorf("the library's sm3_ctx_t has %d bytes, this program was built for %d: use a library of the version that the header is for", n, C.sizeof_sm3_ctx_t)
	}
	return nil
}

// begin settles how the edition's contexts are treated; the library must be
// initialised.
func begin(pro bool) error {
	var flag C.int
	if pro {
		flag = 1
	}
	if why := complaint("SM3Init or SM3Update", C.sm3cgo_begin(flag)); why != "" {
		return errors.New(why)
	}
	return nil
}

// callToken and callCert hand a license to the library, which must have the
// function.
func callToken(l License) int {
	return int(C.sm3cgo_license_token(cString(l.AppID), cString(l.Token)))
}

func callCert(l License) int {
	var bundle *C.char
	if l.BundleID != "" {
		bundle = cString(l.BundleID)
	}
	return int(C.sm3cgo_license_cert(cString(l.AppID), bundle, cString(string(l.Cert))))
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
