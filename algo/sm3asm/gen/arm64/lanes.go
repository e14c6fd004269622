package main

import (
	"fmt"
	"math/bits"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

// lanes writes the kernel of 2 x 4 lanes of NEON: word i of four messages shares a
// register, and two groups of four run side by side, instruction by instruction,
// because the rounds of one group alone wait for each other.
//
// The working words live in registers, W on the stack. The processors that this is
// for (Kunpeng 920, Neoverse N1) have two vector pipes, of which one shifts: what
// counts is the number of vector instructions first, then that of shifts.
//   - P0(X) = X ^ X<<<9 ^ X<<<17 = X ^ (X ^ X<<<8)<<<9, and P1 likewise: a rotate by 8 is
//     one byte shuffle, a rotate by 16 one REV32 of half words.
//   - W[j-13]<<<7 goes through the rotate of P1, by 15.
//   - B and F are done with once they are rotated, so that FF and GG may overwrite them:
//     one BIT or BIF needs no copy.
type lanes struct {
	*plain.File
	free []word // registers that hold nothing, by their number in either group
	list *[]instruction
}

// A word is a register of each group: one word of four lanes each.
type word int

func (w word) in(group int) int { return int(w) + groupWords*group }

// reg names the register of a group as an operand of four words.
func (w word) reg(group int, as string) string { return fmt.Sprintf("V%d.%s", w.in(group), as) }

const (
	groupWords = 15 // V0 to V14 and V15 to V29
	rotate8    = "V30"
	constant   = "V31" // T of the round
	row        = 64    // bytes from row to row of v
)

// An instruction waits to be emitted, for both groups.
type instruction func()

func (l *lanes) take() word {
	w := l.free[0]
	l.free = l.free[1:]
	return w
}

func (l *lanes) drop(words ...word) { l.free = append(l.free, words...) }

// op adds an instruction that sees its registers as so many lanes ("S4"): a word is an
// operand of each group, a list of one word a table of VTBL, and the rest is text.
func (l *lanes) op(name, as string, operands ...any) {
	*l.list = append(*l.list, func() {
		for group := range 2 {
			var text []any
			for _, x := range operands {
				switch x := x.(type) {
				case word:
					text = append(text, x.reg(group, as))
				case []word:
					text = append(text, "["+x[0].reg(group, as)+"]")
				default:
					text = append(text, x)
				}
			}
			l.Op(name, text...)
		}
	})
}

func (l *lanes) add(x any, to word)    { l.op("VADD", "S4", x, to, to) }
func (l *lanes) xor(x, y, to word)     { l.op("VEOR", "B16", x, y, to) }
func (l *lanes) swapHalves(x, to word) { l.op("VREV32", "H8", x, to) }
func (l *lanes) bytes(x word, to word) { l.op("VTBL", "B16", rotate8+".B16", []word{x}, to) }
func (l *lanes) rotate(x word, n int, to word) {
	l.op("VSHL", "S4", fmt.Sprintf("$%d", n), x, to)
	l.op("VSRI", "S4", fmt.Sprintf("$%d", 32-n), x, to)
}

// load brings W[j] of both groups, which lie side by side, into a word.
func (l *lanes) load(j int, to word) {
	*l.list = append(*l.list, func() {
		l.Op("FLDPQ", slot(j), fmt.Sprintf("(F%d, F%d)", to.in(0), to.in(1)))
	})
}

func (l *lanes) store(x word, j int) {
	*l.list = append(*l.list, func() {
		l.Op("FSTPQ", fmt.Sprintf("(F%d, F%d)", x.in(0), x.in(1)), slot(j))
	})
}

func slot(j int) string { return fmt.Sprintf("%d(R3)", j%16*32) }

// T of section 4.2, rotated as SS1 needs it.
func T(j int) uint32 {
	if j < 16 {
		return bits.RotateLeft32(0x79cc4519, j)
	}
	return bits.RotateLeft32(0x7a879d8a, j)
}

const ahead = 5 // how many words the expansion is ahead of the rounds

func (l *lanes) blocks() {
	l.Func("blocks8NEON", "(v *[8][16]uint32, blocks *[16]*byte, active uint32)", 16*32+16, 20,
		"blocks8NEON compresses a 64-byte block of each of 8 messages into its chaining",
		"value v[..][lane], where bit lane of active is set.")
	l.Op("MOVD", "v+0(FP)", "R0")
	l.Op("MOVD", "blocks+8(FP)", "R1")
	l.Op("MOVD", "$constants_lanes<>(SB)", "R2")
	l.Comment("W on the stack, where no word of four lanes crosses a cache line.")
	l.Op("MOVD", "$W-528(SP)", "R3")
	l.Op("ADD", "$15", "R3")
	l.Op("AND", "$~15", "R3")
	l.Op("MOVD", "$rotate8_lanes<>(SB)", "R4")
	l.Op("FMOVQ", "(R4)", "F30")
	for w := range word(groupWords) {
		l.drop(w)
	}
	l.Comment("W[0] to W[15]: bytes swapped, words transposed.")
	for lane := range 8 {
		l.Op("MOVD", fmt.Sprintf("%d(R1)", 8*lane), fmt.Sprintf("R%d", 5+lane))
	}
	for quarter := range 4 {
		l.flush(func() { l.transpose(quarter) })
	}
	var x [8]word
	for i := range x {
		x[i] = l.take()
		for group := range 2 {
			l.Op("FMOVQ", fmt.Sprintf("%d(R0)", row*i+16*group), fmt.Sprintf("F%d", x[i].in(group)))
		}
	}
	e := [3]word{l.take(), l.take(), l.take()}
	for j := range 64 {
		l.Comment(fmt.Sprintf("Round %d.", j))
		var round, expansion []instruction
		l.list = &round
		x = l.round(j, x)
		if next := j + ahead; next >= 16 && next < 68 {
			l.list = &expansion
			l.expand(next, e)
		}
		merge(round, expansion)
	}
	l.drop(e[:]...)

	l.Comment("V(i+1) = ABCDEFGH ^ V(i), in the active lanes.")
	l.Op("MOVWU", "active+16(FP)", "R5")
	l.Op("MOVD", "$bits_lanes<>(SB)", "R6")
	l.Op("VDUP", "R5", constant+".S4")
	mask := l.take()
	l.Op("FLDPQ", "(R6)", fmt.Sprintf("(F%d, F%d)", mask.in(0), mask.in(1)))
	l.flush(func() { l.op("VCMTST", "S4", constant+".S4", mask, mask) })
	for i, w := range x {
		t := l.take()
		l.Op("FLDPQ", fmt.Sprintf("%d(R0)", row*i), fmt.Sprintf("(F%d, F%d)", t.in(0), t.in(1)))
		l.flush(func() {
			l.op("VAND", "B16", mask, w, w)
			l.xor(w, t, t)
		})
		l.Op("FSTPQ", fmt.Sprintf("(F%d, F%d)", t.in(0), t.in(1)), fmt.Sprintf("%d(R0)", row*i))
		l.drop(t)
	}
	l.Op("RET")

	var table []uint32
	for j := range 64 {
		table = append(table, T(j), T(j), T(j), T(j))
	}
	l.Table("constants_lanes", table)
	l.Table("rotate8_lanes", []uint32{0x02010003, 0x06050407, 0x0a09080b, 0x0e0d0c0f})
	l.Table("bits_lanes", []uint32{1, 2, 4, 8, 16, 32, 64, 128})
}

// flush emits what f adds at once.
func (l *lanes) flush(f func()) {
	var list []instruction
	l.list = &list
	f()
	merge(list, nil)
}

// merge emits both lists, the instructions of the second spread over the first.
func merge(first, second []instruction) {
	for i, f := range first {
		for _, g := range second[len(second)*i/len(first) : len(second)*(i+1)/len(first)] {
			g()
		}
		f()
	}
}

// transpose brings words 4q to 4q+3 of all lanes into place.
func (l *lanes) transpose(quarter int) {
	var r, t [4]word
	for i := range r {
		r[i] = l.take()
		for group := range 2 {
			l.Op("FMOVQ", fmt.Sprintf("%d(R%d)", 16*quarter, 5+i+4*group), fmt.Sprintf("F%d", r[i].in(group)))
		}
		l.op("VREV32", "B16", r[i], r[i])
	}
	for i := range 4 {
		t[i] = l.take()
		l.op([]string{"VZIP1", "VZIP2"}[i%2], "S4", r[i/2*2+1], r[i/2*2], t[i])
	}
	for i := range 4 {
		l.op([]string{"VZIP1", "VZIP2"}[i%2], "D2", t[2+i/2], t[i/2], r[i])
		l.store(r[i], 4*quarter+i)
	}
	l.drop(r[:]...)
	l.drop(t[:]...)
}

// round is one of section 5.3.3. It returns where the working words are then.
func (l *lanes) round(j int, x [8]word) [8]word {
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	*l.list = append(*l.list, func() { l.Op("FMOVQ", fmt.Sprintf("%d(R2)", 16*j), "F31") })
	r12, ss1, t := l.take(), l.take(), l.take()
	l.rotate(A, 12, r12)
	l.op("VADD", "S4", constant+".S4", E, t)
	l.add(r12, t)
	l.rotate(t, 7, ss1)

	l.load(j, t)
	l.add(t, H)
	w4 := l.take()
	l.load(j+4, w4)
	l.xor(w4, t, t)
	l.add(t, D)
	l.drop(t, w4)

	b, t := l.take(), l.take()
	l.rotate(F, 19, b)
	if j < 16 {
		l.xor(E, F, F)
		l.xor(G, F, F)
	} else {
		l.op("VBIF", "B16", E, G, F) // GG
	}
	l.add(F, H)
	l.add(ss1, H) // TT2
	l.drop(F)
	F = b
	b = l.take()
	l.rotate(B, 9, b)
	if j < 16 {
		l.xor(A, B, B)
		l.xor(C, B, B)
	} else {
		l.xor(A, B, t)
		l.op("VBIT", "B16", t, C, B) // FF: where A and B are not the same, C decides.
	}
	l.add(B, D)
	l.xor(r12, ss1, ss1) // SS2
	l.add(ss1, D)        // TT1
	l.drop(B, t, ss1, r12)
	B = b
	// P0.
	t, u := l.take(), l.take()
	l.bytes(H, t)
	l.xor(H, t, t)
	l.rotate(t, 9, u)
	l.xor(u, H, H)
	l.drop(t, u)
	return [8]word{D, A, B, C, H, E, F, G}
}

// expand puts W[j] into the place of W[j-16]:
//
//	W[j] = P1(X) ^ W[j-13]<<<7 ^ W[j-6], X = W[j-16] ^ W[j-9] ^ W[j-3]<<<15
//	     = X ^ (X ^ (X ^ W[j-13]<<<16)<<<8)<<<15 ^ W[j-6]
func (l *lanes) expand(j int, e [3]word) {
	X, t, u := e[0], e[1], e[2]
	l.load(j-3, t)
	l.rotate(t, 15, X)
	l.load(j-16, t)
	l.xor(t, X, X)
	l.load(j-9, t)
	l.xor(t, X, X)
	l.load(j-13, t)
	l.swapHalves(t, t)
	l.xor(X, t, t)
	l.bytes(t, t)
	l.xor(X, t, t)
	l.rotate(t, 15, u)
	l.load(j-6, t)
	l.xor(t, X, X)
	l.xor(u, X, X)
	l.store(X, j)
}
