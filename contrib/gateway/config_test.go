package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const smallest = `
keys: {file: keys.json}
replay: {memory: 1000}
routes:
  - name: all
    upstream: http://127.0.0.1:9000
`

func TestReadConfig(t *testing.T) {
	c, err := ReadConfig(strings.NewReader(smallest))
	require.NoError(t, err)
	require.Equal(t, []any{"127.0.0.1:8080", 5 * time.Minute, 5 * time.Second, 1024, int64(10 << 20), time.Minute, 15 * time.Minute, "X-Hmacsign-Key-Id"},
		[]any{c.Listen, c.Timeout, c.Drain, c.MaxConnections, c.Routes[0].MaxBody, c.Routes[0].UpstreamTimeout, c.Window, c.Routes[0].IdentityHeader})
	schemes, err := c.Routes[0].schemes()
	require.NoError(t, err)
	require.Len(t, schemes, 3)
}

// Each setting reaches what it is for.
func TestReadConfigWhole(t *testing.T) {
	c, err := ReadConfig(strings.NewReader(`
listen: unix:/run/data
admin: ":9100"
pprof: true
tls: {cert: c.pem, key: k.pem}
timeout: 3s
drain: 0s
max_connections: 7
max_buffered: 9
max_buffered_disk: 10
self_test_interval: 12s
backend: gmsm
window: 1m
trusted_proxies: [10.0.0.0/8, unix]
log_level: warn
keys:
  sql: {driver: postgres, dsn: {env: DSN}, interval: 2s, stale_limit: 1h}
replay:
  redis: {url: {file: /run/url}, timeout: 50ms, replicas: 1, allow_eviction: true, flush_delay: 20us}
traces: {endpoint: "https://collector:4318", sample: 0.5}
routes:
  - name: orders
    hosts: [api.example]
    prefix: /orders
    upstream: unix:/run/orders
    upstream_timeout: 4s
    max_body: 8
    schemes: [tencent-app, huawei-sdk]
    required_headers: [x-nonce]
    query_form: [raw]
    no_strip_environment: true
    decode_slash: true
    explain: true
    identity_header: X-Who
    forward: signed
    allow_upgrade: websocket
    preserve_host: true
    resign: {key_id: gw, secret: {env: RESIGN}, algorithm: hmac-sm3}
  - {name: rest, upstream: "http://h", schemes: [tencent-keypair], accept_any_date: true, max_body: 1}
`))
	require.NoError(t, err)
	s, r := c.server(), c.Routes[0].route()
	require.Equal(t, []any{"unix:/run/data", ":9100", true, "c.pem", "k.pem", 3 * time.Second, time.Minute + 3*time.Second, time.Duration(0), 7, int64(9), int64(10), 12 * time.Second, "gmsm", time.Minute},
		[]any{s.Listen, s.Admin, s.Pprof, s.TLSCert, s.TLSKey, s.Timeout, s.AnswerTimeout, s.Drain, s.MaxConnections, s.MaxBuffered, s.MaxBufferedOnDisk, s.SelfTestInterval, s.Backend, c.Window})
	require.Equal(t, []any{"orders", []string{"api.example"}, "/orders", "unix:/run/orders", 4 * time.Second, int64(8), "X-Who", true, "websocket", true},
		[]any{r.Name, r.Hosts, r.Prefix, r.Upstream, r.UpstreamTimeout, r.MaxBody, r.IdentityHeader, r.ForwardSigned, r.AllowUpgrade, r.PreserveHost})
	require.Equal(t, &SQL{"postgres", Source{Env: "DSN"}, 2 * time.Second, time.Hour}, c.Keys.SQL)
	require.Equal(t, &Redis{Source{File: "/run/url"}, 50 * time.Millisecond, 1, true, 20 * time.Microsecond}, c.Replay.Redis)
	require.Equal(t, 0.5, *c.Traces.Sample)
	require.Equal(t, &Resign{"gw", Source{Env: "RESIGN"}, "hmac-sm3"}, c.Routes[0].Resign)
}

