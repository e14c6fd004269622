package screen

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDrops(t *testing.T) {
	s := New("X-Hmacsign-Key-Id")
	covered := []string{"host", "x-date", "x-tenant"}
	for name, want := range map[string]bool{
		"X-Tenant": false, "x-tenant": false, "X_tenant": true, "x.tenant": true, "X-Tenants": false, "X_Date": true,
		"X-Hmacsign-Key-Id": true, "x-hmacsign-key-id": true, "X_hmacsign_key_id": true,
		"Content-Type": false, "Content_Type": true, "Content-Length": false, "Transfer_Encoding": true, "X_Forwarded_For": true,
		"X-Forwarded-For": false, "Proxy": true, "x-http-method-override": true, "X-Rewrite-Url": true, "X-Other": false, "": false,
	} {
		require.Equal(t, want, s.Drops(name, covered), name)
	}
	require.False(t, New("").Drops("X-Hmacsign-Key-Id", covered), "no header tells the key id")
	require.False(t, s.Drops("X-Rewrite-Url", []string{"x-rewrite-url"}), "it is signed")
}

func TestCheck(t *testing.T) {
	s := New("X-Hmacsign-Key-Id")
	for _, c := range []struct {
		connection string
		covered    []string
		why        string
	}{
		{"", []string{"x-date"}, ""},
		{"keep-alive, x-other", []string{"x-date"}, ""},
		{"close, X-Date", []string{"x-date"}, "the Connection header names X-Date, which so would not arrive"},
		{"content-type", nil, "the Connection header names content-type, which so would not arrive"},
		{"", []string{"x-hmacsign-key-id"}, "header x-hmacsign-key-id is signed, but only the proxy sets it"},
		{"", []string{"x_forwarded_for"}, "header x_forwarded_for is signed, but some servers take it for x-forwarded-for"},
		{"", []string{"x-forwarded-for"}, ""},
	} {
		header := http.Header{}
		if c.connection != "" {
			header.Set("Connection", c.connection)
		}
		err := s.Check(header, c.covered)
		if c.why == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.why)
		require.ErrorAs(t, err, new(NotForwardable))
	}
}

func TestIsForwarded(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Forwarded-For": false, "x-forwarded-host": false, "X-Forwarded-Proto": false, "X_Forwarded_For": true,
		"X-Forwarded-Port": true, "x-forwarded-prefix": true, "X-Real-Ip": true, "X_Real_Ip": true, "X-Forwarded": false, "X-Forwarded-": true, "x.forwarded.port": true, "Forwarded": true, "forwarded": true,
	} {
		require.Equal(t, want, IsForwarded(name), name)
	}
}

func TestCheckIdentityHeader(t *testing.T) {
	for _, name := range []string{"X-Hmacsign-Key-Id", "X_Caller", "caller"} {
		require.NoError(t, CheckIdentityHeader(name), name)
	}
	for _, name := range []string{"", "X Caller", "X-Caller:", "\xe4"} {
		require.ErrorContains(t, CheckIdentityHeader(name), "this is no name of a header", name)
	}
	for _, name := range []string{"Host", "content_type", "X.Forwarded.For", "AUTHORIZATION", "X-Sdk_Date"} {
		require.ErrorContains(t, CheckIdentityHeader(name), "has a meaning of its own", name)
	}
}
