package hmacsign_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// signedAs is a request that is signed in a scheme.
func signedAs(t *testing.T, scheme Scheme, algorithm string, cred Credential, req *http.Request, opts ...SignerOption) *http.Request {
	s, err := NewSigner(scheme, algorithm, cred, append([]SignerOption{atTestTime()}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, s.Sign(req))
	return req
}

// A key that is for one scheme is of no use in another.
func TestKeyIsForItsSchemeAlone(t *testing.T) {
	for _, allowed := range Schemes() {
		keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Schemes: []string{allowed.Name()}})
		require.NoError(t, err)
		for _, used := range Schemes() {
			req := signedAs(t, used, "hmac-sm3", Credential{testID, Secret(testSecret)}, newRequest(t, "GET", "http://h/a", ""))
			one, err := NewVerifier(keys, atTestTime(), AcceptSchemes(used))
			require.NoError(t, err)
			all, err := NewVerifier(keys, atTestTime())
			require.NoError(t, err)
			_, errOne := one.Verify(req)
			id, errAll := all.Verify(req)
			if used == allowed {
				require.NoError(t, errOne)
				require.NoError(t, errAll)
				require.Equal(t, used.Name(), id.Scheme)
				continue
			}
			require.ErrorIs(t, errOne, ErrScheme, "%s with a key for %s", used.Name(), allowed.Name())
			require.Error(t, errAll)
		}
	}
}

// Where the signature does not need the body, the handler gets no more of it than
// the limit, whether its length is declared or not.
func TestMiddlewareLimitsAnUnsignedBody(t *testing.T) {
	const limit = 1000
	type seen struct {
		n   int
		err error
	}
	handled := make(chan seen, 1)
	server := httptest.NewServer(newVerifier(t, AcceptSchemes(TencentKeyPair), WithMaxBody(limit)).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		handled <- seen{len(body), err}
	})))
	defer server.Close()
	signed := signedAs(t, TencentKeyPair, "hmac-sm3", Credential{testID, Secret(testSecret)}, newRequest(t, "POST", "http://h/a", ""))
	head := "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Date: " + signed.Header.Get("X-Date") + "\r\nAuthorization: " + signed.Header.Get("Authorization") + "\r\n"
	send := func(rest string) string {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn, head+rest)
		require.NoError(t, err)
		status, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		return status
	}
	declared := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n)) }
	chunked := func(n int) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))
	}
	for _, body := range []func(int) string{declared, chunked} {
		require.Contains(t, send(body(limit)), " 200 ")
		require.Equal(t, seen{limit, nil}, <-handled)
	}
	require.Contains(t, send(declared(limit+1)), " 413 ")
	require.Empty(t, handled, "not the handler's")
	send(chunked(limit + 1))
	got := <-handled
	var tooMany *http.MaxBytesError
	require.ErrorAs(t, got.err, &tooMany)
	require.Equal(t, limit, got.n)
}

// A request is remembered for as long as its date lets it pass, from the first
// moment to the last.
func TestReplayIsRefusedWhileTheDatePasses(t *testing.T) {
	for first, last := range map[time.Duration]time.Duration{
		-DefaultWindow: DefaultWindow, // the client's clock is ahead
		0:              DefaultWindow,
		DefaultWindow:  DefaultWindow,
	} {
		clock := new(movable)
		v := guarded(t, clock)
		req := signedGET(t, "http://h/a")
		clock.move(first)
		_, err := v.Verify(req)
		require.NoError(t, err, first)
		for _, at := range []time.Duration{first, (first + last) / 2, last} {
			clock.move(at)
			_, err = v.Verify(req)
			require.ErrorIs(t, err, ErrReplayed, "%s, again at %s", first, at)
		}
		clock.move(last + time.Second)
		_, err = v.Verify(req)
		require.ErrorIs(t, err, ErrExpired)
	}
}

// No longer than that either: the room is given back with the window.
func TestReplayGuardForgetsWithTheDate(t *testing.T) {
	store := new(recorded)
	clock := new(movable)
	v := guarded(t, clock, WithReplayGuard(store))
	for i, at := range []time.Duration{-DefaultWindow, 0, DefaultWindow} {
		clock.move(at)
		_, err := v.Verify(signedGET(t, "http://h/a"))
		require.NoError(t, err)
		require.True(t, testTime.Add(DefaultWindow).Equal(store.expires[i]), "%s: %s", at, store.expires[i])
	}
}

// A date that is not checked lets a request pass for ever, so it is remembered
// for a window from when it came.
func TestReplayOfAnyDate(t *testing.T) {
	clock := new(movable)
	v := guarded(t, clock, AcceptSchemes(tencentkeypair.Scheme{AcceptAnyDate: true}))
	req := signedAs(t, TencentKeyPair, "hmac-sm3", Credential{testID, Secret(testSecret)}, newRequest(t, "GET", "http://h/a", ""), WithSignedHeaders("date"))
	const late = 24 * time.Hour
	clock.move(late)
	_, err := v.Verify(req)
	require.NoError(t, err)
	clock.move(late + DefaultWindow)
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrReplayed)
	clock.move(late + DefaultWindow + time.Second)
	_, err = v.Verify(req)
	require.NoError(t, err)
}