// A fault is told with its line and in the file's own words, every fault at once, and
// without a value that could be a secret.
func TestReadConfigRefuses(t *testing.T) {
	for change, want := range map[string]string{
		"":                                     "the file is empty",
		"a: [":                                 "line 1",
		"just text":                            "line 1: not the kind of value",
		smallest + "---\na: 1\n":               "a second document",
		smallest + "\nlisten: a\nlisten: b\n":  "already defined",
		smallest + "colour: red":               "line 7: colour is no setting here",
		smallest + "admin:":                    "line 7: admin is empty",
		smallest + "trusted_proxies: []":       "trusted_proxies is empty",
		smallest + "tls: {}":                   "tls is empty",
		smallest + "backend: \"\"":             "backend is empty",
		smallest + "    required_headers:":     "line 7: required_headers is empty",
		smallest + "    required_headers: [~]": "required_headers is empty",
		smallest + "    schemes: [tencent-app, \"\"]":                                             "schemes is empty",
		smallest + "    upstreem: x":                                                              "line 7: upstreem is no setting here",
		smallest + "    max_body: 0":                                                              "max_body: use more than 0",
		smallest + "    max_body: lots":                                                           "here: write a whole number",
		smallest + "window: 0s":                                                                   "window: use more than 0",
		smallest + "window: 15":                                                                   "line 7: not the kind of value that belongs here: write a time, as in 15m",
		smallest + "    upstream_timeout: -1s":                                                    "upstream_timeout: use more than 0",
		smallest + "    schemes: [aws]":                                                           "tencent-app",
		smallest + "    schemes: [huawei-sdk, huawei-sdk]":                                        "twice",
		smallest + "    decode_slash: true\n    schemes: [tencent-app]":                           "decode_slash is for scheme huawei-sdk",
		smallest + "    query_form: [some]":                                                       "query form",
		smallest + "    required_headers: [\"a:b\"]":                                              "header",
		smallest + "    forward: some":                                                            "use all, signed",
		smallest + "    allow_upgrade: h2c":                                                       "websocket",
		smallest + "    identity_header: Host":                                                    "identity_header Host: this header has a meaning",
		smallest + "    prefix: /a/../b":                                                          "write it as /orders",
		smallest + "    hosts: [\"h:80\"]":                                                        "without a port",
		smallest + "    resign: {key_id: a, secret: {env: A}, algorithm: hmac-sha1}":              "resign.algorithm",
		smallest + "    resign: {key_id: a, secret: {env: A, file: B}}":                           "resign.secret: write {env: NAME} or {file: PATH}",
		smallest + "    resign: {secret: {env: A}}":                                               "resign.key_id",
		smallest + "    resign: {key_id: a, secret: hushhush}":                                    "here: write {env: NAME} or {file: PATH}",
		smallest + "  - {name: all, upstream: \"http://h\", prefix: /x}":                          "line 7: route \"all\": another route has this name",
		smallest + "  - {name: b, upstream: \"http://h\"}":                                        "for the same host and prefix",
		smallest + "  - {upstream: \"http://h\", prefix: /x}":                                     "give it a name",
		smallest + "  - {name: b, prefix: /x}":                                                    "upstream",
		smallest + "  - {name: b, prefix: /x, upstream: \"http://u:hushhush@h\"}":                 "leave out user and password",
		smallest + "timeout: 0s":                                                                  "timeout: use more than 0",
		smallest + "drain: -1s":                                                                   "drain: use 0 or more",
		smallest + "max_buffered_disk: 5":                                                         "max_body is larger than max_buffered_disk",
		smallest + "tls: {cert: a}":                                                               "tls.cert and tls.key go together",
		smallest + "pprof: true":                                                                  "give it with admin",
		smallest + "listen: nowhere":                                                              "listen \"nowhere\": write 127.0.0.1:8080",
		smallest + "trusted_proxies: [nowhere]":                                                   "trusted_proxies: \"nowhere\"",
		smallest + "log_level: all":                                                               "log_level \"all\": use debug",
		smallest + "self_test_interval: 1ms":                                                      "self_test_interval: use 1s",
		smallest + "backend: unknown":                                                             "unknown",
		smallest + "traces: {endpoint: collector}":                                                "traces.endpoint",
		smallest + "traces: {endpoint: \"http://c\", sample: 2}":                                  "traces.sample",
		smallest + "traces: {endpoint: \"http://c\", sample: .nan}":                               "traces.sample",
		strings.Replace(smallest, "{memory: 1000}", "{memory: 1, off: true}", 1):                  "replay: name memory, redis or off",
		strings.Replace(smallest, "replay:", "#", 1):                                              "replay: name memory, redis or off",
		strings.Replace(smallest, "{memory: 1000}", "{off: false}", 1):                            "replay: name memory, redis or off",
		strings.Replace(smallest, "{memory: 1000}", "{memory: -1}", 1):                            "replay.memory",
		strings.Replace(smallest, "{memory: 1000}", "{redis: {timeout: 1s}}", 1):                  "replay.redis.url",
		strings.Replace(smallest, "{memory: 1000}", "{redis: {url: \"redis://:hushhush@h\"}}", 1): "line 3: not the kind of value",
		strings.Replace(smallest, "{file: keys.json}", "{file: a, sql: {driver: postgres, dsn: {env: A}}}", 1): "keys: name a file or sql",
		strings.Replace(smallest, "{file: keys.json}", "{sql: {driver: oracle, dsn: {env: A}}}", 1):            "keys.sql.driver",
		strings.Replace(smallest, "{file: keys.json}", "{sql: {driver: postgres}}", 1):                         "keys.sql.dsn",
		"keys: {file: a}\nreplay: {off: true}\n":                                                               "routes: name one",
	} {
		_, err := ReadConfig(strings.NewReader(change))
		require.ErrorIs(t, err, ErrConfig, change)
		require.ErrorContains(t, err, want, change)
		require.NotContains(t, err.Error(), "hushhush")
		require.NotContains(t, err.Error(), "--", change)
		require.NotContains(t, err.Error(), "gateway.", "no Go type: %s", change)
	}
	_, err := ReadConfig(strings.NewReader("listen: a\nkeys: {file: a}\nroutes: [{name: x, upstream: ftp://h, forward: some}]"))
	for _, want := range []string{"listen", "replay", "forward", "upstream"} {
		require.ErrorContains(t, err, want)
	}
	_, err = ReadConfig(strings.NewReader(strings.Repeat("#", maxConfig+1)))
	require.ErrorContains(t, err, "more than")
}

