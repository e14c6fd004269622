package hmacsign_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// refusalOf is what a verifier says of a request of an hour ago.
func refusalOf(t *testing.T, req *http.Request, opts ...VerifierOption) *VerifyError {
	t.Helper()
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, append(opts, WithClock(func() time.Time { return testTime.Add(62*time.Minute + 30*time.Second) }))...)
	require.NoError(t, err)
	_, err = v.Verify(req)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.Equal(t, ErrExpired, e.Reason)
	require.Equal(t, testID, e.KeyID)
	return e
}

// A request that has expired is refused for that alone, and a verifier that explains
// tells what it is but for its date.
func TestExpiredRequestsAreCheckedAllTheSame(t *testing.T) {
	for _, f := range forms() {
		signed := func() *http.Request {
			req := newRequest(t, "POST", "http://h/a", "body", "X-Other", "1")
			require.NoError(t, f.signer(t, algo.HMACSM3, WithSignedHeaders("x-other")).Sign(req))
			return req
		}
		store := &countingStore{}
		req := signed()
		e := refusalOf(t, req, WithExplanations(), WithReplayGuard(store))
		require.Equal(t, f.scheme.Name(), e.Scheme)
		require.NotNil(t, e.Explanation)
		require.Equal(t, &Late{Date: testTime, Accepted: true}, e.Explanation.Late, f.name)
		require.Empty(t, e.Explanation.Mistakes())
		require.Zero(t, store.asked, "it was not accepted")
		left, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(left))

		req = signed()
		req.Header.Set("X-Other", "2")
		e = refusalOf(t, req, WithExplanations())
		late := e.Explanation.Late
		require.NotNil(t, late)
		require.False(t, late.Accepted)
		require.ErrorIs(t, late.Refusal, ErrSignature)
		require.NotEmpty(t, late.Refusal.StringToSign)
		require.Empty(t, e.StringToSign, "that is for ErrSignature")

		if f.scheme == TencentApp { // whose digest is apart from the signature
			req = signed()
			req.Body = io.NopCloser(strings.NewReader("yobd"))
			require.ErrorIs(t, refusalOf(t, req, WithExplanations()).Explanation.Late.Refusal, ErrBodyDigest)
		}
		require.Nil(t, refusalOf(t, signed()).Explanation, "only where it is asked for")
	}
}

// The mistake beside the date is told too.
func TestExpiredRequestWithAMistake(t *testing.T) {
	req := tencentByHand(newRequest(t, "GET", "http://h/a", ""), "x-date: "+when+"\nGET\n*/*\n\n\n/a\n")
	e := refusalOf(t, req, WithExplanations())
	require.Equal(t, "newline_at_end", e.Explanation.Late.Refusal.Explanation.Mistake.Code)
	require.Contains(t, e.Explanation.String(), "newline_at_end")
}

// Without explanations nothing is computed of a request that has expired, nor is its
// body read.
func TestExpiredRequestsCostNothing(t *testing.T) {
	var asked atomic.Int64
	request := func() (*http.Request, *counting) {
		req := signedIn(t, TencentApp, testID)
		req.Header.Del("Content-Md5")
		body := &counting{Reader: strings.NewReader("body")}
		req.Body, req.ContentLength = io.NopCloser(body), -1
		return req, body
	}
	req, body := request()
	refusalOf(t, req, AcceptSchemes(countedApp{asked: &asked}))
	require.Zero(t, asked.Load())
	require.Zero(t, body.n)
	req, body = request()
	require.True(t, refusalOf(t, req, AcceptSchemes(countedApp{asked: &asked}), WithExplanations()).Explanation.Late.Accepted)
	require.Positive(t, asked.Load())
	require.Positive(t, body.n)
}

// A backend that fails while a late request is looked at does not make its date
// right, and is told beside it.
func TestExpiredRequestOnAFailingBackend(t *testing.T) {
	for _, f := range forms() {
		req := newRequest(t, "GET", "http://h/a", "")
		require.NoError(t, f.signer(t, algo.HMACSM3, WithBackend("faulty")).Sign(req))
		require.True(t, refusalOf(t, req, WithExplanations(), WithBackend("faulty")).Explanation.Late.Accepted)
		setFault(t, "MAC fails")
		e := refusalOf(t, req, WithExplanations(), WithBackend("faulty"))
		require.True(t, errors.Is(e.Explanation.Late.Refusal, algo.ErrBackendUnavailable), f.name)
		repair(t)
	}
}
