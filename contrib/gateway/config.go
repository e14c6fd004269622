package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
	"github.com/gmhmac/hmacsign/internal/proxy"
)

// A Config is what a configuration file says. A setting has the name, the meaning and
// the default of the flag of hmacsign serve, with underscores for its dashes; what is
// different is said here. Sizes are in bytes, times are as in "1m30s".
type Config struct {
	Listen         string        `yaml:"listen"`
	Admin          string        `yaml:"admin"`
	Pprof          bool          `yaml:"pprof"`
	TLS            TLS           `yaml:"tls"`
	Timeout        time.Duration `yaml:"timeout"`
	Drain          time.Duration `yaml:"drain"`
	MaxConnections int           `yaml:"max_connections"`
	MaxBuffered    int64         `yaml:"max_buffered"`
	MaxOnDisk      int64         `yaml:"max_buffered_disk"`
	SelfTest       time.Duration `yaml:"self_test_interval"`
	Backend        string        `yaml:"backend"`
	TrustedProxies []string      `yaml:"trusted_proxies"`
	// Window is one for all routes: a guard remembers a request as long as the route that
	// took it would, and some schemes sign no path that ties it to that route.
	Window   time.Duration `yaml:"window"`
	LogLevel string        `yaml:"log_level"`
	Keys     Keys          `yaml:"keys"`
	Replay   Replay        `yaml:"replay"`
	Traces   *Traces       `yaml:"traces"`
	Routes   []Route       `yaml:"routes"`
}

// TLS is the certificate of the listener, and its private key: files (PEM) that are
// followed when they change.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Keys is where keys come from: the one or the other.
type Keys struct {
	File string `yaml:"file"` // a keys file, followed when it changes
	SQL  *SQL   `yaml:"sql"`
}

// SQL is a database of keys, as package sqlkeys has it.
type SQL struct {
	Driver     string        `yaml:"driver"`   // mysql or postgres
	DSN        Source        `yaml:"dsn"`      // its address and its password
	Interval   time.Duration `yaml:"interval"` // between two looks for changes
	StaleLimit time.Duration `yaml:"stale_limit"`
}

// Replay is the guard against repeated requests: the one, the other or, with Off, none.
type Replay struct {
	Off    bool   `yaml:"off"`
	Memory int    `yaml:"memory"` // of this process, with room for so many requests within twice the window
	Redis  *Redis `yaml:"redis"`  // of all gateways that share it
}

// Redis is a guard in Redis, as package redisreplay has it.
type Redis struct {
	URL           Source        `yaml:"url"`
	Timeout       time.Duration `yaml:"timeout"`        // for one request
	Replicas      int           `yaml:"replicas"`       // that must have a request before it passes
	AllowEviction bool          `yaml:"allow_eviction"` // another maxmemory-policy than noeviction
	FlushDelay    time.Duration `yaml:"flush_delay"`    // for which commands wait for more of them
}

// Traces go to an OpenTelemetry collector, over OTLP and HTTP. What is not here, such as
// headers, is as the environment's OTEL_EXPORTER_OTLP_ variables say.
type Traces struct {
	Endpoint string   `yaml:"endpoint"` // http://collector:4318
	Sample   *float64 `yaml:"sample"`   // the share of requests with a trace of their own that are followed, 0 to 1; without it all
}

// A Route is where requests go, and what they must fulfil.
type Route struct {
	Name   string   `yaml:"name"`   // in the log, the metrics and the traces
	Hosts  []string `yaml:"hosts"`  // that it is for, without a port; without them those that no other route names
	Prefix string   `yaml:"prefix"` // of the path, whole segments of it; without it every path. The longest counts

	Upstream        string        `yaml:"upstream"`
	UpstreamTimeout time.Duration `yaml:"upstream_timeout"`
	MaxBody         int64         `yaml:"max_body"`

	Schemes            []string `yaml:"schemes"`
	RequiredHeaders    []string `yaml:"required_headers"` // that must be signed
	QueryForm          []string `yaml:"query_form"`
	NoStripEnvironment bool     `yaml:"no_strip_environment"`
	AcceptAnyDate      bool     `yaml:"accept_any_date"`
	DecodeSlash        bool     `yaml:"decode_slash"`
	Explain            bool     `yaml:"explain"`

	IdentityHeader string  `yaml:"identity_header"`
	Forward        string  `yaml:"forward"`
	AllowUpgrade   string  `yaml:"allow_upgrade"`
	PreserveHost   bool    `yaml:"preserve_host"`
	Resign         *Resign `yaml:"resign"`
}

