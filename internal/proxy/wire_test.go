package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A wireUpstream keeps the bytes of each request that it gets and answers 200.
type wireUpstream struct {
	net.Listener
	mu     sync.Mutex
	seen   []*wireMessage
	broken []error // what came and was no request
}

func newWireUpstream(t *testing.T) *wireUpstream {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &wireUpstream{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u
}

func (u *wireUpstream) serve(conn net.Conn) {
	defer conn.Close()
	r := &wireReader{bufio.NewReader(conn), true}
	for {
		m, err := r.request()
		if err == nil && r.Buffered() > 0 {
			err = fmt.Errorf("%w: bytes behind the request", errWire)
		}
		u.mu.Lock()
		if err == nil {
			u.seen = append(u.seen, m)
		} else if errors.Is(err, errWire) {
			u.broken = append(u.broken, err)
		}
		u.mu.Unlock()
		if err != nil {
			return
		}
		body := "ok"
		if m.start[0] == "HEAD" {
			body = ""
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s", body)
	}
}

// drain returns what came since it was last asked.
func (u *wireUpstream) drain() (seen []*wireMessage, broken []error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen, broken = u.seen, u.broken
	u.seen, u.broken = nil, nil
	return seen, broken
}

// A wireProxy is a proxy under test.
type wireProxy struct {
	*proxy
	upstream       *wireUpstream
	base, identity string
	signedAlone    bool // and the client's Host
}

func newWireProxies(t *testing.T) []*wireProxy {
	type row struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	var rows []row
	for _, key := range wireKeys {
		rows = append(rows, row{key[0], key[1]})
	}
	keys, err := json.Marshal(rows)
	require.NoError(t, err)
	proxies := []*wireProxy{
		{identity: "X-Hmacsign-Key-Id"},
		{identity: "X_Caller_Id", base: "/base"},
		{identity: "X-Hmacsign-Key-Id", base: "/base/b%2fc", signedAlone: true},
	}
	for _, p := range proxies {
		p.upstream = newWireUpstream(t)
		p.proxy = startServe(t, "http://"+p.upstream.Addr().String()+p.base, func(s *settings) {
			s.keysFile = writeFile(t, string(keys))
			s.IdentityHeader, s.ForwardSigned, s.PreserveHost = p.identity, p.signedAlone, p.signedAlone
		})
	}
	return proxies
}

// A wireAnswer is what the client got for a case, and what the upstream got.
type wireAnswer struct {
	status  int // 0: none
	arrived *wireMessage
}

// exchange sends cases over one connection, all at once or one after the other,
// and returns their answers as far as they came.
func (p *wireProxy) exchange(cases []*wireCase, pipelined bool) (answers []*wireAnswer, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if cases[0].alone {
		// A proxy that waits for more than whole takes for all gets no more.
		defer time.AfterFunc(3*time.Second, func() { conn.(*net.TCPConn).CloseWrite() }).Stop()
	}
	written := sync.WaitGroup{}
	defer func() { conn.Close(); written.Wait() }()
	send := func(data []byte) {
		written.Go(func() {
			conn.Write(data) // a refusal may come before all is sent
			if cases[0].alone && !whole(data) {
				conn.(*net.TCPConn).CloseWrite() // the proxy need not wait for the rest
			}
		})
	}
	if pipelined {
		var all []byte
		for _, c := range cases {
			all = append(all, c.raw...)
		}
		send(all)
	}
	r := &wireReader{bufio.NewReader(conn), false}
	for _, c := range cases {
		if !pipelined {
			send(c.raw)
		}
		method, _, _ := strings.Cut(string(c.raw[:min(len(c.raw), 100)]), " ")
		m, status, err := r.answer(method)
		if err != nil {
			return answers, nil
		}
		answers = append(answers, &wireAnswer{status: status})
		if slices.ContainsFunc(m.values("Connection"), func(s string) bool { return strings.EqualFold(s, "close") }) {
			break
		}
	}
	return answers, nil
}

// whole reports whether data has all of a request.
func whole(data []byte) bool {
	_, err := (&wireReader{bufio.NewReader(bytes.NewReader(data)), false}).request()
	return err != io.EOF && err != io.ErrUnexpectedEOF
}

// A wireFault is a kind of fault: how often it came, and the shortest request
// that shows it.
type wireFault struct {
	count   int
	raw     []byte
	example string
}

// A wireReport counts, and keeps the faults.
type wireReport struct {
	seed                        uint64
	requests, accepted, mutants int
	acceptedMutants             int
	byFeature                   map[string][2]int // accepted, sent
	honest                      map[string]bool   // features of requests that must be accepted
	faults                      map[string]wireFault
}

func (r *wireReport) fault(c *wireCase, kind, format string, args ...any) {
	f := r.faults[kind]
	if f.count++; f.count == 1 || len(c.raw) < len(f.raw) {
		f.raw = c.raw
		f.example = fmt.Sprintf(format, args...) + fmt.Sprintf("\n%s\n%.4096s", strings.Join(c.features, "; "), strconv.Quote(string(c.raw)))
	}
	r.faults[kind] = f
}

func (r *wireReport) count(c *wireCase, accepted bool) {
	r.requests++
	n := 0
	if accepted {
		n = 1
	}
	r.accepted += n
	if c.mutated {
		r.mutants++
		r.acceptedMutants += n
		return
	}
	for _, feature := range c.features {
		seen := r.byFeature[feature]
		r.byFeature[feature] = [2]int{seen[0] + n, seen[1] + 1}
		r.honest[feature] = r.honest[feature] || !c.may && !c.never
	}
}

// judge says what is wrong with the answer to a case.
func (r *wireReport) judge(c *wireCase, a *wireAnswer) {
	sent := c.sent()
	start, _, _ := strings.Cut(string(c.raw), "\n")
	r.count(c, a.status == 200)
	switch {
	case a.status == 0:
		r.fault(c, "no answer", "")
	case a.status == 101:
		r.fault(c, "a tunnel was opened", "")
	case a.status == 501 && bytes.Contains(bytes.ToLower(c.raw), []byte("transfer-encoding")):
		// net/http's answer to a coding that it does not know, as RFC 9112
		// section 6.1 has it.
	case a.status == 505 && !strings.HasSuffix(strings.TrimSpace(start), "HTTP/1.1"):
	case a.status >= 500:
		r.fault(c, fmt.Sprintf("%d", a.status), "")
	case a.status >= 400:
		if !c.may && !c.never {
			r.fault(c, "an honest request was refused", "status %d: %s", a.status, c.to.lastLog())
		}
	case a.status == 200:
		if c.never {
			r.fault(c, "what must be refused was accepted", "")
		}
		if a.arrived == nil {
			r.fault(c, "200 for what did not reach the upstream", "")
			return
		}
		for kind, detail := range c.compare(sent, a.arrived) {
			r.fault(c, kind, "%s", detail)
		}
	default:
		r.fault(c, "an answer that nobody gave", "status %d", a.status)
	}
}

func (p *wireProxy) lastLog() string {
	text := strings.TrimSpace(p.logs.String())
	return fmt.Sprintf("%.600s", text[strings.LastIndexByte(text, '\n')+1:])
}

// sent is what the client sent, as a server reads it; nil if it is nothing that
// can be read.
func (c *wireCase) sent() *wireRequest {
	m, err := (&wireReader{bufio.NewReader(bytes.NewReader(c.raw)), false}).request()
	if err != nil {
		return nil
	}
	r := requestSent(m)
	return &r
}

// folded is what some servers make of a header's name.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// compare tells how what arrived differs from what was sent and signed: kinds of
// faults with details.
func (c *wireCase) compare(sent *wireRequest, m *wireMessage) map[string]string {
	faults := map[string]string{}
	fault := func(kind, format string, args ...any) { faults[kind] = fmt.Sprintf(format, args...) }
	target, based := strings.CutPrefix(m.start[1], c.to.base)
	if !based {
		fault("the base path is gone", "%.500q", m.start[1])
		return faults
	}
	got := wireRequest{wireMessage: m, method: m.start[0], hosts: m.values("X-Forwarded-Host")}
	got.path, got.query, got.asked = strings.Cut(target, "?")
	if c.to.signedAlone {
		got.hosts = m.values("Host")
	}
	if c.to.base != "" && leaves(got.path) {
		fault("the path leaves the base", "%.500q", m.start[1])
	}

	// What was signed.
	if err := c.signer.covers(&got, c.text); err != nil {
		fault("what arrived is not what was signed", "%s", err)
	}
	covered := append(c.signer.implied(), c.signer.headers...)
	if sent != nil {
		if got.method != sent.method {
			fault("another method", "%q for %q", got.method, sent.method)
		}
		if target != sent.target() {
			fault("another target", "%.500q for %.500q", target, sent.target())
		}
		if !bytes.Equal(got.body, sent.body) {
			fault("another body", "%.200q (%d bytes) for %.200q (%d bytes)", got.body, len(got.body), sent.body, len(sent.body))
		}
		for _, name := range covered {
			if !slices.Equal(got.header(name), sent.header(name)) {
				fault("another signed header: "+kindOf(name), "%s: %.500q for %.500q", name, got.header(name), sent.header(name))
			}
		}
		if len(sent.hosts) == 1 && sent.hosts[0] != "" && !slices.Equal(got.hosts, sent.hosts) {
			fault("another host", "%q for %q", got.hosts, sent.hosts)
		}
	}

	// What must not be there.
	if len(m.trailers) > 0 || len(m.values("Trailer")) > 0 {
		fault("trailers", "%q, Trailer: %q", m.trailers, m.values("Trailer"))
	}
	if len(m.values("Upgrade")) > 0 {
		fault("an upgrade was asked for", "%q", m.values("Upgrade"))
	}
	protected := []string{"host", "content-length", "transfer-encoding", "content-type", "connection", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"}
	own := []string{folded(c.to.identity), "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"}
	var identities []wireField
	for _, f := range m.fields {
		name := strings.ToLower(f.name)
		if folded(name) == folded(c.to.identity) {
			identities = append(identities, f)
		}
		if slices.Contains(covered, name) {
			continue
		}
		for _, other := range covered {
			if folded(name) == folded(other) && name != other {
				fault("a header that folds to a signed one", "%q", f)
			}
		}
		if slices.Contains(protected, folded(name)) && !slices.Contains(protected, name) {
			fault("a header that folds to one of the proxy's", "%q", f)
		}
		if c.to.signedAlone && !slices.Contains(own, folded(name)) {
			fault("a header that is not signed, with ForwardSigned", "%q", f)
		}
	}
	if len(identities) != 1 || !strings.EqualFold(identities[0].name, c.to.identity) || identities[0].value != c.signer.keyID {
		fault("not the one identity header", "%q", identities)
	}
	if peers := m.values("X-Forwarded-For"); !slices.Equal(peers, []string{"127.0.0.1"}) {
		fault("not the peer in X-Forwarded-For", "%q", peers)
	}
	return faults
}

// kindOf names a header in a report: those that stand for themselves, or "other".
func kindOf(name string) string {
	if strings.HasPrefix(name, "x-custom") || strings.HasPrefix(name, "x-empty") {
		return "other"
	}
	return name
}

// leaves reports whether some server takes a path for one above where it starts.
func leaves(path string) bool {
	for range 4 {
		depth := 0
		for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
			segment, _, _ = strings.Cut(segment, ";")
			switch segment {
			case "", ".":
			case "..":
				depth--
			default:
				depth++
			}
			if depth < 0 {
				return true
			}
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		path = decoded
	}
	return false
}

func envNumber(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// What was verified is what arrives: random raw requests of every scheme, signed
// by code that shares nothing with the product's, against an upstream that
// records bytes. HMACSIGN_WIRE_REQUESTS says how many, HMACSIGN_WIRE_SEED which.
func TestWireProperty(t *testing.T) {
	seed, requests := envNumber(t, "HMACSIGN_WIRE_SEED", rand.Uint64()), envNumber(t, "HMACSIGN_WIRE_REQUESTS", 1500)
	report := &wireReport{seed: seed, byFeature: map[string][2]int{}, honest: map[string]bool{}, faults: map[string]wireFault{}}
	proxies := newWireProxies(t)
	waiting := map[*wireProxy][]*wireCase{}
	how := rand.New(rand.NewPCG(seed, 1<<40))
	for i := range requests {
		c := newWireCase(seed, i, proxies)
		if c.alone {
			report.run([]*wireCase{c}, false)
			continue
		}
		group := append(waiting[c.to], c)
		if len(group) > how.IntN(5) || i == requests-1 {
			report.run(group, how.IntN(2) == 0)
			group = nil
		}
		waiting[c.to] = group
	}
	for _, group := range waiting {
		report.run(group, true)
	}
	for _, p := range proxies {
		for line := range strings.SplitSeq(p.logs.String(), "\n") {
			if showsSignature(line) {
				report.fault(&wireCase{to: p}, "a signature in the log", "%.1000s", line)
			}
		}
	}
	report.tell(t, requests >= uint64(len(wireSingles)))
}

// run sends cases over one connection, those that got no answer there over
// another, and judges.
func (r *wireReport) run(cases []*wireCase, pipelined bool) {
	for tries := 0; len(cases) > 0; {
		p := cases[0].to
		answers, err := p.exchange(cases, pipelined)
		seen, broken := p.upstream.drain()
		for _, e := range broken {
			r.fault(cases[0], "the upstream got what is no request", "%s", e)
		}
		accepted := slices.DeleteFunc(slices.Clone(answers), func(a *wireAnswer) bool { return a.status != 200 })
		for i, a := range accepted {
			if len(seen) == len(accepted) {
				a.arrived = seen[i]
			}
		}
		if len(seen) > len(accepted) {
			r.fault(cases[0], "more arrived than was accepted", "%d accepted of %d answered, %d arrived, the last %.500q", len(accepted), len(answers), len(seen), seen[len(seen)-1].start)
		}
		for i, a := range answers {
			r.judge(cases[i], a)
		}
		if err != nil || len(answers) == 0 {
			if tries++; tries == 2 {
				r.judge(cases[0], &wireAnswer{})
				cases, tries = cases[1:], 0
			}
			continue
		}
		cases = cases[len(answers):]
	}
}

// tell logs the figures and fails the test for faults, and for what was never
// accepted although there was enough of it.
func (r *wireReport) tell(t *testing.T, all bool) {
	t.Logf("seed %d: %d requests, %d accepted, of which %d of %d mutated ones", r.seed, r.requests, r.accepted, r.acceptedMutants, r.mutants)
	for _, feature := range slices.Sorted(maps.Keys(r.byFeature)) {
		accepted, sent := r.byFeature[feature][0], r.byFeature[feature][1]
		if testing.Verbose() {
			t.Logf("%5d of %5d accepted: %s", accepted, sent, feature)
		}
		if all && accepted == 0 && r.honest[feature] {
			t.Errorf("HMACSIGN_WIRE_SEED=%d: %d with %s, none accepted", r.seed, sent, feature)
		}
	}
	for _, kind := range wireKinds {
		if feature := "kind: " + kind; all && r.byFeature[feature][0] == 0 {
			t.Errorf("HMACSIGN_WIRE_SEED=%d: none accepted of %s", r.seed, feature)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
		t.Errorf("HMACSIGN_WIRE_SEED=%d: %s (%d times)\n%s", r.seed, kind, r.faults[kind].count, r.faults[kind].example)
	}
	require.Greater(t, 3*r.accepted, r.requests, "a third is accepted, seed %d", r.seed)
}
