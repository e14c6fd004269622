package hmacsign

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a signer holds of a body is given back when it was sent, not when the
// collector gets to it; until then it can be sent again.
func TestTransportGivesBodiesBack(t *testing.T) {
	for _, size := range []int{0, 1, 200 << 10} {
		budget, err := NewBudget(64<<20, 64<<20)
		require.NoError(t, err)
		s, err := NewSigner(HuaweiSDK, "hmac-sha256", Credential{KeyID: "k", Secret: Secret("s")}, WithBudget(budget))
		require.NoError(t, err)
		var sent *http.Request
		_, err = s.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r
			for range 2 { // the second time as after a connection that broke
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				require.Len(t, body, size)
				require.NoError(t, r.Body.Close())
				r.Body, err = r.GetBody()
				require.NoError(t, err)
			}
			r.Body.Close()
			return new(http.Response), nil
		})).RoundTrip(&http.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: "h", Path: "/x"}, Body: io.NopCloser(bytes.NewReader(make([]byte, size))), ContentLength: -1})
		require.NoError(t, err)
		memory, disk := budget.Held()
		runtime.KeepAlive(sent)
		require.Zero(t, memory+disk)
	}
}
