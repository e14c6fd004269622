//go:build tencentsm && cgo

package sm3cgo

import (
	"syscall"
	"testing"
)

// forbidden is so many bytes that nobody can read: addresses without memory.
func forbidden(t *testing.T, n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		t.Skipf("needs %d bytes of address space: %v", n, err)
	}
	t.Cleanup(func() { syscall.Munmap(b) })
	return b
}
