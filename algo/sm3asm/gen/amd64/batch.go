package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// lanes is a way to compress one block each of many messages: word i of every
// message shares one register.
//
// Sixteen lanes live wholly in registers, W in 16 and A to H in 8 of the 32 zmm.
// Eight lanes have 16 ymm, so W lives on the stack, and neither rotation nor a
// function of three words in one instruction.
type lanes struct {
	n     int // lanes
	wide  bool
	W     [16]VecVirtual // wide
	stack Mem            // narrow
	table Mem            // T of each round
	spare func() VecVirtual
}

// row is the distance in bytes of word i and word i+1 of all lanes in memory, the
// same for both kernels: eight lanes use half of it.
const row = 64

// batch writes a kernel of n lanes that takes its blocks by a pointer each or,
// words, as words that are in the lanes' order already.
func batch(name string, n int, table Mem, words bool) {
	l := &lanes{n: n, wide: n == 16, table: table}
	l.spare = func() VecVirtual {
		if l.wide {
			return ZMM()
		}
		return YMM()
	}
	from := "blocks *[16]*byte"
	if words {
		from = "blocks *[16][16]uint32"
	}
	TEXT(name, NOSPLIT, fmt.Sprintf("func(v *[8][16]uint32, %s, active uint32)", from))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s compresses a 64-byte block of each of %d messages into its chaining", name, n),
		"value v[..][lane], where bit lane of active is set.")
	v := Load(Param("v"), GP64())
	blocks := Load(Param("blocks"), GP64())
	if !l.wide {
		l.stack = AllocLocal(16 * 4 * n)
	}
	if words {
		l.loadWords(blocks)
	} else {
		l.load(blocks)
	}

	var x [8]VecVirtual
	for i := range x {
		x[i] = l.spare()
		l.move(Mem{Base: v, Disp: row * i}, x[i])
	}
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	for j := range 64 {
		Commentf("Round %d.", j)
		if j >= 12 {
			l.expand(j + 4)
		}
		r12, s, t := l.spare(), l.spare(), l.spare()
		l.rotate(A, 12, r12)
		VPADDD(E, r12, s)
		l.addT(j, s)
		l.rotate(s, 7, s) // SS1
		VPADDD(s, H, H)
		l.xor(s, r12) // SS2
		VPADDD(r12, D, D)
		l.addW(j, H)
		l.addWp(j, t, D)
		if j < 16 {
			l.xor3(A, B, C, t)
			VPADDD(t, D, D) // TT1
			l.xor3(E, F, G, s)
		} else {
			l.majority(A, B, C, t)
			VPADDD(t, D, D)
			l.choose(E, F, G, s)
		}
		VPADDD(s, H, H) // TT2
		l.rotate(B, 9, B)
		l.rotate(F, 19, F)
		l.rotate(H, 9, r12)
		l.rotate(H, 17, s)
		l.xorBoth(r12, s, H) // P0
		A, B, C, D, E, F, G, H = D, A, B, C, H, E, F, G
	}

	// All lanes are stored, the others as they were: a store under a mask is slow
	// on some processors, and what is loaded behind it waits.
	Comment("V(i+1) = ABCDEFGH ^ V(i), in the active lanes.")
	v = Load(Param("v"), GP64())
	active := Load(Param("active"), GP32())
	if l.wide {
		KMOVW(active, K1)
		for i := range x {
			m := Mem{Base: v, Disp: row * i}
			t := l.spare()
			VMOVDQU32(m, t)
			VPXORD(x[i], t, K1, t)
			VMOVDQU32(t, m)
		}
	} else {
		// A mask of eight words: bit i of active in the sign of word i.
		bitsOf, mask := GLOBL(name+"_lane_bits", RODATA|NOPTR), l.spare()
		for i := range n {
			DATA(4*i, U32(1<<i))
		}
		x0 := XMM()
		VMOVD(active, x0)
		VPBROADCASTD(x0, mask)
		VPAND(bitsOf, mask, mask)
		VPCMPEQD(bitsOf, mask, mask)
		for i := range x {
			m := Mem{Base: v, Disp: row * i}
			VPAND(mask, x[i], x[i])
			VPXOR(m, x[i], x[i])
			VMOVDQU(x[i], m)
		}
	}
	VZEROUPPER()
	RET()
}

func (l *lanes) move(from, to Op) {
	if l.wide {
		VMOVDQU32(from, to)
	} else {
		VMOVDQU(from, to)
	}
}

// slot is where W[j] lives on the stack of the narrow kernel.
func (l *lanes) slot(j int) Mem { return l.stack.Offset(j % 16 * 4 * l.n) }

