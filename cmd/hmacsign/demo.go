package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func runDemo(c *command, args []string, streams *streams) error {
	if _, err := c.parse(new(flag.FlagSet), args, streams, 0); err != nil {
		return err
	}
	cred := hmacsign.Credential{KeyID: "demo-key", Secret: hmacsign.Secret(rand.Text())}
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: cred.KeyID, Secret: cred.Secret})
	if err != nil {
		return err
	}
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmacsign.IdentityFrom(r.Context())
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s, %s, %d bytes", id.KeyID, id.Algorithm, n)
	}))}
	go server.Serve(listener)
	defer server.Close()

	fmt.Fprintf(streams.out, "A verifying server listens on %s. Every request goes to it over HTTP.\n", listener.Addr())
	d := &demo{streams.out, &http.Client{Timeout: 10 * time.Second}, "http://" + listener.Addr().String(), 0}
	for _, scheme := range hmacsign.Schemes() {
		for _, algorithm := range scheme.Algorithms() {
			signer, err := hmacsign.NewSigner(scheme, algorithm, cred, hmacsign.WithSignedHeaders("source"))
			if err != nil {
				return err
			}
			fmt.Fprintf(d.out, "\n%s, %s on backend %s\n", scheme.Name(), algorithm, signer.Backend().Backend)
			if err := d.round(scheme, signer); err != nil {
				return err
			}
		}
	}
	if d.wrong > 0 {
		return fmt.Errorf("%d of the answers above are not what they should be", d.wrong)
	}
	fmt.Fprintln(d.out, "\nAll accepted that should be, all tampered copies refused.")
	return nil
}

type demo struct {
	out    io.Writer
	client *http.Client
	server string
	wrong  int
}

// round sends a request of each kind as it was signed, and tampered copies.
func (d *demo) round(scheme hmacsign.Scheme, signer *hmacsign.Signer) error {
	const form, query = "application/x-www-form-urlencoded", "/release/v1/users?name=%E4%B8%AD&page=2&page=1&all"
	var upload bytes.Buffer
	w := multipart.NewWriter(&upload)
	w.WriteField("title", "demo")
	w.Close()
	for _, r := range []struct{ what, method, path, contentType, body string }{
		{"GET with a query", "GET", query, "", ""},
		{"POST of JSON", "POST", "/test/v1/users", "application/json", `{"name":"demo"}`},
		{"POST of a form", "POST", "/v1/users?b=2", form, "c=3&a=1"},
		{"POST of multipart", "POST", "/v1/upload", w.FormDataContentType(), upload.String()},
	} {
		if err := d.send(signer, r.what, r.method, r.path, r.contentType, r.body, nil, http.StatusOK); err != nil {
			return err
		}
	}
	date := "X-Date"
	if scheme == hmacsign.HuaweiSDK {
		date = "X-Sdk-Date"
	}
	for _, t := range []struct {
		what   string
		tamper func(*http.Request)
	}{
		{"another path", func(r *http.Request) { r.URL.Path += "/7" }},
		{"another parameter", func(r *http.Request) { r.URL.RawQuery += "&admin=1" }},
		{"another method", func(r *http.Request) { r.Method = "PUT" }},
		{"another body", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"name":"evil"}`))
		}},
		{"another signed header", func(r *http.Request) { r.Header.Set("Source", "elsewhere") }},
		{"an old date", func(r *http.Request) {
			layout := http.TimeFormat
			if scheme == hmacsign.HuaweiSDK {
				layout = "20060102T150405Z"
			}
			r.Header.Set(date, time.Now().Add(-16*time.Minute).UTC().Format(layout))
		}},
		{"another key id", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "demo-key", "other-key", 1))
		}},
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }},
	} {
		if scheme == hmacsign.TencentKeyPair && notInKeyPair[t.what] {
			continue
		}
		if err := d.send(signer, "tampered: "+t.what, "POST", query, "application/json", `{"name":"demo"}`, t.tamper, http.StatusUnauthorized); err != nil {
			return err
		}
	}
	return nil
}

// notInKeyPair is what tencent-keypair, which signs headers alone, leaves open.
var notInKeyPair = map[string]bool{"another path": true, "another parameter": true, "another method": true, "another body": true}

func (d *demo) send(signer *hmacsign.Signer, what, method, path, contentType, body string, tamper func(*http.Request), want int) error {
	req, err := http.NewRequest(method, d.server+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Source", "demo")
	if err := signer.Sign(req); err != nil {
		return err
	}
	if tamper != nil {
		tamper(req)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return errors.New("the server's answer broke off")
	}
	mark := "ok   "
	if resp.StatusCode != want {
		mark = "WRONG"
		d.wrong++
	}
	fmt.Fprintf(d.out, "  %s %-32s %d %s\n", mark, what, resp.StatusCode, strings.TrimSpace(string(answer)))
	return nil
}
