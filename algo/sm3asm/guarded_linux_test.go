//go:build !purego

package sm3asm

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// guarded returns memory behind a page that must not be touched, and memory before one.
func guarded(t *testing.T) (begin, end []byte) {
	page := syscall.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 5*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, at := range []int{0, 2, 4} {
		require.NoError(t, syscall.Mprotect(mem[at*page:(at+1)*page], syscall.PROT_NONE))
	}
	return mem[page : 2*page], mem[3*page : 4*page]
}
