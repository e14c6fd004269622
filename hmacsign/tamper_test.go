package hmacsign_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// wire is a signed request as text, to be tampered with line by line.
func wire(t *testing.T, scheme Scheme, opts ...SignerOption) string {
	s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret(testSecret)}, append(opts, WithSignedHeaders("source", "x-other"), atTestTime())...)
	require.NoError(t, err)
	req := newRequest(t, "POST", "http://h.example/v1/b?k=1&k=3&j=2", `{"n":1}`, "Content-Type", "application/json", "Accept", "a/b", "Source", "s1", "X-Other", "o1")
	require.NoError(t, s.Sign(req))
	var b bytes.Buffer
	require.NoError(t, req.Write(&b))
	return b.String()
}

func verifyWire(t *testing.T, v *Verifier, text string) error {
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return err // net/http refuses it before us
	}
	_, err = v.Verify(req)
	return err
}

// Each signed element changed, dropped, doubled and reordered: refused. What a
// scheme by its definition does not sign is listed, and accepted.
func TestTampering(t *testing.T) {
	type edit struct{ what, old, new string }
	header := func(name, value string) []edit {
		line := name + ": " + value + "\r\n"
		return []edit{{name + " changed", line, name + ": " + value + "x\r\n"}, {name + " dropped", line, ""}, {name + " doubled", line, line + line},
			{name + " doubled and changed", line, line + name + ": x\r\n"}}
	}
	request := []edit{
		{"method", "POST ", "PUT "}, {"path changed", "/v1/b?", "/v1/c?"}, {"path longer", "/v1/b?", "/v1/b/c?"}, {"path reordered", "/v1/b?", "/b/v1?"}, {"path doubled", "/v1/b?", "/v1/v1/b?"},
		{"parameter changed", "j=2", "j=3"}, {"parameter dropped", "&j=2", ""}, {"parameter doubled", "&j=2", "&j=2&j=2"}, {"parameter renamed", "j=2", "i=2"},
		{"repeated parameter dropped", "&k=3", ""}, {"values swapped between names", "k=3&j=2", "k=2&j=3"}, {"parameter encoded", "k=1&k=3", "k=1%26k=3"},
		{"body changed", `{"n":1}`, `{"n":2}`}, {"body dropped", "Content-Length: 7", "Content-Length: 0"},
	}
	for _, c := range []struct {
		scheme Scheme
		edits  []edit
		open   []edit // not signed, by definition
	}{
		{TencentApp, append(append(append(append(request, header("Source", "s1")...), header("X-Other", "o1")...), header("X-Date", "Thu, 11 Mar 2021 08:29:58 GMT")...),
			append(header("Accept", "a/b"), header("Content-Type", "application/json")...)...),
			[]edit{{"parameters reordered", "k=1&k=3&j=2", "j=2&k=3&k=1"}, {"header list reordered", "source x-date x-other", "x-other x-date source"}, {"another host", "h.example", "i.example"}}},
		{TencentKeyPair, append(append(header("Source", "s1"), header("X-Other", "o1")...), append(header("X-Date", "Thu, 11 Mar 2021 08:29:58 GMT"),
			edit{"header list reordered", "x-date source x-other", "source x-date x-other"}, edit{"header list shortened", "x-date source x-other", "x-date source"},
			edit{"values swapped between headers", "Source: s1\r\n", "Source: o1\r\n"})...), request},
		{HuaweiSDK, append(append(append(request, header("Source", "s1")...), header("X-Other", "o1")...), append(header("X-Sdk-Date", "20210311T082958Z"),
			edit{"another host", "Host: h.example", "Host: i.example"}, edit{"header list shortened", ";x-other", ""}, edit{"upper-case signature", "Signature=", "Signature=A"})...),
			[]edit{{"parameters reordered", "k=1&k=3&j=2", "j=2&k=3&k=1"}, {"slash at the end", "/v1/b?", "/v1/b/?"}, {"another Accept", "a/b", "c/d"}}},
		{derived(t, "region", "service"), append(request, edit{"another region", "/region/", "/regio/"}, edit{"another service", "/service,", "/servic,"},
			edit{"another day", "/20210311/", "/20210310/"}, edit{"scope dropped", "/20210311/region/service", ""}, edit{"another form", "V11-", "SDK-"}), nil},
	} {
		v := newVerifier(t, AcceptSchemes(c.scheme))
		text := wire(t, c.scheme)
		require.NoError(t, verifyWire(t, v, text), text)
		apply := func(e edit) error {
			if !strings.Contains(text, e.old) {
				t.Fatalf("%s: %q is not in\n%s", e.what, e.old, text)
			}
			return verifyWire(t, v, strings.Replace(text, e.old, e.new, 1))
		}
		for _, e := range c.edits {
			require.Error(t, apply(e), "%s: %s", c.scheme.Name(), e.what)
		}
		for _, e := range c.open {
			if e.what != "body dropped" && e.what != "repeated parameter dropped" {
				require.NoError(t, apply(e), "%s: %s is not signed", c.scheme.Name(), e.what)
			}
		}
		// The signature itself: each bit, and the key id and algorithm beside it.
		require.Error(t, apply(edit{"key id", testID, testID + "x"}))
		at := strings.Index(strings.ToLower(text), "signature=") + 12
		for i := at; i < at+30; i++ {
			changed := []byte(text)
			if changed[i]++; changed[i] > 'z' || changed[i] == '"' {
				changed[i] = 'A'
			}
			require.Error(t, verifyWire(t, v, string(changed)))
		}
	}
}

