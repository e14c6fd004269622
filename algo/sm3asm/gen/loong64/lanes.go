package main

import (
	"fmt"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

// lanes writes the kernel of eight lanes of LASX: word i of every message shares a
// register. W lives in 16 of the 32 registers and A to H in 8.
type lanes struct {
	*plain.File
	W    [16]reg
	free []reg // registers that hold nothing
}

// A reg is a vector register.
type reg int

func (r reg) String() string { return fmt.Sprintf("X%d", int(r)) }

const row = 64 // bytes from row to row of v

func (l *lanes) take() reg {
	r := l.free[0]
	l.free = l.free[1:]
	return r
}

func (l *lanes) drop(regs ...reg) { l.free = append(l.free, regs...) }

func (l *lanes) add(x, to reg)               { l.Op("XVADDW", x, to) }
func (l *lanes) xor(x, y, to reg)            { l.Op("XVXORV", x, y, to) }
func (l *lanes) rotate(x reg, n int, to reg) { l.Op("XVROTRW", fmt.Sprintf("$%d", 32-n), x, to) }

// join puts the lower half of high into the upper half of to: XVPERMIQ, which Go's
// assembler has since 1.26.
func (l *lanes) join(high, to reg) {
	l.Word(uint32(0x77ec0000|0x02<<10|high<<5|to), fmt.Sprintf("XVPERMIQ $0x02, %v, %v", high, to))
}

// loadT is to = T of round j in every lane: XVMOVQ 4*j(R6), X.W8, since 1.26 too.
func (l *lanes) loadT(j int, to reg) {
	l.Word(uint32(0x32200000|reg(j)<<10|6<<5|to), fmt.Sprintf("XVMOVQ %d(R6), %v.W8", 4*j, to))
}

// choose is to = mask&x | ^mask&y: XVBITSELV, which Go's assembler does not have.
func (l *lanes) choose(mask, x, y, to reg) {
	l.Word(uint32(0x0d200000|mask<<15|x<<10|y<<5|to), fmt.Sprintf("XVBITSELV %v, %v, %v, %v", mask, x, y, to))
}

func (l *lanes) blocks() {
	l.Func("blocks8LASX", "(v *[8][16]uint32, blocks *[16]*byte, active uint32)", 0, 20,
		"blocks8LASX compresses a 64-byte block of each of 8 messages into its chaining",
		"value v[..][lane], where bit lane of active is set.")
	l.Op("MOVV", "v+0(FP)", "R4")
	l.Op("MOVV", "blocks+8(FP)", "R5")
	l.Op("MOVV", "$constants<>(SB)", "R6")
	for r := range reg(32) {
		l.drop(r)
	}
	l.Comment("W[0] to W[15]: bytes swapped, words transposed.")
	for lane := range 8 {
		l.Op("MOVV", fmt.Sprintf("%d(R5)", 8*lane), fmt.Sprintf("R%d", 8+lane))
	}
	for quarter := range 4 {
		l.transpose(quarter)
	}
	var x [8]reg
	for i := range x {
		x[i] = l.take()
		l.Op("XVMOVQ", fmt.Sprintf("%d(R4)", row*i), x[i])
	}
	for j := range 64 {
		l.Comment(fmt.Sprintf("Round %d.", j))
		if j >= 12 {
			l.expand(j + 4)
		}
		x = l.round(j, x)
	}

	l.Comment("V(i+1) = ABCDEFGH ^ V(i), in the active lanes.")
	mask, t := l.take(), l.take()
	l.Op("MOVV", "$lane_bits<>(SB)", "R6")
	l.Op("MOVWU", "active+16(FP)", "R7")
	l.Op("XVMOVQ", "(R6)", t)
	l.Op("XVMOVQ", "R7", mask.String()+".W8")
	l.Op("XVANDV", t, mask)
	l.Op("XVSEQW", t, mask, mask)
	for i, r := range x {
		l.Op("XVMOVQ", fmt.Sprintf("%d(R4)", row*i), t)
		l.Op("XVANDV", mask, r)
		l.xor(r, t, t)
		l.Op("XVMOVQ", t, fmt.Sprintf("%d(R4)", row*i))
	}
	l.Op("RET")
	l.Table("lane_bits", []uint32{1, 2, 4, 8, 16, 32, 64, 128})
}

// transpose brings words 4q to 4q+3 of all lanes into place: those of lanes 0 to 3 are
// the lower half of a register.
func (l *lanes) transpose(quarter int) {
	var r, t [4]reg
	for i := range r {
		r[i] = l.take()
		high := l.take()
		for lane, to := range []reg{r[i], high} {
			l.Op("VMOVQ", fmt.Sprintf("%d(R%d)", 16*quarter, 8+i+4*lane), fmt.Sprintf("V%d", int(to)))
		}
		l.join(high, r[i])
		l.Op("XVSHUF4IB", "$0x1b", r[i], r[i])
		l.drop(high)
	}
	for i := range t {
		t[i] = l.take()
		l.Op([]string{"XVILVLW", "XVILVHW"}[i%2], r[i/2*2], r[i/2*2+1], t[i])
	}
	for i := range r {
		l.Op([]string{"XVILVLV", "XVILVHV"}[i%2], t[i/2], t[2+i/2], r[i])
	}
	copy(l.W[4*quarter:], r[:])
	l.drop(t[:]...)
}

// round is one of section 5.3.3. It returns where the working words are then.
func (l *lanes) round(j int, x [8]reg) [8]reg {
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	r12, ss1, t, u := l.take(), l.take(), l.take(), l.take()
	l.loadT(j, ss1)
	l.rotate(A, 12, r12)
	l.add(E, ss1)
	l.add(l.W[j%16], H)
	l.xor(l.W[j%16], l.W[(j+4)%16], t)
	l.add(r12, ss1)
	l.add(t, D)
	if j < 16 {
		l.xor(A, B, t)
		l.xor(E, F, u)
		l.xor(C, t, t)
		l.xor(G, u, u)
	} else {
		l.xor(A, B, t)
		l.choose(E, F, G, u) // GG
		l.choose(t, C, A, t) // FF: where A and B are not the same, C decides.
	}
	l.rotate(ss1, 7, ss1)
	l.add(u, H)
	l.add(t, D)
	l.xor(ss1, r12, r12) // SS2
	l.add(ss1, H)        // TT2
	l.add(r12, D)        // TT1
	l.rotate(H, 9, t)
	l.rotate(H, 17, u)
	l.rotate(B, 9, B)
	l.rotate(F, 19, F)
	l.xor(t, H, H)
	l.xor(u, H, H) // P0
	l.drop(r12, ss1, t, u)
	return [8]reg{D, A, B, C, H, E, F, G}
}

// expand puts W[j] into the place of W[j-16]:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (l *lanes) expand(j int) {
	w := l.W[j%16]
	a, b := l.take(), l.take()
	l.rotate(l.W[(j-3)%16], 15, a)
	l.xor(l.W[(j-9)%16], w, w)
	l.xor(a, w, w)
	l.rotate(w, 15, a)
	l.rotate(w, 23, b)
	l.xor(a, w, w)
	l.xor(b, w, w) // P1
	l.rotate(l.W[(j-13)%16], 7, a)
	l.xor(l.W[(j-6)%16], w, w)
	l.xor(a, w, w)
	l.drop(a, b)
}
