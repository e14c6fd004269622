package wiretest

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fault is a kind of fault: how often it came, and the shortest request
// that shows it.
type fault struct {
	count   int
	raw     []byte
	example string
}

// A report counts, and keeps the faults.
type report struct {
	seed                        uint64
	requests, accepted, mutants int
	acceptedMutants             int
	byFeature                   map[string][2]int // accepted, sent
	honest                      map[string]bool   // features of requests that must be accepted
	faults                      map[string]fault
}

func (r *report) fault(c *testCase, kind, format string, args ...any) {
	if c.to.Differs[kind] != "" {
		return
	}
	f := r.faults[kind]
	if f.count++; f.count == 1 || len(c.raw) < len(f.raw) {
		f.raw = c.raw
		f.example = fmt.Sprintf(format, args...) + fmt.Sprintf("\n%s\n%.4096s", strings.Join(c.features, "; "), strconv.Quote(string(c.raw)))
	}
	r.faults[kind] = f
}

func (r *report) count(c *testCase, accepted bool) {
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
func (r *report) judge(c *testCase, a *answer) {
	sent := c.sent()
	start, _, _ := strings.Cut(string(c.raw), "\n")
	r.count(c, a.status == 200)
	if a.brokeOff {
		r.fault(c, "a refusal broke off", "status %d", a.status)
	}
	switch {
	case a.status == 0 && sent == nil:
		r.fault(c, "no answer to what is no whole request", "")
	case a.status == 0:
		r.fault(c, "no answer", "")
	case a.status == 101:
		r.fault(c, "a tunnel was opened", "")
	case a.status == 501 && bytes.Contains(bytes.ToLower(c.raw), []byte("transfer-encoding")):
		// net/http's answer to a coding that it does not know, as RFC 9112
		// section 6.1 has it.
	case a.status == 505 && !strings.HasSuffix(strings.TrimSpace(start), "HTTP/1.1"):
	case a.status >= 500 && (c.may || c.never):
		r.fault(c, fmt.Sprint(a.status), "")
	case a.status >= 400:
		if !c.may && !c.never {
			r.fault(c, "an honest request was refused", "status %d: %s", a.status, c.to.lastLog())
		}
	case a.status == 200:
		if a.arrived == nil && slices.ContainsFunc(c.features, func(f string) bool { return c.to.Answers[f] != "" }) {
			return
		}
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

// run sends cases over one connection, those that got no answer there over
// another, and judges.
func (r *report) run(cases []*testCase, pipelined bool) {
	for tries := 0; len(cases) > 0; {
		p := cases[0].to
		answers, err := p.exchange(cases, pipelined)
		seen, broken := p.Upstream.drain()
		for _, e := range broken {
			r.fault(cases[0], "the upstream got what is no request", "%s", e)
		}
		accepted := slices.DeleteFunc(slices.Clone(answers), func(a *answer) bool { return a.status != 200 })
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
				r.judge(cases[0], &answer{})
				cases, tries = cases[1:], 0
			}
			continue
		}
		cases = cases[len(answers):]
	}
}

// tell logs the figures and fails the test for faults, and for what was never
// accepted although there was enough of it.
func (r *report) tell(t *testing.T, all bool) {
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
	for _, kind := range kinds {
		if feature := "kind: " + kind; all && r.byFeature[feature][0] == 0 {
			t.Errorf("HMACSIGN_WIRE_SEED=%d: none accepted of %s", r.seed, feature)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
		t.Errorf("HMACSIGN_WIRE_SEED=%d: %s (%d times)\n%s", r.seed, kind, r.faults[kind].count, r.faults[kind].example)
	}
	require.Greater(t, 3*r.accepted, r.requests, "a third is accepted, seed %d", r.seed)
}

// sent is what the client sent, as a server reads it; nil if it is nothing that
// can be read.
func (c *testCase) sent() *request {
	m, err := (&reader{bufio.NewReader(bytes.NewReader(c.raw)), false}).request()
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
func (c *testCase) compare(sent *request, m *message) map[string]string {
	faults := map[string]string{}
	fault := func(kind, format string, args ...any) { faults[kind] = fmt.Sprintf(format, args...) }
	target, based := strings.CutPrefix(m.start[1], c.to.Base)
	if !based {
		fault("the base path is gone", "%.500q", m.start[1])
		return faults
	}
	got := request{message: m, method: m.start[0], hosts: m.values(c.to.HostHeader)}
	got.path, got.query, got.asked = strings.Cut(target, "?")
	if c.to.Base != "" && leaves(got.path) {
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
	if len(m.values("Forwarded")) > 0 && !slices.Contains(covered, "forwarded") {
		fault("the client says how it was reached", "Forwarded: %q", m.values("Forwarded"))
	}
	for _, host := range m.values("X-Forwarded-Host") {
		if !slices.Contains(covered, "x-forwarded-host") && sent != nil && host != "" && !slices.Contains(sent.hosts, host) {
			fault("the client says how it was reached", "X-Forwarded-Host: %q", host)
		}
	}
	protected := []string{"host", "content-length", "transfer-encoding", "content-type", "connection", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"}
	own := []string{folded(c.to.Identity), "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"}
	var identities []field
	for _, f := range m.fields {
		name := strings.ToLower(f.name)
		if folded(name) == folded(c.to.Identity) {
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
		if c.to.SignedAlone && !slices.Contains(own, folded(name)) {
			fault("a header that is not signed, with ForwardSigned", "%q", f)
		}
	}
	if len(identities) != 1 || !strings.EqualFold(identities[0].name, c.to.Identity) || identities[0].value != c.signer.keyID {
		fault("not the one identity header", "%q", identities)
	}
	if peers := m.values("X-Forwarded-For"); !slices.Equal(peers, []string{c.to.ForwardedFor}) {
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
