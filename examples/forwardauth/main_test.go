package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func writeKeys(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(name, []byte(`[{"id": "app-1", "secret": "example"}]`), 0o600))
	return name
}

// start runs the program.
func start(t *testing.T, args ...string) (url string, log *lockedBuffer) {
	log = new(lockedBuffer)
	ctx, cancel := context.WithCancel(context.Background())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, args, slog.New(slog.NewJSONHandler(log, nil)), func(a net.Addr) { addr <- a })
	}()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	select {
	case a := <-addr:
		return "http://" + a.String(), log
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
		return "", nil
	}
}

// traefik does what Traefik's forwardAuth does, as its source has it: it is not Traefik.
func traefik(auth, application string, forwardBody bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		method, sent := http.MethodGet, io.Reader(nil)
		if forwardBody {
			method, sent = r.Method, bytes.NewReader(body)
		}
		asking, _ := http.NewRequest(method, auth, sent)
		asking.Header = r.Header.Clone()
		for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailers", "Transfer-Encoding", "Upgrade"} {
			asking.Header.Del(name)
		}
		for name, value := range map[string]string{"Method": r.Method, "Host": r.Host, "Uri": r.URL.RequestURI(), "For": "192.0.2.1", "Proto": "http"} {
			asking.Header.Set("X-Forwarded-"+name, value)
		}
		answer, err := http.DefaultTransport.RoundTrip(asking)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		defer answer.Body.Close()
		if answer.StatusCode < 200 || answer.StatusCode > 299 {
			w.Header().Set("WWW-Authenticate", answer.Header.Get("WWW-Authenticate"))
			w.WriteHeader(answer.StatusCode)
			io.Copy(w, answer.Body)
			return
		}
		passed, _ := http.NewRequest(r.Method, application, bytes.NewReader(body))
		passed.URL.Opaque, passed.Header = r.URL.RequestURI(), r.Header.Clone()
		passed.Header["X-Hmacsign-Key-Id"] = answer.Header["X-Hmacsign-Key-Id"]
		response, err := http.DefaultTransport.RoundTrip(passed)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		io.Copy(w, response.Body)
	})
}

// proxied is a proxy in front of an application that says who asks for what.
func proxied(t *testing.T, auth string, forwardBody bool) string {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s: %s %s %s", r.Header["X-Hmacsign-Key-Id"], r.Method, r.RequestURI, body)
	}))
	t.Cleanup(application.Close)
	proxy := httptest.NewServer(traefik(auth, application.URL, forwardBody))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func signed(t *testing.T, scheme hmacsign.Scheme, method, url, body string) *http.Request {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Source", rand.Text()) // two that are alike to the second are one
	signer, err := hmacsign.NewSigner(scheme, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, hmacsign.WithSignedHeaders("source", "host"))
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	return req
}

func send(t *testing.T, req *http.Request) (int, string) {
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestForwardedBodies(t *testing.T) {
	auth, log := start(t, "-keys", writeKeys(t), "-listen", "127.0.0.1:0", "-trusted-proxies", "10.0.0.0/8,127.0.0.1", "-body-forwarded", "-max-body", "100")
	proxy := proxied(t, auth, true)
	for _, scheme := range hmacsign.Schemes() {
		for _, target := range []string{"/", "/a//b%2Fc?b=1&a=%7e"} {
			req := signed(t, scheme, "POST", proxy+target, scheme.Name())
			req.Header.Set("X-Hmacsign-Key-Id", "admin")
			status, body := send(t, req)
			require.Equal(t, 200, status, body)
			require.Equal(t, "[app-1]: POST "+target+" "+scheme.Name(), body)

			req = signed(t, scheme, "POST", proxy+target, scheme.Name())
			req.Header.Set("Source", "changed")
			status, body = send(t, req)
			require.Equal(t, 401, status)
			require.Contains(t, body, `"reason":"signature"`)
		}
	}
	for _, scheme := range []hmacsign.Scheme{hmacsign.TencentApp, hmacsign.HuaweiSDK} {
		req := signed(t, scheme, "POST", proxy+"/?"+scheme.Name(), "")
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("attached")), 8
		status, _ := send(t, req)
		require.Equal(t, 401, status, "a body that was not signed")

		again := signed(t, scheme, "GET", proxy+"/again", "")
		status, _ = send(t, again)
		require.Equal(t, 200, status)
		status, body := send(t, again)
		require.Equal(t, 401, status)
		require.Contains(t, body, "replayed")
		status, _ = send(t, signed(t, scheme, "POST", proxy+"/", strings.Repeat("a", 101)))
		require.Equal(t, 413, status)
	}
	require.Contains(t, log.String(), `"msg":"accepted"`)
	require.NotContains(t, log.String(), "signature=")
}

