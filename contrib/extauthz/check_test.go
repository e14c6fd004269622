package extauthz_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const testID, testSecret = "k", "secret"

var testKey = &hmacsign.Key{ID: testID, Secret: hmacsign.Secret(testSecret)}

func testVerifier(t testing.TB, opts ...hmacsign.VerifierOption) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(testKey)
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, opts...)
	require.NoError(t, err)
	return v
}

// signed is a request as Envoy gets it, signed with these headers listed.
func signed(t testing.TB, s hmacsign.Scheme, algorithm, method, target, body string, headers ...string) *sent {
	var opts []hmacsign.SignerOption
	req, err := http.NewRequest(method, "http://example.com"+target, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		opts = append(opts, hmacsign.WithSignedHeaders(name))
	}
	signer, err := hmacsign.NewSigner(s, algorithm, hmacsign.Credential{KeyID: testID, Secret: hmacsign.Secret(testSecret)}, opts...)
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	r := &sent{method: method, target: target, host: "example.com", body: []byte(body), size: int64(len(body)), hasBody: body != ""}
	for name, values := range req.Header {
		for _, value := range values {
			r.add(name, value)
		}
	}
	if body != "" {
		r.set("Content-Length", strconv.Itoa(len(body)))
	}
	return r
}

// Every scheme and algorithm, told in both forms, over both kinds of socket.
func TestSchemes(t *testing.T) {
	for _, address := range []string{"unix:" + t.TempDir() + "/s", "127.0.0.1:0"} {
		s := startOn(t, address, testVerifier(t))
		for _, scheme := range hmacsign.Schemes() {
			for _, algorithm := range algo.Algorithms() {
				if scheme.Name() == "huawei-sdk" && algorithm == algo.HMACSHA1 {
					continue // not one of its algorithms
				}
				for _, body := range []string{"", `{"a":1}`} {
					r := signed(t, scheme, algorithm, "POST", "/a%2Fb//c?x=1&y=%20", body)
					if body == "" {
						r.set("Content-Length", "0")
					}
					for _, in := range []*authv3.CheckRequest{r.raw(), r.text()} {
						out, d := s.ask(t, in)
						require.NoError(t, d.Err, "%s %s", scheme.Name(), algorithm)
						require.Equal(t, algorithm, d.Identity.Algorithm)
						ok := out.GetOkResponse()
						require.Len(t, ok.GetHeaders(), 1)
						require.Equal(t, "x-hmacsign-key-id", ok.GetHeaders()[0].GetHeader().GetKey())
						require.Equal(t, testID, ok.GetHeaders()[0].GetHeader().GetValue())
						require.Equal(t, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD, ok.GetHeaders()[0].GetAppendAction())
						require.Equal(t, map[string]any{"key_id": testID, "scheme": scheme.Name(), "algorithm": algorithm, "backend": d.Identity.Backend}, out.GetDynamicMetadata().AsMap())
						require.Empty(t, ok.GetHeadersToRemove())
						require.Equal(t, "203.0.113.7:4711", d.Client)
						require.Equal(t, "/a%2Fb//c", d.Path)
					}
					tampered := r.clone()
					tampered.set("Authorization", strings.Replace(r.get("Authorization"), "ignature=", "ignature= ", 1))
					_, d := s.ask(t, tampered.raw())
					require.Error(t, d.Err)
				}
			}
		}
	}
}

