package hmacsign_test

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// inQuery is a scheme with its signature in the query.
type inQuery struct{ beside }

func (inQuery) Prepare(m *scheme.Message, _ *scheme.Claim, _ time.Time) error {
	m.SetQuery("time", "1")
	m.Set("X-Date", "now")
	if m.Path == "/refused" {
		return errors.New("refused")
	}
	return nil
}
func (inQuery) Write(m *scheme.Message, c *scheme.Claim) {
	m.SetQuery("signature", hex.EncodeToString(c.Signature))
}

// A signature in the query goes to whom it is for and to nobody else: not to where
// that one redirects to, and not into an error.
func TestSignatureInTheQueryStaysThere(t *testing.T) {
	type got struct {
		query   map[string][]string
		referer string
	}
	var elsewhere, here []got
	note := func(to *[]got, r *http.Request) { *to = append(*to, got{r.URL.Query(), r.Referer()}) }
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { note(&elsewhere, r) }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(&here, r)
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/again?"+r.URL.RawQuery, http.StatusFound)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		}
	}))
	defer server.Close()
	s, err := NewSigner(inQuery{}, algo.HMACSHA256, Credential{testID, Secret(testSecret)}, atTestTime())
	require.NoError(t, err)
	client := &http.Client{Transport: s.Transport(nil)}
	response, err := client.Get(server.URL + "/?a=1") // which the server sends on with all of its query
	require.NoError(t, err)
	response.Body.Close()
	require.Len(t, here, 2)
	for _, g := range here {
		require.Len(t, g.query["signature"], 1, "signed, and once")
		require.NotContains(t, g.referer, "signature")
	}
	response, err = client.Get(server.URL + "/away")
	require.NoError(t, err)
	response.Body.Close()
	require.Contains(t, here[2].query, "signature")
	require.Len(t, elsewhere, 1)
	require.NotContains(t, elsewhere[0].query, "signature")
	require.NotContains(t, elsewhere[0].referer, "signature")

	server.Close()
	_, err = client.Get(server.URL + "/?a=1")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "signature")

	// A request that cannot be signed is as it was.
	req := newRequest(t, "GET", "http://h/refused?a=1", "", "X-Date", "then")
	require.Error(t, s.Sign(req))
	require.Equal(t, "a=1", req.URL.RawQuery)
	require.Equal(t, http.Header{"X-Date": {"then"}}, req.Header)
}
