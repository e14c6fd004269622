package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

const testSecret = "the secret of the tests"

// An instance is a running gateway.
type instance struct {
	url, admin string
	log        *logBuffer
	stop       func() error
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs a gateway of a configuration's text.
func start(t testing.TB, config string) *instance {
	t.Helper()
	c, err := ReadConfig(strings.NewReader(config))
	require.NoError(t, err)
	log := new(logBuffer)
	g, err := Open(context.Background(), c, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, err)
	return run(t, g, log)
}

func run(t testing.TB, g *Gateway, log *logBuffer) *instance {
	t.Helper()
	i := &instance{log: log}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- g.Run(ctx, func(addr, admin string) { i.url, i.admin = "http://"+addr, "http://"+admin; close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	i.stop = sync.OnceValue(func() error { cancel(); err := <-ended; g.Close(); return err })
	t.Cleanup(func() {
		require.NoError(t, i.stop())
		require.NotContains(t, i.log.String(), testSecret)
		require.NotContains(t, i.log.String(), `signature=\"`)
	})
	return i
}

// configOf is one route to an upstream.
func configOf(t testing.TB, upstream, keys, replay string) string {
	if keys == "" {
		keys = "file: " + writeFile(t, "keys.json", `[{"id": "test-key", "secret": "`+testSecret+`"}]`)
	}
	return fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ndrain: 0s\nkeys: {%s}\nreplay: {%s}\nroutes: [{name: all, upstream: %q}]\n", keys, replay, upstream)
}

func writeFile(t testing.TB, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// redisAt is the setting of a guard at this URL.
func redisAt(t testing.TB, url, more string) string {
	return fmt.Sprintf("redis: {url: {file: %q}%s}", writeFile(t, "url", url), more)
}

// An upstream counts how often each request arrives.
type upstream struct {
	*httptest.Server
	mu      sync.Mutex
	arrived map[string]int
}

func newUpstream(t testing.TB) *upstream {
	u := &upstream{arrived: map[string]int{}}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		u.mu.Lock()
		u.arrived[r.URL.Query().Get("id")]++
		u.mu.Unlock()
		io.WriteString(w, "ok")
	}))
	t.Cleanup(u.Close)
	return u
}

// most is how often the request came that came most often, and how many came.
func (u *upstream) most() (most, distinct int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.arrived {
		most = max(most, n)
	}
	return most, len(u.arrived)
}

var signer = func() *hmacsign.Signer {
	s, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)})
	if err != nil {
		panic(err)
	}
	return s
}()

// A copy is a signed request that can be sent as often as one likes, anywhere.
type copied struct {
	method, target, body string
	header               http.Header
}

func newRequest(t testing.TB, method, id string) *copied {
	c := &copied{method: method, target: "/v1/things?id=" + id}
	if method == "POST" {
		c.body = `{"id":"` + id + `"}`
	}
	req, err := http.NewRequest(method, "http://h"+c.target, strings.NewReader(c.body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	require.NoError(t, signer.Sign(req))
	c.header = req.Header
	return c
}

var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// send returns the status, 0 if there was no answer.
func (c *copied) send(url string) int {
	req, err := http.NewRequest(c.method, url+c.target, strings.NewReader(c.body))
	if err != nil {
		return 0
	}
	req.Header, req.Host = c.header.Clone(), "h"
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// trials is how often what is left to chance is tried.
func trials(t testing.TB, otherwise int) int {
	text := os.Getenv("HMACSIGN_TRIALS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// Of 32 copies of one request that reach two gateways at once one is accepted, or none
// where the time limit was hit. HMACSIGN_TRIALS says how often that is tried.
func TestOneOfManyCopies(t *testing.T) {
	redis := redistest.Start(t)
	for name, limit := range map[string]string{"100 ms": "", "1 s": ", timeout: 1s"} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			one, other := start(t, configOf(t, u.URL, "", redisAt(t, redis.URL(), limit))), start(t, configOf(t, u.URL, "", redisAt(t, redis.URL(), limit)))
			none, statuses := 0, map[int]int{}
			for i := range trials(t, 60) {
				req := newRequest(t, []string{"GET", "POST"}[i%2], fmt.Sprintf("%d-%d", len(limit), i))
				var accepted atomic.Int32
				var all sync.WaitGroup
				var mu sync.Mutex
				begin := make(chan struct{})
				for n := range 32 {
					all.Go(func() {
						<-begin
						status := req.send([]string{one.url, other.url}[n%2])
						if status == 200 {
							accepted.Add(1)
						}
						mu.Lock()
						statuses[status]++
						mu.Unlock()
					})
				}
				close(begin)
				all.Wait()
				require.LessOrEqual(t, accepted.Load(), int32(1), "trial %d", i)
				if accepted.Load() == 0 {
					none++
				}
			}
			t.Logf("%d trials of 32 copies: none accepted in %d, more than one in 0; statuses %v", trials(t, 60), none, statuses)
			if limit != "" {
				require.Zero(t, none)
				require.Len(t, statuses, 2, "200 and 401 alone: %v", statuses)
			}
			most, _ := u.most()
			require.Equal(t, 1, most)
		})
	}
}

// With 50 ms of delay before Redis a copy is refused as without.
func TestReplayedPostsBeforeASlowRedis(t *testing.T) {
	redis := redistest.Start(t)
	slow := redistest.NewProxy(t, redis.Addr())
	u := newUpstream(t)
	one, other := start(t, configOf(t, u.URL, "", redisAt(t, slow.URL(), ", timeout: 1s"))), start(t, configOf(t, u.URL, "", redisAt(t, slow.URL(), ", timeout: 1s")))
	slow.SetDelay(50 * time.Millisecond)
	replayed := 0
	for i := range trials(t, 40) {
		req := newRequest(t, "POST", fmt.Sprint("slow-", i))
		require.Equal(t, 200, req.send(one.url))
		for _, url := range []string{other.url, one.url} {
			require.Equal(t, 401, req.send(url))
			replayed++
		}
	}
	t.Logf("%d replayed POSTs, 0 accepted", replayed)
}

// traffic sends requests to two gateways without an end, and of those that were accepted
// copies, until it is told to stop.
type traffic struct {
	t          testing.TB
	urls       []string
	stop       chan struct{}
	all        sync.WaitGroup
	mu         sync.Mutex
	statuses   map[int]int
	slowest503 time.Duration
	accepted   []*copied
	first200   time.Time // since last marked
}

func startTraffic(t testing.TB, name string, urls ...string) *traffic {
	l := &traffic{t: t, urls: urls, stop: make(chan struct{}), statuses: map[int]int{}}
	for worker := range 8 {
		l.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				req := newRequest(t, []string{"GET", "POST"}[i%2], fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(name, " ", "-"), worker, i))
				before := time.Now()
				status := req.send(urls[i%len(urls)])
				took := time.Since(before)
				l.mu.Lock()
				l.statuses[status]++
				switch status {
				case 200:
					l.accepted = append(l.accepted, req)
					if l.first200.IsZero() {
						l.first200 = time.Now()
					}
				case 503:
					l.slowest503 = max(l.slowest503, took)
				}
				l.mu.Unlock()
			}
		})
	}
	return l
}

