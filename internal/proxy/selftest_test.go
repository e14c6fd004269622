package proxy

import (
	"context"
	"errors"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// turncoat is a backend that computes wrongly, or fails, when it is told to.
var turncoat struct {
	fails, lies atomic.Bool
}

type turncoatHash struct{ hash.Hash }

func (h turncoatHash) Sum(b []byte) []byte {
	if turncoat.fails.Load() {
		panic(&algo.Failure{Backend: "turncoat", Err: errors.New("the license\nran out")})
	}
	sum := h.Hash.Sum(b)
	if turncoat.lies.Load() {
		sum[len(b)] ^= 1
	}
	return sum
}

// asked counts what is asked of two backends that nobody named: one that is not
// licensed and one that is in use elsewhere.
var asked, probed atomic.Int64

var registerBackends = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "turncoat", NewHash: func() hash.Hash { return turncoatHash{sm3pure.New()} }})
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "bystander", NewHash: func() hash.Hash { asked.Add(1); return sm3pure.New() }})
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "unlicensed", Preference: 99, NewHash: func() hash.Hash { asked.Add(1); return sm3pure.New() },
		Probe: func() (string, string, error) { asked.Add(1); probed.Add(1); return "", "", errors.New("no license") }})
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "fileless", NewHash: sm3pure.New,
		Probe:  func() (string, string, error) { return "1.0", "", nil },
		Module: func() (algo.Module, error) { return algo.Module{}, errors.New("no such file") }})
})

var sleeperAsked atomic.Int64

// A backend that fails is told by readiness, metrics and the log, nothing is
// accepted meanwhile, and a self-test brings it back.
func TestSelfTests(t *testing.T) {
	registerBackends()
	for _, interval := range []time.Duration{0, 20 * time.Millisecond} {
		u := newUpstream(t)
		p := startServe(t, u.URL, func(s *settings) {
			s.Options, s.Backend, s.SelfTestInterval = []hmacsign.VerifierOption{hmacsign.WithBackend("turncoat")}, "turncoat", interval
		})
		_, err := algo.NewKey(algo.HMACSM3, []byte(testSecret), algo.WithBackend("bystander"))
		require.NoError(t, err)
		others := asked.Load()
		send := func() int {
			req := request(t, "GET", p.url+"/a", nil)
			require.NoError(t, testSigner(t, hmacsign.WithBackend("gmsm")).Sign(req))
			status, _ := do(t, nil, req)
			return status
		}
		requireState := func(available string, wantReady int, reason string) {
			t.Helper()
			status, body := do(t, nil, request(t, "GET", p.admin+"/readyz", nil))
			require.Equal(t, wantReady, status, body)
			require.Contains(t, body, reason)
			require.Equal(t, 1, strings.Count(body, "\n"), "one line")
			_, body = do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
			require.Contains(t, body, `hmacsign_backend_available{algorithm="hmac-sm3",backend="turncoat"} `+available)
		}
		eventually := func(want string) {
			t.Helper()
			require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), want) }, 20*time.Second, 5*time.Millisecond, want)
		}
		require.Equal(t, 200, send())
		requireState("1", 200, "ready")

		turncoat.fails.Store(true)
		require.Equal(t, 503, send())
		eventually(`"level":"ERROR","msg":"the backend failed and computes nothing until it passes a self-test","algorithm":"hmac-sm3","backend":"turncoat"`)
		requireState("0", 503, "the license ran out")
		requireState("0", 503, map[bool]string{true: ": restart, or serve with --self-test-interval", false: "it is tested every 20ms; where"}[interval == 0])
		turncoat.fails.Store(false)
		require.Regexp(t, `"msg":"request","outcome":"refused","status":503,.*"backend":"turncoat".*"reason":"unavailable"`, p.logs.String())
		if interval == 0 {
			require.Equal(t, 503, send(), "out until a self-test passes, which none makes")
			_, body := do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
			require.Contains(t, body, `hmacsign_requests_total{algorithm="hmac-sm3",backend="turncoat",outcome="refused",reason="unavailable",route="",scheme="tencent-app"}`)
			require.Equal(t, 1, strings.Count(p.logs.String(), `"msg":"the backend failed and computes nothing`), "one line")
			require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("turncoat")))
			require.Equal(t, 200, send())
		}
		eventually(`"level":"INFO","msg":"the backend passed its self-test and is available again","algorithm":"hmac-sm3","backend":"turncoat"`)
		require.Equal(t, 200, send())
		requireState("1", 200, "ready")

		if interval > 0 { // what only a self-test can find out
			turncoat.lies.Store(true)
			count := func(message string) int { return strings.Count(p.logs.String(), `"level":"ERROR","msg":"`+message) }
			again := count("the backend did not pass its self-test")
			require.Eventually(t, func() bool { return count("the backend did not pass its self-test") > again+1 }, 20*time.Second, 5*time.Millisecond)
			require.Equal(t, 2, count("the backend failed and computes nothing"), "one line each time")
			requireState("0", 503, "self-test failed")
			before := u.count()
			require.Equal(t, 503, send())
			require.Equal(t, before, u.count())
			turncoat.lies.Store(false)
			require.Eventually(t, func() bool { return send() == 200 }, 20*time.Second, 20*time.Millisecond)
			_, body := do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
			require.Regexp(t, `hmacsign_self_tests_total\{outcome="failed"\} [1-9]`, body)
			require.Regexp(t, `hmacsign_self_tests_total\{outcome="passed"\} [1-9]`, body)
		}
		require.Equal(t, others, asked.Load(), "no other backend was asked for anything")
		require.NoError(t, p.stop())
	}
}

