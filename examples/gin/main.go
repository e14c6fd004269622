// Command gin is a server on gin that answers signed requests alone. It reads a keys file
// as hmacsign verify does, and follows it:
//
//	go run ./gin -keys keys.json -listen 127.0.0.1:8080
package main

import (
	"flag"
	"log"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

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
	gin.SetMode(gin.ReleaseMode)
	server := &http.Server{Addr: *listen, Handler: newHandler(verifier), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// newHandler verifies before gin routes: gin's own middlewares come behind its router, and
// not at all where that answers with a redirect.
func newHandler(verifier *hmacsign.Verifier) http.Handler {
	router := gin.New()
	router.Use(gin.Recovery())
	// The route is that of the path which was signed: /files/a%2Fb is the file "a/b",
	// and not another route. Parameters come encoded: gin decodes + to a space, which in
	// a path it is not.
	router.UseEscapedPath = true
	router.UnescapePathValues = false
	router.RedirectTrailingSlash = false
	router.POST("/files/:name", func(c *gin.Context) {
		id, _ := hmacsign.IdentityFrom(c.Request.Context())
		name, err := url.PathUnescape(c.Param("name"))
		if err != nil {
			c.String(http.StatusBadRequest, "the path is not encoded as it must be")
			return
		}
		body, err := c.GetRawData()
		if err != nil {
			c.String(http.StatusBadRequest, "the body broke off")
			return
		}
		c.String(http.StatusOK, "%s writes %s to %q", id.KeyID, body, name)
	})
	router.POST("/files/a/b", func(c *gin.Context) { c.String(http.StatusOK, "another route") })
	return verifier.Middleware(router)
}
