// Command riscv64 writes the assembly of package sm3asm for riscv64. Run it by "make
// generate". The letters are those of GB/T 32905-2016.
package main

import (
	"fmt"
	"log"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

func main() {
	s := &stream{File: plain.New("riscv64")}
	s.blocks()
	if err := s.Write("../sm3_riscv64.s", "../stub_riscv64.go"); err != nil {
		log.Fatal(err)
	}
}

// stream writes the kernel of one message with the instructions of Zvksh and Zvkb.
// They work on groups of eight words, big-endian as the message has them: two vector
// registers of 128 bits, or the lower half of wider ones.
type stream struct{ *plain.File }

// A reg is the first of two vector registers.
type reg int

func (r reg) String() string { return fmt.Sprintf("V%d", int(r)) }

const (
	v    reg = 2 // A to H
	last reg = 4 // V(i)
	w0   reg = 6 // eight words of W, and the next eight
	w1   reg = 8
	some reg = 10 // words of W from between
)

// swapBytes is to = x with the bytes of each word swapped.
func (s *stream) swapBytes(x, to reg) {
	s.Word(uint32(0x4a04a057|x<<20|to<<7), fmt.Sprintf("VREV8V %v, %v", x, to))
}

// expand puts the words behind those of x and y into x.
func (s *stream) expand(x, y reg) {
	s.Word(uint32(0x82002077|y<<20|x<<15|x<<7), fmt.Sprintf("VSM3MEVV %v, %v, %v", x, y, x))
}

// rounds is rounds j and j+1, by words 0, 1, 4 and 5 of w.
func (s *stream) rounds(j int, w reg) {
	s.Word(uint32(0xae002077|w<<20|reg(j/2)<<15|v<<7), fmt.Sprintf("VSM3CVI $%d, %v, %v", j/2, w, v))
}

// words sets how the vector instructions see their registers: as so many bits.
func (s *stream) words() { s.Op("VSETIVLI", "$8", "E32", "M2", "TA", "MA", "X0") }
func (s *stream) bytes() { s.Op("VSETVLI", "X8", "E8", "M2", "TA", "MA", "X0") }

func (s *stream) blocks() {
	s.Func("blockZvksh", "(v *[8]uint32, p []byte)", 0, 32,
		"blockZvksh compresses the whole 64-byte blocks of p into v.")
	s.Op("MOV", "v+0(FP)", "X5")
	s.Op("MOV", "p_base+8(FP)", "X6")
	s.Op("MOV", "p_len+16(FP)", "X7")
	s.Op("SRL", "$6", "X7")
	s.Op("BEQZ", "X7", "done")
	s.Op("MOV", "$32", "X8")
	s.words()
	s.Op("VLE32V", "(X5)", v)
	s.swapBytes(v, v)

	s.Label("block")
	s.Op("VMVVV", v, last)
	s.Comment("As bytes: p need not be aligned.")
	s.bytes()
	s.Op("VLE8V", "(X6)", w0)
	s.Op("ADD", "$32", "X6")
	s.Op("VLE8V", "(X6)", w1)
	s.Op("ADD", "$32", "X6")
	s.words()
	x, y := w0, w1
	for j := 0; j < 64; j += 8 {
		s.Comment(fmt.Sprintf("Rounds %d to %d.", j, j+7))
		s.rounds(j, x)
		s.Op("VSLIDEDOWNVI", "$2", x, some)
		s.rounds(j+2, some)
		s.Op("VSLIDEDOWNVI", "$4", x, some)
		s.Op("VSLIDEUPVI", "$4", y, some)
		s.rounds(j+4, some)
		s.Op("VSLIDEDOWNVI", "$2", some, some)
		s.rounds(j+6, some)
		if j < 56 {
			s.expand(x, y)
		}
		x, y = y, x
	}
	s.Comment("V(i+1) = ABCDEFGH ^ V(i).")
	s.Op("VXORVV", last, v, v)
	s.Op("SUB", "$1", "X7")
	s.Op("BNEZ", "X7", "block")

	s.swapBytes(v, v)
	s.Op("VSE32V", v, "(X5)")
	s.Label("done")
	s.Op("RET")
}
