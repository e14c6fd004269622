// Command amd64 writes the assembly of package sm3asm for amd64 with avo. Run it by
// "make generate".
//
// The letters are those of GB/T 32905-2016: V is the chaining value, A to H the
// working words, W and W' (Wp here) the expanded message, T the constants, FF,
// GG, P0, P1, SS1, SS2, TT1 and TT2 the functions and intermediate words of
// sections 4.3, 4.4 and 5.3.3.
package main

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	swapMask = words("bytes_of_words_swapped", 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f)
	// What follows the digest in the outer block, a message of 96 bytes in all.
	outerPadding = words("outer_padding", 1<<31, 0, 0, 0, 0, 0, 0, 8*96)
	singleStream("streamAVX512", true)
	singleStream("streamAVX2", false)
	table := GLOBL("constants_rotated", RODATA|NOPTR)
	for j := range 64 {
		DATA(4*j, U32(T(j)))
	}
	sum16(table)
	blocks8(table)
	keys8()
	macs8()
	Generate()
}

// T of section 4.2, rotated as SS1 needs it.
func T(j int) uint32 {
	if j < 16 {
		return bits.RotateLeft32(0x79cc4519, j)
	}
	return bits.RotateLeft32(0x7a879d8a, j)
}

// words is a table of 32-bit words.
func words(name string, list ...uint32) Mem {
	table := GLOBL(name, RODATA|NOPTR)
	for i, w := range list {
		DATA(4*i, U32(w))
	}
	return table
}

var swapMask, outerPadding Mem

