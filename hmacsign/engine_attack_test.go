package hmacsign_test

import (
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
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

// beside is a scheme whose signature stands in a header of its own, so that a request
// may have it beside another scheme's, of another key.
type beside struct{ scheme.Defaults }

func (beside) Name() string              { return "beside" }
func (beside) Coverage() scheme.Coverage { return scheme.Coverage{} }
func (beside) Parse(m *scheme.Message, c *scheme.Claim) error {
	id, present, err := m.Value("X-Beside")
	if !present || err != nil {
		return scheme.ErrForeign
	}
	c.KeyID, c.Algorithm = id, algo.HMACSHA256
	return nil
}
func (beside) Date(*scheme.Message, *scheme.Claim) (time.Time, error) { return testTime, nil }
func (beside) Parts(*scheme.Parts, *scheme.Message, *scheme.Claim, string) (bool, error) {
	return true, nil
}
func (beside) Render(dst []byte, _ *scheme.Parts) []byte               { return append(dst, "beside"...) }
func (beside) Signs([]string) []string                                 { return nil }
func (beside) Prepare(*scheme.Message, *scheme.Claim, time.Time) error { return nil }
func (beside) Write(*scheme.Message, *scheme.Claim)                    {}

// Where a request has two signatures of two keys, each is explained with its own key.
func TestEachSignatureIsExplainedWithItsKey(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: "other", Secret: Secret("the other secret of sixteen bytes")})
	require.NoError(t, err)
	for _, second := range []string{"", "other"} {
		v, err := NewVerifier(keys, atTestTime(), WithExplanations(), AcceptSchemes(TencentApp, beside{}))
		require.NoError(t, err)
		req := signedIn(t, TencentApp, testID)
		req.Header.Set("Accept", "text/html")
		if second != "" {
			req.Header.Set("X-Beside", second)
		}
		_, err = v.Verify(req)
		var e *VerifyError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, ErrSignature)
		require.Equal(t, testID, e.KeyID)
		require.Equal(t, "other_accept", e.Explanation.Mistake.Code, "beside %q", second)
	}
}

// otherwise derives its keys in another way, under the name of huawei-sdk.
type otherwise struct{ huaweisdk.Scheme }

func (otherwise) Derive(_ *scheme.Claim, secret []byte, mac func(key, message []byte) ([]byte, error)) ([]byte, error) {
	return mac(secret, []byte("otherwise"))
}

// A derived key that was kept is for the scheme that derived it, not for another
// verifier's of the same name.
func TestKeptDerivedKeyIsOfOneScheme(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	vendors := derived(t, "region", "service").(huaweisdk.Scheme)
	of := func(in Scheme) (*http.Request, *Verifier) {
		v, err := NewVerifier(keys, atTestTime(), AcceptSchemes(in))
		require.NoError(t, err)
		return signedIn(t, in, testID), v
	}
	one, ofOne := of(vendors)
	other, ofOther := of(otherwise{vendors})
	for range 2 {
		_, err = ofOne.Verify(one)
		require.NoError(t, err)
		_, err = ofOther.Verify(one)
		require.ErrorIs(t, err, ErrSignature)
		_, err = ofOther.Verify(other)
		require.NoError(t, err)
		_, err = ofOne.Verify(other)
		require.ErrorIs(t, err, ErrSignature)
	}
}

// What a handler does with the identity of one request changes nothing for others.
func TestIdentitiesAreApart(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	var before *Identity
	for range 2 {
		id, err := v.Verify(signedIn(t, TencentApp, testID))
		require.NoError(t, err)
		require.Equal(t, []string{"accept", "content-type", "content-md5"}, id.AlsoSigned)
		require.Equal(t, []string{"x-date"}, id.SignedHeaders)
		if before != nil {
			require.Equal(t, []string{"accept", "content-md5", "content-type", "x"}, before.AlsoSigned)
		}
		slices.Sort(id.AlsoSigned)
		id.AlsoSigned = append(id.AlsoSigned, "x")
		id.SignedHeaders = append(id.SignedHeaders, "y", "z")
		before = id
	}
}

// A body that breaks off can be read again as far as it came, also past what is held
// in memory.
func TestBrokenBodyIsWhole(t *testing.T) {
	for _, size := range []int{100, 64 << 10, 64<<10 + 2, 200_000} {
		req := signedIn(t, TencentApp, testID)
		body := strings.Repeat("z", size)
		req.Body, req.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest{errors.New("cut")})), -1
		_, err := newVerifier(t).Verify(req)
		require.ErrorIs(t, err, ErrBody)
		left, err := io.ReadAll(req.Body)
		require.ErrorContains(t, err, "cut")
		require.Equal(t, size, len(left))
		require.NoError(t, req.Body.Close())
	}
}

// A verifier that was told to explain gives an explanation also where the budget has
// no room for the search.
func TestExplanationWithoutRoom(t *testing.T) {
	budget, err := NewBudget(1<<20, 0)
	require.NoError(t, err)
	req := signedIn(t, TencentApp, testID)
	req.Header.Set("Accept", "text/html")
	_, err = newVerifier(t, WithExplanations(), WithBudget(budget)).Verify(req)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, ErrSignature)
	require.NotNil(t, e.Explanation)
	require.True(t, e.Explanation.Incomplete)
	require.Empty(t, e.Explanation.Mistakes())
}
