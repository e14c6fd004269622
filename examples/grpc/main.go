// Command grpc is a gRPC server that answers signed calls alone, and a client that signs
// them. It takes the standard health service for an example:
//
//	go run ./grpc -keys keys.json -listen 127.0.0.1:8080
//
// A call is an HTTP/2 request: POST, the path /package.Service/Method, :authority and
// the metadata as headers. Interceptors see these, and so they are what can be verified:
// a signature of huawei-sdk covers the method, the path, the host and the metadata that
// it lists.
//
// It does not cover the messages, which come later and as frames: a client has to say so
// by signing X-Sdk-Content-Sha256, which is UNSIGNED-PAYLOAD. Whoever can change what is
// underway, a proxy that ends TLS for example, can change a message or send another one
// with the same headers until they are too old; the replay guard lets them do so once at
// most, in the call's place. Metadata whose name ends in -bin is not seen as it was sent
// and cannot be signed, nor can what gRPC keeps to itself (grpc-timeout, te and the like).
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func main() {
	keysFile := flag.String("keys", "keys.json", "keys file")
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	flag.Parse()
	file, err := os.Open(*keysFile)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := hmacsign.ReadKeys(file)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server, err := newServer(keys)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}

// newServer accepts huawei-sdk alone: tencent-app signs the Accept header and the
// body's digest, and tencent-keypair does not even sign which method is called.
func newServer(keys hmacsign.KeyStore) (*grpc.Server, error) {
	replays, err := hmacsign.NewMemoryReplayStore(100_000)
	if err != nil {
		return nil, err
	}
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(hmacsign.HuaweiSDK),
		hmacsign.RequireSignedHeaders("host", "x-sdk-content-sha256"), hmacsign.WithReplayGuard(replays))
	if err != nil {
		return nil, err
	}
	v := calls{verifier}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(v.unary), grpc.ChainStreamInterceptor(v.stream))
	healthpb.RegisterHealthServer(server, health.NewServer())
	return server, nil
}

// calls verifies calls before they reach a service, which finds out who calls with
// hmacsign.IdentityFrom.
type calls struct{ *hmacsign.Verifier }

func (v calls) unary(ctx context.Context, message any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := v.verify(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, message)
}

func (v calls) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := v.verify(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(service, verifiedStream{stream, ctx})
}

type verifiedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s verifiedStream) Context() context.Context { return s.ctx }

// verify returns a context with the identity.
func (v calls) verify(ctx context.Context, method string) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r := &hmacsign.WireRequest{Method: http.MethodPost, Target: method}
	for name, values := range md {
		for _, value := range values {
			switch {
			case name == ":authority":
				r.Host = value
			case strings.HasPrefix(name, ":") || strings.HasSuffix(name, "-bin"):
			default:
				r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
			}
		}
	}
	id, err := v.VerifyWire(ctx, r)
	var refused *hmacsign.VerifyError
	if errors.As(err, &refused) {
		code := codes.Unauthenticated
		if refused.Status() == http.StatusServiceUnavailable {
			code = codes.Unavailable
		}
		return nil, status.Error(code, refused.Code())
	}
	return hmacsign.ContextWithIdentity(ctx, id), nil
}

// signing signs each call to a server of this authority.
func signing(signer *hmacsign.Signer, authority string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+authority+method, nil)
		if err != nil {
			return err
		}
		// Of the metadata those headers are signed that the signer was told to.
		md, _ := metadata.FromOutgoingContext(ctx)
		for name, values := range md {
			for _, value := range values {
				req.Header.Add(name, value)
			}
		}
		req.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")
		if err := signer.Sign(req); err != nil {
			return err
		}
		for _, name := range []string{"Authorization", "X-Sdk-Date", "X-Sdk-Content-Sha256"} {
			ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), req.Header.Get(name))
		}
		return call(ctx, method, in, out, conn, append(opts, grpc.CallAuthority(authority))...)
	}
}