func TestHeadersAlone(t *testing.T) {
	auth, log := start(t, "-keys", writeKeys(t), "-listen", "127.0.0.1:0", "-trusted-proxies", "127.0.0.1")
	proxy := proxied(t, auth, false)
	status, body := send(t, signed(t, hmacsign.TencentKeyPair, "POST", proxy+"/x", "hello"))
	require.Equal(t, 200, status)
	require.Equal(t, "[app-1]: POST /x hello", body)
	status, _ = send(t, signed(t, hmacsign.HuaweiSDK, "POST", proxy+"/x", "hello"))
	require.Equal(t, 401, status)
	require.Contains(t, log.String(), "huawei-sdk signs bodies")
	require.Contains(t, log.String(), `"level":"ERROR"`)
}

func TestMisconfigured(t *testing.T) {
	auth, log := start(t, "-keys", writeKeys(t), "-listen", "127.0.0.1:0", "-trusted-proxies", "10.0.0.1")
	req := signed(t, hmacsign.TencentKeyPair, "GET", auth+"/", "")
	status, _ := send(t, req)
	require.Equal(t, 403, status)
	require.Contains(t, log.String(), "no trusted proxy")

	for want, args := range map[string][]string{
		"write a block":          {"-trusted-proxies", "localhost"},
		"name the keys file":     {"-trusted-proxies", "unix", "-keys="},
		"who may ask":            {},
		"no such file":           {"-trusted-proxies", "unix", "-keys", "/none"},
		"flag provided but":      {"-body"},
		"all is said with flags": {"-trusted-proxies", "unix", "-body-forwarded", "false"},
	} {
		err := run(context.Background(), append([]string{"-keys", writeKeys(t)}, args...), slog.New(slog.DiscardHandler), nil)
		require.ErrorContains(t, err, want)
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	start(t, "-keys", writeKeys(t), "-listen", "unix:"+socket, "-trusted-proxies", "unix")
	req := signed(t, hmacsign.TencentKeyPair, "GET", "http://h/x", "")
	for name, value := range map[string]string{"Method": "GET", "Host": "h", "Uri": "/x"} {
		req.Header.Set("X-Forwarded-"+name, value)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
}

// readYAML reads a file of deploy in which there is nothing that into has no field for.
func readYAML(t *testing.T, name string, into any) {
	f, err := os.Open(filepath.Join("deploy", name))
	require.NoError(t, err)
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	require.NoError(t, d.Decode(into), name)
}

// The files are what they say: the fields are those of Traefik's and Compose's
// documentation, what they name is there, and the program takes its flags.
func TestDeploy(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image, Restart string
			Build          struct{ Context, Dockerfile string }
			Command        []string
			Ports, Volumes []string
			Networks       []string
			ReadOnly       bool `yaml:"read_only"`
		}
		Networks map[string]struct {
			Internal bool
			IPAM     struct {
				Config []struct{ Subnet string }
			}
		}
	}
	readYAML(t, "compose.yaml", &compose)
	var static struct {
		EntryPoints map[string]struct {
			Address string
			HTTP    struct {
				SanitizePath      bool `yaml:"sanitizePath"`
				EncodedCharacters struct {
					Slash        bool `yaml:"allowEncodedSlash"`
					BackSlash    bool `yaml:"allowEncodedBackSlash"`
					Semicolon    bool `yaml:"allowEncodedSemicolon"`
					Percent      bool `yaml:"allowEncodedPercent"`
					QuestionMark bool `yaml:"allowEncodedQuestionMark"`
					Hash         bool `yaml:"allowEncodedHash"`
				} `yaml:"encodedCharacters"`
			}
		} `yaml:"entryPoints"`
		Providers struct {
			File struct{ Filename string }
		}
	}
	readYAML(t, "traefik.yaml", &static)
	var dynamic struct {
		HTTP struct {
			Routers map[string]struct {
				Rule, Service string
				EntryPoints   []string `yaml:"entryPoints"`
				Middlewares   []string
			}
			Middlewares map[string]struct {
				ForwardAuth struct {
					Address               string
					TrustForwardHeader    bool     `yaml:"trustForwardHeader"`
					ForwardBody           bool     `yaml:"forwardBody"`
					MaxBodySize           int64    `yaml:"maxBodySize"`
					PreserveRequestMethod bool     `yaml:"preserveRequestMethod"`
					AuthResponseHeaders   []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
			}
			Services map[string]struct {
				LoadBalancer struct {
					PassHostHeader bool `yaml:"passHostHeader"`
					Servers        []struct{ URL string }
				} `yaml:"loadBalancer"`
			}
		}
	}
	readYAML(t, "dynamic.yaml", &dynamic)

	for _, router := range dynamic.HTTP.Routers {
		require.Contains(t, dynamic.HTTP.Services, router.Service)
		for _, name := range router.Middlewares {
			require.Contains(t, dynamic.HTTP.Middlewares, name)
		}
		for _, name := range router.EntryPoints {
			require.False(t, static.EntryPoints[name].HTTP.SanitizePath)
			require.True(t, static.EntryPoints[name].HTTP.EncodedCharacters.Slash)
			require.Contains(t, compose.Services["traefik"].Ports, "8000"+static.EntryPoints[name].Address)
		}
	}
	asks := dynamic.HTTP.Middlewares["signed"].ForwardAuth
	program := compose.Services["forwardauth"]
	require.True(t, asks.PreserveRequestMethod)
	require.False(t, asks.TrustForwardHeader)
	require.Equal(t, asks.ForwardBody, slices.Contains(program.Command, "-body-forwarded"))
	require.EqualValues(t, hmacsign.DefaultMaxBody, asks.MaxBodySize)
	require.Equal(t, []string{hmacsign.IdentityHeader}, asks.AuthResponseHeaders)
	require.Equal(t, "http://forwardauth:8080/", asks.Address)
	require.Contains(t, program.Command, "-listen=:8080")
	require.Contains(t, program.Command, "-trusted-proxies="+compose.Networks["asking"].IPAM.Config[0].Subnet)
	require.NotContains(t, compose.Services["application"].Networks, "asking")
	require.FileExists(t, filepath.Join("deploy", program.Build.Context, program.Build.Dockerfile))
	for _, s := range compose.Services {
		for _, volume := range s.Volumes {
			name, _, _ := strings.Cut(volume, ":")
			if name != "./keys" { // the user's own
				require.FileExists(t, filepath.Join("deploy", name))
			}
		}
		for _, name := range s.Networks {
			require.Contains(t, compose.Networks, name)
		}
	}

	args := slices.Clone(program.Command)
	for i, arg := range args {
		arg = strings.Replace(arg, "-keys=/etc/hmacsign/keys.json", "-keys="+writeKeys(t), 1)
		args[i] = strings.Replace(arg, "-listen=:8080", "-listen=127.0.0.1:0", 1)
	}
	start(t, args...)
}

// APISIX's plugin in the README is JSON, and each flag of the program is in the README.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	plugin := regexp.MustCompile(`(?s)\n    ("forward-auth": \{.*?\n    \})\n`).FindSubmatch(readme)
	require.NotNil(t, plugin)
	var settings map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte("{"+string(plugin[1])+"}"), &settings))
	require.Equal(t, "POST", settings["forward-auth"]["request_method"])
	for _, name := range []string{"keys", "listen", "trusted-proxies", "body-forwarded", "max-body"} {
		require.Contains(t, string(readme), "| `-"+name)
	}
}