// A refusal has the vendor's words, its status and its challenge.
func TestDenied(t *testing.T) {
	s := start(t, testVerifier(t))
	r := signed(t, hmacsign.TencentApp, algo.HMACSM3, "GET", "/", "")
	r.target = "/other"
	out, d := s.ask(t, r.raw())
	require.ErrorIs(t, d.Err, hmacsign.ErrSignature)
	denied := out.GetDeniedResponse()
	require.EqualValues(t, http.StatusUnauthorized, denied.GetStatus().GetCode())
	require.Contains(t, denied.GetBody(), `"reason":"signature"`)
	names := map[string]string{}
	for _, h := range denied.GetHeaders() {
		names[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	require.Equal(t, "application/json", names["content-type"])
	require.NotEmpty(t, names["www-authenticate"])
	require.NotContains(t, names, "content-length")
	require.Equal(t, "signature", out.GetDynamicMetadata().AsMap()["reason"])
}

// Each request is accepted as it is, and refused with one thing changed.
func TestRefuses(t *testing.T) {
	s := start(t, testVerifier(t))
	type httpRequest = authv3.AttributeContext_HttpRequest
	add := func(name, value string) func(*httpRequest) {
		return func(h *httpRequest) {
			h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
		}
	}
	drop := func(h *httpRequest, name string) {
		kept := h.HeaderMap.Headers[:0]
		for _, v := range h.HeaderMap.Headers {
			if v.Key != name {
				kept = append(kept, v)
			}
		}
		h.HeaderMap.Headers = kept
	}
	withheld := func(h *httpRequest) {
		h.RawBody, h.Size = nil, 0
		drop(h, "x-envoy-auth-partial-body")
	}
	for name, c := range map[string]struct {
		status int
		code   string
		change func(*httpRequest)
	}{
		"no body":                   {503, "extauthz_withheld_body", withheld},
		"no body, length unknown":   {503, "extauthz_withheld_body", func(h *httpRequest) { withheld(h); drop(h, "content-length"); add("transfer-encoding", "chunked")(h) }},
		"no body, HTTP/1.1":         {400, "extauthz_unsaid_body", func(h *httpRequest) { withheld(h); drop(h, "content-length") }},
		"no body, HTTP/2":           {400, "extauthz_unsaid_body", func(h *httpRequest) { withheld(h); drop(h, "content-length"); h.Protocol = "HTTP/2" }},
		"no body, HTTP/3":           {400, "extauthz_unsaid_body", func(h *httpRequest) { withheld(h); drop(h, "content-length"); h.Protocol = "HTTP/3" }},
		"no body, but its size":     {503, "extauthz_withheld_body", func(h *httpRequest) { withheld(h); drop(h, "content-length"); h.Size = 7 }},
		"no body, two lengths":      {503, "extauthz_withheld_body", func(h *httpRequest) { withheld(h); add("content-length", "0")(h) }},
		"no body, said to be whole": {503, "extauthz_withheld_body", func(h *httpRequest) { h.RawBody, h.Size = nil, 0 }},
		"partial, Envoy says": {413, "extauthz_partial_body", func(h *httpRequest) {
			drop(h, "x-envoy-auth-partial-body")
			add("x-envoy-auth-partial-body", "true")(h)
		}},
		"partial, and not":       {413, "extauthz_partial_body", add("X-Envoy-Auth-Partial-Body", "true")},
		"partial by its size":    {413, "extauthz_partial_body", func(h *httpRequest) { h.Size = 8 }},
		"partial by its length":  {413, "extauthz_partial_body", func(h *httpRequest) { h.RawBody = h.RawBody[:6]; h.Size = 6 }},
		"longer than its length": {400, "body_longer", func(h *httpRequest) { h.RawBody = append(h.RawBody, 'x'); h.Size = 8 }},
		"two bodies":             {503, "extauthz_contradiction", func(h *httpRequest) { h.Body = "x" }},
		"two paths":              {503, "extauthz_contradiction", func(h *httpRequest) { h.Path = "/other" }},
		"two methods":            {503, "extauthz_contradiction", func(h *httpRequest) { h.Method = "PUT" }},
		"two hosts":              {503, "extauthz_contradiction", func(h *httpRequest) { h.Host = "other" }},
		"query apart":            {503, "extauthz_contradiction", func(h *httpRequest) { h.Query = "x=1" }},
		"fragment apart":         {503, "extauthz_contradiction", func(h *httpRequest) { h.Fragment = "x" }},
		"path twice":             {401, "extauthz_pseudo_header", add(":path", "/a?b=c")},
		"another pseudo-header":  {401, "extauthz_pseudo_header", add(":protocol", "websocket")},
		"text among bytes":       {503, "extauthz_replaced_bytes", func(h *httpRequest) { h.HeaderMap.Headers[4] = &corev3.HeaderValue{Key: "a", Value: "b"} }},
		"a tunnel":               {401, "extauthz_target", func(h *httpRequest) { drop(h, ":method"); h.Method = "CONNECT" }},
		"no path":                {401, "extauthz_target", func(h *httpRequest) { drop(h, ":path"); h.Path = "" }},
		"asterisk":               {401, "extauthz_target", func(h *httpRequest) { drop(h, ":path"); h.Path = "*"; add(":path", "*")(h) }},
		"whole URL":              {401, "extauthz_target", func(h *httpRequest) { drop(h, ":path"); h.Path = "http://example.com/a?b=c"; add(":path", h.Path)(h) }},
		"fragment":               {401, "extauthz_target", func(h *httpRequest) { drop(h, ":path"); h.Path = "/a?b=c#d"; add(":path", h.Path)(h) }},
		"a path as text alone":   {503, "extauthz_replaced_bytes", func(h *httpRequest) { drop(h, ":path"); h.Path = "/a!?b=c" }},
		"no header name":         {401, "wire_header_name", add("", "x")},
		"header in two lines":    {401, "header_control_character", add("x-y", "a\r\n b")},
		"two of Authorization":   {401, "authorization_repeated", add("authorization", "Basic eDp5")},
		"two of a signed header": {401, "", add("x-tenant", "b")},
		"Host beside :authority": {401, "wire_repeated", add("host", "other.example.com")},
	} {
		t.Run(name, func(t *testing.T) {
			in := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/a?b=c", `{"a":1}`, "X-Tenant: a").raw()
			_, d := s.ask(t, in)
			require.NoError(t, d.Err)
			c.change(in.GetAttributes().GetRequest().GetHttp())
			_, d = s.ask(t, in)
			require.Error(t, d.Err)
			require.Equal(t, c.status, d.Status, d.Err)
			require.Equal(t, c.code, detailCode(d.Err), d.Err)
		})
	}
}

// Empty bodies that say so are no withheld ones.
func TestNoBody(t *testing.T) {
	s := start(t, testVerifier(t))
	for _, c := range []struct{ method, protocol, header, value string }{
		{"GET", "HTTP/1.1", "", ""}, {"GET", "HTTP/2", "", ""}, {"DELETE", "HTTP/3", "", ""},
		{"POST", "HTTP/2", "Content-Length", "0"}, {"POST", "HTTP/1.1", "Content-Length", "0"},
		{"POST", "HTTP/2", "X-Envoy-Auth-Partial-Body", "false"},
	} {
		r := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, c.method, "/", "")
		if c.header == "X-Envoy-Auth-Partial-Body" {
			r.hasBody = true // a frame without a byte
		} else if c.header != "" {
			r.set(c.header, c.value)
		}
		in := r.raw()
		in.GetAttributes().GetRequest().GetHttp().Protocol = c.protocol
		_, d := s.ask(t, in)
		require.NoError(t, d.Err, "%v", c)
	}
	in := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", "").raw()
	_, d := s.ask(t, in)
	require.Equal(t, "extauthz_unsaid_body", detailCode(d.Err))
	accepts := start(t, testVerifier(t), extauthz.AcceptUnsaidLength())
	_, d = accepts.ask(t, in)
	require.NoError(t, d.Err)

	// Said twice, the worse counts, in any order.
	for _, second := range []string{"true", "false"} {
		r := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", "a")
		in := r.raw()
		headers := in.GetAttributes().GetRequest().GetHttp().GetHeaderMap()
		for _, value := range []string{"true", second} {
			headers.Headers = append(headers.Headers, &corev3.HeaderValue{Key: "x-envoy-auth-partial-body", RawValue: []byte(value)})
		}
		_, d = s.ask(t, in)
		require.Equal(t, "extauthz_partial_body", detailCode(d.Err))
	}

	// An upgrade is not buffered: Envoy never tells what follows it.
	in = signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", "").raw()
	headers := in.GetAttributes().GetRequest().GetHttp().GetHeaderMap()
	add := func(name, value string) {
		headers.Headers = append(headers.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	add("connection", "Upgrade")
	add("upgrade", "websocket")
	_, d = accepts.ask(t, in)
	require.Equal(t, "extauthz_unsaid_body", detailCode(d.Err))
	add("content-length", "0")
	_, d = accepts.ask(t, in)
	require.NoError(t, d.Err)
}

// Where there is a header_map, headers is nothing.
func TestHeaderMapAlone(t *testing.T) {
	s := start(t, testVerifier(t))
	r := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "GET", "/", "", "X-Tenant: a")
	in := r.raw()
	in.GetAttributes().GetRequest().GetHttp().Headers = map[string]string{"x-tenant": "b", "authorization": "none", "x-other": "!"}
	_, d := s.ask(t, in)
	require.NoError(t, d.Err)
	require.NotEmpty(t, d.Identity.SignedHeaders)
	in.GetAttributes().GetRequest().GetHttp().HeaderMap.Headers[4].RawValue = []byte("b")
	in.GetAttributes().GetRequest().GetHttp().Headers = r.text().GetAttributes().GetRequest().GetHttp().GetHeaders()
	_, d = s.ask(t, in)
	require.Error(t, d.Err, "that headers has what was signed is no help")
}

// What came as text is refused where it may have been something else, and says what to
// set; told in bytes it is decided.
func TestText(t *testing.T) {
	s := start(t, testVerifier(t))
	request := func(header string) *sent {
		return signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/a?b=c", `{"a":1}`, header)
	}
	for _, c := range []struct{ code, header string }{
		{"", "X-Tenant: a"},
		{"", "X-When: Mon, 02 Jan 2006 15:04:05 GMT"},
		{"extauthz_merged_header", "X-Tenant: a,b"},
		{"extauthz_merged_header", "X-Tenant: a, b"},
		{"extauthz_replaced_bytes", "X-Tenant: a!"},
		{"extauthz_replaced_bytes", "X-Tenant: \uFFFD"},
	} {
		r := request(c.header)
		_, d := s.ask(t, r.raw())
		require.NoError(t, d.Err, c.header)
		_, d = s.ask(t, r.text())
		require.Equal(t, c.code, detailCode(d.Err), "%s: %v", c.header, d.Err)
		if c.code != "" {
			require.Equal(t, http.StatusServiceUnavailable, d.Status)
			require.ErrorContains(t, d.Err, "set encode_raw_headers: true")
		}
	}
	// Two headers that merge to the one that was signed.
	r := request("X-Tenant: a,b")
	_, d := s.ask(t, r.clone().set("X-Tenant", "a").add("X-Tenant", "b").text())
	require.Equal(t, "extauthz_merged_header", detailCode(d.Err))
	_, d = s.ask(t, r.clone().set("X-Tenant", "a").add("X-Tenant", "b").raw())
	require.ErrorIs(t, d.Err, hmacsign.ErrSignature)
	// A byte that becomes the one that was signed.
	r = request("X-Tenant: a!")
	_, d = s.ask(t, r.clone().set("X-Tenant", "a\xff").text())
	require.Equal(t, "extauthz_replaced_bytes", detailCode(d.Err))
	_, d = s.ask(t, r.clone().set("X-Tenant", "a\xff").raw())
	require.ErrorIs(t, d.Err, hmacsign.ErrSignature)
	// Credentials in two.
	r = request("X-Tenant: a")
	whole := r.get("Authorization")
	first, second, _ := strings.Cut(whole, ", ")
	_, d = s.ask(t, r.clone().set("Authorization", first).add("Authorization", second).text())
	require.Error(t, d.Err)
	// Other content than was signed, of a type that is not.
	_, d = s.ask(t, r.clone().set("Content-Type", "application/json").add("Content-Type", "text/plain").text())
	require.Equal(t, "extauthz_merged_header", detailCode(d.Err))
	// The path, the body, and what has nothing to do with the signature.
	r = signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/a!?b=c", `{"a":1}`)
	_, d = s.ask(t, r.raw())
	require.NoError(t, d.Err)
	_, d = s.ask(t, r.text())
	require.Equal(t, "extauthz_replaced_bytes", detailCode(d.Err))
	r = signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/a", `{"a":"!"}`)
	_, d = s.ask(t, r.raw())
	require.NoError(t, d.Err)
	_, d = s.ask(t, r.text())
	require.Equal(t, "extauthz_replaced_body", detailCode(d.Err))
	require.ErrorContains(t, d.Err, "set pack_as_bytes: true")
	_, d = s.ask(t, request("X-Tenant: a").add("X-Other", "a").add("X-Other", "b!").text())
	require.NoError(t, d.Err)
}

// Bytes that are not UTF-8 are verified as they are, in headers and in the path.
func TestRawBytes(t *testing.T) {
	s := start(t, testVerifier(t))
	r := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "GET", "/", "", "X-Name: caf\xe9")
	_, d := s.ask(t, r.raw())
	require.NoError(t, d.Err)
	_, d = s.ask(t, r.text())
	require.Error(t, d.Err)
	require.Equal(t, "extauthz_hint_text_headers", detailCode(d.Err))

	_, d = s.ask(t, r.clone().set("Authorization", r.get("Authorization")+"\xff").raw())
	require.Error(t, d.Err)
	_, d = s.ask(t, r.clone().set("Authorization", strings.Replace(r.get("Authorization"), "Access=k", "Access=k\xff", 1)).raw())
	require.Error(t, d.Err)
}

// What is not the message of an Envoy is an answer too, and no error of the call.
func TestUnreadable(t *testing.T) {
	s := start(t, testVerifier(t))
	for _, in := range []*authv3.CheckRequest{{}, {Attributes: &authv3.AttributeContext{}}, check(nil), check(&authv3.AttributeContext_HttpRequest{})} {
		_, d := s.ask(t, in)
		require.Error(t, d.Err)
	}
	// A path that is not UTF-8 can be written, but not be read.
	path := protowire.AppendString(protowire.AppendTag(nil, 4, protowire.BytesType), "/\xff")
	for _, field := range []protowire.Number{2, 4, 1} { // http, request, attributes
		path = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), path)
	}
	unreadable := new(emptypb.Empty)
	require.NoError(t, proto.Unmarshal(path, unreadable))
	require.Error(t, proto.Unmarshal(path, new(authv3.CheckRequest)))
	out := new(authv3.CheckResponse)
	require.NoError(t, s.conn.Invoke(t.Context(), authv3.Authorization_Check_FullMethodName, unreadable, out))
	require.EqualValues(t, 503, out.GetDeniedResponse().GetStatus().GetCode())
	require.Equal(t, "extauthz_no_request", detailCode((<-s.decisions).Err))
	service := extauthz.New(testVerifier(t))
	response, err := service.Check(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 503, response.GetDeniedResponse().GetStatus().GetCode())
	require.Panics(t, func() { extauthz.New(nil) })
}

