// Command chi is a server on chi that answers signed requests alone. It reads a keys file
// as hmacsign verify does, and follows it:
//
//	go run ./chi -keys keys.json -listen 127.0.0.1:8080
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

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
	server := &http.Server{Addr: *listen, Handler: newHandler(verifier), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// newHandler verifies before chi routes, as what is given to Use does.
func newHandler(verifier *hmacsign.Verifier) http.Handler {
	router := chi.NewRouter()
	router.Use(verifier.Middleware, escapedPath)
	router.Post("/files/{name}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmacsign.IdentityFrom(r.Context())
		name, err := url.PathUnescape(chi.URLParam(r, "name"))
		if err != nil {
			http.Error(w, "the path is not encoded as it must be", http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the body broke off", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s writes %s to %q", id.KeyID, body, name)
	})
	router.Post("/files/a/b", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "another route") })
	return router
}

// escapedPath has chi route by the path which was signed, and parameters come encoded,
// always: by itself it does so only where net/url sets RawPath, and the file a%2Fb would be
// one with that of a%252Fb.
func escapedPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.RawPath = r.URL.EscapedPath()
		next.ServeHTTP(w, r)
	})
}
