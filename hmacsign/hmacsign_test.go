package hmacsign_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "github.com/gmhmac/hmacsign/algo/sm3cgo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// What most tests share: one credential, one moment.
const (
	testID     = "test-key"
	testSecret = "correct-horse-battery-staple"
)

var testTime = time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC)

func atTestTime() Option { return WithClock(func() time.Time { return testTime }) }

func newSigner(t testing.TB, algorithm string, opts ...SignerOption) *Signer {
	return newSignerIn(t, TencentApp, algorithm, opts...)
}

func newSignerIn(t testing.TB, in Scheme, algorithm string, opts ...SignerOption) *Signer {
	s, err := NewSigner(in, algorithm, Credential{testID, Secret(testSecret)}, append(opts, atTestTime())...)
	require.NoError(t, err)
	return s
}

// signingQuery is tencent-app whose signer writes the parameters in this form.
func signingQuery(form tencentapp.QueryForm) Scheme { return tencentapp.Scheme{Query: form} }

// acceptingQuery makes a verifier accept tencent-app alone, in these forms alone.
func acceptingQuery(forms tencentapp.QueryForm) VerifierOption {
	return AcceptSchemes(tencentapp.Scheme{Accept: forms})
}

// derived is huawei-sdk whose signer derives its keys for a region and a service.
func derived(t testing.TB, region, service string) Scheme {
	s, err := huaweisdk.Derived(region, service)
	require.NoError(t, err)
	return s
}

func newVerifier(t testing.TB, opts ...VerifierOption) *Verifier {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, append(opts, atTestTime())...)
	require.NoError(t, err)
	return v
}

// needsProcesses skips a test that starts programs where there are none.
func needsProcesses(t *testing.T) {
	t.Helper()
	if runtime.GOARCH == "wasm" {
		t.Skip("needs child processes")
	}
}

func newRequest(t testing.TB, method, url, body string, headers ...string) *http.Request {
	req, err := http.NewRequest(method, url, bodyReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

func bodyReader(body string) io.Reader {
	if body == "" {
		return nil
	}
	return strings.NewReader(body)
}
