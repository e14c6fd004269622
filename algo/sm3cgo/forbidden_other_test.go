//go:build tencentsm && cgo && !linux

package sm3cgo

import "testing"

func forbidden(t *testing.T, n int) []byte {
	t.Skip("needs Linux, to reserve addresses without memory")
	return nil
}
