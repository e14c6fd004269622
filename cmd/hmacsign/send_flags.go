package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// transferFlags are curl's flags of the transfer.
type transferFlags struct {
	include, verbose, silent, showError bool
	output                              []string
	remoteName                          bool
	writeOut                            string
	fail, failWithBody                  bool
	location                            bool
	maxRedirs                           redirectLimit
	insecure                            bool
	caCert, cert, key                   string
	maxTime, connectTimeout             time.Duration
	retries                             int
	retryDelay, retryMaxTime            time.Duration
	retryConnRefused, retryAllErrors    bool
	resolve                             []string
	proxy, noProxy                      optional
	onlyHTTP1                           bool
	network                             string // tcp, tcp4 or tcp6
	unixSocket                          string
}

func (f *transferFlags) addTransfer(fs *pflag.FlagSet) {
	f.addOutput(fs)
	f.addConnection(fs)
	fs.BoolVarP(&f.location, "location", "L", false, "follow redirects; what another host is asked for is not signed")
	f.maxRedirs = 50
	fs.Var(&f.maxRedirs, "max-redirs", "follow at most `NUMBER` redirects, -1 for any")
	durationVar(fs, &f.maxTime, "max-time", "m", 0, "give up after this `TIME`; 0 for never")
	countVar(fs, &f.retries, "retry", 0, "try up to `NUMBER` times again after a timeout or status 408, 429, 500, 502, 503 or 504, signed anew")
	durationVar(fs, &f.retryDelay, "retry-delay", "", 0, "wait this `TIME` before each; without it 1s, and twice as long each time")
	durationVar(fs, &f.retryMaxTime, "retry-max-time", "", 0, "do not try again after this `TIME`; 0 for any")
	fs.BoolVar(&f.retryConnRefused, "retry-connrefused", false, "try again where the connection was refused too")
	fs.BoolVar(&f.retryAllErrors, "retry-all-errors", false, "try again after any error")
}

func (f *transferFlags) addOutput(fs *pflag.FlagSet) {
	fs.BoolVarP(&f.include, "include", "i", false, "print the headers of the answer too")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "show on standard error what was signed, sent and answered")
	fs.BoolVarP(&f.silent, "silent", "s", false, "tell nothing on standard error")
	fs.BoolVarP(&f.showError, "show-error", "S", false, "tell an error also with --silent")
	fs.VarP((*words)(&f.output), "output", "o", "write the answer to `FILE`, - for standard output")
	fs.BoolVarP(&f.remoteName, "remote-name", "O", false, "write the answer to a file named as the end of the URL's path")
	fs.StringVarP(&f.writeOut, "write-out", "w", "", "print `FORMAT` at the end, as %{http_code} or %header{name}; @FILE reads it")
	fs.BoolVarP(&f.fail, "fail", "f", false, "exit with 1, and print no answer, where its status is 400 or higher")
	fs.BoolVar(&f.failWithBody, "fail-with-body", false, "exit with 1 there, but print the answer")
}

func (f *transferFlags) addConnection(fs *pflag.FlagSet) {
	fs.BoolVarP(&f.insecure, "insecure", "k", false, "take any certificate of the server")
	fs.StringVar(&f.caCert, "cacert", "", "trust the authorities in this `FILE` (PEM), and no others")
	fs.StringVarP(&f.cert, "cert", "E", "", "client certificate: `FILE[:PASSWORD]` (PEM), with its key unless --key names it")
	fs.StringVar(&f.key, "key", "", "private key of the client certificate: `FILE` (PEM)")
	durationVar(fs, &f.connectTimeout, "connect-timeout", "", 5*time.Minute, "give up connecting after this `TIME`")
	fs.Var((*words)(&f.resolve), "resolve", "`HOST:PORT:ADDRESS[,ADDRESS]` to connect to for this host, * for any")
	fs.VarP(&f.proxy, "proxy", "x", "`URL` of a proxy: http, https, socks5 or socks5h; empty for none, whatever the environment says")
	fs.Var(&f.noProxy, "noproxy", "`HOSTS` to reach without a proxy, separated by commas; * for all")
	fs.StringVar(&f.unixSocket, "unix-socket", "", "connect to the socket at this `PATH`")
	f.network = "tcp"
	choice(fs, &f.network, "tcp4", "ipv4", "4", "connect over IPv4 alone")
	choice(fs, &f.network, "tcp6", "ipv6", "6", "connect over IPv6 alone")
	fs.BoolFunc("http1.1", "speak HTTP/1.1", func(string) error { f.onlyHTTP1 = true; return nil })
	fs.BoolFunc("http2", "speak HTTP/2 where https agrees on it, as without this", func(string) error { f.onlyHTTP1 = false; return nil })
}

// choice defines a flag without a value that sets one; of several the last counts.
func choice(fs *pflag.FlagSet, to *string, value, name, shorthand, usage string) {
	fs.BoolFuncP(name, shorthand, usage, func(string) error { *to = value; return nil })
}

func (f *transferFlags) checkTransfer() error {
	switch {
	case slices.Contains(f.output, ""):
		return usagef("-o: name a FILE, or - for standard output")
	case f.fail && f.failWithBody:
		return usagef("--fail prints no answer, --fail-with-body does: give one of the two")
	case f.key != "" && f.cert == "":
		return usagef("--key is for a client certificate: give it with --cert")
	}
	return nil
}

// redirectLimit is a number of redirects, -1 for any.
type redirectLimit int

func (l *redirectLimit) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 {
		return errors.New("write a whole number such as 50, or -1 for any")
	}
	*l = redirectLimit(n)
	return nil
}

func (l *redirectLimit) String() string { return strconv.Itoa(int(*l)) }
func (*redirectLimit) Type() string     { return "number" }

// protocols are the versions of HTTP that are spoken.
func (f *transferFlags) protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(!f.onlyHTTP1)
	return p
}
