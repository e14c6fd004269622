package sm3

import "math/bits"

// tj is T of section 4.2 for each round j, rotated by j as SS1 needs it. The rounds
// themselves are in portable_unrolled.go.
var tj = func() (t [64]uint32) {
	for j := range t {
		t[j] = bits.RotateLeft32(0x79cc4519, j)
		if j >= 16 {
			t[j] = bits.RotateLeft32(0x7a879d8a, j)
		}
	}
	return t
}()
