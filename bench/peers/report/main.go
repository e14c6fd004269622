// Command report measures hmacsign beside other implementations and writes
// REPORT.md and its plots into a folder: make bench-report.
//
// What is compared runs in turn, in one process, in many short rounds; a ratio
// is that of two neighbours of one round, and the median of the rounds is
// reported with the tenth and the ninetieth percentile.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"hash"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	emmansun "github.com/emmansun/gmsm/sm3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
	tjfoc "github.com/tjfoc/gmsm/sm3"
	"golang.org/x/sys/cpu"

	"github.com/gmhmac/hmacsign/algo"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl"
	"github.com/gmhmac/hmacsign/hmacsign"
)

var (
	out    = flag.String("out", ".", "folder to write to")
	rounds = flag.Int("rounds", 61, "how many rounds")
	onlyY  = flag.Bool("avx2", false, "print the rows that need a processor without AVX-512, and nothing else")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *onlyY {
		for _, r := range avx2Rows() {
			fmt.Println(r)
		}
		return
	}
	if err := report(); err != nil {
		log.Fatal(err)
	}
}

// subject is something to measure; it does its work n times.
type subject struct {
	name string
	run  func(n int)
}

// measure returns the nanoseconds of one piece of work, of each subject in each
// round. A slice of a round takes about two milliseconds.
func measure(subjects ...subject) [][]float64 {
	counts := make([]int, len(subjects))
	for i, s := range subjects {
		n := 1
		for {
			start := time.Now()
			s.run(n)
			if took := time.Since(start); took > time.Millisecond {
				counts[i] = max(1, int(float64(n)*2e6/float64(took.Nanoseconds())))
				break
			}
			n *= 2
		}
	}
	times := make([][]float64, len(subjects))
	for range *rounds {
		for i, s := range subjects {
			start := time.Now()
			s.run(counts[i])
			times[i] = append(times[i], float64(time.Since(start).Nanoseconds())/float64(counts[i]))
		}
	}
	return times
}

// quantiles returns the median and the tenth and ninetieth percentile.
func quantiles(values []float64) (median, low, high float64) {
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2], s[len(s)/10], s[len(s)*9/10]
}

// ratio is how many times faster ours is than theirs.
func ratio(theirs, ours []float64) (median, low, high float64) {
	var r []float64
	for i := range ours {
		r = append(r, theirs[i]/ours[i])
	}
	return quantiles(r)
}

func ratioRow(what, against, goal, floor string, theirs, ours []float64) string {
	m, low, high := ratio(theirs, ours)
	return fmt.Sprintf("| %s | %s | %s | %s | **%.2f x** | %.2f to %.2f |", what, against, goal, floor, m, low, high)
}

const size = 150 // bytes of a message, as a string to sign has

var secret = []byte("a secret of thirty-two characters")[:32]

func key(algorithm string, opts ...algo.Option) *algo.Key {
	k, err := algo.NewKey(algorithm, secret, opts...)
	if err != nil {
		log.Fatal(err)
	}
	return k
}

// perMAC is what a program does that keeps no key.
func perMAC(name string, newHash func() hash.Hash) subject {
	msg := make([]byte, size)
	return subject{name, func(n int) {
		for range n {
			m := hmac.New(newHash, secret)
			m.Write(msg)
			m.Sum(nil)
		}
	}}
}

func keySum(k *algo.Key, msg []byte) subject {
	dst := make([]byte, 0, 32)
	return subject{"Key.Sum, " + k.Backend().Backend, func(n int) {
		for range n {
			k.Sum(dst, msg)
		}
	}}
}

func batch(lanes int) subject {
	k, dst, msgs := key(algo.HMACSM3), make([]byte, 0, 16*32), make([][]byte, lanes)
	for i := range msgs {
		msgs[i] = make([]byte, size)
	}
	return subject{fmt.Sprintf("SumMany of %d", lanes), func(n int) {
		for range (n + lanes - 1) / lanes {
			k.SumMany(dst, msgs)
		}
	}}
}

func stream(name string, newHash func() hash.Hash, size int) subject {
	h, msg, dst := newHash(), make([]byte, size), make([]byte, 0, 64)
	return subject{name, func(n int) {
		for range n {
			h.Reset()
			h.Write(msg)
			h.Sum(dst)
		}
	}}
}

