package extauthz

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers it
	"google.golang.org/grpc/mem"
)

// ServerOption has a gRPC server hand a message on that cannot be read, such as one with
// a path that is not UTF-8, for Check to refuse. Without it the call fails: with
// failure_mode_allow Envoy would let the request pass then, and what its path is made of
// is the client's choice.
func ServerOption() grpc.ServerOption {
	return grpc.ForceServerCodecV2(codec{encoding.GetCodecV2("proto")})
}

type codec struct{ encoding.CodecV2 }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	if in, ok := v.(*authv3.CheckRequest); ok && err != nil {
		in.Reset()
		return nil
	}
	return err
}
