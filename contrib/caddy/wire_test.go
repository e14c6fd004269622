package hmacsigncaddy

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// What was verified is what arrives: through Caddy and its reverse_proxy, also
// where other handlers and settings stand around, and with the identity in a header
// of another name.
func TestWireProperty(t *testing.T) {
	targets := []*wiretest.Target{{Identity: "X-Hmacsign-Key-Id"}, {Identity: "X-Caller-Id"}}
	var site strings.Builder
	for i, target := range targets {
		target.Upstream, target.HostHeader, target.ForwardedFor, target.MayRefuse = wiretest.NewUpstream(t), "Host", "127.0.0.1", mayRefuse
		target.Answers = map[string]string{"path: asterisk of OPTIONS": "net/http answers it, no handler sees it"}
		target.Address = freeAddress(t)
		_, port, _ := net.SplitHostPort(target.Address)
		fmt.Fprintf(&site, `http://:%s {
			log
			hmacsign {
				keys {{keys}}
				identity_header %s
			}
			%s
			reverse_proxy %s {
				%s
			}
		}
		`, port, target.Identity, []string{"", "encode\nrequest_body {\nmax_size 20MiB\n}\nrequest_header X-Added by-caddy"}[i], target.Upstream.Addr(),
			[]string{"", "flush_interval -1\nrequest_buffers 8KiB\nheader_up X-Up by-caddy"}[i])
	}
	s := startWithKeys(t, site.String(), string(wiretest.Keys()))
	for _, target := range targets {
		target.Log = func() string { return withoutAccess(s.logged()) }
	}
	wiretest.Run(t, targets...)
}

// withoutAccess leaves Caddy's access log out: it shows headers, and of those only
// Authorization is hidden, not one whose name a client got wrong.
func withoutAccess(log string) string {
	var kept []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"logger":"http.log.access`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
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
