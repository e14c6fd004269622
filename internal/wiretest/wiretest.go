// Package wiretest is the property test of forwarding, for whatever verifies requests
// and passes them on: what was verified is what arrives. It sends random raw requests
// of every scheme, signed by code that shares nothing with the product's, to targets in
// front of an upstream that records bytes.
//
//	upstream := wiretest.NewUpstream(t)
//	address := start(t, upstream.Addr(), wiretest.Keys())
//	wiretest.Run(t, &wiretest.Target{Address: address, Upstream: upstream, Identity: "X-Hmacsign-Key-Id", ...})
//
// HMACSIGN_WIRE_REQUESTS says how many requests, HMACSIGN_WIRE_SEED which.
package wiretest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Target is what is tested. It accepts every scheme and the keys of [Keys].
type Target struct {
	Address  string    // where it listens: host:port on loopback
	Upstream *Upstream // its own, where it forwards to
	Base     string    // path of the upstream before that of the requests
	Identity string    // header that tells the upstream the key id

	HostHeader   string // that the upstream has the client's host in: X-Forwarded-Host, or Host
	ForwardedFor string // X-Forwarded-For of a request from 127.0.0.1
	SignedAlone  bool   // headers that are not signed do not arrive

	// Log is all that the target has logged so far.
	Log func() string

	// What else the target does otherwise than the strictest, each with the reason:
	// features of honest requests that it may refuse, such as "method: TRACE", features
	// of requests that others must refuse and it may accept, and kinds of faults that
	// are none with it.
	Refuses, Accepts, Differs map[string]string

	// MayRefuse tells why the target may refuse an honest request, by its path as it is
	// sent and by the names of the headers that it signs, lower-case; empty if not. Nil
	// is never.
	MayRefuse func(path string, signed []string) string

	// Answers are features of requests that the target answers by itself, before they
	// are verified, each with the reason.
	Answers map[string]string
}

// Keys is the keys of the requests as a keys file.
func Keys() []byte {
	var rows []map[string]string
	for _, key := range keys {
		rows = append(rows, map[string]string{"id": key[0], "secret": key[1]})
	}
	file, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return file
}

// Run sends the requests, each to one of the targets, and fails the test for what is
// not as it must be.
func Run(t *testing.T, targets ...*Target) {
	checkExcuses(t, targets)
	seed, requests := envNumber(t, "HMACSIGN_WIRE_SEED", rand.Uint64()), envNumber(t, "HMACSIGN_WIRE_REQUESTS", 1500)
	all := &report{seed: seed, byFeature: map[string][2]int{}, honest: map[string]bool{}, faults: map[string]fault{}}
	waiting := map[*Target][]*testCase{}
	how := rand.New(rand.NewPCG(seed, 1<<40))
	for i := range requests {
		c := newCase(seed, i, targets)
		if c.alone {
			all.run([]*testCase{c}, false)
			continue
		}
		group := append(waiting[c.to], c)
		if len(group) > how.IntN(5) || i == requests-1 {
			all.run(group, how.IntN(2) == 0)
			group = nil
		}
		waiting[c.to] = group
	}
	for _, group := range waiting {
		all.run(group, true)
	}
	for _, p := range targets {
		for line := range strings.SplitSeq(p.Log(), "\n") {
			if ShowsSignature(line) {
				all.fault(&testCase{to: p}, "a signature in the log", "%.1000s", line)
			}
		}
	}
	all.tell(t, requests >= uint64(len(singles)))
}

// ShowsSignature reports whether a line of a log has a signature, of any vendor's. A
// refusal that quotes the form of one does not.
func ShowsSignature(line string) bool { return signature.MatchString(line) }

var signature = regexp.MustCompile(`(?i)signature=(\\?")?[0-9a-z+/]`)

// checkExcuses finds features that no request has.
func checkExcuses(t *testing.T, targets []*Target) {
	known := map[string]bool{}
	for _, a := range append(slices.Clone(axes), extraHeaders) {
		for _, o := range a.options {
			known[a.name+": "+o.name] = true
		}
	}
	for _, p := range targets {
		for _, excused := range []map[string]string{p.Refuses, p.Accepts, p.Answers} {
			for feature, reason := range excused {
				require.True(t, known[feature], "no request has this feature: %s", feature)
				require.NotEmpty(t, reason, feature)
			}
		}
	}
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

func (p *Target) lastLog() string {
	text := strings.TrimSpace(p.Log())
	return fmt.Sprintf("%.600s", text[strings.LastIndexByte(text, '\n')+1:])
}
