//go:build !(tencentsm && cgo)

package sm3cgo

import (
	"fmt"
	"hash"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

const available = false

// New returns an SM3 digest. Where libTencentSM is linked it runs there and
// panics with an [algo.Failure] if the library cannot be used, which
// algo.NewHash reports as an error; elsewhere it is sm3pure's. It implements
// [hash.Cloner].
func New() hash.Hash { return sm3pure.New() }

// Init initialises the Pro edition of libTencentSM, once per process and before
// the first key; a second call is harmless. With the Lite edition it does
// nothing. The error wraps [algo.ErrBackendUnavailable] where the library
// refuses the license or is not linked.
func Init(License) error {
	return fmt.Errorf("sm3cgo: %w: libTencentSM is not linked: build with cgo and the tag tencentsm", algo.ErrBackendUnavailable)
}

// Linked tells which libTencentSM this program has.
func Linked() Library { return Library{} }