// mark forgets when the last request was accepted, and what took longest.
func (l *traffic) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first200, l.slowest503 = time.Time{}, 0
}

// again waits for the next accepted request and returns how long that took.
func (l *traffic) again(since time.Time) time.Duration {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		l.mu.Lock()
		first := l.first200
		l.mu.Unlock()
		if !first.IsZero() {
			return first.Sub(since)
		}
		require.False(l.t, time.Now().After(deadline), "nothing is accepted any more: %v", l.statuses)
	}
}

// finish ends the load, sends every accepted request again, and returns how many of
// these were accepted: those that passed unrecorded.
func (l *traffic) finish() (accepted, twice int) {
	close(l.stop)
	l.all.Wait()
	for i, req := range l.accepted {
		status := req.send(l.urls[(i+1)%len(l.urls)])
		for tries := 0; status == 503 && tries < 5; tries++ {
			status = req.send(l.urls[(i+1)%len(l.urls)])
		}
		if status == 200 {
			twice++
		}
	}
	return len(l.accepted), twice
}

// Whatever happens to Redis in the middle of a load, what is accepted was recorded, and
// what is not recorded gets 503 within the limit. It is served again soon after Redis is
// back.
func TestRedisFails(t *testing.T) {
	durable := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for _, c := range []struct {
		name string
		args []string
		fail func(t *testing.T, s *redistest.Server)
		back func(t *testing.T, s *redistest.Server)
	}{
		{"stopped", nil, func(_ *testing.T, s *redistest.Server) { s.Pause() }, func(_ *testing.T, s *redistest.Server) { s.Resume() }},
		{"killed", durable, func(_ *testing.T, s *redistest.Server) { s.Kill() }, func(_ *testing.T, s *redistest.Server) { s.Restart() }},
		{"out of memory", nil, func(_ *testing.T, s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
			func(_ *testing.T, s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") }},
		{"read-only", nil, func(_ *testing.T, s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			func(_ *testing.T, s *redistest.Server) { s.Do("REPLICAOF", "NO", "ONE") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis := redistest.Start(t, c.args...)
			u := newUpstream(t)
			config := configOf(t, u.URL, "", redisAt(t, redis.URL(), ""))
			one, other := start(t, config), start(t, config)
			l := startTraffic(t, c.name, one.url, other.url)
			l.again(time.Now())
			time.Sleep(300 * time.Millisecond)
			c.fail(t, redis)
			time.Sleep(50 * time.Millisecond) // for what was on its way
			l.mark()
			time.Sleep(time.Second)
			l.mu.Lock()
			slowest, during := l.slowest503, l.first200
			l.mu.Unlock()
			require.True(t, during.IsZero(), "accepted while Redis could not record")
			require.Positive(t, slowest, "503 was answered")
			for _, i := range []*instance{one, other} {
				status, text := get(t, i.admin+"/readyz")
				require.Equal(t, 503, status, text)
			}
			c.back(t, redis)
			back := time.Now()
			l.mark()
			again := l.again(back)
			time.Sleep(300 * time.Millisecond)
			accepted, twice := l.finish()
			most, _ := u.most()
			t.Logf("%d accepted, %d of them accepted unrecorded; slowest 503 after %v with a limit of 100ms; serving again after %v; statuses %v", accepted, twice, slowest, again, l.statuses)
			require.Zero(t, twice)
			require.Equal(t, 1, most)
			require.Less(t, slowest, 5*time.Second, "it does not hang")
		})
	}
}

// A replica that is promoted has every request that was accepted, where a replica must
// have it before it passes.
func TestReplicaPromoted(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t)
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	replica.Do("REPLICAOF", host, port)
	replica.WaitFor("the replica to follow", func() bool { return strings.Contains(replica.Do("INFO", "replication"), "master_link_status:up") })
	front := newSwitch(t, master.Addr())
	u := newUpstream(t)
	config := configOf(t, u.URL, "", redisAt(t, "redis://"+front.addr(), ", replicas: 1, timeout: 1s"))
	one, other := start(t, config), start(t, config)
	l := startTraffic(t, "promoted", one.url, other.url)
	l.again(time.Now())
	time.Sleep(300 * time.Millisecond)
	master.Kill()
	replica.Do("REPLICAOF", "NO", "ONE")
	third := redistest.Start(t) // the new master's replica
	host, port, err = net.SplitHostPort(replica.Addr())
	require.NoError(t, err)
	third.Do("REPLICAOF", host, port)
	l.mark()
	back := time.Now()
	front.to(replica.Addr())
	again := l.again(back)
	time.Sleep(300 * time.Millisecond)
	accepted, twice := l.finish()
	most, _ := u.most()
	t.Logf("%d accepted, %d of them accepted unrecorded, serving again %v after the promotion; statuses %v", accepted, twice, again, l.statuses)
	require.Zero(t, twice)
	require.Equal(t, 1, most)
}

// A switchable is an address that leads to whichever server is the master.
type switchable struct {
	net.Listener
	target atomic.Value
}

func newSwitch(t testing.TB, target string) *switchable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &switchable{Listener: l}
	s.to(target)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", s.target.Load().(string))
			if err != nil {
				in.Close()
				continue
			}
			pass := func(to, from net.Conn) { io.Copy(to, from); to.Close(); from.Close() }
			go pass(in, out)
			go pass(out, in)
		}
	}()
	return s
}

