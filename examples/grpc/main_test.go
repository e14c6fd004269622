package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const authority = "health.example.com"

// start runs the server on loopback.
func start(t *testing.T) (addr string) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	require.NoError(t, err)
	server, err := newServer(keys)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func newSigner(t *testing.T, opts ...hmacsign.SignerOption) *hmacsign.Signer {
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSHA256, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, opts...)
	require.NoError(t, err)
	return signer
}

func dial(t *testing.T, addr string, opts ...grpc.DialOption) healthpb.HealthClient {
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Of what is signed nothing can be changed.
func TestCalls(t *testing.T) {
	addr := start(t)
	signer := newSigner(t, hmacsign.WithSignedHeaders("x-tenant"))
	for name, c := range map[string]struct {
		change func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption)
		reason string // why it is refused
	}{
		"as signed": {},
		"metadata of no signature": {change: func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption) {
			return metadata.AppendToOutgoingContext(ctx, "x-other", "1", "x-other-bin", "\x00"), method, opts
		}},
		"another method": {func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption) {
			return ctx, "/grpc.health.v1.Health/List", opts
		}, "signature"},
		"another authority": {func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption) {
			return ctx, method, append(opts, grpc.CallAuthority("other.example.com"))
		}, "signature"},
		"other metadata": {func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption) {
			md, _ := metadata.FromOutgoingContext(ctx)
			md.Set("x-tenant", "2")
			return metadata.NewOutgoingContext(ctx, md), method, opts
		}, "signature"},
		"metadata twice": {func(ctx context.Context, method string, opts []grpc.CallOption) (context.Context, string, []grpc.CallOption) {
			return metadata.AppendToOutgoingContext(ctx, "x-tenant", "2"), method, opts
		}, "signature"},
	} {
		between := func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if c.change != nil {
				ctx, method, opts = c.change(ctx, method, opts)
			}
			return call(ctx, method, in, out, conn, opts...)
		}
		client := dial(t, addr, grpc.WithChainUnaryInterceptor(signing(signer, authority), between))
		ctx := metadata.AppendToOutgoingContext(within(t), "x-tenant", name)
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		if c.reason == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, codes.Unauthenticated, status.Code(err), "%s: %v", name, err)
		require.Equal(t, c.reason, status.Convert(err).Message(), name)
	}
}

// The message is not signed: another one under the same headers gets in, once.
func TestMessagesAreNotCovered(t *testing.T) {
	client := dial(t, start(t))
	req, err := http.NewRequest("POST", "https://"+authority+healthpb.Health_Check_FullMethodName, nil)
	require.NoError(t, err)
	req.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")
	require.NoError(t, newSigner(t).Sign(req))
	ctx := within(t)
	for name := range req.Header {
		ctx = metadata.AppendToOutgoingContext(ctx, name, req.Header.Get(name))
	}
	_, err = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "any other"}, grpc.CallAuthority(authority))
	require.Equal(t, codes.NotFound, status.Code(err), "%v: the service itself answered", err)
	_, err = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "again"}, grpc.CallAuthority(authority))
	require.Equal(t, "replayed", status.Convert(err).Message())
}

// Who does not say that messages are unsigned is refused, and who signs nothing.
func TestRefused(t *testing.T) {
	client := dial(t, start(t))
	_, err := client.Check(within(t), &healthpb.HealthCheckRequest{})
	require.Equal(t, "no_authorization", status.Convert(err).Message())

	req, err := http.NewRequest("POST", "https://"+authority+healthpb.Health_Check_FullMethodName, nil)
	require.NoError(t, err)
	require.NoError(t, newSigner(t).Sign(req))
	ctx := within(t)
	for name := range req.Header {
		ctx = metadata.AppendToOutgoingContext(ctx, name, req.Header.Get(name))
	}
	_, err = client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.CallAuthority(authority))
	require.Equal(t, "signed_headers", status.Convert(err).Message())

	stream, err := client.Watch(within(t), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}
