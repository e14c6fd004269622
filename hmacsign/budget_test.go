package hmacsign_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

func newBudget(t *testing.T, memory, disk int64) *Budget {
	b, err := NewBudget(memory, disk)
	require.NoError(t, err)
	return b
}

func requireHeld(t *testing.T, b *Budget, memory, disk int64, what ...any) {
	t.Helper()
	m, d := b.Held()
	require.Equal(t, []int64{memory, disk}, []int64{m, d}, what...)
}

// unsized signs a POST and sends its body without a length, as a stream, so that
// it must be read.
func unsized(t *testing.T, body, contentType string) *http.Request {
	req := newRequest(t, "POST", "http://h/a", body, "Content-Type", contentType)
	require.NoError(t, newSignerIn(t, tencentapp.Scheme{ContentMD5: tencentapp.MD5None}, "hmac-sm3", WithMaxBody(1<<30)).Sign(req))
	req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(body)), nil, -1
	return req
}

// What is taken of the budget is given back, whatever becomes of the request.
func TestBudgetIsGivenBack(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, size := range []int{0, 1, 4 << 10, 64 << 10, 64<<10 + 1, 64<<10 + 2, 300_000, 1 << 20} {
		for _, contentType := range []string{"text/plain", formType} {
			what := fmt.Sprintf("%d bytes of %s", size, contentType)
			b := newBudget(t, 16<<20, 16<<20)
			v := newVerifier(t, WithBudget(b))
			body := strings.Repeat("a", size)
			req := unsized(t, body, contentType)
			_, err := v.Verify(req)
			require.NoError(t, err, what)
			memory, disk := b.Held()
			if size > 64<<10 {
				require.Equal(t, []int64{0, int64(size)}, []int64{memory, disk}, what)
			} else {
				require.True(t, disk == 0 && memory <= 64<<10+1 && memory >= int64(size), "%s: %d, %d", what, memory, disk)
			}
			require.EqualValues(t, size, req.ContentLength)
			for range 2 { // as often as it is asked for, beside the body itself
				again, err := req.GetBody()
				require.NoError(t, err)
				got, err := io.ReadAll(again)
				require.NoError(t, err)
				require.Equal(t, body, string(got), what)
			}
			got, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, body, string(got), what)
			require.NoError(t, req.Body.Close())
			require.NoError(t, req.Body.Close())
			requireHeld(t, b, 0, 0, what)

			req = unsized(t, body, contentType)
			req.Header.Set("Accept", "changed")
			_, err = v.Verify(req)
			require.ErrorIs(t, err, ErrSignature)
			require.NoError(t, req.Body.Close())
			requireHeld(t, b, 0, 0, what)

			req = unsized(t, body, contentType)
			req.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest{errors.New("gone")}))
			_, err = v.Verify(req)
			require.ErrorIs(t, err, ErrBody)
			require.NoError(t, req.Body.Close())
			requireHeld(t, b, 0, 0, what)
		}
	}
}

// A body of declared length takes what it says, and a byte to see its end.
func TestBudgetOfADeclaredLength(t *testing.T) {
	for length, want := range map[int64]int64{1: 2, 1000: 1001, 4095: 4096, 4096: 4096 * 4, 5000: 4096 * 4} {
		b := newBudget(t, 1<<20, 1<<20)
		req := unsized(t, strings.Repeat("a", int(length)), "text/plain")
		req.ContentLength = length
		_, err := newVerifier(t, WithBudget(b)).Verify(req)
		require.NoError(t, err)
		requireHeld(t, b, want, 0, length)
	}
	_, err := NewBudget(1, 0)
	require.NoError(t, err)
}

// A client's body of unknown length, which can be opened again, is looked at
// without being lost, and so is one that turns out to be none.
func TestSignedBodyOfUnknownLength(t *testing.T) {
	for body, digest := range map[string]string{"hello": "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI=", "": ""} {
		for _, again := range []bool{true, false} {
			req := newRequest(t, "POST", "http://h/a", "")
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			if again {
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
			}
			require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
			require.Equal(t, digest, req.Header.Get("Content-MD5"))
			got, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, body, string(got))
		}
	}
}

