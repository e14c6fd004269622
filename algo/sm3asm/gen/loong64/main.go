// Command loong64 writes the assembly of package sm3asm for loong64. Run it by "make
// generate". The letters are those of GB/T 32905-2016.
package main

import (
	"log"
	"math/bits"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

func main() {
	f := plain.New("loong64")
	var table []uint32
	for j := range 64 {
		table = append(table, T(j))
	}
	f.Table("constants", table)
	(&stream{File: f}).blocks()
	(&lanes{File: f}).blocks()
	if err := f.Write("../sm3_loong64.s", "../stub_loong64.go"); err != nil {
		log.Fatal(err)
	}
}

// T of section 4.2, rotated as SS1 needs it.
func T(j int) uint32 {
	if j < 16 {
		return bits.RotateLeft32(0x79cc4519, j)
	}
	return bits.RotateLeft32(0x7a879d8a, j)
}
