// Command echo is a server on echo that answers signed requests alone. It reads a keys
// file as hmacsign verify does, and follows it:
//
//	go run ./echo -keys keys.json -listen 127.0.0.1:8080
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v5"

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

// newHandler verifies before echo routes: what is given to Pre does, and what is given to
// Use does not.
func newHandler(verifier *hmacsign.Verifier) http.Handler {
	router := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{})}) // parameters come encoded
	router.Pre(echo.WrapMiddleware(verifier.Middleware), escapedPath)
	router.POST("/files/:name", func(c *echo.Context) error {
		id, _ := hmacsign.IdentityFrom(c.Request().Context())
		name, err := url.PathUnescape(c.Param("name"))
		if err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "the path is not encoded as it must be")
		}
		if strings.Contains(c.Param("name"), "/") { // a parameter at the end takes all that comes
			return echo.ErrNotFound
		}
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "the body broke off")
		}
		return c.String(http.StatusOK, fmt.Sprintf("%s writes %s to %q", id.KeyID, body, name))
	})
	router.POST("/files/a/b", func(c *echo.Context) error { return c.String(http.StatusOK, "another route") })
	return router
}

// escapedPath has echo route by the path which was signed, and parameters come encoded,
// always: by itself it does so only where net/url sets RawPath, and the file a%2Fb would be
// one with that of a%252Fb.
func escapedPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		r := c.Request().Clone(c.Request().Context())
		r.URL.RawPath = r.URL.EscapedPath()
		c.SetRequest(r)
		return next(c)
	}
}
