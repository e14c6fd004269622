package httptext

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A harEntry is what counts of an entry; a whole file has them in a log.
type harEntry struct {
	Request *harRequest `json:"request"`
	Log     *struct {
		Entries []harEntry `json:"entries"`
	} `json:"log"`
}

type harRequest struct {
	Method   string    `json:"method"`
	URL      string    `json:"url"`
	Headers  []harPair `json:"headers"`
	PostData *harBody  `json:"postData"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"fileName"`
}

type harBody struct {
	Type     string    `json:"mimeType"`
	Text     *string   `json:"text"`
	Encoding string    `json:"encoding"`
	Params   []harPair `json:"params"`
}

// parseHAR reads a HAR's only entry, or an entry alone.
func parseHAR(text string) (*Request, error) {
	var entry harEntry
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		return nil, malformed("har_json", "cause", err.Error())
	}
	if entry.Log != nil {
		if n := len(entry.Log.Entries); n != 1 {
			return nil, unsupported("har_entries", "count", strconv.Itoa(n))
		}
		entry = entry.Log.Entries[0]
	}
	if entry.Request == nil {
		return nil, malformed("har_no_request")
	}
	return entry.Request.request()
}

func (h *harRequest) request() (*Request, error) {
	r := &Request{Method: h.Method}
	if err := r.setURL(h.URL); err != nil {
		return nil, err
	}
	pseudo := map[string]string{":method": r.Method, ":scheme": r.Scheme, ":authority": r.Host, ":path": r.Target}
	for _, f := range h.Headers {
		if strings.HasPrefix(f.Name, ":") {
			pseudo[strings.ToLower(f.Name)] = f.Value
		} else if err := r.addHeader(f.Name, f.Value); err != nil {
			return nil, err
		}
	}
	if len(r.values("Host")) > 0 {
		r.Host, pseudo[":authority"] = "", "" // it is what was sent
	}
	if err := r.setPseudo(pseudo); err != nil {
		return nil, err
	}
	var err error
	if r.Body, err = r.postData(h.PostData); err != nil {
		return nil, err
	}
	return r, r.check()
}

// setURL takes a URL that a browser has, without its fragment.
func (r *Request) setURL(text string) error {
	text, _, _ = strings.Cut(text, "#")
	name, authority, target, ok := cutURL(text)
	if !ok {
		return malformed("har_url")
	}
	if user := strings.LastIndexByte(authority, '@'); user >= 0 {
		authority = authority[user+1:]
	}
	r.Scheme, r.Host = name, withoutDefaultPort(name, authority)
	return r.setTarget(target)
}

func withoutDefaultPort(name, authority string) string {
	port := map[string]string{"http": ":80", "https": ":443"}[name]
	return strings.TrimSuffix(authority, port)
}

// postData is a body: its text, or else the fields of its form.
func (r *Request) postData(body *harBody) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	if body.Text == nil && len(body.Params) > 0 {
		r.note("har_params")
	}
	return body.bytes()
}

func (b *harBody) bytes() ([]byte, error) {
	switch {
	case b.Text == nil:
		return b.form()
	case b.Encoding == "":
		return []byte(*b.Text), nil
	case strings.EqualFold(b.Encoding, "base64"):
		body, err := base64.StdEncoding.DecodeString(*b.Text)
		if err != nil {
			return nil, malformed("har_base64")
		}
		return body, nil
	}
	return nil, unsupported("har_encoding", "encoding", scheme.Clip(b.Encoding))
}

// form is the body of a form whose text was not kept.
func (b *harBody) form() ([]byte, error) {
	var fields []string
	for _, p := range b.Params {
		if p.File != "" || strings.HasPrefix(strings.ToLower(b.Type), "multipart/") {
			return nil, unsupported("har_multipart")
		}
		fields = append(fields, formEncoded(p.Name)+"="+formEncoded(p.Value))
	}
	return []byte(strings.Join(fields, "&")), nil
}

// formEncoded encodes a text for a form, unless it is encoded: browsers write both.
func formEncoded(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil && scheme.CheckEncoded("query", text) == nil && decoded != text {
		return text
	}
	return url.QueryEscape(text)
}
