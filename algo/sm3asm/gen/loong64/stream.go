package main

import (
	"fmt"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

// stream writes the kernel of one message. The rounds run on general registers, bound
// by the latency of their chain; the message expansion runs beside them on LSX
// registers, three words at a step, because W[j] needs W[j-3], 13 rounds or more before
// its words are needed.
//
// A step's register holds [W[j-1] W[j] W[j+1] W[j+2]]: three new words and the last of
// the step before, so that stores that overlap write the same word. R1, R2 and R3 are
// the results of the last three steps, which is what W[j-3], W[j-6] and W[j-9] ask for.
// S = [W[j-5] W[j-4] W[j-3] W[j-2]] makes Wp with the new words, three steps later is
// W[j-13] and four steps later W[j-16].
type stream struct {
	*plain.File
	free       []vreg
	R1, R2, R3 vreg
	S          []vreg // oldest first
}

// A vreg is an LSX register.
type vreg int

func (r vreg) String() string { return fmt.Sprintf("V%d", int(r)) }

func (s *stream) take() vreg {
	r := s.free[0]
	s.free = s.free[1:]
	return r
}

func (s *stream) drop(regs ...vreg) { s.free = append(s.free, regs...) }

// What the general registers hold.
const (
	pv, pp, left, stack, table = "R12", "R13", "R14", "R15", "R16"
	r12, ss1, t, u             = "R17", "R18", "R19", "R20"
)

const frame = 4*70 + 4*66

func W(j int) string  { return fmt.Sprintf("%d(%s)", 4*j, stack) }
func Wp(j int) string { return fmt.Sprintf("%d(%s)", 4*70+4*j, stack) }

func left32(n int) string { return fmt.Sprintf("$%d", 32-n) } // a rotate to the left, by one to the right

func (s *stream) blocks() {
	s.Func("blockLSX", "(v *[8]uint32, p []byte)", frame, 32,
		"blockLSX compresses the whole 64-byte blocks of p into v.")
	s.Op("MOVV", "v+0(FP)", pv)
	s.Op("MOVV", "p_base+8(FP)", pp)
	s.Op("MOVV", "p_len+16(FP)", left)
	s.Op("MOVV", fmt.Sprintf("$W-%d(SP)", frame), stack)
	s.Op("MOVV", "$constants<>(SB)", table)
	s.Op("SRLV", "$6", left)
	s.Op("BEQ", left, "done")
	var x [8]string // A to H
	for i := range x {
		x[i] = fmt.Sprintf("R%d", 4+i)
		s.Op("MOVW", fmt.Sprintf("%d(%s)", 4*i, pv), x[i])
	}
	for r := range vreg(32) {
		s.drop(r)
	}

	s.Label("block")
	s.start()
	start := x
	var step []func()
	for j := range 64 {
		s.Comment(fmt.Sprintf("Round %d.", j))
		if j%3 == 0 && 16+j <= 67 {
			step = s.step(16 + j)
		}
		between := func(share int) { // a third of the step in each round, spread over it
			n := min(share, len(step))
			for _, f := range step[:n] {
				f()
			}
			step = step[n:]
		}
		s.round(j, x, between)
		x = [8]string{x[3], x[0], x[1], x[2], x[7], x[4], x[5], x[6]}
	}
	if x != start {
		panic("after 64 rounds every word is back in its register")
	}
	s.Comment("V(i+1) = ABCDEFGH ^ V(i).")
	for i, r := range x {
		at := fmt.Sprintf("%d(%s)", 4*i, pv)
		s.Op("MOVW", at, t)
		s.Op("XOR", t, r)
		s.Op("MOVW", r, at)
	}
	s.Op("ADDV", "$64", pp)
	s.Op("ADDV", "$-1", left)
	s.Op("BNE", left, "block")
	s.Label("done")
	s.Op("RET")
}

// start makes W[0] to W[15], Wp[0] to Wp[11], and what the first step takes.
func (s *stream) start() {
	words := func(j int) vreg {
		r := s.take()
		s.Op("VMOVQ", fmt.Sprintf("%d(%s)", 4*j, pp), r)
		s.Op("VSHUF4IB", "$0x1b", r, r)
		return r
	}
	var X [4]vreg
	for i := range X {
		X[i] = words(4 * i)
		s.Op("VMOVQ", X[i], W(4*i))
	}
	for i := range 3 {
		t := s.take()
		s.Op("VXORV", X[i], X[i+1], t)
		s.Op("VMOVQ", t, Wp(4*i))
		s.drop(t)
	}
	s.R1, s.R2, s.R3 = X[3], words(9), words(6)
	s.Op("VSHUF4IW", "$0x90", X[0], X[0]) // [- W0 W1 W2]
	s.S = []vreg{X[0], words(2), words(5), X[2]}
	s.drop(X[1])
}

// round is one of section 5.3.3. D becomes the next A and H the next E where they are;
// B and F are rotated in place. between emits part of the expansion.
func (s *stream) round(j int, x [8]string, between func(int)) {
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	s.Op("MOVW", fmt.Sprintf("%d(%s)", 4*j, table), ss1)
	s.Op("MOVW", Wp(j), t)
	s.Op("MOVW", W(j), u)
	s.Op("ROTR", left32(12), A, r12)
	s.Op("ADD", E, ss1)
	s.Op("ADD", t, D)
	s.Op("ADD", u, H)
	s.Op("ADD", r12, ss1)
	between(2)
	if j < 16 {
		// FF = A ^ B ^ C, GG = E ^ F ^ G.
		s.Op("XOR", A, B, t)
		s.Op("XOR", E, F, u)
		s.Op("XOR", C, t)
		s.Op("XOR", G, u)
		s.Op("ADD", t, D)
		s.Op("ADD", u, H)
	} else {
		// FF = A&B | A&C | B&C = A&B + (A^B)&C, GG = E&F + ~E&G: the parts have no bit
		// in common, so they can be added one by one.
		s.Op("AND", A, B, t)
		s.Op("AND", E, F, u)
		s.Op("ADD", t, D)
		s.Op("ADD", u, H)
		s.Op("XOR", A, B, t)
		s.Op("ANDN", E, G, u)
		s.Op("AND", C, t)
		s.Op("ADD", u, H)
		s.Op("ADD", t, D)
	}
	s.Op("ROTR", left32(7), ss1, ss1)
	between(2)
	s.Op("XOR", ss1, r12) // SS2
	s.Op("ADD", ss1, H)   // TT2
	s.Op("ADD", r12, D)   // TT1
	s.Op("ROTR", left32(9), B, B)
	s.Op("ROTR", left32(19), F, F)
	// P0(TT2) = TT2 ^ TT2<<<9 ^ TT2<<<17.
	s.Op("ROTR", left32(9), H, t)
	s.Op("ROTR", left32(17), H, u)
	between(2)
	s.Op("XOR", t, H)
	s.Op("XOR", u, H)
}

// step returns the instructions that make W[j] to W[j+2] and Wp[j-4] to Wp[j-2]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (s *stream) step(j int) (ops []func()) {
	r, a, b, next := s.take(), s.take(), s.take(), s.take()
	R1, R2, R3, w16, w13 := s.R1, s.R2, s.R3, s.S[0], s.S[1]
	op := func(name string, operands ...any) { ops = append(ops, func() { s.Op(name, operands...) }) }
	word := func(code vreg, text string) { ops = append(ops, func() { s.Word(uint32(code), text) }) }
	op("VROTRW", left32(15), R1, r)
	op("VXORV", w16, R3, a)
	op("VXORV", a, r, r)
	op("VROTRW", left32(7), w13, next)
	op("VROTRW", left32(15), r, a)
	op("VROTRW", left32(23), r, b)
	op("VXORV", R2, next, next)
	op("VXORV", a, r, r)
	op("VXORV", b, next, next)
	op("VORV", R1, R1, b)
	op("VXORV", next, r, r)
	// S: two words of R2, two of R1. Go's assembler has these two since 1.26.
	word(0x73e40000|(2|3<<2|1<<4|2<<6)<<10|R2<<5|b, fmt.Sprintf("VPERMIW $0x%x, %v, %v", 2|3<<2|1<<4|2<<6, R2, b))
	if j == 16 { // there is no W[-1] to make word 0 of
		word(0x73840000|0x03<<10|R1<<5|r, fmt.Sprintf("VEXTRINSW $0x03, %v, %v", R1, r))
	}
	op("VMOVQ", r, W(j-1))
	op("VXORV", b, r, a)
	op("VMOVQ", a, Wp(j-5))
	s.drop(a, next, R3, w16)
	s.R1, s.R2, s.R3 = r, R1, R2
	s.S = append(s.S[1:len(s.S):len(s.S)], b)
	return ops
}