// Beside what is signed nothing goes on that a server could take for it.
func TestRemoved(t *testing.T) {
	v := testVerifier(t)
	request := func() *sent {
		r := signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "GET", "/", "", "X-Tenant: a")
		for _, name := range []string{"X_Tenant", "X.Tenant", "X_Hmacsign_Key_Id", "X-Hmacsign-Key-Id", "X-HTTP-Method-Override", "X-Original-URL", "Proxy",
			"X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Host", "Forwarded", "X_Forwarded_For", "X-Forwarded-Client-Cert", "Trailer", "X-Other"} {
			r.add(name, "forged")
		}
		return r
	}
	always := []string{"proxy", "trailer", "x-http-method-override", "x-original-url", "x.tenant", "x_forwarded_for", "x_hmacsign_key_id", "x_tenant"}
	out, d := start(t, v).ask(t, request().raw())
	require.NoError(t, d.Err)
	require.ElementsMatch(t, append([]string{"forwarded", "x-forwarded-host", "x-forwarded-port", "x-real-ip"}, always...), out.GetOkResponse().GetHeadersToRemove())
	keeps := start(t, v, extauthz.KeepForwarded())
	out, d = keeps.ask(t, request().raw())
	require.NoError(t, d.Err)
	removed := out.GetOkResponse().GetHeadersToRemove()
	require.Subset(t, removed, always[:4])
	for _, name := range []string{"forwarded", "x-forwarded-host", "x-forwarded-port"} {
		require.NotContains(t, removed, name)
	}

	// What is signed goes on, or the request does not.
	out, d = keeps.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "GET", "/", "", "X-Real-Ip: 1.2.3.4", "X-Rewrite-Url: /x").raw())
	require.NoError(t, d.Err)
	require.Empty(t, out.GetOkResponse().GetHeadersToRemove())
	for _, header := range []string{"X-Hmacsign-Key-Id: root", "X_hmacsign_key_id: root", "Content_type: x"} {
		out, d = keeps.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "GET", "/", "", header).raw())
		require.Error(t, d.Err, header)
		require.Equal(t, http.StatusBadRequest, d.Status)
		require.Equal(t, "not_forwardable", d.Reason)
		require.Contains(t, out.GetDeniedResponse().GetBody(), `"reason":"not_forwardable"`)
	}
	in := request().raw() // of an upgrade, for which Envoy keeps it
	headers := in.GetAttributes().GetRequest().GetHttp().GetHeaderMap()
	connection := &corev3.HeaderValue{Key: "connection"}
	headers.Headers = append(headers.Headers, connection)
	for options, reason := range map[string]string{"upgrade": "", "upgrade, X-Tenant": "not_forwardable", "upgrade, X-HMACsign-Key-Id": "not_forwardable"} {
		connection.RawValue = []byte(options)
		_, d = keeps.ask(t, in)
		require.Equal(t, reason, d.Reason, options)
	}
}

