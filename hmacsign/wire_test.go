package hmacsign_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// cut reads a raw HTTP/1.1 request as a transport does that knows nothing of it.
func cut(raw []byte) *WireRequest {
	in := bufio.NewReader(bytes.NewReader(raw))
	line := func() string {
		text, _ := in.ReadString('\n')
		return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	r := new(WireRequest)
	r.Method, r.Target, _ = strings.Cut(line(), " ")
	if end := strings.LastIndexByte(r.Target, ' '); end >= 0 {
		r.Target = r.Target[:end]
	}
	length, chunked := int64(0), false
	for text := line(); text != ""; text = line() {
		if n := len(r.Header); n > 0 && (text[0] == ' ' || text[0] == '\t') {
			r.Header[n-1].Value += "\r\n" + text
			continue
		}
		name, value, _ := strings.Cut(text, ":")
		r.Header = append(r.Header, HeaderField{name, value})
		switch value = strings.Trim(value, " \t"); {
		case strings.EqualFold(name, "Content-Length"):
			length, _ = strconv.ParseInt(value, 10, 64)
		case strings.EqualFold(name, "Transfer-Encoding"):
			chunked = true
		}
	}
	switch {
	case chunked:
		r.Body = io.NopCloser(httputil.NewChunkedReader(in))
	case length > 0:
		r.Body = io.NopCloser(io.LimitReader(in, length))
	}
	return r
}

// said is all that there is to say of a verdict.
func said(id *Identity, err error) string {
	if err == nil {
		return fmt.Sprintf("accepted %+v", *id)
	}
	var e *VerifyError
	if !errors.As(err, &e) {
		return "no VerifyError: " + err.Error()
	}
	return fmt.Sprintf("%s %s %s %s %s\n%s\n%s", e.Code(), e.DetailCode, e.Scheme, e.KeyID, e.Algorithm, e.StringToSign, e.CanonicalRequest)
}

// rest is what is left of a body.
func rest(body io.Reader) string {
	if body == nil {
		return ""
	}
	text, _ := io.ReadAll(body) // the transport says if it ended too early
	return string(text)
}

// What was recorded of vendors' clients has one verdict, and one body behind it,
// however it is handed over.
func TestWireAsVerify(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: "AKIDinterop", Secret: Secret("interop-secret-0123456789")})
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/wild/*.jsonl.gz")
	require.NoError(t, err)
	var date time.Time
	v, err := NewVerifier(keys, WithClock(func() time.Time { return date }))
	require.NoError(t, err)
	accepted, refused := 0, 0
	for _, path := range files {
		for i, c := range readWild(t, path) {
			date = c.Date
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw)))
			if err != nil {
				continue
			}
			id, verdict := v.Verify(req)
			want := said(id, verdict)
			wired := cut(c.Raw)
			require.Equal(t, want, said(v.VerifyWire(context.Background(), wired)), "%s %d", path, i)
			require.Equal(t, rest(req.Body), rest(wired.Body), "%s %d", path, i)
			if verdict == nil {
				accepted++
			} else {
				refused++
			}
		}
	}
	require.Greater(t, accepted, 500)
	require.Greater(t, refused, 100)
}

// Any bytes: what net/http reads is judged alike, unless its server would not have
// handed it on.
func FuzzWireAsVerify(f *testing.F) {
	keys, err := StaticKeys(&Key{ID: "AKIDinterop", Secret: Secret("interop-secret-0123456789")})
	require.NoError(f, err)
	files, err := filepath.Glob("testdata/wild/*.jsonl.gz")
	require.NoError(f, err)
	for _, path := range files {
		c := readWild(f, path)[0]
		f.Add(c.Raw, c.Date.Unix())
	}
	for _, raw := range []string{
		"GET http://a@h:1?b HTTP/1.1\r\nHost: other\r\n\r\n", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab", "get //a?? HTTP/1.0\n\n",
		"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\nd e: f\r\n\r\n",
	} {
		f.Add([]byte(raw), int64(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, at int64) {
		v, err := NewVerifier(keys, WithClock(func() time.Time { return time.Unix(at%1e10, 0) }), WithMaxBody(1<<16))
		require.NoError(t, err)
		wired := cut(raw)
		got := said(v.VerifyWire(context.Background(), wired))
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil || req.Method == http.MethodConnect {
			return
		}
		if req.Header.Get("Pragma") != "" { // net/http adds a Cache-Control
			return
		}
		if again, _ := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw))); len(again.TransferEncoding) > 0 {
			if _, err := io.Copy(io.Discard, again.Body); err != nil { // of the framing, which is not part of a WireRequest
				return
			}
		}
		for _, unfit := range []string{"malformed wire_", "malformed header_control_character"} {
			if strings.HasPrefix(got, unfit) {
				return
			}
		}
		require.Equal(t, said(v.Verify(req)), got)
		require.Equal(t, rest(req.Body), rest(wired.Body))
	})
}

// signedWire is a request that is signed, as it comes from somewhere.
func signedWire(t *testing.T, s Scheme, method, target, contentType, body string) *WireRequest {
	signer, err := NewSigner(s, algo.HMACSHA256, Credential{KeyID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	req, err := http.NewRequest(method, "http://example.com"+target, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	require.NoError(t, signer.Sign(req))
	r := &WireRequest{Method: method, Target: target, Host: "example.com"}
	for name, values := range req.Header {
		for _, value := range values {
			r.Header = append(r.Header, HeaderField{strings.ToLower(name), value})
		}
	}
	if body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	return r
}

func wireVerifier(t *testing.T, opts ...VerifierOption) *Verifier {
	keys, err := StaticKeys(&Key{ID: "k", Secret: Secret("secret")})
	require.NoError(t, err)
	v, err := NewVerifier(keys, opts...)
	require.NoError(t, err)
	return v
}

// Each request is accepted as it is, and refused with one thing changed that no
// server would have let pass.
func TestWireRefuses(t *testing.T) {
	v := wireVerifier(t)
	for _, c := range []struct {
		code   string
		change func(*WireRequest)
	}{
		{"wire_header_name", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{":authority", "example.com"}) }},
		{"wire_header_name", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"", "x"}) }},
		{"wire_header_name", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"X Y", "x"}) }},
		{"header_control_character", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"X-Y", "folded\r\n once"}) }},
		{"header_control_character", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"X-Y", "\x00"}) }},
		{"header_control_character", func(r *WireRequest) { r.Host = "example.com\r\nX: y" }},
		{"wire_repeated", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"Host", "other.example.com"}) }},
		{"wire_repeated", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"Host", "example.com"}, HeaderField{"host", "example.com"})
		}},
		{"wire_repeated", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"Content-Length", "4"}, HeaderField{"content-length", "4"})
		}},
		{"wire_repeated", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"Content-Length", "4"}, HeaderField{"Transfer-Encoding", "chunked"})
		}},
		{"wire_repeated", func(r *WireRequest) {
			r.Length = 4
			r.Header = append(r.Header, HeaderField{"Content-Length", "5"})
		}},
		{"wire_length", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"Content-Length", "+4"}) }},
		{"wire_length", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"Content-Length", "4, 4"}) }},
		{"wire_length", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"Content-Length", "9223372036854775808"})
		}},
		{"wire_transfer_encoding", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"Transfer-Encoding", "gzip, chunked"})
		}},
		{"wire_no_body", func(r *WireRequest) { r.Body, r.Length = nil, 4 }},
		{"wire_too_many_headers", func(r *WireRequest) { r.Header = append(r.Header, make([]HeaderField, MaxWireHeaders)...) }},
		{"wire_too_long", func(r *WireRequest) {
			r.Header = append(r.Header, HeaderField{"X", strings.Repeat("x", MaxWireHeaderBytes)})
		}},
		{"wire_target", func(r *WireRequest) { r.Target = "http://[::1/" }},
		{"no_path", func(r *WireRequest) { r.Target = "example.com/" }},
		{"no_path", func(r *WireRequest) { r.Target = "" }},
		{"method_case", func(r *WireRequest) { r.Method = "" }},
		{"method_case", func(r *WireRequest) { r.Method = "post" }},
		{"body_longer", func(r *WireRequest) { r.Length = 3 }},
		{"body_longer", func(r *WireRequest) { r.Header = append(r.Header, HeaderField{"Content-Length", "0"}) }},
		{"body_short", func(r *WireRequest) { r.Length = 5 }},
	} {
		r := signedWire(t, HuaweiSDK, "POST", "/a?b=c", "application/json", "body")
		r.Header = append(r.Header, HeaderField{"X-Y", "twice"}, HeaderField{"x-y", " twice\t"})
		_, err := v.VerifyWire(t.Context(), r)
		require.NoError(t, err)
		r.Body = io.NopCloser(strings.NewReader("body"))
		c.change(r)
		_, err = v.VerifyWire(t.Context(), r)
		var refused *VerifyError
		require.ErrorAs(t, err, &refused, c.code)
		require.Equal(t, c.code, refused.DetailCode, "%v", err)
		if c.code == "body_longer" || c.code == "body_short" {
			require.ErrorIs(t, err, ErrBody)
		} else {
			require.ErrorIs(t, err, ErrMalformed)
		}
	}
}

// A stray percent sign in the path is a client's mistake, which no net/http server hands on.
func TestWireTargetNotEncoded(t *testing.T) {
	v := wireVerifier(t, WithExplanations())
	for _, s := range []Scheme{TencentApp, HuaweiSDK} {
		r := signedWire(t, s, "GET", "/a%25b", "", "")
		_, err := v.VerifyWire(t.Context(), r)
		require.NoError(t, err)
		r.Target = "/a%b"
		_, err = v.VerifyWire(t.Context(), r)
		require.Equal(t, []string{"target_not_encoded"}, mistakesIn(err), "%v", err)
	}
}

// The host of a whole URL goes before all others, as RFC 9112 section 3.2.2 says; else
// the header's and the connection's are one.
func TestWireHost(t *testing.T) {
	v := wireVerifier(t)
	for _, c := range []struct {
		target, host, header string
		accepted             bool
	}{
		{"/a", "example.com", "", true},
		{"/a", "", "example.com", true},
		{"/a", "example.com", "example.com", true},
		{"http://example.com/a", "", "", true},
		{"http://example.com/a", "other.example.com", "", true},
		{"http://other.example.com/a", "example.com", "", false},
		{"/a", "other.example.com", "", false},
		{"/a", "", "", false},
	} {
		r := signedWire(t, HuaweiSDK, "GET", "/a", "", "")
		r.Target, r.Host = c.target, c.host
		if c.header != "" {
			r.Header = append(r.Header, HeaderField{"HOST", c.header})
		}
		_, err := v.VerifyWire(t.Context(), r)
		require.Equal(t, c.accepted, err == nil, "%+v: %v", c, err)
	}
}

// countedBody tells what becomes of it.
type countedBody struct {
	io.Reader
	read, closed int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *countedBody) Close() error {
	b.closed++
	return nil
}

// A body is read if the signature needs it and not else, is whole behind the call, in
// a file where it is long, and given back when it is closed.
func TestWireBody(t *testing.T) {
	budget, err := NewBudget(1<<20, 8<<20)
	require.NoError(t, err)
	v := wireVerifier(t, WithBudget(budget))
	for _, size := range []int{0, 1, 1000, 64 << 10, 1 << 20} {
		text := strings.Repeat("x", size)
		r := signedWire(t, HuaweiSDK, "POST", "/", "application/json", text)
		body := &countedBody{Reader: strings.NewReader(text)}
		r.Body = body
		_, err := v.VerifyWire(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, size, body.read)
		_, disk := budget.Held()
		require.Equal(t, size > 64<<10, disk > 0)
		require.Equal(t, text, rest(r.Body))
		require.NoError(t, r.Body.Close())
		require.Equal(t, 1, body.closed)
		memory, disk := budget.Held()
		require.Zero(t, memory)
		require.Zero(t, disk)
	}

	r := signedWire(t, TencentKeyPair, "POST", "/", "application/json", "text")
	body := &countedBody{Reader: strings.NewReader("text")}
	r.Body = body
	_, err = wireVerifier(t, AcceptSchemes(TencentKeyPair)).VerifyWire(t.Context(), r)
	require.NoError(t, err)
	require.Zero(t, body.read, "tencent-keypair signs no body")
	require.Same(t, body, r.Body)

	r = signedWire(t, HuaweiSDK, "POST", "/", "application/json", "text")
	r.Body = io.NopCloser(strings.NewReader("test"))
	_, err = v.VerifyWire(t.Context(), r)
	require.Error(t, err)
	require.Equal(t, "test", rest(r.Body), "of a refused request too")

	r = signedWire(t, HuaweiSDK, "POST", "/", "application/json", "text")
	_, err = wireVerifier(t, WithMaxBody(3)).VerifyWire(t.Context(), r)
	require.ErrorIs(t, err, ErrBodyTooLarge)
	require.Equal(t, "text", rest(r.Body))
}

// A body of which only the first byte was asked for is whole too.
func TestWireBodyPeeked(t *testing.T) {
	v := wireVerifier(t)
	r := signedWire(t, TencentApp, "GET", "/", "", "")
	body := &countedBody{Reader: strings.NewReader("unsigned")}
	r.Body = body
	_, err := v.VerifyWire(t.Context(), r)
	require.Error(t, err)
	require.Equal(t, "unsigned", rest(r.Body))
	require.NoError(t, r.Body.Close())
	require.Equal(t, 1, body.closed)
}

func TestWireReplay(t *testing.T) {
	store, err := NewMemoryReplayStore(10)
	require.NoError(t, err)
	v := wireVerifier(t, WithReplayGuard(store))
	r := signedWire(t, HuaweiSDK, "GET", "/", "", "")
	_, err = v.VerifyWire(t.Context(), r)
	require.NoError(t, err)
	_, err = v.VerifyWire(t.Context(), r)
	require.ErrorIs(t, err, ErrReplayed)
}
