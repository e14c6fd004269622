// Command valgrind goes over the boundary to libTencentSM in every way that
// package sm3cgo does, for valgrind to watch: see make valgrind-tencentsm.
package main

import (
	"bytes"
	"fmt"
	"hash"
	"os"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
)

func main() {
	if !sm3cgo.Enabled {
		fmt.Fprintln(os.Stderr, "built without the tag tencentsm: there is no boundary to watch")
		os.Exit(1)
	}
	key, err := algo.NewKey(algo.HMACSM3, []byte("a secret"), algo.WithBackend(sm3cgo.Linked().Backend))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	msg := bytes.Repeat([]byte("message "), 100)
	for n := range len(msg) {
		mac := key.Sum(nil, msg[:n])
		stream := key.NewMAC()
		stream.Write(msg[:n/2])
		clone, err := stream.(hash.Cloner).Clone()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		key.NewMAC().Write(msg[:n]) // abandoned
		clone.Write(msg[n/2 : n])
		if !bytes.Equal(clone.Sum(nil), mac) || !key.Verify(msg[:n], mac) {
			fmt.Fprintln(os.Stderr, "a MAC is wrong")
			os.Exit(1)
		}
	}
	fmt.Printf("%d MACs in one call and streamed on %s, all right\n", len(msg), key.Backend().Backend)
}
