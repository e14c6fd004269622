package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func zmm() VecVirtual { return ZMM() }
func ymm() VecVirtual { return YMM() }

// unpack interleaves the words (or double words) of x and y.
func unpack(x, y VecVirtual, double bool, lo, hi VecVirtual) {
	if double {
		VPUNPCKLQDQ(y, x, lo)
		VPUNPCKHQDQ(y, x, hi)
	} else {
		VPUNPCKLDQ(y, x, lo)
		VPUNPCKHDQ(y, x, hi)
	}
}

// quads transposes four rows within each group of four words.
func quads(r []VecVirtual, spare func() VecVirtual) []VecVirtual {
	var t, u [4]VecVirtual
	for i := range t {
		t[i], u[i] = spare(), spare()
	}
	unpack(r[0], r[1], false, t[0], t[1])
	unpack(r[2], r[3], false, t[2], t[3])
	unpack(t[0], t[2], true, u[0], u[1])
	unpack(t[1], t[3], true, u[2], u[3])
	return u[:]
}

// transpose16 may end where it began.
func transpose16(r, w [16]VecVirtual) {
	var q [16]VecVirtual
	for g := range 4 {
		copy(q[4*g:], quads(r[4*g:4*g+4], zmm))
	}
	// q[4g+c] holds, in quarter k, word 4k+c of lanes 4g to 4g+3.
	for c := range 4 {
		a, b, d, e := ZMM(), ZMM(), ZMM(), ZMM()
		VSHUFI32X4(U8(0x88), q[4+c], q[c], a)    // quarters 0, 2 of lanes 0-7
		VSHUFI32X4(U8(0xdd), q[4+c], q[c], b)    // quarters 1, 3
		VSHUFI32X4(U8(0x88), q[12+c], q[8+c], d) // of lanes 8-15
		VSHUFI32X4(U8(0xdd), q[12+c], q[8+c], e)
		for k, pair := range [][2]VecVirtual{{a, d}, {b, e}} {
			VSHUFI32X4(U8(0x88), pair[1], pair[0], w[4*k+c])
			VSHUFI32X4(U8(0xdd), pair[1], pair[0], w[4*(k+2)+c])
		}
	}
}

func transpose8(r [8]VecVirtual) (w [8]VecVirtual) {
	lo, hi := quads(r[:4], ymm), quads(r[4:], ymm)
	for c := range 4 {
		w[c], w[4+c] = YMM(), YMM()
		VPERM2I128(U8(0x20), hi[c], lo[c], w[c])
		VPERM2I128(U8(0x31), hi[c], lo[c], w[4+c])
	}
	return w
}

// storeMACs stores the chaining values of n lanes, which stand in rows, as bytes.
func storeMACs(macs, rows Mem, n int) {
	mask := YMM()
	VBROADCASTI128(swapMask, mask)
	for group := 0; group < n; group += 8 {
		var r [8]VecVirtual
		for i := range r {
			r[i] = YMM()
			VMOVDQU(rows.Offset(row*i+4*group), r[i])
		}
		for lane, w := range transpose8(r) {
			VPSHUFB(mask, w, w)
			VMOVDQU(w, macs.Offset(32*(group+lane)))
		}
	}
}
