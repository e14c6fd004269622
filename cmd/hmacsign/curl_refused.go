package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// A flagRefusal is of a flag of curl's that is not taken.
type flagRefusal struct{ error }

func (r *flagRefusal) Unwrap() error { return r.error }

// A refusedFlag is one that is refused whatever its value is.
type refusedFlag struct{ refusal func() error }

func (f refusedFlag) Set(string) error { return &flagRefusal{f.refusal()} }
func (refusedFlag) String() string     { return "" }
func (refusedFlag) Type() string       { return "text" }

// refuseFlag defines a flag that is refused. It is hidden, as it is no help to anybody.
func refuseFlag(fs *pflag.FlagSet, name, short string, takesValue bool, why func(flag string) error) {
	if fs.Lookup(name) != nil || name == "help" {
		return
	}
	flag := &pflag.Flag{Name: name, Hidden: true, DefValue: ""}
	told := "--" + name
	if len(short) == 1 && fs.ShorthandLookup(short) == nil {
		flag.Shorthand = short
		told = "-" + short + ", " + told
	}
	flag.Value = refusedFlag{func() error { return why(told) }}
	if !takesValue {
		flag.NoOptDefVal = "true"
	}
	fs.AddFlag(flag)
}

// refuseOthers defines all flags of curl's that a command does not take, to say why, and
// what to do.
func refuseOthers(fs *pflag.FlagSet) {
	for _, options := range refusedOptions {
		for option := range strings.FieldsSeq(options.names) {
			name, takesValue := strings.CutSuffix(option, "=")
			name, short, _ := strings.Cut(name, ",")
			refuseFlag(fs, name, short, takesValue, options.why)
		}
	}
}

// refuseTransfer refuses the flags of the transfer where nothing is sent.
func refuseTransfer(fs *pflag.FlagSet) {
	why := func(flag string) error {
		return usagef("%s is of the transfer, and sign sends nothing: leave it out, or use hmacsign send", flag)
	}
	transfer := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(transferFlags).addTransfer(transfer)
	transfer.VisitAll(func(f *pflag.Flag) {
		if f.Name == "output" { // sign has one of its own
			refuseFlag(fs, "o", "o", true, func(string) error { return why("-o") })
			return
		}
		refuseFlag(fs, f.Name, f.Shorthand, f.NoOptDefVal == "", why)
	})
}

func needsAuthorization(flag string) error {
	return usagef("%s would need the Authorization header, which the signature takes: leave it out", flag)
}

func otherProtocol(flag string) error {
	return usagef("%s is for another protocol than HTTP: leave it out", flag)
}

func severalURLs(flag string) error {
	return usagef("%s is for several URLs: give one a call", flag)
}

func notSet(flag string) error {
	return usagef("%s cannot be set here: leave it out", flag)
}

func noMeter(flag string) error {
	return usagef("%s is of the progress meter, which there is not: leave it out", flag)
}

// instead names what to use in the place of a flag.
func instead(use string) func(string) error {
	return func(flag string) error { return usagef("%s is not taken: use %v", flag, use) }
}

