// Command scanner prints the HMAC-SM3 of each line of standard input as a careful
// user of emmansun/gmsm would write it: a kept hmac.Hash, Reset for each line.
package main

import (
	"bufio"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/emmansun/gmsm/sm3"
)

func main() {
	key, err := hex.DecodeString(os.Args[1])
	if err == nil {
		err = printMACs(key)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scanner:", err)
		os.Exit(1)
	}
}

func printMACs(key []byte) error {
	mac := hmac.New(sm3.New, key)
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	var sum, line []byte
	for in.Scan() {
		mac.Reset()
		mac.Write(in.Bytes())
		sum = mac.Sum(sum[:0])
		line = append(hex.AppendEncode(line[:0], sum), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return out.Flush()
}
