package main

import (
	"fmt"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

// A stream is one message in the kernels with SM3 instructions. It waits for its
// rounds, five cycles each; two of them side by side fill the one pipe that most
// of these instructions go through.
type stream struct {
	*plain.File
	number int
}

// Vector registers of a stream, counted from its first. ABCD and EFGH hold their words
// in reverse: A and E in the last lane.
const (
	ringW = 0 // five registers for W
	ofWp  = 5
	ofW3  = 6 // W[j+3] to W[j+6]
	ofW10 = 7 // W[j+10] to W[j+13]
	ABCD  = 8
	EFGH  = 9
	saved = 10 // ABCD and EFGH before the block
	SS1   = 12

	registers = 13
)

// Vector registers behind those of two streams have T, in the last lane, of so many
// rounds.
const (
	firstT = 2 * registers
	ringT  = 32 - firstT
)

func (s *stream) v(n int) int        { return s.number*registers + n }
func (s *stream) bytes(n int) string { return bytesOfV(s.v(n)) }
func (s *stream) quads(n int) string { return fmt.Sprintf("(F%d, F%d)", s.v(n), s.v(n+1)) }

func oneStream(f *plain.File, name string) {
	f.Func(name, "(v *[8]uint32, p []byte)", 0, 32,
		name+" compresses the whole 64-byte blocks of p into v.")
	f.Op("MOVD", "v+0(FP)", "R0")
	f.Op("MOVD", "p_base+8(FP)", "R4")
	f.Op("MOVD", "p_len+16(FP)", "R2")
	f.Op("LSR", "$6", "R2")
	blocks(f, name, []*stream{{f, 0}})
}

func twoStreams(f *plain.File, name string) {
	f.Func(name, "(v *[2][8]uint32, p *[2]*byte, n int)", 0, 24,
		name+" compresses n 64-byte blocks from p[0] on into v[0], and as many from p[1] on",
		"into v[1].")
	f.Op("MOVD", "v+0(FP)", "R0")
	f.Op("MOVD", "p+8(FP)", "R1")
	f.Op("MOVD", "n+16(FP)", "R2")
	f.Op("LDP", "(R1)", "(R4, R5)")
	blocks(f, name, []*stream{{f, 0}, {f, 1}})
}

// blocks compresses R2 blocks of each stream, whose input begins at R4 and R5, into the
// chaining values from R0 on.
func blocks(f *plain.File, name string, streams []*stream) {
	f.Op("CBZ", "R2", name+"_done")
	f.Op("MOVD", "$constants<>(SB)", "R3")
	for _, s := range streams {
		f.Op("FLDPQ", at(32*s.number, "R0"), s.quads(ABCD))
		s.reverse()
	}
	f.Label(name + "_block")
	for _, s := range streams {
		s.begin()
	}
	f.Op("SUB", "$1", "R2")
	for j := range 64 {
		f.Comment(fmt.Sprintf("Round %d.", j))
		rounds(f, streams, j)
	}
	f.Comment("V(i+1) = ABCDEFGH ^ V(i).")
	for _, s := range streams {
		for i := range 2 {
			f.Op("VEOR", s.bytes(ABCD+i), s.bytes(saved+i), s.bytes(ABCD+i))
		}
	}
	f.Op("CBNZ", "R2", name+"_block")
	for _, s := range streams {
		s.reverse()
		f.Op("FSTPQ", s.quads(ABCD), at(32*s.number, "R0"))
		// Of one block it is the key's chaining value, which an interruption would
		// put on the stack.
		for i := range 2 {
			f.Op("VEOR", s.bytes(saved+i), s.bytes(saved+i), s.bytes(saved+i))
		}
	}
	f.Label(name + "_done")
	f.Op("RET")
}

// reverse turns the words of ABCD and EFGH around.
func (s *stream) reverse() {
	for _, n := range []int{s.v(ABCD), s.v(EFGH)} {
		s.Op("VREV64", wordsOfV(n), wordsOfV(n))
		s.Op("VEXT", "$8", bytesOfV(n), bytesOfV(n), bytesOfV(n))
	}
}

// begin loads W[0] to W[15].
func (s *stream) begin() {
	p := fmt.Sprintf("R%d", 4+s.number)
	s.Op("FLDPQ", at(0, p), s.quads(ringW))
	s.Op("FLDPQ", at(32, p), s.quads(ringW+2))
	s.Op("ADD", "$64", p)
	for i := range 4 {
		s.Op("VREV32", s.bytes(ringW+i), s.bytes(ringW+i))
	}
	for i := range 2 {
		s.Op("VORR", s.bytes(ABCD+i), s.bytes(ABCD+i), s.bytes(saved+i))
	}
}

// rounds is round j of every stream. TT2 goes first: E is what the next round waits for.
func rounds(f *plain.File, streams []*stream, j int) {
	T := firstT + j%ringT
	f.Op("FMOVQ", at(4*j, "R3"), fmt.Sprintf("F%d", T))
	W := ringW + j/4%5
	for _, s := range streams {
		if j%4 == 0 {
			s.Op("VEOR", s.bytes(W), s.bytes(ringW+(j/4+1)%5), s.bytes(ofWp))
		}
		s.ss1(s.v(SS1), s.v(ABCD), T, s.v(EFGH))
	}
	for _, s := range streams {
		if j < 52 {
			s.expand(j)
		}
	}
	for _, s := range streams {
		s.tt2(j, s.v(EFGH), s.v(SS1), s.v(W))
	}
	for _, s := range streams {
		s.tt1(j, s.v(ABCD), s.v(SS1), s.v(ofWp))
	}
}

// expand is the part of round j in making W[j+16] to W[j+19], which takes four rounds.
func (s *stream) expand(j int) {
	W := func(i int) int { return ringW + (j/4+i)%5 } // W[j+4*i] and on, for the first of the four
	switch j % 4 {
	case 0: // W[j+7] to W[j+10], where the result will be
		s.Op("VEXT", "$12", s.bytes(W(2)), s.bytes(W(1)), s.bytes(W(4)))
	case 1:
		s.Op("VEXT", "$12", s.bytes(W(1)), s.bytes(W(0)), s.bytes(ofW3))
		s.partW1(s.v(W(4)), s.v(W(0)), s.v(W(3)))
	case 2:
		s.Op("VEXT", "$8", s.bytes(W(3)), s.bytes(W(2)), s.bytes(ofW10))
	case 3:
		s.partW2(s.v(W(4)), s.v(ofW10), s.v(ofW3))
	}
}

// The instructions, which Go's assembler does not have, take their registers in the
// order of Arm's manual.

func (s *stream) partW1(d, n, m int) {
	s.Word(encode(0xce60c000, d, n, m), fmt.Sprintf("SM3PARTW1 V%d.4S, V%d.4S, V%d.4S", d, n, m))
}

func (s *stream) partW2(d, n, m int) {
	s.Word(encode(0xce60c400, d, n, m), fmt.Sprintf("SM3PARTW2 V%d.4S, V%d.4S, V%d.4S", d, n, m))
}

func (s *stream) ss1(d, n, m, a int) {
	s.Word(encode(0xce400000, d, n, m)|uint32(a)<<10, fmt.Sprintf("SM3SS1 V%d.4S, V%d.4S, V%d.4S, V%d.4S", d, n, m, a))
}

func (s *stream) tt1(j, d, n, m int) { s.tt("SM3TT1", encode(0xce408000, d, n, m), j, d, n, m) }
func (s *stream) tt2(j, d, n, m int) { s.tt("SM3TT2", encode(0xce408800, d, n, m), j, d, n, m) }

// tt ends in A in rounds 0 to 15 and in B in those behind; the word of m is the round's.
func (s *stream) tt(name string, encoding uint32, j, d, n, m int) {
	letter := "A"
	if j >= 16 {
		letter = "B"
		encoding |= 0x400
	}
	lane := j % 4
	s.Word(encoding|uint32(lane)<<12, fmt.Sprintf("%s%s V%d.4S, V%d.4S, V%d.S[%d]", name, letter, d, n, m, lane))
}

func encode(op uint32, d, n, m int) uint32 {
	return op | uint32(m)<<16 | uint32(n)<<5 | uint32(d)
}