// A whole number of routes, defaults and faults among them, stands on anchors and merges
// as YAML has them.
func TestReadConfigMerges(t *testing.T) {
	c, err := ReadConfig(strings.NewReader(`
keys: {file: a}
replay: {off: true}
routes:
  - &first {name: a, upstream: "http://h", max_body: 7}
  - {<<: *first, name: b, prefix: /b}
`))
	require.NoError(t, err)
	require.Equal(t, int64(7), c.Routes[1].MaxBody)
}

func FuzzReadConfig(f *testing.F) {
	f.Add(smallest)
	files, err := filepath.Glob("deploy/*.yaml")
	require.NoError(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Add("a: &a [*a]")
	f.Add("routes: &r [{name: x}]\nkeys: *r")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ReadConfig(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, ErrConfig)
			return
		}
		require.NotEmpty(t, c.Routes)
		for i := range c.Routes {
			require.Positive(t, c.Routes[i].MaxBody)
			require.Positive(t, c.Routes[i].UpstreamTimeout)
		}
	})
}

// That no request can be accepted is told at the start, and not by /readyz alone.
func TestStartWithoutKeys(t *testing.T) {
	for keys, ready := range map[string]bool{`[]`: false, `[{"id": "a", "secret": "for tests"}]`: true} {
		config := configOf(t, newUpstream(t).URL, fmt.Sprintf("file: %q", writeFile(t, "keys.json", keys)), "off: true")
		g := start(t, config)
		require.Equal(t, !ready, strings.Contains(g.log.String(), "not ready"), g.log.String())
		status, why := get(t, g.admin+"/readyz")
		require.Equal(t, ready, status == 200, why)
	}
}
