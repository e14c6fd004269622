package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

func newDemo(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Signs, sends and verifies on this machine, with every scheme and algorithm.",
		Long:  "A verifying server on loopback accepts what is signed, and refuses tampered copies.",
		Args:  arguments(0),
		RunE:  func(*cobra.Command, []string) error { return runDemo(io) },
	}
}

func runDemo(streams *streams) error {
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
		fmt.Fprintf(w, streams.text("%s, %s, %d bytes"), id.KeyID, id.Algorithm, n)
	}))}
	go server.Serve(listener)
	defer server.Close()

	streams.say("A verifying server listens on %s. Every request goes to it over HTTP.", listener.Addr())
	d := &demo{streams, &http.Client{Timeout: 10 * time.Second}, "http://" + listener.Addr().String(), 0}
	for _, s := range hmacsign.Schemes() {
		for _, algorithm := range s.Algorithms() {
			signer, err := hmacsign.NewSigner(s, algorithm, cred, hmacsign.WithSignedHeaders("source"))
			if err != nil {
				return err
			}
			late, err := hmacsign.NewSigner(s, algorithm, cred, hmacsign.WithSignedHeaders("source"), hmacsign.WithClock(func() time.Time { return time.Now().Add(-16 * time.Minute) }))
			if err != nil {
				return err
			}
			d.say("\n%s, %s on backend %s", s.Name(), algorithm, signer.Backend().Backend)
			if err := d.round(s.Coverage(), signer, late); err != nil {
				return err
			}
		}
	}
	if d.wrong > 0 {
		return fmt.Errorf("%d of the answers above are not what they should be", d.wrong)
	}
	d.say("\nAll accepted that should be, all tampered copies refused.")
	return nil
}

type demo struct {
	*streams
	client *http.Client
	server string
	wrong  int
}

// round sends a request of each kind as it was signed, and copies that are tampered
// with in what the scheme covers.
func (d *demo) round(covered scheme.Coverage, signer, late *hmacsign.Signer) error {
	const form, query = "application/x-www-form-urlencoded", "/release/v1/users?name=%E4%B8%AD&page=2&page=1&all"
	var upload bytes.Buffer
	w := multipart.NewWriter(&upload)
	w.WriteField("title", "demo")
	w.Close()
	for _, r := range []struct{ what, method, path, contentType, body string }{
		{d.text("GET with a query"), "GET", query, "", ""},
		{d.text("POST of JSON"), "POST", "/test/v1/users", "application/json", `{"name":"demo"}`},
		{d.text("POST of a form"), "POST", "/v1/users?b=2", form, "c=3&a=1"},
		{d.text("POST of multipart"), "POST", "/v1/upload", w.FormDataContentType(), upload.String()},
	} {
		if err := d.send(signer, r.what, r.method, r.path, r.contentType, r.body, nil, http.StatusOK); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		what    string
		covered bool
		tamper  func(*http.Request)
	}{
		{d.text("tampered: another path"), covered.Path, func(r *http.Request) { r.URL.Path += "/7" }},
		{d.text("tampered: another parameter"), covered.Query, func(r *http.Request) { r.URL.RawQuery += "&admin=1" }},
		{d.text("tampered: another method"), covered.Method, func(r *http.Request) { r.Method = "PUT" }},
		{d.text("tampered: another body"), covered.Body, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"name":"evil"}`))
		}},
		{d.text("tampered: another signed header"), covered.Headers, func(r *http.Request) { r.Header.Set("Source", "elsewhere") }},
		{d.text("tampered: another key id"), true, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "demo-key", "other-key", 1))
		}},
		{d.text("tampered: no signature"), true, func(r *http.Request) { r.Header.Del("Authorization") }},
	} {
		if !t.covered {
			continue
		}
		if err := d.send(signer, t.what, "POST", query, "application/json", `{"name":"demo"}`, t.tamper, http.StatusUnauthorized); err != nil {
			return err
		}
	}
	return d.send(late, d.text("signed 16 minutes ago"), "POST", query, "application/json", `{"name":"demo"}`, nil, http.StatusUnauthorized)
}

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
	mark := d.text("ok   ")
	if resp.StatusCode != want {
		mark = d.text("WRONG")
		d.wrong++
	}
	fmt.Fprintf(d.out, "  %s %s %d %s\n", mark, padded(what, 32), resp.StatusCode, strings.TrimSpace(string(answer)))
	return nil
}
