package extauthz

import (
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/screen"
)

// accepted has Envoy pass a request on.
func accepted(id *hmacsign.Identity, remove []string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{overwrite(IdentityHeader, id.KeyID)},
			HeadersToRemove: remove,
		}},
		DynamicMetadata: metadata("key_id", id.KeyID, "scheme", id.Scheme, "algorithm", id.Algorithm, "backend", id.Backend),
	}
}

// denied has Envoy answer a request. The status of the call's own message only says that
// it is refused; an error of the call would leave it to failure_mode_allow.
func denied(a *hmacsign.Answer, d *Decision) *authv3.CheckResponse {
	response := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(a.Status)}, Body: text(string(a.Body))}
	for name, values := range a.Header {
		if name == "Content-Length" { // Envoy counts
			continue
		}
		for _, value := range values {
			response.Headers = append(response.Headers, overwrite(name, value))
		}
	}
	slices.SortFunc(response.Headers, func(a, b *corev3.HeaderValueOption) int {
		return strings.Compare(a.Header.Key, b.Header.Key)
	})
	return &authv3.CheckResponse{
		Status:          &rpcstatus.Status{Code: int32(codes.PermissionDenied), Message: d.Reason},
		HttpResponse:    &authv3.CheckResponse_DeniedResponse{DeniedResponse: response},
		DynamicMetadata: metadata("reason", d.Reason),
	}
}

// notForwardable is the answer for a request that is signed, but cannot be passed on as
// it was signed.
func notForwardable() hmacsign.Answer {
	return hmacsign.Answer{Status: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"message":"Bad Request","reason":"` + screen.Code + `"}` + "\n")}
}

func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: strings.ToLower(name), Value: text(value)},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// metadata is for Envoy's access log, under the name of its filter.
func metadata(pairs ...string) *structpb.Struct {
	fields := make(map[string]*structpb.Value, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = structpb.NewStringValue(text(pairs[i+1]))
	}
	return &structpb.Struct{Fields: fields}
}

// text is what a message can hold: one string that is not UTF-8 would make an error of
// the call of the whole answer.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
