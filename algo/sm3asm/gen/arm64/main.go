// Command arm64 writes the assembly of package sm3asm for arm64. Run it by "make
// generate".
//
// The letters are those of GB/T 32905-2016: V is the chaining value, A to H the
// working words, W and W' (Wp here) the expanded message, T the constants, FF,
// GG, P0, P1, SS1, SS2, TT1 and TT2 the functions and intermediate words of
// sections 4.3, 4.4 and 5.3.3.
package main

import (
	"log"
	"slices"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

func main() {
	f := plain.New("arm64")
	tables(f)
	(&scalar{File: f}).block("blockNEON")
	oneStream(f, "blockSM3")
	twoStreams(f, "blocks2SM3")
	write(f, "../sm3_arm64.s", "../stub_arm64.go")
	l := &lanes{File: plain.New("arm64")}
	l.blocks()
	write(l.File, "../lanes_arm64.s", "../lanes_stub_arm64.go")
}

func write(f *plain.File, asm, stubs string) {
	if err := f.Write(asm, stubs); err != nil {
		log.Fatal(err)
	}
}

// tables writes T behind three words of nothing, so that 16 bytes from 4*j on have T[j]
// in their last lane, and what VTBL picks.
func tables(f *plain.File) {
	words := make([]uint32, 3, 67)
	for j := range 64 {
		words = append(words, T(j))
	}
	f.Table("constants", words)
	f.Table("shuffles", slices.Concat(
		bytesOf(8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25, 26, 27), // pickS
		bytesOf(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14),         // rotateBy8
		bytesOf(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12),         // rotateBy24
	))
}

// bytesOf makes the words of a table from the order of bytes that VTBL shall pick.
func bytesOf(order ...byte) []uint32 {
	words := make([]uint32, len(order)/4)
	for i, b := range order {
		words[i/4] |= uint32(b) << (i % 4 * 8)
	}
	return words
}
