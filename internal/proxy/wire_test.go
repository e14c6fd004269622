package proxy

import (
	"strings"
	"testing"

	"github.com/gmhmac/hmacsign/internal/wiretest"
)

// What was verified is what arrives, whatever the proxy is told.
func TestWireProperty(t *testing.T) {
	targets := []*wiretest.Target{
		{Identity: "X-Hmacsign-Key-Id", HostHeader: "X-Forwarded-Host"},
		{Identity: "X_Caller_Id", HostHeader: "X-Forwarded-Host", Base: "/base"},
		{Identity: "X-Hmacsign-Key-Id", HostHeader: "Host", Base: "/base/b%2fc", SignedAlone: true},
	}
	for _, target := range targets {
		target.Upstream, target.ForwardedFor = wiretest.NewUpstream(t), "127.0.0.1"
		p := startServe(t, "http://"+target.Upstream.Addr().String()+target.Base, func(s *settings) {
			s.keysFile = writeFile(t, string(wiretest.Keys()))
			s.IdentityHeader, s.ForwardSigned, s.PreserveHost = target.Identity, target.SignedAlone, target.SignedAlone
		})
		target.Address, target.Log = strings.TrimPrefix(p.url, "http://"), p.logs.String
	}
	wiretest.Run(t, targets...)
}
