package hmacsign_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

var then = hmacsign.WithClock(func() time.Time { return time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC) })

// The worked example of the vendor's documentation.
func ExampleSigner_StringToSign() {
	cred := hmacsign.Credential{KeyID: "APIDexample", Secret: hmacsign.Secret("example")}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, cred, then, hmacsign.WithSignedHeaders("source"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req, _ := http.NewRequest("POST", "http://service.example.com/", strings.NewReader("p=test"))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Source", "apigw test")
	text, err := signer.StringToSign(req)
	fmt.Printf("%q %v\n", text, err)
	// Output: "source: apigw test\nx-date: Thu, 11 Mar 2021 08:29:58 GMT\nPOST\napplication/json\napplication/x-www-form-urlencoded\n\n/?p=test" <nil>
}

func ExampleSigner_Sign() {
	cred := hmacsign.Credential{KeyID: "APIDexample", Secret: hmacsign.Secret("example")}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSHA256, cred, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	req, _ := http.NewRequest("GET", "http://service.example.com/release/v1/users?page=2", nil)
	if err := signer.Sign(req); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(req.Header.Get("X-Date"))
	fmt.Println(req.Header.Get("Authorization"))
	// Output:
	// Thu, 11 Mar 2021 08:29:58 GMT
	// hmac id="APIDexample", algorithm="hmac-sha256", headers="x-date", signature="vo6uFYlpQAhvl8o2Y/ppGv1O0kPWXUwpikVRV6aWdRs="
}

// Explain signs as Sign does, and tells what was signed.
func ExampleSigner_Explain() {
	cred := hmacsign.Credential{KeyID: "AKexample", Secret: hmacsign.Secret("example")}
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSHA256, cred, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	req, _ := http.NewRequest("GET", "https://service.example.com/v1/users?page=2", nil)
	signing, err := signer.Explain(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(signing.Date)
	fmt.Println(signing.CanonicalRequest)
	fmt.Println("--")
	fmt.Println(signing.StringToSign)
	fmt.Println("--")
	for _, header := range signing.Headers {
		fmt.Println(header.Name)
	}
	fmt.Println(strings.HasSuffix(req.Header.Get("Authorization"), "Signature="+signing.Signature))
	// Output:
	// 2021-03-11 08:29:58 +0000 UTC
	// GET
	// /v1/users/
	// page=2
	// host:service.example.com
	// x-sdk-date:20210311T082958Z
	//
	// host;x-sdk-date
	// e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	// --
	// SDK-HMAC-SHA256
	// 20210311T082958Z
	// 588d1ed1248137629c6aea76b5795acdcfa6be285ac3ffaf5263398414833a71
	// --
	// X-Sdk-Date
	// Authorization
	// true
}

// A client and a server: the transport signs, the middleware verifies.
func Example() {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmacsign.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s says %s", id.KeyID, body)
	})))
	defer server.Close()

	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: signer.Transport(nil)}
	resp, err := client.Post(server.URL+"/hello", "text/plain", strings.NewReader("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(answer))
	// Output: 200 app-1 says hello
}

// What a refusal tells: the reason to branch on, and the details for the log.
func ExampleVerifyError() {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example"), Algorithms: []string{algo.HMACSM3}})
	verifier, _ := hmacsign.NewVerifier(keys, then)
	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSHA1, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, then)
	req, _ := http.NewRequest("GET", "http://service.example.com/", nil)
	signer.Sign(req)

	_, err := verifier.Verify(req)
	var refused *hmacsign.VerifyError
	fmt.Println(errors.Is(err, hmacsign.ErrAlgorithm), errors.As(err, &refused))
	fmt.Println(refused.Code(), refused.KeyID, refused.Algorithm)
	fmt.Println(err)
	// Output:
	// true true
	// algorithm app-1 hmac-sha1
	// hmacsign: algorithm not supported: the key is for hmac-sm3
}