// Resign signs requests anew for the upstream, as huawei-sdk.
type Resign struct {
	KeyID     string `yaml:"key_id"`
	Secret    Source `yaml:"secret"`
	Algorithm string `yaml:"algorithm"` // hmac-sha256 or hmac-sm3
}

// A Source is where a secret text is. It is not in the configuration file itself, which
// more people may read.
type Source struct {
	Env  string `yaml:"env"`  // an environment variable
	File string `yaml:"file"` // a file, without one newline at its end
}

func (s Source) check(setting string) error {
	if (s.Env == "") == (s.File == "") {
		return fmt.Errorf("%s: write {env: NAME} or {file: PATH}", setting)
	}
	return nil
}

// read returns the text.
func (s Source) read(setting string) (string, error) {
	if s.File != "" {
		text, err := hmacsign.ReadSecretFile(s.File)
		if err == nil && text.Reveal() == "" {
			err = fmt.Errorf("%s is empty", s.File)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", setting, err)
		}
		return text.Reveal(), nil
	}
	text := os.Getenv(s.Env)
	if text == "" {
		return "", fmt.Errorf("%s: environment variable %s is empty or not set", setting, s.Env)
	}
	return text, nil
}

// ErrConfig: a configuration file has a fault. The error has a line for each.
var ErrConfig = errors.New("the configuration cannot be used")

// ReadConfig reads a configuration file (YAML) and checks it as far as it goes by itself:
// nothing that it names is opened or asked. An error is an [ErrConfig] with every fault
// that was found, a line each.
func ReadConfig(r io.Reader) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return nil, err
	}
	c, root, err := parse(data)
	if err == nil {
		err = c.check(root)
	}
	if err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	return c, nil
}

// maxConfig is more than any configuration takes.
const maxConfig = 1 << 20

// parse reads the file strictly: a setting that is not known, that is there twice or
// that is empty is an error. An empty one is what a template leaves where its value is
// missing, and must turn nothing off.
func parse(data []byte) (*Config, *yaml.Node, error) {
	if len(data) > maxConfig {
		return nil, nil, fmt.Errorf("the file has more than %d bytes", maxConfig)
	}
	root := new(yaml.Node)
	documents := yaml.NewDecoder(bytes.NewReader(data))
	if err := documents.Decode(root); err == io.EOF {
		return nil, nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, nil, plain(err)
	}
	if documents.Decode(new(yaml.Node)) != io.EOF {
		return nil, nil, errors.New("the file has a second document: give one")
	}
	if doubtful := findDoubtful(root, ""); doubtful != nil {
		return nil, nil, errors.Join(doubtful...)
	}
	c := &Config{Listen: "127.0.0.1:8080", Timeout: 5 * time.Minute, Drain: 5 * time.Second, Window: hmacsign.DefaultWindow, MaxConnections: 1024,
		MaxBuffered: hmacsign.DefaultMaxBuffered, MaxOnDisk: hmacsign.DefaultMaxBufferedOnDisk, LogLevel: "info"}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(c); err != nil {
		return nil, nil, plain(err)
	}
	c.setDefaults(root.Content[0])
	for i := range c.Routes {
		c.Routes[i].setDefaults(routeNode(root, i))
	}
	return c, root, nil
}

// setDefaults sets what the file does not name of the stores. A zero that it names
// stays, and is refused.
func (c *Config) setDefaults(n *yaml.Node) {
	if c.Keys.SQL != nil {
		named := member(member(n, "keys"), "sql")
		orDefault(named, "interval", &c.Keys.SQL.Interval, sqlkeys.DefaultInterval)
		orDefault(named, "stale_limit", &c.Keys.SQL.StaleLimit, sqlkeys.DefaultStaleLimit)
	}
	if c.Replay.Redis != nil {
		orDefault(member(member(n, "replay"), "redis"), "timeout", &c.Replay.Redis.Timeout, redisreplay.DefaultTimeout)
	}
}

// setDefaults is the like for a route.
func (r *Route) setDefaults(n *yaml.Node) {
	def := proxy.NewRoute("")
	orDefault(n, "upstream_timeout", &r.UpstreamTimeout, def.UpstreamTimeout)
	orDefault(n, "max_body", &r.MaxBody, def.MaxBody)
	orDefault(n, "identity_header", &r.IdentityHeader, def.IdentityHeader)
	orDefault(n, "forward", &r.Forward, "all")
	if r.Resign != nil && r.Resign.Algorithm == "" {
		r.Resign.Algorithm = "hmac-sha256"
	}
}

