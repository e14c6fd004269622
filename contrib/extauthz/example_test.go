package extauthz_test

import (
	"context"
	"fmt"
	"net/http"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// A gRPC server that Envoy asks, and what it answers of a signed request and of another.
func Example() {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "AKIDEXAMPLE", Secret: hmacsign.Secret("example-secret")})
	if err != nil {
		panic(err)
	}
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		panic(err)
	}
	service := extauthz.New(verifier)
	server := grpc.NewServer(extauthz.ServerOption())
	authv3.RegisterAuthorizationServer(server, service)
	// server.Serve(listener)

	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "AKIDEXAMPLE", Secret: hmacsign.Secret("example-secret")})
	if err != nil {
		panic(err)
	}
	req, _ := http.NewRequest("GET", "http://api.example.com/things?id=1", nil)
	if err := signer.Sign(req); err != nil {
		panic(err)
	}
	for _, target := range []string{"/things?id=1", "/things?id=2"} {
		out, _ := service.Check(context.Background(), asEnvoyTells(req, target))
		if ok := out.GetOkResponse(); ok != nil {
			fmt.Println("goes on with", ok.Headers[0].Header.Key+":", ok.Headers[0].Header.Value)
		} else {
			fmt.Println("is answered with", out.GetDeniedResponse().GetStatus().GetCode())
		}
	}
	// Output:
	// goes on with x-hmacsign-key-id: AKIDEXAMPLE
	// is answered with Unauthorized
}

func asEnvoyTells(req *http.Request, target string) *authv3.CheckRequest {
	in := &authv3.AttributeContext_HttpRequest{Method: req.Method, Path: target, Host: req.Host, HeaderMap: new(corev3.HeaderMap)}
	add := func(name, value string) {
		in.HeaderMap.Headers = append(in.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	add(":path", target)
	for name, values := range req.Header {
		for _, value := range values {
			add(name, value)
		}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: in}}}
}
