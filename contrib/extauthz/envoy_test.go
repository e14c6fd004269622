package extauthz_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gmhmac/hmacsign/contrib/extauthz"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// sent is a request as a client sent it.
type sent struct {
	method, target, host string
	header               []hmacsign.HeaderField
	body                 []byte
	size                 int64
	hasBody              bool // perhaps an empty one, in chunks
	broken               bool // its framing is
}

// cut reads a raw HTTP/1.1 request as Envoy's codec does, as far as the requests here
// need it: what it has of Host is host, values are trimmed, the body is without framing.
func cut(raw []byte) *sent {
	in := bufio.NewReader(bytes.NewReader(raw))
	line := func() string {
		text, _ := in.ReadString('\n')
		return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	r := new(sent)
	r.method, r.target, _ = strings.Cut(line(), " ")
	if end := strings.LastIndexByte(r.target, ' '); end >= 0 {
		r.target = r.target[:end]
	}
	length, chunked := int64(0), false
	for text := line(); text != ""; text = line() {
		name, value, _ := strings.Cut(text, ":")
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "host":
			if r.host == "" {
				r.host = value
				continue
			}
		case "content-length":
			length, _ = strconv.ParseInt(value, 10, 64)
		case "transfer-encoding":
			chunked = true
		}
		r.header = append(r.header, hmacsign.HeaderField{Name: name, Value: value})
	}
	switch {
	case chunked:
		var err error
		if r.body, err = io.ReadAll(httputil.NewChunkedReader(in)); err == nil {
			for text := "trailer"; err == nil && strings.TrimRight(text, "\r\n") != ""; {
				text, err = in.ReadString('\n')
			}
		}
		r.broken = err != nil
	case length > 0:
		r.body, _ = io.ReadAll(io.LimitReader(in, length))
	}
	r.size, r.hasBody = int64(len(r.body)), chunked || length > 0
	if rest, ok := strings.CutPrefix(r.target, "http://"); ok { // as its codec does
		if end := strings.IndexAny(rest, "/?"); end >= 0 {
			r.host, r.target = rest[:end], rest[end:]
			if r.target[0] == '?' {
				r.target = "/" + r.target
			}
		} else {
			r.host, r.target = rest, "/"
		}
	}
	return r
}

// clone is a copy to be changed.
func (r *sent) clone() *sent {
	c := *r
	c.header, c.body = slices.Clone(r.header), slices.Clone(r.body)
	return &c
}

