package httptext

import (
	"strings"
	"sync"
)

// flags are those of a command line.
type flags struct {
	Command
	target string // of --request-target
	urls   int
}

// A flag is one of curl's.
type flag struct {
	name   string
	value  bool    // takes one
	refuse refusal // nil if it is taken
}

// A refusal says why a flag is refused.
type refusal func(flag string) error

func makesAuthorization(flag string) error {
	return unsupported("curl_flag_authorization", "flag", flag)
}

func readsFile(flag string) error { return unsupported("curl_flag_file", "flag", flag) }

func makesHeader(flag string) error { return unsupported("curl_flag_header", "flag", flag) }

func beginsAnother(flag string) error { return unsupported("curl_flag_several", "flag", flag) }

func makesNone(flag string) error { return unsupported("curl_flag_no_request", "flag", flag) }

func notRead(flag string) error { return unsupported("curl_flag_other", "flag", flag) }

// setters take the flags that shape the request. The value of one that takes none is
// empty, and it is off behind --no-.
var setters = map[string]func(f *flags, value string, on bool){
	"url":            func(f *flags, value string, _ bool) { f.setURL(value) },
	"request":        func(f *flags, value string, _ bool) { f.Method = value },
	"request-target": func(f *flags, value string, _ bool) { f.target = value },
	"header":         func(f *flags, value string, _ bool) { f.Headers = append(f.Headers, value) },
	"data":           dataSetter(DataText),
	"data-ascii":     dataSetter(DataText),
	"data-raw":       dataSetter(DataRaw),
	"data-binary":    dataSetter(DataBinary),
	"data-urlencode": dataSetter(DataURLEncoded),
	"json":           dataSetter(DataJSON),
	"form":           func(f *flags, value string, _ bool) { f.Form = append(f.Form, FormField{Value: value}) },
	"form-string":    func(f *flags, value string, _ bool) { f.Form = append(f.Form, FormField{value, true}) },
	"url-query":      func(f *flags, value string, _ bool) { f.URLQuery = append(f.URLQuery, value) },
	"user-agent":     func(f *flags, value string, _ bool) { f.UserAgent = Optional{value, true} },
	"referer":        func(f *flags, value string, _ bool) { f.Referer = Optional{value, true} },
	"cookie":         func(f *flags, value string, _ bool) { f.Cookies = append(f.Cookies, value) },
	"get":            func(f *flags, _ string, on bool) { f.Get = on },
	"head":           func(f *flags, _ string, on bool) { f.Head = on },
	"compressed":     func(f *flags, _ string, on bool) { f.Compressed = on },
	"path-as-is":     func(f *flags, _ string, on bool) { f.PathAsIs = on },
	"globoff":        func(f *flags, _ string, on bool) { f.GlobOff = on },
}

func dataSetter(kind DataKind) func(*flags, string, bool) {
	return func(f *flags, value string, _ bool) { f.Data = append(f.Data, Data{kind, value}) }
}

func (f *flags) setURL(value string) {
	f.URL = value
	f.urls++
}

// curlFlags are curl's, up to version 8.17: name, short name, and = for a value. Those
// that neither shape the request nor are refused are of the transfer.
var curlFlags = []struct {
	refuse refusal
	names  string
}{
	{nil, "url= request,X= request-target= header,H= data,d= data-ascii= data-raw= data-binary= data-urlencode= json= form,F= form-string= url-query= user-agent,A= referer,e= cookie,b= get,G head,I compressed path-as-is globoff,g"},
	{makesAuthorization, "user,u= oauth2-bearer= aws-sigv4= netrc,n netrc-file= netrc-optional"},
	{readsFile, "config,K= upload-file,T= etag-compare= time-cond,z="},
	{makesHeader, "range,r= continue-at,C= tr-encoding"},
	{beginsAnother, "next,:"},
	{makesNone, "manual,M version,V help,h"},
	{notRead, "form-escape proto-default= variable= haproxy-protocol haproxy-clientip= hsts= ipfs-gateway= crlf"},
	{nil, "abstract-unix-socket= alpn alt-svc= anyauth append,a basic buffer ca-cert= ca-native cacert= capath= cert,E= cert-status cert-type= ciphers= clobber compressed-ssh connect-timeout= connect-to= cookie-jar,c= create-dirs create-file-mode= crlfile= curves=" +
		" delegation= digest disable,q disable-eprt disable-epsv disallow-username-in-url dns-interface= dns-ipv4-addr= dns-ipv6-addr= dns-servers= doh-cert-status doh-insecure doh-url= dump-ca-embed dump-header,D= ech= egd-file= engine= eprt epsv etag-save= expect100-timeout=" +
		" fail,f fail-early fail-with-body false-start follow ftp-account= ftp-alternative-to-user= ftp-create-dirs ftp-method= ftp-pasv ftp-port,P= ftp-pret ftp-skip-pasv-ip ftp-ssl ftp-ssl-ccc ftp-ssl-ccc-mode= ftp-ssl-control ftp-ssl-reqd" +
		" happy-eyeballs-timeout-ms= hostpubmd5= hostpubsha256= http0.9 http1.0,0 http1.1 http2 http2-prior-knowledge http3 http3-only ignore-content-length include,i insecure,k interface= ip-tos= ipv4,4 ipv6,6 junk-session-cookies,j keepalive keepalive-cnt= keepalive-time= key= key-type= knownhosts= krb=" +
		" libcurl= limit-rate= list-only,l local-port= location,L location-trusted login-options= mail-auth= mail-from= mail-rcpt= mail-rcpt-allowfails max-filesize= max-redirs= max-time,m= metalink mptcp negotiate noproxy= npn ntlm ntlm-wb out-null output,o= output-dir=" +
		" parallel,Z parallel-immediate parallel-max= parallel-max-host= pass= pinnedpubkey= post301 post302 post303 preproxy= progress-bar,# progress-meter proto= proto-redir= proxy,x= proxy-anyauth proxy-basic proxy-ca-native proxy-cacert= proxy-capath= proxy-cert= proxy-cert-type= proxy-ciphers= proxy-crlfile= proxy-digest proxy-header= proxy-http2 proxy-http3 proxy-insecure proxy-key= proxy-key-type= proxy-negotiate proxy-ntlm proxy-pass= proxy-pinnedpubkey= proxy-service-name= proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tls13-ciphers= proxy-tlsauthtype= proxy-tlspassword= proxy-tlsuser= proxy-tlsv1 proxy-user,U= proxy1.0= proxytunnel,p pubkey= quote,Q=" +
		" random-file= rate= raw remote-header-name,J remote-name,O remote-name-all remote-time,R remove-on-error resolve= retry= retry-all-errors retry-connrefused retry-delay= retry-max-time= sasl-authzid= sasl-ir service-name= sessionid show-error,S show-headers signature-algorithms= silent,s skip-existing socks4= socks4a= socks5= socks5-basic socks5-gssapi socks5-gssapi-nec socks5-gssapi-service= socks5-hostname= speed-limit,Y= speed-time,y= ssl ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort ssl-sessions= sslv2,2 sslv3,3 stderr= styled-output suppress-connect-headers" +
		" tcp-fastopen tcp-nodelay telnet-option,t= tftp-blksize= tftp-no-options tls-earlydata tls-max= tls13-ciphers= tlsauthtype= tlspassword= tlsuser= tlsv1,1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 trace= trace-ascii= trace-config= trace-ids trace-time unix-socket= upload-flags= use-ascii,B verbose,v vlan-priority= write-out,w= xattr"},
}

