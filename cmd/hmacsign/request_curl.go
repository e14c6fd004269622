package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A curlRequest is a request in the words of curl's flags.
type curlRequest struct {
	url               string
	method            string
	headers           []string
	data              []data
	form              []formField
	urlQuery          []string
	agent, referer    optional
	cookies           []string
	get, head         bool
	compressed        bool
	pathAsIs, globOff bool
	read              func(file string) ([]byte, error)
}

// An optional is a text that may be given, the last time it is.
type optional struct {
	text  string
	given bool
}

func (o *optional) Set(text string) error { *o = optional{text, true}; return nil }
func (o *optional) String() string        { return o.text }
func (*optional) Type() string            { return "text" }

// A builtRequest is the request with what net/http's has no room for.
type builtRequest struct {
	*http.Request
	target    target
	hostGiven bool // by a header
	chunked   bool
	posts     bool // has a body, be it empty
	ownType   bool // the type of the body is that of the flag
	headOnly  bool // the answer's body is not asked for, whatever the method
	asForm    bool // the body is JSON that is sent as a form
}

func (b *builtRequest) bodyBytes() ([]byte, error) {
	body, err := b.GetBody()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

// build makes the request that curl would send, but for the defaults of sending.
func (c *curlRequest) build() (*builtRequest, error) {
	if err := c.checkFlags(); err != nil {
		return nil, err
	}
	if err := checkUser(c.url); err != nil { // first, as the others show the URL
		return nil, err
	}
	if !c.globOff {
		if err := checkGlob(c.url); err != nil {
			return nil, err
		}
	}
	t, err := parseTarget(c.url, c.pathAsIs)
	if err != nil {
		return nil, err
	}
	body, contentType, err := c.body(&t)
	if err != nil {
		return nil, err
	}
	b, err := c.request(t, body)
	if err != nil {
		return nil, err
	}
	b.ownType = contentType != ""
	if err := c.setFlagHeaders(b, contentType); err != nil {
		return nil, err
	}
	if err := c.setHeaders(b); err != nil {
		return nil, err
	}
	if len(c.form) > 0 {
		if err := b.fitForm(contentType); err != nil {
			return nil, err
		}
	}
	b.posts = body != nil
	b.asForm = b.ownType && contentType == formType && isJSON(body)
	return b, nil
}

func (c *curlRequest) checkFlags() error {
	body := len(c.data) > 0 && !c.get
	switch {
	case len(c.data) > 0 && len(c.form) > 0:
		return usagef("-F makes a multipart form: it does not go with -d")
	case slices.ContainsFunc(c.cookies, func(s string) bool { return !strings.Contains(s, "=") }):
		return usagef("-b: cookies are given as name=value, not in a file")
	case c.head && (body || len(c.form) > 0):
		return usagef("-I asks for the headers alone: it does not go with a body, -G puts -d into the URL")
	}
	return nil
}

// body is what the flags make of it, nil for none; with -G and --url-query it goes to the
// target.
func (c *curlRequest) body(t *target) (body []byte, contentType string, err error) {
	switch {
	case len(c.form) > 0:
		body, contentType, err = c.multipart()
	case len(c.data) > 0:
		if body, err = c.joinData(); !c.get {
			contentType = formType
			break
		}
		t.addQuery(string(body))
		body = nil
	}
	if err != nil {
		return nil, "", err
	}
	query, err := c.queryOf()
	t.addQuery(query)
	return body, contentType, err
}

func (c *curlRequest) request(t target, body []byte) (*builtRequest, error) {
	if strings.ContainsFunc(t.query, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, usagef("the query has a space or a control character: --data-urlencode and --url-query encode it")
	}
	u, err := t.url()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(c.methodOf(body), "http://localhost", bytes.NewReader(body))
	if err != nil {
		return nil, usagef("-X %q: this is no method", c.method)
	}
	req.URL, req.Host = u, t.hostHeader()
	return &builtRequest{Request: req, target: t, headOnly: c.head}, nil
}

func (c *curlRequest) methodOf(body []byte) string {
	switch {
	case c.method != "":
		return c.method
	case c.head:
		return http.MethodHead
	case body != nil:
		return http.MethodPost
	}
	return http.MethodGet
}

// setFlagHeaders sets the headers of flags other than -H.
func (c *curlRequest) setFlagHeaders(b *builtRequest, contentType string) error {
	h := b.Header
	set := func(name, value string, given bool) {
		if given {
			h.Set(name, value)
		}
	}
	for _, d := range c.data {
		if d.kind == dataJSON {
			contentType, b.ownType = "application/json", false // as if -H had it
			h.Set("Accept", "application/json")
		}
	}
	set("Content-Type", contentType, contentType != "")
	set("User-Agent", c.agent.text, c.agent.given)
	if c.agent.given && c.agent.text == "" {
		h["User-Agent"] = nil
	}
	referer, _ := c.refererOf()
	set("Referer", referer, referer != "")
	set("Cookie", strings.Join(c.cookies, ";"), len(c.cookies) > 0)
	set("Accept-Encoding", "deflate, gzip", c.compressed)
	for flag, name := range map[string]string{"-A": "User-Agent", "-e": "Referer", "-b": "Cookie"} {
		if !httpguts.ValidHeaderFieldValue(h.Get(name)) {
			return usagef("%s: a header's value has no control characters: leave them out", flag)
		}
	}
	return nil
}

// refererOf is the text of -e, and whether redirects set it anew.
func (c *curlRequest) refererOf() (text string, auto bool) {
	return strings.CutSuffix(c.referer.text, ";auto")
}