func ours() hash.Hash {
	h, err := algo.NewHash(algo.HMACSM3)
	if err != nil {
		log.Fatal(err)
	}
	return h
}

// avx2Rows are measured by this program started again with AVX-512 turned off.
func avx2Rows() []string {
	t := measure(perMAC("", emmansun.New), batch(8), stream("", emmansun.New, 8192), stream("", ours, 8192))
	return []string{
		ratioRow("SM3, 8 KiB, one stream, AVX2 only", "emmansun/gmsm (its AVX2 code)", "-", "-", t[2], t[3]),
		ratioRow("batch of 8, hmac-sm3, 150 B, AVX2 only", "`hmac.New(emmansun)` per MAC", "7 x", "5 x", t[0], t[1]),
	}
}

func report() error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench-report` on %s: %s, %d processors, %s; hmac-sm3 on backend %s (%s).\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.Version(), runtime.NumCPU(), features(), key(algo.HMACSM3).Backend().Backend, key(algo.HMACSM3).Backend().Version)
	fmt.Fprintf(&b, "What is compared runs in turn in one process, %d rounds of about 2 ms each. A ratio is how many\ntimes faster hmacsign is than its neighbour of the same round: the median, and the tenth to ninetieth\npercentile. Machines are shared; absolute times say little.\n\n", *rounds)
	b.WriteString("| what | against | goal | floor | measured | spread |\n|---|---|---|---|---|---|\n")

	t := measure(stream("", tjfoc.New, 8192), stream("", emmansun.New, 8192), stream("", ours, 8192))
	fmt.Fprintln(&b, ratioRow("SM3, 8 KiB, one stream", "tjfoc/gmsm v1.4.1", "2.3 x", "2.0 x", t[0], t[2]))
	fmt.Fprintln(&b, ratioRow("SM3, 8 KiB, one stream", "emmansun/gmsm v0.41.1", "1.25 x", "1.15 x", t[1], t[2]))

	macs := []subject{perMAC("hmac.New(tjfoc)", tjfoc.New), perMAC("hmac.New(emmansun)", emmansun.New), keySum(key(algo.HMACSM3), make([]byte, size)), batch(8), batch(16)}
	for _, info := range algo.Backends(algo.HMACSM3) {
		if info.Available && !info.Selected {
			macs = append(macs, keySum(key(algo.HMACSM3, algo.WithBackend(info.Backend)), make([]byte, size)))
		}
	}
	m := measure(macs...)
	fmt.Fprintln(&b, ratioRow("`Key.Sum`, hmac-sm3, 150 B", "`hmac.New(tjfoc)` per MAC", "4.8 x", "4.0 x", m[0], m[2]))
	fmt.Fprintln(&b, ratioRow("`Key.Sum`, hmac-sm3, 150 B", "`hmac.New(emmansun)` per MAC", "2.5 x", "2.2 x", m[1], m[2]))
	s := measure(perMAC("", sha256.New), keySum(key(algo.HMACSHA256), make([]byte, size)), perMAC("", sha1.New), keySum(key(algo.HMACSHA1), make([]byte, size)))
	fmt.Fprintln(&b, ratioRow("`Key.Sum`, hmac-sha256, 150 B", "`hmac.New` per MAC", "2.5 x", "2 x", s[0], s[1]))
	fmt.Fprintln(&b, ratioRow("`Key.Sum`, hmac-sha1, 150 B", "`hmac.New` per MAC", "2.5 x", "2 x", s[2], s[3]))
	if cpu.X86.HasAVX512VL {
		fmt.Fprintln(&b, ratioRow("batch of 16, hmac-sm3, 150 B, AVX-512", "`hmac.New(emmansun)` per MAC", "18 x", "14 x", m[1], m[4]))
	}
	rows, err := withoutAVX512()
	if err != nil {
		return err
	}
	b.WriteString(rows)

	for _, scheme := range hmacsign.Schemes() {
		for _, algorithm := range []string{algo.HMACSM3, algo.HMACSHA256} {
			r := inScheme(scheme, algorithm)
			t := measure(r.bare, r.sign, r.verify)
			within := func(what, goal, floor string, times []float64, allocs float64) {
				m, low, high := ratio(times, t[0])
				fmt.Fprintf(&b, "| `%s`, %s GET, %s, %.0f allocations | its own %s | within %s | %s | **%.2f x as long** | %.2f to %.2f |\n", what, scheme.Name(), algorithm, allocs, r.bare.name, goal, floor, m, low, high)
			}
			within("Signer.Sign", "2 x", "3 x", t[1], r.signAllocs)
			within("Verifier.Verify", "2.5 x", "4 x", t[2], r.verifyAllocs)
		}
	}

	b.WriteString("\n## Throughput of one SM3 stream\n\n![Throughput over size](throughput.svg)\n")
	if err := plotThroughput(); err != nil {
		return err
	}
	b.WriteString("\n## HMAC-SM3 of 150 bytes\n\n![Nanoseconds per MAC](mac.svg)\n\n| way | ns, median | spread |\n|---|---|---|\n")
	var names []string
	var values []float64
	for i, s := range macs {
		median, low, high := quantiles(m[i])
		fmt.Fprintf(&b, "| %s | %.0f | %.0f to %.0f |\n", s.name, median, low, high)
		names, values = append(names, s.name), append(values, median)
	}
	if err := bars(filepath.Join(*out, "mac.svg"), "HMAC-SM3 of 150 bytes", "ns per MAC (less is better)", names, values); err != nil {
		return err
	}
	b.WriteString("\n## Requests signed in a second on one core\n\n![Requests per second](requests.svg)\n\n| signer | requests/s, median |\n|---|---|\n")
	names, values = nil, nil
	signers := signers()
	for i, times := range measure(signers...) {
		median, _, _ := quantiles(times)
		fmt.Fprintf(&b, "| %s | %.0f |\n", signers[i].name, 1e9/median)
		names, values = append(names, signers[i].name), append(values, 1e9/median)
	}
	if err := bars(filepath.Join(*out, "requests.svg"), "Requests signed per second per core", "requests/s", names, values); err != nil {
		return err
	}
	b.WriteString(notes)
	return os.WriteFile(filepath.Join(*out, "REPORT.md"), []byte(b.String()), 0o644)
}

// notes say what bounds the figures; they hold none themselves.
const notes = `
## Where the time goes

