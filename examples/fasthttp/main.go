// Command fasthttp is a server on fasthttp that answers signed requests alone. It reads
// a keys file as hmacsign verify does:
//
//	go run ./fasthttp -keys keys.json -listen 127.0.0.1:8080
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func main() {
	keysFile := flag.String("keys", "keys.json", "keys file")
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	flag.Parse()
	file, err := os.Open(*keysFile)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := hmacsign.ReadKeys(file)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := hmacsign.NewVerifier(keys)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(newServer(verified(verifier, hello)).ListenAndServe(*listen))
}

// newServer is a server that leaves requests as they were sent: it would take a
// multipart body apart, and make another one of it.
func newServer(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{Handler: handler, DisablePreParseMultipartForm: true}
}

func hello(ctx *fasthttp.RequestCtx) {
	id := ctx.UserValue(identityKey{}).(*hmacsign.Identity)
	fmt.Fprintf(ctx, "%s says %s", id.KeyID, ctx.PostBody())
}

type identityKey struct{}

// verified passes on what is signed, with the identity as a user value, and answers the
// rest. What was verified is RequestURI, the headers that the identity lists and, where
// the scheme signs it, PostBody: Path and the like are what fasthttp makes of them.
func verified(v *hmacsign.Verifier, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		id, err := v.VerifyWire(ctx, wireRequest(ctx))
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			answer := v.Answer(refused)
			for name, values := range answer.Header {
				ctx.Response.Header.Set(name, values[0])
			}
			ctx.SetStatusCode(answer.Status)
			ctx.SetBody(answer.Body)
			return
		}
		ctx.SetUserValue(identityKey{}, id)
		next(ctx)
	}
}

// wireRequest is the request as it was on the wire. The body is in memory already,
// bounded by fasthttp's MaxRequestBodySize. Everything is copied: fasthttp uses its
// memory again.
func wireRequest(ctx *fasthttp.RequestCtx) *hmacsign.WireRequest {
	body := ctx.PostBody()
	r := &hmacsign.WireRequest{
		Method: string(ctx.Method()),
		Target: string(ctx.Request.Header.RequestURI()),
		Body:   io.NopCloser(bytes.NewReader(body)),
		Length: int64(len(body)),
	}
	// Of its parsed headers fasthttp keeps one Host and one Content-Type, whichever
	// it saw last.
	for line := range strings.Lines(string(ctx.Request.Header.RawHeaders())) {
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
