package main

import (
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

func runMAC(c *command, args []string, streams *streams) error {
	fs := new(flag.FlagSet)
	algorithm := fs.String("algorithm", "", "`NAME`: hmac-sha1, hmac-sha256 or hmac-sm3")
	backend := fs.String("backend", "", "`NAME` of the backend that must compute it")
	keyEnv := fs.String("key-env", "", "`NAME` of the environment variable with the key")
	keyFile := fs.String("key-file", "", "`PATH` of a file with the key, one newline at its end left out")
	keyHex := fs.String("key-hex", "", "the key in `HEX`; everyone on this machine can read it in the process list: for test vectors")
	positional, err := c.parse(fs, args, streams, 1)
	if err != nil {
		return err
	}
	if *algorithm == "" {
		return usagef("mac: name an algorithm with --algorithm")
	}
	var key []byte
	sources := 0
	for _, s := range []string{*keyEnv, *keyFile, *keyHex} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return usagef("mac: give the key with one of --key-env, --key-file and --key-hex")
	case *keyEnv != "":
		key = []byte(os.Getenv(*keyEnv))
	case *keyFile != "":
		secret, err := hmacsign.ReadSecretFile(*keyFile)
		if err != nil {
			return err
		}
		key = []byte(secret.Reveal())
	default:
		if key, err = hex.DecodeString(*keyHex); err != nil {
			return usagef("mac: --key-hex is not hex") // without the value
		}
	}
	var opts []algo.Option
	if *backend != "" {
		opts = append(opts, algo.WithBackend(*backend))
	}
	k, err := algo.NewKey(*algorithm, key, opts...)
	clear(key)
	if err != nil {
		return err
	}
	defer k.Destroy()
	f, err := streams.open(positional)
	if err != nil {
		return err
	}
	defer f.Close()
	mac := k.NewMAC()
	if _, err := io.Copy(mac, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.out, "%x\n", mac.Sum(nil))
	return err
}