// loadWords brings W[0] to W[15] into place from memory.
func (l *lanes) loadWords(words Register) {
	for i := range l.W {
		w := l.spare()
		l.move(Mem{Base: words, Disp: row * i}, w)
		if l.wide {
			l.W[i] = w
		} else {
			VMOVDQU(w, l.slot(i))
		}
	}
}

// load brings W[0] to W[15] of all lanes into place: a block of each lane, its
// words' bytes swapped, the whole transposed.
func (l *lanes) load(blocks Register) {
	if l.wide {
		mask := ZMM()
		VBROADCASTI32X4(swapMask, mask)
		var r [16]VecVirtual
		for i := range r {
			p := GP64()
			MOVQ(Mem{Base: blocks, Disp: 8 * i}, p)
			r[i] = ZMM()
			VMOVDQU32(Mem{Base: p}, r[i])
			VPSHUFB(mask, r[i], r[i])
		}
		r = transpose16(r)
		l.W = r
		return
	}
	mask := YMM()
	VBROADCASTI128(swapMask, mask)
	for half := range 2 {
		var r [8]VecVirtual
		for i := range r {
			p := GP64()
			MOVQ(Mem{Base: blocks, Disp: 8 * i}, p)
			r[i] = YMM()
			VMOVDQU(Mem{Base: p, Disp: 32 * half}, r[i])
			VPSHUFB(mask, r[i], r[i])
		}
		for i, w := range transpose8(r) {
			VMOVDQU(w, l.slot(8*half+i))
		}
	}
}

// keysToRows writes the kernel that brings the chaining values of n keys, of 16
// words each, into rows of one word of all lanes.
func keysToRows(name string, n int) {
	TEXT(name, NOSPLIT, "func(rows *[16][16]uint32, keys *[16]*[16]uint32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s stores word i of keys[lane] at rows[i][lane], for %d lanes.", name, n))
	rows, keys := Load(Param("rows"), GP64()), Load(Param("keys"), GP64())
	if n == 16 {
		var r [16]VecVirtual
		for i := range r {
			p := GP64()
			MOVQ(Mem{Base: keys, Disp: 8 * i}, p)
			r[i] = ZMM()
			VMOVDQU32(Mem{Base: p}, r[i])
		}
		for i, w := range transpose16(r) {
			VMOVDQU32(w, Mem{Base: rows, Disp: row * i})
		}
	} else {
		for half := range 2 {
			var r [8]VecVirtual
			for i := range r {
				p := GP64()
				MOVQ(Mem{Base: keys, Disp: 8 * i}, p)
				r[i] = YMM()
				VMOVDQU(Mem{Base: p, Disp: 32 * half}, r[i])
			}
			for i, w := range transpose8(r) {
				VMOVDQU(w, Mem{Base: rows, Disp: row * (8*half + i)})
			}
		}
	}
	VZEROUPPER()
	RET()
}

// rowsToMACs writes the kernel that goes back, to the bytes of n MACs.
func rowsToMACs(name string, n int) {
	TEXT(name, NOSPLIT, "func(macs *[16][32]byte, rows *[8][16]uint32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s stores the chaining value of each of %d lanes as bytes.", name, n))
	macs, rows := Load(Param("macs"), GP64()), Load(Param("rows"), GP64())
	mask := YMM()
	VBROADCASTI128(swapMask, mask)
	for group := 0; group < n; group += 8 {
		var r [8]VecVirtual
		for i := range r {
			r[i] = YMM()
			VMOVDQU(Mem{Base: rows, Disp: row*i + 4*group}, r[i])
		}
		for lane, w := range transpose8(r) {
			VPSHUFB(mask, w, w)
			VMOVDQU(w, Mem{Base: macs, Disp: 32 * (group + lane)})
		}
	}
	VZEROUPPER()
	RET()
}

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

func transpose16(r [16]VecVirtual) (w [16]VecVirtual) {
	var q [16]VecVirtual
	for g := range 4 {
		copy(q[4*g:], quads(r[4*g:4*g+4], func() VecVirtual { return ZMM() }))
	}
	// q[4g+c] holds, in quarter k, word 4k+c of lanes 4g to 4g+3.
	for c := range 4 {
		a, b, d, e := ZMM(), ZMM(), ZMM(), ZMM()
		VSHUFI32X4(U8(0x88), q[4+c], q[c], a)    // quarters 0, 2 of lanes 0-7
		VSHUFI32X4(U8(0xdd), q[4+c], q[c], b)    // quarters 1, 3
		VSHUFI32X4(U8(0x88), q[12+c], q[8+c], d) // of lanes 8-15
		VSHUFI32X4(U8(0xdd), q[12+c], q[8+c], e)
		for k, pair := range [][2]VecVirtual{{a, d}, {b, e}} {
			w[4*k+c], w[4*(k+2)+c] = ZMM(), ZMM()
			VSHUFI32X4(U8(0x88), pair[1], pair[0], w[4*k+c])
			VSHUFI32X4(U8(0xdd), pair[1], pair[0], w[4*(k+2)+c])
		}
	}
	return w
}