// A client cannot go down to an algorithm that its key does not allow, and a MAC
// of one algorithm is not accepted as one of another.
func TestDowngrade(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret(testSecret), Algorithms: []string{"hmac-sm3"}})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	for _, scheme := range Schemes() {
		for _, algorithm := range scheme.Algorithms() {
			s, err := NewSigner(scheme, algorithm, Credential{testID, Secret(testSecret)}, atTestTime())
			require.NoError(t, err)
			req := newRequest(t, "GET", "http://h/", "")
			require.NoError(t, s.Sign(req))
			_, err = v.Verify(req)
			if algorithm == "hmac-sm3" {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, ErrAlgorithm, "%s %s", scheme.Name(), algorithm)
			auth := req.Header.Get("Authorization")
			req.Header.Set("Authorization", strings.NewReplacer(algorithm, "hmac-sm3", "-SHA256", "-SM3").Replace(auth))
			_, err = v.Verify(req)
			require.ErrorIs(t, err, ErrSignature)
		}
	}
}

func TestRotation(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: testID, Secret: Secret("new"), Previous: Secret(testSecret)})
	require.NoError(t, err)
	v, err := NewVerifier(keys, atTestTime())
	require.NoError(t, err)
	for secret, previous := range map[string]bool{"new": false, testSecret: true} {
		for _, scheme := range Schemes() {
			s, err := NewSigner(scheme, "hmac-sm3", Credential{testID, Secret(secret)}, atTestTime())
			require.NoError(t, err)
			req := newRequest(t, "GET", "http://h/", "")
			require.NoError(t, s.Sign(req))
			id, err := v.Verify(req)
			require.NoError(t, err)
			require.Equal(t, previous, id.PreviousSecret)
		}
	}
}

// A forged request must not use up the place of the true one.
func TestReplayGuardSeesOnlyRightSignatures(t *testing.T) {
	store := &countingStore{}
	v := newVerifier(t, WithReplayGuard(store))
	req := signedRequest(t, "GET", "/", "")
	forged := req.Clone(context.Background())
	forged.RequestURI = "/other"
	_, err := v.Verify(forged)
	require.ErrorIs(t, err, ErrSignature)
	require.Zero(t, store.asked)
	body := signedRequest(t, "POST", "/", "x")
	body.Body = io.NopCloser(strings.NewReader("y"))
	_, err = v.Verify(body)
	require.ErrorIs(t, err, ErrBodyDigest)
	require.Zero(t, store.asked, "the body is checked first too")
	_, err = v.Verify(req)
	require.NoError(t, err)
	require.Equal(t, 1, store.asked)
	require.Equal(t, testTime.Add(DefaultWindow), store.expires, "kept until it would be refused for its age")
	store.fail = true
	_, err = v.Verify(req)
	require.ErrorIs(t, err, ErrUnavailable, "nothing passes unrecorded")
}

type countingStore struct {
	asked   int
	expires time.Time
	fail    bool
}

func (s *countingStore) Seen(_ context.Context, _ [16]byte, _, expires time.Time) (bool, error) {
	if s.fail {
		return false, io.ErrUnexpectedEOF
	}
	s.asked++
	s.expires = expires
	return false, nil
}

func TestReplayGuard(t *testing.T) {
	store, err := NewMemoryReplayStore(1000)
	require.NoError(t, err)
	v := newVerifier(t, WithReplayGuard(store))
	for _, scheme := range Schemes() {
		text := wire(t, scheme)
		require.NoError(t, verifyWire(t, v, text))
		require.ErrorIs(t, verifyWire(t, v, text), ErrReplayed, scheme.Name())
	}
	// The same signature in another spelling of the header is the same request.
	text := wire(t, TencentApp, WithSignedHeaders("accept"))
	require.NoError(t, verifyWire(t, v, text))
	require.ErrorIs(t, verifyWire(t, v, strings.Replace(text, "hmac id", "HMAC  id", 1)), ErrReplayed)
	require.ErrorIs(t, verifyWire(t, v, strings.Replace(text, "hmac-sm3", "HMAC-SM3", 1)), ErrReplayed)
}