// flagsByName has the short names too. That of --no-buffer has no long one: it is off.
var flagsByName = sync.OnceValue(func() map[string]*flag {
	all := map[string]*flag{"N": {name: "no-buffer"}}
	for _, group := range curlFlags {
		for option := range strings.FieldsSeq(group.names) {
			name, value := strings.CutSuffix(option, "=")
			name, short, _ := strings.Cut(name, ",")
			f := &flag{name, value, group.refuse}
			all[name] = f
			if short != "" {
				all[short] = f
			}
		}
	}
	return all
})

// parseFlags reads the words behind the name of the command.
func parseFlags(words []string) (*flags, error) {
	f := new(flags)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case word == "--":
			for _, url := range words {
				f.setURL(url)
			}
			words = nil
		case strings.HasPrefix(word, "--"):
			words, err = f.long(word[2:], words)
		case strings.HasPrefix(word, "-") && len(word) > 1:
			words, err = f.short(word[1:], words)
		default:
			f.setURL(word)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case f.urls == 0:
		return nil, malformed("curl_no_url")
	case f.urls > 1:
		return nil, unsupported("curl_urls")
	}
	return f, nil
}

// long takes --name value, --name=value and --no-name, and what is left of the words.
func (f *flags) long(name string, words []string) ([]string, error) {
	name, value, hasValue := strings.Cut(name, "=")
	found, on, err := longFlag(name)
	switch {
	case err != nil:
		return nil, err
	case found.refuse != nil:
		return nil, found.refuse("--" + found.name)
	case hasValue && !found.value:
		return nil, malformed("curl_flag_no_value", "flag", "--"+found.name)
	case found.value && !hasValue:
		if value, words, err = firstWord(words, "--"+found.name); err != nil {
			return nil, err
		}
	}
	f.set(found, value, on)
	return words, nil
}

// longFlag is the flag of a long name, of the beginning of one that no other has, or of
// one behind no-.
func longFlag(name string) (found *flag, on bool, err error) {
	if found = flagsByName()[name]; found != nil && len(name) > 1 {
		return found, true, nil
	}
	if bare, ok := strings.CutPrefix(name, "no-"); ok {
		if found = flagsByName()[bare]; found != nil && len(bare) > 1 && !found.value {
			return found, false, nil
		}
	}
	for full, f := range flagsByName() {
		if len(name) > 1 && len(full) > 1 && strings.HasPrefix(full, name) {
			if found != nil {
				return nil, false, malformed("curl_flag_ambiguous", "flag", clip("--"+name))
			}
			found = f
		}
	}
	if found == nil {
		return nil, false, malformed("curl_flag_unknown", "flag", clip("--"+name))
	}
	return found, true, nil
}

// short takes letters, of which the last may have its value behind it or in the next word.
func (f *flags) short(letters string, words []string) (left []string, err error) {
	for i := range len(letters) {
		letter := letters[i : i+1]
		found := flagsByName()[letter]
		switch {
		case found == nil:
			return nil, malformed("curl_flag_unknown", "flag", "-"+letter)
		case found.refuse != nil:
			return nil, found.refuse("-" + letter)
		case !found.value:
			f.set(found, "", true)
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if value, words, err = firstWord(words, "-"+letter); err != nil {
				return nil, err
			}
		}
		f.set(found, value, true)
		break
	}
	return words, nil
}

func (f *flags) set(found *flag, value string, on bool) {
	if set := setters[found.name]; set != nil {
		set(f, value, on)
	}
}

// firstWord is the value of a flag.
func firstWord(words []string, flag string) (value string, left []string, err error) {
	if len(words) == 0 {
		return "", nil, malformed("curl_flag_value", "flag", flag)
	}
	return words[0], words[1:], nil
}