// singleStream compresses the blocks of one message. The rounds run on general
// registers, bound by the latency of their chain; the message expansion runs
// beside them on xmm registers, three words at a step, because W[j] needs
// W[j-3], 13 rounds or more before its words are needed.
//
// A step's register holds [W[j-1] W[j] W[j+1] W[j+2]]: three new words and the
// last of the step before, so that no lane is garbage and stores that overlap
// write the same word. R1, R2 and R3 are the results of the last three steps,
// which is what W[j-3], W[j-6] and W[j-9] ask for. One shuffle of R2 and R1
// gives S = [W[j-5] W[j-4] W[j-3] W[j-2]], which with the new words makes Wp,
// three steps later is W[j-13] and four steps later W[j-16].
func singleStream(name string, avx512 bool) {
	TEXT(name, NOSPLIT, "func(words *[8]uint32, bytes *[32]byte, from *[8]uint32, p, tail []byte, outer *[8]uint32)")
	Pragma("noescape")
	Doc(name+" compresses the whole 64-byte blocks of p, then those of tail, behind the",
		"chaining value from. If outer is not nil, the outcome as a digest, padded, is",
		"the block that follows behind outer. What comes of it goes to words or, if",
		"words is nil, to bytes.")
	argument := func(c Component) Mem {
		b, err := c.Resolve()
		if err != nil {
			panic(err)
		}
		return b.Addr
	}
	// The arguments are changed where they lie: registers are for the rounds.
	from, outer := argument(Param("from")), argument(Param("outer"))
	p, left := argument(Param("p").Base()), argument(Param("p").Len())
	tail, tailLeft := argument(Param("tail").Base()), argument(Param("tail").Len())
	stack := AllocLocal(4*70 + 4*66 + 4*8)
	W := func(j int) Mem { return stack.Offset(4 * j) }
	Wp := func(j int) Mem { return stack.Offset(4*70 + 4*j) }
	V := func(i int) Mem { return stack.Offset(4*70 + 4*66 + 4*i) }

	var x [8]GPVirtual // A to H
	for i := range x {
		x[i] = GP64()
	}
	// Whatever it begins with lies in V, so that one instruction always loads from
	// one address: of others the processor predicts which store they read, wrongly.
	begin := func(from Mem) {
		v := GP64()
		MOVQ(from, v)
		for i := range x {
			MOVL(Mem{Base: v, Disp: 4 * i}, x[i].As32())
			MOVL(x[i].As32(), V(i))
		}
	}
	begin(from)
	mask := XMM()
	VMOVDQU(swapMask, mask)

	CMPQ(left, U8(64))
	JB(LabelRef(name + "_next"))

	Label(name + "_block")
	Comment("W[0] to W[15].")
	block := GP64()
	MOVQ(p, block)
	var X [4]VecVirtual
	for i := range X {
		X[i] = XMM()
		VMOVDQU(Mem{Base: block, Disp: 16 * i}, X[i])
		VPSHUFB(mask, X[i], X[i])
	}
	Label(name + "_words")
	for i := range X {
		VMOVDQU(X[i], W(4*i))
	}
	Comment("Wp[0] to Wp[11].")
	for i := range 3 {
		t := XMM()
		VPXOR(X[i], X[i+1], t)
		VMOVDQU(t, Wp(4*i))
	}
	e := &expansion{avx512: avx512, W: W, Wp: Wp}
	align := func(hi, lo VecVirtual, bytes int) VecVirtual {
		r := XMM()
		VPALIGNR(U8(bytes), lo, hi, r)
		return r
	}
	e.R1, e.R2, e.R3 = X[3], align(X[3], X[2], 4), align(X[2], X[1], 8)
	first := XMM()
	VPSLLDQ(U8(4), X[0], first)
	// What W[j-16] and W[j-13] take, oldest first: [- W0 W1 W2], [W2 ... W5],
	// [W5 ... W8], [W8 ... W11].
	e.S = []VecVirtual{first, align(X[1], X[0], 8), align(X[2], X[1], 4), X[2]}

	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	GG := GP64()
	MOVL(E.As32(), GG.As32())
	XORL(F.As32(), GG.As32())
	XORL(G.As32(), GG.As32())
	var step []func()
	between := func(n int) {
		n = min(n, len(step))
		for _, f := range step[:n] {
			f()
		}
		step = step[n:]
	}
	for j := range 64 {
		Commentf("Round %d.", j)
		if j%3 == 0 && 16+j <= 67 {
			between(len(step))
			step = e.step(16 + j)
		}
		share := 2 // a quarter of a third of the step
		if avx512 {
			share = 1
		}
		GG = round(j, avx512, A, B, C, D, E, F, G, H, GG, W(j), Wp(j), func() { between(share) })
		A, B, C, D, E, F, G, H = D, A, B, C, H, E, F, G
	}

	Comment("V(i+1) = ABCDEFGH ^ V(i).")
	for i, r := range []GPVirtual{A, B, C, D, E, F, G, H} {
		XORL(V(i), r.As32())
		MOVL(r.As32(), V(i))
		if r != x[i] {
			panic("after 64 rounds every word is back in its register")
		}
	}
	ADDQ(U8(64), p)
	SUBQ(U8(64), left)
	// One branch a block, which is guessed right more often than two.
	CMPQ(left, U8(64))
	JAE(LabelRef(name + "_block"))

	Label(name + "_next")
	next := GP64()
	MOVQ(tailLeft, next)
	MOVQ(next, left)
	MOVQ(U32(0), tailLeft)
	MOVQ(tail, block)
	MOVQ(block, p)
	CMPQ(next, U8(0))
	JNE(LabelRef(name + "_block"))

	Comment("All blocks are done but the outer one.")
	for i := range 2 {
		VMOVD(x[4*i].As32(), X[i])
		for j := 1; j < 4; j++ {
			VPINSRD(U8(j), x[4*i+j].As32(), X[i], X[i])
		}
	}
	MOVQ(outer, next)
	CMPQ(next, U8(0))
	JEQ(LabelRef(name + "_done"))
	begin(outer)
	MOVQ(U32(0), outer)
	MOVQ(U32(64), left)
	VMOVDQU(outerPadding, X[2])
	VMOVDQU(outerPadding.Offset(16), X[3])
	JMP(LabelRef(name + "_words"))

	Label(name + "_done")
	to := Load(Param("words"), GP64())
	CMPQ(to, U8(0))
	JNE(LabelRef(name + "_store"))
	Load(Param("bytes"), to)
	for i := range 2 {
		VPSHUFB(mask, X[i], X[i])
	}
	Label(name + "_store")
	for i := range 2 {
		VMOVDQU(X[i], Mem{Base: to, Disp: 16 * i})
	}
	VZEROUPPER()
	RET()
}

