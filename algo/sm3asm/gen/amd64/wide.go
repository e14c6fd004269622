package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// row is the distance in bytes of word i and word i+1 of all lanes in memory, the
// same for both kernels: eight lanes use half of it.
const row = 64

// wide is the kernel of sixteen lanes: word i of every message shares one of the 32
// zmm registers, 16 of which are W and 8 are A to H.
type wide struct {
	W     [16]VecVirtual
	table Mem // T of each round
}

// sum16 writes the whole of a batch: padding, the inner blocks, the outer one.
func sum16(table Mem) {
	TEXT("sum16", 0, "func(macs *[16][32]byte, state *[16][16]uint32, keys *[16]*[16]uint32, msgs *[16][]byte, from, to, outer int)")
	Pragma("noescape")
	Doc("sum16 compresses blocks from, from+1, ..., to-1 of 16 messages, with their padding.",
		"Lane by lane, a message that has ended waits. Block 0 begins with the keys; block",
		"outer, behind those of the longest message, is the last and the outer one, after",
		"which the MACs are stored. A call that does not begin or end there has its chaining",
		"values in state, those of the inner hash and then of the outer one.")
	l := &wide{table: table}
	for i := range l.W {
		l.W[i] = ZMM()
	}
	// What is in memory is aligned to the lines of the cache.
	local := AllocLocal(64 + 16*row + 12*64)
	frame, v, at := GP64(), GP64(), GP64() // at: the block's place in bytes
	LEAQ(local.Offset(63), frame)
	ANDQ(I8(-64), frame)
	MOVQ(frame, v)
	Load(Param("from"), at)
	SHLQ(U8(6), at)
	JZ(LabelRef("keys"))
	state := GP64()
	Load(Param("state"), state)
	for i := range 16 {
		t := ZMM()
		VMOVDQU32(Mem{Base: state, Disp: row * i}, t)
		VMOVDQA32(t, Mem{Base: v, Disp: row * i})
	}
	JMP(LabelRef("begun"))
	Label("keys")
	l.loadKeys(v)
	Label("begun")
	var x [8]VecVirtual
	for i := range x {
		x[i] = ZMM()
		VMOVDQA32(Mem{Base: v, Disp: row * i}, x[i])
	}
	msgs := l.readMessages(Mem{Base: frame, Disp: 16 * row})

	Label("block")
	outer, to := GP64(), GP64()
	Load(Param("outer"), outer)
	SHLQ(U8(6), outer)
	CMPQ(at, outer)
	JEQ(LabelRef("outer"))
	active, last := K(), K()
	l.load(msgs, at, active, last)
	JMP(LabelRef("rounds"))

	Label("outer")
	for i := range 8 {
		VMOVDQU32(Mem{Base: v, Disp: row * i}, l.W[i])
	}
	padding := GLOBL("outer_block_end", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32([8]uint32{0: 1 << 31, 7: (64 + 32) * 8}[i]))
		VPBROADCASTD(padding.Offset(4*i), l.W[8+i])
	}
	LEAQ(Mem{Base: frame, Disp: 8 * row}, v)
	KXNORW(active, active, active)
	for i := range x {
		VMOVDQA32(Mem{Base: v, Disp: row * i}, x[i])
	}

	Label("rounds")
	y := l.rounds(x)

	Comment("V(i+1) = ABCDEFGH ^ V(i), in the active lanes.")
	// All lanes are stored, the others as they were: a store under a mask is slow
	// on some processors, and what is loaded behind it waits.
	for i := range x {
		m := Mem{Base: v, Disp: row * i}
		t := ZMM()
		VMOVDQA32(m, t)
		VPXORD(y[i], t, active, t)
		VMOVDQA32(t, m)
		VMOVDQA32(t, x[i])
	}
	Load(Param("outer"), outer)
	SHLQ(U8(6), outer)
	CMPQ(at, outer)
	JEQ(LabelRef("macs"))
	ADDQ(U8(64), at)
	Load(Param("to"), to)
	SHLQ(U8(6), to)
	CMPQ(at, to)
	JB(LabelRef("block"))

	Comment("The rest is for the next call, whose frame lies where this one does.")
	Load(Param("state"), state)
	for i := range 16 {
		t := ZMM()
		VMOVDQA32(Mem{Base: frame, Disp: row * i}, t)
		VMOVDQU32(t, Mem{Base: state, Disp: row * i})
	}
	VZEROUPPER()
	RET()

	Label("macs")
	macs := GP64()
	Load(Param("macs"), macs)
	storeMACs(Mem{Base: macs}, Mem{Base: v}, 16)
	VZEROUPPER()
	RET()
}

