package extauthz_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// Whatever the message is, there is an answer that can be sent.
func FuzzCheckRequest(f *testing.F) {
	at := new(clock)
	var d *extauthz.Decision
	server := extauthz.New(verifierAt(f, at, hmacsign.WithExplanations(), hmacsign.EchoStringToSign()), extauthz.WithObserver(func(of *extauthz.Decision) { d = of }))
	for i, c := range readWild(f) {
		if i%40 == 0 {
			for _, in := range []*authv3.CheckRequest{cut(c.Raw).raw(), cut(c.Raw).text()} {
				data, err := proto.Marshal(in)
				require.NoError(f, err)
				f.Add(data, c.Date.Unix())
			}
		}
	}
	f.Add([]byte(nil), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, unix int64) {
		at.set(time.Unix(unix%1e10, 0))
		in := new(authv3.CheckRequest)
		if proto.Unmarshal(data, in) != nil {
			return
		}
		out, err := server.Check(t.Context(), in)
		require.NoError(t, err)
		_, err = proto.Marshal(out)
		require.NoError(t, err)
		require.NotEqual(t, "extauthz_panicked", detailCode(d.Err), d.Err)
		if d.Err != nil {
			require.GreaterOrEqual(t, int(out.GetDeniedResponse().GetStatus().GetCode()), 400)
			require.NotZero(t, out.GetStatus().GetCode())
			require.Nil(t, d.Identity)
			return
		}
		require.Equal(t, wildID, out.GetOkResponse().GetHeaders()[0].GetHeader().GetValue())
		require.NotContains(t, out.GetOkResponse().GetHeadersToRemove(), "x-hmacsign-key-id")
	})
}

// said is all that there is to say of a verdict.
func said(id *hmacsign.Identity, err error) string {
	if err == nil {
		return fmt.Sprintf("accepted %+v", *id)
	}
	var e *hmacsign.VerifyError
	if !errors.As(err, &e) {
		return err.Error()
	}
	code := e.DetailCode
	if strings.HasPrefix(code, "extauthz_hint_") {
		code = ""
	}
	return fmt.Sprintf("%s %s %s %s %s\n%s\n%s", e.Code(), code, e.Scheme, e.KeyID, e.Algorithm, e.StringToSign, e.CanonicalRequest)
}

// What net/http's server gets over a socket and what Envoy tells of the same bytes have
// one verdict, but for what is refused here alone.
func FuzzAsNetHTTP(f *testing.F) {
	at := new(clock)
	v := verifierAt(f, at, hmacsign.WithMaxBody(1<<16))
	verdicts := make(chan string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Connection", "close")
		select {
		case verdicts <- said(v.Verify(req)):
		default: // the next of one connection
		}
	}))
	f.Cleanup(upstream.Close)
	var d *extauthz.Decision
	server := extauthz.New(v, extauthz.AcceptUnsaidLength(), extauthz.WithObserver(func(of *extauthz.Decision) { d = of }))
	for i, c := range readWild(f) {
		if i%20 == 0 {
			f.Add(c.Raw, c.Date.Unix())
		}
	}
	for _, raw := range []string{"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\nX: b\r\n\r\n", "POST //%2f?? HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", "GET http://h/?b HTTP/1.1\r\nHost: other\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"} {
		f.Add([]byte(raw), int64(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, unix int64) {
		at.set(time.Unix(unix%1e10, 0))
		if strings.Contains(strings.ToLower(string(raw)), "pragma") || strings.Contains(strings.ToLower(string(raw)), "expect") {
			return // net/http adds a Cache-Control; it waits for a body
		}
		conn, err := net.Dial("tcp", upstream.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.Write(raw)
		require.NoError(t, err)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		var want string
		select {
		case want = <-verdicts:
		default:
			require.NotContains(t, string(answer), " 200 ")
			return // net/http does not hand it on, nor would Envoy
		}
		r := cut(raw)
		if r.broken || strings.HasPrefix(strings.ToLower(r.target), "https://") || strings.Contains(r.host, "@") {
			return // Envoy does not take it, or makes another path of it
		}
		_, err = server.Check(t.Context(), r.raw())
		require.NoError(t, err)
		got := said(d.Identity, d.Err)
		if code := detailCode(d.Err); d.Reason == "not_forwardable" || strings.HasPrefix(code, "extauthz_") || strings.HasPrefix(code, "wire_") || code == "header_control_character" || code == "body_longer" {
			return // which only Envoy's hop needs
		}
		require.Equal(t, want, got)
		_, err = server.Check(t.Context(), r.text())
		require.NoError(t, err)
		if strings.HasPrefix(want, "accepted") {
			require.True(t, d.Err == nil || d.Status == http.StatusServiceUnavailable)
		} else {
			require.Error(t, d.Err)
		}
	})
}