func orDefault[T any](n *yaml.Node, name string, setting *T, otherwise T) {
	if member(n, name) == nil {
		*setting = otherwise
	}
}

// member is the value of a mapping's key, or nil.
func member(n *yaml.Node, name string) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
		if n.Content[i].Tag == "!!merge" {
			for _, merged := range mergedBy(n.Content[i+1]) {
				if found := member(merged, name); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// mergedBy are the mappings that a merge names: one, or a list.
func mergedBy(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// routeNode is where a route stands in the file.
func routeNode(root *yaml.Node, i int) *yaml.Node {
	routes := member(root.Content[0], "routes")
	for routes != nil && routes.Kind == yaml.AliasNode {
		routes = routes.Alias
	}
	if routes == nil || i >= len(routes.Content) {
		return new(yaml.Node)
	}
	return routes.Content[i]
}

// ofType is what the library says of the Go types, which mean nothing to an operator.
var ofType = regexp.MustCompile(` (in|into) type .*| into .*`)

// plain is the library's error in the words of a configuration's author. It shows no
// value: one may be a secret in the wrong place.
func plain(err error) error {
	var kind *yaml.TypeError
	if !errors.As(err, &kind) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var faults []error
	for _, text := range kind.Errors {
		line, what, _ := strings.Cut(text, ": ")
		switch {
		case strings.HasPrefix(what, "field "):
			what = fmt.Sprintf("%s is no setting here", strings.Fields(what)[1])
		case strings.HasPrefix(what, "cannot unmarshal "):
			what = "not the kind of value that belongs here" + wanted(what)
		}
		faults = append(faults, fmt.Errorf("%s: %s", line, ofType.ReplaceAllString(what, "")))
	}
	return errors.Join(faults...)
}

// kinds are what belongs where, by the Go type that the library names.
var kinds = map[string]string{
	"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false", "string": "a text", "[]string": "a list, [one, another]",
	"time.Duration": "a time, as in 15m or 1m30s", "gateway.Source": "{env: NAME} or {file: PATH}",
}

// wanted says what belongs there, where that is short.
func wanted(what string) string {
	if kind, ok := kinds[what[strings.LastIndex(what, " ")+1:]]; ok {
		return ": write " + kind
	}
	return ""
}

// octal is a number that YAML takes for one of base 8.
var octal = regexp.MustCompile(`^[-+]?0[0-9oO]`)

// findDoubtful finds settings without a value, and numbers that would be read as others
// than they look.
func findDoubtful(n *yaml.Node, name string) (faults []error) {
	empty := n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "") || (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && len(n.Content) == 0
	if empty && name != "" {
		return []error{fmt.Errorf("line %d: %s is empty: give it a value, or leave it out", n.Line, name)}
	}
	if isCount := strings.HasPrefix(name, "max_") || name == "memory" || name == "replicas"; isCount && (octal.MatchString(n.Value) || n.Tag == "!!float") {
		return []error{fmt.Errorf("line %d: %s is %s: write a whole number that does not begin with 0", n.Line, name, n.Value)}
	}
	for i, child := range n.Content {
		switch {
		case n.Kind != yaml.MappingNode:
			faults = append(faults, findDoubtful(child, name)...)
		case i%2 == 1:
			faults = append(faults, findDoubtful(child, n.Content[i-1].Value)...)
		}
	}
	return faults
}

// check finds what is wrong in the settings and between them.
func (c *Config) check(root *yaml.Node) error {
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, inYAML(err))
		}
	}
	server, config := c.server(), new(proxy.Config)
	fault(server.Check())
	if c.Window <= 0 {
		fault(errors.New("window: use more than 0"))
	}
	if most := redisreplay.MaxLifetime / 2; c.Replay.Redis != nil && c.Window > most {
		fault(fmt.Errorf("window: use at most %v with replay.redis", most))
	}
	if err := config.ParseTrusted(c.TrustedProxies...); err != nil {
		fault(fmt.Errorf("trusted_proxies: %w", err))
	}
	fault(oneOf("log_level", c.LogLevel, "debug", "info", "warn", "error"))
	fault(c.Keys.check())
	fault(c.Replay.check())
	fault(c.Traces.check())
	if len(c.Routes) == 0 {
		fault(errors.New("routes: name one at least, with an upstream"))
	}
	names := map[string]bool{}
	for i := range c.Routes {
		r := &c.Routes[i]
		at := fmt.Sprintf("line %d: route %q: ", routeNode(root, i).Line, r.Name)
		for _, err := range r.faults(c, server) {
			fault(fmt.Errorf("%s%w", at, err))
		}
		if names[r.Name] {
			fault(errors.New(at + "another route has this name"))
		}
		names[r.Name] = true
	}
	if len(faults) == 0 {
		fault(c.checkRoutes())
	}
	return errors.Join(faults...)
}

