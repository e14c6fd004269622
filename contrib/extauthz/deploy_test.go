package extauthz_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	ext_authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
)

// documents are those of a YAML file; a key that is there twice is an error.
func documents(t *testing.T, text []byte) (all []map[string]any) {
	for d := yaml.NewDecoder(strings.NewReader(string(text))); ; {
		var document map[string]any
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, document)
	}
}

// readProto reads what is written in YAML as a message, unknown fields being errors, and
// holds it and all within it against the rules that Envoy has for its fields.
func readProto(t *testing.T, document any, m proto.Message) {
	text, err := json.Marshal(document)
	require.NoError(t, err)
	require.NoError(t, protojson.Unmarshal(text, m))
	require.NoError(t, validate(m))
}

func validate(m proto.Message) error {
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			return err
		}
	}
	if packed, ok := m.(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		return validate(inner)
	}
	var failed error
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		each := func(v protoreflect.Value) { failed = errors.Join(failed, validate(v.Message().Interface())) }
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { each(v); return true })
		case f.IsList() && f.Message() != nil:
			for i := range value.List().Len() {
				each(value.List().Get(i))
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			each(value)
		}
		return true
	})
	return failed
}

// The configuration is one of Envoy's, and has the settings that the README asks for.
func TestEnvoyConfiguration(t *testing.T) {
	text, err := os.ReadFile("deploy/envoy.yaml")
	require.NoError(t, err)
	all := documents(t, text)
	require.Len(t, all, 1)
	bootstrap := new(bootstrapv3.Bootstrap)
	readProto(t, all[0], bootstrap)

	manager := new(hcmv3.HttpConnectionManager)
	require.NoError(t, bootstrap.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(manager))
	require.False(t, manager.GetNormalizePath().GetValue())
	require.NotNil(t, manager.GetNormalizePath(), "said, whatever a runtime flag has for a default")
	require.False(t, manager.GetMergeSlashes())
	require.Equal(t, hcmv3.HttpConnectionManager_KEEP_UNCHANGED, manager.GetPathWithEscapedSlashesAction())
	require.Equal(t, corev3.HttpProtocolOptions_REJECT_REQUEST, manager.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction())
	early := new(mutationv3.HeaderMutation)
	require.NoError(t, manager.GetEarlyHeaderMutationExtensions()[0].GetTypedConfig().UnmarshalTo(early))
	require.Equal(t, strings.ToLower(extauthz.IdentityHeader), early.GetMutations()[0].GetRemove())
	filters := manager.GetHttpFilters()
	require.Len(t, filters, 2)
	authz := new(ext_authzv3.ExtAuthz)
	require.NoError(t, filters[0].GetTypedConfig().UnmarshalTo(authz))
	require.NoError(t, filters[1].GetTypedConfig().UnmarshalTo(new(routerv3.Router)))
	require.True(t, authz.GetEncodeRawHeaders())
	require.False(t, authz.GetFailureModeAllow())
	require.EqualValues(t, 503, authz.GetStatusOnError().GetCode())
	require.True(t, authz.GetWithRequestBody().GetPackAsBytes())
	require.False(t, authz.GetWithRequestBody().GetAllowPartialMessage())
	require.EqualValues(t, 10<<20, authz.GetWithRequestBody().GetMaxRequestBytes())
	require.False(t, authz.GetClearRouteCache())
	require.Nil(t, authz.GetAllowedHeaders(), "what is signed and what looks like it must be seen")
	require.Nil(t, authz.GetDisallowedHeaders())
	require.Nil(t, authz.GetGrpcService().GetRetryPolicy())
	require.Nil(t, authz.GetGrpcService().GetEnvoyGrpc().GetRetryPolicy())
	require.Positive(t, authz.GetGrpcService().GetTimeout().AsDuration())
	clusters := map[string]bool{}
	for _, c := range bootstrap.GetStaticResources().GetClusters() {
		clusters[c.GetName()] = true
	}
	require.True(t, clusters[authz.GetGrpcService().GetEnvoyGrpc().GetClusterName()])

	// The check finds faults.
	for _, faulty := range []string{
		strings.Replace(string(text), "encode_raw_headers", "encode_row_headers", 1),
		strings.Replace(string(text), "cluster_name: extauthz}", "cluster_name: ''}", 1),
		strings.Replace(string(text), "filters.http.router.v3.Router", "filters.http.router.v3.Rooter", 1),
	} {
		require.NotEqual(t, string(text), faulty)
		data, err := json.Marshal(documents(t, []byte(faulty))[0])
		require.NoError(t, err)
		bootstrap := new(bootstrapv3.Bootstrap)
		err = protojson.Unmarshal(data, bootstrap)
		if err == nil {
			err = validate(bootstrap)
		}
		require.Error(t, err)
	}
}

// The other files are YAML of the kinds that they say; of Istio's the part is checked
// that is Envoy's.
func TestManifests(t *testing.T) {
	kinds := map[string][]string{
		"kubernetes.yaml": {"Namespace", "Secret", "Deployment", "Service", "PodDisruptionBudget"},
		"istio.yaml":      {"AuthorizationPolicy", "EnvoyFilter"},
		"istio-mesh.yaml": {"IstioOperator"},
	}
	for name, want := range kinds {
		text, err := os.ReadFile(filepath.Join("deploy", name))
		require.NoError(t, err)
		var got []string
		for _, document := range documents(t, text) {
			require.NotEmpty(t, document["apiVersion"], name)
			got = append(got, document["kind"].(string))
			if document["kind"] == "EnvoyFilter" {
				patches := document["spec"].(map[string]any)["configPatches"].([]any)
				value := patches[0].(map[string]any)["patch"].(map[string]any)["value"].(map[string]any)
				packed := new(anypb.Any)
				readJSON(t, value["typed_config"], packed)
				authz := new(ext_authzv3.ExtAuthz)
				require.NoError(t, packed.UnmarshalTo(authz))
				require.True(t, authz.GetEncodeRawHeaders())
			}
		}
		require.Equal(t, want, got, name)
	}
}

func readJSON(t *testing.T, document any, m proto.Message) {
	text, err := json.Marshal(document)
	require.NoError(t, err)
	require.NoError(t, protojson.Unmarshal(text, m))
}
