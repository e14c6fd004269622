package hmacsign_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// ginContext has what a gin.Context has of what matters here, ginHandler is a
// gin.HandlerFunc.
type ginContext struct {
	Writer  http.ResponseWriter
	Request *http.Request
	next    ginHandler
}

type ginHandler func(*ginContext)

func (c *ginContext) Next() { c.next(c) }

func (c *ginContext) AbortWithStatusJSON(status int, object map[string]any) {
	c.Writer.WriteHeader(status)
	fmt.Fprint(c.Writer, object)
}

// Middleware in the style of gin: the identity goes on in the request's context, and a
// refusal is answered in the application's own form.
func ExampleContextWithIdentity() {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, err := hmacsign.NewVerifier(keys, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	signed := func(c *ginContext) {
		id, err := verifier.Verify(c.Request)
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			// Or the vendor's words: verifier.Answer(refused).
			c.AbortWithStatusJSON(refused.Status(), map[string]any{"code": refused.Code(), "detail": refused.DetailCode})
			return
		}
		c.Request = c.Request.WithContext(hmacsign.ContextWithIdentity(c.Request.Context(), id))
		c.Next()
	}
	hello := func(c *ginContext) {
		id, _ := hmacsign.IdentityFrom(c.Request.Context())
		fmt.Fprint(c.Writer, "hello ", id.KeyID)
	}

	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSHA256, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, then)
	req, _ := http.NewRequest("GET", "http://example.com/hello", nil)
	for range 2 {
		w := httptest.NewRecorder()
		signed(&ginContext{w, req, hello})
		fmt.Println(w.Code, w.Body)
		signer.Sign(req)
	}
	// Output:
	// 401 map[code:no_authorization detail:authorization_none]
	// 200 hello app-1
}

// The middleware with answers of one's own.
func ExampleWithRefusal() {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.WithRefusal(func(w http.ResponseWriter, r *http.Request, e *hmacsign.VerifyError) {
		http.Error(w, e.In("zh"), e.Status())
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := verifier.Middleware(http.NotFoundHandler())
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 401 hmacsign: 请求未签名：没有 Authorization 请求头，其他位置也没有签名：请对请求签名
}