- One stream is bound by the latency of a round: rotate, add, rotate, exclusive-or, add, about six
  cycles for a word, so 6 to 7 cycles a byte. The message expansion runs beside it.
- A keyed MAC of 150 bytes is four compressions one after the other. Beside them package algo guards
  every result: that it was written, that the backend did not fail meanwhile, and a known answer now
  and then; for short messages that shows, most in batches, where a MAC takes least.
- A batch is bound by the vector ports: about 25 instructions a round, of which 9 rotate. Processors
  that execute 512 bits in two halves, or rotate on fewer ports, stay further from the goal. Tried and
  kept: transposing keys and MACs in vector code, the outer block without a transpose, storing all
  lanes in place of a masked store.
- hmac-sha1 and hmac-sha256 restore the standard library's mid-state through its marshalled form, which
  costs about as much as a compression: a state of our own would need our own SHA.
- Beside its MAC, Sign writes two headers into the request's map (two allocations) and reads it some
  ten times; Verify parses the Authorization header and looks the key up, and allocates the identity
  alone. That is some 600 ns whatever the algorithm, so a fast one is further from the goal. Kept: the
  last second's date, pooled memory, canonical names without a look-up, the scheme in which a key's
  requests come, digests without a stream of their own.
`

// withoutAVX512 starts this program again on a processor that seems to have no
// AVX-512; both libraries ask golang.org/x/sys/cpu or the runtime.
func withoutAVX512() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(exe, "-avx2", fmt.Sprintf("-rounds=%d", *rounds))
	cmd.Env = append(os.Environ(), "GODEBUG=cpu.avx512f=off,cpu.avx512vl=off,cpu.avx512bw=off")
	cmd.Stderr = os.Stderr
	rows, err := cmd.Output()
	return string(rows), err
}

func features() string {
	var list []string
	for _, f := range []struct {
		name string
		has  bool
	}{{"AVX2", cpu.X86.HasAVX2}, {"BMI2", cpu.X86.HasBMI2}, {"AVX-512F", cpu.X86.HasAVX512F}, {"BW", cpu.X86.HasAVX512BW}, {"VL", cpu.X86.HasAVX512VL}} {
		if f.has {
			list = append(list, f.name)
		}
	}
	return runtime.GOARCH + " with " + strings.Join(list, ", ")
}

var now = time.Unix(1615451398, 0).UTC()

// signing is a GET in a scheme: what signs it, what verifies it, and what the MAC and
// the digests in it take alone.
type signing struct {
	bare, sign, verify       subject
	signAllocs, verifyAllocs float64
}

func inScheme(scheme hmacsign.Scheme, algorithm string) (r signing) {
	clock := hmacsign.WithClock(func() time.Time { return now })
	cred := hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret(string(secret))}
	s, err := hmacsign.NewSigner(scheme, algorithm, cred, clock)
	check(err)
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: cred.KeyID, Secret: cred.Secret})
	check(err)
	v, err := hmacsign.NewVerifier(keys, clock)
	check(err)
	req := get()
	text, err := s.StringToSign(req)
	check(err)
	k, msg, dst := key(algorithm), []byte(text), make([]byte, 0, 32)
	r.bare = repeat("`Key.Sum`", func() { k.Sum(dst, msg) })
	if canonical := canonicalRequest(s, v); canonical != nil {
		r.bare = repeat("`Key.Sum` and two digests", func() { k.Digest(dst, canonical); k.Digest(dst, nil); k.Sum(dst, msg) })
	}
	sign, verify := func() { check(s.Sign(req)) }, func() { _, err := v.Verify(req); check(err) }
	sign()
	r.sign, r.verify = repeat("Sign", sign), repeat("Verify", verify)
	r.signAllocs, r.verifyAllocs = testing.AllocsPerRun(1000, sign), testing.AllocsPerRun(1000, verify)
	return r
}

// canonicalRequest is what the string to sign has a digest of, nil where it has none:
// it is told where a signature does not match.
func canonicalRequest(s *hmacsign.Signer, v *hmacsign.Verifier) []byte {
	req := get()
	check(s.Sign(req))
	req.Host = "another.example.com"
	var refused *hmacsign.VerifyError
	if _, err := v.Verify(req); errors.As(err, &refused) && refused.CanonicalRequest != "" {
		return []byte(refused.CanonicalRequest)
	}
	return nil
}

func repeat(name string, f func()) subject {
	return subject{name, func(n int) {
		for range n {
			f()
		}
	}}
}

func get() *http.Request {
	req, err := http.NewRequest("GET", "http://service.example.com/release/v1/users?page=2&size=20", nil)
	check(err)
	return req
}

// signers sign the same GET, each in its vendor's format.
func signers() []subject {
	clock := hmacsign.WithClock(func() time.Time { return now })
	var list []subject
	for _, scheme := range hmacsign.Schemes() {
		for _, algorithm := range []string{algo.HMACSHA256, algo.HMACSM3} {
			s, err := hmacsign.NewSigner(scheme, algorithm, hmacsign.Credential{KeyID: "key", Secret: hmacsign.Secret(string(secret))}, clock)
			check(err)
			req := get()
			list = append(list, repeat("hmacsign "+scheme.Name()+" "+strings.TrimPrefix(algorithm, "hmac-"), func() { check(s.Sign(req)) }))
		}
	}
	sdk := request.NewHttpRequestBuilder().WithEndpoint("http://service.example.com").WithPath("/release/v1/users").WithMethod("GET").
		AddHeaderParam("X-Sdk-Date", now.Format(signer.BasicDateFormat)).Build()
	list = append(list,
		repeat("huaweicloud-sdk-go-v3 sha256", func() { _, err := signer.Sign(sdk, "key", string(secret)); check(err) }),
		repeat("huaweicloud-sdk-go-v3 sm3", func() { _, err := signer.SM3Signer{}.Sign(sdk, "key", string(secret)); check(err) }))
	aws4, req := awsv4.NewSigner(), get()
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	return append(list, repeat("aws-sdk-go-v2 v4 sha256", func() {
		check(aws4.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "key", SecretAccessKey: string(secret)}, req, empty, "service", "region", now))
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