// round is one of section 5.3.3. D becomes the next A and H the next E where they
// are; B and F are rotated in place. between emits part of the expansion. GG is that
// of this round, and the next one's is returned.
//
// What bounds the stream is the way from E to the next E: + A<<<12 + T, <<<7, + the
// rest of TT2, and P0, which is two words deep behind its rotations: six cycles.
// GG = G ^ E&(F^G) and the sum with it take one more. It can be begun early, before E
// is there: E is X ^ Y, with Y = TT2<<<17 and X the rest of P0, and
//
//	GG = (G ^ Y&(F^G)) ^ X&(F^G)
//
// These are two operations more, which pays on wide processors: early is for those
// with AVX-512. The others, down to four instructions a cycle, lack the room.
//
// The order of the instructions is the best of some thousands that were measured on
// Zen 4: it decides which of those that are ready goes first.
func round(j int, early bool, A, B, C, D, E, F, G, H, GG GPVirtual, W, Wp Mem, between func()) (next GPVirtual) {
	r12, ss1, t, u, f, x, y, p9 := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	RORXL(U8(32-12), A.As32(), r12.As32())
	RORXL(U8(32-19), F.As32(), F.As32()) // the next G
	MOVL(B.As32(), t.As32())
	XORL(C.As32(), t.As32())
	ADDL(Wp, D.As32())
	MOVL(E.As32(), f.As32())
	XORL(F.As32(), f.As32()) // the next F^G
	LEAL(Mem{Base: r12, Index: E, Scale: 1, Disp: int(int32(T(j)))}, ss1.As32())
	if j < 16 { // FF = A ^ B ^ C
		XORL(A.As32(), t.As32())
	} else { // FF = B&C + A&(B^C), which have no bit in common
		MOVL(B.As32(), u.As32())
		ANDL(C.As32(), u.As32())
		ADDL(u.As32(), D.As32())
		ANDL(A.As32(), t.As32())
	}
	between()
	ADDL(W, H.As32())
	RORXL(U8(32-9), B.As32(), B.As32())
	ADDL(GG.As32(), H.As32())
	RORXL(U8(32-7), ss1.As32(), ss1.As32())
	between()
	ADDL(t.As32(), D.As32())
	between()
	ADDL(ss1.As32(), H.As32())   // TT2
	XORL(ss1.As32(), r12.As32()) // SS2
	// P0(TT2) = TT2 ^ TT2<<<9 ^ TT2<<<17.
	RORXL(U8(32-17), H.As32(), y.As32())
	ADDL(r12.As32(), D.As32()) // TT1
	RORXL(U8(32-9), H.As32(), p9.As32())
	XORL(p9.As32(), H.As32())
	early = early && j+1 >= 16
	if early {
		MOVL(H.As32(), x.As32())
		ANDL(f.As32(), x.As32())
	}
	XORL(y.As32(), H.As32())
	between()
	switch {
	case j+1 < 16: // GG = E ^ F ^ G
		XORL(H.As32(), f.As32())
		return f
	case early:
		ANDL(f.As32(), y.As32())
		XORL(F.As32(), y.As32())
		XORL(y.As32(), x.As32())
		return x
	default:
		ANDL(H.As32(), f.As32())
		XORL(F.As32(), f.As32())
		return f
	}
}

// expansion is the state of the message expansion.
type expansion struct {
	avx512     bool
	W, Wp      func(int) Mem
	R1, R2, R3 VecVirtual   // words from j-4, j-7, j-10
	S          []VecVirtual // words from j-17, j-14, j-11, j-8: oldest first
}

// step returns the instructions that make W[j] to W[j+2] and Wp[j-4] to Wp[j-2]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (e *expansion) step(j int) []func() {
	r, s, wp, a, b := XMM(), XMM(), XMM(), XMM(), XMM()
	R1, R2, R3, w16, w13 := e.R1, e.R2, e.R3, e.S[0], e.S[1]
	var ops []func()
	op := func(f func()) { ops = append(ops, f) }
	rotate := func(x VecVirtual, n int, to, spare VecVirtual) {
		if e.avx512 {
			op(func() { VPROLD(U8(n), x, to) })
			return
		}
		op(func() { VPSLLD(U8(n), x, to) })
		op(func() { VPSRLD(U8(32-n), x, spare) })
		op(func() { VPOR(spare, to, to) })
	}
	xor := func(x, y, to VecVirtual) { // to ^= x ^ y
		if e.avx512 {
			op(func() { VPTERNLOGD(U8(0x96), x, y, to) })
			return
		}
		op(func() { VPXOR(x, to, to) })
		op(func() { VPXOR(y, to, to) })
	}
	op(func() { VSHUFPS(U8(2|3<<2|1<<4|2<<6), R1, R2, s) })
	rotate(R1, 15, r, a)
	xor(w16, R3, r)
	rotate(r, 15, a, b)
	rotate(r, 23, b, wp)
	xor(a, b, r) // P1
	rotate(w13, 7, a, b)
	xor(a, R2, r)
	if j == 16 { // there is no W[-1] to make lane 0 of
		op(func() { VPSHUFD(U8(0xff), R1, a) })
		op(func() { VPBLENDD(U8(1), a, r, r) })
	}
	op(func() { VMOVDQU(r, e.W(j-1)) })
	op(func() { VPXOR(s, r, wp) })
	op(func() { VMOVDQU(wp, e.Wp(j-5)) })
	e.R1, e.R2, e.R3 = r, R1, R2
	e.S = append(e.S[1:len(e.S):len(e.S)], s)
	return ops
}