// loadKeys brings word i of the keys into rows[i].
func (l *wide) loadKeys(rows Register) {
	keys := GP64()
	Load(Param("keys"), keys)
	var r [16]VecVirtual
	for i := range r {
		p := GP64()
		MOVQ(Mem{Base: keys, Disp: 8 * i}, p)
		r[i] = ZMM()
		VMOVDQU32(Mem{Base: p}, r[i])
	}
	transpose16(r, r)
	for i, w := range r {
		VMOVDQU32(w, Mem{Base: rows, Disp: row * i})
	}
}

// messages is where the kernel keeps what it knows of each lane.
type messages struct {
	start, length     Mem // 8 bytes a lane
	bitsHigh, bitsLow Mem // 4 bytes a lane: the length in bits, as padding has it
	// Of the block at hand, 8 bytes a lane: where it is, which bytes are the
	// message's, and what of the table end to add.
	p, mask, end Mem
}

// readMessages takes the slices apart: of every three words of 8 bytes, which a
// slice is, the first is where it begins and the second its length.
func (l *wide) readMessages(m Mem) *messages {
	f := &messages{m, m.Offset(128), m.Offset(256), m.Offset(320), m.Offset(384), m.Offset(512), m.Offset(640)}
	msgs := GP64()
	Load(Param("msgs"), msgs)
	var length [2]VecVirtual
	for word, to := range []Mem{f.start, f.length} {
		// Eight lanes lie in three registers: places in the first two, and then
		// in what came of them and the third.
		first := table64(fmt.Sprint("slice_word_", word), func(lane int) int { return (3*lane + word) % 16 })
		then := table64(fmt.Sprint("slice_word_", word, "_then"), func(lane int) int {
			if i := 3*lane + word; i >= 16 {
				return 8 + i - 16
			}
			return lane
		})
		places := ZMM()
		VMOVDQU64(then, places)
		for half := range 2 {
			x, from := ZMM(), ZMM()
			VMOVDQU64(Mem{Base: msgs, Disp: 192 * half}, from)
			VMOVDQU64(first, x)
			VPERMI2Q(Mem{Base: msgs, Disp: 192*half + 64}, from, x)
			VPERMT2Q(Mem{Base: msgs, Disp: 192*half + 128}, places, x)
			VMOVDQU64(x, to.Offset(64*half))
			length[half] = x
		}
	}
	// The length in bits counts the key block.
	block := broadcast(64)
	for half, n := range length {
		l, h := YMM(), YMM()
		VPADDQ(block, n, n)
		VPSLLQ(U8(3), n, n)
		VPMOVQD(n, l)
		VPSRLQ(U8(32), n, n)
		VPMOVQD(n, h)
		VMOVDQU(l, f.bitsLow.Offset(32*half))
		VMOVDQU(h, f.bitsHigh.Offset(32*half))
	}
	return f
}

func broadcast(n int64) VecVirtual {
	r, z := GP64(), ZMM()
	MOVQ(I64(n), r)
	VPBROADCASTQ(r, z)
	return z
}

// table64 is a table of eight words of 8 bytes.
func table64(name string, f func(i int) int) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(f(i)))
	}
	return m
}

