package main

import (
	"fmt"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

// scalar writes the kernel of processors without SM3 instructions. The rounds run on
// general registers, bound by the number of their instructions where three pipes take
// them (Neoverse N1, Kunpeng 920) and by the latency of their chain where four do. The
// message expansion runs beside them on the vector pipes, three words at a step,
// because W[j] needs W[j-3], 13 rounds or more before its words are needed.
//
// A rotated operand of EOR costs nothing on Neoverse cores, so SS2 and both halves of P0
// rotate there; additions have none. The other rotates are RORW, one cycle on every
// core: llvm-mca's model of Neoverse N2 wrongly takes three for them, and EOR of a
// rotated operand and zero, which it likes, takes two on Kunpeng 920.
//
// W, Wp and T come from memory, two words at a load. Taking W from the lanes of vector
// registers makes no difference in the models; building T would take two instructions.
type scalar struct {
	*plain.File
	ops []instruction

	results int      // vector registers of R, so many so far
	S       []string // words from j-17, j-14, j-11, j-8: oldest first
	spare   string   // the register of the next S
}

// General registers. A to H are R4 to R11.
const (
	chaining, input, end = "R0", "R1", "R2"
	tableT               = "R3"
	a12, u, f, g, b      = "R12", "R13", "R14", "R15", "R16"
	stackW, stackWp      = "R25", "R26"
)

// Words of an even round and the one behind it.
var (
	wordT  = [2]string{"R17", "R19"}
	wordW  = [2]string{"R20", "R21"}
	wordWp = [2]string{"R22", "R23"}
)

// Vector registers behind those of results and S.
const (
	x, y, z = 26, 27, 28
	// How VTBL moves bytes.
	pickS      = "V29.B16"
	rotateBy8  = "V30.B16"
	rotateBy24 = "V31.B16"
)

func bytesOfV(n int) string { return fmt.Sprintf("V%d.B16", n) }
func wordsOfV(n int) string { return fmt.Sprintf("V%d.S4", n) }

func at(offset int, base string) string { return fmt.Sprintf("%d(%s)", offset, base) }
func pair(regs [2]string) string        { return "(" + regs[0] + ", " + regs[1] + ")" }
func rol(n int, reg string) string      { return fmt.Sprintf("%s@>%d", reg, 32-n) }

// add appends an instruction to the list in work.
func (s *scalar) add(name string, operands ...any) {
	s.ops = append(s.ops, func() { s.Op(name, operands...) })
}

// take returns the list and begins another.
func (s *scalar) take() []instruction {
	ops := s.ops
	s.ops = nil
	return ops
}

// Where W and Wp lie, 64 words each. Locals begin at 8(RSP), which is not aligned.
const (
	offsetW  = 16
	offsetWp = offsetW + 4*64
	frame    = offsetWp + 4*64 - 8
)

func (s *scalar) block(name string) {
	s.Func(name, "(v *[8]uint32, p []byte)", frame, 32,
		name+" compresses the whole 64-byte blocks of p into v.")
	s.Op("MOVD", "v+0(FP)", chaining)
	s.Op("MOVD", "p_base+8(FP)", input)
	s.Op("MOVD", "p_len+16(FP)", end)
	s.Op("AND", "$~63", end)
	s.Op("CBZ", end, name+"_done")
	s.Op("ADD", input, end)
	s.Op("MOVD", "$constants<>+12(SB)", tableT)
	s.Op("ADD", fmt.Sprintf("$%d", offsetW), "RSP", stackW)
	s.Op("ADD", fmt.Sprintf("$%d", offsetWp), "RSP", stackWp)
	s.Op("MOVD", "$shuffles<>(SB)", u)
	s.Op("VLD1", "("+u+")", "["+pickS+", "+rotateBy8+", "+rotateBy24+"]")
	r := []string{"R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11"}
	for i := 0; i < 8; i += 2 {
		s.Op("LDPW", at(4*i, chaining), pair([2]string(r[i:])))
	}
	s.Label(name + "_block")
	s.begin()
	var step []instruction
	for j := range 64 {
		if j%3 == 0 && 16+j <= 67 {
			s.step(16 + j)
			step = s.take()
		}
		n := len(step) / (3 - j%3) // a third of the step in each round
		s.Comment(fmt.Sprintf("Round %d.", j))
		s.round(j, r)
		merge(s.take(), step[:n])
		step = step[n:]
		r = []string{r[3], r[0], r[1], r[2], r[7], r[4], r[5], r[6]}
	}
	s.Comment("V(i+1) = ABCDEFGH ^ V(i).")
	for i := 0; i < 8; i += 2 {
		s.Op("LDPW", at(4*i, chaining), pair(wordT))
		for k, reg := range r[i : i+2] {
			s.Op("EORW", wordT[k], reg)
		}
		s.Op("STPW", pair([2]string(r[i:])), at(4*i, chaining))
	}
	s.Op("ADD", "$64", input)
	s.Op("CMP", end, input)
	s.Op("BNE", name+"_block")
	s.Label(name + "_done")
	s.Op("RET")
}

// round is one of section 5.3.3. D becomes the next A and H the next E where they are;
// B and F are rotated in place.
func (s *scalar) round(j int, r []string) {
	A, B, C, D, E, F, G, H := r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
	if j%2 == 0 {
		s.add("LDPW", at(4*j, tableT), pair(wordT))
		s.add("LDPW", at(4*j, stackWp), pair(wordWp))
		s.add("LDPW", at(4*j, stackW), pair(wordW))
	}
	T, W, Wp := wordT[j%2], wordW[j%2], wordWp[j%2]
	s.add("RORW", "$20", A, a12)
	s.add("ADDW", W, H)
	s.add("ADDW", Wp, D)
	s.add("ADDW", T, a12, u)
	s.add("ADDW", E, u)
	if j < 16 {
		// FF = A ^ B ^ C, GG = E ^ F ^ G.
		s.add("EORW", F, G, g)
		s.add("EORW", B, C, f)
		s.add("EORW", E, g)
		s.add("EORW", A, f)
		s.add("ADDW", g, H)
		s.add("ADDW", f, D)
	} else {
		// FF = A&B | A&C | B&C = A&(B^C) + B&C, GG = E&F + ~E&G: the parts have no
		// bit in common, so they can be added one by one.
		s.add("ANDW", E, F, g)
		s.add("BICW", E, G, b)
		s.add("ADDW", g, H)
		s.add("EORW", B, C, f)
		s.add("ANDW", B, C, g)
		s.add("ADDW", b, H)
		s.add("ANDW", A, f)
		s.add("ADDW", g, D)
		s.add("ADDW", f, D)
	}
	s.add("EORW", rol(7, u), a12) // SS2
	s.add("RORW", "$25", u)       // SS1
	s.add("ADDW", u, H)           // TT2
	s.add("RORW", "$23", B)
	s.add("ADDW", a12, D) // TT1
	s.add("EORW", rol(9, H), H, b)
	s.add("RORW", "$13", F)
	s.add("EORW", rol(17, H), b, H) // P0(TT2)
}

// begin makes W[0] to W[15], and Wp[0] to Wp[11], and what the first step needs.
//
// A step's result holds [W[j-1] W[j] W[j+1] W[j+2]]: three new words and the last of the
// step before, so that no lane is garbage and stores that overlap write the same word.
// All results of a block lie one behind the other, because VTBL picks bytes of two
// registers that do.
func (s *scalar) begin() {
	s.Comment("W[0] to W[15], and Wp[0] to Wp[11].")
	X := []int{x, y, 24, 2}
	for i := 0; i < 4; i += 2 {
		s.Op("FLDPQ", at(16*i, input), fmt.Sprintf("(F%d, F%d)", X[i], X[i+1]))
		for _, n := range X[i : i+2] {
			s.Op("VREV32", bytesOfV(n), bytesOfV(n))
		}
		s.Op("FSTPQ", fmt.Sprintf("(F%d, F%d)", X[i], X[i+1]), at(16*i, stackW))
	}
	for i := range 3 {
		s.Op("VEOR", bytesOfV(X[i]), bytesOfV(X[i+1]), bytesOfV(z))
		s.Op("FMOVQ", fmt.Sprintf("F%d", z), at(16*i, stackWp))
	}
	extract := func(bytes, lo, hi, to int) {
		s.Op("VEXT", fmt.Sprintf("$%d", bytes), bytesOfV(hi), bytesOfV(lo), bytesOfV(to))
	}
	// [W6 ... W9], [W9 ... W12] and [W12 ... W15].
	extract(8, X[1], X[2], 0)
	extract(4, X[2], X[3], 1)
	s.results = 3
	// What W[j-16] and W[j-13] take, oldest first: [- W0 W1 W2], [W2 ... W5],
	// [W5 ... W8], [W8 ... W11].
	extract(12, X[0], X[0], 21)
	extract(8, X[0], X[1], 22)
	extract(4, X[1], X[2], 23)
	s.S, s.spare = []string{"V21.B16", "V22.B16", "V23.B16", "V24.B16"}, "V25.B16"
}

// step makes W[j] to W[j+2] and Wp[j-4] to Wp[j-2]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
//
// P1(X) = X ^ X<<<15 ^ X<<<23 = X ^ (X ^ X<<<8)<<<15, and W[j-13]<<<7 is
// (W[j-13]<<<24)<<<15, so that one rotate serves three and the others move bytes.
// R1, R2 and R3 are the results of the last three steps, which is what W[j-3], W[j-6]
// and W[j-9] ask for, and S = [W[j-5] W[j-4] W[j-3] W[j-2]], which with the new words
// makes Wp, three steps later is W[j-13] and four steps later W[j-16].
func (s *scalar) step(j int) {
	r := s.results
	R1, R2, R3 := r-1, r-2, r-3
	w16, w13, S := s.S[0], s.S[1], s.spare
	vx, vy, vz, vr := bytesOfV(x), bytesOfV(y), bytesOfV(z), bytesOfV(r)
	rotate15 := func(from, to int) {
		s.add("VSHL", "$15", wordsOfV(from), wordsOfV(to))
		s.add("VSRI", "$17", wordsOfV(from), wordsOfV(to))
	}
	rotate15(R1, x)
	s.add("VEOR", w16, bytesOfV(R3), vy)
	s.add("VTBL", rotateBy24, "["+w13+"]", vz)
	s.add("VEOR", vy, vx, vx) // X of P1
	s.add("VTBL", rotateBy8, "["+vx+"]", vy)
	s.add("VEOR", vz, vx, vz)
	s.add("VEOR", vx, bytesOfV(R2), vx)
	s.add("VEOR", vz, vy, vy)
	s.add("VTBL", pickS, "["+bytesOfV(R2)+", "+bytesOfV(R1)+"]", S)
	rotate15(y, r)
	s.add("VEOR", vx, vr, vr)
	if j == 16 { // there is no W[-1] to make lane 0 of
		s.add("VMOV", fmt.Sprintf("V%d.S[3]", R1), fmt.Sprintf("V%d.S[0]", r))
	}
	s.add("VEOR", S, vr, vx)
	if j < 64 { // the rounds need no more of W
		s.add("FMOVQ", fmt.Sprintf("F%d", r), at(4*(j-1), stackW))
	}
	store := "FMOVQ"
	if j == 67 { // Wp[64] is not one
		store = "FMOVD"
	}
	s.add(store, fmt.Sprintf("F%d", x), at(4*(j-5), stackWp))
	s.results++
	s.S, s.spare = append(s.S[1:len(s.S):len(s.S)], S), w16
}
