package tabs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/page/tabs"
	"github.com/gmhmac/hmacsign/internal/page/tabs/cases"
)

const hidden = "Xq7-very-hidden-Zw9"

// FuzzCheck: whatever is pasted, there is an answer, in which the secret is not, and of
// which the strings side by side are those that were given.
func FuzzCheck(f *testing.F) {
	all, err := cases.Mistakes(root)
	require.NoError(f, err)
	for i, c := range all {
		f.Add(c.In.Request, c.In.Date, c.In.Request, i%2 == 0)
	}
	good := sign(f, input("huawei-sdk"))
	f.Add(good.HTTP, "", good.StringToSign, true)
	f.Add(good.Curl, "", good.CanonicalRequest+"\r\n", true)
	f.Add(good.HTTP, "2031-01-01T00:00:00Z", `"a\u4e2d\ud83d\ude00\x00"`, true)
	f.Add(good.HTTP, "", `{"message":"HMAC signature does not match, Server StringToSign:a#b\/`, false)
	f.Add(good.HTTP, "", "HTTP/1.1 401\n\n{\"message\":\"Server StringToSign:\\", true)
	f.Fuzz(func(t *testing.T, request, date, own string, secret bool) {
		in := tabs.CheckInput{Request: request, Date: date, Own: own, Lang: "zh"}
		if secret {
			in.Secret = hidden
		}
		text, err := json.Marshal(in)
		require.NoError(t, err)
		answer := desk().Call("check", text)
		if !strings.Contains(request+own+date, "hidden") {
			require.NotContains(t, string(answer), "hidden")
		}
		var v tabs.Verdict
		require.NoError(t, json.Unmarshal(answer, &v))
		if v.Error != "" {
			require.Equal(t, tabs.Verdict{Error: v.Error}, v)
			return
		}
		require.NotEmpty(t, v.Text)
		require.False(t, v.Accepted && !secret)
		require.False(t, v.Accepted && v.StringToSign == "")
		require.Equal(t, strings.TrimSpace(own) != "", v.Own != nil)
		if v.Own == nil {
			return
		}
		require.NotEmpty(t, v.Own.Text)
		require.False(t, v.Own.Equal && v.Own.Lines != nil)
		require.False(t, v.Own.Signs && !secret)
		requireWhole(t, v.Own.Lines)
		requireWhole(t, v.Differences)
	})
}

// requireWhole holds that lines differ only in what is marked.
func requireWhole(t *testing.T, lines []tabs.Line) {
	for _, line := range lines {
		require.False(t, line.Client == nil && line.Server == nil)
		if line.Client != nil && line.Server != nil {
			require.Equal(t, line.Client.Before, line.Server.Before)
			require.Equal(t, line.Client.After, line.Server.After)
		}
	}
}

// FuzzSign: whatever is in the fields, there is an answer, and what is signed is accepted.
func FuzzSign(f *testing.F) {
	all, err := cases.Vectors(root)
	require.NoError(f, err)
	for _, c := range all {
		f.Add(c.In.Method, c.In.URL, c.In.Headers, c.In.Body, c.In.Scheme, c.In.Algorithm, c.In.KeyID, c.In.Date, c.In.SignedHeaders, c.In.QueryForm, c.In.ContentMD5, c.In.Region)
	}
	for _, host := range []string{"a?b", "a b", "a@b", "a/b", "a#", "a\\b", "[", "a:b"} {
		f.Add("GET", "https://service", "Host: "+host, "", "huawei-sdk", "hmac-sm3", "key-1", "20191115T033655Z", "host", "", "", "")
	}
	f.Fuzz(func(t *testing.T, method, url, headers, body, scheme, algorithm, keyID, date, signed, form, md5, region string) {
		in := tabs.SignInput{Method: method, URL: url, Headers: headers, Body: body, Scheme: scheme, Algorithm: algorithm, KeyID: keyID, Secret: hidden,
			Date: date, SignedHeaders: signed, QueryForm: form, ContentMD5: md5, Region: region, Service: region, Lang: "zh"}
		text, err := json.Marshal(in)
		require.NoError(t, err)
		answer := desk().Call("sign", text)
		if !strings.Contains(method+url+headers+body+scheme+algorithm+keyID+date+signed+form+md5+region, "hidden") {
			require.NotContains(t, string(answer), "hidden")
		}
		var out tabs.Signed
		require.NoError(t, json.Unmarshal(answer, &out))
		if out.Error != "" {
			require.Equal(t, tabs.Signed{Error: out.Error, Field: out.Field}, out)
			require.NotEmpty(t, out.Field)
			return
		}
		v := call[tabs.Verdict](t, "check", tabs.CheckInput{Request: out.HTTP, Secret: hidden, Date: out.Date})
		if form != "joined" { // which a verifier does not accept unasked
			require.True(t, v.Accepted, "%+v\n%s", v, out.HTTP)
			require.Equal(t, out.StringToSign, v.StringToSign)
			require.Equal(t, out.CanonicalRequest, v.CanonicalRequest)
		}
	})
}