// A rewritten path is refused, with a word for the operator.
func TestRewritten(t *testing.T) {
	s := start(t, testVerifier(t))
	r := signed(t, hmacsign.TencentApp, algo.HMACSHA256, "GET", "/api/a", "")
	_, d := s.ask(t, r.raw())
	require.NoError(t, d.Err)
	r.target = "/a"
	_, d = s.ask(t, r.raw())
	require.Equal(t, "", detailCode(d.Err))
	out, d := s.ask(t, r.add("X-Envoy-Original-Path", "/api/a").raw())
	require.Equal(t, "extauthz_hint_rewritten", detailCode(d.Err))
	require.ErrorContains(t, d.Err, "rewritten")
	require.NotContains(t, out.GetDeniedResponse().GetBody(), "rewritten", "it is not for clients")
}

func TestReplay(t *testing.T) {
	store, err := hmacsign.NewMemoryReplayStore(10)
	require.NoError(t, err)
	s := start(t, testVerifier(t, hmacsign.WithReplayGuard(store)))
	in := signed(t, hmacsign.TencentApp, algo.HMACSM3, "GET", "/", "").raw()
	_, d := s.ask(t, in)
	require.NoError(t, d.Err)
	_, d = s.ask(t, in)
	require.ErrorIs(t, d.Err, hmacsign.ErrReplayed)
	require.Equal(t, http.StatusUnauthorized, d.Status)
}