// load brings W[0] to W[15] of the blocks at `at` into place, padded. Lanes that have
// such a block are active.
//
// With n bytes of a message left, n below 0 in the second of two blocks of padding,
// the block is what a mask of n bits lets through, and 0x80 behind it, which is what
// stands 64-n bytes behind the beginning of the table. A load under a mask reads
// nothing else; where all is masked it is sent to the table, because a processor is
// slow to find that a page that is not there does not matter.
func (l *wide) load(f *messages, at Register, active, last Register) {
	end := GLOBL("end_of_message", RODATA|NOPTR)
	for i := 0; i < 136; i += 8 {
		DATA(i, U64(map[int]uint64{64: 0x80}[i]))
	}
	place := ZMM()
	VPBROADCASTQ(at, place)
	size, ends, twice := broadcast(64), broadcast(56), broadcast(-8)
	whole := K()
	halves := [3][2]Register{}
	var left [2]VecVirtual
	for half := range left {
		left[half] = ZMM()
		VMOVDQU64(f.length.Offset(64*half), left[half])
		VPSUBQ(place, left[half], left[half])
		for i, limit := range []VecVirtual{size, twice, ends} {
			k := K()
			VPCMPQ(U8(5), limit, left[half], k) // not less
			halves[i][half] = k
		}
	}
	KUNPCKBW(halves[0][0], halves[0][1], whole)
	KUNPCKBW(halves[1][0], halves[1][1], active)
	KUNPCKBW(halves[2][0], halves[2][1], last)
	KNOTW(last, last)
	KORTESTW(whole, whole)
	JCC(LabelRef("padded"))

	r := l.W
	for i := range r {
		p := GP64()
		MOVQ(f.start.Offset(8*i), p)
		VMOVDQU32(Mem{Base: p, Index: at, Scale: 1}, r[i])
	}
	JMP(LabelRef("loaded"))

	Label("padded")
	one, table, ones := broadcast(-1), GP64(), ZMM()
	LEAQ(end, table)
	nothing := ZMM()
	VPBROADCASTQ(table, nothing)
	VPTERNLOGD(U8(0xff), ones, ones, ones)
	for half, n := range left {
		p, mask, none := ZMM(), ZMM(), K()
		VPMINSQ(size, n, n)
		VPMAXSQ(one, n, n)
		VPSUBQ(n, size, n)
		VPSRLVQ(n, ones, mask)
		VPADDQ(f.start.Offset(64*half), place, p)
		VPTESTNMQ(mask, mask, none)
		VMOVDQA64(nothing, none, p)
		VPADDQ(n, nothing, n)
		VMOVDQU64(p, f.p.Offset(64*half))
		VMOVDQU64(mask, f.mask.Offset(64*half))
		VMOVDQU64(n, f.end.Offset(64*half))
	}
	for i := range r {
		p, end, mask := GP64(), GP64(), K()
		MOVQ(f.p.Offset(8*i), p)
		KMOVQ(f.mask.Offset(8*i), mask)
		MOVQ(f.end.Offset(8*i), end)
		VMOVDQU8_Z(Mem{Base: p}, mask, r[i])
		VPORD(Mem{Base: end}, r[i], r[i])
	}

	Label("loaded")
	swap := ZMM()
	VBROADCASTI32X4(swapMask, swap)
	for i := range r {
		VPSHUFB(swap, r[i], r[i])
	}
	transpose16(r, l.W)
	VPORD(f.bitsHigh, l.W[14], last, l.W[14])
	VPORD(f.bitsLow, l.W[15], last, l.W[15])
}

// rounds are those of section 5.3.3. What does not wait for SS1 is added before it,
// and W[j+8] is computed in round j. The order was found by trying: it decides which
// of their ports the rotations get.
func (l *wide) rounds(x [8]VecVirtual) [8]VecVirtual {
	A, B, C, D, E, F, G, H := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	for j := range 64 {
		Commentf("Round %d.", j)
		r12, ss1, wp := ZMM(), ZMM(), ZMM()
		nextC, nextG, p9, p17 := ZMM(), ZMM(), ZMM(), ZMM()
		w := l.W[j%16]
		VPXORD(w, l.W[(j+4)%16], wp)
		VPADDD(w, H, H)
		VPADDD(wp, D, D)
		expand := func() {}
		if 16 <= j+8 && j+8 < 68 {
			expand = l.expand(j + 8)
		}
		VPROLD(U8(12), A, r12)
		VPROLD(U8(9), B, nextC)
		VPADDD_BCST(l.table.Offset(4*j), r12, ss1)
		VPADDD(E, ss1, ss1)
		VPROLD(U8(19), F, nextG)
		// FF and GG take the place of B and F.
		ff, gg := 0x96, 0x96
		if j >= 16 {
			ff, gg = 0xe8, 0xe2 // A&B | A&C | B&C, E&F | ~E&G
		}
		VPTERNLOGD(U8(ff), C, A, B)
		VPTERNLOGD(U8(gg), G, E, F)
		VPADDD(F, H, H)
		VPROLD(U8(7), ss1, ss1)
		VPADDD(ss1, H, H) // TT2
		VPXORD(r12, ss1, ss1)
		VPADDD(B, D, D)
		VPROLD(U8(9), H, p9)
		VPROLD(U8(17), H, p17)
		VPTERNLOGD(U8(0x96), p9, p17, H) // P0
		VPADDD(ss1, D, D)                // TT1
		expand()
		A, B, C, D, E, F, G, H = D, A, nextC, C, H, E, nextG, G
	}
	return [8]VecVirtual{A, B, C, D, E, F, G, H}
}

// expand begins to put W[j] into the place of W[j-16], and returns what ends it:
//
//	W[j] = P1(W[j-16] ^ W[j-9] ^ W[j-3]<<<15) ^ W[j-13]<<<7 ^ W[j-6]
func (l *wide) expand(j int) func() {
	w, r15 := l.W[j%16], ZMM()
	VPROLD(U8(15), l.W[(j-3)%16], r15)
	return func() {
		a, b, c := ZMM(), ZMM(), ZMM()
		VPTERNLOGD(U8(0x96), l.W[(j-9)%16], r15, w)
		VPROLD(U8(15), w, a)
		VPROLD(U8(23), w, b)
		VPTERNLOGD(U8(0x96), a, b, w)
		VPROLD(U8(7), l.W[(j-13)%16], c)
		VPTERNLOGD(U8(0x96), l.W[(j-6)%16], c, w)
	}
}
