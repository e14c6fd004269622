package httptext

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// A Command is a request in the words of curl's flags.
type Command struct {
	URL, Method string
	Headers     []string // of -H
	Data        []Data
	Form        []FormField
	URLQuery    []string
	// UserAgent and Referer are those of -A and -e.
	UserAgent, Referer Optional
	Cookies            []string // of -b
	Get, Head          bool
	Compressed         bool
	PathAsIs, GlobOff  bool
	// ReadFile has the content of a file that a flag names. Without it each is refused.
	ReadFile func(name string) ([]byte, error)
	// ASCIIHost has a host's name that is not ASCII as it is looked up and sent (IDNA).
	// Without it each is refused.
	ASCIIHost func(name string) (string, error)
}

// An Optional is a text that may be given, be it empty.
type Optional struct {
	Text  string
	Given bool
}

// A Built is the request of a command, with what net/http's has no room for.
type Built struct {
	*http.Request
	Target    Target
	HostGiven bool // by a header
	Chunked   bool
	Posts     bool // has a body, be it empty
	OwnType   bool // the type of the body is that of the flag
	HeadOnly  bool // the answer's body is not asked for, whatever the method
	AsForm    bool // the body is JSON that is sent as a form

	typed []hmacsign.HeaderField // by -H, as they were typed, but for Host
	named map[string]bool        // all names of these, and of those left out
}

// Build makes the request that curl would send, but for the defaults of sending. An error
// that is not of ReadFile is an [Error].
func (c *Command) Build() (*Built, error) {
	if err := c.checkFlags(); err != nil {
		return nil, err
	}
	if err := checkUser(c.URL); err != nil { // first, as the others show the URL
		return nil, err
	}
	address, err := c.oneURL()
	if err != nil {
		return nil, err
	}
	t, err := c.parseTarget(address)
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
	b.OwnType = contentType != ""
	if err := c.setFlagHeaders(b, contentType); err != nil {
		return nil, err
	}
	if err := c.setHeaders(b); err != nil {
		return nil, err
	}
	if len(c.Form) > 0 {
		if err := b.fitForm(contentType); err != nil {
			return nil, err
		}
	}
	b.Posts = body != nil
	b.AsForm = b.OwnType && contentType == formType && isJSON(body)
	return b, nil
}

// readFile reads a file that a flag names, - for standard input.
func (c *Command) readFile(name string) ([]byte, error) {
	if c.ReadFile == nil {
		return nil, unsupported("curl_file", "name", clip(name))
	}
	return c.ReadFile(name)
}

func (c *Command) checkFlags() error {
	body := len(c.Data) > 0 && !c.Get
	switch {
	case len(c.Data) > 0 && len(c.Form) > 0:
		return malformed("curl_form_and_data")
	case slices.ContainsFunc(c.Cookies, func(s string) bool { return !strings.Contains(s, "=") }):
		return malformed("curl_cookie_file")
	case c.Head && (body || len(c.Form) > 0):
		return malformed("curl_head_body")
	}
	return nil
}

// body is what the flags make of it, nil for none; with -G and --url-query it goes to the
// target.
func (c *Command) body(t *Target) (body []byte, contentType string, err error) {
	switch {
	case len(c.Form) > 0:
		body, contentType, err = c.multipart()
	case len(c.Data) > 0:
		if body, err = c.joinData(); !c.Get {
			contentType = formType
			break
		}
		t.addQuery(string(body))
		body = nil
	}
	if err != nil || len(c.URLQuery) == 0 {
		return body, contentType, err
	}
	query, err := c.queryOf()
	t.addQuery(query)
	return body, contentType, err
}

func (c *Command) request(t Target, body []byte) (*Built, error) {
	if strings.ContainsFunc(t.Query, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, malformed("curl_query_space")
	}
	u, err := t.RequestURL()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(c.methodOf(body), "http://localhost", bytes.NewReader(body))
	if err != nil {
		return nil, malformed("curl_method", "method", c.Method)
	}
	req.URL, req.Host = u, t.HostHeader()
	return &Built{Request: req, Target: t, HeadOnly: c.Head, named: map[string]bool{}}, nil
}

func (c *Command) methodOf(body []byte) string {
	switch {
	case c.Method != "":
		return c.Method
	case c.Head:
		return http.MethodHead
	case body != nil:
		return http.MethodPost
	}
	return http.MethodGet
}

// setFlagHeaders sets the headers of flags other than -H.
func (c *Command) setFlagHeaders(b *Built, contentType string) error {
	h := b.Header
	set := func(name, value string, given bool) {
		if given {
			h.Set(name, value)
		}
	}
	for _, d := range c.Data {
		if d.Kind == DataJSON {
			contentType, b.OwnType = "application/json", false // as if -H had it
			h.Set("Accept", "application/json")
		}
	}
	set("Content-Type", contentType, contentType != "")
	set("User-Agent", c.UserAgent.Text, c.UserAgent.Given)
	if c.UserAgent.Given && c.UserAgent.Text == "" {
		h["User-Agent"] = nil
	}
	referer, _ := c.RefererOf()
	set("Referer", referer, referer != "")
	set("Cookie", strings.Join(c.Cookies, ";"), len(c.Cookies) > 0)
	set("Accept-Encoding", "deflate, gzip", c.Compressed)
	for flag, name := range map[string]string{"-A": "User-Agent", "-e": "Referer", "-b": "Cookie"} {
		if !validValue(h.Get(name)) {
			return malformed("curl_flag_control", "flag", flag)
		}
	}
	return nil
}

// RefererOf is the text of -e, and whether redirects set it anew.
func (c *Command) RefererOf() (text string, auto bool) {
	return strings.CutSuffix(c.Referer.Text, ";auto")
}