// Of many copies at once one passes.
func TestReplayAtOnce(t *testing.T) {
	store, err := hmacsign.NewMemoryReplayStore(100)
	require.NoError(t, err)
	service := extauthz.New(testVerifier(t, hmacsign.WithReplayGuard(store)))
	for range 20 {
		in := signed(t, hmacsign.HuaweiSDK, algo.HMACSM3, "GET", "/", "", "X-Nonce: "+rand.Text()).raw()
		var passed atomic.Int32
		var calls sync.WaitGroup
		for range 32 {
			calls.Go(func() {
				if out, _ := service.Check(t.Context(), in); out.GetOkResponse() != nil {
					passed.Add(1)
				}
			})
		}
		calls.Wait()
		require.EqualValues(t, 1, passed.Load())
	}
}

func TestOversize(t *testing.T) {
	s := start(t, testVerifier(t, hmacsign.WithMaxBody(1<<20)))
	_, d := s.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", strings.Repeat("x", 1<<20)).raw())
	require.NoError(t, d.Err)
	_, d = s.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", strings.Repeat("x", 1<<20+1)).raw())
	require.Equal(t, http.StatusRequestEntityTooLarge, d.Status)
	s = start(t, testVerifier(t))
	_, d = s.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", strings.Repeat("x", 4<<20)).raw())
	require.NoError(t, d.Err)
}

