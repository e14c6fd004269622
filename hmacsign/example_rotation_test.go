package hmacsign_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// vaultCredentials holds what a service for secrets said last. Its Refresh is for a
// goroutine beside the requests, which get their answer from memory.
type vaultCredentials struct {
	fetch func(context.Context) (hmacsign.Credential, error)
	last  atomic.Pointer[hmacsign.Credential]
}

func (v *vaultCredentials) Refresh(ctx context.Context) error {
	cred, err := v.fetch(ctx)
	if err == nil { // else the one before stays
		v.last.Store(&cred)
	}
	return err
}

func (v *vaultCredentials) Credential(context.Context) (hmacsign.Credential, error) {
	if cred := v.last.Load(); cred != nil {
		return *cred, nil
	}
	return hmacsign.Credential{}, errors.New("the vault has not answered yet: call Refresh first")
}

// A client that runs for long follows what a service for secrets says.
func ExampleWithCredentials() {
	inVault := "spring"
	vault := &vaultCredentials{fetch: func(context.Context) (hmacsign.Credential, error) {
		return hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret(inVault)}, nil
	}}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{}, hmacsign.WithCredentials(vault), then)
	if err != nil {
		fmt.Println(err)
		return
	}
	sign := func() {
		req, _ := http.NewRequest("GET", "http://service.example.com/", nil)
		if err := signer.Sign(req); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(req.Header.Get("Authorization")[len(`hmac id="app-1", algorithm="hmac-sm3", headers="x-date", `):])
	}
	sign()
	vault.Refresh(context.Background())
	sign()
	inVault = "summer"
	vault.Refresh(context.Background())
	sign()
	// Output:
	// hmacsign: no credential to sign with: the vault has not answered yet: call Refresh first
	// signature="9JLGaQblOyvR9FW3cgfviAW8qAJC/oI2cy6Gy6S9FBo="
	// signature="dJm0bGo9itZnvg4X4tdYfa7mVH3Y1WHt2JT6KZS1lVw="
}

// A rotation on both sides, without a request that is refused. The server learns the new
// secret first, and takes the old one until no client signs with it any more.
func ExampleKeyCredentials() {
	dir, err := os.MkdirTemp("", "rotation")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	open := func(name, text string) (keys *hmacsign.FileKeys, write func(string)) {
		path := filepath.Join(dir, name)
		os.WriteFile(path, []byte(text), 0o600)
		keys, err := hmacsign.OpenKeys(path, nil)
		if err != nil {
			panic(err)
		}
		return keys, func(text string) {
			os.WriteFile(path, []byte(text), 0o600)
			keys.Reload() // at once; it is seen within a second without that
		}
	}

	serverKeys, onServer := open("server.json", `[{"id": "app-1", "secret": "old"}]`)
	verifier, _ := hmacsign.NewVerifier(serverKeys)
	server := httptest.NewServer(verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmacsign.IdentityFrom(r.Context())
		fmt.Println("accepted, with the secret before:", id.PreviousSecret)
	})))
	defer server.Close()

	clientKeys, onClient := open("client.json", `[{"id": "app-1", "secret": "old"}]`)
	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{},
		hmacsign.WithCredentials(hmacsign.KeyCredentials(clientKeys, "app-1")))
	client := &http.Client{Transport: signer.Transport(nil)}
	get := func() {
		resp, err := client.Get(server.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
	}

	get()
	onServer(`[{"id": "app-1", "secret": "new", "previous_secret": "old"}]`)
	get()
	onClient(`[{"id": "app-1", "secret": "new"}]`)
	get()
	onServer(`[{"id": "app-1", "secret": "new"}]`)
	get()
	// Output:
	// accepted, with the secret before: false
	// accepted, with the secret before: true
	// accepted, with the secret before: false
	// accepted, with the secret before: false
}