// Nobody closes the body: it is given back when it is collected.
func TestBudgetOfAnAbandonedBody(t *testing.T) {
	b := newBudget(t, 1<<20, 1<<20)
	v := newVerifier(t, WithBudget(b))
	_, err := v.Verify(unsized(t, strings.Repeat("a", 100_000), "text/plain"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { runtime.GC(); m, d := b.Held(); return m == 0 && d == 0 }, 10*time.Second, time.Millisecond)
}

// Where there is no room the answer is 503, and the request can be sent again.
func TestBudgetIsSpent(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	big := strings.Repeat("a", 200_000)
	for name, c := range map[string]struct {
		memory, disk int64
		body, kind   string
		want         error
	}{
		"memory":              {5 << 10, 1 << 20, strings.Repeat("a", 5000), "text/plain", ErrBusy},
		"disk":                {1 << 20, 100_000, big, "text/plain", ErrBusy},
		"a form in a file":    {300_000, 1 << 20, big, formType, ErrBusy},
		"a form that cannot":  {150_000, 1 << 20, big, formType, ErrBodyTooLarge},
		"a form of that size": {600_000, 1 << 20, big, formType, nil},
		"a body in a file":    {150_000, 1 << 20, big, "text/plain", nil},
	} {
		b := newBudget(t, c.memory, c.disk)
		v := newVerifier(t, WithBudget(b))
		req := unsized(t, c.body, c.kind)
		w := httptest.NewRecorder()
		v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, _ := io.ReadAll(r.Body)
			require.Equal(t, c.body, string(got))
		})).ServeHTTP(w, req)
		requireHeld(t, b, 0, 0, name)
		switch c.want {
		case nil:
			require.Equal(t, 200, w.Code, "%s: %s", name, w.Body)
		case ErrBusy:
			require.Equal(t, 503, w.Code, name)
			require.Equal(t, "1", w.Header().Get("Retry-After"), name)
			require.Contains(t, w.Body.String(), `"reason":"busy"`, name)
		default:
			require.Equal(t, 413, w.Code, "%s: %s", name, w.Body)
		}
	}
	b := newBudget(t, 100, 0)
	require.NoError(t, b.Reserve(60))
	require.ErrorIs(t, b.Reserve(41), ErrBusy)
	require.ErrorIs(t, b.Reserve(math.MaxInt64), ErrBusy)
	require.NoError(t, b.Reserve(40))
	b.Release(100)
	requireHeld(t, b, 0, 0)
	for _, bad := range [][2]int64{{0, 0}, {-1, 1}, {1, -1}} {
		_, err := NewBudget(bad[0], bad[1])
		require.Error(t, err)
	}
	_, err := NewVerifier(storeFunc(nil), WithBudget(nil))
	require.Error(t, err)
}

// Many at once never hold more than the budget, and leave nothing behind.
func TestBudgetOfManyRequests(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := newBudget(t, 2<<20, 4<<20)
	v := newVerifier(t, WithBudget(b))
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for i := range 200 {
		req := unsized(t, strings.Repeat("a-key=v&", 50_000/(1+i%3)/8), formType)
		if i%2 == 0 {
			req.Header.Set("Accept", "changed")
		}
		wg.Go(func() {
			_, err := v.Verify(req)
			var e *VerifyError
			code := "accepted"
			if errors.As(err, &e) {
				code = e.Code()
			}
			memory, disk := b.Held()
			mu.Lock()
			defer mu.Unlock()
			outcomes[code]++
			if memory > 3<<20 || disk > 5<<20 { // what is refused was added for a moment
				t.Errorf("%d and %d bytes are held", memory, disk)
			}
			req.Body.Close()
		})
	}
	wg.Wait()
	requireHeld(t, b, 0, 0)
	require.NotZero(t, outcomes["accepted"])
	for code := range outcomes {
		require.Contains(t, []string{"accepted", "signature", "busy"}, code)
	}
}

// A stranger's body is not read where the signature tells without it.
func TestBodyIsReadAfterTheSignature(t *testing.T) {
	for _, scheme := range []Scheme{TencentApp, TencentKeyPair, HuaweiSDK} {
		for _, length := range []int64{5, -1} {
			req := newRequest(t, "POST", "http://h/a", "hello", "Content-Type", "text/plain")
			if scheme == HuaweiSDK {
				req.Header.Set("X-Sdk-Content-Sm3", "becbbfaae6548b8bf0cfcad5a27183cd1be6093b1cceccc303d9c61d0a645268")
			}
			s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret("another")}, atTestTime())
			require.NoError(t, err)
			require.NoError(t, s.Sign(req))
			req.GetBody, req.ContentLength = nil, length
			body := &counting{Reader: strings.NewReader("hello")}
			req.Body = io.NopCloser(body)
			_, err = newVerifier(t, AcceptSchemes(scheme)).Verify(req)
			require.ErrorIs(t, err, ErrSignature)
			require.LessOrEqual(t, body.n, 1, "%s, length %d", scheme.Name(), length)
			got, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, "hello", string(got), "it is there all the same")
		}
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// The largest limit there is loses nothing of a body.
func TestLargestBodyLimit(t *testing.T) {
	for _, size := range []int{1, 5, 100_000} {
		body := strings.Repeat("x", size)
		req := unsized(t, body, "text/plain")
		_, err := newVerifier(t, WithMaxBody(math.MaxInt64)).Verify(req)
		require.NoError(t, err)
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
		stream := newRequest(t, "POST", "http://h/a", "")
		stream.Body = io.NopCloser(strings.NewReader(body))
		require.NoError(t, newSigner(t, "hmac-sm3", WithMaxBody(math.MaxInt64)).Sign(stream))
		require.EqualValues(t, size, stream.ContentLength)
	}
}

