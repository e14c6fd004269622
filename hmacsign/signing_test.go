package hmacsign_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// movingClock is an hour later at each reading.
func movingClock(readings *int) Option {
	return WithClock(func() time.Time {
		*readings++
		return testTime.Add(time.Duration(*readings) * time.Hour)
	})
}

// What a signing tells is of one instant, and of what the request has.
func TestExplainTellsOneInstant(t *testing.T) {
	for _, f := range forms() {
		for _, algorithm := range f.scheme.Algorithms() {
			readings := 0
			provider := rotating(generations[0])
			s, err := NewSigner(f.scheme, algorithm, Credential{}, WithCredentials(provider), movingClock(&readings))
			require.NoError(t, err)
			req := newRequest(t, "POST", "http://h/a?b=c", "body")
			signing, err := s.Explain(req)
			require.NoError(t, err)
			require.Equal(t, 1, readings, "readings of the clock")
			require.EqualValues(t, 1, provider.asked.Load())

			then := testTime.Add(time.Hour)
			require.Equal(t, then, signing.Date)
			still := WithClock(func() time.Time { return then })
			same, err := NewSigner(f.scheme, algorithm, generations[0], still)
			require.NoError(t, err)
			other := newRequest(t, "POST", "http://h/a?b=c", "body")
			text, err := same.StringToSign(other)
			require.NoError(t, err)
			require.NoError(t, same.Sign(other))
			require.Equal(t, text, signing.StringToSign, f.name)
			require.Equal(t, other.Header, req.Header)
			require.Equal(t, f.huawei(), signing.CanonicalRequest != "", f.name)
			set := http.Header{}
			for _, h := range signing.Headers {
				set.Add(h.Name, h.Value)
			}
			require.Equal(t, req.Header, set, "all headers are the signer's")
			require.NotEmpty(t, signing.Signature)
			require.Contains(t, req.Header.Get("Authorization"), signing.Signature)

			keys, err := StaticKeys(&Key{ID: generations[0].KeyID, Secret: generations[0].Secret})
			require.NoError(t, err)
			v, err := NewVerifier(keys, still)
			require.NoError(t, err)
			_, err = v.Verify(req)
			require.NoError(t, err)
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, "body", string(body))
		}
	}
}

// The strings of a refusal are those that were signed.
func TestExplainTellsWhatAVerifierTells(t *testing.T) {
	for _, f := range forms() {
		req := newRequest(t, "POST", "http://h/a/b?c=%2f&b", "body", "Accept", "text/plain")
		signing, err := f.signer(t, algo.HMACSHA256).Explain(req)
		require.NoError(t, err)
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret("another secret")})
		require.NoError(t, err)
		v, err := NewVerifier(keys, atTestTime(), AcceptSchemes(f.scheme))
		require.NoError(t, err)
		_, err = v.Verify(req)
		var e *VerifyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, e.StringToSign, signing.StringToSign)
		require.Equal(t, e.CanonicalRequest, signing.CanonicalRequest)
	}
}

// A header that stays as it was given is none that was set.
func TestExplainTellsWhatWasSet(t *testing.T) {
	set := func(s *Signer, req *http.Request) (names []string) {
		signing, err := s.Explain(req)
		require.NoError(t, err)
		for _, h := range signing.Headers {
			names = append(names, h.Name)
			require.Equal(t, []string{h.Value}, req.Header[h.Name])
		}
		return names
	}
	req := newRequest(t, "POST", "http://h/", "{}", "Content-Type", "application/json")
	require.Equal(t, []string{"Content-Md5", "Accept", "X-Date", "Authorization"}, set(newSigner(t, algo.HMACSM3), req))
	require.Equal(t, []string{"X-Date", "Authorization"}, set(newSigner(t, algo.HMACSM3), req), "signed again")
	req = newRequest(t, "GET", "http://h/", "")
	both := newSignerIn(t, tencentkeypair.Scheme{}, algo.HMACSHA1, WithSignedHeaders("date", "x-date"))
	require.Equal(t, []string{"Date", "X-Date", "Authorization"}, set(both, req))
}

// A request that cannot be signed is left as it was, and nothing is told of it.
func TestExplainRefuses(t *testing.T) {
	req := newRequest(t, "POST", "http://h/", "body", "Content-Md5", "wrong")
	given := req.Header.Clone()
	signing, err := newSigner(t, algo.HMACSM3).Explain(req)
	require.ErrorIs(t, err, ErrBodyDigest)
	require.Nil(t, signing)
	require.Equal(t, given, req.Header)

	s, err := NewSigner(tencentapp.Scheme{}, algo.HMACSM3, Credential{}, WithCredentials(providerFunc(func(context.Context) (Credential, error) {
		return Credential{}, errors.New("the vault is closed")
	})))
	require.NoError(t, err)
	signing, err = s.Explain(newRequest(t, "GET", "http://h/", ""))
	require.ErrorContains(t, err, "the vault is closed")
	require.Nil(t, signing)
}

// readInQuery is inQuery that knows its own signature again.
type readInQuery struct{ inQuery }

func (readInQuery) Parse(m *scheme.Message, c *scheme.Claim) (err error) {
	c.Text, _, err = m.QueryValue("signature")
	return err
}

// A signature in the query is told too.
func TestExplainOfASignatureInTheQuery(t *testing.T) {
	s := newSignerIn(t, readInQuery{}, algo.HMACSHA256)
	req := newRequest(t, "GET", "http://h/a?b=c", "")
	signing, err := s.Explain(req)
	require.NoError(t, err)
	require.NotEmpty(t, signing.Signature)
	require.True(t, slices.Contains(strings.Split(req.URL.RawQuery, "&"), "signature="+signing.Signature), req.URL.RawQuery)
	require.Equal(t, []HeaderField{{"X-Date", "now"}}, signing.Headers)
}