// A body as long as the limit passes; one byte more is too many, and is not cut
// off. The signature is that of the body without it.
func TestBodyLimit(t *testing.T) {
	const limit = 2000
	cred := Credential{testID, Secret(testSecret)}
	whole := "a=" + strings.Repeat("x", limit-2)
	for _, contentType := range []string{"text/plain", formType} {
		for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
			what := scheme.Name() + " " + contentType
			received := func(body string, length int64) error {
				req := signedAs(t, scheme, "hmac-sm3", cred, newRequest(t, "POST", "http://h/a", whole, "Content-Type", contentType))
				req.Header.Del("Content-Md5")
				req.Body, req.ContentLength, req.GetBody = io.NopCloser(strings.NewReader(body)), length, nil
				_, err := newVerifier(t, WithMaxBody(limit)).Verify(req)
				return err
			}
			require.NoError(t, received(whole, limit), what)
			require.NoError(t, received(whole, -1), what)
			require.ErrorIs(t, received(whole+"x", limit+1), ErrBodyTooLarge, what)
			require.ErrorIs(t, received(whole+"x", -1), ErrBodyTooLarge, what)

			sent := func(body string, again, declared bool) error {
				req := newRequest(t, "POST", "http://h/a", body, "Content-Type", contentType)
				if !again {
					req.GetBody = nil
				}
				if !declared {
					req.ContentLength = -1
				}
				s, err := NewSigner(scheme, "hmac-sm3", cred, WithMaxBody(limit))
				require.NoError(t, err)
				return s.Sign(req)
			}
			for _, again := range []bool{true, false} {
				for _, declared := range []bool{true, false} {
					require.NoError(t, sent(whole, again, declared), what)
					require.ErrorIs(t, sent(whole+"x", again, declared), ErrBodyTooLarge, what)
				}
			}
		}
	}
}

// A body that waited in a file leaves none open behind it.
func TestNoFileStaysOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc, which lists what a process has open")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	open := func() (n int) {
		fds, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		for _, fd := range fds {
			if target, _ := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); strings.HasPrefix(target, dir) {
				n++
			}
		}
		return n
	}
	body := strings.Repeat("0123456789abcdef", 200_000)
	req := newRequest(t, "POST", "http://h/a", body, "Content-Type", "text/plain")
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	req.GetBody, req.Body = nil, io.NopCloser(strings.NewReader(body))
	_, err := newVerifier(t).Verify(req)
	require.NoError(t, err)
	require.Equal(t, 1, open(), "it waits in a file")
	got, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Equal(t, body, string(got))
	require.NoError(t, req.Body.Close())
	require.Zero(t, open())
}

// The limits of an Authorization header hold to the byte and to the name.
func TestAuthorizationLimits(t *testing.T) {
	const maxHeader, maxID, maxNames = 8 << 10, 256, 64
	for _, scheme := range Schemes() {
		verify := func(id string, names int, length int) error {
			req := newRequest(t, "GET", "http://h/a", "")
			own := 1
			if scheme == HuaweiSDK {
				own = 2
			}
			var more []string
			for i := range min(names, maxNames) - own { // a signer takes no more either
				name := fmt.Sprintf("x-%d", i)
				req.Header.Set(name, "v")
				more = append(more, name)
			}
			signedAs(t, scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, req, WithSignedHeaders(more...))
			auth := strings.Replace(req.Header.Get("Authorization"), testID, id, 1)
			for i := range names - maxNames {
				auth = strings.NewReplacer(`headers="`, fmt.Sprintf(`headers="y-%d `, i), "SignedHeaders=", fmt.Sprintf("SignedHeaders=y-%d;", i)).Replace(auth)
			}
			if length > 0 {
				auth = strings.Replace(auth, " ", strings.Repeat(" ", length-len(auth)+1), 1)
				require.Len(t, auth, length)
			}
			req.Header.Set("Authorization", auth)
			keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret)}, &Key{ID: strings.Repeat("k", maxID), Secret: Secret(testSecret)})
			require.NoError(t, err)
			v, err := NewVerifier(keys, atTestTime(), AcceptSchemes(scheme))
			require.NoError(t, err)
			_, err = v.Verify(req)
			return err
		}
		require.NoError(t, verify(testID, 2, maxHeader), scheme.Name())
		require.ErrorIs(t, verify(testID, 2, maxHeader+1), ErrMalformed, scheme.Name())
		require.NoError(t, verify(strings.Repeat("k", maxID), 2, 0), scheme.Name())
		require.ErrorIs(t, verify(strings.Repeat("k", maxID+1), 2, 0), ErrMalformed, scheme.Name())
		require.NoError(t, verify(testID, maxNames, 0), scheme.Name())
		require.ErrorIs(t, verify(testID, maxNames+1, 0), ErrMalformed, scheme.Name())
	}
}

// So does the limit of parameters, which counts the pieces between ampersands.
func TestParameterLimit(t *testing.T) {
	const limit = 10_000
	for _, scheme := range []Scheme{TencentApp, HuaweiSDK} {
		sign := func(pieces int) error {
			s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, atTestTime())
			require.NoError(t, err)
			req := newRequest(t, "GET", "http://h/a?"+strings.Repeat("&", pieces-1), "")
			if err := s.Sign(req); err != nil {
				return err
			}
			_, err = newVerifier(t).Verify(req)
			return err
		}
		require.NoError(t, sign(limit))
		require.ErrorIs(t, sign(limit+1), ErrMalformed)
	}
}
