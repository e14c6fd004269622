package extauthz_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// detailCode says what exactly a request was refused for.
func detailCode(err error) string {
	var refused *hmacsign.VerifyError
	if errors.As(err, &refused) {
		return refused.DetailCode
	}
	return ""
}

// What vendors' clients sent is accepted or refused as it must be when Envoy tells of it
// in bytes. Told as text it may be refused for that, and is never accepted wrongly.
func TestWild(t *testing.T) {
	at := new(clock)
	v := verifierAt(t, at)
	s, strict := start(t, v, extauthz.AcceptUnsaidLength()), start(t, v)
	cases := readWild(t)
	require.Len(t, cases, 1167)
	accepted, refused, unclear, unsaid := 0, 0, 0, 0
	for i, c := range cases {
		at.set(c.Date)
		if _, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw))); err != nil {
			require.Equal(t, "refuse", c.Expect)
			continue // nor would Envoy take it
		}
		r := cut(c.Raw)
		_, d := s.ask(t, r.raw())
		require.Equal(t, c.Expect == "accept", d.Err == nil, "%d %s %s: %v", i, c.client, c.Why, d.Err)
		if _, strictly := strict.ask(t, r.raw()); d.Err == nil && strictly.Err != nil {
			require.Equal(t, "extauthz_unsaid_body", detailCode(strictly.Err))
			unsaid++
		}
		_, asText := s.ask(t, r.text())
		switch {
		case d.Err != nil:
			require.Error(t, asText.Err, "%d %s", i, c.client)
			refused++
		case asText.Err != nil:
			require.Equal(t, http.StatusServiceUnavailable, asText.Status)
			require.Contains(t, asText.Err.Error(), ": true", "it names the setting")
			unclear++
		default:
			accepted++
		}
	}
	t.Logf("accepted in both forms %d, as bytes alone %d, refused %d; of the accepted %d do not say that they have no body", accepted, unclear, refused, unsaid)
	require.Less(t, unsaid, 20)
	require.Equal(t, 792, accepted+unclear)
	require.Greater(t, accepted, 300)
	require.Greater(t, refused, 350)
}

// Of each accepted request the copies that were tampered with are refused, as far as its
// scheme covers what was changed.
func TestWildTampered(t *testing.T) {
	at := new(clock)
	s := start(t, verifierAt(t, at), extauthz.AcceptUnsaidLength())
	counts := map[string]int{}
	for i, c := range readWild(t) {
		if c.Expect != "accept" {
			continue
		}
		at.set(c.Date)
		r := cut(c.Raw)
		_, d := s.ask(t, r.raw())
		require.NoError(t, d.Err)
		for what, tampered := range tamper(t, r, d.Identity) {
			_, d := s.ask(t, tampered.raw())
			require.Error(t, d.Err, "%d %s: %s", i, c.client, what)
			require.Contains(t, []int{400, 401}, d.Status, "%d %s: %s: %v", i, c.client, what, d.Err)
			_, d = s.ask(t, tampered.text())
			require.Error(t, d.Err, "%d %s: %s, as text", i, c.client, what)
			counts[what]++
		}
	}
	t.Log(counts)
	for _, what := range []string{"path", "query", "host", "header", "body", "signature", "date", "method"} {
		require.Greater(t, counts[what], 20, what)
	}
}

// tamper makes copies of a request, each with one thing changed that its signature
// covers.
func tamper(t *testing.T, r *sent, id *hmacsign.Identity) map[string]*sent {
	s, err := hmacsign.SchemeByName(id.Scheme)
	require.NoError(t, err)
	covers := s.Coverage()
	copies := make(map[string]*sent)
	change := func(what string, covered bool, change func(*sent)) {
		if covered {
			copies[what] = r.clone()
			change(copies[what])
		}
	}
	path, query, hasQuery := strings.Cut(r.target, "?")
	change("path", covers.Path, func(c *sent) {
		c.target = path + "x"
		if hasQuery {
			c.target += "?" + query
		}
	})
	change("query", covers.Query, func(c *sent) {
		c.target += "?zz=1"
		if hasQuery {
			c.target = r.target + "&zz=1"
		}
	})
	change("method", covers.Method, func(c *sent) { c.method += "X" })
	change("host", slices.Contains(id.SignedHeaders, "host"), func(c *sent) { c.host = "other.example.com" })
	for _, name := range id.SignedHeaders {
		if value := r.get(name); value != "" && !strings.HasSuffix(name, "date") && name != "content-length" && name != "content-type" && name != "content-md5" {
			change("header", true, func(c *sent) { c.set(name, value+"x") })
		}
	}
	body := covers.Body && len(r.body) > 0 && r.get("X-Sdk-Content-Sha256") != "UNSIGNED-PAYLOAD" && r.get("X-Sdk-Content-Sm3") != "UNSIGNED-PAYLOAD"
	change("body", body, func(c *sent) {
		last := &c.body[len(c.body)-1]
		if *last++; *last == '&' || *last == '=' || *last == '+' || *last == '%' {
			*last = 'q'
		}
	})
	change("signature", true, func(c *sent) {
		value := []byte(r.get("Authorization"))
		at := bytes.LastIndex(bytes.ToLower(value), []byte("signature=")) + len("signature=") + 4
		if value[at]++; value[at] == ':' || value[at] > 'e' && value[at] < 'h' || value[at] == '{' || value[at] == '[' || value[at] == ',' || value[at] == '0' {
			value[at] = '0'
			if r.get("Authorization")[at] == '0' {
				value[at] = '1'
			}
		}
		c.set("Authorization", string(value))
	})
	for _, name := range id.SignedHeaders {
		if value := r.get(name); value != "" && strings.HasSuffix(name, "date") {
			change("date", true, func(c *sent) {
				text := []byte(value) // another second
				at := len(text) - 2
				if strings.HasSuffix(value, "GMT") {
					at = len(text) - 5
				}
				text[at] = '0' + (text[at]-'0'+1)%10
				c.set(name, string(text))
			})
		}
	}
	return copies
}
