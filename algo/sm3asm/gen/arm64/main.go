// Command arm64 writes the assembly of package sm3asm for arm64.
package main

import (
	"log"

	"github.com/gmhmac/hmacsign/algo/sm3asm/gen/plain"
)

func main() {
	l := &lanes{File: plain.New("arm64")}
	l.blocks()
	if err := l.Write("../lanes_arm64.s", "../lanes_stub_arm64.go"); err != nil {
		log.Fatal(err)
	}
}
