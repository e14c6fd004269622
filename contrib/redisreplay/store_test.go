//go:build unix

package redisreplay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// hangGuard is far above every time that is promised: a busy machine is slow.
const hangGuard = 30 * time.Second

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) // Redis' own clock does not matter

func open(t testing.TB, url string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, append([]Option{WithTimeout(hangGuard)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// id is one of its own for each number.
func id(n int) (id [16]byte) {
	copy(id[:], "key ")
	copy(id[4:], strconv.Itoa(n))
	return id
}

// seen asks about a request that is valid for some minutes.
func seen(s *Store, n int) (bool, error) {
	return s.Seen(context.Background(), id(n), now, now.Add(5*time.Minute))
}

func TestSecondIsSeen(t *testing.T) {
	redis := redistest.Start(t)
	a, b := open(t, redis.URL()), open(t, redis.URL())
	was, err := seen(a, 1)
	require.NoError(t, err)
	require.False(t, was)
	for _, s := range []*Store{a, b} {
		was, err = seen(s, 1)
		require.NoError(t, err)
		require.True(t, was)
	}
	was, err = seen(b, 2)
	require.NoError(t, err)
	require.False(t, was)
	require.Equal(t, "2", redis.Do("DBSIZE"))
	was, err = seen(open(t, redis.URL(), WithPrefix("other:")), 1)
	require.NoError(t, err)
	require.False(t, was, "another prefix is another store")
	for _, s := range []*Store{a, b} {
		require.NoError(t, s.Ready(t.Context()))
	}
}

// A replay leaves the record as it was: the token, by which a first try is told from
// it, and the time.
func TestReplayChangesNothing(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	_, err := s.Seen(t.Context(), id(1), now, now.Add(time.Minute))
	require.NoError(t, err)
	key := id(1)
	name := "hmacsign:" + string(key[:])
	token := redis.Do("GET", name)
	was, err := s.Seen(t.Context(), id(1), now, now.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, was)
	require.Equal(t, token, redis.Do("GET", name))
	left, err := strconv.Atoi(redis.Do("PTTL", name))
	require.NoError(t, err)
	require.LessOrEqual(t, left, int((time.Minute + ClockMargin).Milliseconds()))

	redis.Do("SET", name, "somebody else's")
	_, err = seen(s, 1)
	require.ErrorContains(t, err, "use a prefix that nothing else does")
}

// A Redis that answers but records nothing is not ready.
func TestReadyRecords(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	require.NoError(t, s.Ready(t.Context()))
	redis.Do("CONFIG", "SET", "maxmemory", "1")
	require.ErrorContains(t, s.Ready(t.Context()), "OOM")
	redis.Do("CONFIG", "SET", "maxmemory", "0")
	require.NoError(t, s.Ready(t.Context()))
	require.Eventually(t, func() bool { return redis.Do("DBSIZE") == "0" }, hangGuard, 50*time.Millisecond, "what it records to see stays for ever")
}

func TestLifetime(t *testing.T) {
	redis := redistest.Start(t)
	s := open(t, redis.URL())
	ask := func(n int, valid time.Duration) (bool, error) { return s.Seen(t.Context(), id(n), now, now.Add(valid)) }
	for n, valid := range []time.Duration{0, time.Nanosecond, 5 * time.Minute, MaxLifetime} {
		was, err := ask(n, valid)
		require.NoError(t, err)
		require.False(t, was)
		key := id(n)
		left, err := strconv.Atoi(redis.Do("PTTL", "hmacsign:"+string(key[:])))
		require.NoError(t, err)
		want := int((valid + ClockMargin).Milliseconds())
		require.LessOrEqual(t, left, want)
		require.Greater(t, left, want-int(hangGuard.Milliseconds()), "it would be forgotten too early")
	}
	was, err := ask(10, -time.Nanosecond)
	require.NoError(t, err)
	require.True(t, was, "it may have been forgotten already")
	_, err = ask(11, MaxLifetime+1)
	require.ErrorContains(t, err, "use a window of at most")
	require.Equal(t, "4", redis.Do("DBSIZE"))
}

// A verifier that takes the store refuses the copy, at either gateway.
func TestVerifiers(t *testing.T) {
	redis := redistest.Start(t)
	keys, err := hmacsign.ReadKeys(strings.NewReader(`[{"id":"key","secret":"a secret of the test"}]`))
	require.NoError(t, err)
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sha256", hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret("a secret of the test")})
	require.NoError(t, err)
	req, err := http.NewRequest("GET", "http://host/path", nil)
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	for i, gateway := range []*Store{open(t, redis.URL()), open(t, redis.URL())} {
		v, err := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(gateway))
		require.NoError(t, err)
		if i == 0 {
			_, err = v.Verify(req)
			require.NoError(t, err)
		}
		_, err = v.Verify(req)
		require.ErrorIs(t, err, hmacsign.ErrReplayed)
	}
}

// A gateway whose clock is behind that of the one that accepted a request refuses it for
// its age before Redis forgets it.
func TestClocksThatDiffer(t *testing.T) {
	const window = time.Minute
	redis := redistest.Start(t)
	keys, err := hmacsign.ReadKeys(strings.NewReader(`[{"id":"key","secret":"a secret of the test"}]`))
	require.NoError(t, err)
	for n, ahead := range []time.Duration{0, 50 * time.Second, -50 * time.Second, ClockMargin - time.Second} {
		for _, off := range []time.Duration{0, window - ahead.Abs(), ahead.Abs() - window} { // of the request's date
			base := time.Now().Truncate(time.Second)
			clock := func(by time.Duration) func() time.Time { return func() time.Time { return base.Add(by) } }
			signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sha256", hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret("a secret of the test")}, hmacsign.WithClock(clock(ahead/2+off)))
			require.NoError(t, err)
			req, err := http.NewRequest("GET", "http://host/"+strconv.Itoa(n)+off.String(), nil)
			require.NoError(t, err)
			require.NoError(t, signer.Sign(req))
			redis.Do("FLUSHALL")
			s := open(t, redis.URL())
			verify := func(by time.Duration) error {
				v, err := hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(s), hmacsign.WithWindow(window), hmacsign.WithClock(clock(by)))
				require.NoError(t, err)
				_, err = v.Verify(req)
				return err
			}
			require.NoError(t, verify(ahead))
			require.ErrorIs(t, verify(0), hmacsign.ErrReplayed)
			left, err := strconv.Atoi(redis.Do("PTTL", redis.Do("RANDOMKEY")))
			require.NoError(t, err)
			// While Redis remembers it the other clock comes to here:
			require.ErrorIs(t, verify(time.Duration(left)*time.Millisecond), hmacsign.ErrExpired, "ahead by %v, dated %v off", ahead, off)
		}
	}
}

// trials is how often a race is run: HMACSIGN_TRIALS asks for more.
func trials(t testing.TB, usual int) int {
	text := os.Getenv("HMACSIGN_TRIALS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// 32 copies at once over two stores: at most one is new, and exactly one where no
// limit is hit.
func TestCopiesAtOnce(t *testing.T) {
	const copies = 32
	redis := redistest.Start(t)
	for _, limit := range []time.Duration{100 * time.Millisecond, time.Second} {
		stores := []*Store{open(t, redis.URL(), WithTimeout(limit)), open(t, redis.URL(), WithTimeout(limit))}
		redis.Do("FLUSHALL")
		none, failed, rounds := 0, 0, trials(t, 200)
		for round := range rounds {
			fresh, errs := race(stores, copies, round)
			require.LessOrEqual(t, fresh, 1, "a copy was accepted")
			failed += errs
			if fresh == 0 {
				require.Positive(t, errs, "none was accepted, and nothing failed")
				none++
			}
		}
		t.Logf("limit %v: %d rounds of %d copies, more than one accepted 0, none accepted %d, errors %d", limit, rounds, copies, none, failed)
		if limit == time.Second && failed == 0 {
			require.Zero(t, none)
		}
		recorded, err := strconv.Atoi(redis.Do("DBSIZE"))
		require.NoError(t, err)
		require.Equal(t, rounds, recorded)
	}
}

// race asks about one request so many times at once and counts where it was new,
// and the errors.
func race(stores []*Store, copies, n int) (fresh, failed int) {
	var fresh32, failed32 atomic.Int32
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range copies {
		all.Go(func() {
			<-begin
			was, err := seen(stores[i%len(stores)], n)
			switch {
			case err != nil:
				failed32.Add(1)
			case !was:
				fresh32.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	return int(fresh32.Load()), int(failed32.Load())
}

func TestUnixSocket(t *testing.T) {
	redis := redistest.Start(t, "--unixsocket", "s")
	socket := filepath.Join(redis.Dir(), "s")
	for _, url := range []string{"unix://" + socket, "redis+unix://" + socket + "?db=0"} {
		_, err := seen(open(t, url), 1)
		require.NoError(t, err)
	}
	require.Equal(t, "1", redis.Do("DBSIZE"))
}

func TestTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	port := freePort(t)
	redis := redistest.Start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	_, err := Open(t.Context(), "rediss://127.0.0.1:"+port)
	require.ErrorContains(t, err, "certificate", "it trusted a certificate of its own making")
	s, err := New(t.Context(), rueidis.ClientOption{InitAddress: []string{"127.0.0.1:" + port}, TLSConfig: &tls.Config{RootCAs: roots}})
	require.NoError(t, err)
	defer s.Close()
	_, err = seen(s, 1)
	require.NoError(t, err)
	require.Equal(t, "1", redis.Do("DBSIZE"))
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER), roots
}

func TestObserver(t *testing.T) {
	redis := redistest.Start(t)
	var calls, errs atomic.Int32
	s := open(t, redis.URL(), WithObserver(func(took time.Duration, err error) {
		calls.Add(1)
		if err != nil {
			errs.Add(1)
		}
		require.Positive(t, took)
	}))
	seen(s, 1)
	seen(s, 1)
	require.EqualValues(t, 2, calls.Load())
	require.Zero(t, errs.Load())
	s.Close()
	_, err := seen(s, 2)
	require.Error(t, err)
	require.EqualValues(t, 1, errs.Load())
	s.Close()
}

func TestSettings(t *testing.T) {
	for _, opt := range []Option{WithTimeout(0), WithTimeout(-1), WithReplicas(-1)} {
		_, err := Open(t.Context(), "redis://127.0.0.1:1", opt)
		require.ErrorContains(t, err, "use a time limit of more than 0")
	}
	_, err := New(t.Context(), rueidis.ClientOption{})
	require.ErrorContains(t, err, "no alive address")
}

// The switch of the driver is passed on, and all ways keep the promise.
func TestPipelining(t *testing.T) {
	redis := redistest.Start(t)
	for what, s := range map[string]*Store{"flush delay": open(t, redis.URL(), WithFlushDelay(20*time.Microsecond)), "no pipelining": unpipelined(t, redis.Addr())} {
		redis.Do("FLUSHALL")
		for round := range 50 {
			fresh, failed := race([]*Store{s}, 32, round)
			require.Equal(t, 1, fresh, what)
			require.Zero(t, failed, what)
		}
	}
}

func unpipelined(t testing.TB, address string) *Store {
	s, err := New(t.Context(), rueidis.ClientOption{InitAddress: []string{address}, DisableAutoPipelining: true}, WithTimeout(hangGuard))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}
