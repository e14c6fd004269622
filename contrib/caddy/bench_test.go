package hmacsigncaddy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// provisionedHandler is a handler with its keys, outside of a server.
func provisionedHandler(t testing.TB) *Handler {
	keys := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(keys, []byte(testKeys), 0o600))
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	h, err := ctx.LoadModuleByID("http.handlers.hmacsign", json.RawMessage(fmt.Sprintf(`{"keys_file": %q}`, keys)))
	require.NoError(t, err)
	return h.(*Handler)
}

// served is a request as a server of Caddy's has it.
func served(req *http.Request, w http.ResponseWriter) *http.Request {
	return caddyhttp.PrepareRequest(req, caddy.NewReplacer(), w, nil)
}

// BenchmarkHandler is the handler alone: a POST of 1 KiB, without the server and
// reverse_proxy; and what the same request costs without it.
func BenchmarkHandler(b *testing.B) {
	h := provisionedHandler(b)
	body := []byte(`{"name":"` + strings.Repeat("x", 1024-11) + `"}`)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	})
	for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.TencentKeyPair, hmacsign.HuaweiSDK} {
		client := signed(b, newSigner(b, scheme, "hmac-sm3"), "POST", "http://h/v1/things?b=2&a=1", string(body), http.Header{"Content-Type": {"application/json"}})
		run := func(serve func(http.ResponseWriter, *http.Request) error) func(*testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					w := httptest.NewRecorder()
					req := httptest.NewRequest("POST", "/v1/things?b=2&a=1", bytes.NewReader(body))
					req.Host, req.Header = "h", client.Header.Clone()
					if err := serve(w, served(req, w)); err != nil || w.Code != 200 {
						b.Fatal(err, w.Code, w.Body)
					}
				}
			}
		}
		b.Run(scheme.Name()+"/verified", run(func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, next) }))
		b.Run(scheme.Name()+"/plain", run(func(w http.ResponseWriter, r *http.Request) error { return next.ServeHTTP(w, r) }))
	}
}
