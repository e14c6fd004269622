// Command hertz is a server on Hertz that answers signed requests alone. It reads a keys
// file as hmacsign verify does, and follows it:
//
//	go run ./hertz -keys keys.json -listen 127.0.0.1:8080
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func main() {
	keysFile := flag.String("keys", "keys.json", "keys file")
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	flag.Parse()
	keys, err := hmacsign.OpenKeys(*keysFile, func(err error) {
		if err != nil {
			log.Print("the keys before stay: ", err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	newServer(verifier, listener).Spin()
}

// newServer is a server that leaves requests as they were sent: it routes by the path that
// was signed and hands out parameters encoded, and does not take a multipart body apart.
func newServer(verifier *hmacsign.Verifier, listener net.Listener) *server.Hertz {
	h := server.New(server.WithListener(listener),
		server.WithUseRawPath(true), server.WithUnescapePathValues(false), server.WithRedirectTrailingSlash(false),
		server.WithDisablePreParseMultipartForm(true))
	h.Use(verified(verifier))
	h.POST("/files/:name", func(ctx context.Context, c *app.RequestContext) {
		id, _ := hmacsign.IdentityFrom(ctx)
		name, err := url.PathUnescape(c.Param("name"))
		if err != nil {
			c.String(http.StatusBadRequest, "the path is not encoded as it must be")
			return
		}
		c.String(http.StatusOK, "%s writes %s to %q", id.KeyID, c.Request.Body(), name)
	})
	h.POST("/files/a/b", func(_ context.Context, c *app.RequestContext) { c.String(http.StatusOK, "another route") })
	return h
}

// verified passes on what is signed, with the identity in the context, and answers the
// rest. What was verified is RequestURI, the headers that the identity lists and, where the
// scheme signs it, the body.
func verified(v *hmacsign.Verifier) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		id, err := v.VerifyWire(ctx, wireRequest(c))
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			answer := v.Answer(refused)
			for name, values := range answer.Header {
				c.Response.Header.Set(name, values[0])
			}
			c.SetStatusCode(answer.Status)
			c.Response.SetBody(answer.Body)
			c.Abort()
			return
		}
		c.Next(hmacsign.ContextWithIdentity(ctx, id))
	}
}

// wireRequest is the request as it was on the wire. The body is in memory already, bounded
// by Hertz's MaxRequestBodySize. Texts are copied: Hertz uses its memory again.
func wireRequest(c *app.RequestContext) *hmacsign.WireRequest {
	body := c.Request.Body()
	r := &hmacsign.WireRequest{
		Method: string(c.Request.Header.Method()),
		Target: string(c.Request.Header.RequestURI()),
		Body:   io.NopCloser(bytes.NewReader(body)),
		Length: int64(len(body)),
	}
	// Of its parsed headers Hertz keeps one Host and one Content-Type, whichever it saw
	// last.
	for line := range strings.Lines(string(c.Request.Header.RawHeaders())) {
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		switch last := len(r.Header) - 1; {
		case line == "":
		case last >= 0 && (line[0] == ' ' || line[0] == '\t'):
			r.Header[last].Value += "\r\n" + line // continued, which VerifyWire refuses
		default:
			r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
		}
	}
	return r
}