func TestMemoryReplayStore(t *testing.T) {
	_, err := NewMemoryReplayStore(0)
	require.Error(t, err)
	s, err := NewMemoryReplayStore(10_000)
	require.NoError(t, err)
	now, ctx := testTime, context.Background()
	ids := make([][16]byte, 10_000)
	for i := range ids {
		rand.Read(ids[i][:])
		seen, err := s.Seen(ctx, ids[i], now, now.Add(time.Minute))
		require.NoError(t, err, "room for what it was made for: %d", i)
		require.False(t, seen)
	}
	for _, id := range ids {
		seen, err := s.Seen(ctx, id, now.Add(time.Minute), now.Add(2*time.Minute))
		require.NoError(t, err)
		require.True(t, seen, "until it expires")
	}
	// Full: the next is refused, none is forgotten.
	full := 0
	for range 40_000 {
		var id [16]byte
		rand.Read(id[:])
		if _, err := s.Seen(ctx, id, now, now.Add(time.Minute)); err != nil {
			require.ErrorIs(t, err, ErrReplayStoreFull)
			full++
		}
	}
	require.Greater(t, full, 10_000)
	for _, id := range ids {
		seen, err := s.Seen(ctx, id, now, now.Add(time.Minute))
		require.True(t, seen || err != nil)
	}
	// A minute later there is room again.
	later := now.Add(time.Minute + time.Microsecond)
	for _, id := range ids {
		seen, err := s.Seen(ctx, id, later, later.Add(time.Minute))
		require.NoError(t, err)
		require.False(t, seen)
	}
}

// Beyond 64 KiB a body lies in a file without a name, and the handler reads it
// from there.
func TestLongBodies(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	body := strings.Repeat("0123456789abcdef", 200_000) // 3.2 MB
	for name, contentType := range map[string]string{"bytes": "text/plain", "form": "application/x-www-form-urlencoded"} {
		req := newRequest(t, "POST", "http://h/a", body, "Content-Type", contentType)
		require.NoError(t, newSigner(t, "hmac-sm3").Sign(req), name)
		req.Header.Del("Content-MD5")
		req.GetBody, req.Body = nil, io.NopCloser(strings.NewReader(body))
		_, err := newVerifier(t).Verify(req)
		require.NoError(t, err, name)
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
		require.NoError(t, req.Body.Close())
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "no file stays")
	}
	// A client's stream is kept in a file too, and can be sent twice.
	req, err := http.NewRequest("POST", "http://h/a", io.MultiReader(strings.NewReader(body)))
	require.NoError(t, err)
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	for range 2 {
		r, err := req.GetBody()
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
	}
	// One that can be opened again is hashed from a copy, and left alone.
	req = newRequest(t, "POST", "http://h/a", "")
	SetBody(req, strings.NewReader(body), int64(len(body)))
	before := req.Body
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	require.True(t, before == req.Body)
	_, err = newVerifier(t).Verify(req)
	require.NoError(t, err)
	form := newRequest(t, "POST", "http://h/a", strings.Repeat("a", 10<<20+1), "Content-Type", "application/x-www-form-urlencoded")
	require.ErrorIs(t, newSigner(t, "hmac-sm3").Sign(form), ErrBodyTooLarge)
	require.NoError(t, newSigner(t, "hmac-sm3", WithMaxBody(10<<20+1)).Sign(form), "a form may be as long as any body")
}

func TestFormAndMultipartRequests(t *testing.T) {
	ctx := context.Background()
	req, err := NewFormRequest(ctx, "http://h/a?z=1", map[string][]string{"b": {"2", "x y"}, "a": {""}})
	require.NoError(t, err)
	text, err := newSigner(t, "hmac-sm3").StringToSign(req)
	require.NoError(t, err)
	require.Equal(t, "/a?a&b=2&b=x+y&z=1", lastField(text))
	req, err = NewMultipartRequest(ctx, "http://h/up", Part{Name: "arg1", Content: strings.NewReader("a")},
		Part{Name: "file", Filename: "test.txt", Content: strings.NewReader("hello")}, Part{Name: "raw", Filename: "x", Type: "image/x", Content: strings.NewReader("y")})
	require.NoError(t, err)
	require.NoError(t, newSigner(t, "hmac-sm3").Sign(req))
	_, err = newVerifier(t).Verify(req)
	require.NoError(t, err)
	require.NoError(t, req.ParseMultipartForm(1<<20))
	require.Equal(t, "hello", readPart(t, req, "file"))
	require.Equal(t, []string{"a"}, req.MultipartForm.Value["arg1"])
	require.Equal(t, "image/x", req.MultipartForm.File["raw"][0].Header.Get("Content-Type"))
	_, err = NewMultipartRequest(ctx, "http://h/up", Part{Name: "x", Content: iotest{io.ErrUnexpectedEOF}})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func readPart(t *testing.T, req *http.Request, name string) string {
	f, _, err := req.FormFile(name)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}
