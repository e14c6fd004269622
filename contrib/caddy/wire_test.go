package hmacsigncaddy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// What was verified is what arrives: through Caddy, its reverse_proxy and what it
// does to requests before.
func TestWireProperty(t *testing.T) {
	target := &wiretest.Target{Upstream: wiretest.NewUpstream(t), Identity: "X-Hmacsign-Key-Id", HostHeader: "Host", ForwardedFor: "127.0.0.1"}
	s := startWithKeys(t, fmt.Sprintf(plainSite, target.Upstream.Addr()), string(wiretest.Keys()))
	target.MayRefuse = mayRefuse
	target.Answers = map[string]string{"path: asterisk of OPTIONS": "net/http answers it, no handler sees it"}
	target.Address, target.Log = s.addr, s.logged
	wiretest.Run(t, target)
}

// mayRefuse is what Caddy changes, and so the handler refuses.
func mayRefuse(path string, signed []string) string {
	switch {
	case strings.ContainsFunc(path, func(r rune) bool { return r > '~' || strings.ContainsRune("|\"<>{}^`\\#", r) }):
		return "net/http keeps a path decoded, and writes these characters percent-encoded"
	case slices.ContainsFunc(signed, func(name string) bool { return strings.ContainsAny(name, "_.") }):
		return "Caddy drops headers with these characters in their names"
	case slices.Contains(signed, "via"):
		return "reverse_proxy adds to it"
	}
	return ""
}
