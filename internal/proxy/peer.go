package proxy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// peer tells whether the request comes from a trusted proxy, and the address of
// the client: the right-most of X-Forwarded-For that is not a trusted proxy's,
// as far as trusted proxies tell it.
func (c *Config) peer(r *http.Request) (trusted bool, client string) {
	var addr netip.Addr
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = from.Addr().Unmap()
		if !c.trusts(addr) {
			return false, addr.String()
		}
	} else if !c.TrustUnix {
		return false, ""
	}
	told := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, text := range slices.Backward(told) {
		next, ok := forwardedAddr(strings.Trim(text, " \t"))
		if !ok {
			break
		}
		addr = next
		if !c.trusts(addr) {
			break
		}
	}
	if !addr.IsValid() {
		return true, "" // a unix socket, whose peer tells nothing
	}
	return true, addr.String()
}

func (c *Config) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(c.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr.WithZone("")) })
}

// forwardedAddr reads an address of X-Forwarded-For; some proxies write a port.
func forwardedAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap(), true
}
