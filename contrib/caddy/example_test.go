package hmacsigncaddy_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/gmhmac/hmacsign/contrib/caddy"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// A Caddy of this process, and a client that signs.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	keys := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(keys, []byte(`[{"id": "shop", "secret": "correct-horse-battery-staple"}]`), 0o600); err != nil {
		log.Fatal(err)
	}
	addr := freePort()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(fmt.Sprintf(`{
		admin off
		persist_config off
		storage file_system %s
		log {
			output discard
		}
	}
	http://%s {
		hmacsign {
			keys %s
		}
		respond "hello {http.auth.user.id}"
	}`, dir, addr, keys)), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		log.Fatal(err)
	}
	defer caddy.Stop()

	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "shop", Secret: hmacsign.Secret("correct-horse-battery-staple")})
	if err != nil {
		log.Fatal(err)
	}
	for _, client := range []*http.Client{{Transport: signer.Transport(nil)}, http.DefaultClient} {
		res, err := client.Get("http://" + addr + "/a?b=1")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %.40s\n", res.StatusCode, body)
	}
	// Output:
	// 200 hello shop
	// 401 {"message":"HMAC id or signature missing
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