// A temporary folder that cannot be written to is not the client's fault.
func TestNoRoomForTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent")
	_, err := newVerifier(t).Verify(unsized(t, strings.Repeat("a", 100_000), "text/plain"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A refusal holds the beginning of a long string to sign, not all of it.
func TestRefusalOfALongForm(t *testing.T) {
	req := unsized(t, strings.Repeat("a", 1<<20), formType)
	req.Header.Set("Accept", "changed")
	_, err := newVerifier(t, WithExplanations()).Verify(req)
	var e *VerifyError
	require.ErrorAs(t, err, &e)
	require.Less(t, len(e.StringToSign), 65<<10)
	require.True(t, strings.HasSuffix(e.StringToSign, "aaa..."))
}

// Without explanations too a refusal tells the whole canonical request.
func TestCanonicalRequestOfARefusal(t *testing.T) {
	for _, opts := range [][]VerifierOption{nil, {WithExplanations()}} {
		s, err := NewSigner(HuaweiSDK, "hmac-sha256", Credential{testID, Secret("another")}, atTestTime())
		require.NoError(t, err)
		req := newRequest(t, "PUT", "http://h/a%20b?z=1&y", "hello")
		require.NoError(t, s.Sign(req))
		_, err = newVerifier(t, opts...).Verify(req)
		var e *VerifyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "PUT\n/a%20b/\ny=&z=1\nhost:h\nx-sdk-date:20210311T082958Z\n\nhost;x-sdk-date\n2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", e.CanonicalRequest)
		require.True(t, bytes.HasPrefix([]byte(e.StringToSign), []byte("SDK-HMAC-SHA256\n20210311T082958Z\n")))
	}
}

// The forms in which a string to sign may be written are tried one after the other in
// the same memory: a request takes what the largest takes, not what all take together.
func TestFormsShareTheirMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const size = 1 << 20
	verify := func(memory int64, body string) (*Identity, error) {
		b := newBudget(t, memory, 4*size)
		req := unsized(t, strings.Repeat("a", size), formType)
		req.Body = io.NopCloser(strings.NewReader(body))
		id, err := newVerifier(t, AcceptSchemes(TencentApp), WithBudget(b)).Verify(req)
		require.NoError(t, req.Body.Close())
		requireHeld(t, b, 0, 0)
		return id, err
	}
	// The text, and twice as much for decoded parameters.
	wrong := strings.Repeat("a", size-3) + "%20"
	_, err := verify(3*size+64<<10, wrong)
	require.ErrorIs(t, err, ErrSignature)
	_, err = verify(3*size-64<<10, wrong)
	require.ErrorIs(t, err, ErrBusy)
	_, err = verify(2*size+64<<10, strings.Repeat("a", size))
	require.NoError(t, err, "the first form takes less")
}

// A refusal for which there is no memory to explain it is one all the same, also
// where two schemes share a header, and of a late request.
func TestNoMemoryToExplain(t *testing.T) {
	for _, in := range Schemes() {
		b := newBudget(t, 1<<20, 0)
		request := func() *http.Request {
			req := signedIn(t, in, testID)
			req.Header.Set("X-Date", testTime.Add(time.Second).Format(http.TimeFormat))
			req.Header.Set("X-Sdk-Date", testTime.Add(time.Second).Format("20060102T150405Z"))
			return req
		}
		req := request()
		_, err := newVerifier(t, WithBudget(b), WithExplanations()).Verify(req)
		require.ErrorIs(t, err, ErrSignature, in.Name())
		var e *VerifyError
		require.ErrorAs(t, err, &e)
		require.True(t, e.Explanation.Incomplete, "there is always one, as VerifyError says")
		require.Empty(t, e.Explanation.Mistakes())
		require.NotEmpty(t, e.StringToSign)
		require.NoError(t, req.Body.Close())
		req = request()
		late := refusalOf(t, req, WithBudget(b), WithExplanations()).Explanation.Late
		require.ErrorIs(t, late.Refusal, ErrSignature)
		require.True(t, late.Refusal.Explanation.Incomplete)
		require.NoError(t, req.Body.Close())
		requireHeld(t, b, 0, 0, in.Name())
	}
}
