package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// narrow is the kernel of eight lanes. AVX2 has 16 ymm registers, so W lives on the
// stack, and neither rotation nor a function of three words in one instruction.
type narrow struct {
	stack Mem // W
	table Mem // T of each round
	byte  Mem // the shuffle that rotates words by 8
}

// W is where W[j] is.
func (l *narrow) W(j int) Mem { return l.stack.Offset(j % 16 * 32) }

// blocks8 writes the kernel that compresses a block of each lane.
func blocks8(table Mem) {
	TEXT("blocks8", NOSPLIT, "func(v *[8][16]uint32, blocks *[16]*byte, active uint32)")
	Pragma("noescape")
	Doc("blocks8 compresses a 64-byte block of each of 8 messages into its chaining",
		"value v[..][lane], where bit lane of active is set.")
	l := &narrow{stack: AllocLocal(16 * 32), table: table, byte: GLOBL("words_rotated_by_8", RODATA|NOPTR)}
	for i := range 8 {
		DATA(4*i, U32(0x02010003+0x04040404*(i%4)))
	}
	v, blocks := Load(Param("v"), GP64()), Load(Param("blocks"), GP64())
	l.load(blocks)
	var x [8]VecVirtual
	for i := range x {
		x[i] = YMM()
		VMOVDQU(Mem{Base: v, Disp: row * i}, x[i])
	}
	l.rounds(x)

	Comment("V(i+1) = ABCDEFGH ^ V(i), in the active lanes.")
	// All lanes are stored, the others as they were. Bit i of active goes to the
	// whole of word i of a mask.
	bitOf, mask, lanes := GLOBL("lane_bits", RODATA|NOPTR), YMM(), XMM()
	for i := range 8 {
		DATA(4*i, U32(1<<i))
	}
	active := Load(Param("active"), GP32())
	VMOVD(active, lanes)
	VPBROADCASTD(lanes, mask)
	VPAND(bitOf, mask, mask)
	VPCMPEQD(bitOf, mask, mask)
	for i := range x {
		m := Mem{Base: v, Disp: row * i}
		VPAND(mask, x[i], x[i])
		VPXOR(m, x[i], x[i])
		VMOVDQU(x[i], m)
	}
	VZEROUPPER()
	RET()
}

// keys8 writes the kernel that brings the keys into rows.
func keys8() {
	TEXT("keys8", NOSPLIT, "func(rows *[16][16]uint32, keys *[16]*[16]uint32)")
	Pragma("noescape")
	Doc("keys8 stores word i of keys[lane] at rows[i][lane], for 8 lanes.")
	rows, keys := Load(Param("rows"), GP64()), Load(Param("keys"), GP64())
	for half := range 2 {
		for i, w := range transpose8(rows8(keys, half)) {
			VMOVDQU(w, Mem{Base: rows, Disp: row * (8*half + i)})
		}
	}
	VZEROUPPER()
	RET()
}

// macs8 writes the kernel that brings chaining values back into bytes.
func macs8() {
	TEXT("macs8", NOSPLIT, "func(macs *[16][32]byte, rows *[8][16]uint32)")
	Pragma("noescape")
	Doc("macs8 stores the chaining value of each of 8 lanes as bytes.")
	macs, rows := Load(Param("macs"), GP64()), Load(Param("rows"), GP64())
	storeMACs(Mem{Base: macs}, Mem{Base: rows}, 8)
	VZEROUPPER()
	RET()
}

// rows8 loads the first or the second 32 bytes of what each of 8 pointers is to.
func rows8(pointers Register, half int) (r [8]VecVirtual) {
	for i := range r {
		p := GP64()
		MOVQ(Mem{Base: pointers, Disp: 8 * i}, p)
		r[i] = YMM()
		VMOVDQU(Mem{Base: p, Disp: 32 * half}, r[i])
	}
	return r
}

// load brings W[0] to W[15] of all lanes into place.
func (l *narrow) load(blocks Register) {
	swap := YMM()
	VBROADCASTI128(swapMask, swap)
	for half := range 2 {
		for i, w := range transpose8(rows8(blocks, half)) {
			VPSHUFB(swap, w, w)
			VMOVDQU(w, l.W(8*half+i))
		}
	}
}

// rounds are those of section 5.3.3; after 64 every word is back in its register.
// What does not wait for SS1 is added first.
func (l *narrow) rounds(x [8]VecVirtual) {
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	for j := range 64 {
		Commentf("Round %d.", j)
		wp, r12, ss1, ff, gg := YMM(), YMM(), YMM(), YMM(), YMM()
		VMOVDQU(l.W(j), wp)
		VPADDD(wp, H, H)
		VPXOR(l.W(j+4), wp, wp)
		VPADDD(wp, D, D)
		rotate(A, 12, r12)
		VPBROADCASTD(l.table.Offset(4*j), ss1)
		VPADDD(r12, ss1, ss1)
		VPADDD(E, ss1, ss1)
		l.ff(j, A, B, C, ff)
		VPADDD(ff, D, D)
		l.gg(j, E, F, G, gg)
		VPADDD(gg, H, H)
		rotate(ss1, 7, ss1)
		VPADDD(ss1, H, H) // TT2
		VPXOR(r12, ss1, ss1)
		VPADDD(ss1, D, D) // TT1
		rotate(B, 9, B)
		rotate(F, 19, F)
		l.xorRotated(H, 9) // P0
		if 16 <= j+8 && j+8 < 68 {
			l.expand(j + 8)
		}
		A, B, C, D, E, F, G, H = D, A, B, C, H, E, F, G
	}
}

func rotate(x VecVirtual, n int, to VecVirtual) {
	t := YMM()
	VPSRLD(U8(32-n), x, t)
	VPSLLD(U8(n), x, to)
	VPOR(t, to, to)
}

// xorRotated is x ^= x<<<n ^ x<<<(n+8), which is x ^ (x ^ x<<<8)<<<n: a rotation by
// whole bytes is one instruction.
func (l *narrow) xorRotated(x VecVirtual, n int) {
	t, u := YMM(), YMM()
	VPSHUFB(l.byte, x, t)
	VPXOR(x, t, t)
	VPSLLD(U8(n), t, u)
	VPSRLD(U8(32-n), t, t)
	VPXOR(u, x, x)
	VPXOR(t, x, x)
}

func (l *narrow) ff(j int, x, y, z, to VecVirtual) {
	if j < 16 {
		VPXOR(x, y, to)
		VPXOR(z, to, to)
		return
	}
	t := YMM() // X&Y | X&Z | Y&Z
	VPOR(x, y, to)
	VPAND(x, y, t)
	VPAND(z, to, to)
	VPOR(t, to, to)
}

func (l *narrow) gg(j int, x, y, z, to VecVirtual) {
	VPXOR(y, z, to)
	if j < 16 {
		VPXOR(x, to, to)
		return
	}
	VPAND(x, to, to) // X&Y | ~X&Z
	VPXOR(z, to, to)
}

// expand puts W[j] into the place of W[j-16]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (l *narrow) expand(j int) {
	w, t, u := YMM(), YMM(), YMM()
	VMOVDQU(l.W(j-3), t)
	rotate(t, 15, w)
	VPXOR(l.W(j-16), w, w)
	VPXOR(l.W(j-9), w, w)
	l.xorRotated(w, 15) // P1
	VMOVDQU(l.W(j-13), t)
	rotate(t, 7, u)
	VPXOR(l.W(j-6), w, w)
	VPXOR(u, w, w)
	VMOVDQU(w, l.W(j))
}
