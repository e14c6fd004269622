package huaweisdk_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/schemetest"
)

func at(date string) time.Time {
	t, err := time.Parse("20060102T150405Z", date)
	if err != nil {
		panic(err)
	}
	return t
}

// The answers are published by the vendor, or its SDKs' when they were run.
func TestContract(t *testing.T) {
	regional, err := huaweisdk.Derived("region-id-1", "service")
	if err != nil {
		t.Fatal(err)
	}
	apic, err := huaweisdk.Derived("test-region-1", "apic")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		scheme       huaweisdk.Scheme
		answers      []schemetest.Answer
		sign, verify int // allocations
	}{
		{"Default", huaweisdk.Scheme{}, answers, 2, 1},
		{"DecodeSlash", huaweisdk.Scheme{DecodeSlash: true}, answers, 2, 1},
		{"Derived", regional, derived, 6, 63},
		{"DerivedSM3", apic, derivedSM3, 6, 63},
	} {
		t.Run(c.name, func(t *testing.T) {
			schemetest.Run(t, c.scheme, schemetest.Options{Answers: c.answers, Requests: requests, SignAllocs: c.sign, VerifyAllocs: c.verify})
		})
	}
}

func FuzzParse(f *testing.F) { schemetest.FuzzParse(f, huaweisdk.Scheme{}) }

// Those that have each form: a body that is not signed, parameters that sort
// otherwise once they are encoded, an encoded slash; and a repeated header.
var requests = []scheme.Request{
	{Path: "/s", Query: "a~=1&a%20=2&%E4=1&z=1"},
	{Path: "/u/", Header: unsigned, Body: "a body"},
	{Path: "/u", Query: "z=1&%E4=2", Header: unsigned, Body: "a body"},
	{Path: "/a%2Fb%252Fc"},
	{Path: "/a%2Fb", Query: "z=1&%E4=2"},
	{Path: "/a%2Fb", Header: unsigned, Body: "a body"},
	{Path: "/a%2Fb", Query: "z=1&%E4=2", Header: unsigned, Body: "a body"},
	{Path: "/r", Header: http.Header{"Source": {"b", "a", "b"}}},
	{Path: "/e", Header: unsigned},
	{Path: "/h", Header: http.Header{"X-Sdk-Content-Sha256": {"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}, Body: "a"},
}

var unsigned = http.Header{"X-Sdk-Content-Sha256": {"UNSIGNED-PAYLOAD"}}

var answers = []schemetest.Answer{
	{Name: "hw-doc-get-vpcs", Algorithm: "hmac-sha256", KeyID: "QTWAOYTTINDUT2QVKYUC", Secret: "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc", Time: at("20191115T033655Z"),
		Headers:      []string{"content-type"},
		Request:      scheme.Request{Method: "GET", Host: "service.region.example.com", Path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs", Query: "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0", Header: http.Header{"Content-Type": {"application/json"}}},
		StringToSign: "SDK-HMAC-SHA256\n20191115T033655Z\nb25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
		Signature:    "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"},
	{Name: "hw-py3-sha256-post", Algorithm: "hmac-sha256", KeyID: "AccessKey", Secret: "SecretKey", Time: at("20200608T023900Z"),
		Request:      scheme.Request{Method: "POST", Host: "service.endpoint.myhuaweicloud.com", Path: "/resources", Query: "size=1", Body: "{\"name\":\"test\",\"id\":1}"},
		StringToSign: "SDK-HMAC-SHA256\n20200608T023900Z\n2b1b2515e48cb55e043ff2ec5b93d3f13ec287e1da1d7a2e4e14b0611a341969",
		Signature:    "436b1ac0a1ae03705934bb70ef2f2e09f7bfed2117d731a38235053199323a1f"},
	{Name: "hw-py3-sm3-get", Algorithm: "hmac-sm3", KeyID: "AccessKey", Secret: "SecretKey", Time: at("20200608T023900Z"),
		Request:      scheme.Request{Method: "GET", Host: "service.endpoint.myhuaweicloud.com", Path: "/resources", Query: "size=1"},
		StringToSign: "SDK-HMAC-SM3\n20200608T023900Z\n3ef9329e7771dde9720df497b11edc209e8fd60e256f59574372282baa80c149",
		Signature:    "f8ceb623f0be123dbccd7ad95a6211470f170d1d3c4fa9facbce716d82190e21"},
	{Name: "hw-apig-gen-apig-get-host-ct-sdk-hmac-sm3", Algorithm: "hmac-sm3", KeyID: "ExampleAK", Secret: "ExampleSK", Time: at("20240102T030405Z"),
		Headers:      []string{"content-type"},
		Request:      scheme.Request{Method: "GET", Host: "api.example.com", Path: "/app1", Query: "b=2&a=1&b=10&c=&d=x+y", Header: http.Header{"Content-Type": {"application/json"}}},
		StringToSign: "SDK-HMAC-SM3\n20240102T030405Z\n02a07011f8d0d6f7b13579cb844139ed76e996aefd79aba997b64def235f2a06",
		Signature:    "6b56ea9af4e58640480702434269cd7fbb4d475a8918219ea21aec6162f8c9ac"},
}

var derived = []schemetest.Answer{
	{Name: "hw-java3-v11-get", Algorithm: "hmac-sha256", KeyID: "AccessKey", Secret: "SecretKey", Time: at("20191115T033655Z"),
		Request:      scheme.Request{Method: "GET", Host: "service.region.example.com", Path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs", Header: http.Header{"Content-Type": {"application/json"}, "Test_underscore": {"TEST_VALUE"}}},
		StringToSign: "V11-HMAC-SHA256\n20191115T033655Z\n20191115/region-id-1/service\n416a9ac58d74756b0e32472fcafd1e1719890fa2d27ad0c0fef01ba39962ccb7",
		Signature:    "c63981314b17efeca4c2577e3e22ecfd3831e0c87eb87277271e32587207dd2c"},
}

var derivedSM3 = []schemetest.Answer{
	{Name: "hw-apig-gen-apig-get-host-ct-v11-hmac-sm3", Algorithm: "hmac-sm3", KeyID: "ExampleAK", Secret: "ExampleSK", Time: at("20240102T030405Z"),
		Headers:      []string{"content-type"},
		Request:      scheme.Request{Method: "GET", Host: "api.example.com", Path: "/app1", Query: "b=2&a=1&b=10&c=&d=x+y", Header: http.Header{"Content-Type": {"application/json"}}},
		StringToSign: "V11-HMAC-SM3\n20240102T030405Z\n20240102/test-region-1/apic\n02a07011f8d0d6f7b13579cb844139ed76e996aefd79aba997b64def235f2a06",
		Signature:    "dfc24e27ed9038af26acb2a85482bfc8060297d7f4b5dcfdccdf27e7704c48a7"},
}