// checkRoutes holds the routes beside each other.
func (c *Config) checkRoutes() error {
	all := &proxy.Config{Log: slog.New(slog.DiscardHandler)}
	for i := range c.Routes {
		all.Routes = append(all.Routes, c.Routes[i].route())
	}
	_, err := proxy.New(all)
	return err
}

// settingOf are the settings that are not called as the flag is.
var settingOf = strings.NewReplacer("--tls-cert", "tls.cert", "--tls-key", "tls.key")

var flagName = regexp.MustCompile(`--([a-z][a-z-]*)`)

// inYAML names settings as the file does in an error that names flags.
func inYAML(err error) error {
	text := flagName.ReplaceAllStringFunc(settingOf.Replace(err.Error()), func(flag string) string {
		return strings.ReplaceAll(flag[2:], "-", "_")
	})
	return errors.New(text)
}

func oneOf(setting, value string, of ...string) error {
	if slices.Contains(of, value) {
		return nil
	}
	return fmt.Errorf("%s %q: use %s", setting, scheme.Clip(value), strings.Join(of, ", "))
}

func (k *Keys) check() error {
	if (k.File == "") == (k.SQL == nil) {
		return errors.New("keys: name a file or sql, one of them")
	}
	if k.SQL == nil {
		return nil
	}
	if k.SQL.Interval <= 0 || k.SQL.StaleLimit <= k.SQL.Interval {
		return fmt.Errorf("keys.sql.stale_limit: use more than the interval, and for that more than 0: they are %v and %v", k.SQL.StaleLimit, k.SQL.Interval)
	}
	if err := oneOf("keys.sql.driver", k.SQL.Driver, drivers()...); err != nil {
		return err
	}
	return k.SQL.DSN.check("keys.sql.dsn")
}

func (r *Replay) check() error {
	chosen := 0
	for _, is := range []bool{r.Off, r.Memory != 0, r.Redis != nil} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New("replay: name memory, redis or off, one of them")
	case r.Memory < 0 || r.Memory > proxy.MaxReplayGuard:
		return fmt.Errorf("replay.memory: use 1 to %d", proxy.MaxReplayGuard)
	case r.Redis == nil:
		return nil
	case r.Redis.Timeout <= 0 || r.Redis.FlushDelay < 0 || r.Redis.Replicas < 0:
		return errors.New("replay.redis: use a timeout above 0, and a flush_delay and replicas of 0 or more")
	}
	return r.Redis.URL.check("replay.redis.url")
}

func (t *Traces) check() error {
	switch {
	case t == nil:
		return nil
	case !isCollector(t.Endpoint):
		return errors.New("traces.endpoint: write it as http://collector:4318 or https://..., without a password: OTEL_EXPORTER_OTLP_HEADERS is for that")
	case t.Sample != nil && !(*t.Sample >= 0 && *t.Sample <= 1):
		return errors.New("traces.sample: use 0 to 1")
	}
	return nil
}

