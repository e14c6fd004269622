package hmacsign_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// proxyEvent is how gateways hand a request to a function (Lambda, SCF, FunctionGraph),
// with the path and the query as they were sent. One that decodes them, or joins a
// repeated header's values by a comma, has lost what was signed.
type proxyEvent struct {
	Method            string              `json:"httpMethod"`
	RawPath           string              `json:"rawPath"`
	RawQueryString    string              `json:"rawQueryString"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type proxyResponse struct {
	StatusCode        int                 `json:"statusCode"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
}

// wire is the event's request as it was on the wire.
func (e *proxyEvent) wire() (*hmacsign.WireRequest, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, err
		}
	}
	r := &hmacsign.WireRequest{Method: e.Method, Target: e.RawPath, Length: int64(len(body)), Body: io.NopCloser(strings.NewReader(string(body)))}
	if e.RawQueryString != "" {
		r.Target += "?" + e.RawQueryString
	}
	for name, values := range e.MultiValueHeaders {
		for _, value := range values {
			r.Header = append(r.Header, hmacsign.HeaderField{Name: name, Value: value})
		}
	}
	return r, nil
}

// A function behind a gateway that hands requests over as events.
func ExampleVerifier_VerifyWire() {
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, err := hmacsign.NewVerifier(keys, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	handle := func(ctx context.Context, event *proxyEvent) (*proxyResponse, error) {
		request, err := event.wire()
		if err != nil {
			return nil, err
		}
		id, err := verifier.VerifyWire(ctx, request)
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			answer := verifier.Answer(refused)
			return &proxyResponse{answer.Status, answer.Header, string(answer.Body)}, nil
		}
		defer request.Body.Close()
		body, err := io.ReadAll(request.Body)
		return &proxyResponse{200, nil, fmt.Sprintf("%s says %s", id.KeyID, body)}, err
	}

	// What arrives of a client's request.
	signer, _ := hmacsign.NewSigner(hmacsign.HuaweiSDK, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, then)
	req, _ := http.NewRequest("POST", "https://example.com/v1/users?name=%E6%9D%8E", strings.NewReader("hello"))
	signer.Sign(req)
	event := &proxyEvent{"POST", "/v1/users", "name=%E6%9D%8E", req.Header, base64.StdEncoding.EncodeToString([]byte("hello")), true}
	event.MultiValueHeaders["host"] = []string{"example.com"}

	response, err := handle(context.Background(), event)
	fmt.Println(response.StatusCode, response.Body, err)
	event.RawQueryString = "name=li"
	response, err = handle(context.Background(), event)
	fmt.Print(response.StatusCode, " ", response.Body)
	// Output:
	// 200 app-1 says hello <nil>
	// 401 {"message":"Verify authroization failed.","reason":"signature"}
}
