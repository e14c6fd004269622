package huaweisdk

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// pattern is that of the vendor's example of backend verification, for both forms.
var pattern = regexp.MustCompile(`^(SDK|V11)-HMAC-(SHA256|SM3)\s+(Access|Credential)=([^,]+),\s?SignedHeaders=([^,]+),\s?Signature=(\w+)$`)

// byPattern reads an Authorization header with the pattern: ok says whether it is one.
func byPattern(value string) (c scheme.Claim, ok bool) {
	m := pattern.FindStringSubmatch(value)
	if m == nil || (m[1] == "SDK") != (m[3] == "Access") || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return c, false
	}
	c.KeyID, c.Algorithm, c.Text = m[4], algo.HMACSHA256, m[6]
	if m[2] == "SM3" {
		c.Algorithm = algo.HMACSM3
	}
	if m[1] == "V11" {
		parts := strings.Split(c.KeyID, "/")
		n := len(parts) - 3
		if n < 1 {
			return c, false
		}
		c.KeyID, c.Scope, c.Place = strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/"), strings.Join(parts[n+1:], "/")
	}
	for name := range strings.SplitSeq(m[5], ";") {
		name = strings.ToLower(name)
		if !scheme.IsToken(name) || slices.Contains(c.Headers, name) {
			return c, false
		}
		c.Headers = append(c.Headers, name)
	}
	hexadecimal := regexp.MustCompile(`^([0-9a-f]{2})+$`).MatchString(c.Text)
	// An empty key id is malformed, not looked up.
	return c, hexadecimal && c.KeyID != "" && len(c.KeyID) <= scheme.MaxKeyID && len(c.Headers) <= scheme.MaxSignedHeaders && len(value) <= scheme.MaxAuthorization
}

func parse(value string) (c scheme.Claim, err error) {
	err = Scheme{}.Parse(&scheme.Message{Header: http.Header{"Authorization": {value}}}, &c)
	return c, err
}

// The header is read as the pattern reads it.
func FuzzParseAsThePattern(f *testing.F) {
	for _, value := range parsed {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want, ok := byPattern(value)
		got, err := parse(value)
		if ok != (err == nil) {
			t.Fatalf("the pattern says %v of %q, but %v", ok, value, err)
		}
		if !ok {
			foreign := !strings.HasPrefix(value, "SDK-") && !strings.HasPrefix(value, "V11-")
			if foreign != errors.Is(err, scheme.ErrForeign) {
				t.Fatalf("%q: %v", value, err)
			}
			return
		}
		got.Signature = nil
		require.Equal(t, want, got, "%q", value)
	})
}

var parsed = []string{
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host;x-sdk-date, Signature=00ff",
	"SDK-HMAC-SM3   Access=k w=,SignedHeaders=Host,Signature=00",
	"V11-HMAC-SHA256 Credential=a/b/20210311/r/s, SignedHeaders=host, Signature=00",
	"V11-HMAC-SM3 Credential=k///, SignedHeaders=host, Signature=00",
	"V11-HMAC-SM3 Credential=/20210311/r/s, SignedHeaders=host, Signature=00",
	"V11-HMAC-SM3 Credential=20210311/r/s, SignedHeaders=host, Signature=00",
	"V11-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256 Credential=k/20210311/r/s, SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256 Access=k,  SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host;host, Signature=00",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host;HOST, Signature=00",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=0F",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=0",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=00 ",
	"SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature=00\n",
	"SDK-HMAC-SHA256 Access=k\x7f, SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256\tAccess=k, SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256 Access=\xff\xc2\x85, SignedHeaders=host, Signature=00",
	"SDK-HMAC-SHA256Access=k, SignedHeaders=host, Signature=00",
	"SDK-SM2-SM3 Access=k, SignedHeaders=host, Signature=00", "SDK-", "V11- ", "SDK-HMAC-SM3 ", "HMAC-SM3 x", "",
}

// A word for another algorithm is told apart from one that is badly written.
func TestOtherWords(t *testing.T) {
	const rest = " Access=k, SignedHeaders=host, Signature=00"
	for word, want := range map[string][2]string{
		"SDK-SM2-SM3":             {"algorithm", "not_hmac"},
		"SDK-ECDSA-P256-SHA256":   {"algorithm", "not_hmac"},
		"V11-ECDSA-P256-SHA256":   {"algorithm", "not_hmac"},
		"SDK-HMAC-SHA512":         {"algorithm", "huawei_algorithm"},
		"SDK-HMAC-sha256":         {"malformed", "huawei_form"},
		"SDK-HMAC-SHA256,":        {"malformed", "huawei_form"},
		"SDK-HMAC-SHA256\tAccess": {"malformed", "huawei_form"},
	} {
		_, err := parse(word + rest)
		var r *scheme.Refusal
		require.ErrorAs(t, err, &r, word)
		require.Equal(t, want, [2]string{r.Code(), r.DetailCode}, word)
	}
}

