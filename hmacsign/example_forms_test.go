package hmacsign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// formServer answers what a signed request brought.
func formServer() (server *httptest.Server, client *http.Client) {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, _ := hmacsign.NewVerifier(keys)
	server = httptest.NewServer(verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/users":
			fmt.Fprint(w, r.PostFormValue("name"), r.PostForm["tag"])
		case "/photos":
			_, file, err := r.FormFile("photo")
			if err != nil {
				fmt.Fprint(w, err)
				return
			}
			fmt.Fprintf(w, "%s: %s, %s, %d bytes", r.PostFormValue("title"), file.Filename, file.Header.Get("Content-Type"), file.Size)
		case "/records":
			size, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, size, " bytes")
		}
	})))
	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	return server, &http.Client{Transport: signer.Transport(nil)}
}

// send prints the answer to a request.
func send(client *http.Client, req *http.Request) {
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))
}

// The fields of a form.
func ExampleNewFormRequest() {
	server, client := formServer()
	defer server.Close()
	req, err := hmacsign.NewFormRequest(context.Background(), server.URL+"/users", url.Values{"name": {"Li Lei"}, "tag": {"a", "b"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	send(client, req)
	// Output: 200 Li Lei[a b]
}

// A field and a file.
func ExampleNewMultipartRequest() {
	server, client := formServer()
	defer server.Close()
	req, err := hmacsign.NewMultipartRequest(context.Background(), server.URL+"/photos",
		hmacsign.Part{Name: "title", Content: strings.NewReader("West Lake")},
		hmacsign.Part{Name: "photo", Filename: "lake.png", Content: strings.NewReader("pixels")},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	send(client, req)
	// Output: 200 West Lake: lake.png, image/png, 6 bytes
}

// A file of any size is signed and sent from the disk, and not held in memory.
func ExampleSetBody() {
	server, client := formServer()
	defer server.Close()
	file, err := os.CreateTemp("", "upload")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, _ := file.WriteString(strings.Repeat("a record\n", 10_000))

	req, _ := http.NewRequest("PUT", server.URL+"/records", nil)
	hmacsign.SetBody(req, file, int64(size))
	req.Header.Set("Content-Type", "text/plain")
	send(client, req)
	// Output: 200 90000 bytes
}

// A request that lacks a header which shall be signed is not sent. The client's error
// has the reason and the details.
func ExampleWithSignedHeaders() {
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")},
		hmacsign.WithSignedHeaders("x-tenant"))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: signer.Transport(nil)}
	_, err = client.Get("http://service.example.com/")
	var refused *hmacsign.VerifyError
	if errors.As(err, &refused) {
		fmt.Println(errors.Is(err, hmacsign.ErrSignedHeaders), refused.Code(), refused.DetailCode)
		fmt.Println(refused)
	}
	// Output:
	// true signed_headers header_missing
	// hmacsign: signed header missing or repeated: x-tenant is to be signed, but is not there
}
