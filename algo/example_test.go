package algo_test

import (
	"errors"
	"fmt"

	"github.com/gmhmac/hmacsign/algo"
)

// GM/T 0042-2015 D.3 example 4.
func ExampleNewKey() {
	key, err := algo.NewKey(algo.HMACSM3, []byte("Jefe"))
	if err != nil {
		fmt.Println(err)
		return
	}
	message := []byte("what do ya want for nothing?")
	mac := key.Sum(nil, message)
	fmt.Printf("%x\n%v\n", mac, key.Verify(message, mac))
	// Output:
	// 2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882
	// true
}

// A backend asked for by name runs, or there is an error.
func ExampleWithBackend() {
	_, err := algo.NewKey(algo.HMACSM3, []byte("Jefe"), algo.WithBackend("nonesuch"))
	fmt.Println(errors.Is(err, algo.ErrUnknownBackend))
	// Output: true
}

// A server that verifies what strangers send asks for an error, not for a panic.
func ExampleKey_VerifyErr() {
	key, err := algo.NewKey(algo.HMACSM3, []byte("Jefe"))
	if err != nil {
		fmt.Println(err)
		return
	}
	switch err := key.VerifyErr([]byte("a message"), []byte("no MAC")); {
	case errors.Is(err, algo.ErrMismatch):
		fmt.Println("refused")
	case errors.Is(err, algo.ErrBackendUnavailable):
		fmt.Println("try again later")
	}
	// Output: refused
}

// A self-test on demand: before a deployment goes on, or every hour.
func ExampleSelfTest() {
	for _, algorithm := range algo.Algorithms() {
		if err := algo.SelfTest(algorithm); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
}