func (s *switchable) addr() string     { return s.Addr().String() }
func (s *switchable) to(target string) { s.target.Store(target) }

func get(t testing.TB, url string) (int, string) {
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// refusedAfter is how long both gateways still accept a key, once it is revoked.
func refusedAfter(t *testing.T, revoke func(), gateways ...*instance) time.Duration {
	for i, g := range gateways {
		require.Equal(t, 200, newRequest(t, "GET", fmt.Sprint("before-", i)).send(g.url))
	}
	revoke()
	start := time.Now()
	for i := 0; ; i++ {
		refused := 0
		for n, g := range gateways {
			if newRequest(t, "GET", fmt.Sprintf("after-%d-%d", i, n)).send(g.url) == 401 {
				refused++
			}
		}
		if refused == len(gateways) {
			return time.Since(start)
		}
		require.Less(t, time.Since(start), 20*time.Second, "the key is accepted for ever")
		time.Sleep(5 * time.Millisecond)
	}
}

// A key that is revoked in the file is refused by both gateways soon after.
func TestKeyRevokedInTheFile(t *testing.T) {
	u := newUpstream(t)
	keys := writeFile(t, "keys.json", `[{"id": "test-key", "secret": "`+testSecret+`"}]`)
	config := configOf(t, u.URL, "file: "+keys, "off: true")
	one, other := start(t, config), start(t, config)
	took := refusedAfter(t, func() {
		next := keys + ".next"
		require.NoError(t, os.WriteFile(next, []byte(`[{"id": "another-key", "secret": "`+testSecret+`"}]`), 0o600))
		require.NoError(t, os.Rename(next, keys))
	}, one, other)
	t.Logf("both gateways refuse %v after the key was revoked in the file", took)
}

// Lines of the log tell the route.
func TestLogOfRoutes(t *testing.T) {
	u := newUpstream(t)
	i := start(t, configOf(t, u.URL, "", "memory: 100"))
	req := newRequest(t, "GET", "a")
	require.Equal(t, 200, req.send(i.url))
	require.Equal(t, 401, req.send(i.url))
	_, metrics := get(t, i.admin+"/metrics")
	require.Contains(t, metrics, `reason="replayed",route="all"`)
	require.Contains(t, metrics, `hmacsign_replay_store_duration_seconds_count`)
	require.NoError(t, i.stop())
	lines := 0
	for text := range strings.Lines(i.log.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == "request" {
			lines++
			require.Equal(t, "all", line["route"])
		}
	}
	require.Equal(t, 2, lines)
}
