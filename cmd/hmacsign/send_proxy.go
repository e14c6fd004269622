package main

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	socks "golang.org/x/net/proxy"

	"github.com/gmhmac/hmacsign/hmacsign/httptext"
)

// A proxyURL is that of a proxy, nil where there is none.
type proxyURL struct{ *url.URL }

type proxyKey struct{}

func proxyOf(ctx context.Context) proxyURL {
	p, _ := ctx.Value(proxyKey{}).(proxyURL)
	return p
}

// local reports whether names are looked up here and not by the proxy.
func (p proxyURL) local() bool { return p.URL != nil && p.Scheme == "socks5" }

// byTransport is the proxy as net/http has it, unless it is one that the dialer speaks to.
func (p proxyURL) byTransport() *url.URL {
	if p.local() {
		return nil
	}
	return p.URL
}

// forwards reports whether the proxy gets the request itself, and not a tunnel.
func (p proxyURL) forwards(to *url.URL) bool {
	return p.URL != nil && to.Scheme == "http" && strings.HasPrefix(p.Scheme, "http")
}

// proxyFor is the proxy for a target, of -x or of the environment.
func (f *transferFlags) proxyFor(t httptext.Target) (proxyURL, error) {
	text := f.proxy.Text
	if !f.proxy.Given {
		text = environmentProxy(t.Scheme)
	}
	except := f.noProxy.Text
	if !f.noProxy.Given {
		except = cmp.Or(os.Getenv("no_proxy"), os.Getenv("NO_PROXY"))
	}
	if text == "" || f.unixSocket != "" || withoutProxy(t.Host, except) {
		return proxyURL{}, nil
	}
	return parseProxy(text)
}

// environmentProxy is the variable for a scheme, or that for all. HTTP_PROXY is none: a
// header of a CGI request would set it.
func environmentProxy(scheme string) string {
	if scheme == "http" {
		return cmp.Or(os.Getenv("http_proxy"), os.Getenv("all_proxy"), os.Getenv("ALL_PROXY"))
	}
	return cmp.Or(os.Getenv("https_proxy"), os.Getenv("HTTPS_PROXY"), os.Getenv("all_proxy"), os.Getenv("ALL_PROXY"))
}

func parseProxy(text string) (proxyURL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return proxyURL{}, usagef("the proxy is no URL: write it as http://HOST:PORT")
	}
	port := map[string]string{"http": "1080", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	if port == "" {
		return proxyURL{}, usagef("a proxy of scheme %s is not spoken to: use http, https, socks5 or socks5h", u.Scheme)
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), port), 10, 16); err != nil {
		return proxyURL{}, usagef("the proxy is no URL: write it as http://HOST:PORT")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	u.Path, u.RawQuery, u.Fragment = "", "", ""
	return proxyURL{u}, nil
}

// withoutProxy reports whether a host is among those to reach without a proxy: a domain
// stands for the hosts below it too.
func withoutProxy(host, list string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	address, notAddress := netip.ParseAddr(host)
	for _, entry := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		entry = strings.Trim(strings.ToLower(entry), ".")
		if notAddress == nil {
			if addressIn(address, strings.Trim(entry, "[]")) {
				return true
			}
		} else if host == entry || strings.HasSuffix(host, "."+entry) {
			return true
		}
	}
	return false
}

func addressIn(address netip.Addr, entry string) bool {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return prefix.Contains(address)
	}
	one, err := netip.ParseAddr(entry)
	return err == nil && one == address
}

// throughSocks connects through a SOCKS5 proxy that gets an address, not a name.
func (d *dialer) throughSocks(ctx context.Context, p proxyURL, address string) (net.Conn, error) {
	var user *socks.Auth
	if p.User != nil {
		password, _ := p.User.Password()
		user = &socks.Auth{User: p.User.Username(), Password: password}
	}
	through, err := socks.SOCKS5("tcp", p.Host, user, forward{d})
	if err != nil {
		return nil, err
	}
	resolved, err := d.lookup(ctx, d.resolved(address)[0])
	if err != nil {
		return nil, err
	}
	return through.(socks.ContextDialer).DialContext(ctx, "tcp", resolved)
}

// forward connects to the proxy itself.
type forward struct{ *dialer }

func (f forward) Dial(_, address string) (net.Conn, error) {
	return f.direct(context.Background(), address)
}

func (f forward) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	return f.direct(ctx, address)
}

// lookup has a number for the name in host:port.
func (d *dialer) lookup(ctx context.Context, address string) (string, error) {
	host, port, _ := net.SplitHostPort(address)
	found, err := net.DefaultResolver.LookupNetIP(ctx, strings.Replace(d.network, "tcp", "ip", 1), host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(found[0].Unmap().String(), port), nil
}