// What is too long or too much is refused, and at the limit it is not.
func TestAuthorizationLimits(t *testing.T) {
	names := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = "x-" + strings.Repeat("a", i)
		}
		return strings.Join(all, ";")
	}
	value := func(id, names, signature string) string {
		return "SDK-HMAC-SHA256 Access=" + id + ", SignedHeaders=" + names + ", Signature=" + signature
	}
	id := "k"
	if (scheme.MaxAuthorization-len(value(id, "host", "")))%2 > 0 {
		id += "k" // hex has an even length
	}
	fill := strings.Repeat("0", scheme.MaxAuthorization-len(value(id, "host", "")))
	for _, c := range []struct {
		value, code string
	}{
		{value(strings.Repeat("k", scheme.MaxKeyID), "host", "00"), ""},
		{value(strings.Repeat("k", scheme.MaxKeyID+1), "host", "00"), "key_id_too_long"},
		{value("k", names(scheme.MaxSignedHeaders), "00"), ""},
		{value("k", names(scheme.MaxSignedHeaders+1), "00"), "too_many_signed_headers"},
		{value(id, "host", fill), ""},
		{value(id+"k", "host", fill), "authorization_too_long"},
	} {
		_, err := parse(c.value)
		if c.code == "" {
			require.NoError(t, err)
			continue
		}
		var r *scheme.Refusal
		require.ErrorAs(t, err, &r)
		require.Equal(t, c.code, r.DetailCode)
	}
	two := &scheme.Message{Header: http.Header{"Authorization": {value("k", "host", "00"), value("k", "host", "00")}}}
	var r *scheme.Refusal
	require.ErrorAs(t, Scheme{}.Parse(two, new(scheme.Claim)), &r)
	require.Equal(t, "authorization_repeated", r.DetailCode)
}

func escaped(s string) string { return string(scheme.AppendEscaped(nil, s)) }

// The canonical path and query are those of decoding, sorting and encoding one after
// the other, and what is written of them names the same again.
func FuzzCanonical(f *testing.F) {
	for _, target := range []string{"/", "/a%2fb/%41", "/a?b", "/?a=%26&a&=&&b=+%20%2B", "/%zz?%", "/%E4%B8%AD?a~=1&a%7f=2", "/a//?a=1&a=0&a%3D=", "/%2F%252F"} {
		path, query, _ := strings.Cut(target, "?")
		f.Add(path, query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		if scheme.CheckEncoded("path", path) != nil || scheme.CheckEncoded("query", query) != nil || !strings.HasPrefix(path, "/") {
			t.Skip("the engine refuses it")
		}
		var segments []string
		for segment := range strings.SplitSeq(path, "/") {
			decoded, err := url.PathUnescape(segment)
			require.NoError(t, err)
			segments = append(segments, escaped(decoded))
		}
		require.Equal(t, strings.Join(segments, "/"), canonicalPath(path, false))

		decoded, err := url.PathUnescape(path)
		require.NoError(t, err)
		segments = segments[:0]
		for segment := range strings.SplitSeq(decoded, "/") {
			segments = append(segments, escaped(segment))
		}
		require.Equal(t, strings.Join(segments, "/"), canonicalPath(path, true))

		type pair struct{ key, value string }
		var decodedPairs, encodedPairs []pair
		for piece := range strings.SplitSeq(query, "&") {
			if piece == "" {
				continue
			}
			key, value, _ := strings.Cut(piece, "=")
			key, err := url.QueryUnescape(key)
			require.NoError(t, err)
			value, err = url.QueryUnescape(value)
			require.NoError(t, err)
			decodedPairs = append(decodedPairs, pair{key, value})
			encodedPairs = append(encodedPairs, pair{escaped(key), escaped(value)})
		}
		write := func(pairs []pair, write func(string) string) string {
			slices.SortStableFunc(pairs, func(a, b pair) int {
				if n := strings.Compare(a.key, b.key); n != 0 {
					return n
				}
				return strings.Compare(a.value, b.value)
			})
			var all []string
			for _, p := range pairs {
				all = append(all, write(p.key)+"="+write(p.value))
			}
			return strings.Join(all, "&")
		}
		p := scheme.Parts{Params: appendParams(nil, query), Order: byDecoded}
		documented := write(decodedPairs, escaped)
		sortedEncoded := write(encodedPairs, func(s string) string { return s })
		require.Equal(t, documented, string(p.AppendParams(nil)))
		p.Order = scheme.ByKey
		require.Equal(t, sortedEncoded, string(p.AppendParams(nil)))
		require.Equal(t, documented != sortedEncoded, ordersDiffer(appendParams(nil, query)))
		// Whoever reads it back reads the same parameters.
		p = scheme.Parts{Params: appendParams(nil, sortedEncoded), Order: byDecoded}
		require.Equal(t, documented, string(p.AppendParams(nil)))
	})
}
