package tencentkeypair_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/schemetest"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

func at(date string) time.Time {
	t, err := time.Parse(time.RFC1123, date)
	if err != nil {
		panic(err)
	}
	return t
}

// The answers are of a program of its own in Python, with the string of the vendor's
// documentation.
func TestContract(t *testing.T) {
	for name, s := range map[string]tencentkeypair.Scheme{"Default": {}, "AcceptAnyDate": {AcceptAnyDate: true}} {
		t.Run(name, func(t *testing.T) {
			schemetest.Run(t, s, schemetest.Options{Answers: answers, SignAllocs: 4, VerifyAllocs: 4})
		})
	}
}

// A request that signs Date has any, where that is accepted.
func TestContractOfDate(t *testing.T) {
	schemetest.Run(t, tencentkeypair.Scheme{AcceptAnyDate: true}, schemetest.Options{Answers: answers, Headers: []string{"date", "source"}, AnyDate: true, SignAllocs: 4, VerifyAllocs: 4})
}

func FuzzParse(f *testing.F) { schemetest.FuzzParse(f, tencentkeypair.Scheme{}) }

var answers = []schemetest.Answer{
	{Name: "tc-keypair-x-date-sha1", Algorithm: "hmac-sha1", KeyID: "ExampleSecretId", Secret: "ExampleSecretKey", Time: at("Mon, 19 Mar 2018 12:08:40 GMT"),
		Headers:      []string{"source"},
		Request:      scheme.Request{Method: "GET", Host: "service-xxx-xxx.gz.apigw.tencentcs.com", Path: "/release/x", Header: http.Header{"Source": {"AndriodApp"}}},
		StringToSign: "x-date: Mon, 19 Mar 2018 12:08:40 GMT\nsource: AndriodApp",
		Signature:    "THlSWyRYYJLIA8L3V+LRa5yaEBo="},
	{Name: "tc-keypair-x-date-sha256", Algorithm: "hmac-sha256", KeyID: "ExampleSecretId", Secret: "ExampleSecretKey", Time: at("Mon, 19 Mar 2018 12:08:40 GMT"),
		Headers:      []string{"source"},
		Request:      scheme.Request{Method: "GET", Host: "service-xxx-xxx.gz.apigw.tencentcs.com", Path: "/release/x", Header: http.Header{"Source": {"AndriodApp"}}},
		StringToSign: "x-date: Mon, 19 Mar 2018 12:08:40 GMT\nsource: AndriodApp",
		Signature:    "80WPfeBjbwdANEGNdTTHUxy/zIsiY5yNkbjix0W7OYs="},
	{Name: "tc-keypair-x-date-sm3", Algorithm: "hmac-sm3", KeyID: "ExampleSecretId", Secret: "ExampleSecretKey", Time: at("Mon, 19 Mar 2018 12:08:40 GMT"),
		Headers:      []string{"source"},
		Request:      scheme.Request{Method: "GET", Host: "service-xxx-xxx.gz.apigw.tencentcs.com", Path: "/release/x", Header: http.Header{"Source": {"AndriodApp"}}},
		StringToSign: "x-date: Mon, 19 Mar 2018 12:08:40 GMT\nsource: AndriodApp",
		Signature:    "xCpER2sYuQVDo1Hjb5cHymlMvi3ZRlTCW4Ho+nwQFVM="},
}
