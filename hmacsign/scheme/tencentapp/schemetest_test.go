package tencentapp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/schemetest"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

func at(date string) time.Time {
	t, err := time.Parse(time.RFC1123, date)
	if err != nil {
		panic(err)
	}
	return t
}

// The answers are the vendor's Python sample's, executed with a fixed clock; those of
// SHA-256 and SM3 have its string, and a MAC by OpenSSL.
func TestContract(t *testing.T) {
	for _, c := range []struct {
		name    string
		scheme  tencentapp.Scheme
		answers []schemetest.Answer
	}{
		{"Default", tencentapp.Scheme{}, answers},
		{"KeepEnvironment", tencentapp.Scheme{KeepEnvironment: true}, keepEnvironment},
		{"Joined", tencentapp.Scheme{Query: tencentapp.Joined, Accept: tencentapp.Documented}, joined},
		{"Decoded", tencentapp.Scheme{Query: tencentapp.Decoded, ContentMD5: tencentapp.MD5Raw}, decoded},
		{"Raw", tencentapp.Scheme{Query: tencentapp.Raw, ContentMD5: tencentapp.MD5None}, raw},
		{"RawAlone", tencentapp.Scheme{Query: tencentapp.Raw, Accept: tencentapp.Raw}, raw},
		{"All", tencentapp.Scheme{Accept: tencentapp.Documented | tencentapp.Raw | tencentapp.Decoded | tencentapp.Joined}, answers},
	} {
		t.Run(c.name, func(t *testing.T) {
			schemetest.Run(t, c.scheme, schemetest.Options{Answers: c.answers, SignAllocs: 3, VerifyAllocs: 4})
		})
	}
}

func FuzzParse(f *testing.F) { schemetest.FuzzParse(f, tencentapp.Scheme{}) }

var answers = []schemetest.Answer{
	{Name: "query sorted", Algorithm: "hmac-sha1", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
		Request:      scheme.Request{Method: "GET", Host: "service-abc123-1234567890.gz.apigw.tencentcs.com", Path: "/release/a", Query: "c=1&b=3", Header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}},
		StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nGET\napplication/json\napplication/json\n\n/a?b=3&c=1",
		Signature:    "9iO8N6ByPVdoplPsIgy55203lSQ="},
	{Name: "percent-encoded path and query stay as sent", Algorithm: "hmac-sha256", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
		Request:      scheme.Request{Method: "GET", Host: "service-abc123-1234567890.gz.apigw.tencentcs.com", Path: "/a%20b/%E4%B8%AD", Query: "q=%E4%B8%AD%E6%96%87&p=a+b&z=%2F", Header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}},
		StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nGET\napplication/json\napplication/json\n\n/a%20b/%E4%B8%AD?p=a+b&q=%E4%B8%AD%E6%96%87&z=%2F",
		Signature:    "7vRQJzVyhu3vUwhMjZxtS2EZomanZQvDBH71ijx9zS8="},
	{Name: "POST JSON", Algorithm: "hmac-sm3", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
		Request:      scheme.Request{Method: "POST", Host: "service-abc123-1234567890.gz.apigw.tencentcs.com", Path: "/test/v1/users", Query: "x=1", Header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}, Body: "{\"arg1\": \"a\", \"arg2\": \"b\"}"},
		StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nPOST\napplication/json\napplication/json\nOTg4ZWU5MWUxYjVjNWJkZGRkNWI1N2I3ZjAwYWYwYjg=\n/v1/users?x=1",
		Signature:    "9sUilXN5bLMXTQEBntn8j0ioogcaEwhnzzgHhSgHvR4="},
	{Name: "POST form", Algorithm: "hmac-sm3", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
		Request:      scheme.Request{Method: "POST", Host: "service-abc123-1234567890.gz.apigw.tencentcs.com", Path: "/release/form", Header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}, Body: "arg2=b&arg1=a+b"},
		StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nPOST\napplication/json\napplication/x-www-form-urlencoded\n\n/form?arg1=a+b&arg2=b",
		Signature:    "gQO/WA7/QowVY1Aiw8gpGeT/799al7ncWazvykWBdo8="},
}

// Those of an option are by Python's hmac, of a string that was written by hand.
var (
	keepEnvironment = []schemetest.Answer{
		{Name: "environment", Algorithm: "hmac-sha256", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
			Request:      scheme.Request{Path: "/release/v1", Host: "h", Query: "b=1&a", Header: http.Header{"Accept": {"a/b"}}},
			StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nGET\na/b\n\n\n/release/v1?a&b=1",
			Signature:    "lhaKaONAdF6qfPlfFcXgau9SQ3Zd2qWfaFArjy/LfKE="},
	}
	joined = []schemetest.Answer{
		{Name: "repeats", Algorithm: "hmac-sha256", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
			Request:      scheme.Request{Path: "/v1", Host: "h", Query: "b=1&a=2&b=3&a=1", Header: http.Header{"Accept": {"a/b"}}},
			StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nGET\na/b\n\n\n/v1?a=2,1&b=1,3",
			Signature:    "Dkp/hHzESkgsBKYeYkUcPPivpSu+SUGsjnnVzXJxGEs="},
	}
	decoded = []schemetest.Answer{
		{Name: "decoded", Algorithm: "hmac-sha256", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
			Request:      scheme.Request{Method: "PUT", Path: "/release/v%201", Host: "h", Query: "b=%C3%A4&a=1+2", Header: http.Header{"Accept": {"a/b"}, "Content-Type": {"text/plain"}}, Body: "body"},
			StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nPUT\na/b\ntext/plain\nhBotaJrYa9FhFEdFPCLG/A==\n/v 1?a=1 2&b=ä",
			Signature:    "KDYstMEFn+K7miRL32WIEBXTppLuSrAMFqTc/P42pSM="},
	}
	raw = []schemetest.Answer{
		{Name: "raw", Algorithm: "hmac-sha256", KeyID: "APIDexampleAppKey0001", Secret: "exampleAppSecret-0001", Time: at("Thu, 11 Mar 2021 08:29:58 GMT"),
			Request:      scheme.Request{Method: "POST", Path: "/v1", Host: "h", Query: "b=&a", Header: http.Header{"Accept": {"a/b"}, "Content-Type": {"application/x-www-form-urlencoded"}}, Body: "c=&a=1"},
			StringToSign: "x-date: Thu, 11 Mar 2021 08:29:58 GMT\nPOST\na/b\napplication/x-www-form-urlencoded\n\n/v1?a&a=1&b=&c=",
			Signature:    "FfKDUtXVjksYB2s9cWhDd7G+7j/lcV2hZdajXp/wrcE="},
	}
)