// Without a named backend those in use are tested and asked, and no other, whose
// license might be slow to refuse.
func TestSelfTestsOfWhatIsInUse(t *testing.T) {
	registerBackends()
	u := newUpstream(t)
	p := startServe(t, u.URL, func(s *settings) { s.SelfTestInterval = 10 * time.Millisecond })
	_, err := algo.NewKey(algo.HMACSM3, []byte(testSecret), algo.WithBackend("turncoat"))
	require.NoError(t, err)
	before := probed.Load()
	turncoat.lies.Store(true)
	require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), "the backend failed and computes nothing") }, 20*time.Second, 5*time.Millisecond)
	status, body := do(t, nil, request(t, "GET", p.admin+"/readyz", nil))
	require.Equal(t, 503, status)
	require.Contains(t, body, "hmac-sm3 on backend turncoat")
	turncoat.lies.Store(false)
	require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), "is available again") }, 20*time.Second, 5*time.Millisecond)
	status, body = do(t, nil, request(t, "GET", p.admin+"/readyz", nil))
	require.Equal(t, []any{200, "ready\n"}, []any{status, body})
	_, body = do(t, nil, request(t, "GET", p.admin+"/metrics", nil))
	require.NotContains(t, body, `backend="unlicensed"`)
	require.Equal(t, before, probed.Load())
}

// Where no self-test can bring a backend back, none is promised.
func TestRemedy(t *testing.T) {
	r := &running{Server: new(Server)}
	require.Empty(t, r.remedy(algo.Info{Detail: "the license lapsed: restart the process"}))
	require.NotEmpty(t, r.remedy(algo.Info{Detail: "the license ran out: out until a self-test passes"}))
}

// A named backend that can run for no algorithm makes the server not ready.
func TestReadinessOfANamedBackend(t *testing.T) {
	registerBackends()
	for backend, want := range map[string]string{"unlicensed": "no license", "nonesuch": "unknown backend", "gmsm": "", "go": ""} {
		r := &running{Server: &Server{Backend: backend, Proxy: new(Config)}}
		if want == "" {
			require.NoError(t, r.notAvailable())
		} else {
			require.ErrorContains(t, r.notAvailable(), want)
		}
	}
}

// A backend that does not return keeps readiness neither waiting nor collecting
// goroutines.
func TestReadinessOfABackendThatHangs(t *testing.T) {
	if sleeperAsked.Load() > 0 {
		t.Skip("needs a process in which it has not run yet")
	}
	release := make(chan struct{})
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "sleeper", NewHash: sm3pure.New,
		Probe: func() (string, string, error) { sleeperAsked.Add(1); <-release; return "", "", nil }})
	r := &running{Server: &Server{Backend: "sleeper", Proxy: new(Config)}}
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		require.ErrorContains(t, r.notReady(ctx), "a backend does not answer")
		cancel()
	}
	require.EqualValues(t, 1, sleeperAsked.Load())
	close(release)
	require.Eventually(t, func() bool { return r.notReady(context.Background()) == nil }, 20*time.Second, time.Millisecond)
}
