package httptext_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

var then = hmacsign.WithClock(func() time.Time { return time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC) })

// A curl command, signed, and as a command again.
func Example() {
	text, err := httptext.Parse([]byte(`curl -A '' -d name=li 'http://service.example.com/v1/users'`))
	if err != nil {
		fmt.Println(err) // says what to do
		return
	}
	for _, note := range text.Notes {
		fmt.Println("note:", note.In("en"))
	}
	req, err := text.HTTP()
	if err != nil {
		fmt.Println(err)
		return
	}
	cred := hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSHA256, cred, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := signer.Sign(req); err != nil {
		fmt.Println(err)
		return
	}
	signed, err := httptext.FromHTTP(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(signed.Curl())
	// Output:
	// note: curl adds Accept: */*
	// note: curl sends -d as a form: it adds Content-Type: application/x-www-form-urlencoded
	// curl -q --globoff --path-as-is -X 'POST' \
	//   -H 'User-Agent:' \
	//   -H 'Accept: */*' \
	//   -H 'Authorization: hmac id="app-1", algorithm="hmac-sha256", headers="x-date", signature="DxJENiJgqwn4pckfNLn303xU1rznk4vwSy0c37d6MTQ="' \
	//   -H 'Content-Type: application/x-www-form-urlencoded' \
	//   -H 'X-Date: Thu, 11 Mar 2021 08:29:58 GMT' \
	//   --data-raw 'name=li' \
	//   'http://service.example.com/v1/users'
}

// A request that was refused, as curl or a browser has it: is it signed, and if not, why?
func ExampleRequest_Wire() {
	const command = `curl 'http://service.example.com/v1/users?page=2' -A example \
  -H 'Accept: application/json' \
  -H 'Authorization: hmac id="app-1", algorithm="hmac-sha256", headers="x-date", signature="wjQsq5KrIFBeWwNkVYk3sVAferqqGnhyAfLR3MCr7Pc="' \
  -H 'X-Date: Thu, 11 Mar 2021 08:29:58 GMT'`
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithExplanations(), then)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{command, strings.Replace(command, "application/json", "*/*", 1)} {
		req, err := httptext.Parse([]byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = verifier.VerifyWire(context.Background(), req.Wire())
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			fmt.Println(err)
			fmt.Println(refused.Explanation)
			continue
		}
		fmt.Println("accepted")
	}
	// Output:
	// accepted
	// hmacsign: signature does not match
	// The client signed another Accept than was sent: set it explicitly. (other_accept)
	// The client signed (-), the server expects (+):
	// - "application/json"
	// + "*/*"
}

// What cannot be had from a text is an error with a stable code, and with what to do.
func ExampleError() {
	_, err := httptext.Parse([]byte(`curl -d @users.json http://service.example.com/v1/users`))
	var e *httptext.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, errors.Is(err, httptext.ErrUnsupported))
		fmt.Println(e.In("en"))
		fmt.Println(e.In("zh"))
	}
	// Output:
	// curl_file true
	// "users.json" is a file, which is not read here: put its content into the command
	// "users.json" 是文件，此处不读取文件：请把其内容写入命令
}
