package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// provider hands out what is set.
type provider struct {
	atomic.Pointer[hmacsign.Credential]
}

func (p *provider) Credential(context.Context) (hmacsign.Credential, error) {
	if cred := p.Load(); cred != nil {
		return *cred, nil
	}
	return hmacsign.Credential{}, errNone
}

var errNone = errors.New("no credential yet")

func (p *provider) set(secret string) {
	p.Store(&hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret(secret)})
}

// start runs a server on loopback that takes each signature once, and is busy so many
// times. It tells the headers of the last request that it accepted.
func start(t *testing.T, busy int) (url string, received *atomic.Pointer[http.Header]) {
	received = new(atomic.Pointer[http.Header])
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("new"), Previous: hmacsign.Secret("old")})
	require.NoError(t, err)
	guard, err := hmacsign.NewMemoryReplayStore(100)
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(guard), hmacsign.RequireSignedHeaders("x-request-id"))
	require.NoError(t, err)
	server := httptest.NewServer(verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received.Store(&r.Header)
		if busy > 0 {
			busy--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		id, _ := hmacsign.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s sends %q to %s, previous secret: %v", id.KeyID, body, r.RequestURI, id.PreviousSecret)
	})))
	t.Cleanup(server.Close)
	return server.URL, received
}

func client(t *testing.T, credentials hmacsign.CredentialProvider) *resty.Client {
	c, err := newClient(credentials)
	require.NoError(t, err)
	return c.SetRetryWaitTime(time.Millisecond).SetRetryMaxWaitTime(2 * time.Millisecond)
}

func TestSigned(t *testing.T) {
	url, _ := start(t, 0)
	credentials := new(provider)
	c := client(t, credentials)
	_, err := c.R().Get(url)
	require.ErrorIs(t, err, errNone)
	for secret, previous := range map[string]string{"old": "true", "new": "false"} {
		credentials.set(secret)
		resp, err := c.R().SetPathParam("name", "a/b c").SetQueryParam("q", "李&").SetHeader("Content-Type", "text/plain").SetBody("hello").Post(url + "/files/{name}")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode(), resp)
		require.Equal(t, `app-1 sends "hello" to /files/a%2Fb%20c?q=%E6%9D%8E%26, previous secret: `+previous, resp.String())
		resp, err = c.R().SetFormData(map[string]string{"b": "1 2", "a": "="}).Post(url + "/form")
		require.NoError(t, err)
		require.Contains(t, resp.String(), `sends "a=%3D&b=1+2" to /form`)
		resp, err = c.R().SetFileReader("f", "f.txt", strings.NewReader("content")).Post(url + "/upload")
		require.NoError(t, err)
		require.Contains(t, resp.String(), "content")
		require.Equal(t, http.StatusOK, resp.StatusCode(), resp)
	}
}

// A server that is busy twice gets three requests, each with a signature of its own.
func TestRetriesAreSignedAnew(t *testing.T) {
	credentials := new(provider)
	credentials.set("new")
	for busy, status := range map[int]int{2: http.StatusOK, 3: http.StatusServiceUnavailable} {
		url, _ := start(t, busy)
		resp, err := client(t, credentials).R().SetBody("hello").Post(url)
		require.NoError(t, err)
		require.Equal(t, status, resp.StatusCode(), resp)
		require.Equal(t, 3, resp.Request.Attempt)
	}
}

func TestRefused(t *testing.T) {
	url, received := start(t, 0)
	credentials := new(provider)
	credentials.set("neither of them")
	signed := client(t, credentials)
	resp, err := signed.R().Get(url)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode())
	require.Contains(t, resp.String(), `"reason":"signature"`)
	resp, err = resty.New().R().Get(url)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode())
	require.Contains(t, resp.String(), `"reason":"no_authorization"`)

	// What was signed for one path is not for another, nor for a second time.
	credentials.set("new")
	resp, err = signed.R().Get(url + "/a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode(), resp)
	for path, reason := range map[string]string{"/a": "replayed", "/b": "signature"} {
		req, err := http.NewRequest("GET", url+path, nil)
		require.NoError(t, err)
		req.Header = received.Load().Clone()
		answer, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
		require.Contains(t, string(body), `"reason":"`+reason+`"`)
	}
}
