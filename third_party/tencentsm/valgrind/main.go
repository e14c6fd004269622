// Command valgrind goes over the boundary to libTencentSM in every way that
// package sm3cgo does, for valgrind to watch: see make valgrind-tencentsm.
package main

import (
	"bytes"
	"fmt"
	"hash"
	"os"
	"runtime"
	"time"

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
	abandon := len(os.Args) > 1 // streams too, which makes Go collect: see the Makefile
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
		if abandon {
			key.NewMAC().Write(msg[:n])
		}
		reset := key.NewMAC()
		reset.Write(msg[:n])
		reset.Reset()
		for _, s := range []hash.Hash{stream, clone} {
			s.Write(msg[n/2 : n])
			for range 2 { // the library's own MAC, then that of what goes on
				if !bytes.Equal(s.Sum(nil), mac) {
					fmt.Fprintln(os.Stderr, "a streamed MAC is wrong")
					os.Exit(1)
				}
			}
		}
		if !key.Verify(msg[:n], mac) {
			fmt.Fprintln(os.Stderr, "a MAC is wrong")
			os.Exit(1)
		}
	}
	for range 20 { // the library's contexts are freed behind collections
		if abandon {
			runtime.GC()
			time.Sleep(50 * time.Millisecond)
		}
	}
	fmt.Printf("%d MACs in one call and streamed on %s, all right\n", len(msg), key.Backend().Backend)
}
