package hmacsigncaddy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

const (
	testKeyID  = "test-key"
	testSecret = "correct-horse-battery-staple"
	testKeys   = `[{"id": "` + testKeyID + `", "secret": "` + testSecret + `"}]`
)

// server is a Caddy of this process, which has one.
type server struct {
	addr, admin string
	dir         string
}

// startCaddy starts Caddy with a Caddyfile, which has {{addr}} where it listens and
// {{keys}} where the keys file is.
func startCaddy(t testing.TB, site string) *server { return startWithKeys(t, site, testKeys) }

func startWithKeys(t testing.TB, site, keys string) *server {
	s := &server{addr: freeAddress(t), admin: freeAddress(t), dir: t.TempDir()}
	require.NoError(t, os.WriteFile(s.keysFile(), []byte(keys), 0o600))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	require.NoError(t, caddy.Load(adapted(t, s.caddyfile(site)), true))
	return s
}

func (s *server) keysFile() string { return filepath.Join(s.dir, "keys.json") }

// caddyfile is the whole of it: nothing is stored, asked of other servers or left
// behind.
func (s *server) caddyfile(site string) string {
	_, port, _ := net.SplitHostPort(s.addr)
	global := fmt.Sprintf(`{
		admin %s
		persist_config off
		auto_https off
		default_bind 127.0.0.1
		storage file_system %s/storage
		log {
			output file %s/log
			format json
		}
		servers {
			protocols h1 h2c
			max_header_size 128KiB
			expected_underscore_headers X_Under
		}
	}
	`, s.admin, s.dir, s.dir)
	return global + strings.NewReplacer("{{addr}}", "http://:"+port, "{{keys}}", s.keysFile()).Replace(site)
}

func (s *server) logged() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

func adapted(t testing.TB, caddyfile string) []byte {
	config, warnings, err := adapt(caddyfile)
	require.NoError(t, err)
	for _, w := range warnings {
		require.Contains(t, w.Message, "not formatted")
	}
	return config
}

func adapt(caddyfile string) ([]byte, []caddyconfig.Warning, error) {
	return caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// upstream keeps the requests that reach it.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []arrival
}

type arrival struct {
	method, target, host, body string
	header, trailer            http.Header
}

func startUpstream(t testing.TB) *upstream {
	u := new(upstream)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.seen = append(u.seen, arrival{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.Trailer})
		u.mu.Unlock()
		io.WriteString(w, "from the upstream")
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) address() string { return u.Listener.Addr().String() }

// arrived returns what came since it was last asked.
func (u *upstream) arrived() []arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = nil
	return seen
}

func newSigner(t testing.TB, scheme hmacsign.Scheme, algorithm string, opts ...hmacsign.SignerOption) *hmacsign.Signer {
	s, err := hmacsign.NewSigner(scheme, algorithm, hmacsign.Credential{KeyID: testKeyID, Secret: hmacsign.Secret(testSecret)}, opts...)
	require.NoError(t, err)
	return s
}

// signed is a signed request with these headers, as text.
func signed(t testing.TB, signer *hmacsign.Signer, method, url, body string, header http.Header) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, reader)
	require.NoError(t, err)
	for name, values := range header {
		req.Header[name] = values
	}
	require.NoError(t, signer.Sign(req))
	return req
}

func wireText(t testing.TB, req *http.Request) string {
	var b bytes.Buffer
	require.NoError(t, req.Write(&b))
	return b.String()
}

// send sends bytes over a connection of its own and returns the answer's status
// and body; 0, and why, if there is none.
func send(addr, raw string) (status int, body string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err.Error() // while a configuration changes, Caddy may reset connections
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	go io.WriteString(conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

var plainSite = `{{addr}} {
	hmacsign {
		keys {{keys}}
	}
	reverse_proxy %s
}`
