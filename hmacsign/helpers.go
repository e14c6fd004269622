package hmacsign

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path/filepath"
	"strings"
)

// NewFormRequest returns a POST of parameters as
// application/x-www-form-urlencoded, encoded and sorted as url.Values does.
func NewFormRequest(ctx context.Context, url string, form url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}

// A Part is a field of a multipart form, or a file where Filename is set.
type Part struct {
	Name     string
	Filename string
	Type     string // of a file; empty means by the name's ending
	Content  io.Reader
}

// NewMultipartRequest returns a POST of the parts as multipart/form-data, in
// their order, as the vendor's samples build it. The body is built in memory.
func NewMultipartRequest(ctx context.Context, url string, parts ...Part) (*http.Request, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, p := range parts {
		header := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name="%s"`, quoteField(p.Name))
		contentType := p.Type
		if p.Filename != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, quoteField(p.Filename))
			if contentType == "" {
				contentType = mime.TypeByExtension(filepath.Ext(p.Filename))
			}
			if contentType == "" {
				contentType = "application/octet-stream"
			}
		}
		header.Set("Content-Disposition", disposition)
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		part, err := w.CreatePart(header)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(part, p.Content); err != nil {
			return nil, fmt.Errorf("hmacsign: part %q: %w", p.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req, nil
}

// quoteField escapes as browsers and curl do (WHATWG, multipart/form-data).
func quoteField(s string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}
