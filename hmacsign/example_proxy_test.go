package hmacsign_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

var exampleCredential = hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}

// upstream is a server that takes signed requests alone, each of them once.
func upstream(handler http.HandlerFunc) *httptest.Server {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: exampleCredential.KeyID, Secret: exampleCredential.Secret})
	guard, _ := hmacsign.NewMemoryReplayStore(1000)
	verifier, _ := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(guard))
	return httptest.NewServer(verifier.Middleware(handler))
}

// A reverse proxy that signs what it passes on: its clients have no key. The transport
// signs the request as it leaves, after all that the proxy does to it.
func ExampleSigner_Transport() {
	gateway := upstream(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmacsign.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s sends %s to %s", id.KeyID, body, r.RequestURI)
	})
	defer gateway.Close()
	target, _ := url.Parse(gateway.URL + "/release")

	// A body is read before it is signed, so what strangers send is bounded.
	budget, err := hmacsign.NewBudget(64<<20, 1<<30)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, exampleCredential, hmacsign.WithBudget(budget), hmacsign.WithMaxBody(64<<10))
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: signer.Transport(nil),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			status := http.StatusBadGateway
			var refused *hmacsign.VerifyError // by the signer: too long, or no room for it
			if errors.As(err, &refused) {
				status = refused.Status()
			}
			w.WriteHeader(status)
		},
	})
	defer proxy.Close()

	for _, body := range []string{"hello", strings.Repeat("long", 32<<10)} {
		req, _ := http.NewRequest("POST", proxy.URL+"/a%2Fb?c=%E6%9D%8E", strings.NewReader(body))
		req.Header.Set("Content-Type", "text/plain")
		send(http.DefaultClient, req)
	}
	// Output:
	// 200 app-1 sends hello to /release/a%2Fb?c=%E6%9D%8E
	// 413
}

// A reverse proxy that verifies, and tells its upstream who signed. The command
// "hmacsign serve" and the module contrib/gateway are such proxies, which take care of
// much more: what is not signed, underscores in names, Connection, upgrades.
func ExampleVerifier_Middleware() {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s asks for %s", r.Header.Get("X-Key-Id"), r.RequestURI)
	}))
	defer application.Close()
	target, _ := url.Parse(application.URL)

	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: exampleCredential.KeyID, Secret: exampleCredential.Secret})
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := httptest.NewServer(verifier.Middleware(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it was verified: the proxy has cleaned it
			id, _ := hmacsign.IdentityFrom(r.In.Context())
			r.Out.Header.Set("X-Key-Id", id.KeyID) // in the place of one that a client made up
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}))
	defer proxy.Close()

	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, exampleCredential)
	for _, client := range []*http.Client{{Transport: signer.Transport(nil)}, http.DefaultClient} {
		req, _ := http.NewRequest("GET", proxy.URL+"/a%2Fb?c;d", nil)
		req.Header.Set("X-Key-Id", "root")
		send(client, req)
	}
	// Output:
	// 200 app-1 asks for /a%2Fb?c;d
	// 401 {"message":"HMAC id or signature missing.","reason":"no_authorization"}
}

// retrying sends a request again that was answered with 503.
type retrying struct{ next http.RoundTripper }

func (r retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	again := req.Body == nil || req.GetBody != nil
	for tries := 1; ; tries++ {
		resp, err := r.next.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !again || tries == 3 {
			return resp, err
		}
		resp.Body.Close()
		select {
		case <-time.After(time.Duration(tries) * 10 * time.Millisecond): // in earnest longer: see Retry-After
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		if req = req.Clone(req.Context()); req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// numbered gives each request an id of its own. Two requests that are alike to the second
// have one signature: those of a quick retry, too.
type numbered struct{ next http.RoundTripper }

func (n numbered) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Request-Id", rand.Text())
	return n.next.RoundTrip(req)
}

// Sign inside the retry: then each try has a date and an id of its own. The other way
// round each is a copy of the first, which a server with a replay guard refuses.
func Example_retry() {
	tries := 0
	server := upstream(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.Copy(w, r.Body)
	})
	defer server.Close()
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, exampleCredential, hmacsign.WithSignedHeaders("x-request-id"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, transport := range []http.RoundTripper{
		retrying{numbered{signer.Transport(nil)}},                   // right
		numbered{signer.Transport(retrying{http.DefaultTransport})}, // wrong
	} {
		req, _ := http.NewRequest("POST", server.URL+"/orders", strings.NewReader("one tea"))
		req.Header.Set("Content-Type", "text/plain")
		send(&http.Client{Transport: transport}, req)
	}
	// Output:
	// 200 one tea
	// 401 {"message":"HMAC signature does not match","reason":"replayed"}
}
