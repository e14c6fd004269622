package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/gmhmac/hmacsign/contrib/gateway"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// A gateway with two routes to one upstream, of which one demands that a nonce is
// signed, in a program of one's own.
func Example() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s of %s", r.URL.Path, r.Header.Get("X-Hmacsign-Key-Id"))
	}))
	defer upstream.Close()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	keys := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(keys, []byte(`[{"id": "alice", "secret": "for examples only"}]`), 0o600); err != nil {
		panic(err)
	}

	config, err := gateway.ReadConfig(strings.NewReader(`
listen: 127.0.0.1:0
keys: {file: ` + keys + `}
replay: {memory: 100000}
drain: 0s
routes:
  - {name: reading, upstream: ` + upstream.URL + `}
  - {name: orders, prefix: /orders, upstream: ` + upstream.URL + `, required_headers: [x-nonce]}
`))
	if err != nil {
		panic(err)
	}
	g, err := gateway.Open(context.Background(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	defer g.Close()

	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "alice", Secret: hmacsign.Secret("for examples only")})
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: signer.Transport(nil)}
	ctx, stop := context.WithCancel(context.Background())
	err = g.Run(ctx, func(addr, _ string) {
		go func() {
			defer stop()
			for _, path := range []string{"/list", "/orders/1"} {
				resp, err := client.Get("http://" + addr + path)
				if err != nil {
					fmt.Println(err)
					continue
				}
				resp.Body.Close()
				fmt.Println(path, resp.StatusCode)
			}
		}()
	})
	fmt.Println(err)
	// Output:
	// /list 200
	// /orders/1 401
	// <nil>
}

// What is wrong with a configuration is told all at once, with the lines.
func ExampleReadConfig() {
	_, err := gateway.ReadConfig(strings.NewReader(`
keys: {file: keys.json}
replay: {memory: 100000}
routes:
  - {name: orders, prefix: orders, upstream: "http://127.0.0.1:9000", forward: some}
`))
	fmt.Println(err)
	// Output:
	// the configuration cannot be used:
	// line 5: route "orders": forward "some": use all, signed
	// line 5: route "orders": prefix "orders": write it as /orders or /v1/orders, as it is in the request line, in ASCII, without dots, double slashes and what is encoded
}
