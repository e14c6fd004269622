package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// start runs the server on loopback.
func start(t *testing.T) (addr string) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := newServer(verified(verifier, hello))
	go server.Serve(listener)
	t.Cleanup(func() { server.Shutdown() })
	return listener.Addr().String()
}

func client(t *testing.T, scheme hmacsign.Scheme) *http.Client {
	signer, err := hmacsign.NewSigner(scheme, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	require.NoError(t, err)
	return &http.Client{Transport: signer.Transport(nil)}
}

const multipart = "--b\r\nContent-Disposition: form-data;  name=\"a\"\r\n\r\n1\r\n--b--\r\nbehind"

func TestVerified(t *testing.T) {
	addr := start(t)
	for _, scheme := range hmacsign.Schemes() {
		for contentType, body := range map[string]string{"": "", "text/plain": "hello", "application/x-www-form-urlencoded": "c=%E6%9D%8E&a=1", "multipart/form-data; boundary=b": multipart} {
			for _, target := range []string{"/", "/a//b/../%2Fc?b=1&a=%7e&b=", "/?"} {
				req, err := http.NewRequest("POST", "http://"+addr+target, strings.NewReader(body))
				require.NoError(t, err)
				req.Header.Set("Content-Type", contentType)
				resp, err := client(t, scheme).Do(req)
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				resp.Body.Close()
				require.Equal(t, "app-1 says "+body, string(got), "%s %s", scheme.Name(), target)
			}
		}
	}
}

// raw sends a request as it is, and returns the status and the body of the answer.
func raw(t *testing.T, addr, request string) (int, string) {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// What is unsigned, changed or told twice does not get in.
func TestRefused(t *testing.T) {
	addr := start(t)
	signer, err := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSHA256, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")},
		hmacsign.WithSignedHeaders("content-type"))
	require.NoError(t, err)
	req, err := http.NewRequest("POST", "http://h/a?b=c", strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/plain")
	require.NoError(t, signer.Sign(req))
	request := "POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
	for name, values := range req.Header {
		request += fmt.Sprintf("%s: %s\r\n", name, values[0])
	}
	request += "\r\nbody"
	status, body := raw(t, addr, request)
	require.Equal(t, http.StatusOK, status, body)

	for name, changed := range map[string]string{
		"target":             strings.Replace(request, "b=c", "b=d", 1),
		"body":               strings.Replace(request, "\r\nbody", "\r\nbodi", 1),
		"host":               strings.Replace(request, "Host: h", "Host: i", 1),
		"two hosts":          strings.Replace(request, "Host: h", "Host: i\r\nHost: h", 1),
		"two content types":  strings.Replace(request, "Content-Type", "Content-Type: text/html\r\nContent-Type", 1),
		"unsigned":           strings.Replace(request, "Authorization", "X-Authorization", 1),
		"two authorizations": strings.Replace(request, "Authorization", "Authorization: x\r\nAuthorization", 1),
	} {
		status, body := raw(t, addr, changed)
		require.GreaterOrEqual(t, status, 400, name)
		require.NotContains(t, body, "says", name)
		if status == http.StatusUnauthorized {
			require.Contains(t, body, `"reason":`, name)
		}
	}
}