// refusedOptions are curl's, up to version 8.17: name, short name, and = for a value.
var refusedOptions = []struct {
	names string
	why   func(flag string) error
}{
	{"user,u= oauth2-bearer= digest ntlm ntlm-wb negotiate basic anyauth aws-sigv4= netrc,n netrc-file= netrc-optional delegation= service-name= tlsauthtype= tlsuser= tlspassword= sasl-authzid= sasl-ir login-options=", needsAuthorization},
	{"append,a crlf list-only,l use-ascii,B disable-eprt disable-epsv ftp-account= ftp-alternative-to-user= ftp-create-dirs ftp-method= ftp-pasv ftp-port,P= ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-ccc-mode= ftp-ssl-control ftp-ssl ftp-ssl-reqd krb= quote,Q= ssl ssl-reqd" +
		" mail-auth= mail-from= mail-rcpt= mail-rcpt-allowfails upload-flags= telnet-option,t= tftp-blksize= tftp-no-options compressed-ssh hostpubmd5= hostpubsha256= pubkey= proto= proto-default= proto-redir= metalink", otherProtocol},
	{"next,: parallel,Z parallel-immediate parallel-max= parallel-max-host= fail-early remote-name-all rate= skip-existing", severalURLs},
	{"progress-bar,# no-progress-meter progress-meter styled-output no-styled-output", noMeter},
	{"upload-file,T=", instead("-X PUT --data-binary @FILE")},
	{"range,r= continue-at,C=", instead(`-H "Range: bytes=0-99"`)},
	{"time-cond,z=", instead(`-H "If-Modified-Since: DATE"`)},
	{"etag-compare=", instead(`-H "If-None-Match: ETAG"`)},
	{"etag-save= dump-header,D=", instead("-i, or -w '%{header_json}'")},
	{"cookie-jar,c= junk-session-cookies,j", instead("-b name=value")},
	{"form-escape", instead("-F without it, as browsers escape")},
	{"http1.0,0 http0.9", instead("--http1.1")},
	{"http2-prior-knowledge http3 http3-only", instead("--http2")},
	{"post301 post302 post303", instead("-X POST, which redirects keep")},
	{"location-trusted follow", instead("-L")},
	{"request-target=", instead("the URL, with --path-as-is")},
	{"connect-to= dns-servers= dns-interface= dns-ipv4-addr= dns-ipv6-addr= doh-url= doh-insecure doh-cert-status", instead("--resolve")},
	{"capath= ca-native dump-ca-embed", instead("--cacert")},
	{"cert-type= key-type=", instead("--cert and --key with files in PEM")},
	{"pass=", instead("--cert FILE:PASSWORD")},
	{"socks5=", instead("-x socks5://HOST:PORT")},
	{"socks5-hostname= socks4= socks4a=", instead("-x socks5h://HOST:PORT")},
	{"proxy1.0= preproxy=", instead("-x http://HOST:PORT")},
	{"proxy-user,U= proxy-basic proxy-anyauth proxy-digest proxy-ntlm proxy-negotiate socks5-basic", instead("-x http://USER:PASSWORD@HOST:PORT")},
	{"proxytunnel,p", instead("an https URL, for which the proxy makes a tunnel")},
	{"abstract-unix-socket=", instead("--unix-socket")},
	{"tr-encoding", instead("--compressed")},
	{"expect100-timeout=", instead("-H Expect: to send the body at once")},
	{"speed-limit,Y= speed-time,y= timeout=", instead("--max-time")},
	{"trace= trace-ascii= trace-config= trace-ids trace-time libcurl= ", instead("-v")},
	{"stderr=", instead("the shell's 2>FILE")},
	{"output-dir= remote-header-name,J create-dirs create-file-mode= clobber no-clobber remove-on-error remote-time,R xattr out-null", instead("-o FILE")},
	{"config,K= variable=", instead("the shell's own variables")},
	{"manual,M", instead("hmacsign help")},
	{"version,V", instead("hmacsign version")},
	{"disable,q alt-svc= ca-cert= cert-status ciphers= crlfile= curves= disallow-username-in-url ech= egd-file= engine= false-start haproxy-protocol haproxy-clientip= happy-eyeballs-timeout-ms= hsts= ignore-content-length interface= ip-tos= ipfs-gateway=" +
		" keepalive-cnt= keepalive-time= no-keepalive keepalive limit-rate= local-port= max-filesize= mptcp no-alpn alpn no-npn npn no-buffer,N buffer no-sessionid sessionid pinnedpubkey= random-file= raw signature-algorithms= ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-revoke-best-effort ssl-sessions=" +
		" sslv2,2 sslv3,3 suppress-connect-headers tcp-fastopen tcp-nodelay tls-earlydata tls-max= tls13-ciphers= tlsv1,1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 vlan-priority= knownhosts= socks5-gssapi socks5-gssapi-nec socks5-gssapi-service=" +
		" proxy-ca-native proxy-cacert= proxy-capath= proxy-cert= proxy-cert-type= proxy-ciphers= proxy-crlfile= proxy-header= proxy-http2 proxy-http3 proxy-insecure proxy-key= proxy-key-type= proxy-pass= proxy-pinnedpubkey= proxy-service-name= proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tls13-ciphers= proxy-tlsauthtype= proxy-tlspassword= proxy-tlsuser= proxy-tlsv1", notSet},
}