func transpose8(r [8]VecVirtual) (w [8]VecVirtual) {
	lo := quads(r[:4], func() VecVirtual { return YMM() })
	hi := quads(r[4:], func() VecVirtual { return YMM() })
	for c := range 4 {
		w[c], w[4+c] = YMM(), YMM()
		VPERM2I128(U8(0x20), hi[c], lo[c], w[c])
		VPERM2I128(U8(0x31), hi[c], lo[c], w[4+c])
	}
	return w
}

func (l *lanes) rotate(x VecVirtual, n int, to VecVirtual) {
	if l.wide {
		VPROLD(U8(n), x, to)
		return
	}
	t := l.spare()
	VPSRLD(U8(32-n), x, t)
	VPSLLD(U8(n), x, to)
	VPOR(t, to, to)
}

func (l *lanes) xor(x Op, to VecVirtual) {
	if l.wide {
		VPXORD(x, to, to)
	} else {
		VPXOR(x, to, to)
	}
}

// xorBoth is to ^= x ^ y.
func (l *lanes) xorBoth(x, y Op, to VecVirtual) {
	if l.wide {
		VPTERNLOGD(U8(0x96), x, y, to)
	} else {
		VPXOR(x, to, to)
		VPXOR(y, to, to)
	}
}

func (l *lanes) xor3(x, y, z, to VecVirtual) {
	if l.wide {
		VMOVDQA32(x, to)
		VPTERNLOGD(U8(0x96), z, y, to)
		return
	}
	VPXOR(x, y, to)
	VPXOR(z, to, to)
}

// majority is FF of the later rounds, A&B | A&C | B&C.
func (l *lanes) majority(x, y, z, to VecVirtual) {
	if l.wide {
		VMOVDQA32(x, to)
		VPTERNLOGD(U8(0xe8), z, y, to)
		return
	}
	t := l.spare()
	VPOR(x, y, to)
	VPAND(x, y, t)
	VPAND(z, to, to)
	VPOR(t, to, to)
}

// choose is GG of the later rounds, E&F | ~E&G.
func (l *lanes) choose(x, y, z, to VecVirtual) {
	if l.wide {
		VMOVDQA32(x, to)
		VPTERNLOGD(U8(0xca), z, y, to)
		return
	}
	VPXOR(y, z, to)
	VPAND(x, to, to)
	VPXOR(z, to, to)
}

func (l *lanes) addT(j int, to VecVirtual) {
	if l.wide {
		VPADDD_BCST(l.table.Offset(4*j), to, to)
		return
	}
	t := l.spare()
	VPBROADCASTD(l.table.Offset(4*j), t)
	VPADDD(t, to, to)
}

func (l *lanes) addW(j int, to VecVirtual) {
	if l.wide {
		VPADDD(l.W[j%16], to, to)
	} else {
		VPADDD(l.slot(j), to, to)
	}
}

// addWp adds W'[j] = W[j] ^ W[j+4].
func (l *lanes) addWp(j int, t, to VecVirtual) {
	if l.wide {
		VPXORD(l.W[j%16], l.W[(j+4)%16], t)
	} else {
		VMOVDQU(l.slot(j), t)
		VPXOR(l.slot(j+4), t, t)
	}
	VPADDD(t, to, to)
}

// expand puts W[j] into the place of W[j-16]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (l *lanes) expand(j int) {
	a, b := l.spare(), l.spare()
	if l.wide {
		w := l.W[j%16]
		VPROLD(U8(15), l.W[(j-3)%16], a)
		VPTERNLOGD(U8(0x96), l.W[(j-9)%16], a, w)
		VPROLD(U8(15), w, a)
		VPROLD(U8(23), w, b)
		VPTERNLOGD(U8(0x96), a, b, w)
		VPROLD(U8(7), l.W[(j-13)%16], a)
		VPTERNLOGD(U8(0x96), l.W[(j-6)%16], a, w)
		return
	}
	w := l.spare()
	VMOVDQU(l.slot(j-3), a)
	l.rotate(a, 15, w)
	VPXOR(l.slot(j-16), w, w)
	VPXOR(l.slot(j-9), w, w)
	l.rotate(w, 15, a)
	l.rotate(w, 23, b)
	l.xorBoth(a, b, w)
	VMOVDQU(l.slot(j-13), a)
	l.rotate(a, 7, b)
	l.xorBoth(b, l.slot(j-6), w)
	VMOVDQU(w, l.slot(j))
}