func isCollector(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// isName is for what can be told of in a log, a metric and a trace.
func isName(name string) bool {
	return name != "" && len(name) <= 100 && utf8.ValidString(name) && !strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
}

// faults are those of a route.
func (r *Route) faults(c *Config, server *proxy.Server) (faults []error) {
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if !isName(r.Name) {
		fault(errors.New("give it a name: a name in letters, of at most 100 bytes"))
	}
	fault(oneOf("forward", r.Forward, "all", "signed"))
	if r.Resign != nil {
		fault(r.Resign.check())
	}
	err := r.route().Check(server)
	if err == nil {
		_, err = proxy.New(&proxy.Config{Routes: []*proxy.Route{r.route()}, Log: slog.New(slog.DiscardHandler)})
	}
	fault(err)
	options, err := r.options(c)
	if err == nil && c.Window > 0 {
		_, err = hmacsign.NewVerifier(noKeys{}, options...)
	}
	fault(err)
	return faults
}

func (r *Resign) check() error {
	if r.KeyID == "" {
		return errors.New("resign.key_id: name a key")
	}
	if err := oneOf("resign.algorithm", r.Algorithm, "hmac-sha256", "hmac-sm3"); err != nil {
		return err
	}
	return r.Secret.check("resign.secret")
}

// schemes are those that the route accepts, with its options. An option for a scheme
// that it does not accept is an error: it would do nothing.
func (r *Route) schemes() (all []hmacsign.Scheme, err error) {
	names := r.Schemes
	if names == nil {
		for _, s := range hmacsign.Schemes() {
			names = append(names, s.Name())
		}
	}
	unused := map[string]string{}
	note := func(given bool, setting string, of hmacsign.Scheme) {
		if given {
			unused[setting] = of.Name()
		}
	}
	note(r.QueryForm != nil, "query_form", hmacsign.TencentApp)
	note(r.NoStripEnvironment, "no_strip_environment", hmacsign.TencentApp)
	note(r.AcceptAnyDate, "accept_any_date", hmacsign.TencentKeyPair)
	note(r.DecodeSlash, "decode_slash", hmacsign.HuaweiSDK)
	for setting, of := range unused {
		if !slices.Contains(names, of) {
			return nil, fmt.Errorf("%s is for scheme %s: leave it out, or name that scheme", setting, of)
		}
	}
	for _, name := range names {
		s, err := hmacsign.SchemeByName(name)
		if err != nil {
			return nil, err
		}
		switch s.(type) {
		case tencentapp.Scheme:
			forms, err := r.queryForms()
			if err != nil {
				return nil, err
			}
			s = tencentapp.Scheme{Accept: forms, KeepEnvironment: r.NoStripEnvironment}
		case tencentkeypair.Scheme:
			s = tencentkeypair.Scheme{AcceptAnyDate: r.AcceptAnyDate}
		case huaweisdk.Scheme:
			s = huaweisdk.Scheme{DecodeSlash: r.DecodeSlash}
		}
		all = append(all, s)
	}
	return all, nil
}

func (r *Route) queryForms() (forms tencentapp.QueryForm, err error) {
	names := r.QueryForm
	if names == nil {
		names = []string{"documented", "raw", "decoded"}
	}
	for _, name := range names {
		form, err := tencentapp.ParseQueryForm(name)
		if err != nil {
			return 0, err
		}
		forms |= form
	}
	return forms, nil
}

// options make the route's verifier.
func (r *Route) options(c *Config) ([]hmacsign.VerifierOption, error) {
	schemes, err := r.schemes()
	if err != nil {
		return nil, err
	}
	opts := []hmacsign.VerifierOption{hmacsign.AcceptSchemes(schemes...), hmacsign.RequireSignedHeaders(r.RequiredHeaders...),
		hmacsign.WithWindow(c.Window), hmacsign.WithBackend(c.Backend)}
	if r.Explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	return opts, nil
}

// route is the proxy's form of it, without what must be opened.
func (r *Route) route() *proxy.Route {
	return &proxy.Route{Name: r.Name, Hosts: r.Hosts, Prefix: r.Prefix, Upstream: r.Upstream, UpstreamTimeout: r.UpstreamTimeout, MaxBody: r.MaxBody,
		IdentityHeader: r.IdentityHeader, ForwardSigned: r.Forward == "signed", AllowUpgrade: r.AllowUpgrade, PreserveHost: r.PreserveHost}
}

// server is the proxy's form of what is not a route's.
func (c *Config) server() *proxy.Server {
	answer := time.Duration(0)
	for _, r := range c.Routes {
		answer = max(answer, r.UpstreamTimeout)
	}
	return &proxy.Server{Listen: c.Listen, Admin: c.Admin, Pprof: c.Pprof, TLSCert: c.TLS.Cert, TLSKey: c.TLS.Key, Timeout: c.Timeout,
		AnswerTimeout: c.Timeout + answer, Drain: c.Drain, MaxConnections: c.MaxConnections, Backend: c.Backend, SelfTestInterval: c.SelfTest,
		MaxBuffered: c.MaxBuffered, MaxBufferedOnDisk: c.MaxOnDisk}
}
