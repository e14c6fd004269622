package hmacsign_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// What Traefik asks with forwardBody, from an address that is trusted and from another.
func ExampleVerifier_ForwardAuth() {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := verifier.ForwardAuth(hmacsign.ForwardAuthOptions{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16")}, // of the proxy
		BodyForwarded:  true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	client, _ := http.NewRequest("GET", "https://api.example/v1/things?b=2&a=1", nil)
	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	signer.Sign(client)

	for _, peer := range []string{"172.18.0.2:40000", "192.0.2.1:40000"} {
		asked := httptest.NewRequest("GET", "/", nil)
		asked.RemoteAddr = peer
		asked.Header = client.Header.Clone()
		asked.Header.Set("X-Forwarded-Method", client.Method)
		asked.Header.Set("X-Forwarded-Uri", client.URL.RequestURI())
		asked.Header.Set("X-Forwarded-Host", client.Host)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, asked)
		fmt.Printf("%d %q\n", answer.Code, answer.Header().Get(hmacsign.IdentityHeader))
	}
	// Output:
	// 200 "app-1"
	// 403 ""
}