func (r *sent) get(name string) string {
	for _, f := range r.header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// set changes a header that is there, or adds it.
func (r *sent) set(name, value string) *sent {
	for i, f := range r.header {
		if strings.EqualFold(f.Name, name) {
			r.header[i].Value = value
			return r
		}
	}
	return r.add(name, value)
}

func (r *sent) add(name, value string) *sent {
	r.header = append(r.header, hmacsign.HeaderField{Name: name, Value: value})
	return r
}

// ofEnvoy are headers that Envoy itself adds before the filter.
var ofEnvoy = []hmacsign.HeaderField{{Name: "x-forwarded-for", Value: "203.0.113.7"}, {Name: "x-forwarded-proto", Value: "https"},
	{Name: "x-request-id", Value: "5b4e0a4c-1a0f-4d7d-9f5e-2d7f7c9f8f10"}, {Name: "x-envoy-external-address", Value: "203.0.113.7"}}

// fields are all headers in Envoy's map of them: names in lower case, its own among them.
func (r *sent) fields() (fields []hmacsign.HeaderField) {
	fields = append(fields, hmacsign.HeaderField{Name: ":authority", Value: r.host}, hmacsign.HeaderField{Name: ":path", Value: r.target},
		hmacsign.HeaderField{Name: ":method", Value: r.method}, hmacsign.HeaderField{Name: ":scheme", Value: "https"})
	for _, f := range slices.Concat(r.header, ofEnvoy) {
		switch f.Name = strings.ToLower(f.Name); f.Name {
		case "x-envoy-auth-partial-body", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade": // Envoy's own, and what it removes
		default:
			fields = append(fields, f)
		}
	}
	if r.hasBody {
		fields = append(fields, hmacsign.HeaderField{Name: "x-envoy-auth-partial-body", Value: strconv.FormatBool(r.size > int64(len(r.body)))})
	}
	return fields
}

// raw is what Envoy tells with encode_raw_headers and pack_as_bytes.
func (r *sent) raw() *authv3.CheckRequest {
	in := r.common()
	in.HeaderMap = new(corev3.HeaderMap)
	for _, f := range r.fields() {
		in.HeaderMap.Headers = append(in.HeaderMap.Headers, &corev3.HeaderValue{Key: f.Name, RawValue: []byte(f.Value)})
	}
	in.RawBody = r.body
	return check(in)
}

// text is what it tells without: headers of one name merged, other bytes replaced.
func (r *sent) text() *authv3.CheckRequest {
	in := r.common()
	in.Headers = make(map[string]string)
	for _, f := range r.fields() {
		value := replaced(f.Value)
		if before, ok := in.Headers[f.Name]; ok {
			value = before + "," + value
		}
		in.Headers[f.Name] = value
	}
	in.Body = replaced(string(r.body))
	return check(in)
}

func (r *sent) common() *authv3.AttributeContext_HttpRequest {
	return &authv3.AttributeContext_HttpRequest{Id: "1", Method: r.method, Path: replaced(r.target), Host: replaced(r.host), Scheme: "https", Protocol: "HTTP/1.1", Size: r.size}
}

// replaced is Envoy's sanitizeUtf8String.
func replaced(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 {
			b.WriteByte('!')
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func check(in *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:  &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "203.0.113.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}}}}},
		Request: &authv3.AttributeContext_Request{Http: in},
	}}
}

// clock is the time that a verifier has.
type clock struct{ unix atomic.Int64 }

func (c *clock) set(t time.Time) { c.unix.Store(t.UnixNano()) }
func (c *clock) now() time.Time  { return time.Unix(0, c.unix.Load()) }

// service is a service with a client on a connection of its own.
type service struct {
	authv3.AuthorizationClient
	conn      *grpc.ClientConn
	decisions chan *extauthz.Decision
}

// start serves what a verifier says on a unix socket.
func start(t testing.TB, v *hmacsign.Verifier, opts ...extauthz.Option) *service {
	return startOn(t, "unix:"+filepath.Join(t.TempDir(), "s"), v, opts...)
}

func startOn(t testing.TB, address string, v *hmacsign.Verifier, opts ...extauthz.Option) *service {
	network, path, isSocket := strings.Cut(address, ":")
	if !isSocket || network != "unix" {
		network, path = "tcp", address
	}
	l, err := net.Listen(network, path)
	require.NoError(t, err)
	if network == "tcp" {
		address = l.Addr().String()
	}
	s := &service{decisions: make(chan *extauthz.Decision, 1)}
	server := grpc.NewServer(extauthz.ServerOption(), grpc.MaxRecvMsgSize(16<<20))
	authv3.RegisterAuthorizationServer(server, extauthz.New(v, append(opts, extauthz.WithObserver(func(d *extauthz.Decision) { s.decisions <- d }))...))
	go server.Serve(l)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	s.conn = conn
	s.AuthorizationClient = authv3.NewAuthorizationClient(conn)
	return s
}

// ask is one call, and what the observer was told of it.
func (s *service) ask(t testing.TB, in *authv3.CheckRequest) (*authv3.CheckResponse, *extauthz.Decision) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := s.Check(ctx, in)
	require.NoError(t, err)
	d := <-s.decisions
	status := http.StatusOK
	if denied := out.GetDeniedResponse(); denied != nil {
		status = int(denied.GetStatus().GetCode())
		require.NotZero(t, out.GetStatus().GetCode())
	} else {
		require.NotNil(t, out.GetOkResponse())
		require.Zero(t, out.GetStatus().GetCode())
	}
	require.Equal(t, d.Status, status)
	require.Equal(t, status == http.StatusOK, d.Err == nil)
	return out, d
}

// wildCase is a line of hmacsign/testdata/wild, see the README there.
type wildCase struct {
	Raw    []byte    `json:"raw"`
	Date   time.Time `json:"date"`
	Expect string    `json:"expect"`
	Why    string    `json:"why"`
	client string
}

const wildID, wildSecret = "AKIDinterop", "interop-secret-0123456789"

func readWild(t testing.TB) (cases []*wildCase) {
	files, err := filepath.Glob("../../hmacsign/testdata/wild/*.jsonl.gz")
	require.NoError(t, err)
	for _, path := range files {
		f, err := os.Open(path)
		require.NoError(t, err)
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		for d := json.NewDecoder(z); ; {
			c := &wildCase{client: strings.TrimSuffix(filepath.Base(path), ".jsonl.gz")}
			if err := d.Decode(c); err == io.EOF {
				break
			} else {
				require.NoError(t, err)
			}
			cases = append(cases, c)
		}
		f.Close()
	}
	return cases
}

// verifierAt is a verifier with the key of the wild requests and a clock.
func verifierAt(t testing.TB, at *clock, opts ...hmacsign.VerifierOption) *hmacsign.Verifier {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: wildID, Secret: hmacsign.Secret(wildSecret)})
	require.NoError(t, err)
	v, err := hmacsign.NewVerifier(keys, append([]hmacsign.VerifierOption{hmacsign.WithClock(at.now)}, opts...)...)
	require.NoError(t, err)
	return v
}
