// Command resty is a client on resty that asks for a URL all along. The secret is that of
// a key in a keys file, which it follows: after a rotation it signs with the new one.
//
//	go run ./resty -keys keys.json -key-id app-1 -every 10s http://127.0.0.1:8080/
package main

import (
	"crypto/rand"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

func main() {
	keysFile := flag.String("keys", "keys.json", "keys file")
	keyID := flag.String("key-id", "", "key in it to sign with")
	every := flag.Duration("every", 10*time.Second, "pause between requests")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("name one URL, behind the flags")
	}
	keys, err := hmacsign.OpenKeys(*keysFile, func(err error) {
		if err != nil {
			log.Print("the keys before stay: ", err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := newClient(hmacsign.KeyCredentials(keys, *keyID))
	if err != nil {
		log.Fatal(err)
	}
	for {
		if resp, err := client.R().Get(flag.Arg(0)); err != nil {
			log.Print(err)
		} else {
			log.Print(resp.Status(), " ", resp)
		}
		time.Sleep(*every)
	}
}

// newClient is a client that signs each try of a request anew, because resty retries above
// its transport. Each try has an id of its own, which is signed: two requests that are
// alike to the second have one signature, and servers with a replay guard take it once.
func newClient(credentials hmacsign.CredentialProvider) (*resty.Client, error) {
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{},
		hmacsign.WithCredentials(credentials), hmacsign.WithSignedHeaders("x-request-id"))
	if err != nil {
		return nil, err
	}
	return resty.New().
		SetTransport(signer.Transport(nil)).
		SetTimeout(30 * time.Second).
		SetRetryCount(2).
		AddRetryCondition(func(resp *resty.Response, err error) bool {
			return err == nil && resp.StatusCode() == http.StatusServiceUnavailable
		}).
		OnBeforeRequest(func(_ *resty.Client, req *resty.Request) error {
			req.SetHeader("X-Request-Id", rand.Text())
			return nil
		}), nil
}
