package tencentkeypair_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

const (
	keyID  = "AKIDtest"
	secret = "a secret"
	when   = "Thu, 11 Mar 2021 08:29:58 GMT"
)

func mac(secret, text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// mistakes are those that are named for a request with this signature and list.
func mistakes(t *testing.T, listed, signature string) (codes []string, explained *hmacsign.Explanation) {
	t.Helper()
	req, err := http.NewRequest("GET", "http://h.example/a?b=1", nil)
	require.NoError(t, err)
	req.Header.Set("X-Date", when)
	req.Header.Set("Source", "s")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Authorization", fmt.Sprintf(`hmac id="%s", algorithm="hmac-sha256", headers="%s", signature="%s"`, keyID, listed, signature))
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: keyID, Secret: hmacsign.Secret(secret)}, &hmacsign.Key{ID: "other", Secret: hmacsign.Secret("another")})
	require.NoError(t, err)
	now, err := http.ParseTime(when)
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, hmacsign.AcceptSchemes(tencentkeypair.Scheme{}), hmacsign.WithExplanations(), hmacsign.WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	_, err = v.Verify(req)
	if err == nil {
		return nil, nil
	}
	var refused *hmacsign.VerifyError
	require.ErrorAs(t, err, &refused)
	for _, m := range refused.Explanation.Mistakes() {
		codes = append(codes, m.Code)
		for _, lang := range scheme.Languages() {
			require.NotContains(t, m.In(lang), "{")
		}
	}
	return codes, refused.Explanation
}

func TestMistakes(t *testing.T) {
	const good = "x-date: " + when + "\nsource: s"
	base64Of := base64.StdEncoding.EncodeToString
	for code, text := range map[string]string{
		"header_order":                "source: s\nx-date: " + when,
		"header_left_out":             "source: s",
		"date_for_x_date":             "date: " + when + "\nsource: s",
		"no_space_behind_colon":       "x-date:" + when + "\nsource:s",
		"header_names_not_lower_case": "X-Date: " + when + "\nSource: s",
		"values_alone":                when + "\ns",
		"application_string":          good + "\nGET\n*/*\n\n\n/a?b=1",
		"newline_at_end":              good + "\n",
		"carriage_returns":            "x-date: " + when + "\r\nsource: s",
	} {
		codes, explained := mistakes(t, "x-date source", base64Of(mac(secret, text)))
		require.Equal(t, []string{code}, codes)
		require.Equal(t, text, explained.Client)
		require.Equal(t, good, explained.Server)
	}
	sum := mac(secret, good)
	for code, signature := range map[string]string{
		"hex_for_base64":      hex.EncodeToString(sum),
		"base64_of_hex":       base64Of([]byte(hex.EncodeToString(sum))),
		"space_around_secret": base64Of(mac(secret+"\n", good)),
		"key_id_as_secret":    base64Of(mac(keyID, good)),
		"other_key":           base64Of(mac("another", good)),
	} {
		codes, _ := mistakes(t, "x-date source", signature)
		require.Equal(t, []string{code}, codes)
	}
	codes, _ := mistakes(t, "x-date source", base64Of(mac(secret, "Source: s\nX-Date: "+when)))
	require.Equal(t, []string{"header_order", "header_names_not_lower_case"}, codes)
	codes, explained := mistakes(t, "x-date source", base64Of(mac(secret, "something else")))
	require.Empty(t, codes)
	require.NotNil(t, explained)
	_, explained = mistakes(t, "x-date source", base64Of(sum))
	require.Nil(t, explained, "it is accepted")
}

func TestRecognised(t *testing.T) {
	for listed, code := range map[string]string{"source,x-date": "comma_separated_headers", "date source": "date_for_x_date"} {
		codes, _ := mistakes(t, listed, "AAAA")
		require.Equal(t, []string{code}, codes)
	}
	codes, _ := mistakes(t, "source", "AAAA")
	require.Empty(t, codes)
}
