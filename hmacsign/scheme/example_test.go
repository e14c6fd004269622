package scheme_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/exampledialect"
)

// A company's own dialect is a folder in its own module, such as package
// exampledialect: about a hundred lines, which package schemetest holds to the
// contract. Signers and verifiers take it as they take the schemes of this module.
func Example() {
	dialect := exampledialect.Scheme{}
	then := hmacsign.WithClock(func() time.Time { return time.UnixMilli(1615451398250) })
	secret := hmacsign.Secret("acme-secret-0123456789")
	signer, err := hmacsign.NewSigner(dialect, algo.HMACSHA256, hmacsign.Credential{KeyID: "app-1", Secret: secret}, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	req, _ := http.NewRequest("POST", "https://api.example.com/v1/things?b=2&a=1", strings.NewReader(`{"a":1}`))
	req.Header.Set("X-Acme-Nonce", "n-1") // without it, a random one
	if err := signer.Sign(req); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(req.Header.Get("X-Acme-Timestamp"), req.Header.Get("X-Acme-Signature"))

	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(dialect), then)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := verifier.Verify(req)
	fmt.Println(id.KeyID, id.Scheme, err)

	req.URL.RawQuery = "b=3&a=1"
	_, err = verifier.Verify(req)
	fmt.Println(err)
	// Output:
	// 1615451398250 d9127da857c33c439aa8e23d461e0d06fed98b4f23d5a4c32e4cc3d51759ce87
	// app-1 acme <nil>
	// hmacsign: signature does not match
}