// Requests for which there is no room wait with their client.
func TestBudget(t *testing.T) {
	budget, err := hmacsign.NewBudget(4<<10, 0)
	require.NoError(t, err)
	s := start(t, testVerifier(t), extauthz.WithBudget(budget))
	_, d := s.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", "small").raw())
	require.NoError(t, d.Err)
	out, d := s.ask(t, signed(t, hmacsign.HuaweiSDK, algo.HMACSHA256, "POST", "/", strings.Repeat("x", 4<<10)).raw())
	require.ErrorIs(t, d.Err, hmacsign.ErrBusy)
	require.Equal(t, http.StatusServiceUnavailable, d.Status)
	require.Contains(t, out.GetDeniedResponse().GetHeaders()[1].GetHeader().GetKey(), "retry-after")
	memory, _ := budget.Held()
	require.Zero(t, memory)
}

// failing is a key store and a replay store that is out of order.
type failing struct {
	err  error
	wait bool
}

func (f *failing) fail(ctx context.Context) error {
	if f.wait {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.err == nil {
		panic("the driver's fault")
	}
	return f.err
}

func (f *failing) Key(ctx context.Context, _ string) (*hmacsign.Key, error) { return nil, f.fail(ctx) }
func (f *failing) Seen(ctx context.Context, _ [16]byte, _, _ time.Time) (bool, error) {
	return false, f.fail(ctx)
}

// A store that fails, panics or does not answer in the time that Envoy gives is an
// answer with 503: an error of the call would be left to failure_mode_allow.
func TestStoreDown(t *testing.T) {
	for name, store := range map[string]*failing{"error": {err: errors.New("connection refused")}, "panic": {}, "late": {wait: true}} {
		for _, of := range []string{"keys", "replays"} {
			t.Run(name+" of "+of, func(t *testing.T) {
				v := testVerifier(t, hmacsign.WithReplayGuard(store))
				if of == "keys" {
					var err error
					v, err = hmacsign.NewVerifier(store)
					require.NoError(t, err)
				}
				var d *extauthz.Decision
				service := extauthz.New(v, extauthz.WithObserver(func(of *extauthz.Decision) { d = of }))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				out, err := service.Check(ctx, signed(t, hmacsign.TencentApp, algo.HMACSM3, "GET", "/", "").raw())
				require.NoError(t, err)
				require.EqualValues(t, 503, out.GetDeniedResponse().GetStatus().GetCode())
				require.NotZero(t, out.GetStatus().GetCode())
				require.ErrorIs(t, d.Err, hmacsign.ErrUnavailable)
				require.NotContains(t, out.GetDeniedResponse().GetBody(), "refused")
				require.NotContains(t, out.GetDeniedResponse().GetBody(), "driver")
			})
		}
	}
}
